import { Component, useEffect, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { isDisconnected } from "../utils/folders";
import { formatMoment, personName } from "../utils/format";
import { AttachmentList } from "./attachments/attachment_list";
import { QuickReply } from "../compose/quick_reply";
import { Avatar } from "./avatar";
import { ContactName } from "./contact_card/contact_name";
import { MailFrame } from "./mail_frame";

// Recipients shown before "and n more": two lines on a phone.
const RECIPIENTS_SHOWN = 6;

// Why a body does not come, by the code of the bus (docs/protocol.md, section 3).
const REASONS = {
    not_found: _t("This message does not exist in Outlook any more."),
    needs_sign_in: _t("Outlook does not let us in at the moment."),
    unavailable: _t("Outlook does not answer at the moment. Please try again."),
    unreadable: _t("This message cannot be shown."),
};

/** Right: the open message. */
export class ReadingPane extends Component {
    static components = { AttachmentList, Avatar, ContactName, MailFrame, QuickReply };
    static props = { hasBack: Boolean, onBack: Function };
    static template = "maildesk.ReadingPane";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.scroller = useRef("scroller");
        useEffect(
            (el) => {
                if (el) {
                    el.scrollTop = 0;
                }
            },
            () => [this.scroller.el, this.store.reading?.id]
        );
    }

    get message() {
        return this.store.reading.message;
    }

    get body() {
        return this.store.reading.body;
    }

    get bodyError() {
        return this.body.message || REASONS[this.body.code] || _t("The message could not be read.");
    }

    get sender() {
        return { name: this.message.from_name, address: this.message.from_email };
    }

    get subject() {
        return this.message.subject || _t("(no subject)");
    }

    get moment() {
        return formatMoment(this.message.received_at);
    }

    /** Lines of recipients, those that have any. */
    get recipients() {
        const lines = [
            { label: _t("To"), people: this.message.to_recipients, total: this.message.to_total },
            { label: _t("Cc"), people: this.message.cc_recipients, total: this.message.cc_total },
            { label: _t("Bcc"), people: this.message.bcc_recipients },
        ];
        return lines
            .filter((line) => line.people?.length)
            .map(({ label, people, total }) => ({
                label,
                names: people.slice(0, RECIPIENTS_SHOWN).map(personName).join(", "),
                addresses: people.map((person) => person.address || person.name).join(", "),
                more: Math.max(total ?? 0, people.length) - Math.min(people.length, RECIPIENTS_SHOWN),
            }));
    }

    /** A text that is not kept comes from Outlook, where the mailbox is connected. */
    get canRetry() {
        return !isDisconnected(this.store.account);
    }

    retry() {
        return this.store.reloadMessage();
    }
}
