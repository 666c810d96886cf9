import { Component, onPatched, onWillPatch, useEffect, useRef, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { dateGroup } from "../utils/format";
import { MessageRow } from "./message_row";

// The next page is asked for when its place is this near: a screen ahead, so that a steady scroll never meets the end.
const LOAD_AHEAD = "800px";

/** Middle: the rows of the open folder under their dates. */
export class MessageListPane extends Component {
    static components = { MessageRow };
    static props = { onOpen: Function };
    static template = "maildesk.MessageListPane";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.folderActions = useMailDeskActions("folder");
        this.scroller = useRef("scroller");
        this.end = useRef("end");
        this.loadWhenNear();
        this.keepPlace();
        this.showSelected();
    }

    /** Rows and, before the first of each, its date. */
    get groups() {
        const groups = [];
        for (const row of this.store.list.rows) {
            const label = dateGroup(row.received_at);
            if (groups.at(-1)?.label !== label) {
                groups.push({ label, rows: [] });
            }
            groups.at(-1).rows.push(row);
        }
        return groups;
    }

    /** The row that Tab reaches: the selected one, else the first. */
    get tabStopId() {
        const { rows } = this.store.list;
        return rows.some((row) => row.id === this.store.selectedId) ? this.store.selectedId : rows[0]?.id;
    }

    /** Its mail is wanted in Outlook only: spam, or a folder that the owner switched off. */
    get isSwitchedOff() {
        return this.store.folder?.sync_enabled === false;
    }

    get actions() {
        const { account, folder } = this.store;
        return this.folderActions.list({ account, folder });
    }

    get isEmpty() {
        const { list } = this.store;
        return list.isLoaded && !list.rows.length && !list.hasMore;
    }

    loadWhenNear() {
        useEffect(
            (end, list) => {
                if (!end || !list.isLoaded) {
                    return;
                }
                const observer = new IntersectionObserver(
                    ([entry]) => entry.isIntersecting && !list.isFailed && this.store.loadMore(),
                    { root: this.scroller.el, rootMargin: LOAD_AHEAD }
                );
                observer.observe(end);
                return () => observer.disconnect();
            },
            // observed anew after each page: a short page may leave the end in sight, and then nothing would cross
            () => [this.end.el, this.store.list, this.store.list.rows.length, this.store.list.isLoaded]
        );
    }

    /** While the person has scrolled, rows that come or go above leave what they read where it is. */
    keepPlace() {
        let anchor = null;
        onWillPatch(() => {
            const scroller = this.scroller.el;
            anchor = null;
            if (!scroller?.scrollTop) {
                return;
            }
            const top = scroller.getBoundingClientRect().top;
            for (const el of scroller.querySelectorAll(".o-maildesk-row")) {
                const rect = el.getBoundingClientRect();
                if (rect.bottom > top) {
                    anchor = { list: this.store.list, id: el.dataset.messageId, offset: rect.top - top };
                    break;
                }
            }
        });
        onPatched(() => {
            const scroller = this.scroller.el;
            const el = anchor && scroller?.querySelector(`[data-message-id="${anchor.id}"]`);
            if (el && anchor.list === this.store.list) {
                const offset = el.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
                scroller.scrollTop += offset - anchor.offset;
            }
        });
    }

    /** Keys may select a row out of sight; the focus goes with it when it was in the list. */
    showSelected() {
        useEffect(
            (id) => {
                const el = id && this.scroller.el?.querySelector(`[data-message-id="${id}"]`);
                if (el) {
                    el.scrollIntoView({ block: "nearest" });
                    if (this.scroller.el.contains(document.activeElement)) {
                        el.focus({ preventScroll: true });
                    }
                }
            },
            () => [this.store.selectedId]
        );
        useEffect(
            (scroller) => {
                if (scroller) {
                    scroller.scrollTop = 0;
                }
            },
            () => [this.scroller.el, this.store.folderId]
        );
    }
}
