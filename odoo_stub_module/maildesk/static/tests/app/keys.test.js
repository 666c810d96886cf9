import { describe, expect, test } from "@odoo/hoot";
import { click, press, queryAllTexts, queryFirst } from "@odoo/hoot-dom";
import { advanceTime } from "@odoo/hoot-mock";
import { asyncStep, getService, patchWithCleanup, waitForSteps } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { keyEntries, maildeskKeys } from "@maildesk/actions/maildesk_keys";
import { defineMailModels, FakeMail, openMailDesk } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";

describe.current.tags("desktop");
defineMailModels();

function setup() {
    const mail = new FakeMail();
    const account = mail.account();
    const inbox = mail.folder(account);
    for (const role of ["drafts", "sent", "archive"]) {
        mail.folder(account, { name: role, role });
    }
    mail.fill(inbox, 5);
    return mail;
}

async function open(mail) {
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
}

const store = () => getService("maildesk.store");

test("no key has two meanings", async () => {
    const keys = keyEntries(() => ({})).flatMap((entry) => entry.keys);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).not.toInclude("Ctrl+S");
    expect(keys).not.toInclude("Ctrl+K");
});

test("g and a letter go to a folder, within 900 ms", async () => {
    await open(setup());
    for (const [key, role] of [["d", "drafts"], ["t", "sent"], ["a", "archive"], ["i", "inbox"]]) {
        await press("g");
        await advanceTime(700);
        await press(key);
        await animationFrame();
        expect(store().folder.role).toBe(role);
    }
    await press("g");
    await advanceTime(950);
    await press("d");
    await animationFrame();
    expect(store().folder.role).toBe("inbox");
});

test("g s shows what is flagged, wherever it is", async () => {
    const mail = setup();
    mail.find(2).is_flagged = true;
    await open(mail);
    await press("g");
    await press("s");
    await waitForNone(".o-maildesk-row[data-message-id='3']");
    expect(".o-maildesk-row").toHaveCount(1);
    expect(".o-maildesk-search-input").toHaveValue("is:flagged");
});

test("keys rest while somebody types, in a menu and in a dialog", async () => {
    await open(setup());
    await click(".o-maildesk-search-input");
    await press("j");
    await press("?");
    await animationFrame();
    expect(store().selectedId).toBe(null);
    expect(".o-maildesk-help").toHaveCount(0);
    expect(".o-maildesk-search-input").toHaveValue("j?");
    await press("Escape");
    await animationFrame();
    expect(".o-maildesk-search-input").toHaveValue("");
    expect(store().selectedId).toBe(5);
    await click(".o-maildesk-options");
    await waitFor(".o-dropdown--menu");
    await press("j");
    await press("Escape");
    await waitForNone(".o-dropdown--menu");
    expect(store().selectedId).toBe(5);
    await press("?");
    await waitFor(".o-maildesk-help");
    await press("j");
    await press("Escape");
    await waitForNone(".o-maildesk-help");
    await animationFrame();
    expect(store().selectedId).toBe(5);
    await press("j");
    expect(store().selectedId).toBe(4);
});

test("what is the browser's and Odoo's stays theirs", async () => {
    await open(setup());
    const isLeft = (key, values) => {
        const ev = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...values });
        return document.body.dispatchEvent(ev);
    };
    expect(isLeft("s", { ctrlKey: true })).toBe(true);
    expect(isLeft("j", { altKey: true })).toBe(true);
    expect(isLeft("F5")).toBe(true);
    expect(isLeft("j")).toBe(false);
});

test("keys are ours also while a mail has the focus", async () => {
    await open(setup());
    await click(".o-maildesk-row:eq(0)");
    await waitFor("iframe.o-maildesk-frame");
    const frame = queryFirst("iframe.o-maildesk-frame");
    await new Promise((resolve) => (frame.contentDocument?.body?.childElementCount ? resolve() : frame.addEventListener("load", resolve)));
    frame.contentDocument.body.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true, cancelable: true }));
    expect(store().selectedId).toBe(4);
});

test("? tells all keys of the registry, those of actions too", async () => {
    await open(setup());
    await press("?");
    await waitFor(".o-maildesk-help");
    const told = queryAllTexts(".o-maildesk-help [data-entry]");
    expect(told.length).toBe(keyEntries(() => ({})).length);
    expect(".o-maildesk-help [data-entry=refresh]").toHaveText(/Refresh\s*Shift\s*N/);
    expect(".o-maildesk-help [data-entry=go-inbox]").toHaveText(/g\s*then\s*i/);
});

test("Odoo's palette has them, with their keys, while MailDesk is open", async () => {
    maildeskKeys.add("whistle", { keys: ["w"], name: "Whistle", run: () => asyncStep("whistled") });
    try {
        await open(setup());
        await press(["control", "k"]);
        await waitFor(".o_command_palette");
        await waitFor(".o-maildesk-command:contains(Whistle)");
        expect(".o-maildesk-command:contains(Whistle) kbd").toHaveText("w");
        await click(".o-maildesk-command:contains(Whistle)");
        await waitForSteps(["whistled"]);
        await waitForNone(".o_command_palette");
        await press("w");
        await waitForSteps(["whistled"]);
    } finally {
        maildeskKeys.remove("whistle");
    }
});

test("Home and End, o and Enter", async () => {
    const mail = setup();
    await open(mail);
    await press("End");
    expect(store().selectedId).toBe(1);
    await press("Home");
    expect(store().selectedId).toBe(5);
    await press("j");
    await press("o");
    await waitFor(".o-maildesk-reading-subject:contains(Subject 4)");
});

test("on a phone the tabs are Mail, Folders and Search", async () => {
    const matchMedia = browser.matchMedia;
    patchWithCleanup(browser, {
        matchMedia: (query) =>
            query.includes("760px") ? Object.assign(new EventTarget(), { matches: true }) : matchMedia.call(browser, query),
    });
    await open(setup());
    expect(queryAllTexts(".o-maildesk-tab")).toEqual(["Mail", "Folders", "Search"]);
    await click(".o-maildesk-tab:eq(1)");
    await waitFor(".o-maildesk-tree");
    await click(".o-maildesk-tab:eq(2)");
    await waitFor(".o-maildesk-search-input");
    await animationFrame();
    expect(".o-maildesk-search-input").toBeFocused();
    expect(".o-maildesk-search-input").toHaveAttribute("placeholder", "Search mail");
});
