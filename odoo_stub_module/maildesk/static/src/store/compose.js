import { reactive } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { ConnectionLostError } from "@web/core/network/rpc";
import { user } from "@web/core/user";
import { coalesced } from "../utils/coalesce";
import { formatMoment } from "../utils/format";
import { withText } from "../utils/mail_text";
import { writableAccounts } from "../utils/writing";
import { Draft, messageOf } from "./draft";
import { uploadTo } from "./uploads";

/**
 * The mails that are being written in this tab, wherever in Odoo it is: the only door for drafts. Windows show them
 * (compose/compose_hub.js).
 *
 *   maildesk_compose, maildesk_edit ──▶ a Draft with a window
 *   bus maildesk/draft ──▶ maildesk_drafts: what came back from Outlook, was changed in another tab, or is unconfirmed
 *   bus maildesk/body ───▶ the text that a draft or a quoted mail waits for
 *   the app opens ───────▶ `restore`: the windows that were open, and what needs its author
 */

/** @typedef {"new"|"reply"|"reply_all"|"forward"} Mode */

// Which mails were being written, and no word of what is in them.
const storageKey = () => `maildesk.compose.${user.userId}`;

export class ComposeStore {
    /** @type {Draft[]} oldest first */
    drafts = [];
    /** What will be sent at a time: lines, without text. */
    scheduled = [];
    /** Mailboxes that one can write from, once a window asked. @type {{id: number, name: string, email: string}[]} */
    senders = [];
    /** Mails that can be taken back still. @type {{id: number, title: string, until: number}[]} */
    departing = [];

    constructor({ bus_service: bus, dialog, file_upload: fileUpload, notification, orm }) {
        Object.assign(this, { dialog, fileUpload, notification, orm });
        // What is waited for, by the message whose text it is.
        this.waiting = new Map();
        const self = reactive(this);
        self.follow = coalesced(() => self._follow());
        self.restore = coalesced(() => self._restore());
        bus.subscribe("maildesk/draft", (payload) => self.onDraft(payload));
        bus.subscribe("maildesk/body", ({ message_id: id, error }) => self.onBody(id, error));
        for (const event of ["BUS:CONNECT", "BUS:RECONNECT"]) {
            bus.addEventListener(event, () => self.onConnected());
        }
        browser.addEventListener("online", () => self.saveAll());
        browser.addEventListener("beforeunload", (ev) => self.onLeave(ev));
        return self;
    }

    /** What stands in a window. */
    get windows() {
        return this.drafts.filter((draft) => !draft.isQuick);
    }

    find(id) {
        return this.drafts.find((draft) => draft.id === id);
    }

    // ------------------------------------------------------------------ beginning

    /**
     * Begin a mail.
     *
     * @param {Mode} mode
     * @param {{messageId?: number, accountId?: number, to?: object[], subject?: string, attachmentIds?: number[]}} [about]
     * @param {{text?: string, isQuick?: boolean}} [look]
     */
    async begin(mode, about = {}, { text = "", isQuick = false } = {}) {
        const data = await this.call("maildesk_compose", {
            mode,
            message_id: about.messageId ?? null,
            account_id: about.accountId ?? null,
            to: about.to ?? null,
            subject: about.subject ?? null,
            attachment_ids: about.attachmentIds ?? null,
        });
        const draft = this._add(data, { isQuick });
        if (text) {
            draft.own = withText(draft.own, text);
            draft.touch("html");
        }
        this._show(draft);
        if (draft.quote === "coming") {
            this.wait(draft.sourceId, () => this._fetchQuote(draft));
        }
        return draft;
    }

    /** Go on with a mail of Outlook's Drafts. */
    async edit(messageId) {
        const known = this.drafts.find((draft) => draft.messageId === messageId);
        if (known) {
            known.isQuick = false;
            this._show(known);
            return known;
        }
        const data = await this.call("maildesk_edit", { message_id: messageId });
        if (data.state === "scheduled") {
            return this.unsend(data.id);
        }
        if (data.id) {
            const draft = this.find(data.id) ?? this._add(data);
            this._show(draft);
            return draft;
        }
        if (data.state === "coming") {
            this.notification.add(_t("Fetching the draft from Outlook…"), { type: "info" });
            this.wait(messageId, (error) => (error ? this._notRead() : this.edit(messageId)));
        } else {
            this._notRead(data.message);
        }
    }

