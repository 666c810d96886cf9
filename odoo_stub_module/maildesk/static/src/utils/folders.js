import { _t } from "@web/core/l10n/translation";
import { formatSince, localMoment } from "./format";

/** The order of a mail program, whatever the folders are called; others stand between, by name. */
const ROLE_ORDER = ["inbox", "drafts", "sent", "archive", "other", "junk", "trash"];

const ROLE_ICONS = {
    inbox: "fa-inbox",
    drafts: "fa-pencil-square-o",
    sent: "fa-paper-plane-o",
    archive: "fa-archive",
    junk: "fa-ban",
    trash: "fa-trash-o",
    other: "fa-folder-o",
};

/**
 * @typedef {{id: number, name: string, role: string, parent_id: number|null, unread_count: number, total_count: number,
 *  sync_enabled: boolean, sync_state: string}} Folder
 */

export function folderIcon(folder) {
    return ROLE_ICONS[folder.role] ?? ROLE_ICONS.other;
}

/**
 * The visible lines of an account's tree, parents before children.
 *
 * @param {Folder[]} folders
 * @param {Set<number>} collapsed ids of folders whose children are hidden
 * @returns {{folder: Folder, depth: number, hasChildren: boolean, isCollapsed: boolean}[]}
 */
export function folderLines(folders, collapsed) {
    const ids = new Set(folders.map((folder) => folder.id));
    const children = new Map();
    for (const folder of folders) {
        const parentId = ids.has(folder.parent_id) ? folder.parent_id : null;
        children.set(parentId, [...(children.get(parentId) ?? []), folder]);
    }
    const lines = [];
    const walk = (parentId, depth) => {
        for (const folder of [...(children.get(parentId) ?? [])].sort(compareFolders)) {
            const hasChildren = children.has(folder.id);
            const isCollapsed = hasChildren && collapsed.has(folder.id);
            lines.push({ folder, depth, hasChildren, isCollapsed });
            if (hasChildren && !isCollapsed) {
                walk(folder.id, depth + 1);
            }
        }
    };
    walk(null, 0);
    return lines;
}

/** Whether a folder lies in another, or is it. */
export function isWithin(folders, folder, other) {
    const byId = new Map(folders.map((each) => [each.id, each]));
    const seen = new Set();
    for (let at = folder; at && !seen.has(at.id); at = byId.get(at.parent_id)) {
        if (at.id === other.id) {
            return true;
        }
        seen.add(at.id);
    }
    return false;
}

function compareFolders(a, b) {
    const byRole = ROLE_ORDER.indexOf(a.role) - ROLE_ORDER.indexOf(b.role);
    return byRole || a.name.localeCompare(b.name, undefined, { numeric: true });
}

// News come every five minutes. After three times that something is in their way, though the mailbox itself is well.
const LATE = 15; // minutes

/** Whether a mailbox that should have been asked for news was not, for too long. */
export function isLate(account, now) {
    if (account.state !== "connected" || !account.last_sync_at) {
        return false;
    }
    return now.diff(localMoment(account.last_sync_at), "minutes").minutes > LATE;
}

/** How a mailbox is, as a dot and in words. */
export function accountHealth(account, now) {
    switch (account.state) {
        case "connected":
            if (now && isLate(account, now)) {
                return { tone: "late", label: _t("Not synced since %s", formatSince(account.last_sync_at, now)) };
            }
            return { tone: "good", label: account.state_message || _t("Connected") };
        case "draft":
            return { tone: "off", label: account.state_message || _t("Not connected") };
        case "disconnected":
            return { tone: "off", label: _t("Disconnected") };
        case "paused":
            return { tone: "off", label: account.state_message || _t("Paused") };
        case "reauth_required":
            return {
                tone: "bad",
                label: account.state_message || _t("Outlook authentication expired, please re-authorize"),
            };
        case "admin_required":
            return {
                tone: "bad",
                label: account.state_message || _t("An administrator of your organization has to allow MailDesk"),
            };
        default:
            return { tone: "bad", label: account.state_message || _t("Something went wrong with this mailbox") };
    }
}

/** Whether a mailbox is over: what is here of it can be read, and nothing of it is fetched or changed. */
export function isDisconnected(account) {
    return account?.state === "disconnected";
}

/** Why the person can change nothing in a mailbox; empty where they can. What cannot be sent now (paused, signed out) waits. */
export function refusal(account) {
    if (!account || ["draft", "disconnected"].includes(account.state)) {
        return _t("This mailbox is not connected: its mail can be read.");
    }
    if (!account.is_owner) {
        return _t("This mailbox is shared with you to read: only its owner changes mail in it.");
    }
    if (!account.permissions.write) {
        return _t("Microsoft lets MailDesk read this mailbox, not change it. “Re-Authorize Outlook” in its settings asks again.");
    }
    return "";
}

/** Whether a connected mailbox can be read and no more. */
export function isReadOnly(account) {
    return !["draft", "disconnected"].includes(account.state) && Boolean(refusal(account));
}

/** Whether folders or first mails are still being fetched. */
export function isStarting(account) {
    return (
        account.state === "connected" &&
        (!account.sync_phase || ["discovering", "bootstrapping"].includes(account.sync_phase))
    );
}
