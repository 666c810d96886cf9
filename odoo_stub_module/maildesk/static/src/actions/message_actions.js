import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { CategoriesDialog } from "../components/categories_dialog";
import { FolderDialog } from "../components/folder_dialog";
import { messageIds } from "../store/message_list";
import { maildeskActions } from "./maildesk_actions";
import { maildeskKeys } from "./maildesk_keys";

/** What is done with messages: on a row, in the bar of the selection, at the open message, by keys, in Odoo's palette. */

const EVERYWHERE = ["message", "selection", "conversation"];
const IN_BARS = ["selection", "conversation"];

const isUnread = (row) => !row.is_read || row.thread?.unread > 0;
const isFlagged = (row) => row.is_flagged || Boolean(row.thread?.is_flagged);

const canChange = ({ store, rows }) => store.doing.changeable(rows).length > 0;
const roleOf = ({ store }, row) => store.folderById(row.folder_id)?.role;
const areIn = (context, role) => context.rows.every((row) => roleOf(context, row) === role);

/** Whether there is a folder of this role that some of the rows are not in. */
const canGoTo = (context, role) =>
    context.store.doing.changeable(context.rows).some((row) => {
        const folder = context.store.doing.folderByRole(row.account_id, role);
        return folder && folder.id !== row.folder_id;
    });

/** To the Trash; what is there already for good, if the person says so. */
async function remove(context) {
    const { store, dialog, rows } = context;
    const trashed = rows.filter((row) => roleOf(context, row) === "trash");
    const others = rows.filter((row) => !trashed.includes(row));
    if (others.length) {
        await store.doing.do("delete", others);
    }
    const count = store.doing.changeable(trashed).flatMap(messageIds).length;
    if (count) {
        dialog.add(ConfirmationDialog, {
            title: _t("Delete for good?"),
            body:
                count === 1
                    ? _t("The message is deleted here and in Outlook. This cannot be undone.")
                    : _t("%s messages are deleted here and in Outlook. This cannot be undone.", count),
            confirmLabel: _t("Delete for Good"),
            confirmClass: "btn-danger",
            confirm: () => store.doing.do("destroy", trashed),
            cancelLabel: _t("Keep"),
            cancel: () => {},
        });
    }
}

/** Choose a folder of the mailbox that the rows are in; rows of several mailboxes cannot go to one folder. */
function chooseFolder({ store, dialog, rows }) {
    const movable = store.doing.changeable(rows);
    const account = store.doing.accountOf(movable[0]);
    dialog.add(FolderDialog, {
        title: _t("Move to"),
        folders: account.folders,
        isOffered: (folder) => store.doing.canMove(movable, folder),
        onChosen: (folder) => store.doing.move(movable, folder),
    });
}

async function chooseCategories({ store, dialog, rows }) {
    const changed = store.doing.changeable(rows);
    const known = await store.mailboxes.categories([...new Set(changed.map((row) => row.account_id))]);
    dialog.add(CategoriesDialog, {
        rows: changed,
        known,
        onChosen: (names) => store.doing.do("categories", changed, { categories: names }),
    });
}

const setImportance = (importance, name, icon) => ({
    place: IN_BARS,
    isMore: true,
    name,
    icon,
    condition: (context) => canChange(context) && context.rows.some((row) => row.importance !== importance),
    run: ({ store, rows }) => store.doing.do("importance", rows, { importance }),
});

maildeskActions
    .add("archive", {
        place: EVERYWHERE,
        name: _t("Archive"),
        icon: "fa fa-archive",
        keys: ["e"],
        condition: (context) => canGoTo(context, "archive"),
        run: ({ store, rows }) => store.doing.do("archive", rows.filter((row) => store.folderById(row.folder_id)?.role !== "archive")),
    }, { sequence: 20 })
    .add("delete", {
        place: EVERYWHERE,
        name: _t("Delete"),
        label: (context) => (areIn(context, "trash") ? _t("Delete for Good") : _t("Delete")),
        icon: "fa fa-trash-o",
        keys: ["#", "Delete"],
        condition: canChange,
        run: remove,
    }, { sequence: 30 })
    .add("move", {
        place: IN_BARS,
        name: _t("Move…"),
        icon: "fa fa-folder-open-o",
        keys: ["v"],
        condition: ({ store, rows }) => {
            const accounts = new Set(store.doing.changeable(rows).map((row) => row.account_id));
            return accounts.size === 1;
        },
        run: chooseFolder,
    }, { sequence: 40 })
    .add("toggle-read", {
        place: EVERYWHERE,
        name: _t("Mark as read or unread"),
        label: ({ rows }) => (rows.some(isUnread) ? _t("Mark as Read") : _t("Mark as Unread")),
        icon: "fa fa-envelope-open-o",
        iconOf: ({ rows }) => (rows.some(isUnread) ? "fa fa-envelope-open-o" : "fa fa-envelope-o"),
        keys: ["u"],
        condition: canChange,
        run: ({ store, rows }) => store.doing.do(rows.some(isUnread) ? "read" : "unread", rows),
    }, { sequence: 50 })
    .add("toggle-flag", {
        place: EVERYWHERE,
        name: _t("Flag, or flag no more"),
        label: ({ rows }) => (rows.every(isFlagged) ? _t("Remove the Flag") : _t("Flag")),
        icon: "fa fa-flag-o",
        iconOf: ({ rows }) => (rows.every(isFlagged) ? "fa fa-flag" : "fa fa-flag-o"),
        keys: ["s"],
        condition: canChange,
        // a flag is a thing to do: one for a conversation, as Outlook has it, not one for each of its messages
        run: ({ store, rows }) =>
            rows.every(isFlagged) ? store.doing.do("unflag", rows) : store.doing.do("flag", rows, {}, { onlyNewest: true }),
    }, { sequence: 60 })
    .add("junk", {
        place: IN_BARS,
        isMore: true,
        name: _t("Spam, or no spam"),
        label: (context) => (areIn(context, "junk") ? _t("Not Spam") : _t("Spam")),
        icon: "fa fa-ban",
        keys: ["!"],
        condition: (context) => canGoTo(context, areIn(context, "junk") ? "inbox" : "junk"),
        run: (context) => context.store.doing.do(areIn(context, "junk") ? "not_junk" : "junk", context.rows),
    }, { sequence: 70 })
    .add("categories", {
        place: IN_BARS,
        isMore: true,
        name: _t("Categories…"),
        icon: "fa fa-tag",
        condition: canChange,
        run: chooseCategories,
    }, { sequence: 80 })
    .add("importance-high", setImportance("high", _t("High Importance"), "fa fa-exclamation"), { sequence: 82 })
    .add("importance-normal", setImportance("normal", _t("Normal Importance"), "fa fa-minus"), { sequence: 83 })
    .add("importance-low", setImportance("low", _t("Low Importance"), "fa fa-long-arrow-down"), { sequence: 84 });

maildeskKeys.add("undo", {
    keys: ["z"],
    name: _t("Take back what was done last"),
    group: _t("Act"),
    condition: ({ store }) => store.doing.canUndo,
    run: ({ store }) => store.doing.undo(),
});
