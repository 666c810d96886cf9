import { Component, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { formatNumber } from "../utils/format";
import { ListOptions } from "./list_options";
import { SettingsMenu } from "./settings_menu";

/** Above the list: which folder this is, Refresh, how the list looks, and the gear. */
export class Toolbar extends Component {
    static components = { ListOptions, SettingsMenu };
    static props = {};
    static template = "maildesk.Toolbar";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.actions = useMailDeskActions("toolbar");
        this.formatNumber = formatNumber;
    }

    get total() {
        const { folder, inboxes, isUnified } = this.store;
        return isUnified ? inboxes.reduce((sum, { total_count }) => sum + total_count, 0) : folder.total_count;
    }

    get unread() {
        const { folder, isUnified, unifiedUnread } = this.store;
        return isUnified ? unifiedUnread : folder.unread_count;
    }

    get isAmongSeveral() {
        return this.store.accounts.length > 1;
    }
}
