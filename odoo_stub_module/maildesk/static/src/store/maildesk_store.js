import { reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { ConnectionLostError } from "@web/core/network/rpc";
import { coalesced } from "../utils/coalesce";
import { isDisconnected } from "../utils/folders";
import { Conversation } from "./conversation";
import { Doing } from "./doing";
import { IntoOdoo } from "./into_odoo";
import { MessageList, SERVER_LIMIT } from "./message_list";
import { Outbox } from "./outbox";
import { Preferences } from "./preferences";
import { Reading } from "./reading";
import { addressed, placeOf, scopeOf } from "./scope";
import { Search } from "./search";

/**
 * Everything that MailDesk knows in this browser, and the only door through which the server's data comes in.
 *
 * The bus is a hint: it names what changed, and the store reads that again. So nothing can be applied twice or out of order,
 * and after a lost connection one comparison with the server (`catchUp`) mends whatever was missed. No timer asks the server.
 *
 *   bus maildesk/changed ────▶ overview (badges, states) ──▶ accounts, connector
 *                         └──▶ maildesk_rows by ids ───────▶ list, search, reading
 *   bus maildesk/body ───────▶ maildesk_open ──────────────▶ reading
 *   bus maildesk/connector ──▶ overview                       (it is back)
 *   reconnected ─────────────▶ catchUp: overview + the lists, compared
 *   window in sight again, a Refresh or a body that does not come ──▶ overview   (is it gone?)
 */

// How long a lost websocket is kept to ourselves: Odoo renews it every hour and is back within a second.
const LOST_GRACE = 1000; // ms

// A cycle takes a few seconds, and the connector hears of it within ten. After this it is worth a word to the person.
const REFRESH_PATIENCE = 30_000; // ms

// Coming back to the window after this long is reason enough to ask how things stand. A connector is missed after one minute.
const OVERVIEW_AGE = 60_000; // ms

export class MailDeskStore {
    accounts = [];
    /** Whether mail is fetched at all, as far as was heard; `since`: when the connector was last there, if it is not. */
    connector = { is_up: true, since: null };
    isLoaded = false;
    isListening = false;
    isSocketLost = false;
    isServerLost = false;
    isRefreshing = false;
    folderId = null;
    /** All Inboxes in one list, instead of a folder. */
    isUnified = false;
    /** What the open list is narrowed to: "unread" "flagged" "attachments" "from_me" "to_me", all of which must hold. */
    filters = [];
    /** @type {MessageList|null} of the open folder */
    list = null;
    /** @type {Reading|null} the message that the person opened */
    reading = null;
    /** @type {Conversation|null} with the messages that it belongs to */
    conversation = null;

    constructor({ bus_service: bus, orm, notification, "maildesk.announcer": announcer }) {
        this.bus = bus;
        this.orm = orm;
        this.notification = notification;
        this.changedIds = new Set();
        this.preferences = new Preferences();
        this.search = new Search((method, kwargs) => this._messages(method, kwargs), (where) => placeOf(self, where));
        this.overviewAt = 0;
        this.fetchedAhead = new Set();
        const self = reactive(this);
        self.outbox = new Outbox(self, { orm, announcer });
        self.doing = new Doing(self, { orm, notification, announcer });
        self.into = new IntoOdoo(self, { orm });
        self.loadOverview = coalesced(() => self._loadOverview());
        self._readChanged = coalesced(() => self._readChangedRows());
        return self;
    }

    /** The app opens: the first time all is read, later it is compared. Whoever never opens it costs no request. */
    async open() {
        if (!this.isListening) {
            this.isListening = true;
            this._listen();
        }
        await (this.isLoaded ? this.catchUp() : this.loadOverview());
        await this._quietly(() => this.outbox.look());
    }

    // ------------------------------------------------------------------ what is known

    /** Whether what is on screen may be out of date. */
    get isConnectionLost() {
        return this.isSocketLost || this.isServerLost;
    }

    get connectedAccounts() {
        return this.accounts.filter((account) => !isDisconnected(account));
    }

    get disconnectedAccounts() {
        return this.accounts.filter(isDisconnected);
    }

    get folders() {
        return this.accounts.flatMap((account) => account.folders);
    }

    get folder() {
        return this.folders.find((folder) => folder.id === this.folderId);
    }

    accountOf(folderId) {
        return this.accounts.find((account) => account.folders.some((folder) => folder.id === folderId));
    }

    /** The mailbox of the open folder; of none where all Inboxes are. */
    get account() {
        return this.accountOf(this.folderId);
    }

    /** The mailbox that something is about where nobody names one: that of the folder, of the row, else the first. */
    get nearestAccount() {
        const { cursor } = this.shown ?? {};
        return this.account ?? this.accounts.find(({ id }) => id === cursor?.account_id) ?? this.connectedAccounts[0] ?? this.accounts[0];
    }

    folderById(folderId) {
        return this.folders.find((folder) => folder.id === folderId);
    }

    /** The Inboxes that are one list. */
    get inboxes() {
        return this.connectedAccounts.flatMap((account) => account.folders.filter((folder) => folder.role === "inbox"));
    }

    /** One Inbox is shown as what it is. */
    get hasUnified() {
        return this.inboxes.length > 1;
    }

    get unifiedUnread() {
        return this.inboxes.reduce((sum, folder) => sum + folder.unread_count, 0);
    }

    /** Whether a list stands open. */
    get isListOpen() {
        return Boolean(this.list && (this.isUnified || this.folder));
    }

    /** The list on screen: what was found while somebody searches, else the folder's. */
    get shown() {
        return (this.search.isOpen && this.search.list) || this.list;
    }

    /** The row on which the person is, by its message. */
    get selectedId() {
        return this.shown?.cursor?.id ?? null;
    }

    get selection() {
        return this.shown?.selection;
    }

    /** The row of the message that is open, with its conversation where the list shows those. */
    get openRow() {
        const { reading } = this;
        return reading && (this.shown?.byKey.get(reading.key) ?? reading.message);
    }

    /** What an action is done to: the rows that are selected, else the one on which the person is. */
    get actedRows() {
        const { cursor, selection } = this.shown ?? {};
        return selection?.size ? selection.rows : [cursor].filter(Boolean);
    }

    // ------------------------------------------------------------------ what the person does

    /** Show a folder; the list starts afresh, so that late answers of another one cannot mix in. */
    openFolder(folderId, filters = []) {
        return this._openList({ folderId, isUnified: false, filters });
    }

    /** Show all Inboxes as one. */
    openUnified(filters = []) {
        return this._openList({ folderId: null, isUnified: true, filters });
    }

    /** Open the Inbox: of all mailboxes, if there are several. */
    async openInbox() {
        if (this.hasUnified) {
            return this.openUnified();
        }
        const accounts = this.connectedAccounts.length ? this.connectedAccounts : this.accounts;
        const inbox = accounts.flatMap((account) => account.folders).find((folder) => folder.role === "inbox");
        if (inbox) {
            await this.openFolder(inbox.id);
        }
    }

    /** Narrow the open list; the open message stays. */
    async setFilters(filters) {
        this.filters = filters;
        await this._startList();
    }

    /** @param {"view"|"order"|"density"} name */
    async setPreference(name, value) {
        this.preferences.set(name, value);
        if (name !== "density" && this.list) {
            await this._startList();
        }
    }

    async loadMore() {
        const list = this.shown;
        await this._quietly(() => list.loadMore());
    }

    select(row) {
        this.shown.moveTo(row);
    }

    /** @returns {import("./message_list").Row|undefined} the row on which the person is now */
    moveSelection(delta) {
        return this.shown?.move(delta);
    }

    /** Take the next row into the selection, or turn back; what lies between the first and this one is selected. */
    extendSelection(delta) {
        const list = this.shown;
        const from = list?.cursor;
        const row = list?.move(delta);
        if (!row) {
            return false;
        }
        list.selection.extendTo(row, from);
    }

    /** @param {{text?: string, where?: import("./search").Where}} change */
    async ask(change) {
        await this._quietly(() => this.search.ask(change));
    }

    async askMicrosoft() {
        await this._quietly(() => this.search.askMicrosoft());
    }

    async openMessage(row) {
        this.select(row);
        if (this.reading && this.reading.key === row.key && this.reading.id === row.id && this.reading.body.state !== "error") {
            return;
        }
        const call = (method, kwargs) => this._messages(...addressed(row, method, kwargs));
        const reading = (this.reading = new Reading(call, row));
        reading.key = row.key;
        this.conversation = new Conversation((method, kwargs) => this._messages(method, kwargs), this.reading);
        await this._quietly(() => this.reading.load());
        await this._wonder();
        if (row.id && this.reading?.id === reading.id) {
            await Promise.all([this._fetchAhead(), this._quietly(() => this._readConversation())]);
        }
    }

    /** Open a message that somebody came for from outside the app, in its folder. */
    async openById(messageId) {
        await this._quietly(async () => {
            const { rows } = await this._messages("maildesk_rows", { message_ids: [messageId] });
            if (!rows.length) {
                this.notification.add(_t("This message is not in MailDesk any more."), { type: "warning" });
                return;
            }
            const [row] = rows;
            if (row.folder_id !== this.folderId) {
                await this.openFolder(row.folder_id);
            }
            await this.openMessage({ ...row, key: this.list.keyOf(row) });
        });
    }

    /** Show or fold a message of the conversation. */
    async toggleMessage(id) {
        const { conversation } = this;
        if (conversation.isFolded(id)) {
            await this._quietly(() => conversation.unfold(id));
        } else {
            conversation.fold(id);
        }
    }

    /** Show the pictures of this sender from now on, or no more. */
    async trustSender(reading, isTrusted) {
        await this._messages(isTrusted ? "maildesk_trust_sender" : "maildesk_distrust_sender", { message_id: reading.id });
        const address = reading.message.from_email;
        this.conversation.items
            .filter((item) => item.message.from_email === address)
            .forEach((item) => (item.message.is_trusted = isTrusted));
    }

    /** Try a body again that could not be read. */
    async reloadMessage(reading = this.reading) {
        await this._quietly(() => reading.load());
        await this._wonder();
    }

    closeMessage() {
        this.reading = null;
    }

    /** Sync a folder from now on, or no more: its mail comes by the bus, or goes at once. */
    async setSync(folderId, enabled) {
        await this.orm.call("mailbox.folder", "maildesk_set_sync", [], { folder_ids: [folderId], enabled });
        await this.loadOverview();
    }

    pause(accountId) {
        return this._settle("action_pause", accountId);
    }

    resume(accountId) {
        return this._settle("action_resume", accountId);
    }

    /** Its mail stays, and can be read in the group of disconnected mailboxes. */
    disconnect(accountId) {
        return this._settle("unlink", accountId);
    }

    connectAgain(accountId) {
        return this._settle("maildesk_connect_again", accountId);
    }

    purge(accountId) {
        return this._settle("maildesk_purge", accountId);
    }

    /** Change what becomes of a mailbox, and show it. */
    async _settle(method, accountId) {
        await this.orm.call("mailbox.account", method, [[accountId]]);
        await this.loadOverview();
    }

    /** Ask the connector for news now, the open folder first; what it finds comes by the bus. */
    async refresh() {
        this.isRefreshing = true;
        browser.clearTimeout(this.refreshTimer);
        this.refreshTimer = browser.setTimeout(() => {
            if (this.isRefreshing) {
                this._giveUpRefresh();
                this.loadOverview();
            }
        }, REFRESH_PATIENCE);
        try {
            await this.orm.silent.call("mailbox.account", "maildesk_refresh", [], {
                account_ids: null,
                folder_id: this.folderId,
            });
        } catch (error) {
            this.isRefreshing = false;
            throw error;
        }
        if (!this.connector.is_up) {
            await this.loadOverview();
            if (!this.connector.is_up && this.isRefreshing) {
                this._giveUpRefresh();
            }
        }
    }

    /** The window is in sight again: a connector that went, nobody could tell. */
    async onSeen() {
        if (this.isLoaded && Date.now() - this.overviewAt > OVERVIEW_AGE) {
            await this.loadOverview();
        }
    }

    // ------------------------------------------------------------------ what the server says

    /** Read accounts and folders; while none is open, open the Inbox, of a disconnected mailbox if all are. */
    async _loadOverview() {
        await this._quietly(async () => {
            const { accounts, connector, into } = await this.orm.silent.call("mailbox.account", "maildesk_overview");
            const wasSynced = this.folder?.sync_enabled;
            const inboxes = this.inboxes.map((folder) => folder.id);
            this.accounts = accounts;
            this.connector = connector;
            this.into.kinds = into;
            this.overviewAt = Date.now();
            this.isLoaded = true;
            if (this.folder && wasSynced !== undefined && this.folder.sync_enabled !== wasSynced) {
                // switched here or elsewhere: what was listed is gone, or starts anew
                await this.openFolder(this.folderId);
            }
            if (this.isUnified && this.hasUnified && String(inboxes) !== String(this.inboxes.map((folder) => folder.id))) {
                const { list } = this;
                await list.reload();
            }
        });
        if (this.isUnified ? !this.hasUnified : this.folderId && !this.folder) {
            this._closeAll();
        }
        if (!this.folderId && !this.isUnified) {
            await this.openInbox();
        }
    }

    /** Compare everything on screen with the server; the selection stays. */
    async catchUp() {
        const { reading } = this;
        await Promise.all([
            this.loadOverview(),
            this._quietly(() => this.outbox.lookIfNeeded()),
            ...this.lists.map((list) => this._quietly(() => list.reload())),
            reading?.id &&
                this._quietly(async () => {
                    await this._reread(this.conversation.ids);
                    await this._readConversation();
                }),
            ...(this.conversation?.items ?? [])
                .filter((item) => item.body.state === "coming")
                .map((item) => this._quietly(() => item.load())),
        ]);
    }

    /** @param {{account_id: number, folder_ids: number[], message_ids: number[]|null, account: boolean}} payload */
    async onChanged({ account_id: accountId, message_ids: messageIds, account }) {
        if (account) {
            this.isRefreshing = false;
        }
        const work = [this.loadOverview(), this._quietly(() => this.outbox.lookIfNeeded())];
        if (messageIds === null) {
            if (this.list && (this.isUnified || this.search.isOpen || this.account?.id === accountId)) {
                work.push(this.catchUp());
            }
        } else if (messageIds.length) {
            messageIds.forEach((id) => this.changedIds.add(id));
            work.push(this._readChanged());
        }
        await Promise.all(work);
    }

    /** @param {{message_id: number, error: string|null}} payload where `error` is a code */
    async onBody({ message_id: messageId, error }) {
        await this._quietly(() => this.into.onBody(messageId));
        const reading = this.reading && this.conversation.find(messageId);
        if (reading) {
            await this._quietly(() => reading.arrived(error));
            await this._wonder();
        }
    }

    /** The websocket broke: say so, unless it is back in a moment. */
    onDisconnected() {
        browser.clearTimeout(this.lostTimer);
        this.lostTimer = browser.setTimeout(() => (this.isSocketLost = true), LOST_GRACE);
    }

    /** The websocket stands (again): whatever was said meanwhile was missed. */
    async onConnected() {
        browser.clearTimeout(this.lostTimer);
        if (this.isLoaded) {
            await this.catchUp();
        }
        this.isSocketLost = false;
    }

    // ------------------------------------------------------------------ inside

    _listen() {
        this.bus.subscribe("maildesk/changed", (payload) => this.onChanged(payload));
        this.bus.subscribe("maildesk/body", (payload) => this.onBody(payload));
        this.bus.subscribe("maildesk/connector", () => Promise.all([this.loadOverview(), this._quietly(() => this.outbox.lookIfNeeded())]));
        this.bus.addEventListener("BUS:DISCONNECT", () => this.onDisconnected());
        this.bus.addEventListener("BUS:CONNECT", () => this.onConnected());
        this.bus.addEventListener("BUS:RECONNECT", () => this.onConnected());
        this.bus.start();
    }

    async _openList({ folderId, isUnified, filters }) {
        Object.assign(this, { folderId, isUnified, filters, reading: null });
        this.search.close();
        await this._startList();
    }

    /** Begin the open list anew, as filters and preferences have it. */
    async _startList() {
        const { view, order } = this.preferences;
        const look = { view, order, filters: [...this.filters] };
        this.list = new MessageList((method, kwargs) => this._messages(method, kwargs), scopeOf(this), look);
        await this.loadMore();
    }

    _closeAll() {
        this.search.close();
        Object.assign(this, { folderId: null, isUnified: false, filters: [], list: null, reading: null });
    }

    _giveUpRefresh() {
        this.isRefreshing = false;
        this.notification.add(_t("No answer from the mail connector yet. New mail will appear as soon as it is back."), {
            type: "warning",
        });
    }

    /** A text that does not come may be the first sign that the connector is gone. */
    async _wonder() {
        if (this.reading?.body.state === "error" && this.connector.is_up) {
            await this.loadOverview();
        }
    }

    /** The folder's list, and what a search found over it. */
    get lists() {
        return [this.list, this.search.list].filter(Boolean);
    }

    async _readChangedRows() {
        const ids = [...this.changedIds];
        this.changedIds.clear();
        if (!this.list || !ids.length) {
            return;
        }
        const asked = this.list.behind(ids);
        if (asked.length > SERVER_LIMIT) {
            const { reading } = this;
            await Promise.all(this.lists.map((list) => this._quietly(() => list.reload())));
            await this._quietly(() => reading?.id && this._reread(this.conversation.ids));
        } else {
            await this._quietly(() => this._reread(asked));
        }
    }

    /** Read messages by their ids and show them wherever they are shown. */
    async _reread(ids) {
        const { list } = this;
        const found = this.search.list;
        let isLonger = false;
        await list.exclusively(async () => {
            const { view } = list.look;
            const { rows, missing } = await this._messages("maildesk_rows", { message_ids: ids, view, ...list.scope.kwargs });
            list.apply(rows, missing);
            // a conversation says nothing of one message that was found
            found?.apply(rows.map(({ thread, ...row }) => row), missing);
            if (this.reading) {
                this.conversation.apply(rows, missing);
            }
            this.outbox.onRows(rows);
            isLonger = Boolean(this.reading?.id) && rows.some((row) => this.conversation.lacks(row));
        });
        if (isLonger) {
            await this._readConversation();
        }
    }

    /** Read which messages the open one belongs to; one that is gone has nobody to ask for. */
    async _readConversation() {
        const { conversation, reading } = this;
        if (reading?.id && reading.message.conversation_id && !reading.isGone) {
            await conversation.load(reading.id);
        }
    }

    /** Have the next message's body fetched, so that it is there when the person comes to it. Nobody waits, nothing is said of it. */
    async _fetchAhead() {
        const next = this.shown?.next;
        if (!next?.id || this.fetchedAhead.has(next.id) || isDisconnected(this.accountOf(next.folder_id))) {
            return;
        }
        this.fetchedAhead.add(next.id);
        try {
            await this._messages("maildesk_prefetch", { message_ids: [next.id] });
        } catch {
            // it is fetched when it is opened
        }
    }

    _messages(method, kwargs) {
        return this.orm.silent.call("mailbox.message_index", method, [], kwargs);
    }

    /** Run a read; a lost connection is told by the notice, and mended by catching up. All else is an error to see. */
    async _quietly(task) {
        try {
            await task();
            this.isServerLost = false;
        } catch (error) {
            if (!(error instanceof ConnectionLostError)) {
                throw error;
            }
            this.isServerLost = true;
        }
    }
}
