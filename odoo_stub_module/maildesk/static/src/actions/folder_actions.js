import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { FolderDialog } from "../components/folder_dialog";
import { NameDialog } from "../components/name_dialog";
import { formatNumber } from "../utils/format";
import { isWithin, refusal } from "../utils/folders";
import { maildeskActions } from "./maildesk_actions";

/** What is done with folders, from the menu of a folder; a folder at the top from the menu of its mailbox. */

const canChange = ({ account }) => !refusal(account);
const isOwn = ({ folder }) => folder.role === "other";
const isRubbish = ({ folder }) => ["trash", "junk"].includes(folder.role);

const isInTrash = ({ account, folder }) => {
    const trash = account.folders.find(({ role }) => role === "trash");
    return Boolean(trash) && isWithin(account.folders, folder, trash);
};

const hasFolders = (account, folder) => account.folders.some(({ parent_id }) => parent_id === folder.id);

const makeFolder = ({ store, dialog, account, folder }) =>
    dialog.add(NameDialog, {
        title: folder ? _t("New folder in %s", folder.name) : _t("New folder in %s", account.name),
        confirmLabel: _t("Create"),
        onNamed: (name) =>
            store.doing.doFolder("folder_create", { account_id: account.id, parent_id: folder?.id ?? null, name }, { name }),
    });

maildeskActions
    .add("mark-folder-read", {
        place: "folder",
        name: _t("Mark All as Read"),
        icon: "fa fa-envelope-open-o",
        condition: (context) => canChange(context) && context.folder.unread_count > 0,
        run: ({ store, folder }) =>
            store.doing.doFolder("mark_folder_read", { folder_id: folder.id }, { name: folder.name, canUndo: true }),
    }, { sequence: 30 })
    .add("empty-folder", {
        place: "folder",
        name: _t("Empty…"),
        icon: "fa fa-eraser",
        condition: (context) => canChange(context) && isRubbish(context) && context.folder.total_count > 0,
        run: ({ store, dialog, account, folder }) =>
            dialog.add(ConfirmationDialog, {
                title: _t("Empty %s?", folder.name),
                body: hasFolders(account, folder)
                    ? _t(
                          "%s messages are deleted for good, here and in Outlook. This cannot be undone. Folders inside it, and their messages, stay.",
                          formatNumber(folder.total_count)
                      )
                    : _t(
                          "%s messages are deleted for good, here and in Outlook. This cannot be undone.",
                          formatNumber(folder.total_count)
                      ),
                confirmLabel: _t("Empty"),
                confirmClass: "btn-danger",
                confirm: () => store.doing.doFolder("empty_folder", { folder_id: folder.id }, { name: folder.name }),
                cancelLabel: _t("Keep"),
                cancel: () => {},
            }),
    }, { sequence: 40 })
    .add("new-subfolder", {
        place: "folder",
        name: _t("New Folder Inside…"),
        icon: "fa fa-plus",
        condition: (context) => canChange(context) && !["drafts", "junk", "trash"].includes(context.folder.role),
        run: makeFolder,
    }, { sequence: 50 })
    .add("rename-folder", {
        place: "folder",
        name: _t("Rename…"),
        icon: "fa fa-pencil",
        condition: (context) => canChange(context) && isOwn(context),
        run: ({ store, dialog, folder }) =>
            dialog.add(NameDialog, {
                title: _t("Rename %s", folder.name),
                name: folder.name,
                confirmLabel: _t("Rename"),
                onNamed: (name) => store.doing.doFolder("folder_rename", { folder_id: folder.id, name }, { name, canUndo: true }),
            }),
    }, { sequence: 60 })
    .add("move-folder", {
        place: "folder",
        name: _t("Move…"),
        icon: "fa fa-folder-open-o",
        condition: (context) => canChange(context) && isOwn(context),
        run: ({ store, dialog, account, folder }) =>
            dialog.add(FolderDialog, {
                title: _t("Move %s to", folder.name),
                folders: account.folders,
                top: account.name,
                isOffered: (target) =>
                    target ? target.id !== folder.parent_id && !isWithin(account.folders, target, folder) : folder.parent_id !== null,
                onChosen: (target) =>
                    store.doing.doFolder(
                        "folder_move",
                        { folder_id: folder.id, parent_id: target?.id ?? null },
                        { name: folder.name, canUndo: true }
                    ),
            }),
    }, { sequence: 70 })
    .add("delete-folder", {
        place: "folder",
        name: _t("Delete"),
        label: (context) => (isInTrash(context) ? _t("Delete for Good…") : _t("Delete")),
        icon: "fa fa-trash-o",
        condition: (context) => canChange(context) && isOwn(context),
        run: (context) => {
            const { store, dialog, folder } = context;
            if (!isInTrash(context)) {
                return store.doing.deleteFolder(folder);
            }
            dialog.add(ConfirmationDialog, {
                title: _t("Delete %s for good?", folder.name),
                body: _t("The folder goes with all that is in it, here and in Outlook. This cannot be undone."),
                confirmLabel: _t("Delete for Good"),
                confirmClass: "btn-danger",
                confirm: () => store.doing.deleteFolder(folder, { isForGood: true }),
                cancelLabel: _t("Keep"),
                cancel: () => {},
            });
        },
    }, { sequence: 80 })
    .add("new-folder", {
        place: "mailbox",
        name: _t("New Folder…"),
        icon: "fa fa-plus",
        condition: canChange,
        run: makeFolder,
    }, { sequence: 5 });
