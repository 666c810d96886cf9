import { reactive } from "@odoo/owl";
import { Reading } from "./reading";

// Unread messages that are opened by themselves: each of them is a body to fetch.
const OPENED = 5;

/**
 * The messages of the conversation that the open message is part of, oldest first, the open one among them. Those that were read are
 * folded; the newest one and the unread ones are open. A body is fetched when its message is unfolded.
 */
export class Conversation {
    /** @type {Reading[]} */
    items = [];
    /** @type {import("./into_odoo").RecordLink[]} what came of it in Odoo */
    links = [];
    /** Ids of messages that show their text. */
    unfolded = new Set();

    /**
     * @param {(method: string, kwargs: object) => Promise<any>} call of the model `mailbox.message_index`
     * @param {Reading} reading the message that was opened
     */
    constructor(call, reading) {
        this.call = call;
        this.items = [reading];
        this.unfolded = new Set([reading.id]);
        return reactive(this);
    }

    get ids() {
        return this.items.map((item) => item.id);
    }

    /** Whether a message belongs here that is not here. */
    lacks(row) {
        const { message } = this.items[0];
        return (
            Boolean(row.conversation_id) &&
            row.conversation_id === message.conversation_id &&
            row.account_id === message.account_id &&
            !this.find(row.id)
        );
    }

    find(id) {
        return this.items.find((item) => item.id === id);
    }

    /** Read which messages there are, and open those that a person wants to see. */
    async load(messageId) {
        const { rows, links } = await this.call("maildesk_conversation", { message_id: messageId });
        this.links = links;
        const known = new Map(this.items.map((item) => [item.id, item]));
        this.items = rows.map((row) => known.get(row.id) ?? new Reading(this.call, row));
        if (!this.find(messageId)) {
            this.items.push(known.get(messageId));
        }
        const news = this.items.filter((item) => !known.has(item.id));
        const wanted = news.filter((item) => !item.message.is_read).slice(-OPENED);
        const newest = this.items.at(-1);
        if (newest && !known.has(newest.id) && !wanted.includes(newest)) {
            wanted.push(newest);
        }
        await Promise.all(wanted.map((item) => this.unfold(item.id)));
    }

    isFolded(id) {
        return !this.unfolded.has(id);
    }

    async unfold(id) {
        this.unfolded.add(id);
        const item = this.find(id);
        if (item?.body.state === "loading") {
            await item.load();
        }
    }

    fold(id) {
        this.unfolded.delete(id);
    }

    apply(rows, missing) {
        this.items.forEach((item) => item.apply(rows, missing));
    }
}
