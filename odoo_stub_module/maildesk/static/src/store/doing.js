import { markRaw, reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { Mutex } from "@web/core/utils/concurrency";
import { doneSentence, foreseen, isSeenInPlace, MOVES_TO_ROLE } from "../utils/action_effects";
import { isWithin, refusal } from "../utils/folders";
import { isPhone } from "../utils/viewport_hook";
import { messageIds } from "./message_list";

/**
 * What the person does with mail. It shows before the server has answered (`foreseen`), then as the server says that it shows
 * now; what else changes with it comes by the bus. Nothing is asked before that can be taken back: for ten seconds the notice at
 * the bottom offers Undo, and `z` takes back one thing after the other.
 *
 *   do ─▶ rows as foreseen ─▶ maildesk_do ─▶ rows as they are ─▶ notice (Undo) ─▶ maildesk_undo ─▶ rows as they are
 *                                    └─ refused: rows as they were
 */

// How long Undo is offered.
export const UNDO_TIME = 10_000; // ms

// How soon the next message is opened where the open one went.
const FOLLOW_DELAY = 150; // ms

/**
 * @typedef {import("./message_list").Row} Row
 * @typedef {{id: number, group: string|null, text: string, isSilent: boolean, kept: [object, Row[]][], left?: {folderId: number,
 *  filters: string[], to: number}, isUndone?: boolean}} Deed `group`: by which it is taken back, none where it cannot be; `kept`: rows as
 *  they were, by the list that they were in; `left`: the folder that was open and went, and the one that was opened in its place
 */
export class Doing {
    /** @type {Deed[]} what can still be taken back or is still told of, the latest last */
    deeds = [];
    /** @type {Row[]} what is being dragged */
    dragged = markRaw([]);

    /**
     * @param {import("./maildesk_store").MailDeskStore} store
     * @param {{orm: object, notification: object, announcer: object}} services
     */
    constructor(store, { orm, notification, announcer }) {
        Object.assign(this, { store, orm, notification, announcer });
        this.lastId = 0;
        this.mutex = new Mutex();
        return reactive(this);
    }

    /** What the notice at the bottom tells. */
    get notice() {
        return this.deeds.findLast((deed) => !deed.isSilent);
    }

    get canUndo() {
        return this.deeds.some((deed) => deed.group);
    }

    // ------------------------------------------------------------------ what may be done

    accountOf(row) {
        return this.store.accounts.find(({ id }) => id === row.account_id);
    }

    /** Those of rows that may be changed. */
    changeable(rows) {
        return rows.filter((row) => row.id && !refusal(this.accountOf(row)));
    }

    /** Why none of the rows can be changed; empty where one can. */
    refusal(rows) {
        if (!rows.length || this.changeable(rows).length) {
            return "";
        }
        return rows[0].is_remote ? _t("This message is at Microsoft only: it can be read here.") : refusal(this.accountOf(rows[0]));
    }

    folderByRole(accountId, role) {
        const account = this.store.accounts.find(({ id }) => id === accountId);
        return account?.folders.find((folder) => folder.role === role);
    }

    /** Whether rows can go to a folder: those of its mailbox that are not there yet. */
    canMove(rows, folder) {
        return this.movable(rows, folder).length > 0;
    }

    movable(rows, folder) {
        const account = this.store.accountOf(folder.id);
        return this.changeable(rows).filter((row) => row.account_id === account?.id && row.folder_id !== folder.id);
    }

    // ------------------------------------------------------------------ with messages

    /**
     * Do something with all messages that rows stand for.
     *
     * @param {string} kind of `maildesk_do`
     * @param {Row[]} asked
     * @param {object} [values]
     * @param {{isQuiet?: boolean, onlyNewest?: boolean}} [how] `isQuiet`: it is no deed of the person's, and there is nothing to tell
     *  or to take back; `onlyNewest`: of a conversation the message that stands for it
     */
    async do(kind, asked, values = {}, { isQuiet = false, onlyNewest = false } = {}) {
        const rows = this.changeable(asked);
        const ids = [...new Set(rows.flatMap((row) => (onlyNewest ? [row.id] : messageIds(row))))];
        if (!ids.length) {
            return false;
        }
        const kept = this._keep(rows);
        this._foresee(kind, rows, values);
        let answer;
        try {
            answer = await this._call("maildesk_do", { kind, message_ids: ids, values });
        } catch (error) {
            this._giveBack(kept, rows);
            throw error;
        }
        this._show(answer.rows, ids);
        this._tellSkipped(answer.skipped, kept, answer.rows);
        this.store.outbox.follow(answer.uuids);
        if (!isQuiet && answer.skipped.length < ids.length) {
            const folder = this._target(kind, rows[0], values)?.name;
            const isSilent = isSeenInPlace(kind, rows.length);
            this._note({
                group: kind === "destroy" ? null : answer.undo,
                text: doneSentence(kind, { rows, folder }),
                isSilent,
                kept,
            });
        }
        return answer;
    }

    /** Rows are being dragged, or no more. */
    drag(rows) {
        this.dragged = markRaw(rows);
    }

    move(rows, folder) {
        return this.do("move", this.movable(rows, folder), { folder_id: folder.id });
    }

    /** What was open for a moment is read. */
    async markShown(conversation) {
        const isNews = ({ id, message }) => id && !message.is_read && !conversation.isFolded(id);
        const rows = conversation.items.filter(isNews).map(({ message: { thread, key, ...row } }) => row);
        if (this.changeable(rows).length) {
            await this.store._quietly(() => this.do("read", rows, {}, { isQuiet: true }));
        }
    }

    // ------------------------------------------------------------------ with folders

    /**
     * @param {string} kind of `maildesk_do`
     * @param {object} values
     * @param {{name?: string, canUndo?: boolean}} about the folder
     */
    async doFolder(kind, values, { name = "", canUndo = false } = {}) {
        const answer = await this._call("maildesk_do", { kind, message_ids: [], values });
        this.store.outbox.follow(answer.uuids);
        const deed = this._note({ group: canUndo ? answer.undo : null, text: doneSentence(kind, { name }), isSilent: false, kept: [] });
        await this.store.loadOverview();
        return deed;
    }

    /**
     * Delete a folder: it goes into the Trash with all that is in it, or, from there, for good. Whoever stands in it goes to the Inbox of
     * its mailbox, and back with Undo.
     */
    async deleteFolder(folder, { isForGood = false } = {}) {
        const { store } = this;
        const account = store.accountOf(folder.id);
        const { folderId, filters } = store;
        const isLeft = store.folder && isWithin(account.folders, store.folder, folder);
        const deed = await this.doFolder("folder_delete", { folder_id: folder.id }, { name: folder.name, canUndo: !isForGood });
        const inbox = this.folderByRole(account.id, "inbox");
        // who went elsewhere meanwhile stays there
        if (isLeft && !isForGood && inbox && store.folderId === folderId && !deed.isUndone) {
            deed.left = { folderId, filters, to: inbox.id };
            await store.openFolder(inbox.id);
        }
    }

    // ------------------------------------------------------------------ taking back

    /** Take back the last thing that can be, or a certain one. */
    async undo(deed = this.deeds.findLast(({ group }) => group)) {
        if (!deed?.group) {
            return false;
        }
        this.forget(deed);
        deed.isUndone = true;
        let answer;
        try {
            answer = await this._call("maildesk_undo", { group: deed.group });
        } catch (error) {
            // another try may succeed
            deed.isUndone = false;
            this.deeds.push(deed);
            this.release(deed);
            throw error;
        }
        const { rows, refused, uuids } = answer;
        this.store.outbox.follow(uuids);
        this._show(
            rows,
            rows.map((row) => row.id)
        );
        this._bringBack(deed.kept, rows);
        if (!rows.length) {
            await this.store.loadOverview();
        }
        const { left } = deed;
        if (left && this.store.folderId === left.to && this.store.folderById(left.folderId)) {
            await this.store.openFolder(left.folderId, left.filters);
        }
        if (refused) {
            this.notification.add(refused, { type: "warning" });
        } else {
            this.announcer.announce(_t("Taken back"));
        }
    }

    forget(deed) {
        browser.clearTimeout(deed.timer);
        this.deeds = this.deeds.filter((other) => other.id !== deed.id);
    }

    /** The person looks at the notice, or has the focus in it: it stays. */
    hold(deed) {
        browser.clearTimeout(deed.timer);
    }

    release(deed) {
        browser.clearTimeout(deed.timer);
        deed.timer = browser.setTimeout(() => this.forget(deed), UNDO_TIME);
    }

    // ------------------------------------------------------------------ inside

    _note(about) {
        const deed = { ...about, kept: markRaw(about.kept), id: ++this.lastId };
        this.deeds.push(deed);
        const noted = this.deeds.at(-1);
        this.release(noted);
        this.announcer.announce(deed.group ? _t("%s. Press z to undo.", deed.text) : deed.text);
        return noted;
    }

    _target(kind, row, values) {
        if (kind === "move") {
            return this.store.folderById(values.folder_id);
        }
        return kind in MOVES_TO_ROLE ? this.folderByRole(row.account_id, MOVES_TO_ROLE[kind]) : undefined;
    }

    /** Rows as they are now, by list. */
    _keep(rows) {
        const ids = new Set(rows.map((row) => row.id));
        return this.store.lists.map((list) => [list, list.rows.filter((row) => ids.has(row.id))]);
    }

    _foresee(kind, rows, values) {
        const shown = [];
        const gone = [];
        for (const row of rows) {
            const next = foreseen(kind, row, values, this._target(kind, row, values)?.id);
            if (next) {
                shown.push(next);
            } else {
                gone.push(...messageIds(row));
            }
        }
        this._apply(shown, gone);
    }

    /** Show rows as the server has them; what it does not name is gone. */
    _show(rows, ids) {
        const told = new Set(rows.map((row) => row.id));
        this._apply(
            rows,
            ids.filter((id) => !told.has(id))
        );
    }

    /** Let rows be so wherever they stand; who is on one that goes from the list goes on to the next. */
    _apply(rows, gone) {
        const { store } = this;
        const { shown, conversation } = store;
        const { cursor, rows: before } = shown ?? {};
        for (const list of store.lists) {
            const thrownAway = list === store.search.list ? this._thrownAway(rows, list) : [];
            const told = rows.filter((row) => !thrownAway.includes(row.id));
            list.apply(
                told.map((row) => ({ ...row, ...this._nameOf(row, list) })),
                [...gone, ...thrownAway]
            );
        }
        conversation?.apply(
            rows.map(({ thread, key, ...row }) => row),
            gone
        );
        if (cursor && !shown.byKey.has(cursor.key)) {
            this._goOn(shown, before, cursor);
        }
    }

    /** To the row after the one that went, else to the one before; the message beside the list goes along. */
    _goOn(list, before, { key }) {
        const at = before.findIndex((row) => row.key === key);
        const isThere = (row) => list.byKey.has(row.key);
        const next = before.slice(at + 1).find(isThere) ?? before.slice(0, at).findLast(isThere);
        if (next) {
            list.moveTo(list.byKey.get(next.key));
        }
        if (this.store.reading?.key !== key && !this.followTimer) {
            return;
        }
        browser.clearTimeout(this.followTimer);
        this.followTimer = null;
        if (isPhone() || !next) {
            this.store.reader.close();
            return;
        }
        // who throws away one after the other does not want each mail on the way fetched
        this.followTimer = browser.setTimeout(() => {
            this.followTimer = null;
            const row = this.store.shown === list && list.cursor;
            if (row) {
                this.store._quietly(() => this.store.reader.open(row));
            }
        }, FOLLOW_DELAY);
    }

    /** What a search found stays where it was found, but for what is thrown away. */
    _thrownAway(rows, list) {
        const isOut = (row) => ["trash", "junk"].includes(this.store.folderById(row.folder_id)?.role);
        const known = new Map(list.rows.map((row) => [row.id, row]));
        return rows.filter((row) => isOut(row) && known.has(row.id) && !isOut(known.get(row.id))).map(({ id }) => id);
    }

    /** What a search found tells in which folder it is. */
    _nameOf(row, list) {
        const isFound = list === this.store.search.list;
        return isFound ? { folder_name: this.store.folderById(row.folder_id)?.name } : {};
    }

    _giveBack(kept, rows) {
        const conversation = this.store.conversation;
        kept.forEach(([list, before]) => list.bringBack(before));
        conversation?.apply(rows, []);
    }

    /** Rows that had gone stand again where they were, as they are now. */
    _bringBack(kept, rows) {
        const now = new Map(rows.map((row) => [row.id, row]));
        for (const [list, before] of kept) {
            list.bringBack(before.filter((row) => now.has(row.id)).map((row) => ({ ...row, ...now.get(row.id), ...this._nameOf(now.get(row.id), list) })));
        }
    }

    _tellSkipped(skipped, kept, rows) {
        if (!skipped.length) {
            return;
        }
        const left = new Set(skipped.filter(({ reason }) => reason !== "gone").map(({ id }) => id));
        this._bringBack(
            kept,
            rows.filter((row) => left.has(row.id))
        );
        const [{ message }] = skipped;
        const text = skipped.length === 1 ? message : _t("%(count)s messages were left as they are. %(reason)s", { count: skipped.length, reason: message });
        this.notification.add(text, { type: "warning" });
    }

    /** One after the other: of read and unread the last has to come last. */
    _call(method, kwargs) {
        return this.mutex.exec(() => this.orm.silent.call("mailbox.action", method, [], kwargs));
    }
}
