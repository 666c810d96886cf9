import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { formatNumber } from "../utils/format";
import { ActionBar } from "./action_bar";

/** Over the list while rows are selected: how many, and what can be done with them. */
export class SelectionBar extends Component {
    static components = { ActionBar };
    static props = {};
    static template = "maildesk.SelectionBar";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.actions = useMailDeskActions("selection");
    }

    get label() {
        return _t("%s selected", formatNumber(this.store.selection.size));
    }

    get isAll() {
        return this.store.selection.size === this.store.shown.rows.length;
    }

    get offered() {
        return this.actions.list({ rows: this.store.selection.rows });
    }

    /** Why nothing can be changed, if so. */
    get refusal() {
        return this.store.doing.refusal(this.store.selection.rows);
    }
}
