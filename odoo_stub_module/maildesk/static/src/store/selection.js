import { markRaw, reactive } from "@odoo/owl";

/**
 * Which rows of a list are selected. A range runs from the row that was chosen last to where the person is now, and shrinks
 * again when they turn back; what was selected before it stays.
 */
export class Selection {
    /** @type {Set<string>} keys of rows; replaced, never changed */
    keys = markRaw(new Set());
    anchor = null;

    /** @param {import("./message_list").MessageList} list */
    constructor(list) {
        this.list = list;
        this.base = markRaw(new Set());
        return reactive(this);
    }

    get size() {
        return this.keys.size;
    }

    /** @returns {import("./message_list").Row[]} in the order of the list */
    get rows() {
        return this.list.rows.filter((row) => this.keys.has(row.key));
    }

    has(row) {
        return this.keys.has(row.key);
    }

    toggle(row) {
        const keys = new Set(this.keys);
        if (!keys.delete(row.key)) {
            keys.add(row.key);
        }
        this.anchor = row.key;
        this._set(keys);
        this.base = markRaw(keys);
    }

    /** @param {import("./message_list").Row} row @param {import("./message_list").Row} [from] where a range begins that has no anchor yet */
    extendTo(row, from = row) {
        const { rows } = this.list;
        let start = rows.findIndex(({ key }) => key === this.anchor);
        if (start < 0) {
            this.anchor = from.key;
            this.base = this.keys;
            start = rows.indexOf(from);
        }
        const end = rows.indexOf(row);
        const range = rows.slice(Math.min(start, end), Math.max(start, end) + 1);
        this._set(new Set([...this.base, ...range.map(({ key }) => key)]));
    }

    /** All that is loaded. */
    selectAll() {
        this._set(new Set(this.list.rows.map((row) => row.key)));
        this.base = this.keys;
    }

    clear() {
        this.anchor = null;
        this._set(new Set());
        this.base = this.keys;
    }

    /** Rows that left the list are not acted upon. */
    prune() {
        if (this.keys.size) {
            const keys = [...this.keys].filter((key) => this.list.byKey.has(key));
            if (keys.length < this.keys.size) {
                this._set(new Set(keys));
            }
        }
    }

    _set(keys) {
        this.keys = markRaw(keys);
    }
}