    /** Open a draft of which a list told. */
    async openById(id) {
        const data = this.find(id) ? null : await this.call("maildesk_draft", { draft_id: id });
        const draft = this.find(id) ?? this._add(data);
        this._show(draft);
        return draft;
    }

    /** `restore`: open the windows again that were open when this browser was closed, and what needs its author. */
    async _restore() {
        await this._quietly(async () => {
            const remembered = this._remembered();
            const { drafts } = await this.call("maildesk_drafts");
            const wanted = drafts.filter(
                (line) => remembered.includes(line.id) || ["failed", "unconfirmed"].includes(line.state) || line.outlook === "failed"
            );
            for (const line of wanted.reverse()) {
                const data = this.find(line.id) ? null : await this.call("maildesk_draft", { draft_id: line.id });
                if (data && !this.find(line.id)) {
                    this._add(data, { isMinimized: true });
                }
            }
            await this.loadScheduled();
        });
    }

    /** As `restore`, where the web client starts elsewhere than in MailDesk: nothing is asked if no window was open. */
    async restoreRemembered() {
        if (this._remembered().length) {
            await this.restore();
        }
    }

    // ------------------------------------------------------------------ windows

    minimize(draft, isMinimized = true) {
        draft.isMinimized = isMinimized;
        if (!isMinimized) {
            this._show(draft);
        }
        draft.save();
    }

    /** Close a window; what was written stays in Drafts. */
    async close(draft) {
        if (draft.isEmpty && !draft.uploads.length && draft.mode !== "edit" && !draft.sendAt) {
            return this.discard(draft);
        }
        const isSaved = !draft.isUnsaved || (await draft.save());
        if (isSaved && !draft.uploads.length) {
            this._remove(draft);
        } else if (!draft.conflict) {
            this.dialog.add(ConfirmationDialog, {
                title: _t("Close without saving?"),
                body: _t("What you changed last is not saved, since Odoo cannot be reached or a file is on its way."),
                confirmLabel: _t("Close"),
                confirmClass: "btn-danger",
                confirm: () => this._remove(draft),
                cancelLabel: _t("Keep It Open"),
                cancel: () => {},
            });
        }
    }

    /** What was begun in the box below a conversation goes on in a window. */
    showInWindow(draft, { isMinimized = false } = {}) {
        draft.isQuick = false;
        draft.edition++;
        this._show(draft);
        draft.isMinimized = isMinimized;
    }

    async discard(draft) {
        this._remove(draft);
        await draft.mutex.exec(() => this.call("maildesk_discard", { draft_id: draft.id }));
    }

    /** Throw a mail away, after a question where something was written. */
    askDiscard(draft) {
        if (draft.isEmpty && draft.mode !== "edit") {
            return this.discard(draft);
        }
        this.dialog.add(ConfirmationDialog, {
            title: _t("Discard this draft?"),
            body: _t("“%s” is deleted, in Outlook's Drafts too.", draft.title),
            confirmLabel: _t("Discard"),
            confirmClass: "btn-danger",
            confirm: () => this.discard(draft),
            cancelLabel: _t("Keep It"),
            cancel: () => {},
        });
    }

    attach(draft, files, options) {
        return [...files].map((file) => uploadTo(this.fileUpload, draft, file, options));
    }

    /** Attach copies of files of Odoo. */
    async attachRecords(draft, ids) {
        draft.edit({ attachments: [...draft.attachments, ...ids.map((id) => ({ id, name: _t("File of Odoo"), size: 0, is_inline: false, url: null }))] });
        if (!(await draft.save()) && draft.saveState === "refused") {
            // one that may not be read, or is only a link: it goes again, and the reason stays
            const { problem } = draft;
            draft.edit({ attachments: draft.attachments.filter((file) => !ids.includes(file.id)) });
            await draft.save();
            draft.problem = problem;
        }
    }

    /** Learn which mailboxes one can write from. */
    async loadSenders() {
        await this._quietly(async () => {
            const { accounts } = await this.orm.silent.call("mailbox.account", "maildesk_overview");
            this.senders = writableAccounts(accounts);
        });
    }

    /** Whom somebody may mean: contacts, and people whom they wrote with. */
    async suggest(search) {
        try {
            const { people } = await this.orm.silent.call("res.partner", "maildesk_recipients", [], { search });
            return people;
        } catch (error) {
            // an address can be written without them
            if (error instanceof ConnectionLostError) {
                return [];
            }
            throw error;
        }
    }

    // ------------------------------------------------------------------ sending

