import { reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { ConnectionLostError } from "@web/core/network/rpc";
import { coalesced } from "../utils/coalesce";
import { isDisconnected } from "../utils/folders";
import { Conversation } from "./conversation";
import { MessageList, SERVER_LIMIT } from "./message_list";
import { Reading } from "./reading";

/**
 * Everything that MailDesk knows in this browser, and the only door through which the server's data comes in.
 *
 * The bus is a hint: it names what changed, and the store reads that again. So nothing can be applied twice or out of order,
 * and after a lost connection one comparison with the server (`catchUp`) mends whatever was missed. No timer asks the server.
 *
 *   bus maildesk/changed ──▶ overview (badges, states) ──▶ accounts
 *                       └──▶ maildesk_rows by ids ───────▶ list, reading
 *   bus maildesk/body ─────▶ maildesk_open ──────────────▶ reading
 *   reconnected ───────────▶ catchUp: overview + the open list, compared
 */

// How long a lost websocket is kept to ourselves: Odoo renews it every hour and is back within a second.
const LOST_GRACE = 1000; // ms

// A cycle takes a few seconds, and the connector hears of it within ten. After this it is worth a word to the person.
const REFRESH_PATIENCE = 30_000; // ms

export class MailDeskStore {
    accounts = [];
    isLoaded = false;
    isListening = false;
    isSocketLost = false;
    isServerLost = false;
    isRefreshing = false;
    folderId = null;
    /** @type {MessageList|null} */
    list = null;
    /** The row on which the person is: keys move it, and it stays where it was when that row goes. */
    selectedId = null;
    /** @type {Reading|null} the message that the person opened */
    reading = null;
    /** @type {Conversation|null} with the messages that it belongs to */
    conversation = null;

    constructor({ bus_service: bus, orm, notification }) {
        this.bus = bus;
        this.orm = orm;
        this.notification = notification;
        this.changedIds = new Set();
        this.fetchedAhead = new Set();
        this.selectedIndex = 0;
        const self = reactive(this);
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

    get account() {
        return this.accountOf(this.folderId);
    }

    // ------------------------------------------------------------------ what the person does

    /** Show a folder; the list starts afresh, so that late answers of another one cannot mix in. */
    async openFolder(folderId) {
        this.folderId = folderId;
        this.list = new MessageList((method, kwargs) => this._messages(method, kwargs), folderId);
        this.selectedId = null;
        this.selectedIndex = 0;
        this.reading = null;
        await this.loadMore();
    }

    async loadMore() {
        const { list } = this;
        await this._quietly(() => list.loadMore());
    }

    select(row) {
        this.selectedId = row.id;
        this.selectedIndex = this._indexOf(row.id);
    }

    /** @returns {import("./message_list").Row|undefined} the row that is selected now */
    moveSelection(delta) {
        const rows = this.list?.rows ?? [];
        const index = this._indexOf(this.selectedId);
        let target;
        if (index >= 0) {
            target = index + delta;
        } else if (this.selectedId === null) {
            target = 0;
        } else {
            // the row went away under the selection: the next one stands in its place already
            target = delta > 0 ? this.selectedIndex : this.selectedIndex - 1;
        }
        const row = rows[Math.max(0, Math.min(target, rows.length - 1))];
        if (row) {
            this.select(row);
        }
        return row;
    }

    async openMessage(row) {
        this.select(row);
        if (this.reading?.id === row.id && this.reading.body.state !== "error") {
            return;
        }
        const call = (method, kwargs) => this._messages(method, kwargs);
        const reading = (this.reading = new Reading(call, row));
        const conversation = (this.conversation = new Conversation(call, this.reading));
        await this._quietly(() => this.reading.load());
        if (this.reading?.id === reading.id) {
            await Promise.all([
                this._fetchAhead(row),
                this.reading.message.conversation_id && this._quietly(() => conversation.load(row.id)),
            ]);
        }
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
                this.isRefreshing = false;
                this.notification.add(
                    _t("No answer from the mail connector yet. New mail will appear as soon as it is back."),
                    { type: "warning" }
                );
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
    }

    // ------------------------------------------------------------------ what the server says

    /** Read accounts and folders; while none is open, open the first Inbox there is, of a disconnected mailbox if all are. */
    async _loadOverview() {
        await this._quietly(async () => {
            const { accounts } = await this.orm.silent.call("mailbox.account", "maildesk_overview");
            const wasSynced = this.folder?.sync_enabled;
            this.accounts = accounts;
            this.isLoaded = true;
            if (this.folder && wasSynced !== undefined && this.folder.sync_enabled !== wasSynced) {
                // switched here or elsewhere: what was listed is gone, or starts anew
                await this.openFolder(this.folderId);
            }
        });
        if (this.folderId && !this.folder) {
            this.folderId = this.list = this.reading = this.selectedId = null;
        }
        if (!this.folderId) {
            const accounts = this.connectedAccounts.length ? this.connectedAccounts : this.accounts;
            const inbox = accounts.flatMap((account) => account.folders).find((folder) => folder.role === "inbox");
            if (inbox) {
                await this.openFolder(inbox.id);
            }
        }
    }

    /** Compare everything on screen with the server; the selection stays. */
    async catchUp() {
        const { list, reading } = this;
        await Promise.all([
            this.loadOverview(),
            list && this._quietly(() => list.reload()),
            reading && this._quietly(() => this._reread(this.conversation.ids)),
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
        const work = [this.loadOverview()];
        if (messageIds === null) {
            if (this.list && this.account?.id === accountId) {
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
        const reading = this.reading && this.conversation.find(messageId);
        if (reading) {
            await this._quietly(() => reading.arrived(error));
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
        this.bus.addEventListener("BUS:DISCONNECT", () => this.onDisconnected());
        this.bus.addEventListener("BUS:CONNECT", () => this.onConnected());
        this.bus.addEventListener("BUS:RECONNECT", () => this.onConnected());
        this.bus.start();
    }

    async _readChangedRows() {
        const ids = [...this.changedIds];
        this.changedIds.clear();
        const { list } = this;
        if (!list || !ids.length) {
            return;
        }
        if (ids.length > SERVER_LIMIT) {
            await this._quietly(() => list.reload());
            await this._quietly(() => this.reading && this._reread(this.conversation.ids));
        } else {
            await this._quietly(() => this._reread(ids));
        }
    }

    /** Read rows by their ids and show them wherever they are shown. */
    async _reread(ids) {
        const { list } = this;
        await list.exclusively(async () => {
            const { rows, missing } = await this._messages("maildesk_rows", { message_ids: ids });
            list.apply(rows, missing);
            if (this.reading) {
                this.conversation.apply(rows, missing);
            }
        });
    }

    /** Have the next message's body fetched, so that it is there when the person comes to it. Nobody waits, nothing is said of it. */
    async _fetchAhead(row) {
        const next = this.list?.rows[this._indexOf(row.id) + 1];
        if (!next || this.fetchedAhead.has(next.id) || isDisconnected(this.accountOf(next.folder_id))) {
            return;
        }
        this.fetchedAhead.add(next.id);
        try {
            await this._messages("maildesk_prefetch", { message_ids: [next.id] });
        } catch {
            // it is fetched when it is opened
        }
    }

    _indexOf(id) {
        return this.list?.rows.findIndex((row) => row.id === id) ?? -1;
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
