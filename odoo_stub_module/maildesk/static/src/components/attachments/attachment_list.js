import { Component, onWillUpdateProps, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { formatSize } from "../../utils/format";
import { AttachmentFetch } from "../../store/attachment_fetch";
import { attachmentIcon, attachmentName, attachmentUrl, canPreview, isSafeLink, isShownInline, zipUrl } from "../../utils/attachments";
import { AttachmentViewer } from "./attachment_viewer";
import { ItemDialog } from "./item_dialog";

/**
 * What is attached to a message: to be seen, saved, or opened as a mail.
 *
 * @typedef {{remote_id: string, name: string, content_type: string, size: number, is_inline: boolean, kind: "file"|"item"|"reference"}} Attachment
 */
export class AttachmentList extends Component {
    static props = {
        accountId: Number,
        remoteId: [String, { value: null }],
        attachments: Array,
        /** The text of the mail: what it shows itself is not listed. */
        html: { type: String, optional: true },
    };
    static template = "maildesk.AttachmentList";

    setup() {
        this.orm = useService("orm");
        this.dialog = useService("dialog");
        this.fetching = useState(new AttachmentFetch());
        this.state = useState({ links: {} });
        this.formatSize = formatSize;
        this.icon = attachmentIcon;
        this.name = attachmentName;
        this.askLinks(this.props);
        onWillUpdateProps((next) => {
            if (next.remoteId !== this.props.remoteId) {
                this.state.links = {};
                this.fetching.stop();
            }
            this.askLinks(next);
        });
    }

    get files() {
        return this.props.attachments.filter((file) => !isShownInline(file, this.props.html));
    }

    get viewable() {
        return this.files.filter((file) => canPreview(file) && this.isThere(file));
    }

    /** Graph has an id for what is attached to a message, and none for what is attached inside of an attachment. */
    isThere(file) {
        return Boolean(this.props.remoteId && file.remote_id);
    }

    get hasZip() {
        return this.props.remoteId && this.files.filter((file) => this.isThere(file) && file.kind !== "reference").length > 1;
    }

    url(file, options) {
        return attachmentUrl(this.props.accountId, this.props.remoteId, file.remote_id, options);
    }

    /** Where a link leads is shown before anybody follows it. */
    async askLinks({ accountId, remoteId, attachments }) {
        for (const file of attachments) {
            if (file.kind !== "reference" || !remoteId || !file.remote_id || this.state.links[file.remote_id]) {
                continue;
            }
            this.state.links[file.remote_id] = { url: "", host: "" };
            const link = await this.orm.silent
                .call("mailbox.message_index", "maildesk_attachment_link", [], {
                    account_id: accountId,
                    remote_id: remoteId,
                    attachment_id: file.remote_id,
                })
                .catch(() => ({ url: "", host: "" }));
            if (this.props.remoteId === remoteId) {
                this.state.links[file.remote_id] = isSafeLink(link.url) ? link : { url: "", host: "" };
            }
        }
    }

    link(file) {
        return this.state.links[file.remote_id] ?? { url: "", host: "" };
    }

    linkNote(file) {
        const { url, host, is_file: isFile } = this.link(file);
        if (!url) {
            return _t("A link");
        }
        return isFile ? host : _t("Open in Outlook (%s)", host);
    }

    /** What its button does; its name and size follow. */
    verb(file) {
        if (file.kind === "item") {
            return _t("Open the message");
        }
        return canPreview(file) ? _t("Preview") : _t("Download");
    }

    saveLabel(file) {
        return _t("Download %s", this.name(file));
    }

    open(file) {
        if (file.kind === "item") {
            const { accountId, remoteId } = this.props;
            this.dialog.add(ItemDialog, { accountId, remoteId, file, List: AttachmentList });
        } else if (canPreview(file)) {
            const files = this.viewable;
            this.dialog.add(AttachmentViewer, {
                accountId: this.props.accountId,
                remoteId: this.props.remoteId,
                files,
                start: files.indexOf(file),
            });
        } else {
            this.download(file);
        }
    }

    download(file) {
        return this.fetching.download(file.remote_id, this.url(file, { isDownload: true }));
    }

    downloadAll() {
        return this.fetching.download("zip", zipUrl(this.props.accountId, this.props.remoteId));
    }
}
