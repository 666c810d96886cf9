import { EventBus } from "@odoo/owl";
import { describe, expect, test } from "@odoo/hoot";
import { advanceTime, Deferred, tick } from "@odoo/hoot-mock";
import { allowTranslations, patchWithCleanup } from "@web/../tests/web_test_helpers";
import { localization } from "@web/core/l10n/localization";
import { MailDeskStore } from "@maildesk/store/maildesk_store";
import { FakeMail } from "../maildesk_test_helpers";

describe.current.tags("headless");

class FakeBus extends EventBus {
    start() {}
    subscribe() {}
}

async function setup({ count = 4, values = {}, view = "plain" } = {}) {
    allowTranslations();
    patchWithCleanup(localization, { code: "en_US" });
    const mail = new FakeMail();
    const account = mail.account(values);
    const inbox = mail.folder(account);
    const archive = mail.folder(account, { name: "Archive", role: "archive" });
    const trash = mail.folder(account, { name: "Deleted Items", role: "trash" });
    mail.folder(account, { name: "Junk", role: "junk" });
    mail.fill(inbox, count);
    const notices = [];
    const said = [];
    const store = new MailDeskStore({
        bus_service: new FakeBus(),
        "maildesk.announcer": { announce: (text) => said.push(String(text)) },
        notification: { add: (text) => notices.push(String(text)) },
        orm: mail.orm,
    });
    store.preferences.view = view;
    await store.open();
    mail.calls.length = 0;
    return { account, archive, inbox, mail, notices, said, store, trash };
}

const ids = (store) => store.list.rows.map((row) => row.id);
const rowOf = (store, id) => store.list.rows.find((row) => row.id === id);

test("what is done shows before the server answers, and the person is on the next row", async () => {
    const { mail, store } = await setup();
    store.select(rowOf(store, 3));
    const gate = (mail.gate = new Deferred());
    const done = store.doing.do("archive", [rowOf(store, 3)]);
    expect(ids(store)).toEqual([4, 2, 1]);
    expect(store.selectedId).toBe(2);
    expect(store.doing.notice).toBe(undefined);
    gate.resolve();
    await done;
    expect(ids(store)).toEqual([4, 2, 1]);
    expect(String(store.doing.notice.text)).toBe("Moved to Archive");
    expect(mail.calls).toEqual(["maildesk_do"]);
});

test("of the last rows the one before is next; a selection goes as one", async () => {
    const { mail, store } = await setup();
    store.select(rowOf(store, 1));
    store.list.selection.toggle(rowOf(store, 2));
    store.list.selection.toggle(rowOf(store, 1));
    await store.doing.do("delete", store.actedRows);
    expect(ids(store)).toEqual([4, 3]);
    expect(store.selectedId).toBe(3);
    expect(store.selection.size).toBe(0);
    expect(mail.deeds.map(({ kind, ids: done }) => [kind, done])).toEqual([["delete", [2, 1]]]);
    expect(String(store.doing.notice.text)).toBe("Moved to Deleted Items · 2 messages");
});

test("what the server refuses stands as it was", async () => {
    const { mail, store } = await setup();
    const before = rowOf(store, 3);
    mail.maildesk_do = () => {
        throw new Error("no");
    };
    await expect(store.doing.do("archive", [rowOf(store, 3)])).rejects.toThrow("no");
    await expect(store.doing.do("flag", [rowOf(store, 3)])).rejects.toThrow("no");
    expect(ids(store)).toEqual([4, 3, 2, 1]);
    expect(rowOf(store, 3).is_flagged).toBe(before.is_flagged);
    expect(store.doing.deeds).toEqual([]);
});

test("what is left alone comes back, with the reason", async () => {
    const { mail, notices, store } = await setup();
    mail.skipped = [{ id: 2, reason: "no_folder", message: "This mailbox has no such folder." }];
    await store.doing.do("archive", [rowOf(store, 3), rowOf(store, 2)]);
    expect(ids(store)).toEqual([4, 2, 1]);
    expect(notices).toEqual(["This mailbox has no such folder."]);
});

test("undo takes back one thing after the other, for ten seconds each", async () => {
    const { mail, said, store } = await setup();
    await store.doing.do("archive", [rowOf(store, 4)]);
    await advanceTime(6000);
    await store.doing.do("flag", [rowOf(store, 3)]);
    expect(String(store.doing.notice.text)).toBe("Moved to Archive");
    await store.doing.undo();
    expect(rowOf(store, 3).is_flagged).toBe(false);
    expect(ids(store)).toEqual([3, 2, 1]);
    await store.doing.undo();
    expect(ids(store)).toEqual([4, 3, 2, 1]);
    expect(said.at(-1)).toMatch(/^Taken back/);
    expect(await store.doing.undo()).toBe(false);
    await store.doing.do("archive", [rowOf(store, 4)]);
    await advanceTime(9900);
    expect(store.doing.canUndo).toBe(true);
    await advanceTime(200);
    expect(store.doing.canUndo).toBe(false);
    expect(store.doing.notice).toBe(undefined);
    expect(mail.calls.filter((method) => method === "maildesk_undo").length).toBe(2);
});