    /**
     * Send, after the writer was asked about what may be forgotten.
     *
     * @param {Draft} draft
     * @param {{sendAt?: string}} [options] a time in UTC, as on the wire
     */
    async send(draft, { sendAt = null } = {}) {
        draft.problem = draft.obstacle;
        if (draft.problem || draft.isSending) {
            return false;
        }
        const { doubts } = draft;
        if (doubts.length && !(await this._confirm(doubts))) {
            return false;
        }
        draft.isSending = true;
        try {
            return await this._sendNow(draft, sendAt);
        } finally {
            draft.isSending = false;
        }
    }

    async _sendNow(draft, sendAt) {
        await Promise.all(draft.uploads.map((upload) => upload.done));
        draft.problem = draft.obstacle;
        if (draft.problem || !(await draft.save())) {
            return false;
        }
        let answer;
        try {
            answer = await this.call("maildesk_send", { draft_id: draft.id, revision: draft.revision, delay: null, send_at: sendAt });
        } catch (error) {
            draft.problem = error instanceof ConnectionLostError ? _t("Odoo cannot be reached. Nothing was sent.") : messageOf(error);
            return false;
        }
        if (answer.conflict) {
            draft.setConflict(answer.conflict);
            return false;
        }
        this._remove(draft);
        if (sendAt) {
            this.scheduled = [...this.scheduled.filter(({ id }) => id !== draft.id), answer.draft];
            this.notification.add(_t("It will be sent on %s.", formatMoment(sendAt)), {
                type: "success",
                buttons: [{ name: _t("Undo"), onClick: () => this.unsend(draft.id) }],
            });
            await this.loadScheduled();
        } else {
            this._depart(draft, answer.undo_seconds ?? 0);
        }
        return true;
    }

    /** Take a mail back that has not gone yet, and open it. */
    async unsend(id) {
        this.departed(id);
        const data = await this.call("maildesk_unsend", { draft_id: id });
        this.scheduled = this.scheduled.filter((line) => line.id !== id);
        const draft = this.find(id);
        if (draft) {
            draft.load(data);
        }
        this._show(draft ?? this._add(data));
    }

    /** Decide about a mail of which nobody knows whether it was sent. @param {"sent"|"again"} choice */
    async resolve(draft, choice) {
        const data = await this.call("maildesk_resolve", { draft_id: draft.id, choice });
        if (choice === "sent") {
            this._remove(draft);
        } else {
            draft.load(data);
            this._show(draft);
        }
    }

    /** A mail can be taken back no more. */
    departed(id) {
        this.departing = this.departing.filter((other) => other.id !== id);
    }

    /** Let a scheduled mail be a draft again, without a window. */
    async callOff(id) {
        await this.call("maildesk_unsend", { draft_id: id });
        await this.loadScheduled();
        this.notification.add(_t("It is not sent. You find it in Drafts."), { type: "info" });
    }

    async loadScheduled() {
        await this._quietly(async () => {
            const { drafts } = await this.call("maildesk_scheduled");
            // what is only waiting for its Undo is no plan
            const soon = new Set(this.departing.map(({ id }) => id));
            this.scheduled = drafts.filter((line) => !soon.has(line.id));
        });
    }

    /** Choose what is elsewhere; Outlook may have to be asked for it first. */
    async takeTheirs(draft) {
        const state = await draft.takeTheirs();
        if (state === "coming") {
            this.notification.add(_t("Fetching the draft from Outlook…"), { type: "info" });
            this.wait(draft.messageId, (error) => (error ? this._notRead() : this.takeTheirs(draft)));
        } else if (state === "error") {
            this._notRead();
        }
    }

    // ------------------------------------------------------------------ what the server says

    /** @param {{draft_id: number, state: string}} payload */
    onDraft({ draft_id: id, state }) {
        if (this.find(id) || ["failed", "unconfirmed"].includes(state)) {
            return this.follow();
        }
        if (this.scheduled.some((line) => line.id === id)) {
            return this.loadScheduled();
        }
    }

    onBody(messageId, error) {
        const task = this.waiting.get(messageId);
        this.waiting.delete(messageId);
        return task?.(error);
    }

    async onConnected() {
        if (this.drafts.length) {
            await this.saveAll();
            await this.follow();
        }
    }

    saveAll() {
        return Promise.all(this.drafts.filter((draft) => draft.changed.size).map((draft) => draft.save()));
    }

