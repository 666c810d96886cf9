import { describe, expect, test } from "@odoo/hoot";
import { click, drag, hover, press, queryAllAttributes, queryAllTexts, queryFirst } from "@odoo/hoot-dom";
import { advanceTime } from "@odoo/hoot-mock";
import { contains, getService, patchWithCleanup } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { maildeskActions } from "@maildesk/actions/maildesk_actions";
import { defineMailModels, FakeMail, openMailDesk, sendChanged } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";

describe.current.tags("desktop");
defineMailModels();

function setup(values = {}) {
    const mail = new FakeMail();
    const account = mail.account(values);
    const inbox = mail.folder(account, { total_count: 5 });
    for (const [name, role] of [["Archive", "archive"], ["Deleted Items", "trash"], ["Junk", "junk"], ["Projects", "other"]]) {
        mail.folder(account, { name, role });
    }
    mail.folder(account, { name: "Pier", role: "other", parent_id: account.folders.at(-1).id });
    mail.fill(inbox, 5);
    const folder = (name) => account.folders.find((each) => each.name === name);
    return { account, folder, inbox, mail };
}

async function open(mail) {
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
}

const row = (id) => `.o-maildesk-row[data-message-id='${id}']`;
const line = (folder) => `.o-maildesk-folder-line:has([data-folder-id='${folder.id}'])`;
const store = () => getService("maildesk.store");
const rows = () => [...document.querySelectorAll(".o-maildesk-row")].map((el) => Number(el.dataset.messageId));

async function menuOf(folder) {
    await hover(line(folder));
    await click(`${line(folder)} .o-maildesk-folder-menu`);
    await waitFor(".o-dropdown--menu");
}

test("keys: archive and undo, flag, unread, spam", async () => {
    const { mail } = setup();
    await open(mail);
    await press("j");
    await press("e");
    await waitForNone(row(5));
    await waitFor(".o-maildesk-undo:contains(Moved to Archive)");
    await press("z");
    await waitFor(row(5));
    expect(".o-maildesk-undo").toHaveCount(0);
    await press("s");
    await waitFor(`${row(4)} .o-maildesk-row-flag`);
    await press("u");
    await waitFor(`${row(4)}.o-unread`);
    expect(".o-maildesk-undo").toHaveCount(0);
    await press("!");
    await waitForNone(row(4));
    expect(mail.find(4).folder_id).toBe(104);
    expect(rows()).toEqual([5, 3, 2, 1]);
});

test("a row's own buttons act on it, wherever the person is", async () => {
    const { mail } = setup();
    await open(mail);
    await press("j");
    await hover(row(2));
    await click(`${row(2)} [data-action=delete]`);
    await waitForNone(row(2));
    expect(mail.deeds.map(({ kind, ids }) => [kind, ids])).toEqual([["delete", [2]]]);
    expect(store().selectedId).toBe(5);
    await hover(row(3));
    await click(`${row(3)} [data-action=toggle-flag]`);
    await waitFor(`${row(3)} .o-maildesk-row-flag`);
    expect(`${row(3)} [data-action=toggle-flag]`).toHaveAttribute("aria-label", "Remove the Flag");
});

test("in the Trash it is asked once, then deleted for good", async () => {
    const { folder, mail } = setup();
    mail.find(5).folder_id = folder("Deleted Items").id;
    await open(mail);
    await click(`[data-folder-id='${folder("Deleted Items").id}']`);
    await waitFor(row(5));
    await press("j");
    await press("Delete");
    await waitFor(".modal:contains(Delete for good?)");
    await contains(".modal .btn-secondary:contains(Keep)").click();
    expect(mail.deeds).toEqual([]);
    await press("#");
    await contains(".modal .btn-danger").click();
    await waitForNone(row(5));
    expect(mail.deeds.map(({ kind }) => kind)).toEqual(["destroy"]);
    expect(".o-maildesk-undo-button").toHaveCount(0);
});

test("v moves: type a part of the name, Enter; what it is in is not offered", async () => {
    const { folder, mail } = setup();
    await open(mail);
    await press("j");
    await press("v");
    await waitFor(".o-maildesk-folder-dialog input:focus");
    expect(`.o-maildesk-folder-dialog [data-folder-id='${folder("Inbox").id}']`).toHaveAttribute("aria-disabled", "true");
    for (const key of "proj pi") {
        await press(key);
    }
    await animationFrame();
    expect(queryAllTexts(".o-maildesk-folder-dialog li span")).toEqual(["Pier"]);
    expect(".o-maildesk-folder-dialog small").toHaveText("Projects / Pier");
    await press("Enter");
    await waitForNone(row(5));
    expect(mail.find(5).folder_id).toBe(folder("Pier").id);
    expect(".o-maildesk-undo").toHaveText(/Moved to Pier/);
});

