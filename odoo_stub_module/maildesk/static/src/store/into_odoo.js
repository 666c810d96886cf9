import { reactive } from "@odoo/owl";

/**
 * A mail on its way into Odoo: what the dialog shows, and what the person chose.
 *
 *   loading ──▶ ready ──▶ (copied) ; coming (its text is fetched from Outlook: the bus tells) ──▶ ready ; error
 *
 * @typedef {{id: number, kind: "log"|"lead"|"task", model: string, record_id: number, name: string, model_name: string}} RecordLink
 */
export class Copying {
    state = "loading";
    message = "";
    /** @type {RecordLink|null} what was made of the conversation before */
    existing = null;
    title = "";
    /** To log on: models with a chatter, and the record of one of them. */
    models = [];
    model = "res.partner";
    recordId = false;
    projectId = false;
    /** What is attached, and which of it is copied along. */
    attachments = [];
    chosen = new Set();
    pictures = 0;
    hasPictures = false;
    limit = 0;
    isBusy = false;

    /**
     * @param {import("./into_odoo").IntoOdoo} into
     * @param {number} messageId
     * @param {"log"|"lead"|"task"} kind
     */
    constructor(into, messageId, kind) {
        Object.assign(this, { into, messageId, kind });
        return reactive(this);
    }

    get size() {
        return this.attachments.filter((file) => this.chosen.has(file.remote_id)).reduce((sum, file) => sum + (file.size || 0), 0);
    }

    get isTooLarge() {
        return this.size > this.limit;
    }

    get canRun() {
        return this.state === "ready" && !this.isBusy && !this.isTooLarge && (this.kind !== "log" || Boolean(this.recordId));
    }

    /** Whether there is nothing to log on that this user may change. */
    get isNowhere() {
        return this.kind === "log" && this.state === "ready" && !this.models.length;
    }

    async load() {
        const answer = await this.into.call("maildesk_into", { message_id: this.messageId, kind: this.kind });
        Object.assign(this, answer);
        if (answer.suggested) {
            Object.assign(this, { model: answer.suggested.model, recordId: answer.suggested.id });
        } else if (answer.models?.length) {
            this.chooseModel(answer.models[0].model);
        }
    }

    chooseModel(model) {
        Object.assign(this, { model, recordId: false });
    }

    toggle(file) {
        if (!this.chosen.delete(file.remote_id)) {
            this.chosen.add(file.remote_id);
        }
    }

    /**
     * Copy it, once, whatever is pressed.
     *
     * @returns {Promise<{link: RecordLink, is_new: boolean}|undefined>} nothing if its text has to be waited for
     */
    async run() {
        if (!this.canRun) {
            return;
        }
        const what = { message_id: this.messageId, attachment_ids: [...this.chosen], with_pictures: this.hasPictures };
        this.isBusy = true;
        try {
            const answer =
                this.kind === "log"
                    ? await this.into.call("maildesk_log", { ...what, res_model: this.model, res_id: this.recordId })
                    : await this.into.call("maildesk_make", { ...what, kind: this.kind, title: this.title, project_id: this.projectId });
            if (answer.state === "ready") {
                this.into.onLinks(this.messageId, answer.links);
                return answer;
            }
            this.state = answer.state;
        } finally {
            this.isBusy = false;
        }
    }
}

/** Records that came of mails: which there are of the open conversation, and how more are made. */
export class IntoOdoo {
    /** What this user may do: "log", and "lead" and "task" where their apps are there. */
    kinds = [];
    /** @type {Copying|null} what the dialog is about */
    copying = null;

    constructor(store, { orm, notification }) {
        Object.assign(this, { store, orm, notification });
        return reactive(this);
    }

    /** @returns {RecordLink[]} of the open conversation */
    get links() {
        return this.store.reading ? (this.store.conversation?.links ?? []) : [];
    }

    /** What was made of the conversation that a row is of, as far as it is known: it is open. */
    made(row, kind) {
        const { conversation, reading } = this.store;
        const isOpen = reading && row.account_id === reading.message.account_id && row.conversation_id === reading.message.conversation_id;
        return isOpen ? conversation?.links.find((link) => link.kind === kind) : undefined;
    }

    /** Begin; the dialog shows what becomes of it. */
    begin(messageId, kind) {
        return (this.copying = new Copying(this, messageId, kind));
    }

    end(copying) {
        if (this.copying?.messageId === copying.messageId && this.copying.kind === copying.kind) {
            this.copying = null;
        }
    }

    /** The text of a message came, or will not. */
    async onBody(messageId) {
        const { copying } = this;
        if (copying?.messageId === messageId && copying.state === "coming") {
            await copying.load();
        }
    }

    onLinks(messageId, links) {
        const { conversation } = this.store;
        if (conversation?.find(messageId)) {
            conversation.links = links;
        }
    }

    call(method, kwargs) {
        return this.orm.call("mailbox.message_index", method, [], kwargs);
    }
}
