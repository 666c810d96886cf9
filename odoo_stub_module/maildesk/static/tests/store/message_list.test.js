import { describe, expect, test } from "@odoo/hoot";
import { Deferred } from "@odoo/hoot-mock";
import { MessageList, messageIds, PAGE_SIZE } from "@maildesk/store/message_list";
import { FakeMail, moment } from "../maildesk_test_helpers";

describe.current.tags("headless");

function setup(count, look = {}) {
    const mail = new FakeMail();
    const folder = mail.folder(mail.account());
    mail.fill(folder, count);
    const call = (method, kwargs) => mail.call(method, kwargs);
    const scope = {
        kwargs: { folder_id: folder.id },
        covers: (row) => row.folder_id === folder.id,
        matches: (row) => !look.filters?.includes("unread") || !row.is_read,
    };
    const list = new MessageList(call, scope, { view: "plain", order: "newest", filters: [], ...look });
    return { folder, list, mail };
}

const ids = (list) => list.rows.map((row) => row.id);

test("pages follow each other by keyset, newest first, without a double", async () => {
    const { list } = setup(PAGE_SIZE + 5);
    await list.loadMore();
    expect(list.rows.length).toBe(PAGE_SIZE);
    expect(list.hasMore).toBe(true);
    await list.loadMore();
    expect(ids(list)).toEqual(Array.from({ length: PAGE_SIZE + 5 }, (_, i) => PAGE_SIZE + 5 - i));
    expect(list.hasMore).toBe(false);
});

test("two messages of one second stand by id, also across a page", async () => {
    const { folder, list, mail } = setup(0);
    for (let id = 1; id <= PAGE_SIZE + 1; id++) {
        mail.message(folder, { id, received_at: moment(0) });
    }
    await list.loadMore();
    await list.loadMore();
    expect(new Set(ids(list)).size).toBe(PAGE_SIZE + 1);
});

test("a new row goes to its place, one below the loaded part waits for its page", async () => {
    const { folder, list, mail } = setup(PAGE_SIZE + 5);
    await list.loadMore();
    const fresh = mail.message(folder, { id: 1000, received_at: moment(5000) });
    const old = mail.message(folder, { id: 1001, received_at: moment(-1) });
    list.apply([fresh, old], []);
    expect(list.rows[0].id).toBe(1000);
    expect(ids(list)).not.toInclude(1001);
    await list.loadMore();
    expect(list.rows.at(-1).id).toBe(1001);
});

test("a row that changed is another object, all others stay the same", async () => {
    const { list, mail } = setup(2);
    await list.loadMore();
    const [first, second] = list.rows;
    list.apply([{ ...mail.find(first.id), is_flagged: true }, { ...mail.find(second.id) }], []);
    expect(list.rows[0]).not.toBe(first);
    expect(list.rows[0].key).toBe(first.key);
    expect(list.rows[0].is_flagged).toBe(true);
    expect(list.rows[1]).toBe(second);
});

test("a row that moved to another folder goes, and so does a missing one", async () => {
    const { list, mail } = setup(3);
    await list.loadMore();
    list.apply([{ ...mail.find(2), folder_id: 999 }], [3]);
    expect(ids(list)).toEqual([1]);
});

test("reload takes over every difference and keeps what was scrolled to", async () => {
    const { folder, list, mail } = setup(2 * PAGE_SIZE);
    await list.loadMore();
    await list.loadMore();
    list.seenTo = 2 * PAGE_SIZE - 1;
    mail.drop(mail.find(100));
    mail.find(50).is_flagged = true;
    mail.message(folder, { id: 1000, received_at: moment(5000) });
    await list.reload();
    expect(list.rows.length).toBe(2 * PAGE_SIZE);
    expect(list.rows[0].id).toBe(1000);
    expect(ids(list)).not.toInclude(100);
    expect(list.rows.find((row) => row.id === 50).is_flagged).toBe(true);
});

test("reload reads no further than the person looks; the rest comes when it is scrolled to", async () => {
    const { list, mail } = setup(10 * PAGE_SIZE);
    for (let page = 0; page < 10; page++) {
        await list.loadMore();
    }
    mail.calls.length = 0;
    list.seenTo = 250;
    await list.reload();
    expect(mail.calls).toEqual(["maildesk_list", "maildesk_list"]);
    expect(list.rows.length).toBe(251);
    expect(list.hasMore).toBe(true);
    await list.loadMore();
    expect(new Set(ids(list)).size).toBe(251 + PAGE_SIZE);
});

test("the oldest first: pages and news go the other way", async () => {
    const { folder, list, mail } = setup(PAGE_SIZE + 5, { order: "oldest" });
    await list.loadMore();
    expect(ids(list).slice(0, 3)).toEqual([1, 2, 3]);
    const late = mail.message(folder, { id: 1000, received_at: moment(5000) });
    list.apply([late], []);
    expect(ids(list)).not.toInclude(1000);
    await list.loadMore();
    expect(list.rows.at(-1).id).toBe(1000);
});

test("a filter lets in what fits it, and keeps what is read under one's eyes", async () => {
    const { folder, list, mail } = setup(0, { filters: ["unread"] });
    mail.message(folder, { id: 1, is_read: false });
    mail.message(folder, { id: 2 });
    await list.loadMore();
    expect(ids(list)).toEqual([1]);
    list.apply([{ ...mail.find(1), is_read: true }], []);
    expect(ids(list)).toEqual([1]);
    list.apply([mail.message(folder, { id: 3, is_read: false }), mail.message(folder, { id: 4 })], []);
    expect(ids(list)).toEqual([3, 1]);
});

