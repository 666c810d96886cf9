import { markRaw, reactive } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { ConnectionLostError } from "@web/core/network/rpc";
import { addressKey } from "../utils/people";

/**
 * Which addresses are contacts. Whoever shows an address asks `of(address)`, is told what is known now, and is shown the rest when
 * it comes: all that a screen asks for in one moment is one request.
 *
 * @typedef {{id: number, name: string, company: string, function: string, phone: string, is_company: boolean, picture: string}} Contact
 */

// How long addresses are gathered: the rows of a page are drawn within one frame.
const GATHER_TIME = 20; // ms

// What the server answers in one call.
const SERVER_LIMIT = 200;

// Addresses kept: some weeks of mail. Beyond that it is cheaper to ask again.
const CACHE_LIMIT = 2000;

export class ContactStore {
    /** @type {Record<string, Contact|false>} by address key; false: known to be no contact */
    contacts = {};
    mayCreate = false;

    constructor({ orm }) {
        this.orm = orm;
        // Not reactive, as it changes while components render: keys that are to be asked for, and those that were since the app opened.
        this.queue = markRaw({ wanted: new Set(), asked: new Set(), timer: null });
        return reactive(this);
    }

    /**
     * @param {string} [address]
     * @returns {Contact|undefined} reactive: it comes by itself when it is known
     */
    of(address) {
        const key = addressKey(address);
        if (!key.includes("@")) {
            return undefined;
        }
        this._ask(key);
        return this.contacts[key] || undefined;
    }

    /** Whether it is known by now if an address is a contact. */
    isKnown(address) {
        return addressKey(address) in this.contacts;
    }

    /** Ask again for whatever is shown from now on; what is known is shown until then. */
    expire() {
        this.queue.asked.clear();
    }

    /** Make a contact of somebody whom a message names; everything that shows that person shows the contact at once. */
    async create(messageId, address) {
        const contact = await this.orm.call("res.partner", "maildesk_create_contact", [], {
            message_id: messageId,
            address,
        });
        this.contacts[addressKey(address)] = contact;
        return contact;
    }

    /** What other apps know of a contact, as buttons. */
    async known(contactId) {
        try {
            return await this.orm.silent.call("res.partner", "maildesk_known", [], { partner_id: contactId });
        } catch (error) {
            return this._withoutServer(error, []);
        }
    }

    // ------------------------------------------------------------------ inside

    _ask(key) {
        const { queue } = this;
        if (!queue.asked.has(key)) {
            queue.asked.add(key);
            queue.wanted.add(key);
            queue.timer ??= browser.setTimeout(() => this._fetch(), GATHER_TIME);
        }
    }

    async _fetch() {
        const { queue } = this;
        const keys = [...queue.wanted].slice(0, SERVER_LIMIT);
        keys.forEach((key) => queue.wanted.delete(key));
        queue.timer = queue.wanted.size ? browser.setTimeout(() => this._fetch(), GATHER_TIME) : null;
        try {
            const answer = await this.orm.silent.call("res.partner", "maildesk_contacts", [], { emails: keys });
            this.mayCreate = answer.may_create;
            this._makeRoom(keys.length);
            for (const key of keys) {
                this.contacts[key] = answer.contacts[key] ?? false;
            }
        } catch (error) {
            // asked again with the next opening of the app
            this._withoutServer(error);
        }
    }

    _makeRoom(count) {
        const known = Object.keys(this.contacts);
        for (const key of known.slice(0, Math.max(0, known.length + count - CACHE_LIMIT))) {
            delete this.contacts[key];
            this.queue.asked.delete(key);
        }
    }

    /** Contacts are an addition: without the server mail is shown without them. */
    _withoutServer(error, answer) {
        if (!(error instanceof ConnectionLostError)) {
            throw error;
        }
        return answer;
    }
}
