import { markRaw, reactive } from "@odoo/owl";
import { Mutex } from "@web/core/utils/concurrency";
import { shallowEqual } from "@web/core/utils/objects";
import { Selection } from "./selection";

/**
 * The rows of one open folder, or of all Inboxes, as far as the person has scrolled; where the person is in them, and which
 * are selected.
 *
 * A row stands for a message, or in the conversation view for all messages of a conversation that are in scope: then it is the
 * newest of them, and `thread` tells of the others. Its key stays the same when a newer message takes over.
 *
 * Rows are never changed, only replaced: a list of 100,000 is not made reactive row by row, and the view compares what it drew
 * with what is there by identity. All reads pass one mutex: an answer is never overtaken by an older one.
 *
 * @typedef {{count: number, unread: number, senders: string[], ids: number[], has_attachments: boolean, is_flagged: boolean}} Thread
 * @typedef {{id: number|null, key: string, account_id: number, folder_id: number, conversation_id: string, subject: string,
 *  from_name: string, from_email: string, preview: string, received_at: string, is_read: boolean, is_flagged: boolean,
 *  has_attachments: boolean, is_draft: boolean, importance: "low"|"normal"|"high", categories: string[],
 *  to_recipients: {name: string, address: string}[], waiting: boolean, failed: string|null, thread?: Thread, is_remote?: boolean, remote_id?: string}} Row
 *
 * @typedef {{kwargs: {folder_id?: number, role?: string}, covers: (row: Row) => boolean, matches: (row: Row) => boolean}} Scope
 *  `covers`: whether a message lies in it; `matches`: whether the filters would show it
 * @typedef {{view: "plain"|"conversations", order: "newest"|"oldest", filters: string[]}} Look
 */

// Rows of one page: two to three screens, and the server's measured page.
export const PAGE_SIZE = 80;

// What the server answers at most, for one page and for one reading by ids.
export const SERVER_LIMIT = 200;

/** Newest first; among equals the younger row first, as the server's keyset has it. */
export function compareRows(a, b) {
    if (a.received_at !== b.received_at) {
        return a.received_at < b.received_at ? 1 : -1;
    }
    return (b.id ?? 0) - (a.id ?? 0);
}

/** The ids of all messages that a row stands for. */
export function messageIds(row) {
    return row.thread?.ids.length ? [...new Set([row.id, ...row.thread.ids])] : [row.id].filter(Boolean);
}

export class MessageList {
    /** @type {Row[]} */
    rows = markRaw([]);
    hasMore = true;
    isLoading = false;
    isLoaded = false;
    isFailed = false;
    /** The row on which the person is: keys move it, and it stays where it was when that row goes. */
    cursorKey = null;
    cursorIndex = 0;
    /** How far down the person looks, by index; what lies below is read again when it is wanted. */
    seenTo = 0;
    /** Pixels; kept while another list is shown in its place. */
    scrollTop = 0;

    /**
     * @param {(method: string, kwargs: object) => Promise<any>} call of the model `mailbox.message_index`
     * @param {Scope} scope
     * @param {Look} look
     */
    constructor(call, scope, look) {
        this.call = call;
        this.scope = scope;
        this.look = look;
        this.mutex = new Mutex();
        this.byKey = markRaw(new Map());
        /** @type {Row[]} rows of Microsoft's own search, of which those stand in the list that lie in its loaded part */
        this.elsewhere = markRaw([]);
        this.selection = new Selection(this);
        return reactive(this);
    }

    // ------------------------------------------------------------------ where the person is

    get cursor() {
        return this.byKey.get(this.cursorKey);
    }

    /** @returns {Row|undefined} the row below the one on which the person is */
    get next() {
        return this.rows[this.rows.indexOf(this.cursor) + 1];
    }

    moveTo(row) {
        this.cursorKey = row.key;
        this.cursorIndex = this.rows.indexOf(row);
    }

    /** @returns {Row|undefined} the row on which the person is now */
    move(delta) {
        const index = this.rows.findIndex((row) => row.key === this.cursorKey);
        let target;
        if (index >= 0) {
            target = index + delta;
        } else if (this.cursorKey === null) {
            target = delta - 1;
        } else {
            // the row went away under the cursor: the next one stands in its place already
            target = delta > 0 ? this.cursorIndex + delta - 1 : this.cursorIndex + delta;
        }
        const row = this.rows[Math.max(0, Math.min(target, this.rows.length - 1))];
        if (row) {
            this.moveTo(row);
        }
        return row;
    }

    // ------------------------------------------------------------------ what the server says

    /** Fetch the next page, if there is one. */
    async loadMore() {
        if (this.isLoading || !this.hasMore) {
            return;
        }
        await this._reading(async () => {
            const page = await this._page(PAGE_SIZE, this._after(this.rows));
            this.hasMore = page.more;
            this._merge(page.rows);
        });
    }

    /**
     * Read again what is shown, from the top down to where the person is, and take over every difference; what was loaded
     * below that comes again when it is scrolled to.
     */
    async reload() {
        await this._reading(async () => {
            const wanted = Math.max(Math.min(this.rows.length, Math.max(this.seenTo, this.cursorIndex) + 1), PAGE_SIZE);
            const rows = [];
            let more = true;
            while (more && rows.length < wanted) {
                const page = await this._page(Math.min(SERVER_LIMIT, wanted - rows.length), this._after(rows));
                rows.push(...page.rows);
                more = page.more && page.rows.length > 0;
            }
            this.hasMore = more;
            const present = new Set(rows.map((row) => this.keyOf(row)));
            this._drop((row) => !present.has(row.key) && !row.is_remote);
            this._merge(rows);
        });
    }

