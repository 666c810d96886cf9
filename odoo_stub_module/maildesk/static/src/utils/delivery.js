import { _t } from "@web/core/l10n/translation";

// How a mail stands that was just sent (`sending.state`, docs/protocol.md 4.2), as long as Outlook's copy is to come.
const SENDING = {
    sending: { text: _t("Being sent"), icon: "fa-paper-plane-o" },
    waiting: { text: _t("Sent; Outlook's copy is to come"), icon: "fa-paper-plane-o" },
    late: { text: _t("Sent, but Outlook's copy has not come for an hour"), icon: "fa-clock-o", isBad: true },
    unconfirmed: { text: _t("Nobody knows whether Outlook sent this"), icon: "fa-question-circle", isBad: true },
};

/**
 * How it stands with a mail that was sent: not delivered, on its way, or (undefined) as mail is.
 *
 * @param {import("../store/message_list").Row} row
 * @returns {{text: string, icon: string, isBad?: boolean}|undefined}
 */
export function deliveryOf(row) {
    const failed = (row.undelivered ?? []).filter(({ action }) => action === "failed");
    if (failed.length) {
        const people = [...new Set(failed.map(({ address }) => address))].join(", ");
        return { text: _t("Could not be delivered to %s", people), icon: "fa-exclamation-triangle", isBad: true };
    }
    return SENDING[row.sending?.state];
}
