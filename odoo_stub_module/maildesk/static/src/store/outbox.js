import { reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { coalesced } from "../utils/coalesce";
import { failedSentence } from "../utils/action_effects";

/**
 * What of the person's actions is not in Outlook yet, or failed. Read when the app opens, and while any is on its way with each
 * news of the bus; without actions nobody asks.
 */

// The server tells what an action waits for when it is ten seconds old: one look after that, where it has not ended by then.
const PATIENCE = 12_000; // ms

/**
 * @typedef {{uuid: string, account_id: number, kind: string, state: string, message_id: number|null, folder_id: number|null,
 *  name: string|null, waiting_for: string|null, error: string|null}} Action
 * @typedef {{key: string, heading: string, error: string, uuids: string[], messageIds: number[]}} Failure
 */
export class Outbox {
    /** @type {Action[]} open and failed ones */
    actions = [];

    /**
     * @param {import("./maildesk_store").MailDeskStore} store
     * @param {{orm: object, announcer: object}} services
     */
    constructor(store, { orm, announcer }) {
        Object.assign(this, { store, orm, announcer });
        /** Those that were done here and have not been seen to end. */
        this.followed = new Set();
        const self = reactive(this);
        self._look = coalesced(() => self._read());
        return self;
    }

    /** @returns {Failure[]} what failed, for one reason each */
    get failures() {
        const found = new Map();
        for (const { kind, state, error, uuid, message_id: messageId } of this.actions) {
            if (state === "failed" && kind !== "send") {
                const key = `${kind} ${error}`;
                const failure = found.get(key) ?? { key, heading: failedSentence(kind), error, uuids: [], messageIds: [] };
                failure.uuids.push(uuid);
                failure.messageIds.push(...(messageId ? [messageId] : []));
                found.set(key, failure);
            }
        }
        return [...found.values()];
    }

    /** @returns {{accountId: number, reason: string, count: number}[]} what waits, by mailbox and for what */
    get waiting() {
        const found = new Map();
        for (const { account_id: accountId, waiting_for: reason } of this.actions) {
            if (reason) {
                const key = `${accountId} ${reason}`;
                const line = found.get(key) ?? { key, accountId, reason, count: 0 };
                found.set(key, { ...line, count: line.count + 1 });
            }
        }
        return [...found.values()];
    }

    /** Whether changes of a mailbox wait for more than their turn. */
    isWaiting(accountId) {
        return this.actions.some((action) => action.account_id === accountId && action.waiting_for);
    }

    /** Actions were made: their end is of interest. */
    follow(uuids) {
        uuids.forEach((uuid) => this.followed.add(uuid));
        if (uuids.length) {
            this._lookLater();
        }
    }

    /** Rows tell that something failed of which nothing is known here: it was done elsewhere. */
    onRows(rows) {
        const known = new Set(this.actions.filter(({ state }) => state === "failed").map((action) => action.message_id));
        if (rows.some((row) => row.failed && !known.has(row.id))) {
            this.store._quietly(() => this.look());
        }
    }

    async look() {
        if (this.store.accounts.some((account) => account.is_owner && account.state !== "draft")) {
            await this._look();
        }
    }

    async lookIfNeeded() {
        if (this.followed.size || this.actions.length) {
            await this.look();
        }
    }

    /** @param {Failure} failure */
    async retry({ uuids }) {
        const { rows, uuids: again } = await this._call("maildesk_retry", { uuids });
        this.follow(again);
        this._drop(uuids);
        this.store.doing._show(
            rows,
            rows.map((row) => row.id)
        );
        await this.store.loadOverview();
    }

    /** The person has read why. @param {Failure} failure */
    async dismiss({ uuids }) {
        const { rows } = await this._call("maildesk_dismiss", { uuids });
        this._drop(uuids);
        this.store.doing._show(
            rows,
            rows.map((row) => row.id)
        );
    }

    // ------------------------------------------------------------------ inside

    async _read() {
        const known = new Set(this.failures.flatMap(({ uuids }) => uuids));
        const followed = [...this.followed];
        const { actions } = await this._call("maildesk_actions", {});
        const owned = new Set(this.store.accounts.filter((account) => account.is_owner).map(({ id }) => id));
        this.actions = actions.filter((action) => owned.has(action.account_id));
        const open = new Set(actions.filter(({ state }) => state !== "failed").map(({ uuid }) => uuid));
        followed.filter((uuid) => !open.has(uuid)).forEach((uuid) => this.followed.delete(uuid));
        const news = this.failures.find(({ uuids }) => uuids.some((uuid) => !known.has(uuid)));
        if (news) {
            this.announcer.announce(_t("%(what)s failed. %(why)s", { what: news.heading, why: news.error }));
        }
        // one that is to go at a time, or waits for its author's word, is not on its way
        if (this.actions.some(({ state, waiting_for: reason }) => ["pending", "running"].includes(state) && !reason)) {
            this._lookLater();
        }
    }

    _lookLater() {
        browser.clearTimeout(this.timer);
        this.timer = browser.setTimeout(() => this.store._quietly(() => this.lookIfNeeded()), PATIENCE);
    }

    _drop(uuids) {
        this.actions = this.actions.filter(({ uuid }) => !uuids.includes(uuid));
    }

    _call(method, kwargs) {
        return this.orm.silent.call("mailbox.action", method, [], kwargs);
    }
}
