import { reactive } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { ConnectionLostError } from "@web/core/network/rpc";
import { formatMoment } from "../utils/format";
import { messageOf } from "./draft";

/**
 * What becomes of a mail once its writer is done: it waits for its Undo or for its time, goes, and comes back if it must. That it goes
 * once is the addon's and the connector's; here nothing is sent a second time, and what is not known is not said.
 */
export class Sending {
    /** What will be sent at a time: lines, without text. */
    scheduled = [];
    /** Mails that can be taken back still. @type {{id: number, title: string, until: number, seconds: number}[]} */
    departing = [];

    /** @param {import("./compose").ComposeStore} compose */
    constructor(compose) {
        this.compose = compose;
        return reactive(this);
    }

    /**
     * Send, after the writer was asked about what may be forgotten.
     *
     * @param {Draft} draft
     * @param {{sendAt?: string}} [options] a time in UTC, as on the wire
     */
    async send(draft, { sendAt = null } = {}) {
        draft.problem = draft.obstacle;
        if (draft.problem || draft.isSending) {
            return false;
        }
        // from here on: a second click asks nothing a second time
        draft.isSending = true;
        try {
            const { doubts } = draft;
            if (doubts.length && !(await this._confirm(doubts))) {
                return false;
            }
            return await this._sendNow(draft, sendAt);
        } finally {
            draft.isSending = false;
        }
    }

    async _sendNow(draft, sendAt) {
        await Promise.all(draft.uploads.map((upload) => upload.done));
        draft.problem = draft.obstacle;
        if (draft.problem || !(await draft.save())) {
            return false;
        }
        let answer;
        try {
            answer = await this.compose.call("maildesk_send", { draft_id: draft.id, revision: draft.revision, delay: null, send_at: sendAt });
        } catch (error) {
            draft.problem = error instanceof ConnectionLostError ? _t("Odoo did not answer. Whether it goes shows as soon as Odoo is back.") : messageOf(error);
            return false;
        }
        if (answer.conflict) {
            draft.setConflict(answer.conflict);
            return false;
        }
        this.compose._remove(draft);
        if (sendAt) {
            this.scheduled = [...this.scheduled.filter(({ id }) => id !== draft.id), answer.draft];
            this.compose.notification.add(_t("It will be sent on %s.", formatMoment(sendAt)), {
                type: "success",
                buttons: [{ name: _t("Undo"), onClick: () => this.unsend(draft.id) }],
            });
            await this.loadScheduled();
        } else {
            this._depart(draft, answer.undo_seconds ?? 0);
        }
        return true;
    }

    /** Take a mail back that has not gone yet, and open it. */
    async unsend(id) {
        this.departed(id);
        const data = await this.compose.call("maildesk_unsend", { draft_id: id });
        this.scheduled = this.scheduled.filter((line) => line.id !== id);
        const draft = this.compose.find(id);
        if (draft) {
            draft.load(data);
        }
        this.compose._show(draft ?? this.compose._add(data));
    }

    /** Open a mail that waits for its time, to change it: it waits no more, and its writer hears so. @param {{id: number, send_at: string}} line */
    async reopen({ id, send_at: sendAt }) {
        await this.unsend(id);
        this.compose.notification.add(_t("It does not go on %s any more. Send it, or choose a time again.", formatMoment(sendAt)), {
            type: "warning",
        });
    }

    /** Decide about a mail of which nobody knows whether it was sent. @param {"sent"|"again"} choice */
    async resolve(draft, choice) {
        const data = await this.compose.call("maildesk_resolve", { draft_id: draft.id, choice });
        if (choice === "sent") {
            this.compose._remove(draft);
        } else {
            draft.load(data);
            this.compose._show(draft);
        }
    }

    /** A mail can be taken back no more. */
    departed(id) {
        this.departing = this.departing.filter((other) => other.id !== id);
    }

    /** Let a scheduled mail be a draft again, without a window. */
    async callOff(id) {
        await this.compose.call("maildesk_unsend", { draft_id: id });
        await this.loadScheduled();
        this.compose.notification.add(_t("It is not sent. You find it in Drafts."), { type: "info" });
    }

    async loadScheduled() {
        await this.compose._quietly(async () => {
            const { drafts } = await this.compose.call("maildesk_scheduled");
            // what is only waiting for its Undo is no plan
            const soon = new Set(this.departing.map(({ id }) => id));
            this.scheduled = drafts.filter((line) => !soon.has(line.id));
        });
    }

    _depart(draft, seconds) {
        const departing = { id: draft.id, title: draft.title, until: Date.now() + seconds * 1000, seconds };
        this.departing = [...this.departing, departing];
    }

    _confirm(doubts) {
        return new Promise((resolve) => {
            this.compose.dialog.add(
                ConfirmationDialog,
                {
                    title: _t("Send it like this?"),
                    body: doubts.join(" "),
                    confirmLabel: _t("Send"),
                    confirm: () => resolve(true),
                    cancelLabel: _t("Go Back"),
                    cancel: () => resolve(false),
                },
                { onClose: () => resolve(false) }
            );
        });
    }
}
