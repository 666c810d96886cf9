import { describe, expect, test } from "@odoo/hoot";
import { click, hover, keyDown, keyUp, press, queryAll, queryAllAttributes, queryFirst, scroll } from "@odoo/hoot-dom";
import { advanceTime, Deferred, mockDate, mockTimeZone } from "@odoo/hoot-mock";
import { addBusServiceListeners } from "@bus/../tests/bus_test_helpers";
import { asyncStep, getService, patchWithCleanup, waitForSteps } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { user } from "@web/core/user";
import { maildeskActions } from "@maildesk/actions/maildesk_actions";
import { messageIds } from "@maildesk/store/message_list";
import { defineMailModels, FakeMail, moment, openMailDesk, sendChanged } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";

describe.current.tags("desktop");
defineMailModels();

function setup(count) {
    const mail = new FakeMail();
    const inbox = mail.folder(mail.account());
    mail.fill(inbox, count);
    return { inbox, mail };
}

const row = (id) => `.o-maildesk-row[data-message-id='${id}']`;
const drawn = () => queryAll(".o-maildesk-row").length;
const checked = () => queryAllAttributes(".o-maildesk-row.o-checked", "data-message-id");

async function clickWith(key, target) {
    await keyDown(key);
    await click(target);
    await keyUp(key);
}

/** A list pane of a fixed height, whatever the window. */
async function openList(mail) {
    addBusServiceListeners(["BUS:CONNECT", () => asyncStep("connected")]);
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    // what was compared when the websocket stood is over
    await waitForSteps(["connected"]);
    await animationFrame();
    Object.assign(queryFirst(".o-maildesk-rows").style, { flex: "none", height: "800px" });
}

async function scrollTo(top) {
    await scroll(".o-maildesk-rows", { y: top }, { scrollable: false });
    await animationFrame();
    await animationFrame();
}

test("of 100,000 rows only those in sight are drawn, wherever one is", async () => {
    const { mail } = setup(3);
    await openList(mail);
    const { list } = getService("maildesk.store");
    const [one] = list.rows;
    list._merge(
        Array.from({ length: 99_997 }, (_, i) => ({ ...one, id: 100_000 - i, conversation_id: "", received_at: moment(100_000 - i) }))
    );
    await animationFrame();
    expect(list.rows.length).toBe(100_000);
    mail.calls.length = 0;
    for (const place of [0, 1000, 400_000, 3_900_000, 7_800_000, 12_345]) {
        await scrollTo(place);
        expect(drawn()).toBeLessThan(60);
        const seen = queryAll(".o-maildesk-row").filter((el) => el.getBoundingClientRect().bottom > queryFirst(".o-maildesk-rows").getBoundingClientRect().top);
        expect(seen.length).toBeGreaterThan(10);
    }
    expect(mail.calls).toEqual([]);
});

test("a scroll asks for one page at a time", async () => {
    const { mail } = setup(1000);
    await openList(mail);
    await animationFrame();
    let running = 0;
    const most = [];
    const gate = new Deferred();
    const { call } = mail;
    mail.call = async (...args) => {
        most.push(++running);
        await gate;
        return call.apply(mail, args).finally(() => running--);
    };
    for (let y = 5000; y < 6200; y += 100) {
        await scrollTo(y);
    }
    expect(most).toEqual([1]);
    gate.resolve();
    await animationFrame();
    await animationFrame();
    expect(Math.max(...most)).toBe(1);
    expect(".o-maildesk-row").not.toHaveCount(0);
});

test("mail that arrives above leaves what one reads where it is, and the selection too", async () => {
    const { inbox, mail } = setup(300);
    await openList(mail);
    await click(row(299));
    await scrollTo(2000);
    const id = queryAll(".o-maildesk-row").find((el) => el.getBoundingClientRect().top > queryFirst(".o-maildesk-rows").getBoundingClientRect().top + 40).dataset.messageId;
    const top = () => Math.round(queryFirst(row(id)).getBoundingClientRect().top);
    const before = top();
    for (const n of [901, 902, 903]) {
        mail.message(inbox, { id: n, received_at: moment(900 + n) });
    }
    sendChanged({ folder_ids: [inbox.id], message_ids: [901, 902, 903] });
    await waitFor(".o-maildesk-canvas[aria-rowcount]");
    await advanceTime(50);
    await animationFrame();
    await animationFrame();
    expect(getService("maildesk.store").list.rows[0].id).toBe(903);
    expect(top()).toBe(before);
    expect(getService("maildesk.store").selectedId).toBe(299);
    await scrollTo(0);
    expect(queryAllAttributes(".o-maildesk-row", "data-message-id").slice(0, 4)).toEqual(["903", "902", "901", "300"]);
});

