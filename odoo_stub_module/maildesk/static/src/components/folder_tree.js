import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { accountHealth, folderIcon, folderLines, isDisconnected, isReadOnly, isStarting, refusal } from "../utils/folders";
import { useClock } from "../utils/clock_hook";
import { avatarColor, formatAgo, formatNumber } from "../utils/format";
import { useViewport } from "../utils/viewport_hook";
import { ComposeButton } from "./compose_button";

/** Left: each mailbox with its state, its folders and what is unread in them; below it how far its sync is. Last, what was disconnected. */
export class FolderTree extends Component {
    static components = { ComposeButton, Dropdown, DropdownItem };
    static props = { onFolderOpened: { type: Function, optional: true } };
    static template = "maildesk.FolderTree";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.state = useState({ collapsed: new Set(), isShowingDisconnected: null, dropId: null });
        this.viewport = useViewport();
        this.actions = useMailDeskActions("folder");
        this.accountMenu = useMailDeskActions("mailbox");
        this.folderIcon = folderIcon;
        this.formatNumber = formatNumber;
        this.clock = useClock();
        this.isReadOnly = isReadOnly;
        this.refusal = refusal;
    }

    health(account) {
        return accountHealth(account, this.clock.now);
    }

    /** The colour of its rows where several mailboxes stand in one list. */
    colorOf(account) {
        return this.store.hasUnified ? `--maildesk-account: ${avatarColor({ address: account.email })}` : undefined;
    }

    openUnified() {
        this.props.onFolderOpened?.();
        if (!this.store.isUnified || this.store.search.isOpen) {
            return this.store.openUnified();
        }
    }

    lines(account) {
        return folderLines(account.folders, this.state.collapsed);
    }

    toggle(folder) {
        if (!this.state.collapsed.delete(folder.id)) {
            this.state.collapsed.add(folder.id);
        }
    }

    /** Until somebody says otherwise: shown while it is all there is, or while its mail is being read. */
    get isShowingDisconnected() {
        const isNeeded = !this.store.connectedAccounts.length || isDisconnected(this.store.account);
        return this.state.isShowingDisconnected ?? isNeeded;
    }

    toggleDisconnected() {
        this.state.isShowingDisconnected = !this.isShowingDisconnected;
    }

    open(folder) {
        this.props.onFolderOpened?.();
        if (folder.id !== this.store.folderId || this.store.search.isOpen) {
            return this.store.openFolder(folder.id);
        }
    }

    // ------------------------------------------------------------------ rows that are dragged here

    /** Whether what is being dragged can go here. */
    takes(folder) {
        const { doing } = this.store;
        return doing.dragged.length > 0 && doing.canMove(doing.dragged, folder);
    }

    onDragOver(folder, ev) {
        if (this.takes(folder)) {
            ev.preventDefault();
            ev.dataTransfer.dropEffect = "move";
            this.state.dropId = folder.id;
        }
    }

    onDragLeave(folder) {
        if (this.state.dropId === folder.id) {
            this.state.dropId = null;
        }
    }

    onDrop(folder, ev) {
        ev.preventDefault();
        this.state.dropId = null;
        const { doing } = this.store;
        const rows = doing.dragged;
        doing.drag([]);
        return doing.move(rows, folder);
    }

    /** @param {{name: string}} one a mailbox or a folder */
    menuLabel(one) {
        return _t("More about %s", one.name);
    }

    toggleLabel(folder) {
        return _t("Folders in %s", folder.name);
    }

    folderHint(folder) {
        if (!folder.sync_enabled) {
            return _t("%s: not synced", folder.name);
        }
        return folder.sync_state === "resync" ? _t("%s: is being read again", folder.name) : folder.name;
    }

    /** One line about the sync of a mailbox, or nothing where there is none. */
    syncLine(account) {
        if (account.state !== "connected") {
            return "";
        }
        if (isStarting(account)) {
            return account.sync_phase === "bootstrapping" ? _t("Fetching the newest mail…") : _t("Reading the folders…");
        }
        const synced = account.last_sync_at ? _t("Synced %s", formatAgo(account.last_sync_at, this.clock.now)) : _t("Not synced yet");
        if (account.sync_phase !== "backfilling" || !account.backfill_total) {
            return synced;
        }
        return _t("%(synced)s · older mail %(done)s of %(total)s", {
            synced,
            done: formatNumber(Math.min(account.backfill_done, account.backfill_total)),
            total: formatNumber(account.backfill_total),
        });
    }

    /** @returns {number|null} per cent, where older mail is still coming */
    progress(account) {
        if (account.state !== "connected" || account.sync_phase !== "backfilling" || !account.backfill_total) {
            return null;
        }
        return Math.min(100, Math.round((100 * account.backfill_done) / account.backfill_total));
    }
}
