import { describe, expect, test } from "@odoo/hoot";
import { click, edit, press, queryAllAttributes, queryAllTexts, queryFirst } from "@odoo/hoot-dom";
import { advanceTime, Deferred } from "@odoo/hoot-mock";
import { getService } from "@web/../tests/web_test_helpers";
import { defineMailModels, FakeMail, moment, openMailDesk, sendChanged } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";

describe.current.tags("desktop");
defineMailModels();

const INPUT = ".o-maildesk-search-input";

function setup() {
    const mail = new FakeMail();
    const account = mail.account();
    const inbox = mail.folder(account);
    const archive = mail.folder(account, { name: "Archive", role: "archive" });
    mail.message(inbox, { id: 1, subject: "Crane on Friday" });
    mail.message(inbox, { id: 2, subject: "Berth plan" });
    mail.message(archive, { id: 3, subject: "Crane booked" });
    return { account, archive, inbox, mail };
}

const row = (id) => `.o-maildesk-row[data-message-id='${id}']`;
const ids = () => queryAllAttributes(".o-maildesk-row", "data-message-id");
const searches = (mail) => mail.calls.filter((method) => method === "maildesk_search").length;

async function type(text) {
    await click(INPUT);
    await edit(text, { confirm: false, instantly: true });
    await advanceTime(160);
    await animationFrame();
}

async function open(mail) {
    await openMailDesk(mail);
    await waitFor(row(2));
}

test("/ goes to the search, what is found comes as one types, by one request a pause", async () => {
    const { mail } = setup();
    await open(mail);
    await press("/");
    expect(INPUT).toBeFocused(); // before anything is drawn: the next letter is the search's
    expect(INPUT).toHaveValue("");
    await edit("c", { confirm: false, instantly: true });
    await edit("cra", { confirm: false, instantly: true });
    await type("crane");
    await waitFor(row(3));
    expect(ids()).toEqual(["3", "1"]);
    expect(`${row(3)} .o-maildesk-row-folder`).toHaveText("Archive");
    expect(searches(mail)).toBe(1);
});

test("a late answer does not take the place of a newer one", async () => {
    const { mail } = setup();
    await open(mail);
    const slow = new Deferred();
    mail.gate = slow;
    await type("berth");
    mail.gate = Promise.resolve();
    await type("crane");
    await waitFor(row(3));
    slow.resolve();
    await animationFrame();
    await animationFrame();
    expect(ids()).toEqual(["3", "1"]);
});

test("an answer that comes after the search was left changes nothing", async () => {
    const { mail } = setup();
    await open(mail);
    const slow = new Deferred();
    mail.gate = slow;
    await type("berth");
    await press("Escape");
    mail.gate = Promise.resolve();
    slow.resolve();
    await animationFrame();
    await animationFrame();
    expect(ids()).toEqual(["2", "1"]);
    expect(".o-maildesk-search-foot").toHaveCount(0);
});

test("Escape leads back to the folder, to the place and the row where one was", async () => {
    const { inbox, mail } = setup();
    for (let id = 100; id < 160; id++) {
        mail.message(inbox, { id });
    }
    await openMailDesk(mail);
    await waitFor(row(159));
    const rows = queryFirst(".o-maildesk-rows");
    Object.assign(rows.style, { flex: "none", height: "600px" });
    await click(row(158));
    await animationFrame();
    rows.scrollTop = 1500;
    await animationFrame();
    await animationFrame();
    await type("crane");
    await waitFor(row(3));
    expect(rows.scrollTop).toBe(0);
    await press("Escape");
    await animationFrame();
    await animationFrame();
    expect(rows.scrollTop).toBe(1500);
    expect(getService("maildesk.store").selectedId).toBe(158);
    expect(INPUT).toHaveValue("");
    expect(".o-maildesk-folder.o-selected").toHaveAttribute("data-role", "inbox");
});

test("where to search: everywhere, in a mailbox, in the folder", async () => {
    const { mail } = setup();
    const other = mail.folder(mail.account({ name: "Second" }));
    mail.message(other, { id: 9, subject: "Crane elsewhere" });
    await openMailDesk(mail);
    await waitFor(row(9));
    await click(".o-maildesk-account:eq(0) .o-maildesk-folder[data-role=inbox]");
    await waitForNone(row(9));
    await type("crane");
    await waitFor(row(9));
    expect(ids()).toEqual(["9", "3", "1"]);
    await click("[data-where=account]");
    await waitForNone(row(9));
    expect(ids()).toEqual(["3", "1"]);
    await click("[data-where=folder]");
    await waitForNone(row(3));
    expect(ids()).toEqual(["1"]);
    expect("[data-where=folder]").toHaveAttribute("aria-pressed", "true");
    expect("[data-where=folder]").toHaveText("Inbox");
});

test("operators are offered; keys choose one", async () => {
    const { mail } = setup();
    mail.find(2).is_flagged = true;
    await open(mail);
    await type("is:f");
    expect(queryAllTexts(".o-maildesk-search-word b")).toEqual(["is:flagged"]);
    expect(INPUT).toHaveAttribute("aria-expanded", "true");
    await press("ArrowDown");
    await animationFrame();
    expect(INPUT).toHaveAttribute("aria-activedescendant", "o-maildesk-word-0");
    await press("Enter");
    await advanceTime(160);
    await animationFrame();
    expect(INPUT).toHaveValue("is:flagged ");
    expect(INPUT).toBeFocused();
    await waitForNone(row(1));
    expect(ids()).toEqual(["2"]);
});