/** Three messages of one conversation, and one of another between them. */
function setupThreads() {
    const all = setup(0, { view: "conversations" });
    for (const [id, conversation_id] of [[1, "a"], [2, "b"], [3, "a"], [4, "a"]]) {
        all.mail.message(all.folder, { id, conversation_id, is_read: id !== 3 });
    }
    const told = (list, ids) => {
        const { rows, missing } = all.mail.maildesk_rows({ message_ids: list.behind(ids), view: "conversations", folder_id: all.folder.id });
        list.apply(rows, missing);
    };
    return { ...all, told };
}

test("a conversation is one row, with what is in it", async () => {
    const { list } = setupThreads();
    await list.loadMore();
    expect(ids(list)).toEqual([4, 2]);
    expect([list.rows[0].thread.count, list.rows[0].thread.unread]).toEqual([3, 1]);
    expect(messageIds(list.rows[0]).sort()).toEqual([1, 3, 4]);
});

test("a newer message takes over its conversation, which keeps key and selection", async () => {
    const { folder, list, mail, told } = setupThreads();
    await list.loadMore();
    list.selection.toggle(list.rows[1]);
    list.moveTo(list.rows[1]);
    const { key } = list.rows[1];
    mail.message(folder, { id: 5, conversation_id: "b" });
    told(list, [5]);
    expect(ids(list)).toEqual([5, 4]);
    expect(list.rows[0].key).toBe(key);
    expect(list.selection.has(list.rows[0])).toBe(true);
    expect(list.cursor.id).toBe(5);
});

test("a mail that was just sent stays one row when it gets its conversation, and the cursor stays on it", async () => {
    const { folder, list, mail } = setup(2, { view: "conversations" });
    mail.message(folder, { id: 9, conversation_id: "" });
    await list.loadMore();
    list.moveTo(list.rows[0]);
    list.apply([{ ...mail.find(9), conversation_id: "of Outlook" }], []);
    expect(ids(list)).toEqual([9, 2, 1]);
    expect(list.cursor.id).toBe(9);
});

test("when the newest of a conversation goes, the one before it stands for it; with the last the row goes", async () => {
    const { list, mail, told } = setupThreads();
    await list.loadMore();
    mail.drop(mail.find(4));
    told(list, [4]);
    expect(ids(list)).toEqual([3, 2]);
    expect(list.rows[0].thread.count).toBe(2);
    mail.find(3).folder_id = 999;
    told(list, [3]);
    expect(ids(list)).toEqual([2, 1]);
    mail.drop(mail.find(1));
    told(list, [1]);
    expect(ids(list)).toEqual([2]);
});

test("a mail that learns of its conversation stands in the list once, and who was on it still is", async () => {
    const { folder, list, mail } = setup(0, { view: "conversations" });
    mail.message(folder, { id: 1, conversation_id: "c1" });
    mail.message(folder, { id: 2, conversation_id: null, received_at: moment(60) });
    await list.loadMore();
    list.moveTo(list.rows[0]);
    list.apply([{ ...mail.find(2), conversation_id: "c2" }], []);
    expect(ids(list)).toEqual([2, 1]);
    expect(list.cursor.id).toBe(2);
    // or that it answers one that is listed
    list.apply([{ ...mail.find(2), conversation_id: "c1" }], []);
    expect(ids(list)).toEqual([2]);
});

test("news of an older message of a conversation change what its row tells, not who stands for it", async () => {
    const { list, mail, told } = setupThreads();
    await list.loadMore();
    mail.find(3).is_read = true;
    told(list, [3]);
    expect(ids(list)).toEqual([4, 2]);
    expect(list.rows[0].thread.unread).toBe(0);
});

test("what was found elsewhere stands among the rows by date, and never where a page is still to come", async () => {
    const { list, mail } = setup(PAGE_SIZE + 5);
    await list.loadMore();
    const remote = (n, at) => ({ ...mail.find(1), id: null, remote_id: `r${n}`, is_remote: true, received_at: moment(at) });
    list.add([remote(1, 50.5), remote(2, 0)]);
    expect(list.rows.filter((row) => row.is_remote).map((row) => row.remote_id)).toEqual(["r1"]);
    expect(list.rows.findIndex((row) => row.is_remote)).toBe(35);
    await list.loadMore();
    expect(list.rows.length).toBe(PAGE_SIZE + 7);
    expect(list.rows.at(-1).remote_id).toBe("r2");
});

test("a range of rows grows and shrinks from where it began; rows that leave are not selected any more", async () => {
    const { list } = setup(6);
    await list.loadMore();
    const [a, b, c, d, , f] = list.rows;
    const { selection } = list;
    selection.toggle(f);
    selection.toggle(b);
    selection.extendTo(d);
    expect(selection.rows).toEqual([b, c, d, f]);
    selection.extendTo(a);
    expect(selection.rows).toEqual([a, b, f]);
    list.apply([], [a.id]);
    expect(selection.rows).toEqual([b, f]);
    selection.selectAll();
    expect(selection.size).toBe(5);
    selection.clear();
    expect(selection.size).toBe(0);
});

test("an answer is not overtaken by an older one", async () => {
    const { list, mail } = setup(2);
    const gate = new Deferred();
    mail.gate = gate;
    const page = list.loadMore();
    const later = list.exclusively(async () => list.apply([], [2]));
    gate.resolve();
    await Promise.all([page, later]);
    expect(ids(list)).toEqual([1]);
});

test("a failed page says so, and the next try loads it", async () => {
    const { list, mail } = setup(2);
    mail.gate = Promise.reject(new Error("no"));
    await expect(list.loadMore()).rejects.toThrow("no");
    expect(list.isFailed).toBe(true);
    mail.gate = Promise.resolve();
    await list.loadMore();
    expect(list.isFailed).toBe(false);
    expect(list.rows.length).toBe(2);
});
