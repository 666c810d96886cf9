import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { formatRecipient } from "../utils/addresses";
import { categoryStyle } from "../utils/categories";
import { deliveryOf } from "../utils/delivery";
import { isDisconnected } from "../utils/folders";
import { formatMoment, formatWhen, personName } from "../utils/format";
import { fitsDark } from "../utils/mail_document";
import { useViewport } from "../utils/viewport_hook";
import { AttachmentList } from "./attachments/attachment_list";
import { Avatar } from "./avatar";
import { ContactName } from "./contact_card/contact_name";
import { InvitationCard } from "./invitation_card";
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

/** One message: who, when, what is attached, and its text; or, folded, a line of it. */
export class MessageView extends Component {
    static components = { AttachmentList, Avatar, ContactName, InvitationCard, MailFrame };
    static props = {
        /** None of a message that only Microsoft has. */
        messageId: [Number, { value: null }],
        isFolded: Boolean,
        /** In a conversation: folds and unfolds. */
        onToggle: { type: Function, optional: true },
    };
    static template = "maildesk.MessageView";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.viewport = useViewport();
        this.categoryStyle = categoryStyle;
        this.state = useState({ hasPictures: false, isOtherPaper: false, link: null, wholeLines: {} });
    }

    /** By the store of this component, so that it follows what becomes of it; the last one known while it is being taken away. */
    get reading() {
        return (this.lastReading = this.store.conversation?.find(this.props.messageId) ?? this.lastReading);
    }

    get message() {
        return this.reading.message;
    }

    get body() {
        return this.reading.body;
    }

    get bodyError() {
        return this.body.message || REASONS[this.body.code] || _t("The message could not be read.");
    }

    get sender() {
        return { name: this.message.from_name, address: this.message.from_email };
    }

    get senderName() {
        return personName(this.sender);
    }

    get subject() {
        return this.message.subject || _t("(no subject)");
    }

    get moment() {
        return formatMoment(this.message.received_at);
    }

    get when() {
        return formatWhen(this.message.received_at);
    }

    /** Where a message of the conversation lies, if that is not what stands open. */
    get otherFolder() {
        const folder = this.store.folderById(this.message.folder_id);
        const isOpen = this.store.isUnified ? folder?.role === "inbox" : folder?.id === this.store.folderId;
        return this.props.onToggle && !isOpen ? folder : undefined;
    }

    /** Lines of recipients, those that have any: the first of them, or all that MailDesk keeps. */
    get recipients() {
        const labels = { to: _t("To"), cc: _t("Cc"), bcc: _t("Bcc") };
        return Object.entries(labels)
            .map(([key, label]) => ({ key, label, people: this.message[`${key}_recipients`] ?? [], total: this.message[`${key}_total`] ?? 0 }))
            .filter(({ people }) => people.length)
            .map(({ key, label, people, total }) => {
                const all = Math.max(total, people.length);
                const isWhole = Boolean(this.state.wholeLines[key]);
                return {
                    key,
                    label,
                    isWhole,
                    names: (isWhole ? people.map((one) => (one.address ? formatRecipient(one) : personName(one))) : people.slice(0, RECIPIENTS_SHOWN).map(personName)).join(", "),
                    addresses: people.map((person) => person.address || person.name).join(", "),
                    unknown: isWhole && all > people.length ? _t("and %s more, whom Outlook knows", all - people.length) : "",
                    more: isWhole ? _t("Show less") : all > RECIPIENTS_SHOWN ? _t("and %s more", all - RECIPIENTS_SHOWN) : "",
                };
            });
    }

    toggleLine(key) {
        this.state.wholeLines[key] = !this.state.wholeLines[key];
    }

    /** What is attached, without what a report says to machines: that is on screen already. */
    get attachments() {
        const isReport = (file) => /^message\/(global-)?delivery-status/i.test(file.content_type);
        return this.body.undelivered?.length ? this.body.attachments.filter((file) => !isReport(file)) : this.body.attachments;
    }

    // ------------------------------------------------------------------ a mail that was sent

    /** To whom it could not be delivered, and why; the last of each report leads to it. */
    get reports() {
        const found = this.message.undelivered ?? [];
        return found.map((one, index) => ({ ...one, isLast: one.bounce_id !== found[index + 1]?.bounce_id }));
    }

    /** How it stands as long as Outlook's copy is to come. */
    get delivery() {
        return deliveryOf(this.message);
    }

    // ------------------------------------------------------------------ pictures of other hosts

    get hasPictures() {
        return this.state.hasPictures || Boolean(this.message.is_trusted);
    }

    /** Whether there is a picture to show: backgrounds are gone for good. */
    get canShowPictures() {
        return this.body.html.includes(" data-remote=");
    }

    showPictures() {
        this.state.hasPictures = true;
    }

    trust(isTrusted) {
        this.state.hasPictures = false;
        return this.store.reader.trustSender(this.reading, isTrusted);
    }

    // ------------------------------------------------------------------ on dark


    get paper() {
        if (!this.viewport.isDark) {
            return "white";
        }
        if (fitsDark(this.body)) {
            return this.state.isOtherPaper ? "white" : "dark";
        }
        return this.state.isOtherPaper ? "inverted" : "white";
    }

    get paperLabel() {
        return this.paper === "white" ? _t("Show on dark") : _t("Show on white");
    }

    switchPaper() {
        this.state.isOtherPaper = !this.state.isOtherPaper;
    }

    get look() {
        const { account_id: account, remote_id: remote } = this.message;
        const files = this.body.attachments.filter((file) => file.content_id && remote);
        const address = (file) =>
            `/maildesk/attachment/${account}/${encodeURIComponent(remote)}/${encodeURIComponent(file.remote_id)}`;
        return {
            hasPictures: this.hasPictures,
            inline: Object.fromEntries(files.map((file) => [file.content_id, address(file)])),
            paper: this.paper,
            quoteLabel: _t("Show quoted text"),
        };
    }

    // ------------------------------------------------------------------ the rest

    onLink(link) {
        this.state.link = link;
    }

    /** A text that is not kept comes from Outlook, where the mailbox is connected. */
    get canRetry() {
        return !isDisconnected(this.store.accounts.find(({ id }) => id === this.message.account_id));
    }

    retry() {
        return this.store.reader.reload(this.reading);
    }
}
