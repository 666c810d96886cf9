import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { correspondents, formatMoment, formatRowTime, rowPerson } from "../utils/format";
import { Avatar } from "./avatar";

/** One message of the list. */
export class MessageRow extends Component {
    static components = { Avatar };
    static props = {
        row: Object,
        role: { type: String, optional: true },
        isSelected: Boolean,
        isTabStop: Boolean,
        onOpen: Function,
    };
    static template = "maildesk.MessageRow";

    get person() {
        return rowPerson(this.props.row, this.props.role);
    }

    get who() {
        return correspondents(this.props.row, this.props.role);
    }

    get subject() {
        return this.props.row.subject || _t("(no subject)");
    }

    get time() {
        return formatRowTime(this.props.row.received_at);
    }

    get moment() {
        return formatMoment(this.props.row.received_at);
    }
}
