import { reactive } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { coalesced } from "../utils/coalesce";
import { SERVER_LIMIT } from "./message_list";

/**
 * How the store stays true while it is open. The bus is a hint: it names what changed, and that is read again. So nothing can be
 * applied twice or out of order, and after a lost connection one comparison with the server (`catchUp`) mends whatever was missed.
 * No timer asks the server.
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

export class Live {
    isListening = false;
    isSocketLost = false;

    /**
     * @param {import("./maildesk_store").MailDeskStore} store
     * @param {{bus: object}} services
     */
    constructor(store, { bus }) {
        Object.assign(this, { store, bus });
        this.changedIds = new Set();
        const self = reactive(this);
        self._readChanged = coalesced(() => self._readChangedRows());
        return self;
    }

    /** Hear what is said from now on; once. */
    listen() {
        if (this.isListening) {
            return;
        }
        this.isListening = true;
        this.bus.subscribe("maildesk/changed", (payload) => this.onChanged(payload));
        this.bus.subscribe("maildesk/body", (payload) => this.onBody(payload));
        this.bus.subscribe("maildesk/connector", () => this.onConnector());
        this.bus.addEventListener("BUS:DISCONNECT", () => this.onDisconnected());
        this.bus.addEventListener("BUS:CONNECT", () => this.onConnected());
        this.bus.addEventListener("BUS:RECONNECT", () => this.onConnected());
        this.bus.start();
    }

    // ------------------------------------------------------------------ what is said

    /** The connector is back. */
    async onConnector() {
        await Promise.all([this.store.loadOverview(), this.store._quietly(() => this.store.outbox.lookIfNeeded())]);
    }

    /** @param {{account_id: number, folder_ids: number[], message_ids: number[]|null, account: boolean}} payload */
    async onChanged({ account_id: accountId, message_ids: messageIds, account }) {
        if (account) {
            this.store.mailboxes.isRefreshing = false;
        }
        const work = [this.store.loadOverview(), this.store._quietly(() => this.store.outbox.lookIfNeeded())];
        if (messageIds === null) {
            if (this.store.list && (this.store.isUnified || this.store.search.isOpen || this.store.account?.id === accountId)) {
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
        await this.store._quietly(() => this.store.into.onBody(messageId));
        const reading = this.store.reading && this.store.conversation.find(messageId);
        if (reading) {
            await this.store._quietly(() => reading.arrived(error));
            await this.store.reader.wonder();
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
        if (this.store.isLoaded) {
            await this.catchUp();
        }
        this.isSocketLost = false;
    }

    // ------------------------------------------------------------------ what is read again

    /** Compare everything on screen with the server; the selection stays. */
    async catchUp() {
        const { reading } = this.store;
        await Promise.all([
            this.store.loadOverview(),
            this.store._quietly(() => this.store.outbox.lookIfNeeded()),
            ...this.store.lists.map((list) => this.store._quietly(() => list.reload())),
            reading?.id &&
                this.store._quietly(async () => {
                    await this.reread(this.store.conversation.ids);
                    await this.store.reader.readConversation();
                }),
            ...(this.store.conversation?.items ?? [])
                .filter((item) => item.body.state === "coming")
                .map((item) => this.store._quietly(() => item.load())),
        ]);
    }

    /** Read messages by their ids and show them wherever they are shown. */
    async reread(ids) {
        const { list } = this.store;
        const found = this.store.search.list;
        let isLonger = false;
        await list.exclusively(async () => {
            const { view } = list.look;
            const { rows, missing } = await this.store._messages("maildesk_rows", { message_ids: ids, view, ...list.scope.kwargs });
            list.apply(rows, missing);
            // a conversation says nothing of one message that was found
            found?.apply(rows.map(({ thread, ...row }) => row), missing);
            if (this.store.reading) {
                this.store.conversation.apply(rows, missing);
            }
            this.store.outbox.onRows(rows);
            isLonger = Boolean(this.store.reading?.id) && rows.some((row) => this.store.conversation.lacks(row));
        });
        if (isLonger) {
            await this.store.reader.readConversation();
        }
    }

    async _readChangedRows() {
        const ids = [...this.changedIds];
        this.changedIds.clear();
        if (!this.store.list || !ids.length) {
            return;
        }
        const asked = this.store.list.behind(ids);
        if (asked.length > SERVER_LIMIT) {
            const { reading } = this.store;
            await Promise.all(this.store.lists.map((list) => this.store._quietly(() => list.reload())));
            await this.store._quietly(() => reading?.id && this.reread(this.store.conversation.ids));
        } else {
            await this.store._quietly(() => this.reread(asked));
        }
    }
}
