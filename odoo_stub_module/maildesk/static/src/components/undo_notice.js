import { Component, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";

/** At the bottom: what was done, and the way back from it. A screen reader hears it by the announcer. */
export class UndoNotice extends Component {
    static props = { isPhone: Boolean };
    static template = "maildesk.UndoNotice";

    setup() {
        this.store = useState(useService("maildesk.store"));
    }

    get doing() {
        return this.store.doing;
    }

    get deed() {
        return this.doing.notice;
    }
}
