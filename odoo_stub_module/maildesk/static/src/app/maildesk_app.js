import { Component, onWillStart, useEffect, useExternalListener, useRef, useState } from "@odoo/owl";
import { localization } from "@web/core/l10n/localization";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { keyEntries } from "../actions/maildesk_keys";
import { Banners } from "../components/banners";
import { ComposeButton } from "../components/compose_button";
import { ContactCard } from "../components/contact_card/contact_card";
import { EmptyState } from "../components/empty_state";
import { FolderTree } from "../components/folder_tree";
import { HelpDialog, keyCommand } from "../components/help_dialog";
import { ListHead } from "../components/list_head";
import { MessageListPane } from "../components/message_list";
import { OutboxNotice } from "../components/outbox_notice";
import { ReadingPane } from "../components/reading_pane";
import { Toolbar } from "../components/toolbar";
import { UndoNotice } from "../components/undo_notice";
import { useAddress } from "../utils/address_hook";
import { useBack } from "../utils/back_hook";
import { comboOf } from "../utils/keys";
import { useKeys, usePalette } from "../utils/keys_hook";
import { isEditable } from "../utils/writing";
import { correspondentOf } from "../utils/people";
import { useMailDeskPresence } from "../utils/presence_hook";
import { useViewport } from "../utils/viewport_hook";

// Somebody who walks down the list with a key held does not want each mail on the way fetched.
const WALK_DELAY = 150; // ms

/**
 * MailDesk: folders, list and message side by side; on a phone one of them at a time, which the store's open message and the
 * tab decide.
 */
export class MailDeskApp extends Component {
    static components = { Banners, ComposeButton, ContactCard, EmptyState, FolderTree, ListHead, MessageListPane, OutboxNotice, ReadingPane, Toolbar, UndoNotice };
    static props = { ...standardActionServiceProps };
    static template = "maildesk.MailDeskApp";

    setup() {
        // Odoo turns its pages around by a program (rtlcss) that not every server has; the app's own layout needs only to be told.
        this.direction = localization.direction;
        this.store = useState(useService("maildesk.store"));
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.compose = useState(useService("maildesk.compose"));
        this.root = useRef("root");
        this.viewport = useViewport();
        this.state = useState({ isInFolders: false, hasArrived: false, searchWishes: 0 });
        this.openSoon = useDebounced((row) => this.openIfStill(row), WALK_DELAY);
        useMailDeskPresence();
        onWillStart(() => {
            // not awaited: the frame of the app stands at once, the data comes into it
            this.open();
        });
        useExternalListener(window, "focus", () => this.store.onSeen());
        useExternalListener(document, "visibilitychange", () => document.visibilityState === "visible" && this.store.onSeen());
        const entries = keyEntries(() => this.keyContext);
        useKeys(
            () => entries,
            (entry, ev) => {
                const isElsewhere = entry.listKeys?.includes(comboOf(ev)) && !this.isInList(ev);
                return isElsewhere || !entry.isPossible() ? false : entry.run();
            }
        );
        usePalette(() => entries.filter((entry) => entry.isPossible()).map(keyCommand));
        this.entries = entries;
        this.back = useBack(
            () => this.hasStepBack,
            () => this.stepBack(),
            () => this.address.write()
        );
        this.address = useAddress(
            this.props,
            () => this.state.hasArrived && this.store.place,
            () => this.back.mark()
        );
        // on a phone the list, and the search with it, may have to come first
        useEffect(
            (wishes) => {
                if (wishes) {
                    this.focusSearchInput();
                }
            },
            () => [this.state.searchWishes]
        );
    }

    get keyContext() {
        const { store, action, compose, dialog } = this;
        return { app: this, store, action, compose, dialog, account: store.account, folder: store.folder, rows: store.actedRows };
    }

    /** Where the address says; or at a message, if somebody came here to read it (/odoo/maildesk/7, where the note on a record leads). */
    async open() {
        const { resId, state: left } = this.props;
        const wanted = left ? null : resId;
        await this.store.open(wanted ? null : this.address.from);
        this.compose.restore();
        if (wanted) {
            await this.store.reader.openById(wanted);
        }
        await this.address.mounted;
        this.state.hasArrived = true;
    }

