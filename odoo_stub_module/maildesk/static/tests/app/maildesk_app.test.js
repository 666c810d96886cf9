import { after, describe, expect, test } from "@odoo/hoot";
import { click, press, queryAllAttributes, queryFirst } from "@odoo/hoot-dom";
import { advanceTime, runAllTimers } from "@odoo/hoot-mock";
import { addBusServiceListeners } from "@bus/../tests/bus_test_helpers";
import { WEBSOCKET_CLOSE_CODES } from "@bus/workers/websocket_worker";
import { asyncStep, contains, MockServer, patchWithCleanup, waitForSteps } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { routerBus } from "@web/core/browser/router";
import { defineMailModels, FakeMail, openMailDesk, sendBody, sendChanged } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone, waitUntil } from "../patience";

describe.current.tags("desktop");
defineMailModels();

function setup() {
    const mail = new FakeMail();
    const account = mail.account();
    const inbox = mail.folder(account, { unread_count: 1 });
    mail.message(inbox, { subject: "First" });
    mail.message(inbox, { subject: "Second", is_read: false });
    return { account, inbox, mail };
}

const rowIds = () => queryAllAttributes(".o-maildesk-row", "data-message-id");

test("without a mailbox the app leads to connecting one", async () => {
    await openMailDesk(new FakeMail());
    await waitFor(".o-maildesk-empty");
    expect(".o-maildesk-connect").toHaveText("Connect your first mailbox");
    expect(".o-maildesk-tree").toHaveCount(0);
});

test("a mailbox to be authorized shows the way", async () => {
    const mail = new FakeMail();
    mail.account({ state: "draft", state_message: "", sync_phase: null });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-empty");
    expect(".o-maildesk-empty button[data-action=authorize]").toHaveText("Authorize Outlook");
    expect(".o-maildesk-banner button").toHaveText("Authorize Outlook");
});

test("an expired sign-in is told word for word, to its owner with the button", async () => {
    const { account, mail } = setup();
    account.state = "reauth_required";
    account.state_message = "Outlook authentication expired, please re-authorize";
    mail.account({ state: "reauth_required", state_message: "", is_owner: false });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-banner:eq(0)").toHaveText(/Outlook authentication expired, please re-authorize/);
    expect(".o-maildesk-banner:eq(0) button").toHaveText("Re-Authorize Outlook");
    expect(".o-maildesk-banner:eq(1) button").toHaveCount(0);
});

test("a mailbox that may only be read says so", async () => {
    const { account, mail } = setup();
    account.permissions = { write: false, send: false };
    mail.account();
    mail.account({ state: "draft", permissions: { write: false, send: false } });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-account:eq(0) .o-maildesk-readonly").toHaveText("Read only");
    expect(".o-maildesk-readonly").toHaveCount(1);
});

test("folders as they come in while the mailbox starts", async () => {
    const mail = new FakeMail();
    const account = mail.account({ sync_phase: "discovering" });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-empty:contains(Reading the folders)");
    const inbox = mail.folder(account);
    mail.message(inbox);
    account.sync_phase = "bootstrapping";
    sendChanged({ account: true, folder_ids: [inbox.id], message_ids: [1] });
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-folder[data-role=inbox]").toHaveClass("o-selected");
});

test("rows, badges and the message", async () => {
    const { mail } = setup();
    mail.bodies.set(2, {
        state: "ready",
        html: "<p>Dear Anna</p>",
        has_remote: true,
        attachments: [
            { name: "plan.pdf", content_type: "application/pdf", size: 1_200_000, is_inline: false, kind: "file" },
            { name: "logo.png", content_type: "image/png", size: 100, is_inline: true, kind: "file" },
        ],
    });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    expect(rowIds()).toEqual(["2", "1"]);
    expect(".o-maildesk-row:eq(0)").toHaveClass("o-unread");
    expect(".o-maildesk-folder-unread").toHaveText("1");
    await click(".o-maildesk-row:eq(0)");
    await waitFor("iframe.o-maildesk-frame");
    expect(".o-maildesk-reading-subject").toHaveText("Second");
    expect(".o-maildesk-attachment").toHaveCount(1);
    expect(".o-maildesk-attachment").toHaveText(/plan\.pdf\s*1\.2 MB/);
    expect(".o-maildesk-pictures").toHaveCount(1);
    const sandbox = queryFirst("iframe.o-maildesk-frame").getAttribute("sandbox");
    expect(sandbox).toBe("allow-same-origin allow-popups allow-popups-to-escape-sandbox");
});

