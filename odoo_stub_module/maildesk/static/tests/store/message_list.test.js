import { describe, expect, test } from "@odoo/hoot";
import { Deferred } from "@odoo/hoot-mock";
import { MessageList, PAGE_SIZE } from "@maildesk/store/message_list";
import { FakeMail, moment } from "../maildesk_test_helpers";

describe.current.tags("headless");

function setup(count) {
    const mail = new FakeMail();
    const folder = mail.folder(mail.account());
    mail.fill(folder, count);
    const list = new MessageList((method, kwargs) => mail.call(method, kwargs), folder.id);
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

test("a row keeps its identity while it changes", async () => {
    const { list, mail } = setup(2);
    await list.loadMore();
    const row = list.rows[0];
    list.apply([{ ...mail.find(row.id), is_flagged: true }], []);
    expect(list.rows[0]).toBe(row);
    expect(row.is_flagged).toBe(true);
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
    mail.drop(mail.find(100));
    mail.find(50).is_flagged = true;
    mail.message(folder, { id: 1000, received_at: moment(5000) });
    await list.reload();
    expect(list.rows.length).toBe(2 * PAGE_SIZE);
    expect(list.rows[0].id).toBe(1000);
    expect(ids(list)).not.toInclude(100);
    expect(list.rows.find((row) => row.id === 50).is_flagged).toBe(true);
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