test("the selection is dragged onto a folder; where it cannot go nothing is taken", async () => {
    const { folder, inbox, mail } = setup();
    await open(mail);
    await press("j");
    await press("Shift+J");
    await press("Shift+J");
    await animationFrame();
    const { drop, moveTo } = await drag(row(4), { dataTransfer: new DataTransfer() });
    await moveTo(line(inbox));
    await animationFrame();
    expect(line(inbox)).toHaveClass("o-no-drop");
    expect(line(inbox)).not.toHaveClass("o-drop");
    await moveTo(line(folder("Projects")));
    await animationFrame();
    expect(line(folder("Projects"))).toHaveClass("o-drop");
    await drop();
    await waitForNone(row(4));
    expect(mail.deeds.map(({ kind, ids, values }) => [kind, ids, values.folder_id])).toEqual([["move", [5, 4, 3], folder("Projects").id]]);
    expect(rows()).toEqual([2, 1]);
    expect(".o-drop, .o-no-drop").toHaveCount(0);
});

test("the bar of the selection: what is done with all of it, and more behind three dots", async () => {
    const { mail } = setup();
    await open(mail);
    await press("j");
    await press("x");
    await press("Shift+J");
    await waitFor(".o-maildesk-selection [data-action=archive]");
    await click(".o-maildesk-selection .o-maildesk-actions-more");
    await contains(".o-dropdown--menu [data-action=importance-high]").click();
    await waitFor(`${row(4)} .o-maildesk-row-important`);
    expect([5, 4].map((id) => mail.find(id).importance)).toEqual(["high", "high"]);
    await click(".o-maildesk-selection .o-maildesk-actions-more");
    await contains(".o-dropdown--menu [data-action=categories]").click();
    await contains("[data-category='Red category'] input").click();
    await contains(".o-maildesk-category-new input").edit("Harbour", { confirm: false });
    await contains(".modal .btn-primary").click();
    await waitFor(`${row(5)} .o-maildesk-category-dot`);
    expect(mail.find(4).categories).toEqual(["Red category", "Harbour"]);
    await click(".o-maildesk-selection [data-action=archive]");
    await waitForNone(".o-maildesk-selection");
    expect(".o-maildesk-undo").toHaveText(/Moved to Archive · 2 messages/);
});

test("a mailbox is offered the categories that it uses, also those of mail that is not listed", async () => {
    const { folder, mail } = setup();
    mail.message(folder("Archive"), { categories: ["Blaue Kategorie", "Kunden"] });
    await open(mail);
    await press("j");
    await press("x");
    await press("Shift+J");
    await waitFor(".o-maildesk-selection .o-maildesk-actions-more");
    await click(".o-maildesk-selection .o-maildesk-actions-more");
    await contains(".o-dropdown--menu [data-action=categories]").click();
    await waitFor(".modal [data-category]");
    expect(queryAllTexts(".modal [data-category]")).toEqual([
        "Rote Kategorie", "Orange Kategorie", "Gelbe Kategorie", "Grüne Kategorie", "Blaue Kategorie", "Lila Kategorie", "Kunden",
    ]);
});

test("on a phone the bar of a message has one line: what has no room stands first behind the three dots", async () => {
    const matchMedia = browser.matchMedia;
    patchWithCleanup(browser, {
        matchMedia: (query) =>
            query.includes("760px") ? Object.assign(new EventTarget(), { matches: true }) : matchMedia.call(browser, query),
    });
    const { mail } = setup();
    await open(mail);
    await click(row(5));
    await waitFor(".o-maildesk-reading [data-action=archive]");
    expect(".o-maildesk-reading .o-maildesk-actions > [data-action]").toHaveCount(5);
    await click(".o-maildesk-reading .o-maildesk-actions-more");
    await waitFor(".o-dropdown--menu [data-action=categories]");
    expect(queryAllAttributes(".o-dropdown--menu [data-action]", "data-action").slice(0, 3)).toEqual(["move", "toggle-read", "toggle-flag"]);
    await contains(".o-dropdown--menu [data-action=toggle-flag]").click();
    expect(mail.find(5).is_flagged).toBe(true);
});

test("an open message is read after a second, not before; what is marked unread stays so", async () => {
    const { mail } = setup();
    mail.find(5).is_read = false;
    await open(mail);
    await click(row(5));
    await waitFor(".o-maildesk-reading-subject");
    await advanceTime(900);
    expect(mail.find(5).is_read).toBe(false);
    await advanceTime(300);
    await waitForNone(`${row(5)}.o-unread`);
    expect(mail.find(5).is_read).toBe(true);
    await press("u");
    await waitFor(`${row(5)}.o-unread`);
    await advanceTime(5000);
    expect(mail.find(5).is_read).toBe(false);
});

