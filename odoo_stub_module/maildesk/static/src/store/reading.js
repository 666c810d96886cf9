import { reactive } from "@odoo/owl";

/**
 * The message that is open. Its headers are there at once (the list has them), its body when Odoo or, later, the bus brings it.
 *
 * @typedef {{state: "loading"|"coming"} | {state: "error", message?: string, code?: string} |
 *  {state: "ready", html: string, has_remote: boolean, attachments: object[]}} Body
 */
export class Reading {
    /** Whether the message has left the mailbox, or our sight, while it was open. */
    isGone = false;
    /** @type {Body} */
    body = { state: "loading" };

    /**
     * @param {(method: string, kwargs: object) => Promise<any>} call of the model `mailbox.message_index`
     * @param {import("./message_list").Row} row
     */
    constructor(call, row) {
        this.call = call;
        this.id = row.id;
        this.message = { cc_recipients: [], bcc_recipients: [], ...row };
        return reactive(this);
    }

    async load() {
        this.body = this.body.state === "ready" ? this.body : { state: "loading" };
        try {
            const { body, ...message } = await this.call("maildesk_open", { message_id: this.id });
            this.message = message;
            // a reader's place in an open mail is kept: the same body does not come twice
            if (this.body.state !== "ready" || body.state === "ready") {
                this.body = body;
            }
        } catch (error) {
            if (this.body.state !== "ready") {
                this.body = { state: "error", message: "" };
            }
            throw error;
        }
    }

    /**
     * A body that was "coming" has arrived, or never will.
     *
     * @param {string|null} error a code; the pane has a sentence for it
     */
    async arrived(error) {
        if (this.body.state === "ready") {
            return;
        }
        if (error) {
            this.body = { state: "error", code: error };
        } else {
            await this.load();
        }
    }

    /** Take over how the row is now. */
    apply(rows, missing) {
        const row = rows.find((candidate) => candidate.id === this.id);
        if (row) {
            Object.assign(this.message, row);
            this.isGone = false;
        } else if (missing.includes(this.id)) {
            this.isGone = true;
        }
    }
}