    /** The tab is being closed: what is not saved yet is, while the browser asks. */
    onLeave(ev) {
        if (this.drafts.some((draft) => draft.isUnsaved)) {
            this.saveAll();
            ev.preventDefault();
        }
    }

    /** Let a task wait for the text of a message that the connector fetches. */
    wait(messageId, task) {
        this.waiting.set(messageId, task);
    }

    async _follow() {
        await this._quietly(async () => {
            const known = this.drafts.map((draft) => draft.id);
            const { drafts } = await this.call("maildesk_drafts");
            for (const line of drafts) {
                const draft = this.find(line.id);
                if (draft) {
                    await this._compare(draft, line);
                } else if (["failed", "unconfirmed"].includes(line.state)) {
                    await this._cameBack(line);
                }
            }
            const open = new Set(drafts.map((line) => line.id));
            // gone on with elsewhere: sent or thrown away in another tab
            const isOver = (draft) => known.includes(draft.id) && !open.has(draft.id) && !draft.isSending;
            this.drafts.filter(isOver).forEach((draft) => this._remove(draft));
            await this.loadScheduled();
        });
    }

    async _compare(draft, line) {
        // after any save of this tab: what it brings is no news
        await draft.mutex.getUnlockedDef();
        const isNews = line.revision > draft.revision;
        if (line.outlook === "changed" && !draft.conflict) {
            draft.setConflict(line);
        } else if (isNews && draft.changed.size) {
            draft.setConflict(await this.call("maildesk_draft", { draft_id: draft.id }));
        } else if (isNews || line.state !== draft.state) {
            draft.load(await this.call("maildesk_draft", { draft_id: draft.id }));
        } else if (line.revision === draft.revision) {
            draft.follow(line);
        }
    }

    async _cameBack(line) {
        this.departed(line.id);
        await this.openById(line.id);
        const title = line.state === "failed" ? _t("A mail could not be sent") : _t("Nobody knows whether a mail was sent");
        this.notification.add(line.error ?? "", { title, type: "danger", sticky: true });
    }

    // ------------------------------------------------------------------ inside

    call(method, kwargs = {}) {
        return this.orm.silent.call("mailbox.draft", method, [], kwargs);
    }

    _add(data, look = {}) {
        const draft = new Draft((method, kwargs) => this.call(method, kwargs), data);
        Object.assign(draft, look);
        this.drafts.push(draft);
        this._remember();
        return this.find(data.id);
    }

    _remove(draft) {
        browser.clearTimeout(draft.timer);
        draft.changed.clear();
        draft.uploads.forEach((upload) => upload.abort());
        this.drafts = this.drafts.filter((other) => other.id !== draft.id);
        this._remember();
    }

    /** Show a window, the newest of all; the hub sees to it that there is room. */
    _show(draft) {
        if (!draft.isQuick) {
            draft.isMinimized = false;
            this.drafts = [...this.drafts.filter((other) => other.id !== draft.id), draft];
        }
        this._remember();
    }

    async _fetchQuote(draft) {
        draft.addQuote(await this.call("maildesk_quote", { draft_id: draft.id }));
    }

    _depart(draft, seconds) {
        const departing = { id: draft.id, title: draft.title, until: Date.now() + seconds * 1000, seconds };
        this.departing = [...this.departing, departing];
    }

    _confirm(doubts) {
        return new Promise((resolve) => {
            this.dialog.add(
                ConfirmationDialog,
                {
                    title: _t("Send it like this?"),
                    body: doubts.join(" "),
                    confirmLabel: _t("Send"),
                    confirm: () => resolve(true),
                    cancelLabel: _t("Go Back"),
                    cancel: () => resolve(false),
                },
                { onClose: () => resolve(false) }
            );
        });
    }

    _notRead(message) {
        this.notification.add(message || _t("The message could not be read. Please try again."), { type: "warning" });
    }

    _remember() {
        browser.localStorage.setItem(storageKey(), JSON.stringify(this.drafts.map((draft) => draft.id)));
    }

    /** @returns {number[]} */
    _remembered() {
        try {
            const ids = JSON.parse(browser.localStorage.getItem(storageKey()));
            return Array.isArray(ids) ? ids : [];
        } catch {
            return [];
        }
    }

    async _quietly(task) {
        try {
            await task();
        } catch (error) {
            // the bus comes back with the connection, and this with it
            if (!(error instanceof ConnectionLostError)) {
                throw error;
            }
        }
    }
}