test("over the open message: its actions; the next one is opened where it went", async () => {
    const { mail } = setup();
    await open(mail);
    await click(row(5));
    await waitFor(".o-maildesk-reading [data-action=archive]");
    await click(".o-maildesk-reading [data-action=archive]");
    await advanceTime(200);
    await waitFor(".o-maildesk-reading-subject:contains(Subject 4)");
});

test("a mailbox that can only be read: no buttons, the reason in one place, and nothing becomes read", async () => {
    const { mail } = setup({ permissions: { write: false, send: false } });
    mail.find(5).is_read = false;
    await open(mail);
    await click(row(5));
    await advanceTime(2000);
    await press("x");
    await waitFor(".o-maildesk-refusal");
    expect(".o-maildesk-refusal").toHaveText(/Microsoft lets MailDesk read this mailbox, not change it/);
    expect("[data-action=archive], [data-action=delete], [data-action=toggle-flag]").toHaveCount(0);
    for (const key of ["e", "#", "u", "s", "!", "v"]) {
        await press(key);
    }
    await animationFrame();
    expect(mail.deeds).toEqual([]);
    expect(".modal").toHaveCount(0);
    expect(".o-maildesk-readonly").toHaveAttribute("title", /Microsoft lets/);
});

test("folders are made, renamed, moved and deleted; Outlook's own stay", async () => {
    const { folder, inbox, mail } = setup();
    await open(mail);
    await menuOf(inbox);
    expect(".o-dropdown--menu [data-action=rename-folder]").toHaveCount(0);
    expect(".o-dropdown--menu [data-action=delete-folder]").toHaveCount(0);
    await contains(".o-dropdown--menu [data-action=new-subfolder]").click();
    expect(".modal .btn-primary").toHaveAttribute("disabled");
    await contains(".o-maildesk-name").edit("Cranes", { confirm: false });
    await contains(".modal .btn-primary").click();
    await waitFor(".o-maildesk-undo:contains(Cranes)");
    await menuOf(folder("Projects"));
    await contains(".o-dropdown--menu [data-action=rename-folder]").click();
    await contains(".o-maildesk-name").edit("Works", { confirm: "Enter" });
    await waitFor(".o-maildesk-folder-name:contains(Works)");
    await menuOf(folder("Pier"));
    await contains(".o-dropdown--menu [data-action=move-folder]").click();
    await contains(".o-maildesk-folder-dialog [data-folder-id=top]").click();
    await waitFor(".o-maildesk-undo:contains(Pier was moved)");
    await menuOf(folder("Pier"));
    await contains(".o-dropdown--menu [data-action=delete-folder]:contains(Delete)").click();
    await waitFor(".o-maildesk-undo:contains(Pier was deleted)");
    expect(".modal").toHaveCount(0);
    await menuOf(folder("Pier"));
    await contains(".o-dropdown--menu [data-action=delete-folder]:contains(Delete for Good)").click();
    await contains(".modal .btn-danger").click();
    await waitForNone(".o-maildesk-folder-name:contains(Pier)");
    expect(".o-maildesk-undo-button").toHaveCount(0);
    expect(mail.deeds.map(({ kind, values }) => [kind, values.name ?? values.parent_id ?? null])).toEqual([
        ["folder_create", "Cranes"],
        ["folder_rename", "Works"],
        ["folder_move", null],
        ["folder_delete", null],
        ["folder_delete", null],
    ]);
});

test("who stands in a folder that is deleted goes to the Inbox, and back with Undo", async () => {
    const { folder, inbox, mail } = setup();
    await open(mail);
    await contains(`.o-maildesk-folder[data-folder-id='${folder("Pier").id}']`).click();
    await waitFor(`.o-maildesk-folder[data-folder-id='${folder("Pier").id}'][aria-current]`);
    await menuOf(folder("Projects"));
    await contains(".o-dropdown--menu [data-action=delete-folder]").click();
    await waitFor(`.o-maildesk-folder[data-folder-id='${inbox.id}'][aria-current]`);
    expect(folder("Projects").parent_id).toBe(folder("Deleted Items").id);
    await contains(".o-maildesk-undo-button").click();
    await waitFor(`.o-maildesk-folder[data-folder-id='${folder("Pier").id}'][aria-current]`);
    expect(folder("Projects").parent_id).toBe(null);
});

