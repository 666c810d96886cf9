import { _t } from "@web/core/l10n/translation";

/**
 * What is asked before something ends: the same words wherever it is done. Props of a ConfirmationDialog.
 *
 * @param {string} name of the mailbox
 */
export function disconnectQuestion(name) {
    return {
        title: _t("Disconnect %s?", name),
        body: _t(
            "No more mail is fetched, MailDesk's keys to the mailbox are deleted, what waits to be sent is cancelled, and people it is shared with lose it. What is here stays readable for its owner until it is purged. Nothing changes in Outlook."
        ),
        confirmLabel: _t("Disconnect"),
        cancelLabel: _t("Keep It"),
        cancel: () => {},
    };
}

export function purgeQuestion(name) {
    return {
        title: _t("Purge %s?", name),
        body: _t(
            "The mailbox is deleted from Odoo with its folders, its messages and everything else that Odoo keeps of it. This cannot be undone. The mail in Outlook stays as it is, and so do copies on records of Odoo."
        ),
        confirmLabel: _t("Purge"),
        confirmClass: "btn-danger",
        cancelLabel: _t("Keep It"),
        cancel: () => {},
    };
}