test("news come by the bus: new, changed, gone", async () => {
    const { inbox, mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row:eq(1)");
    await waitFor("iframe.o-maildesk-frame");
    mail.message(inbox, { id: 3, subject: "Third", is_read: false });
    inbox.unread_count = 2;
    sendChanged({ folder_ids: [inbox.id], message_ids: [3] });
    await waitFor(".o-maildesk-row[data-message-id='3']");
    expect(rowIds()).toEqual(["3", "2", "1"]);
    expect(".o-maildesk-folder-unread").toHaveText("2");
    expect(".o-maildesk-row.o-selected").toHaveAttribute("data-message-id", "1");
    mail.find(2).is_read = true;
    mail.drop(mail.find(3));
    sendChanged({ folder_ids: [inbox.id], message_ids: [2, 3] });
    await waitForNone(".o-maildesk-row[data-message-id='3']");
    expect(".o-maildesk-row.o-unread").toHaveCount(0);
    expect(".o-maildesk-reading-subject").toHaveText("First");
});

test("a body that comes later replaces the wait", async () => {
    const { mail } = setup();
    mail.bodies.set(2, { state: "coming" });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-body-state:contains(Fetching the message from Outlook)");
    mail.bodies.delete(2);
    sendBody(2);
    await waitFor("iframe.o-maildesk-frame");
    expect(".o-maildesk-body-state").toHaveCount(0);
});

test("a body that will not come says why, from a code", async () => {
    const { mail } = setup();
    mail.bodies.set(2, { state: "coming" });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-body-state:contains(Fetching the message from Outlook)");
    sendBody(2, "not_found");
    await waitFor(".o-maildesk-body-state:contains(This message does not exist in Outlook any more.)");
});

test("a mailbox that is shared no more goes from an open tab at once", async () => {
    const { mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-reading-subject");
    mail.accounts = [];
    sendChanged({ account: true });
    await waitForNone(".o-maildesk-row");
    expect(".o-maildesk-reading-subject").toHaveCount(0);
    expect(".o-maildesk-folder").toHaveCount(0);
    expect(".o-maildesk-empty").toHaveCount(1);
});

test("a cut websocket is told, and what was missed is made up for", async () => {
    addBusServiceListeners(
        ["BUS:CONNECT", () => asyncStep("connected")],
        ["BUS:DISCONNECT", () => asyncStep("cut")],
        ["BUS:RECONNECT", () => asyncStep("connected again")]
    );
    const { inbox, mail } = setup();
    await openMailDesk(mail);
    await waitForSteps(["connected"]);
    await waitFor(".o-maildesk-row");
    MockServer.env["bus.bus"]._simulateDisconnection(WEBSOCKET_CLOSE_CODES.ABNORMAL_CLOSURE);
    await waitForSteps(["cut"]);
    mail.calls.length = 0;
    mail.message(inbox, { id: 3 });
    await advanceTime(1200); // past our grace, before the worker's first try to reconnect (1.5 s)
    await waitFor(".o-maildesk-notice");
    expect(mail.calls).toEqual([]);
    expect(rowIds()).toEqual(["2", "1"]);
    await runAllTimers();
    await waitForSteps(["connected again"]);
    await waitForNone(".o-maildesk-notice");
    expect(rowIds()).toEqual(["3", "2", "1"]);
});

test("j and k walk the list, Escape leaves the message", async () => {
    const { mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await press("j");
    await press("j");
    await advanceTime(200);
    await animationFrame();
    expect(".o-maildesk-row.o-selected").toHaveAttribute("data-message-id", "1");
    expect(".o-maildesk-reading-subject").toHaveText("First");
    expect(mail.calls.filter((method) => method === "maildesk_open").length).toBe(1);
    await press("Escape");
    await animationFrame();
    expect(".o-maildesk-reading-subject").toHaveCount(0);
});

test("Refresh asks once and shows that it is under way", async () => {
    const { mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-refresh");
    await animationFrame();
    expect(".o-maildesk-refresh").toHaveAttribute("aria-busy", "true");
    expect(mail.calls.filter((method) => method === "maildesk_refresh").length).toBe(1);
    sendChanged({ account: true });
    await waitFor(".o-maildesk-refresh[aria-busy=false]");
});

test("a folder is switched off and on by its owner, and says that it is off", async () => {
    const { account, inbox, mail } = setup();
    const spam = mail.folder(account, { name: "Junk Email", role: "junk", sync_enabled: false });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-folder-line:eq(0) .o-maildesk-folder-menu");
    await waitFor("[data-action=stop-folder-sync]");
    expect("[data-action=sync-folder]").toHaveCount(0);
    await click("[data-action=stop-folder-sync]");
    await waitFor(".modal:contains(stays in Outlook)");
    expect(mail.calls).not.toInclude("maildesk_set_sync");
    await click(".modal .btn-primary");
    await waitFor(".o-maildesk-off");
    expect(inbox.sync_enabled).toBe(false);
    expect(".o-maildesk-row").toHaveCount(0);
    await click(`.o-maildesk-folder[data-folder-id='${spam.id}']`);
    await waitFor(".o-maildesk-title h1:contains(Junk Email)");
    expect(".o-maildesk-off").toHaveText(/This folder is not synced/);
    await click(".o-maildesk-off [data-action=sync-folder]");
    await waitForNone(".o-maildesk-off");
    expect(spam.sync_enabled).toBe(true);
});

test("a folder that was switched off elsewhere shows none of its mail", async () => {
    const { account, inbox, mail } = setup();
    account.is_owner = false;
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-folder-menu").toHaveCount(0);
    inbox.sync_enabled = false;
    mail.messages = [];
    sendChanged({ account: true, folder_ids: [inbox.id] });
    await waitFor(".o-maildesk-off");
    expect(".o-maildesk-row").toHaveCount(0);
    expect(".o-maildesk-off button").toHaveCount(0);
});

test("messages that could not be read are told, and lead to their list", async () => {
    const { account, mail } = setup();
    account.unreadable_count = 3;
    await openMailDesk(mail);
    await waitFor(".o-maildesk-banner:contains(3 messages could not be read)");
    expect(".o-maildesk-banner button").toHaveText("Show Them");
    account.unreadable_count = 1;
    sendChanged({ account: true });
    await waitFor(".o-maildesk-banner:contains(1 message could not be read)");
});

test("on a phone there is one pane at a time", async () => {
    const matchMedia = browser.matchMedia;
    patchWithCleanup(browser, {
        matchMedia: (query) =>
            query.includes("760px")
                ? Object.assign(new EventTarget(), { matches: true })
                : matchMedia.call(browser, query),
    });
    const { mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-tree").toHaveCount(0);
    await click(".o-maildesk-tab:eq(1)");
    await waitFor(".o-maildesk-tree");
    expect(".o-maildesk-row").toHaveCount(0);
    await click(".o-maildesk-folder");
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-back");
    expect(".o-maildesk-row").toHaveCount(0);
    await click(".o-maildesk-back");
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-reading").toHaveCount(0);
});

test("on a phone the browser's Back goes back within the app, and only then out of it", async () => {
    const matchMedia = browser.matchMedia;
    patchWithCleanup(browser, {
        matchMedia: (query) => (query.includes("760px") ? Object.assign(new EventTarget(), { matches: true }) : matchMedia.call(browser, query)),
    });
    const onRouteChange = () => expect.step("Odoo changes the page");
    routerBus.addEventListener("ROUTE_CHANGE", onRouteChange);
    after(() => routerBus.removeEventListener("ROUTE_CHANGE", onRouteChange));
    const { mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-back");
    await waitUntil(() => browser.history.state.isInMailDesk);
    browser.history.back();
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-reading").toHaveCount(0);

    // what was left by the app's own button leaves nothing behind that Back would have to be pressed for twice
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-back");
    await animationFrame();
    await click(".o-maildesk-back");
    await waitFor(".o-maildesk-row");
    await waitUntil(() => !browser.history.state.isInMailDesk);

    // from a mail that a search found: the search first, then the list
    await click(".o-maildesk-tab:eq(2)");
    await waitFor(".o-maildesk-search-input");
    await contains(".o-maildesk-search-input").edit("first", { confirm: false });
    await waitFor(".o-maildesk-search-foot");
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-back");
    await waitUntil(() => browser.history.state.isInMailDesk);
    browser.history.back();
    await waitFor(".o-maildesk-search-foot");
    await waitUntil(() => browser.history.state.isInMailDesk);
    browser.history.back();
    await waitForNone(".o-maildesk-search-foot");

    await click(".o-maildesk-tab:eq(1)");
    await waitFor(".o-maildesk-tree");
    await waitUntil(() => browser.history.state.isInMailDesk);
    browser.history.back();
    await waitFor(".o-maildesk-row");
    await waitUntil(() => !browser.history.state.isInMailDesk);
    expect.verifySteps([]);
});
