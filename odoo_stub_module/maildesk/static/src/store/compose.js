import { reactive } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { ConnectionLostError } from "@web/core/network/rpc";
import { user } from "@web/core/user";
import { coalesced } from "../utils/coalesce";
import { withSignature, withText } from "../utils/mail_text";
import { writableAccounts } from "../utils/writing";
import { Draft } from "./draft";
import { Sending } from "./sending";
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
    /** Mailboxes that one can write from, once a window asked. @type {{id: number, name: string, email: string}[]} */
    senders = [];

    constructor({ bus_service: bus, dialog, file_upload: fileUpload, notification, orm }) {
        Object.assign(this, { dialog, fileUpload, notification, orm });
        // What is waited for, by the message whose text it is.
        this.waiting = new Map();
        const self = reactive(this);
        self.sending = new Sending(self);
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
        this._awaitQuote(draft);
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
            return this.sending.reopen(data);
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
    async openById(id, look) {
        const data = this.find(id) ? null : await this.call("maildesk_draft", { draft_id: id });
        const draft = this.find(id) ?? this._add(data);
        this._show(draft, look);
        await this._askQuote(draft);
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
                    await this._askQuote(this._add(data, { isMinimized: true }));
                }
            }
            await this.sending.loadScheduled();
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
        if (!draft.isOpen) {
            // it waits for its author's word, and comes back with the next opening of the app
            return this._remove(draft);
        }
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
        this._show(draft, { isMinimized });
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

    /** Let a mail come from another mailbox, with its signature. @param {{accountId: number, address: string}} choice */
    async changeSender(draft, { accountId, address }) {
        if (accountId === draft.accountId) {
            return draft.edit({ fromAddress: address });
        }
        const [account] = await this.orm.silent.read("mailbox.account", [accountId], ["signature"]);
        draft.takeText();
        draft.own = withSignature(draft.own, account.signature || "");
        draft.edition++;
        draft.touch("html");
        draft.edit({ accountId, fromAddress: address, fromChoices: [address] });
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

    /** Save a mail in Outlook anew, which deleted or sent the one that it had. */
    async saveAnew(draft) {
        const lost = await draft.saveAnew();
        if (lost.length) {
            const words = _t("Only Outlook had these files, and they went with its draft. Please attach them again: %s", lost.join(", "));
            this.notification.add(words, { type: "warning", sticky: true });
        }
    }

    // ------------------------------------------------------------------ what the server says

    /** @param {{draft_id: number, state: string}} payload */
    onDraft({ draft_id: id, state }) {
        if (this.find(id) || ["failed", "unconfirmed"].includes(state)) {
            return this.follow();
        }
        if (this.sending.scheduled.some((line) => line.id === id)) {
            return this.sending.loadScheduled();
        }
    }

    async onBody(messageId, error) {
        const tasks = this.waiting.get(messageId) ?? [];
        this.waiting.delete(messageId);
        await Promise.all(tasks.map((task) => task(error)));
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
        this.waiting.set(messageId, [...(this.waiting.get(messageId) ?? []), task]);
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
            const isOver = (draft) => known.includes(draft.id) && !open.has(draft.id) && !draft.isSending && !draft.changed.size;
            this.drafts.filter(isOver).forEach((draft) => this._remove(draft));
            await this.sending.loadScheduled();
        });
    }

    async _compare(draft, line) {
        // after any save of this tab: what it brings is no news
        await draft.mutex.getUnlockedDef();
        if (draft.uploads.some((upload) => !upload.error)) {
            // a file of this tab is a change, too; the answer to it tells
            return;
        }
        const isNews = line.revision > draft.revision;
        if (!draft.conflict && (line.outlook === "changed" || !isNews) && draft.lookElsewhere(line)) {
            return;
        }
        if (isNews && draft.changed.size) {
            draft.setConflict(await this.call("maildesk_draft", { draft_id: draft.id }));
        } else if (isNews || line.state !== draft.state) {
            draft.load(await this.call("maildesk_draft", { draft_id: draft.id }));
        } else if (line.revision === draft.revision) {
            draft.follow(line);
        }
    }

    async _cameBack(line) {
        this.sending.departed(line.id);
        // whoever is at something else goes on with it
        await this.openById(line.id, { hasFocus: false });
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
    _show(draft, { hasFocus = true, isMinimized = false } = {}) {
        if (!draft.isQuick) {
            Object.assign(draft, { isMinimized, hasFocus: hasFocus && !isMinimized });
            this.drafts = [...this.drafts.filter((other) => other.id !== draft.id), draft];
        }
        this._remember();
    }

    _awaitQuote(draft) {
        if (draft.quote === "coming") {
            this.wait(draft.sourceId, (error) => (error ? draft.addQuote({ state: "error" }) : this._askQuote(draft)));
        }
    }

    /** The text that a mail quotes may have come while no window waited for it. */
    async _askQuote(draft) {
        if (draft.quote === "coming") {
            draft.addQuote(await this.call("maildesk_quote", { draft_id: draft.id }));
            this._awaitQuote(draft);
        }
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
