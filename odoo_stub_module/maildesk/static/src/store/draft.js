import { reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { ConnectionLostError } from "@web/core/network/rpc";
import { Mutex } from "@web/core/utils/concurrency";
import { isAddress } from "../utils/addresses";
import { speaksOfAttachment, splitQuoted, toKept, wordsOf } from "../utils/mail_text";

/**
 * A mail that is being written in a window of this tab. The server has it from its first moment; what is changed here is saved when
 * the writer pauses, one save at a time.
 *
 *   saved ──edit──▶ dirty ──pause──▶ saving ──▶ saved
 *                     ▲                ├──▶ offline    (tried again with the next change, and when the connection is back)
 *                     │                ├──▶ refused    (`problem` says why)
 *                     └── "mine" ◀──── └──▶ conflict   (it was changed in another tab, or in Outlook)
 *
 * Deleted in Outlook, or sent from there: what is written here is saved in Odoo on, and in Outlook once its writer has said so (`lost`).
 *
 * @typedef {{name: string, address: string}} Recipient
 * @typedef {{id: number, name: string, content_type: string, size: number, is_inline: boolean, content_id?: string, url: string}} File
 */

// After the last change.
export const SAVE_DELAY = 2000; // ms

// What a save carries, by its name on the wire and here.
const SAVED = {
    account_id: "accountId",
    from_address: "fromAddress",
    to: "to",
    cc: "cc",
    bcc: "bcc",
    subject: "subject",
    html: "html",
    importance: "importance",
    attachment_ids: "attachmentIds",
};

// How Outlook's Drafts stands to a mail of which its writer has to choose what becomes.
const IS_ELSEWHERE = ["changed", "deleted", "sent"];

export class Draft {
    /** What was written by hand; the quoted mail is kept beside it. */
    own = "";
    quoted = "";
    /** Grows when the text comes from elsewhere than the editor: it begins anew with it. */
    edition = 0;
    isQuoteShown = false;
    isMinimized = false;
    isMaximized = false;
    /** Written in the box below a conversation, without a window. */
    isQuick = false;
    /** Whether its window, once it stands, is where the person is. */
    hasFocus = false;
    isSending = false;
    /** @type {"saved"|"dirty"|"saving"|"offline"|"refused"|"conflict"} */
    saveState = "saved";
    problem = "";
    /** How it is elsewhere, where that is something else. */
    conflict = null;
    /** @type {"ready"|"coming"|"error"} of the mail that is quoted */
    quote = "ready";
    missingRecipients = 0;
    /** @type {import("./uploads").Upload[]} */
    uploads = [];

    constructor(call, data) {
        this.call = call;
        this.mutex = new Mutex();
        this.changed = new Set();
        this.ownRevisions = new Set();
        const self = reactive(this);
        self.load(data);
        return self;
    }

    /** Take over a DRAFT of the server, with its text. */
    load(data) {
        this.changed.clear();
        this.readText = null;
        browser.clearTimeout(this.timer);
        Object.assign(this, {
            accountId: data.account_id,
            mode: data.mode,
            sourceId: data.source_message_id,
            fromAddress: data.from_address,
            fromChoices: data.from_choices,
            to: data.to,
            cc: data.cc,
            bcc: data.bcc,
            subject: data.subject,
            importance: data.importance,
            isSimplified: data.is_simplified ?? false,
            uploadUrl: data.upload_url,
            quote: data.quote ?? "ready",
            missingRecipients: data.missing_recipients ?? 0,
            isQuoteShown: false,
            saveState: "saved",
            problem: "",
            conflict: null,
        });
        Object.assign(this, splitQuoted(data.html));
        this.edition++;
        this.follow(data);
        this.attachments = data.attachments;
        this.lookElsewhere(data);
    }

    /** Take over what a list of drafts tells. */
    follow(line) {
        Object.assign(this, {
            id: line.id,
            revision: line.revision,
            messageId: line.message_id,
            state: line.state,
            sendAt: line.send_at,
            error: line.error,
            outlook: line.outlook,
        });
    }

    // ------------------------------------------------------------------ what it says

    get html() {
        return toKept(this.isQuoteShown ? this.own : this.own + this.quoted);
    }

    get attachmentIds() {
        return this.attachments.map((file) => file.id);
    }

    /** Files that a person attached: pictures in the text are not among them. */
    get files() {
        return this.attachments.filter((file) => !file.is_inline);
    }

    get title() {
        return this.subject.trim() || (this.to[0] && (this.to[0].name || this.to[0].address)) || _t("New message");
    }

    get everybody() {
        return [...this.to, ...this.cc, ...this.bcc];
    }

    get isEmpty() {
        return !this.everybody.length && !this.subject.trim() && !this.files.length && !wordsOf(this.own) && !/<img\b/i.test(this.own);
    }

    /** Whether it can be changed: one of which nobody knows whether it was sent cannot. */
    get isOpen() {
        return ["editing", "failed"].includes(this.state);
    }

    /** "deleted" or "sent": what became of it in Outlook, where its writer has not said yet whether it is saved there anew. */
    get lost() {
        return this.conflict?.lost ?? null;
    }

    get isUnsaved() {
        return this.saveState !== "saved" || this.uploads.some((upload) => !upload.error);
    }

    /** @param {object} values some of to, cc, bcc, subject, importance, fromAddress, accountId, attachments */
    edit(values) {
        // what was in the way may be mended by it
        this.problem = "";
        Object.assign(this, values);
        Object.keys(values).forEach((name) => this.touch(name === "attachments" ? "attachmentIds" : name));
    }

    /** The text was changed in the editor, which is asked for it when it is saved: while somebody types that would be too often. */
    touchText(read) {
        this.readText = read;
        this.touch("html");
    }

    takeText() {
        if (this.readText) {
            this.own = this.readText();
            this.readText = null;
        }
    }

    /** Let the quoted mail be part of what is edited. */
    showQuoted() {
        this.takeText();
        this.own += this.quoted;
        this.isQuoteShown = true;
        this.edition++;
    }

    /** The quoted mail has come. */
    addQuote({ state, html, attachments }) {
        this.quote = state;
        if (state === "ready") {
            this.quoted = html;
            this.attachments = attachments;
            this.touch("html");
        }
    }

    touch(name) {
        this.changed.add(name);
        if (this.saveState !== "conflict" && this.saveState !== "saving") {
            this.saveState = "dirty";
        }
        browser.clearTimeout(this.timer);
        this.timer = browser.setTimeout(() => this.save(), SAVE_DELAY);
    }

    // ------------------------------------------------------------------ saving

    /** Save what was changed, after any save that is under way. @returns {Promise<boolean>} whether all of it is saved */
    async save() {
        browser.clearTimeout(this.timer);
        await this.mutex.exec(() => this._save());
        return this.saveState === "saved";
    }

    async _save() {
        if (!this.changed.size || (this.conflict && !this.lost)) {
            return;
        }
        await Promise.all(this.uploads.filter((upload) => upload.isInline).map((upload) => upload.done));
        this.takeText();
        const names = [...this.changed];
        this.changed.clear();
        this.saveState = "saving";
        try {
            await this._send(names);
        } catch (error) {
            names.forEach((name) => this.changed.add(name));
            this.saveState = error instanceof ConnectionLostError ? "offline" : "refused";
            if (this.saveState === "refused") {
                this.problem = messageOf(error);
            }
        }
    }

    async _send(names) {
        const { html } = names.includes("html") ? this : { html: "" };
        const answer = await this._write(Object.entries(SAVED).filter(([, name]) => names.includes(name)));
        if (answer.conflict) {
            names.forEach((name) => this.changed.add(name));
            this.setConflict(answer.conflict);
            return;
        }
        this.tookRevision(answer.revision);
        this.outlook = answer.outlook;
        this.state = "editing";
        this.error = null;
        this.problem = "";
        if (answer.attachments) {
            this.attachments = withoutGone(answer.attachments, this.changed.has("attachmentIds") && this.attachmentIds);
        }
        this._takePictures(html, answer);
        this.saveState = this.changed.size ? "dirty" : "saved";
        this.lookElsewhere(answer);
    }

    /** Pictures that lay in the text as data are files of the draft now: the text names them, so that the next save makes no others. */
    _takePictures(html, answer) {
        if (!answer.html || !/src="data:/i.test(html) || this.changed.has("html")) {
            return;
        }
        const parts = this.isQuoteShown ? { own: answer.html, quoted: this.quoted } : splitQuoted(answer.html);
        if (/src="data:/i.test(this.own)) {
            this.own = parts.own;
            this.edition++;
        }
        this.quoted = parts.quoted;
    }

    async _write(wire) {
        const values = () => Object.fromEntries(wire.map(([key, name]) => [key, this[name]]));
        const save = () => this.call("maildesk_save", { draft_id: this.id, revision: this.revision, values: values() });
        const answer = await save();
        if (!answer.conflict || answer.conflict.outlook === "changed") {
            return answer;
        }
        // A file that this window sent counts as a change of its own: then nobody else has been here.
        await Promise.all(this.uploads.map((upload) => upload.done));
        if (!this.ownRevisions.has(answer.conflict.revision)) {
            return answer;
        }
        this.revision = answer.conflict.revision;
        return save();
    }

    tookRevision(revision) {
        this.ownRevisions.add(revision);
        this.revision = Math.max(this.revision, revision);
    }

    /** Let its writer choose, where Outlook's draft is not what it was. @returns {boolean} */
    lookElsewhere(line) {
        const isElsewhere = IS_ELSEWHERE.includes(line.outlook);
        if (isElsewhere) {
            this.setConflict(line);
        }
        return isElsewhere;
    }

    setConflict(data) {
        const lost = ["deleted", "sent"].includes(data.outlook) && data.revision <= this.revision ? data.outlook : null;
        this.conflict = { data, lost, isOutlook: data.outlook === "changed" };
        if (!lost) {
            browser.clearTimeout(this.timer);
            this.saveState = "conflict";
        }
    }

    /** Save it in Outlook anew, which deleted or sent what it had. @returns {Promise<string[]>} names of files that went with that */
    async saveAnew() {
        await this.save();
        const taken = await this.call("maildesk_take", { draft_id: this.id, choice: "anew" });
        this.load(taken);
        return taken.lost_files;
    }

    /** Edit the text of which the rest cannot be shown: with the first change that goes. */
    async editText() {
        await this.save();
        this.load(await this.call("maildesk_take", { draft_id: this.id, choice: "text" }));
    }

    /** Keep what stands in this window, and write over what is elsewhere. */
    async keepMine() {
        const { data, isOutlook } = this.conflict;
        if (isOutlook) {
            const taken = await this.call("maildesk_take", { draft_id: this.id, choice: "mine" });
            this.follow(taken);
        } else {
            this.revision = data.revision;
        }
        this.conflict = null;
        this.saveState = "dirty";
        const isKept = (name) => name !== "accountId" && !(name === "html" && this.isSimplified);
        Object.values(SAVED).forEach((name) => isKept(name) && this.changed.add(name));
        return this.save();
    }

    /** Take what is elsewhere. @returns {Promise<"ready"|"coming"|"error">} "coming": Outlook is being asked for the text */
    async takeTheirs() {
        let { data } = this.conflict;
        if (this.conflict.isOutlook) {
            data = await this.call("maildesk_take", { draft_id: this.id, choice: "outlook" });
            if (!data.id) {
                return data.state;
            }
        }
        this.load(data);
        return "ready";
    }

    // ------------------------------------------------------------------ before it goes

    /** Why it cannot be sent as it is; empty where it can. */
    get obstacle() {
        const wrong = this.everybody.filter((one) => !isAddress(one.address)).map((one) => one.address);
        if (wrong.length) {
            return _t("This is no address such as anna@example.com: %s", wrong.slice(0, 5).join(", "));
        }
        if (!this.everybody.length) {
            return _t("To whom? There is no address in To, Cc or Bcc.");
        }
        if (this.uploads.some((upload) => upload.error)) {
            return _t("A file could not be attached. Remove it, or attach it again.");
        }
        if (this.mode === "forward" && this.quote === "coming") {
            return _t("The message that you forward is still being fetched from Outlook.");
        }
        if (this.mode === "forward" && this.quote === "error") {
            return _t("The message that you forward could not be fetched from Outlook. Please forward it again later.");
        }
        return "";
    }

    /** What its writer may have forgotten, as questions. */
    get doubts() {
        this.takeText();
        const doubts = [];
        if (!this.subject.trim()) {
            doubts.push(_t("There is no subject."));
        }
        if (!this.files.length && speaksOfAttachment(`${this.subject}\n${wordsOf(this.own)}`)) {
            doubts.push(_t("You wrote of an attachment, and there is none."));
        }
        return doubts;
    }
}

/** What the server says of an error of its own. */
export function messageOf(error) {
    return error.data?.message || error.message || _t("Something went wrong.");
}

/** A file that was taken out while it was being saved does not come back. */
function withoutGone(attachments, kept) {
    return kept ? attachments.filter((file) => file.is_inline || kept.includes(file.id)) : attachments;
}
