import { reactive } from "@odoo/owl";
import { KeepLast } from "@web/core/utils/concurrency";
import { MessageList } from "./message_list";

/**
 * The search: what is asked, where, and what was found. While it is open its list stands in place of the folder's, which keeps
 * its place meanwhile.
 *
 * First answers the index in Odoo, as fast as one types; only the answer to the last question counts (`KeepLast`), and until it
 * is there the one before stays on screen. What is not in the index yet Microsoft finds, when asked; that is shown, marked, and
 * never kept.
 *
 * @typedef {"folder"|"account"|"all"} Where
 */

class FoundList extends MessageList {
    /** What was not understood of the question, in sentences. */
    notes = [];

    constructor(call, question) {
        // News change what was found; whether they would be found is for the next question.
        super(call, { kwargs: question, covers: () => true, matches: () => false }, { view: "plain", order: "newest" });
    }

    async _page(limit, before) {
        const page = await this.call("maildesk_search", { ...this.scope.kwargs, limit, before });
        this.notes = page.notes;
        return page;
    }
}

export class Search {
    text = "";
    /** @type {Where} */
    where = "all";
    /** @type {FoundList|null} what is shown: the answer to the last question that was answered */
    list = null;
    isSearching = false;
    isFailed = false;
    /** @type {{state: "idle"|"searching"|"ready"|"unavailable", count?: number, message?: string}} what Microsoft says */
    remote = { state: "idle" };

    /**
     * @param {(method: string, kwargs: object) => Promise<any>} call of the model `mailbox.message_index`
     * @param {(where: Where) => {account_id: number|null, folder_id: number|null, also?: string}} place in which mailbox and folder is searched
     */
    constructor(call, place) {
        this.call = call;
        this.place = place;
        this.keepLast = new KeepLast();
        return reactive(this);
    }

    get isOpen() {
        return Boolean(this.text.trim());
    }

    /** Search anew. @param {{text?: string, where?: Where}} change */
    async ask(change) {
        Object.assign(this, change);
        this.remote = { state: "idle" };
        if (!this.isOpen) {
            return this.close();
        }
        const list = new FoundList(this.call, this._question());
        this.isSearching = true;
        this.isFailed = false;
        const answered = list.loadMore().then(
            () => null,
            (error) => error
        );
        const error = await this.keepLast.add(answered);
        this.isSearching = false;
        if (error) {
            this.isFailed = true;
            throw error;
        }
        this.list = list;
    }

    /** Ask Microsoft for what is not in Odoo, and show it among the rest. */
    async askMicrosoft() {
        const { list } = this;
        const { query, account_id } = this._question();
        this.remote = { state: "searching" };
        let answer;
        try {
            answer = await this.call("maildesk_search_remote", { query, account_id });
        } catch (error) {
            this._take(list, { state: "idle" });
            throw error;
        }
        if (answer.state !== "ready") {
            return this._take(list, { state: "unavailable", message: answer.message });
        }
        if (this._take(list, { state: "ready", count: answer.rows.length, message: answer.message })) {
            list.add(answer.rows);
        }
    }

    close() {
        // an answer that is still on its way has nobody who waits for it
        this.keepLast.add(Promise.resolve());
        Object.assign(this, { text: "", list: null, isSearching: false, isFailed: false, remote: { state: "idle" } });
    }

    /** Whether Microsoft's answer is still about what is asked now. */
    _take(list, remote) {
        if (this.list !== list) {
            return false;
        }
        this.remote = remote;
        return true;
    }

    _question() {
        const { account_id, folder_id, also } = this.place(this.where);
        const query = [also, this.text.trim()].filter(Boolean).join(" ");
        return { query, account_id, folder_id };
    }
}
