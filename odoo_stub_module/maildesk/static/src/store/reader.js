import { reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { isDisconnected } from "../utils/folders";
import { Conversation } from "./conversation";
import { Reading } from "./reading";
import { addressed } from "./scope";

/** Opens messages: `reading` and `conversation` of the store are what it has open. */
export class Reader {
    /**
     * @param {import("./maildesk_store").MailDeskStore} store
     * @param {{notification: object}} services
     */
    constructor(store, { notification }) {
        Object.assign(this, { store, notification });
        /** Messages whose body was asked for before anybody came to them. */
        this.fetchedAhead = new Set();
        return reactive(this);
    }

    /** Open the message of a row, and read what it belongs to. */
    async open(row) {
        this.store.select(row);
        if (this.store.reading && this.store.reading.key === row.key && this.store.reading.id === row.id && this.store.reading.body.state !== "error") {
            return;
        }
        const call = (method, kwargs) => this.store._messages(...addressed(row, method, kwargs));
        const reading = (this.store.reading = new Reading(call, row));
        reading.key = row.key;
        this.store.conversation = new Conversation((method, kwargs) => this.store._messages(method, kwargs), this.store.reading);
        await this.store._quietly(() => this.store.reading.load());
        await this.wonder();
        if (row.id && this.store.reading?.id === reading.id) {
            await Promise.all([this._fetchAhead(), this.store._quietly(() => this.readConversation())]);
        }
    }

    /** Open a message that somebody came for by its address or from outside the app: in the open list, else in its folder. */
    async openById(messageId) {
        const { reading } = this.store;
        if (reading?.id === messageId && !reading.isGone) {
            return;
        }
        await this.store._quietly(async () => {
            const { rows } = await this.store._messages("maildesk_rows", { message_ids: [messageId] });
            if (this.store.reading !== reading) {
                // the person has opened another one meanwhile
                return;
            }
            if (!rows.length) {
                this.close();
                // the same words for one that is gone and for one that is another's
                this.notification.add(_t("This message is not in MailDesk any more, or its mailbox is not shared with you."), { type: "warning" });
                return;
            }
            const [row] = rows;
            if (!this.store.list?.scope.covers(row)) {
                await this.store.openFolder(row.folder_id);
            }
            const { list } = this.store;
            const key = list.keyOf(row);
            const listed = list.byKey.get(key);
            await this.open(listed?.id === row.id ? listed : { ...row, key });
        });
    }

    close() {
        this.store.reading = null;
    }

    /** Show or fold a message of the conversation. */
    async toggle(id) {
        const { conversation } = this.store;
        if (conversation.isFolded(id)) {
            await this.store._quietly(() => conversation.unfold(id));
        } else {
            conversation.fold(id);
        }
    }

    /** Show the pictures of this sender from now on, or no more. */
    async trustSender(reading, isTrusted) {
        await this.store._messages(isTrusted ? "maildesk_trust_sender" : "maildesk_distrust_sender", { message_id: reading.id });
        const address = reading.message.from_email;
        this.store.conversation.items
            .filter((item) => item.message.from_email === address)
            .forEach((item) => (item.message.is_trusted = isTrusted));
    }

    /** Try a body again that could not be read. */
    async reload(reading = this.store.reading) {
        await this.store._quietly(() => reading.load());
        await this.wonder();
    }

    /** Read which messages the open one belongs to; one that is gone has nobody to ask for. */
    async readConversation() {
        const { conversation, reading } = this.store;
        if (reading?.id && reading.message.conversation_id && !reading.isGone) {
            await conversation.load(reading.id);
        }
    }

    /** A text that does not come may be the first sign that the connector is gone. */
    async wonder() {
        if (this.store.reading?.body.state === "error" && this.store.connector.is_up) {
            await this.store.loadOverview();
        }
    }

    /** Have the next message's body fetched, so that it is there when the person comes to it. Nobody waits, nothing is said of it. */
    async _fetchAhead() {
        const next = this.store.shown?.next;
        if (!next?.id || this.fetchedAhead.has(next.id) || isDisconnected(this.store.accountOf(next.folder_id))) {
            return;
        }
        this.fetchedAhead.add(next.id);
        try {
            await this.store._messages("maildesk_prefetch", { message_ids: [next.id] });
        } catch {
            // it is fetched when it is opened
        }
    }
}
