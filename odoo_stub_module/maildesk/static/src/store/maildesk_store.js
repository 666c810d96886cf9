import { reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { ConnectionLostError } from "@web/core/network/rpc";
import { coalesced } from "../utils/coalesce";
import { isDisconnected } from "../utils/folders";
import { Doing } from "./doing";
import { IntoOdoo } from "./into_odoo";
import { Live } from "./live";
import { Mailboxes } from "./mailboxes";
import { MessageList } from "./message_list";
import { Outbox } from "./outbox";
import { Preferences } from "./preferences";
import { Reader } from "./reader";
import { placeOf, scopeOf } from "./scope";
import { Search } from "./search";

/**
 * Everything that MailDesk knows in this browser, and the only door through which the server's data comes in.
 * What is known stands here, with what opens folders and lists. Its rooms, each with a door of its own:
 *
 *   live        the bus, and what is read again because of it        search      what is asked, and what was found
 *   reader      opening messages                                     outbox      what is not in Outlook yet
 *   mailboxes   whole mailboxes and folders                          doing       what a person does with messages
 */

// Coming back to the window after this long is reason enough to ask how things stand. A connector is missed after one minute.
const OVERVIEW_AGE = 60_000; // ms

export class MailDeskStore {
    accounts = [];
    /** Whether mail is fetched at all, as far as was heard; `since`: when the connector was last there, if it is not. */
    connector = { is_up: true, since: null };
    isLoaded = false;
    isServerLost = false;
    folderId = null;
    /** All Inboxes in one list, instead of a folder. */
    isUnified = false;
    /** What the open list is narrowed to: "unread" "flagged" "attachments" "from_me" "to_me", all of which must hold. */
    filters = [];
    /** @type {MessageList|null} of the open folder */
    list = null;
    /** @type {import("./reading").Reading|null} the message that the person opened */
    reading = null;
    /** @type {import("./conversation").Conversation|null} with the messages that it belongs to */
    conversation = null;

    constructor({ bus_service: bus, orm, notification, "maildesk.announcer": announcer }) {
        this.orm = orm;
        this.notification = notification;
        /** The folder that the app is to begin with, while it opens the first time. */
        this.firstId = null;
        this.preferences = new Preferences();
        this.search = new Search((method, kwargs) => this._messages(method, kwargs), (where) => placeOf(self, where));
        this.overviewAt = 0;
        const self = reactive(this);
        self.outbox = new Outbox(self, { orm, announcer });
        self.doing = new Doing(self, { orm, notification, announcer });
        self.into = new IntoOdoo(self, { orm, notification });
        self.live = new Live(self, { bus });
        self.reader = new Reader(self, { notification });
        self.mailboxes = new Mailboxes(self, { orm, notification });
        self.loadOverview = coalesced(() => self._loadOverview());
        return self;
    }

    /**
     * The app opens: the first time all is read, later it is compared. Whoever never opens it costs no request.
     *
     * @param {import("../utils/address_hook").Place|null} [place] where; null: where the person was
     */
    async open(place = null) {
        this.live.listen();
        this.firstId = place?.folderId ?? null;
        await (this.isLoaded ? this.live.catchUp() : this.loadOverview());
        this.firstId = null;
        if (place && this.isLoaded) {
            await this._goTo(place);
        }
        await this._quietly(() => this.outbox.look());
    }

    // ------------------------------------------------------------------ what is known

    /** Whether what is on screen may be out of date. */
    get isConnectionLost() {
        return this.live.isSocketLost || this.isServerLost;
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

    /** Where the person is, for the app's address; null while nothing is known. @returns {import("../utils/address_hook").Place|null} */
    get place() {
        return this.isLoaded ? { folderId: this.folderId, messageId: this.reading?.id ?? null } : null;
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

    /** The folder's list, and what a search found over it. */
    get lists() {
        return [this.list, this.search.list].filter(Boolean);
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
            await (this.folderById(this.firstId) ? this.openFolder(this.firstId) : this.openInbox());
        }
    }

    // ------------------------------------------------------------------ inside

    async _goTo({ folderId, messageId }) {
        if (this.folderById(folderId)) {
            if (folderId !== this.folderId) {
                await this.openFolder(folderId);
            }
        } else if (folderId && !messageId) {
            // the same words for one that is gone and for one that is another's
            this.notification.add(_t("This folder is not in MailDesk any more, or its mailbox is not shared with you."), { type: "warning" });
        } else if (this.hasUnified && !this.isUnified) {
            await this.openUnified();
        }
        if (messageId) {
            await this.reader.openById(messageId);
        } else {
            this.reader.close();
        }
    }

    async _openList({ folderId, isUnified, filters }) {
        Object.assign(this, { folderId, isUnified, filters, reading: null });
        this.search.close();
        await this._startList();
    }

    /** Begin the open list anew, as filters and preferences have it. */
    async _startList() {
        const { order } = this.preferences;
        // each draft is gone on with by itself, also where two answer the same mail
        const view = this.folder?.role === "drafts" ? "plain" : this.preferences.view;
        const look = { view, order, filters: [...this.filters] };
        this.list = new MessageList((method, kwargs) => this._messages(method, kwargs), scopeOf(this), look);
        await this.loadMore();
    }

    _closeAll() {
        this.search.close();
        Object.assign(this, { folderId: null, isUnified: false, filters: [], list: null, reading: null });
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
