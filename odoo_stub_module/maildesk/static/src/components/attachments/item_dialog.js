import { Component, onWillDestroy, onWillStart, useState } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { useService } from "@web/core/utils/hooks";
import { AttachmentFetch } from "../../store/attachment_fetch";
import { attachmentName, attachmentUrl } from "../../utils/attachments";
import { formatMoment, personName } from "../../utils/format";
import { fitsDark } from "../../utils/mail_document";
import { useViewport } from "../../utils/viewport_hook";
import { MailFrame } from "../mail_frame";

// Times that a mail is asked for again which is on its way from Outlook, and how long after.
const TRIES = 5;
const PAUSE = 2000; // ms

/** A mail in a mail, opened as a mail: cleaned and framed like any other; what is attached to it by name. */
export class ItemDialog extends Component {
    static components = { Dialog, MailFrame };
    /** `List` is the list of attachments, which opens this dialog, so that neither module can import the other. */
    static props = { accountId: Number, remoteId: String, file: Object, List: Function, close: Function };
    static template = "maildesk.ItemDialog";

    setup() {
        this.orm = useService("orm");
        this.viewport = useViewport();
        this.fetching = useState(new AttachmentFetch());
        this.state = useState({ message: null, error: "" });
        onWillStart(() => {
            this.load();
        });
        onWillDestroy(() => {
            this.isClosed = true;
            this.fetching.stop();
        });
    }

    async load() {
        for (let left = TRIES; left && !this.isClosed; left--) {
            let message;
            try {
                message = await this.orm.silent.call("mailbox.message_index", "maildesk_open_item", [], {
                    account_id: this.props.accountId,
                    remote_id: this.props.remoteId,
                    attachment_id: this.props.file.remote_id,
                });
            } catch (error) {
                this.state.error = error.data?.message || _t("The message could not be read.");
                return;
            }
            if (message.body.state === "ready") {
                this.state.message = message;
                return;
            }
            if (message.body.state === "error") {
                this.state.error = message.body.message;
                return;
            }
            await new Promise((resolve) => browser.setTimeout(resolve, PAUSE));
        }
        this.state.error = _t("Outlook does not answer at the moment. Please try again.");
    }

    get title() {
        return this.state.message?.subject || attachmentName(this.props.file);
    }

    get sender() {
        const { from_name: name, from_email: address } = this.state.message;
        return name && address && name !== address ? `${name} <${address}>` : personName({ name, address });
    }

    get lines() {
        const { to_recipients: to, cc_recipients: cc } = this.state.message;
        return [
            { label: _t("To"), people: to ?? [] },
            { label: _t("Cc"), people: cc ?? [] },
        ].filter((line) => line.people.length);
    }

    names(people) {
        return people.map(personName).join(", ");
    }

    get look() {
        return { paper: this.viewport.isDark && fitsDark(this.state.message.body) ? "dark" : "white" };
    }

    get moment() {
        return this.state.message.received_at ? formatMoment(this.state.message.received_at) : "";
    }

    download() {
        const url = attachmentUrl(this.props.accountId, this.props.remoteId, this.props.file.remote_id, { isDownload: true });
        return this.fetching.download(this.props.file.remote_id, url);
    }
}
