import { Component, onMounted, onPatched, onWillRender, useEffect, useExternalListener, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { useThrottleForAnimation } from "@web/core/utils/timing";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { useClock } from "../utils/clock_hook";
import { DateGroups } from "../utils/date_groups";
import { formatNumber } from "../utils/format";
import { DATE_HEIGHT, layoutRows, ROW_HEIGHTS, rowAt, rowsInSight, topOf } from "../utils/list_layout";
import { MessageRow } from "./message_row";
import { SearchFoot } from "./search_foot";

// The next page is asked for when its place is this near: a screen ahead, so that a steady scroll never meets the end.
const LOAD_AHEAD = 800; // px

// The height before the first measure; a screen of any size measures its own.
const HEIGHT = 800; // px

// Rows that are looked through for one that is still there, when the one in sight went.
const ANCHORS = 50;

/**
 * Middle: the rows of the open list under their dates.
 *
 * Of a list of any length only what is in sight and a screen more on each side is in the document, at its place on a canvas as
 * high as the whole list, and with it the row on which the person is, so that the focus is never lost. While the person has
 * scrolled, rows that come or go above leave what they read where it is.
 */
export class MessageListPane extends Component {
    static components = { MessageRow, SearchFoot };
    static props = { isPhone: Boolean, onOpen: Function };
    static template = "maildesk.MessageListPane";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.folderActions = useMailDeskActions("folder");
        this.messageActions = useMailDeskActions("message");
        this.scroller = useRef("scroller");
        this.clock = useClock();
        this.range = [0, -1];
        this.layout = layoutRows([], 1, null);
        this.dateHeight = DATE_HEIGHT;
        this.onScroll = useThrottleForAnimation(() => this.look());
        this.onRowChosen = this.onRowChosen.bind(this);
        this.onRowToggled = this.onRowToggled.bind(this);
        this.onRowDragged = this.onRowDragged.bind(this);
        this.dragImage = useRef("dragImage");
        this.rowActions = (row) => this.messageActions.list({ rows: [row] });
        onWillRender(() => this.arrange());
        onMounted(() => this.settle());
        onPatched(() => this.settle());
        useExternalListener(window, "resize", this.onScroll);
        this.showCursor();
    }

    get list() {
        return this.store.shown;
    }

    get height() {
        return this.scroller.el?.clientHeight || HEIGHT;
    }

    /** Its mail is wanted in Outlook only: spam, or a folder that the owner switched off. */
    get isSwitchedOff() {
        return !this.isFound && this.store.folder?.sync_enabled === false;
    }

    /** Whether this is what a search found. */
    get isFound() {
        return this.store.search.isOpen && this.list === this.store.search.list;
    }

    /** Whether the first answer of a search is still on its way: the folder's rows are not what was asked for, and step back. */
    get isWaiting() {
        const { search } = this.store;
        return search.isOpen && !search.list;
    }

    get actions() {
        const { account, folder } = this.store;
        return this.folderActions.list({ account, folder });
    }

    get isEmpty() {
        const { list } = this;
        const isAsking = this.isFound && this.store.search.isSearching;
        return list.isLoaded && !list.rows.length && !list.hasMore && !isAsking;
    }

    get nothingFound() {
        return _t("Nothing in Odoo fits “%s”.", this.store.search.text);
    }

    get label() {
        if (this.isFound) {
            return undefined;
        }
        return this.store.folder?.name;
    }

    /** The row that Tab reaches: that on which the person is, else the first. */
    get tabStopIndex() {
        const { cursorKey, rows, byKey } = this.list;
        return byKey.has(cursorKey) ? rows.indexOf(byKey.get(cursorKey)) : 0;
    }

    /** What is drawn: rows by their dates, each with its place below the date. */
    get groups() {
        const { rows } = this.list;
        const [first, last] = this.range;
        const stop = this.tabStopIndex;
        const groups = [];
        for (const group of this.layout.groups) {
            const indexes = [];
            for (let i = Math.max(first, group.start); i <= Math.min(last, group.start + group.count - 1); i++) {
                indexes.push(i);
            }
            if (stop >= group.start && stop < group.start + group.count && (stop < first || stop > last)) {
                indexes[stop < first ? "unshift" : "push"](stop);
            }
            if (indexes.length) {
                const lines = indexes.map((index) => ({ index, row: rows[index], top: topOf(this.layout, index) - group.top }));
                groups.push({ ...group, lines });
            }
        }
        return groups;
    }

    roleOf(row) {
        return this.store.folderById(row.folder_id)?.role;
    }

    /** Of which mailbox a row is, where several stand in one list. */
    accountOf(row) {
        const isMixed = this.isFound || this.store.isUnified;
        return isMixed && this.store.accounts.length > 1 ? this.store.accounts.find(({ id }) => id === row.account_id) : undefined;
    }

    // ------------------------------------------------------------------ what the person does

    onRowChosen(row, ev) {
        const { selection } = this.list;
        if (ev.shiftKey) {
            selection.extendTo(row, this.list.cursor ?? row);
            this.store.select(row);
        } else if (ev.ctrlKey || ev.metaKey || (this.props.isPhone && selection.size)) {
            this.onRowToggled(row);
        } else {
            if (selection.size) {
                selection.clear();
            }
            this.props.onOpen(row);
        }
    }

    /** Whoever comes into the list by Tab is on the row that has the focus: Enter opens it, x selects it. */
    onFocusIn({ target }) {
        if (this.list?.cursorKey === null && target.matches(".o-maildesk-row:focus-visible")) {
            this.store.select(this.list.rows[Number(target.getAttribute("aria-rowindex")) - 1]);
        }
    }

    onRowToggled(row) {
        this.store.select(row);
        this.list.selection.toggle(row);
    }

    /** A row is taken hold of, or all that are selected with it. */
    onRowDragged(row, ev) {
        const { doing } = this.store;
        const { selection } = this.list;
        const rows = doing.changeable(selection.has(row) ? selection.rows : [row]);
        if (!rows.length) {
            ev.preventDefault();
            return;
        }
        doing.drag(rows);
        ev.dataTransfer.effectAllowed = "move";
        ev.dataTransfer.setData("text/plain", rows.map(({ subject }) => subject).join("\n"));
        const image = this.dragImage.el;
        image.textContent = rows.length === 1 ? _t("1 message") : _t("%s messages", formatNumber(rows.length));
        ev.dataTransfer.setDragImage(image, 0, 0);
    }

    // ------------------------------------------------------------------ where things stand

    /** Before each drawing: places of all rows, and where the person looks among them. */
    arrange() {
        const { list } = this;
        const { rows } = list;
        const day = this.clock.now.toISODate();
        const rowHeight = ROW_HEIGHTS[this.store.preferences.density];
        const isSameList = this.drawn?.list === list;
        if (isSameList && this.drawn.rows === rows && this.drawn.rowHeight === rowHeight && this.drawn.day === day) {
            return;
        }
        if (this.drawn && !isSameList && this.scroller.el) {
            // it is left as it stands, whether or not its last scroll was heard of
            this.drawn.list.scrollTop = this.wanted ?? this.scroller.el.scrollTop;
        }
        const before = this.layout;
        this.layout = layoutRows(rows, rowHeight, new DateGroups(this.clock.now));
        let { scrollTop } = isSameList && this.scroller.el ? this.scroller.el : list;
        if (isSameList && scrollTop > 0) {
            scrollTop = this.placeOfSeen(before, scrollTop) ?? scrollTop;
        }
        this.wanted = scrollTop;
        this.drawn = { list, rows, rowHeight, day };
        this.setRange(scrollTop);
    }

    /** Where to scroll so that what was in sight stays where it was. */
    placeOfSeen(before, scrollTop) {
        const old = this.drawn.rows;
        const seen = rowAt(before, scrollTop);
        for (let i = seen; i < Math.min(old.length, seen + ANCHORS); i++) {
            const row = this.list.byKey.get(old[i].key);
            if (row) {
                const offset = topOf(before, i) - scrollTop;
                return Math.max(0, topOf(this.layout, this.list.rows.indexOf(row)) - offset);
            }
        }
    }

    /** @returns {boolean} whether other rows are to be drawn now */
    setRange(scrollTop) {
        const before = String(this.range);
        this.range = rowsInSight(this.layout, scrollTop, this.height);
        return String(this.range) !== before;
    }

    /** After each drawing: the place that was meant, and the next page where the end is near. */
    settle() {
        const { el } = this.scroller;
        if (el && this.wanted !== undefined) {
            if (el.scrollTop !== this.wanted) {
                el.scrollTop = this.wanted;
            }
            this.wanted = undefined;
        }
        this.look();
    }

    /** The person scrolled, or the list has another length. */
    look() {
        const { el } = this.scroller;
        if (!el || this.wanted !== undefined) {
            return;
        }
        const { list } = this;
        list.scrollTop = el.scrollTop;
        list.seenTo = rowAt(this.layout, el.scrollTop + el.clientHeight);
        if (this.setRange(el.scrollTop)) {
            this.render();
        }
        const isNearEnd = el.scrollTop + el.clientHeight + LOAD_AHEAD > this.layout.height;
        if (isNearEnd && list.isLoaded && list.hasMore && !list.isLoading && !list.isFailed && !this.isSwitchedOff) {
            this.store.loadMore();
        }
    }

    /** Keys may go to a row out of sight; the focus goes with them when it was in the list. */
    showCursor() {
        let before = null;
        useEffect(
            (list, key) => {
                const { el } = this.scroller;
                const isSameList = before === list;
                before = list;
                if (!isSameList) {
                    // another list has its own place
                    return;
                }
                const index = key === null ? -1 : this.list.rows.findIndex((row) => row.key === key);
                if (!el || index < 0) {
                    return;
                }
                const top = topOf(this.layout, index);
                // the date sticks to the top, over the rows
                if (top - DATE_HEIGHT < el.scrollTop) {
                    el.scrollTop = top - DATE_HEIGHT;
                } else if (top + this.layout.rowHeight > el.scrollTop + el.clientHeight) {
                    el.scrollTop = top + this.layout.rowHeight - el.clientHeight;
                }
                if (el.contains(document.activeElement)) {
                    el.querySelector(`.o-maildesk-row[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
                }
            },
            () => [this.list, this.list.cursorKey]
        );
    }
}