test("Tab reaches one row, also when it is out of sight", async () => {
    const { mail } = setup(300);
    await openList(mail);
    await click(row(298));
    await scrollTo(4000);
    expect(".o-maildesk-row[tabindex='0']").toHaveCount(1);
    expect(".o-maildesk-row[tabindex='0']").toHaveAttribute("data-message-id", "298");
    await press("j");
    await animationFrame();
    await animationFrame();
    const box = queryFirst(row(297)).getBoundingClientRect();
    const list = queryFirst(".o-maildesk-rows").getBoundingClientRect();
    expect(box.top).toBeWithin(list.top, list.bottom);
});

test("rows stand under their dates, in the user's time zone", async () => {
    mockTimeZone(0);
    mockDate("2026-11-26 12:00:00");
    const { inbox, mail } = setup(0);
    mail.message(inbox, { id: 1, received_at: "2026-11-26T08:00:00Z" });
    mail.message(inbox, { id: 2, received_at: "2026-11-25T08:00:00Z" });
    mail.message(inbox, { id: 3, received_at: "2026-09-25T08:00:00Z" });
    await openList(mail);
    expect(queryAll(".o-maildesk-date").map((el) => el.textContent)).toEqual(["Today", "Yesterday", "September"]);
});

test("All inboxes stand first in the tree, with their count, and tell mailboxes apart", async () => {
    const { inbox, mail } = setup(1);
    inbox.unread_count = 1;
    const other = mail.folder(mail.account({ name: "Second" }), { unread_count: 4 });
    mail.message(other, { id: 50, subject: "Of the second" });
    await openMailDesk(mail);
    await waitFor(row(50));
    expect(".o-maildesk-tree .o-maildesk-folder:eq(0)").toHaveText(/All inboxes\s*5/);
    expect(".o-maildesk-unified").toHaveClass("o-selected");
    expect(".o-maildesk-row").toHaveCount(2);
    expect(".o-maildesk-row .o-maildesk-row-stripe").toHaveCount(2);
    expect(`${row(50)} .o-maildesk-row-stripe`).toHaveAttribute("title", "Second");
    await click(`.o-maildesk-folder[data-folder-id='${other.id}']`);
    await waitForNone(row(1));
    expect(".o-maildesk-row-stripe").toHaveCount(0);
    mail.accounts[1].state = "disconnected";
    sendChanged({ account_id: 2, account: true });
    await waitForNone(".o-maildesk-unified");
});

test("news of any mailbox reach All inboxes; mail that moves elsewhere leaves them", async () => {
    const { inbox, mail } = setup(1);
    const account = mail.account();
    const other = mail.folder(account);
    const archive = mail.folder(account, { name: "Archive", role: "archive" });
    await openMailDesk(mail);
    await waitFor(row(1));
    mail.message(other, { id: 60 });
    sendChanged({ account_id: 2, folder_ids: [other.id], message_ids: [60] });
    await waitFor(row(60));
    mail.find(60).folder_id = archive.id;
    sendChanged({ account_id: 2, folder_ids: [other.id, archive.id], message_ids: [60] });
    await waitForNone(row(60));
    expect(inbox.id).toBe(mail.find(1).folder_id);
});

test("a conversation is one row with its number of mails and who wrote; singly they are several", async () => {
    const { inbox, mail } = setup(0);
    mail.message(inbox, { id: 1, conversation_id: "a", from_name: "Jane", is_read: false, has_attachments: true });
    mail.message(inbox, { id: 2, conversation_id: "a", from_name: "Kai" });
    await openMailDesk(mail);
    await waitFor(row(2));
    expect(".o-maildesk-row").toHaveCount(1);
    expect(`${row(2)} .o-maildesk-row-who`).toHaveText("Jane, Kai");
    expect(`${row(2)} .o-maildesk-row-count`).toHaveText(/^2/);
    expect(row(2)).toHaveClass("o-unread");
    expect(`${row(2)} .o-maildesk-row-clip`).toHaveCount(1);
    await click(".o-maildesk-options");
    await waitFor("[data-option=view-plain]");
    await click("[data-option=view-plain]");
    await waitFor(row(1));
    expect(".o-maildesk-row").toHaveCount(2);
    expect(".o-maildesk-row-count").toHaveCount(0);
    expect(JSON.parse(browser.localStorage.getItem(`maildesk.preferences.${user.userId}`)).view).toBe("plain");
});

test("what was chosen before is there at once, and nonsense in the browser's storage is none", async () => {
    browser.localStorage.setItem(`maildesk.preferences.${user.userId}`, JSON.stringify({ density: "compact", order: "oldest", view: "sideways" }));
    const { mail } = setup(3);
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row.o-compact");
    expect(queryAllAttributes(".o-maildesk-row", "data-message-id")).toEqual(["1", "2", "3"]);
    expect(getService("maildesk.store").preferences.view).toBe("conversations");
});

