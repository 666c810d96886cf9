import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { Dialog } from "@web/core/dialog/dialog";
import { useService } from "@web/core/utils/hooks";
import { formatMoment, personName } from "../utils/format";

/** What will be sent at a time: to be changed, or called off. */
export class ScheduledDialog extends Component {
    static components = { Dialog };
    static props = { close: Function };
    static template = "maildesk.ScheduledDialog";

    setup() {
        this.compose = useState(useService("maildesk.compose"));
        this.formatMoment = formatMoment;
        onWillStart(() => this.compose.sending.loadScheduled());
    }

    to(line) {
        return line.to.length ? line.to.map(personName).join(", ") : _t("(nobody)");
    }

    async edit(line) {
        await this.compose.sending.reopen(line);
        this.props.close();
    }

    /** It is not sent, and not lost: it stays in Drafts. */
    callOff(line) {
        return this.compose.sending.callOff(line.id);
    }
}