test("who has gone on meanwhile is not brought back", async () => {
    const { folder, mail } = setup();
    await open(mail);
    await contains(`.o-maildesk-folder[data-folder-id='${folder("Projects").id}']`).click();
    await menuOf(folder("Projects"));
    await contains(".o-dropdown--menu [data-action=delete-folder]").click();
    await waitFor(".o-maildesk-undo:contains(Projects was deleted)");
    await contains(`.o-maildesk-folder[data-folder-id='${folder("Archive").id}']`).click();
    await contains(".o-maildesk-undo-button").click();
    await waitForNone(".o-maildesk-undo");
    expect(`.o-maildesk-folder[data-folder-id='${folder("Archive").id}'][aria-current]`).toHaveCount(1);
});

test("a folder that was marked read is as it was with Undo; what cannot be is said", async () => {
    const { inbox, mail } = setup();
    inbox.unread_count = 2;
    await open(mail);
    const unread = mail.messages.filter((message) => !message.is_read).length;
    await menuOf(inbox);
    await contains(".o-dropdown--menu [data-action=mark-folder-read]").click();
    await waitFor(".o-maildesk-undo:contains(All of Inbox marked as read)");
    expect(mail.messages.every((message) => message.is_read)).toBe(true);
    mail.refused = "3 of it cannot be undone any more.";
    await contains(".o-maildesk-undo-button").click();
    await waitFor(".o_notification:contains(3 of it cannot be undone)");
    expect(mail.messages.filter((message) => !message.is_read)).toHaveLength(unread);
});

test("a folder is marked read at once, the Trash emptied after a question", async () => {
    const { folder, inbox, mail } = setup();
    inbox.unread_count = 2;
    folder("Deleted Items").total_count = 3;
    await open(mail);
    await menuOf(inbox);
    await contains(".o-dropdown--menu [data-action=mark-folder-read]").click();
    await waitFor(".o-maildesk-undo:contains(All of Inbox marked as read)");
    await menuOf(folder("Deleted Items"));
    await contains(".o-dropdown--menu [data-action=empty-folder]").click();
    await waitFor(".modal:contains(Empty Deleted Items?)");
    expect(".modal").not.toHaveText(/Folders inside it/);
    await contains(".modal .btn-danger").click();
    await waitFor(".o-maildesk-undo:contains(Deleted Items is being emptied)");
    expect(mail.deeds.map(({ kind }) => kind)).toEqual(["mark_folder_read", "empty_folder"]);
});

test("emptying the Trash says that folders inside it stay", async () => {
    const { account, folder, mail } = setup();
    folder("Deleted Items").total_count = 3;
    mail.folder(account, { name: "Old project", role: "other", parent_id: folder("Deleted Items").id });
    await open(mail);
    await menuOf(folder("Deleted Items"));
    await contains(".o-dropdown--menu [data-action=empty-folder]").click();
    await waitFor(".modal:contains(Folders inside it, and their messages, stay.)");
});

test("what failed stands at the top and at its row, and goes with another try", async () => {
    const { mail } = setup();
    await open(mail);
    expect(".o-maildesk-failure").toHaveCount(0);
    const why = "Microsoft does not permit this in this mailbox.";
    mail.find(3).failed = why;
    mail.action({ state: "failed", kind: "delete", error: why, message_id: 3 });
    sendChanged({ message_ids: [3] });
    await waitFor(".o-maildesk-failure");
    expect(".o-maildesk-failure").toHaveText(new RegExp(`Deleting failed for “Subject 3”. ${why}`));
    expect(`${row(3)} .o-maildesk-row-failed`).toHaveAttribute("title", why);
    await contains(".o-maildesk-failure button:contains(Retry)").click();
    await waitForNone(".o-maildesk-failure");
    expect(`${row(3)} .o-maildesk-row-failed`).toHaveCount(0);
});

test("what waits says for what, at the top and at its row", async () => {
    const { mail } = setup();
    mail.find(3).waiting = true;
    mail.action({ waiting_for: "sign_in", message_id: 3 });
    await open(mail);
    await waitFor(".o-maildesk-waiting");
    expect(".o-maildesk-waiting").toHaveText("1 change waits until Outlook is signed in to again.");
    expect(`${row(3)} .o-maildesk-row-waiting`).toHaveCount(1);
});

test("places say which action stands where", async () => {
    const at = (place) => maildeskActions.getEntries().filter(([, entry]) => [entry.place].flat().includes(place)).map(([id]) => id);
    const main = ["archive", "delete", "toggle-read", "toggle-flag"];
    for (const id of main) {
        expect(at("message")).toInclude(id);
    }
    for (const id of [...main, "move", "junk", "categories", "importance-high"]) {
        expect(at("selection")).toInclude(id);
        expect(at("conversation")).toInclude(id);
    }
    expect(queryFirst(".o-maildesk")).toBe(null);
});