test("what is done goes one after the other: the last wish comes last", async () => {
    const { mail, store } = await setup();
    const gate = (mail.gate = new Deferred());
    const first = store.doing.do("unread", [rowOf(store, 4)]);
    const second = store.doing.do("read", [rowOf(store, 4)]);
    expect(rowOf(store, 4).is_read).toBe(true);
    await tick();
    expect(mail.deeds.map(({ kind }) => kind)).toEqual(["unread"]);
    gate.resolve();
    await Promise.all([first, second]);
    expect(mail.deeds.map(({ kind }) => kind)).toEqual(["unread", "read"]);
    expect([rowOf(store, 4).is_read, mail.find(4).is_read]).toEqual([true, true]);
});

test("an undo that did not get through is offered again", async () => {
    const { mail, store } = await setup();
    await store.doing.do("archive", [rowOf(store, 4)]);
    mail.gate = Promise.reject(new Error("no way"));
    mail.gate.catch(() => {});
    await expect(store.doing.undo()).rejects.toThrow("no way");
    mail.gate = Promise.resolve();
    await store.doing.undo(store.doing.notice);
    expect(ids(store)).toEqual([4, 3, 2, 1]);
});

test("a notice that somebody points at stays", async () => {
    const { store } = await setup();
    await store.doing.do("archive", [rowOf(store, 4)]);
    const deed = store.doing.notice;
    store.doing.hold(deed);
    await advanceTime(60_000);
    expect(store.doing.notice.id).toBe(deed.id);
    store.doing.release(deed);
    await advanceTime(10_100);
    expect(store.doing.notice).toBe(undefined);
});

test("what was destroyed cannot be taken back, and nothing says so", async () => {
    const { store } = await setup();
    await store.doing.do("destroy", [rowOf(store, 4)]);
    expect(ids(store)).toEqual([3, 2, 1]);
    expect(store.doing.canUndo).toBe(false);
    expect(store.doing.notice.group).toBe(null);
});

test("of a conversation all messages in the folder are meant, of a flag the newest", async () => {
    const { inbox, mail, store } = await setup({ view: "conversations", count: 1 });
    for (const id of [11, 12, 13]) {
        mail.message(inbox, { id, conversation_id: "pier", is_read: false });
    }
    await store.list.reload();
    expect(ids(store)).toEqual([13, 1]);
    await store.doing.do("flag", [rowOf(store, 13)], {}, { onlyNewest: true });
    expect(mail.find(12).is_flagged).toBe(false);
    expect(rowOf(store, 13).thread.is_flagged).toBe(true);
    await store.doing.do("read", [rowOf(store, 13)]);
    expect([11, 12, 13].map((id) => mail.find(id).is_read)).toEqual([true, true, true]);
    expect(rowOf(store, 13).thread.unread).toBe(0);
    await store.doing.do("archive", [rowOf(store, 13)]);
    expect(ids(store)).toEqual([1]);
    await store.doing.undo();
    expect(ids(store)).toEqual([13, 1]);
    expect(rowOf(store, 13).thread.count).toBe(3);
});

test("nothing is asked of a mailbox that can only be read, and it is said why", async () => {
    for (const [values, reason] of [
        [{ permissions: { write: false, send: false } }, /^Microsoft lets MailDesk read/],
        [{ is_owner: false }, /shared with you/],
        [{ state: "disconnected" }, /not connected/],
    ]) {
        const { mail, store } = await setup({ values });
        expect(await store.doing.do("archive", store.list.rows)).toBe(false);
        expect(mail.calls).toEqual([]);
        expect(String(store.doing.refusal(store.list.rows))).toMatch(reason);
        expect(ids(store)).toEqual([4, 3, 2, 1]);
    }
});

test("a paused mailbox takes actions: they wait", async () => {
    const { mail, store } = await setup({ values: { state: "paused" } });
    await store.doing.do("archive", [rowOf(store, 4)]);
    expect(mail.calls).toEqual(["maildesk_do"]);
});

test("what is looked at is read, without a word, and cannot be taken back", async () => {
    const { mail, store } = await setup();
    mail.find(4).is_read = false;
    await store.list.reload();
    await store.reader.open(rowOf(store, 4));
    await store.doing.markShown(store.conversation);
    expect(mail.find(4).is_read).toBe(true);
    expect(rowOf(store, 4).is_read).toBe(true);
    expect(store.reading.message.is_read).toBe(true);
    expect(store.doing.deeds).toEqual([]);
    mail.calls.length = 0;
    await store.doing.markShown(store.conversation);
    expect(mail.calls).toEqual([]);
});