test("filters narrow the list, together, and say when nothing fits", async () => {
    const { inbox, mail } = setup(0);
    mail.message(inbox, { id: 1, is_read: false });
    mail.message(inbox, { id: 2, is_flagged: true });
    mail.message(inbox, { id: 3, is_read: false, is_flagged: true });
    await openMailDesk(mail);
    await waitFor(row(3));
    await click("[data-filter=unread]");
    await waitForNone(row(2));
    expect(queryAllAttributes(".o-maildesk-row", "data-message-id")).toEqual(["3", "1"]);
    expect("[data-filter=unread]").toHaveAttribute("aria-pressed", "true");
    await click("[data-filter=flagged]");
    await waitForNone(row(1));
    await click("[data-filter=attachments]");
    await waitFor(".o-maildesk-nothing:contains(No mail here fits the filter)");
    await click(".o-maildesk-nothing button");
    await waitFor(row(1));
    expect("[data-filter=all]").toHaveAttribute("aria-pressed", "true");
});

test("a range is selected by Shift, single rows by Ctrl and the disc; Escape ends it", async () => {
    const { mail } = setup(6);
    await openMailDesk(mail);
    await waitFor(row(6));
    await clickWith("Control", row(6));
    await animationFrame();
    await clickWith("Shift", row(4));
    await animationFrame();
    expect(checked()).toEqual(["6", "5", "4"]);
    expect(".o-maildesk-selection").toHaveText(/3 selected/);
    expect(".o-maildesk-reading-subject").toHaveCount(0);
    await click(`${row(2)} .o-maildesk-row-tick`);
    await animationFrame();
    expect(checked()).toEqual(["6", "5", "4", "2"]);
    await clickWith("Control", row(5));
    await animationFrame();
    expect(checked()).toEqual(["6", "4", "2"]);
    await press("Escape");
    await animationFrame();
    expect(checked()).toEqual([]);
    expect(".o-maildesk-selection").toHaveCount(0);
    expect(mail.calls).not.toInclude("maildesk_open");
});

test("x, Shift+J and Shift+K, Ctrl+A select by keys", async () => {
    const { mail } = setup(5);
    await openMailDesk(mail);
    await waitFor(row(5));
    await press("j");
    await press("x");
    await press(["Shift", "J"]);
    await press(["Shift", "J"]);
    await animationFrame();
    expect(checked()).toEqual(["5", "4", "3"]);
    await advanceTime(200); // in which a row that is walked to would open
    await press(["Shift", "K"]);
    await animationFrame();
    expect(checked()).toEqual(["5", "4"]);
    await press(["Control", "a"]);
    await animationFrame();
    expect(checked().length).toBe(5);
    expect(mail.calls).not.toInclude("maildesk_open");
    expect(".o-maildesk-select-all").toHaveCount(0);
    await click(".o-maildesk-selection-clear");
    await animationFrame();
    expect(checked()).toEqual([]);
});

test("an action of another addon stands on the row, in the bar and on its key, and gets the rows", async () => {
    const { inbox, mail } = setup(0);
    for (const [id, conversation_id] of [[1, "a"], [2, "a"], [3, "b"]]) {
        mail.message(inbox, { id, conversation_id });
    }
    maildeskActions.add("shelve", {
        place: ["message", "selection"],
        name: "Shelve",
        icon: "fa fa-book",
        keys: ["y"],
        run: ({ rows }) => asyncStep(rows.flatMap(messageIds).join()),
    });
    try {
        await openMailDesk(mail);
        await waitFor(row(3));
        await hover(row(2));
        await click(`${row(2)} [data-action=shelve]`);
        await waitForSteps(["2,1"]);
        expect(mail.calls).not.toInclude("maildesk_open");
        await press("j");
        await press("y");
        await waitForSteps(["3"]);
        await press(["Control", "a"]);
        await animationFrame();
        await click(".o-maildesk-selection [data-action=shelve]");
        await waitForSteps(["3,2,1"]);
    } finally {
        maildeskActions.remove("shelve");
    }
});

test("on a phone a finger that rests selects, and then taps select", async () => {
    const matchMedia = browser.matchMedia;
    patchWithCleanup(browser, {
        matchMedia: (query) =>
            query.includes("760px") ? Object.assign(new EventTarget(), { matches: true }) : matchMedia.call(browser, query),
    });
    const { mail } = setup(3);
    await openMailDesk(mail);
    await waitFor(row(3));
    const press = new PointerEvent("pointerdown", { pointerType: "touch", bubbles: true });
    queryFirst(row(3)).dispatchEvent(press);
    await advanceTime(600);
    queryFirst(row(3)).click(); // the finger is lifted
    await animationFrame();
    expect(checked()).toEqual(["3"]);
    expect(".o-maildesk-selection").toHaveText(/1 selected/);
    await click(row(1));
    await animationFrame();
    expect(checked()).toEqual(["3", "1"]);
    expect(mail.calls).not.toInclude("maildesk_open");
});