    /**
     * What to ask for when these messages changed: they, and what could take their place where one stands for a conversation.
     *
     * @param {number[]} ids
     */
    behind(ids) {
        if (this.look.view !== "conversations") {
            return ids;
        }
        const asked = new Set(ids);
        for (const row of this.rows) {
            if (asked.has(row.id)) {
                messageIds(row).forEach((id) => asked.add(id));
            }
        }
        return [...asked];
    }

    /**
     * Take over how these messages are now: changed, new here, moved away, gone. What is listed stays while its filter would
     * no longer show it: a mail does not go from under the eyes of the person who has just read it.
     *
     * @param {Row[]} rows
     * @param {number[]} missing
     */
    apply(rows, missing) {
        const gone = new Set(missing);
        const present = [];
        for (const row of rows) {
            if (this.scope.covers(row)) {
                present.push(row);
            } else {
                gone.add(row.id);
            }
        }
        const isGone = (row) => row.id !== null && gone.has(row.id);
        /** The newest of each row's messages that we were told of. */
        const heads = new Map();
        for (const row of present) {
            const key = this.keyOf(row);
            if (!heads.has(key) || compareRows(row, heads.get(key)) < 0) {
                heads.set(key, row);
            }
        }
        const changed = [];
        for (const [key, row] of heads) {
            const known = this.byKey.get(key);
            if (!known) {
                if (this.scope.matches(row) && this._isInRange(row)) {
                    changed.push(row);
                }
            } else if (known.id === row.id || isGone(known) || compareRows(row, known) < 0) {
                changed.push(row);
            } else {
                // an older one of the conversation: who stands for it stays
                changed.push({ ...known, thread: row.thread ?? known.thread });
            }
        }
        // a mail that was sent from here is of no conversation before Outlook's copy says which: then its row stands elsewhere
        const keys = new Map(present.map((row) => [row.id, this.keyOf(row)]));
        const isRenamed = (row) => row.id !== null && keys.has(row.id) && keys.get(row.id) !== row.key;
        const cursor = this.cursor;
        this._drop((row) => (isGone(row) || isRenamed(row)) && !heads.has(row.key));
        this._merge(changed);
        if (cursor && isRenamed(cursor) && this.byKey.has(keys.get(cursor.id))) {
            this.moveTo(this.byKey.get(keys.get(cursor.id)));
        }
    }

    /** Let rows stand here again that were here before, whatever the filters say of them now. */
    bringBack(rows) {
        this._merge(rows.filter((row) => this.scope.covers(row)));
    }

    /** Show what another index found beside the list's own rows, by date. */
    add(rows) {
        this.elsewhere = markRaw(rows);
        this._merge([]);
    }

    /** Run a task in order with this list's own reads. */
    exclusively(task) {
        return this.mutex.exec(task);
    }

    // ------------------------------------------------------------------ inside

    keyOf(row) {
        if (row.is_remote) {
            return `remote/${row.account_id}/${row.remote_id}`;
        }
        const isConversation = this.look.view === "conversations" && row.conversation_id;
        return isConversation ? `${row.account_id}/${row.conversation_id}` : `${row.id}`;
    }

    compare(a, b) {
        return this.look.order === "oldest" ? compareRows(b, a) : compareRows(a, b);
    }

    /** Where the server goes on after these rows. */
    _after(rows) {
        const last = rows.findLast((row) => !row.is_remote);
        return last ? [last.received_at, last.id] : null;
    }

    /** Whether a row belongs to the part that is loaded; what lies below comes with its page. */
    _isInRange(row) {
        const last = this.hasMore && this.rows.findLast((other) => !other.is_remote);
        return !last || this.compare(row, last) <= 0;
    }

    _merge(incoming) {
        const replaced = new Map();
        const fresh = new Map();
        for (const row of incoming) {
            const key = this.keyOf(row);
            const known = this.byKey.get(key);
            const next = markRaw({ ...known, ...row, key });
            if (!known) {
                fresh.set(key, next);
            } else if (!isSame(known, next)) {
                replaced.set(key, next);
            }
        }
        const kept = replaced.size ? this.rows.map((row) => replaced.get(row.key) ?? row) : this.rows;
        this._set([...kept, ...fresh.values()], fresh.size + replaced.size > 0);
        const remote = this.elsewhere
            .map((row) => markRaw({ ...row, key: this.keyOf(row) }))
            .filter((row) => !this.byKey.has(row.key) && this._isInRange(row));
        this._set([...this.rows, ...remote], remote.length > 0);
    }

    _drop(isOver) {
        if (this.rows.some(isOver)) {
            this._set(this.rows.filter((row) => !isOver(row)), true);
        }
    }

    _set(rows, isChanged) {
        if (!isChanged) {
            return;
        }
        if (rows.some((row, i) => i && this.compare(rows[i - 1], row) > 0)) {
            rows.sort((a, b) => this.compare(a, b));
        }
        this.byKey = markRaw(new Map(rows.map((row) => [row.key, row])));
        this.rows = markRaw(rows);
        this.selection.prune();
    }

    _page(limit, before) {
        return this.call("maildesk_list", { ...this.scope.kwargs, ...this.look, limit, before });
    }

    async _reading(task) {
        this.isLoading = true;
        try {
            await this.mutex.exec(task);
            this.isLoaded = true;
            this.isFailed = false;
        } catch (error) {
            this.isFailed = true;
            throw error;
        } finally {
            this.isLoading = false;
        }
    }
}

/** Whether two readings of a row tell the same: then the one that is drawn stays. */
function isSame(a, b) {
    return shallowEqual(a, b, (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other));
}
