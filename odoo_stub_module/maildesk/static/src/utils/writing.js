import { _t } from "@web/core/l10n/translation";
import { isReadOnly } from "./folders";

/**
 * Why nobody can write from a mailbox, in words that say what to do; empty where one can. The addon refuses the same.
 *
 * @param {object} [account]
 */
export function whyNoWriting(account) {
    if (!account) {
        return _t("Connect a mailbox first: there is none to write from.");
    }
    if (!account.is_owner) {
        return _t("%s is shared with you to read: only its owner writes from it.", account.name);
    }
    switch (account.state) {
        case "draft":
            return _t("%s is not connected yet.", account.name);
        case "disconnected":
            return _t("%s is disconnected: nothing can be written from it.", account.name);
    }
    if (isReadOnly(account)) {
        return _t("Read only: Microsoft does not let MailDesk write from %s. Press “Re-Authorize Outlook” and allow it there.", account.name);
    }
    if (!account.permissions.send) {
        return _t("Microsoft does not let MailDesk send from %s. Press “Re-Authorize Outlook” and allow it there.", account.name);
    }
    return "";
}

/** The mailboxes that one can write from. */
export function writableAccounts(accounts) {
    return accounts.filter((account) => !whyNoWriting(account));
}

/** Why one cannot write at all; empty where one can from some mailbox. */
export function whyNoWritingAtAll(accounts) {
    if (writableAccounts(accounts).length) {
        return "";
    }
    const own = accounts.filter((account) => account.state !== "disconnected");
    return whyNoWriting(own.find((account) => account.is_owner) ?? own[0]);
}

/** Whether opening a row means going on with it: a draft in Drafts, of a mailbox that one can write from. */
export function isEditable(row, { accounts, folders }) {
    const account = accounts.find(({ id }) => id === row.account_id);
    const folder = folders.find(({ id }) => id === row.folder_id);
    return Boolean(row.id && row.is_draft && folder?.role === "drafts" && !whyNoWriting(account));
}