test("Enter goes on to what was found, and keys walk there", async () => {
    const { mail } = setup();
    await open(mail);
    await type("crane");
    await waitFor(row(3));
    await press("Enter");
    await animationFrame();
    await animationFrame();
    await animationFrame();
    expect(row(3)).toBeFocused();
    await press("j");
    await animationFrame();
    expect(getService("maildesk.store").selectedId).toBe(1);
    await press("Escape");
    await animationFrame();
    expect(".o-maildesk-search-foot").toHaveCount(0);
    expect(ids()).toEqual(["2", "1"]);
});

test("who leaves the search and comes back at once keeps typing there", async () => {
    const { mail } = setup();
    await open(mail);
    await type("crane");
    await waitFor(row(3));
    await press("Escape");
    await press("/");
    await animationFrame();
    await animationFrame();
    await animationFrame();
    expect(INPUT).toBeFocused();
});

test("what was not understood is told", async () => {
    const { mail } = setup();
    await open(mail);
    await type("size:5");
    await waitFor(".o-maildesk-search-note:contains(size:5 is not understood.)");
});

test("Microsoft is asked on demand: what only it has stands by date, marked, and opens", async () => {
    const { account, inbox, mail } = setup();
    Object.assign(account, { backfill_done: 12_400, backfill_total: 50_000 });
    await open(mail);
    await type("crane");
    await waitFor(row(3));
    expect(".o-maildesk-search-foot").toHaveText(/12,400 of 50,000/);
    const base = { ...mail.find(1), id: null, is_remote: true, folder_name: "Inbox", folder_id: inbox.id };
    mail.remote.rows = [{ ...base, remote_id: "r1", subject: "Crane of old", received_at: moment(2.5) }];
    await click(".o-maildesk-ask-microsoft");
    await waitFor(".o-maildesk-row.o-remote");
    expect(queryAllTexts(".o-maildesk-row-subject").map((text) => text.split("\n")[0].trim())[1]).toMatch(/Crane of old/);
    expect(".o-maildesk-search-foot").toHaveText(/1 more found at Microsoft/);
    expect(".o-maildesk-row-remote").toHaveAttribute("aria-label", "At Microsoft only");
    await click(".o-maildesk-row.o-remote");
    await waitFor(".o-maildesk-reading-subject:contains(Crane of old)");
    expect(mail.calls).toInclude("maildesk_open_remote");
    expect(mail.calls).not.toInclude("maildesk_open");
});

test("what Microsoft found below the part that is loaded is said to stand further down", async () => {
    const { inbox, mail } = setup();
    Array.from({ length: 120 }, (_, number) => mail.message(inbox, { id: 1000 + number, subject: `Crane ${number}` }));
    await openMailDesk(mail);
    await waitFor(row(1119));
    await type("crane");
    await waitFor(".o-maildesk-search-foot:contains(Found in Odoo)");
    const base = { ...mail.find(1), id: null, is_remote: true, folder_name: "Inbox", folder_id: inbox.id };
    mail.remote.rows = [
        { ...base, remote_id: "r1", subject: "Crane of today", received_at: moment(2000) },
        { ...base, remote_id: "r2", subject: "Crane of old", received_at: moment(-1) },
    ];
    await click(".o-maildesk-ask-microsoft");
    await waitFor(".o-maildesk-search-foot:contains(2 more found at Microsoft, 1 of them further down.)");
});

test("Microsoft that does not answer is told, and can be asked again", async () => {
    const { mail } = setup();
    await open(mail);
    await type("nothing of this");
    await waitFor(".o-maildesk-nothing:contains(Nothing in Odoo fits)");
    mail.remote = { rows: [], state: "unavailable", message: "Outlook does not answer now." };
    await click(".o-maildesk-ask-microsoft");
    await waitFor(".o-maildesk-search-foot:contains(Outlook does not answer now.)");
    mail.remote = { rows: [], state: "ready", message: "" };
    await click(".o-maildesk-ask-microsoft");
    await waitFor(".o-maildesk-search-foot:contains(Microsoft has nothing more.)");
});

test("what was found follows the news: changed, and gone", async () => {
    const { mail } = setup();
    await open(mail);
    await type("crane");
    await waitFor(row(3));
    mail.find(3).is_flagged = true;
    mail.drop(mail.find(1));
    sendChanged({ message_ids: [1, 3] });
    await waitForNone(row(1));
    expect(`${row(3)} .o-maildesk-row-flag`).toHaveCount(1);
    expect(`${row(3)} .o-maildesk-row-folder`).toHaveText("Archive");
});

test("another folder ends the search", async () => {
    const { archive, mail } = setup();
    await open(mail);
    await type("berth");
    await waitForNone(row(1));
    await click(`.o-maildesk-folder[data-folder-id='${archive.id}']`);
    await waitFor(row(3));
    expect(INPUT).toHaveValue("");
    expect(ids()).toEqual(["3"]);
});
