import { defineMailModels, start } from "@mail/../tests/mail_test_helpers";
import { waitFor } from "@odoo/hoot-dom";
import { getService, MockServer, onRpc, serverState } from "@web/../tests/web_test_helpers";
import { compareRows } from "@maildesk/store/message_list";

/**
 * The addon's server side as the app sees it (docs/protocol.md, section 4), over a plain list of messages that a test
 * changes at will. Each call is noted, so that a test can say which requests were made, and above all which were not.
 */
export class FakeMail {
    accounts = [];
    messages = [];
    bodies = new Map();
    calls = [];
    /** Set by a test: each answer waits for it. */
    gate = Promise.resolve();

    account(values = {}) {
        const id = this.accounts.length + 1;
        const account = {
            id,
            name: `Mailbox ${id}`,
            email: `box${id}@example.com`,
            state: "connected",
            state_message: "Connected",
            sync_phase: "up_to_date",
            last_sync_at: "2026-11-23T10:00:00Z",
            unread_count: 0,
            backfill_done: 0,
            backfill_total: 0,
            unreadable_count: 0,
            is_owner: true,
            permissions: { write: true, send: true },
            folders: [],
            ...values,
        };
        this.accounts.push(account);
        return account;
    }

    folder(account, values = {}) {
        const folder = {
            id: account.id * 100 + account.folders.length + 1,
            name: "Inbox",
            role: "inbox",
            parent_id: null,
            unread_count: 0,
            total_count: 0,
            sync_enabled: true,
            sync_state: "ok",
            ...values,
        };
        account.folders.push(folder);
        return folder;
    }

    message(folder, values = {}) {
        const id = values.id ?? this.messages.length + 1;
        const message = {
            id,
            account_id: Math.floor(folder.id / 100),
            folder_id: folder.id,
            subject: `Subject ${id}`,
            from_name: "Jane Doe",
            from_email: "jane@example.com",
            preview: "",
            received_at: moment(id),
            is_read: true,
            is_flagged: false,
            has_attachments: false,
            is_draft: false,
            importance: "normal",
            categories: [],
            to_recipients: [],
            ...values,
        };
        this.messages.push(message);
        return message;
    }

    fill(folder, count) {
        return Array.from({ length: count }, () => this.message(folder));
    }

    drop(message) {
        this.messages = this.messages.filter((other) => other !== message);
    }

    find(id) {
        return this.messages.find((message) => message.id === id);
    }

    /**
     * @param {string} method
     * @param {object} [kwargs]
     * @param {any[]} [args]
     */
    async call(method, kwargs = {}, args = []) {
        this.calls.push(method);
        const answer = structuredClone(this[method](kwargs, ...args));
        await this.gate;
        return answer;
    }

    maildesk_overview() {
        return { accounts: this.accounts };
    }

    maildesk_list({ folder_id, limit, before }) {
        const below = before && { received_at: before[0], id: before[1] };
        const rows = this.messages
            .filter((message) => message.folder_id === folder_id)
            .filter((message) => !below || compareRows(message, below) > 0)
            .sort(compareRows);
        return { rows: rows.slice(0, limit), more: rows.length > limit };
    }

    maildesk_rows({ message_ids }) {
        const rows = this.messages.filter((message) => message_ids.includes(message.id));
        const found = rows.map((row) => row.id);
        return { rows, missing: message_ids.filter((id) => !found.includes(id)) };
    }

    maildesk_open({ message_id }) {
        const ready = { state: "ready", html: "<p>Hello</p>", has_remote: false, attachments: [] };
        return {
            ...this.find(message_id),
            cc_recipients: [],
            bcc_recipients: [],
            body: this.bodies.get(message_id) ?? ready,
        };
    }

    /** By the id of the attachment: what the connector says of a mail in a mail, and of a link. */
    items = new Map();
    links = new Map();

    maildesk_open_item({ attachment_id }) {
        return this.items.get(attachment_id);
    }

    maildesk_attachment_link({ attachment_id }) {
        return this.links.get(attachment_id) ?? { url: "", host: "", is_file: false };
    }

    maildesk_refresh() {
        return true;
    }

    maildesk_set_sync({ folder_ids, enabled }) {
        for (const folder of this.accounts.flatMap((account) => account.folders)) {
            if (folder_ids.includes(folder.id)) {
                folder.sync_enabled = enabled;
            }
        }
        return true;
    }

    set(ids, values) {
        this.accounts.filter((account) => ids.includes(account.id)).forEach((account) => Object.assign(account, values));
        return true;
    }

    action_pause(kwargs, ids) {
        return this.set(ids, { state: "paused", state_message: "Paused" });
    }

    action_resume(kwargs, ids) {
        return this.set(ids, { state: "connected", state_message: "Connected" });
    }

    unlink(kwargs, ids) {
        return this.set(ids, { state: "disconnected", state_message: "Disconnected" });
    }

    maildesk_connect_again(kwargs, ids) {
        return this.set(ids, { state: "draft", state_message: "" });
    }

    maildesk_purge(kwargs, ids) {
        this.accounts = this.accounts.filter((account) => !ids.includes(account.id));
        return true;
    }

    /** Odoo's orm service, answered from here. */
    get orm() {
        const call = (model, method, args, kwargs) => this.call(method, kwargs, args);
        return { call, silent: { call } };
    }
}

/** A moment that is later the higher the number is. */
export function moment(n) {
    return new Date(Date.UTC(2026, 10, 1) + n * 60_000).toISOString().replace(".000Z", "Z");
}

export function defineMailDesk(mail) {
    for (const [model, method] of [
        ["mailbox.account", "maildesk_overview"],
        ["mailbox.account", "maildesk_refresh"],
        ["mailbox.account", "action_pause"],
        ["mailbox.account", "action_resume"],
        ["mailbox.account", "unlink"],
        ["mailbox.account", "maildesk_connect_again"],
        ["mailbox.account", "maildesk_purge"],
        ["mailbox.folder", "maildesk_set_sync"],
        ["mailbox.message_index", "maildesk_list"],
        ["mailbox.message_index", "maildesk_rows"],
        ["mailbox.message_index", "maildesk_open"],
        ["mailbox.message_index", "maildesk_open_item"],
        ["mailbox.message_index", "maildesk_attachment_link"],
    ]) {
        onRpc(model, method, ({ args, kwargs }) => mail.call(method, kwargs, args));
    }
}

/** Open the app in a whole web client, with Odoo's own bus. */
export async function openMailDesk(mail) {
    defineMailDesk(mail);
    await start();
    await getService("action").doAction({ type: "ir.actions.client", tag: "maildesk.app" });
    await waitFor(".o-maildesk");
}

/** What the addon sends after a commit. */
export function sendChanged(values) {
    const payload = { account_id: 1, folder_ids: [], message_ids: [], account: false, ...values };
    MockServer.env["bus.bus"]._sendone(serverState.partnerId, "maildesk/changed", payload);
}

export function sendBody(messageId, error = null) {
    MockServer.env["bus.bus"]._sendone(serverState.partnerId, "maildesk/body", { message_id: messageId, error });
}

export { defineMailModels };
