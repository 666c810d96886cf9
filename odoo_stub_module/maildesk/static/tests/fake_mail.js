import { compareRows } from "@maildesk/store/message_list";
import { FakeDrafts } from "./compose_test_helpers";
import { FakeActions } from "./fake_actions";

/** A moment that is later the higher the number is. */
export function moment(n) {
    return new Date(Date.UTC(2026, 10, 1) + n * 60_000).toISOString().replace(".000Z", "Z");
}

/**
 * The addon's server side as the app sees it (docs/protocol.md, section 4), over a plain list of messages that a test
 * changes at will. Each call is noted, so that a test can say which requests were made, and above all which were not.
 */
export class FakeMail extends FakeActions {
    accounts = [];
    connector = { is_up: true, since: null };
    messages = [];
    /** What only Microsoft has, for `maildesk_search_remote`. */
    remote = { rows: [], state: "ready", message: "" };
    bodies = new Map();
    trusted = new Set();
    prefetched = [];
    calls = [];
    /** Contacts by address, and what other apps know of them by contact. */
    contacts = {};
    known = {};
    mayCreate = true;
    notify = "off";
    drafts = new FakeDrafts();
    /** What this user may do with mail in Odoo, what came of it by conversation, and what a dialog is told. */
    into = ["log", "lead", "task"];
    links = new Map();
    copyable = { state: "ready", existing: null, attachments: [], pictures: 0, limit: 1000 };
    copies = [];
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
            conversation_id: `conversation-${id}`,
            waiting: false,
            failed: null,
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
        return { accounts: this.accounts, connector: this.connector, into: this.into };
    }

    maildesk_list({ folder_id, role, view, filters = [], order, limit, before }) {
        const rows = this.inScope({ folder_id, role, filters }).sort(compareRows);
        return this.page(this.inView(rows, { folder_id, role, view }), { order, limit, before });
    }

    maildesk_rows({ message_ids, view, folder_id, role }) {
        const rows = this.messages.filter((message) => message_ids.includes(message.id));
        const found = rows.map((row) => row.id);
        const told = view === "conversations" ? rows.map((row) => this.withThread(row, { folder_id, role })) : rows;
        return { rows: told, missing: message_ids.filter((id) => !found.includes(id)) };
    }

    /** Plain words, `from:` and `is:flagged`: enough for the app, which does not understand a question itself. */
    maildesk_search({ query, account_id, folder_id, limit, before }) {
        const words = query.toLowerCase().split(/\s+/).filter(Boolean);
        const isHit = (message) =>
            words.every((word) => {
                if (word.startsWith("from:")) {
                    return message.from_email.includes(word.slice(5));
                }
                if (word === "is:flagged") {
                    return message.is_flagged;
                }
                return word === "in:inbox" || message.subject.toLowerCase().includes(word);
            });
        const rows = this.messages
            .filter((message) => (!account_id || message.account_id === account_id) && (!folder_id || message.folder_id === folder_id))
            .filter(isHit)
            .sort(compareRows)
            .map((row) => ({ ...row, folder_name: this.folders.find((folder) => folder.id === row.folder_id)?.name }));
        const notes = words.filter((word) => word.startsWith("size:")).map((word) => `${word} is not understood.`);
        return { ...this.page(rows, { limit, before }), notes };
    }

    maildesk_search_remote() {
        return this.remote;
    }

    maildesk_open_remote({ remote_id }) {
        const row = this.remote.rows.find((other) => other.remote_id === remote_id);
        return { ...row, body: { state: "ready", html: "<p>From afar</p>", has_remote: false, attachments: [] } };
    }

    get folders() {
        return this.accounts.flatMap((account) => account.folders);
    }

    inScope({ folder_id, role, filters }) {
        const open = this.accounts.filter((account) => account.state !== "disconnected").flatMap((account) => account.folders);
        const ids = role ? open.filter((folder) => folder.role === role).map((folder) => folder.id) : [folder_id];
        const tests = {
            unread: (message) => !message.is_read,
            flagged: (message) => message.is_flagged,
            attachments: (message) => message.has_attachments,
            from_me: () => false,
            to_me: () => true,
        };
        return this.messages.filter(
            (message) => ids.includes(message.folder_id) && filters.every((name) => tests[name](message))
        );
    }

    /** One row a conversation, the newest of its messages in scope. */
    inView(rows, { folder_id, role, view }) {
        if (view !== "conversations") {
            return rows;
        }
        const heads = new Map();
        for (const row of rows) {
            const key = `${row.account_id}/${row.conversation_id}`;
            if (!heads.has(key)) {
                heads.set(key, this.withThread(row, { folder_id, role }));
            }
        }
        return [...heads.values()];
    }

    withThread(row, { folder_id, role }) {
        const isMember = (message) => message.account_id === row.account_id && message.conversation_id === row.conversation_id;
        const all = this.messages.filter(isMember);
        const here = this.inScope({ folder_id, role, filters: [] }).filter(isMember);
        const thread = {
            count: all.length,
            unread: here.filter((message) => !message.is_read).length,
            senders: [...new Set(all.map((message) => message.from_name))].slice(0, 3),
            ids: here.map((message) => message.id),
            has_attachments: here.some((message) => message.has_attachments),
            is_flagged: here.some((message) => message.is_flagged),
        };
        return { ...row, thread };
    }

    /** @param {object[]} rows newest first */
    page(rows, { order = "newest", limit, before }) {
        const compare = order === "oldest" ? (a, b) => compareRows(b, a) : compareRows;
        const last = before && { received_at: before[0], id: before[1] };
        const rest = [...rows].sort(compare).filter((row) => !last || compare(row, last) > 0);
        return { rows: rest.slice(0, limit), more: rest.length > limit };
    }

    maildesk_open({ message_id }) {
        const ready = { state: "ready", html: "<p>Hello</p>", has_remote: false, attachments: [] };
        return {
            cc_recipients: [],
            bcc_recipients: [],
            ...this.find(message_id),
            remote_id: `remote ${message_id}`,
            is_trusted: this.trusted.has(this.find(message_id)?.from_email),
            body: this.bodies.get(message_id) ?? ready,
        };
    }

    maildesk_conversation({ message_id }) {
        const { account_id, conversation_id } = this.find(message_id);
        const rows = this.messages.filter((m) => m.account_id === account_id && m.conversation_id === conversation_id);
        return { rows: rows.sort((a, b) => -compareRows(a, b)), links: this.links.get(conversation_id) ?? [] };
    }

    maildesk_into({ message_id, kind }) {
        const { subject } = this.find(message_id);
        const models = [{ model: "res.partner", name: "Contact" }, { model: "res.users", name: "User" }];
        return { title: subject, ...(kind === "log" ? { models, suggested: null } : {}), ...this.copyable };
    }

    maildesk_log({ message_id, res_model: model, res_id: record_id, ...how }) {
        return this.keepCopy(message_id, { kind: "log", model, record_id, name: "Jane Doe", model_name: "Contact" }, how);
    }

    maildesk_make({ message_id, kind, title: name, ...how }) {
        const model = { lead: "crm.lead", task: "project.task" }[kind];
        return this.keepCopy(message_id, { kind, model, record_id: 70, name, model_name: kind }, how);
    }

    keepCopy(messageId, link, how) {
        const { conversation_id: id } = this.find(messageId);
        const links = this.links.get(id) ?? [];
        this.copies.push({ messageId, link, ...how });
        this.links.set(id, [...links, { id: links.length + 1, ...link }]);
        return { state: "ready", is_new: true, link: this.links.get(id).at(-1), links: this.links.get(id) };
    }

    maildesk_prefetch({ message_ids }) {
        this.prefetched.push(...message_ids);
        return message_ids.length;
    }

    maildesk_trust_sender({ message_id }) {
        this.trusted.add(this.find(message_id).from_email);
        return true;
    }

    maildesk_distrust_sender({ message_id }) {
        this.trusted.delete(this.find(message_id).from_email);
        return true;
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

    maildesk_categories({ account_ids: ids }) {
        return { names: [...new Set(this.messages.filter((message) => ids.includes(message.account_id)).flatMap(({ categories }) => categories))] };
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

    get inboxes() {
        return this.accounts.flatMap((account) => account.folders).filter((folder) => folder.role === "inbox");
    }

    get unreadRows() {
        const ids = this.inboxes.map((folder) => folder.id);
        return this.messages.filter((message) => !message.is_read && ids.includes(message.folder_id)).sort(compareRows);
    }

    maildesk_counts() {
        return {
            mailboxes: this.accounts.length,
            unread: this.accounts.reduce((sum, account) => sum + account.unread_count, 0),
            inbox_ids: this.inboxes.map((folder) => folder.id),
            notify: this.notify,
        };
    }

    maildesk_newest_unread() {
        return { rows: this.unreadRows.slice(0, 5) };
    }

    maildesk_news({ message_ids: ids }) {
        const rows = this.unreadRows.filter((message) => ids.includes(message.id));
        return { count: rows.length, rows: rows.slice(0, 5) };
    }

    contact(address, values = {}) {
        const id = 1000 + Object.keys(this.contacts).length;
        const contact = { id, name: "Jane Doe", company: "", function: "", phone: "", is_company: false, picture: "", ...values };
        this.contacts[address] = contact;
        return contact;
    }

    maildesk_contacts({ emails }) {
        const found = Object.entries(this.contacts).filter(([address]) => emails.includes(address));
        return { contacts: Object.fromEntries(found), may_create: this.mayCreate };
    }

    maildesk_known({ partner_id: id }) {
        return this.known[id] ?? [];
    }

    maildesk_create_contact({ message_id: id, address }) {
        return this.contact(address, { name: this.find(id).from_name });
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
