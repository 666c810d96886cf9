import { EventBus } from "@odoo/owl";
import { describe, expect, test } from "@odoo/hoot";
import { advanceTime, Deferred } from "@odoo/hoot-mock";
import { ConnectionLostError } from "@web/core/network/rpc";
import { MailDeskStore } from "@maildesk/store/maildesk_store";
import { FakeMail } from "../maildesk_test_helpers";

describe.current.tags("headless");

class FakeBus extends EventBus {
    start() {}
    subscribe() {}
}

async function setup(count = 3) {
    const mail = new FakeMail();
    const account = mail.account();
    const inbox = mail.folder(account);
    const archive = mail.folder(account, { name: "Archive", role: "archive" });
    mail.fill(inbox, count);
    const notices = [];
    const store = new MailDeskStore({
        bus_service: new FakeBus(),
        "maildesk.announcer": { announce() {} },
        notification: { add: (text) => notices.push(text) },
        orm: mail.orm,
    });
    await store.open();
    mail.calls.length = 0;
    return { account, archive, inbox, mail, notices, store };
}

const changed = (values) => ({ account_id: 1, folder_ids: [], message_ids: [], account: false, ...values });
const ids = (store) => store.list.rows.map((row) => row.id);

test("opening shows the first Inbox", async () => {
    const { inbox, store } = await setup();
    expect(store.folderId).toBe(inbox.id);
    expect(ids(store)).toEqual([3, 2, 1]);
});

test("a changed message is read again by its id, with the badges, and nothing else", async () => {
    const { inbox, mail, store } = await setup();
    mail.find(2).is_read = false;
    inbox.unread_count = 1;
    await store.live.onChanged(changed({ message_ids: [2] }));
    expect(store.list.rows[1].is_read).toBe(false);
    expect(store.folder.unread_count).toBe(1);
    expect(mail.calls.sort()).toEqual(["maildesk_overview", "maildesk_rows"]);
});

test("a storm of changes costs two readings, not one each", async () => {
    const { mail, store } = await setup();
    await Promise.all([1, 2, 3, 1, 2, 3, 1, 2, 3].map((id) => store.live.onChanged(changed({ message_ids: [id] }))));
    expect(mail.calls.filter((method) => method === "maildesk_overview").length).toBe(2);
    expect(mail.calls.filter((method) => method === "maildesk_rows").length).toBe(2);
});

test("too many changes to name them make the list be compared", async () => {
    const { mail, store } = await setup();
    mail.drop(mail.find(2));
    await store.live.onChanged(changed({ message_ids: null }));
    expect(ids(store)).toEqual([3, 1]);
    expect(mail.calls).toInclude("maildesk_list");
});

test("a lost connection is told after a moment, and made up for afterwards", async () => {
    const { inbox, mail, store } = await setup();
    store.select(store.list.rows[1]);
    store.live.onDisconnected();
    expect(store.isConnectionLost).toBe(false);
    await advanceTime(1100);
    expect(store.isConnectionLost).toBe(true);
    mail.drop(mail.find(3));
    mail.message(inbox, { id: 9 });
    await store.live.onConnected();
    expect(store.isConnectionLost).toBe(false);
    expect(ids(store)).toEqual([9, 2, 1]);
    expect(store.selectedId).toBe(2);
});

test("Odoo renewing its websocket is nothing to tell", async () => {
    const { store } = await setup();
    store.live.onDisconnected();
    await advanceTime(500);
    await store.live.onConnected();
    await advanceTime(5000);
    expect(store.isConnectionLost).toBe(false);
});

test("without news the server is asked nothing", async () => {
    const { mail } = await setup();
    await advanceTime(3_600_000);
    expect(mail.calls).toEqual([]);
});

test("a server out of reach is told, not thrown", async () => {
    const { mail, store } = await setup();
    mail.gate = Promise.reject(new ConnectionLostError("/"));
    mail.gate.catch(() => {});
    await store.loadOverview();
    expect(store.isConnectionLost).toBe(true);
    mail.gate = Promise.resolve();
    await store.live.catchUp();
    expect(store.isConnectionLost).toBe(false);
});

