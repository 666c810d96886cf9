import { Component, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { formatNumber } from "../utils/format";
import { SettingsMenu } from "./settings_menu";

/** Above the list: which folder this is, Refresh and the gear. */
export class Toolbar extends Component {
    static components = { SettingsMenu };
    static props = {};
    static template = "maildesk.Toolbar";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.actions = useMailDeskActions("toolbar");
        this.formatNumber = formatNumber;
    }

    get isAmongSeveral() {
        return this.store.accounts.length > 1;
    }
}