test("what a search found keeps its place and tells its new folder, unless it is thrown away", async () => {
    const { mail, store } = await setup();
    await store.ask({ text: "subject" });
    const found = () => store.search.list.rows.map((row) => [row.id, row.folder_name]);
    const [first, second] = store.search.list.rows;
    await store.doing.do("archive", [first]);
    await store.doing.do("delete", [second]);
    expect(found()).toEqual([[4, "Archive"], [2, "Inbox"], [1, "Inbox"]]);
    expect(ids(store)).toEqual([2, 1]);
    await store.doing.undo();
    expect(found()[1]).toEqual([3, "Inbox"]);
    expect(mail.find(3).folder_id).toBe(store.folderId);
});

test("rows go to folders of their own mailbox, where they are not yet", async () => {
    const { archive, inbox, mail, store } = await setup();
    const other = mail.account();
    const elsewhere = mail.folder(other);
    await store.loadOverview();
    const { rows } = store.list;
    const folder = ({ id }) => store.folderById(id);
    expect([archive, inbox, elsewhere].map((one) => store.doing.canMove(rows, folder(one)))).toEqual([true, false, false]);
    await store.doing.move(rows, folder(archive));
    expect(ids(store)).toEqual([]);
    expect(mail.deeds[0].values).toEqual({ folder_id: archive.id });
});

test("the next message is opened where the open one went, the last of several at once", async () => {
    const { mail, store } = await setup();
    await store.reader.open(rowOf(store, 4));
    mail.calls.length = 0;
    await store.doing.do("archive", [rowOf(store, 4)]);
    await store.doing.do("archive", [rowOf(store, 3)]);
    await advanceTime(200);
    await tick();
    expect(store.reading.id).toBe(2);
    expect(mail.calls.filter((method) => method === "maildesk_open").length).toBe(1);
});

test("failures are grouped by reason and told once; retried ones go, dismissed ones too", async () => {
    const { mail, said, store } = await setup();
    const why = "The folder is not in Outlook any more.";
    for (const id of [1, 2]) {
        mail.action({ state: "failed", error: why, message_id: id });
        mail.find(id).failed = why;
    }
    mail.action({ state: "failed", kind: "flag", error: "Microsoft does not permit this in this mailbox.", message_id: 3 });
    await store.outbox.look();
    await store.outbox.look();
    expect(store.outbox.failures.map(({ heading, uuids }) => [String(heading), uuids.length])).toEqual([["Archiving", 2], ["Flagging", 1]]);
    expect(said).toEqual([`Archiving failed. ${why}`]);
    await store.outbox.retry(store.outbox.failures[0]);
    expect(store.outbox.failures.length).toBe(1);
    expect(rowOf(store, 1).failed).toBe(null);
    await store.outbox.dismiss(store.outbox.failures[0]);
    expect(store.outbox.failures).toEqual([]);
});

test("whoever does nothing asks nothing; one look says what an action waits for", async () => {
    const { mail, store } = await setup();
    await store.live.onChanged({ account_id: 1, folder_ids: [], message_ids: [4], account: false });
    expect(mail.calls).not.toInclude("maildesk_actions");
    const { uuids } = await store.doing.do("archive", [rowOf(store, 4)]);
    mail.action({ uuid: uuids[0], waiting_for: "connector", message_id: 4 });
    mail.calls.length = 0;
    await advanceTime(3_600_000);
    expect(mail.calls).toEqual(["maildesk_actions"]);
    expect(store.outbox.waiting.map(({ reason, count }) => [reason, count])).toEqual([["connector", 1]]);
    expect(store.outbox.isWaiting(1)).toBe(true);
    mail.actions = [];
    await store.live.onChanged({ account_id: 1, folder_ids: [], message_ids: [4], account: false });
    expect(store.outbox.waiting).toEqual([]);
});

test("a mail that goes at a time, or waits for its author's word, is asked about once", async () => {
    const { mail, store } = await setup();
    mail.action({ kind: "send", state: "scheduled" });
    mail.action({ kind: "send", state: "unconfirmed" });
    await store.outbox.look();
    mail.calls.length = 0;
    await advanceTime(3_600_000);
    expect(mail.calls).toEqual([]);
    expect(store.outbox.waiting).toEqual([]);
});

test("a row that tells of a failure makes the store ask for the reason", async () => {
    const { mail, store } = await setup();
    mail.find(4).failed = "It is not in Outlook any more.";
    mail.action({ state: "failed", error: "It is not in Outlook any more.", message_id: 4 });
    await store.live.onChanged({ account_id: 1, folder_ids: [], message_ids: [4], account: false });
    await tick();
    expect(store.outbox.failures.length).toBe(1);
});

test("folders of another's mailbox tell nothing of what their owner does", async () => {
    const { mail, store } = await setup();
    const other = mail.account({ is_owner: false });
    mail.folder(other);
    await store.loadOverview();
    mail.action({ account_id: other.id, state: "failed", error: "no" });
    await store.outbox.look();
    expect(store.outbox.actions).toEqual([]);
});
