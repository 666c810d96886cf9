import { _t } from "@web/core/l10n/translation";
import { formatNumber } from "./format";

/**
 * What each kind of action does to a row, so that it shows before the server has answered, and what is said of it. The server's
 * answer is the truth: it replaces what is foreseen here (`store/doing.js`).
 */

/** Kind -> the role of the folder that messages go to. */
export const MOVES_TO_ROLE = { archive: "archive", delete: "trash", junk: "junk", not_junk: "inbox" };

// What changes where it stands is seen there; of what goes from sight a notice tells. Of several rows it always does.
const SEEN_IN_PLACE = ["read", "unread", "flag", "unflag"];

/**
 * @param {string} kind
 * @param {import("../store/message_list").Row} row
 * @param {object} values
 * @param {number|undefined} folderId where the row goes
 * @returns {import("../store/message_list").Row|null} the row as it will be; null if it will be nowhere
 */
export function foreseen(kind, row, values, folderId) {
    const thread = (change) => (row.thread ? { thread: { ...row.thread, ...change } } : {});
    switch (kind) {
        case "read":
            return { ...row, is_read: true, ...thread({ unread: 0 }) };
        case "unread":
            return { ...row, is_read: false, ...thread({ unread: row.thread?.ids.length || 1 }) };
        case "flag":
            return { ...row, is_flagged: true, ...thread({ is_flagged: true }) };
        case "unflag":
            return { ...row, is_flagged: false, ...thread({ is_flagged: false }) };
        case "importance":
            return { ...row, importance: values.importance };
        case "categories":
            return { ...row, categories: values.categories };
        case "destroy":
            return null;
        default:
            return folderId ? { ...row, folder_id: folderId } : row;
    }
}

export const isSeenInPlace = (kind, count) => count === 1 && SEEN_IN_PLACE.includes(kind);

/**
 * What was done, in a sentence.
 *
 * @param {string} kind
 * @param {{rows?: import("../store/message_list").Row[], folder?: string, name?: string}} about what it was done to
 */
export function doneSentence(kind, { rows = [], folder = "", name = "" }) {
    const sentence = {
        read: () => _t("Marked as read"),
        unread: () => _t("Marked as unread"),
        flag: () => _t("Flagged"),
        unflag: () => _t("Flag removed"),
        importance: () => _t("Importance changed"),
        categories: () => _t("Categories changed"),
        archive: () => _t("Moved to %s", folder),
        delete: () => _t("Moved to %s", folder),
        junk: () => _t("Moved to %s", folder),
        not_junk: () => _t("Moved to %s", folder),
        move: () => _t("Moved to %s", folder),
        destroy: () => _t("Deleted for good"),
        mark_folder_read: () => _t("All of %s marked as read", name),
        empty_folder: () => _t("%s is being emptied", name),
        folder_create: () => _t("The folder %s is being made in Outlook", name),
        folder_rename: () => _t("Renamed to %s", name),
        folder_move: () => _t("%s was moved", name),
        folder_delete: () => _t("%s was deleted", name),
    }[kind]();
    if (rows.length < 2) {
        return sentence;
    }
    const about = { done: sentence, count: formatNumber(rows.length) };
    return rows.some((row) => row.thread?.count > 1)
        ? _t("%(done)s · %(count)s conversations", about)
        : _t("%(done)s · %(count)s messages", about);
}

/** What did not succeed, named as briefly as a heading. */
export function failedSentence(kind) {
    return (
        {
            read: () => _t("Marking as read"),
            unread: () => _t("Marking as unread"),
            flag: () => _t("Flagging"),
            unflag: () => _t("Removing a flag"),
            importance: () => _t("Changing the importance"),
            categories: () => _t("Changing categories"),
            archive: () => _t("Archiving"),
            delete: () => _t("Deleting"),
            destroy: () => _t("Deleting for good"),
            junk: () => _t("Marking as spam"),
            not_junk: () => _t("Moving to the Inbox"),
            move: () => _t("Moving"),
            mark_folder_read: () => _t("Marking a folder as read"),
            empty_folder: () => _t("Emptying a folder"),
            folder_create: () => _t("Making a folder"),
            folder_rename: () => _t("Renaming a folder"),
            folder_move: () => _t("Moving a folder"),
            folder_delete: () => _t("Deleting a folder"),
        }[kind]?.() ?? _t("A change")
    );
}

/** Why something has not reached Outlook yet, by the code of `maildesk_actions`. */
export function waitingSentence(reason) {
    return (
        {
            sign_in: () => _t("until Outlook is signed in to again"),
            paused: () => _t("until the mailbox is resumed"),
            administrator: () => _t("until an administrator allows MailDesk"),
            connector: () => _t("until the mail connector is back"),
            outlook: () => _t("for Outlook, which asked for a pause"),
        }[reason]?.() ?? ""
    );
}
