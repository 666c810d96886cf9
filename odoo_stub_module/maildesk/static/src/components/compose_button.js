import { Component, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { formatNumber } from "../utils/format";
import { whyNoWritingAtAll } from "../utils/writing";

/** At the top of the tree: begin a mail, and what waits for its time; or why nothing can be written. */
export class ComposeButton extends Component {
    static props = { isFloating: { type: Boolean, optional: true }, onDone: { type: Function, optional: true } };
    static template = "maildesk.ComposeButton";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.compose = useState(useService("maildesk.compose"));
        this.actions = useMailDeskActions("compose");
        this.formatNumber = formatNumber;
    }

    get reason() {
        return this.store.isLoaded && whyNoWritingAtAll(this.store.accounts);
    }

    get lines() {
        const offered = this.actions.list();
        return {
            main: offered.find((action) => action.isPrimary),
            others: offered.filter((action) => !action.isPrimary && action.count?.({ compose: this.compose }) > 0),
        };
    }

    count(action) {
        return formatNumber(action.count({ compose: this.compose }));
    }

    run(action) {
        this.props.onDone?.();
        return action.run();
    }
}
