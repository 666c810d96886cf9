import { reactive } from "@odoo/owl";
import { Mutex } from "@web/core/utils/concurrency";

/**
 * The rows of one open folder, newest first, as far as the person has scrolled.
 *
 * Rows are keyed by id and keep their identity while they change, so the view patches what differs and keeps its place. All
 * reads pass one mutex: an answer is never overtaken by an older one.
 *
 * @typedef {{id: number, account_id: number, folder_id: number, subject: string, from_name: string, from_email: string,
 *  preview: string, received_at: string, is_read: boolean, is_flagged: boolean, has_attachments: boolean, is_draft: boolean,
 *  importance: "low"|"normal"|"high", categories: string[], to_recipients: {name: string, address: string}[]}} Row
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
    return b.id - a.id;
}

export class MessageList {
    /** @type {Row[]} */
    rows = [];
    hasMore = true;
    isLoading = false;
    isLoaded = false;
    isFailed = false;

    /**
     * @param {(method: string, kwargs: object) => Promise<any>} call of the model `mailbox.message_index`
     * @param {number} folderId
     */
    constructor(call, folderId) {
        this.call = call;
        this.folderId = folderId;
        this.mutex = new Mutex();
        return reactive(this);
    }

    /** Fetch the next page, if there is one. */
    async loadMore() {
        if (this.isLoading || !this.hasMore) {
            return;
        }
        await this._reading(async () => {
            const last = this.rows.at(-1);
            const before = last ? [last.received_at, last.id] : null;
            const page = await this._page(PAGE_SIZE, before);
            this.hasMore = page.more;
            this._merge(page.rows);
        });
    }

    /** Read again what is shown, from the top, and take over every difference. */
    async reload() {
        await this._reading(async () => {
            const wanted = Math.max(this.rows.length, PAGE_SIZE);
            const rows = [];
            let more = true;
            while (more && rows.length < wanted) {
                const last = rows.at(-1);
                const page = await this._page(
                    Math.min(SERVER_LIMIT, wanted - rows.length),
                    last ? [last.received_at, last.id] : null
                );
                rows.push(...page.rows);
                more = page.more && page.rows.length > 0;
            }
            this.hasMore = more;
            const present = new Set(rows.map((row) => row.id));
            this.rows = this.rows.filter((row) => present.has(row.id));
            this._merge(rows);
        });
    }

    /**
     * Take over how these rows are now: changed, new here, moved away, gone.
     *
     * @param {Row[]} rows
     * @param {number[]} missing
     */
    apply(rows, missing) {
        const gone = new Set(missing);
        for (const row of rows) {
            if (row.folder_id !== this.folderId) {
                gone.add(row.id);
            }
        }
        if (this.rows.some((row) => gone.has(row.id))) {
            this.rows = this.rows.filter((row) => !gone.has(row.id));
        }
        this._merge(rows.filter((row) => row.folder_id === this.folderId && this._isInRange(row)));
    }

    /** Run a task in order with this list's own reads. */
    exclusively(task) {
        return this.mutex.exec(task);
    }

    /** Whether a row belongs to the part that is loaded; what lies below comes with its page. */
    _isInRange(row) {
        return !this.hasMore || !this.rows.length || compareRows(row, this.rows.at(-1)) <= 0;
    }

    _merge(rows) {
        const known = new Map(this.rows.map((row) => [row.id, row]));
        const fresh = [];
        for (const row of rows) {
            if (known.has(row.id)) {
                Object.assign(known.get(row.id), row);
            } else {
                fresh.push(row);
            }
        }
        const merged = [...this.rows, ...fresh];
        if (fresh.length || merged.some((row, i) => i && compareRows(merged[i - 1], row) > 0)) {
            this.rows = merged.sort(compareRows);
        }
    }

    _page(limit, before) {
        return this.call("maildesk_list", { folder_id: this.folderId, limit, before });
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