    /** What stands on screen: on a phone one pane, else all. */
    get panes() {
        const { isPhone, isWide } = this.viewport;
        const hasList = this.store.isListOpen;
        const isReading = hasList && Boolean(this.store.reading) && !this.state.isInFolders;
        return {
            tree: this.store.accounts.length > 0 && (!isPhone || this.state.isInFolders),
            list: hasList && (!isPhone || (!this.state.isInFolders && !isReading)),
            reading: hasList && (!isPhone || isReading),
            contact: isReading && isWide,
            empty: this.store.isLoaded && !hasList && (!isPhone || !this.state.isInFolders),
            tabs: isPhone && this.store.accounts.length > 0 && !isReading,
        };
    }

    /** On a phone. */
    get tab() {
        if (this.state.isInFolders) {
            return "folders";
        }
        return this.store.search.isOpen ? "search" : "mail";
    }

    /** Whom the open message is about. */
    get correspondent() {
        const { message } = this.store.reading;
        const account = this.store.accounts.find(({ id }) => id === message.account_id);
        return correspondentOf(message, account?.email);
    }

    isInList(ev) {
        return ev.target === document.body || Boolean(ev.target.closest?.(".o-maildesk-rows"));
    }

    /** Down or up the list; where the message stands beside the list it is opened on the way. */
    walk(delta) {
        const row = this.store.moveSelection(delta);
        if (!row) {
            return false;
        }
        if (!this.viewport.isPhone || this.store.reading) {
            this.openSoon(row);
        }
    }

    /** Whoever has gone on meanwhile, or has begun to select, does not want to be brought back. */
    openIfStill(row) {
        const { selection, shown } = this.store;
        if (shown?.cursorKey === row.key && !selection.size) {
            return this.store.reader.open(row);
        }
    }

    openSelected() {
        const row = this.store.shown?.cursor;
        if (!row) {
            return false;
        }
        this.onOpen(row);
    }

    async onOpen(row) {
        this.openSoon.cancel();
        if (isEditable(row, this.store)) {
            this.store.select(row);
            return this.compose.edit(row.id);
        }
        const opened = this.store.reader.open(row);
        // a screen reader goes on where the message begins
        await new Promise(requestAnimationFrame);
        this.root.el?.querySelector(".o-maildesk-reading-subject")?.focus({ preventScroll: true });
        await opened;
    }

    /** One step back from where the person is. */
    goBack() {
        const { selection, reading, search } = this.store;
        if (selection?.size) {
            selection.clear();
        } else if (reading) {
            this.onBack();
        } else if (search.isOpen) {
            search.close();
        } else {
            return false;
        }
    }

    /** Whether something on a phone stands over the list that the app opens with. */
    get hasStepBack() {
        const { isPhone } = this.viewport;
        return isPhone && (this.state.isInFolders || this.panes.reading || this.store.search.isOpen);
    }

    /** By the device's own Back. */
    stepBack() {
        if (this.state.isInFolders) {
            this.showFolders(false);
        } else {
            this.goBack();
        }
    }

    onBack() {
        const key = this.store.shown?.cursorKey;
        this.openSoon.cancel();
        this.store.reader.close();
        requestAnimationFrame(() => this.focusRow(key));
    }

    focusRow(key) {
        if (document.activeElement?.matches("input, textarea")) {
            // somebody has begun to type meanwhile
            return;
        }
        this.root.el?.querySelector(`.o-maildesk-row[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
    }

    /** From the search to what it found. */
    focusList() {
        document.activeElement?.blur();
        const row = this.store.shown?.cursor ?? this.store.moveSelection(1);
        if (row) {
            // the list that was found, or that it gave way to, is drawn with the next frame
            requestAnimationFrame(() => requestAnimationFrame(() => this.focusRow(row.key)));
        }
    }

    focusSearch() {
        this.showFolders(false);
        if (this.viewport.isPhone) {
            this.store.reader.close();
        }
        if (!this.focusSearchInput()) {
            this.state.searchWishes++;
        }
    }

    /** At once where it is, so that no letter typed after the key is lost. */
    focusSearchInput() {
        const input = this.root.el?.querySelector(".o-maildesk-search-input");
        input?.focus();
        input?.select();
        return Boolean(input);
    }

    showHelp() {
        this.dialog.add(HelpDialog, { entries: this.entries.filter((entry) => entry.isKnown()) });
    }

    showFolders(isInFolders) {
        this.state.isInFolders = isInFolders;
    }

    showMail() {
        this.showFolders(false);
        this.store.search.close();
    }
}

registry.category("actions").add("maildesk.app", MailDeskApp);
