import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatPeriod, personName } from "../utils/format";

const KINDS = {
    request: _t("Invitation"),
    cancelled: _t("Cancelled"),
    accepted: _t("Accepted"),
    tentative: _t("Accepted with reservations"),
    declined: _t("Declined"),
    counter: _t("Another time is proposed"),
    event: _t("Event"),
};

const ANSWERS = {
    requested: _t("An answer is asked for. Answer in Outlook."),
    accepted: _t("You accepted."),
    tentative: _t("You accepted with reservations."),
    declined: _t("You declined."),
};

/** What a mail says of a meeting: when, where, who asks, and how it stands. */
export class InvitationCard extends Component {
    static props = { invitation: Object };
    static template = "maildesk.InvitationCard";

    get kind() {
        return KINDS[this.props.invitation.kind] ?? KINDS.event;
    }

    get answer() {
        return ANSWERS[this.props.invitation.answer];
    }

    get when() {
        const { start, end, is_all_day: isAllDay } = this.props.invitation;
        return start ? formatPeriod(start, end, isAllDay) : "";
    }

    get organizer() {
        const { organizer } = this.props.invitation;
        return organizer && personName(organizer);
    }

    get attendees() {
        return (this.props.invitation.attendees ?? []).map(personName).join(", ");
    }
}
