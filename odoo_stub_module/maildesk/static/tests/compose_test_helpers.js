import { ConnectionLostError } from "@web/core/network/rpc";
import { patchWithCleanup } from "@web/../tests/web_test_helpers";
import { fileUploadService } from "@web/core/file_upload/file_upload_service";

/**
 * The addon's `mailbox.draft` as the app sees it (docs/protocol.md, section 4.2): revisions, conflicts, and what became of a mail. Each
 * call is noted with what it brought.
 */
export class FakeDrafts {
    records = [];
    calls = [];
    /** What is suggested by `maildesk_recipients`. */
    people = [];
    undoSeconds = 10;
    quote = { state: "ready", html: "" };
    isLost = false;
    /** Files that went with a draft that was deleted in Outlook. */
    lostFiles = [];
    /** Set by a test: an error of the next save or send. */
    refusal = null;

    draft(values = {}) {
        const id = 500 + this.records.length + 1;
        const record = {
            id,
            revision: 1,
            account_id: 1,
            message_id: null,
            mode: "new",
            source_message_id: null,
            from_address: "box1@example.com",
            from_choices: ["box1@example.com"],
            to: [],
            cc: [],
            bcc: [],
            subject: "",
            html: "<p><br></p>",
            importance: "normal",
            is_simplified: false,
            attachments: [],
            state: "editing",
            send_at: null,
            error: null,
            outlook: "saved",
            upload_url: `/maildesk/draft/${id}/attach`,
            ...values,
        };
        this.records.push(record);
        return record;
    }

    find(id) {
        return this.records.find((record) => record.id === id);
    }

    made(method) {
        return this.calls.filter((call) => call.method === method);
    }

    async call(method, kwargs) {
        this.calls.push({ method, ...wired(kwargs) });
        if (this.isLost) {
            throw new ConnectionLostError("/web/dataset/call_kw");
        }
        return wired(this[method](wired(kwargs)));
    }

    maildesk_compose({ mode, message_id, to, subject, account_id }) {
        const isAnswer = mode !== "new";
        const record = this.draft({
            mode,
            account_id: account_id ?? 1,
            source_message_id: message_id,
            to: to ?? (isAnswer && mode !== "forward" ? [{ name: "Jane Doe", address: "jane@example.com" }] : []),
            subject: subject ?? (isAnswer ? "Re: Subject" : ""),
            html: `<p><br></p>${this.quote.html}`,
        });
        return { ...record, quote: this.quote.state, missing_recipients: 0 };
    }

    maildesk_quote() {
        return { ...this.quote, attachments: [] };
    }

    maildesk_draft({ draft_id }) {
        return this.find(draft_id);
    }

    maildesk_drafts() {
        return { drafts: this.records.filter(({ state }) => ["editing", "failed", "unconfirmed"].includes(state)) };
    }

    maildesk_scheduled() {
        return { drafts: this.records.filter(({ state }) => state === "scheduled") };
    }

    maildesk_edit({ message_id }) {
        return this.records.find((record) => record.message_id === message_id) ?? this.draft({ mode: "edit", message_id, subject: "From Outlook" });
    }

    maildesk_save({ draft_id, revision, values }) {
        const record = this.find(draft_id);
        if (this.refusal) {
            const error = new Error("refused");
            error.data = { message: this.refusal };
            throw error;
        }
        if (revision !== record.revision) {
            return { conflict: record };
        }
        const { attachment_ids: ids, ...rest } = values;
        Object.assign(record, rest, { revision: record.revision + 1, state: "editing", error: null });
        if (ids) {
            record.attachments = ids.map((id) => record.attachments.find((file) => file.id === id) ?? { id, name: `file-${id}`, size: 5, is_inline: false, url: "#" });
        }
        return { revision: record.revision, outlook: record.outlook, attachments: record.attachments };
    }

    maildesk_take({ draft_id, choice }) {
        const record = this.find(draft_id);
        Object.assign(record, { outlook: "saved", revision: record.revision + 1 });
        if (choice === "anew") {
            return { ...record, lost_files: this.lostFiles };
        }
        if (choice === "text") {
            record.is_simplified = false;
        }
        if (choice === "outlook") {
            record.subject = "As Outlook has it";
        }
        return record;
    }

    maildesk_send({ draft_id, revision, send_at }) {
        const record = this.find(draft_id);
        if (revision !== record.revision) {
            return { conflict: record };
        }
        Object.assign(record, { state: "scheduled", send_at: send_at ?? "2026-11-23T10:00:10Z" });
        return { draft: record, undo_seconds: send_at ? null : this.undoSeconds };
    }

    maildesk_unsend({ draft_id }) {
        return Object.assign(this.find(draft_id), { state: "editing", send_at: null });
    }

    maildesk_discard({ draft_id }) {
        this.find(draft_id).state = "discarded";
        return true;
    }

    maildesk_resolve({ draft_id, choice }) {
        const isSent = choice === "sent";
        return Object.assign(this.find(draft_id), { state: isSent ? "sent" : "editing", error: isSent ? null : "It may have been sent before." });
    }

    maildesk_recipients({ search }) {
        const asked = search.toLowerCase();
        return { people: this.people.filter(({ name, address }) => `${name} ${address}`.toLowerCase().includes(asked)) };
    }
}

/** As it comes over the wire. */
function wired(value) {
    return JSON.parse(JSON.stringify(value));
}

export const DRAFT_METHODS = [
    "maildesk_compose",
    "maildesk_quote",
    "maildesk_draft",
    "maildesk_drafts",
    "maildesk_scheduled",
    "maildesk_edit",
    "maildesk_save",
    "maildesk_take",
    "maildesk_send",
    "maildesk_unsend",
    "maildesk_discard",
    "maildesk_resolve",
];

/** Uploads that a test lets arrive: each as a request with `answer(status, json)` and `progress(part)`. */
export function mockUploads() {
    const requests = [];
    patchWithCleanup(fileUploadService, {
        createXhr() {
            const xhr = new EventTarget();
            Object.assign(xhr, {
                upload: new EventTarget(),
                status: 0,
                open: (verb, url) => (xhr.url = url),
                send: (data) => (xhr.data = data),
                abort: () => ["abort", "loadend"].forEach((type) => xhr.dispatchEvent(new Event(type))),
                progress: (loaded, total) => xhr.upload.dispatchEvent(Object.assign(new Event("progress"), { loaded, total })),
                answer: (status, json) => {
                    Object.assign(xhr, { status, responseText: JSON.stringify(json) });
                    xhr.dispatchEvent(new Event("load"));
                    xhr.dispatchEvent(new Event("loadend"));
                },
            });
            requests.push(xhr);
            return xhr;
        },
    });
    return requests;
}