test("a late page of the folder before does not enter the one that is open", async () => {
    const { archive, inbox, mail, store } = await setup();
    const gate = new Deferred();
    mail.gate = gate;
    const first = store.openFolder(inbox.id);
    const second = store.openFolder(archive.id);
    gate.resolve();
    await Promise.all([first, second]);
    expect(store.folderId).toBe(archive.id);
    expect(ids(store)).toEqual([]);
});

test("the message that is open follows its row, and says when it is gone", async () => {
    const { mail, store } = await setup();
    await store.reader.open(store.list.rows[0]);
    expect(store.reading.body.state).toBe("ready");
    mail.find(3).is_flagged = true;
    await store.live.onChanged(changed({ message_ids: [3] }));
    expect(store.reading.message.is_flagged).toBe(true);
    mail.drop(mail.find(3));
    await store.live.onChanged(changed({ message_ids: [3] }));
    expect(store.reading.isGone).toBe(true);
    expect(ids(store)).toEqual([2, 1]);
});

test("a body that is coming is read when the bus says that it is there", async () => {
    const { mail, store } = await setup();
    mail.bodies.set(3, { state: "coming" });
    await store.reader.open(store.list.rows[0]);
    expect(store.reading.body.state).toBe("coming");
    await store.live.onBody({ message_id: 2, error: null });
    expect(store.reading.body.state).toBe("coming");
    mail.bodies.delete(3);
    await store.live.onBody({ message_id: 3, error: null });
    expect(store.reading.body.state).toBe("ready");
});

test("a body that will not come says why", async () => {
    const { mail, store } = await setup();
    mail.bodies.set(3, { state: "coming" });
    await store.reader.open(store.list.rows[0]);
    await store.live.onBody({ message_id: 3, error: "not_found" });
    expect(store.reading.body).toEqual({ state: "error", code: "not_found" });
});

test("a mailbox that is shared no more goes at once, with its list and the open mail", async () => {
    const { account, mail, store } = await setup();
    const other = mail.account();
    mail.fill(mail.folder(other), 1);
    await store.reader.open(store.list.rows[0]);
    mail.accounts = [other];
    await store.live.onChanged(changed({ account_id: account.id, account: true }));
    expect(store.accounts.map(({ id }) => id)).toEqual([other.id]);
    expect(store.reading).toBe(null);
    expect(ids(store)).toEqual([4]);
});

test("with the last mailbox gone nothing of it is left on screen", async () => {
    const { account, mail, store } = await setup();
    await store.reader.open(store.list.rows[0]);
    mail.accounts = [];
    await store.live.onChanged(changed({ account_id: account.id, account: true }));
    expect([store.accounts, store.folderId, store.list, store.reading, store.selectedId]).toEqual([[], null, null, null, null]);
});

test("keys go on from where a row went away", async () => {
    const { mail, store } = await setup(4);
    store.moveSelection(1);
    store.moveSelection(1);
    expect(store.selectedId).toBe(3);
    mail.drop(mail.find(3));
    await store.live.onChanged(changed({ message_ids: [3] }));
    store.moveSelection(1);
    expect(store.selectedId).toBe(2);
    store.moveSelection(-1);
    expect(store.selectedId).toBe(4);
});

test("a folder that is gone closes, and the Inbox opens", async () => {
    const { account, archive, inbox, store } = await setup();
    await store.openFolder(archive.id);
    account.folders = [inbox];
    await store.live.onChanged(changed({ account: true }));
    expect(store.folderId).toBe(inbox.id);
});

test("Refresh waits for news of the mailbox, and for half a minute at most", async () => {
    const { notices, store } = await setup();
    await store.mailboxes.refresh();
    expect(store.mailboxes.isRefreshing).toBe(true);
    await store.live.onChanged(changed({ account: true }));
    expect(store.mailboxes.isRefreshing).toBe(false);
    await store.mailboxes.refresh();
    await advanceTime(31_000);
    expect(store.mailboxes.isRefreshing).toBe(false);
    expect(notices.length).toBe(1);
});
