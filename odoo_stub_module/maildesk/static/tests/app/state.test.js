import { describe, expect, test } from "@odoo/hoot";
import { click, queryFirst } from "@odoo/hoot-dom";
import { advanceTime, mockDate } from "@odoo/hoot-mock";
import { addBusServiceListeners } from "@bus/../tests/bus_test_helpers";
import { asyncStep, waitForSteps } from "@web/../tests/web_test_helpers";
import { defineMailModels, FakeMail, openMailDesk, sendChanged, sendConnectorBack } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";

describe.current.tags("desktop");
defineMailModels();

const DOWN = { is_up: false, since: "2026-11-26T11:40:00Z" };
const BANNER = ".o-maildesk-connector-down";

function setup() {
    mockDate("2026-11-26 12:00:00", 0);
    const mail = new FakeMail();
    const account = mail.account({ last_sync_at: "2026-11-26T11:58:00Z" });
    mail.message(mail.folder(account));
    return { account, mail };
}

const overviews = (mail) => mail.calls.filter((method) => method === "maildesk_overview").length;

test("a connector that is down is told at the start, and mail is read all the same", async () => {
    const { mail } = setup();
    mail.connector = DOWN;
    await openMailDesk(mail);
    await waitFor(BANNER);
    expect(BANNER).toHaveText(/last heard of at .*What is in Odoo can be read/);
    await click(".o-maildesk-row");
    await waitFor("iframe.o-maildesk-frame");
});

test("when it is back, the bus says so", async () => {
    const { mail } = setup();
    mail.connector = DOWN;
    await openMailDesk(mail);
    await waitFor(BANNER);
    mail.connector = { is_up: true, since: null };
    sendConnectorBack();
    await waitForNone(BANNER);
});

test("who has no mailbox is not told of connectors", async () => {
    const mail = new FakeMail();
    mail.connector = { is_up: false, since: null };
    await openMailDesk(mail);
    await waitFor(".o-maildesk-empty");
    expect(BANNER).toHaveCount(0);
});

test("a text that does not come makes the app ask how things stand", async () => {
    const { mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    mail.bodies.set(1, { state: "error", message: "The connector does not answer now." });
    mail.connector = DOWN;
    await click(".o-maildesk-row");
    await waitFor(BANNER);
});

test("so does coming back to the window, after a minute, once", async () => {
    addBusServiceListeners(["BUS:CONNECT", () => asyncStep("connected")]);
    const { mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    // what is compared when the websocket stands is over
    await waitForSteps(["connected"]);
    await animationFrame();
    mail.calls.length = 0;
    window.dispatchEvent(new Event("focus"));
    await animationFrame();
    expect(overviews(mail)).toBe(0);
    await advanceTime(61_000);
    expect(mail.calls.filter((method) => method !== "maildesk_contacts")).toEqual([]);
    mail.connector = DOWN;
    window.dispatchEvent(new Event("focus"));
    await waitFor(BANNER);
    window.dispatchEvent(new Event("focus"));
    await animationFrame();
    expect(overviews(mail)).toBe(1);
});

test("Refresh without a connector says so at once", async () => {
    const { mail } = setup();
    mail.connector = DOWN;
    await openMailDesk(mail);
    await waitFor(BANNER);
    await click(".o-maildesk-refresh");
    await waitFor(".o_notification:contains(No answer from the mail connector yet)");
    expect(".o-maildesk-refresh").toHaveAttribute("aria-busy", "false");
});

test("last sync is told as time goes by, without a request; a mailbox that is late shows it", async () => {
    addBusServiceListeners(["BUS:CONNECT", () => asyncStep("connected")]);
    const { mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await waitForSteps(["connected"]);
    await animationFrame();
    expect(".o-maildesk-sync").toHaveText("Synced 2 min. ago");
    expect(".o-maildesk-dot").toHaveClass("o-good");
    mail.calls.length = 0;
    await advanceTime(5 * 60_000);
    await animationFrame();
    expect(".o-maildesk-sync").toHaveText("Synced 7 min. ago");
    await advanceTime(10 * 60_000);
    await animationFrame();
    expect(".o-maildesk-dot").toHaveClass("o-late");
    expect(queryFirst(".o-maildesk-dot").getAttribute("aria-label")).toMatch(/Not synced since/);
    expect(mail.calls.filter((method) => method !== "maildesk_contacts")).toEqual([]);
});

test("how far older mail is, and a folder that is read again", async () => {
    const { account, mail } = setup();
    Object.assign(account, { sync_phase: "backfilling", backfill_done: 12_400, backfill_total: 50_000 });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-sync").toHaveText("Synced 2 min. ago · older mail 12,400 of 50,000");
    expect(".o-maildesk-progress").toHaveAttribute("aria-valuenow", "25");
    account.folders[0].sync_state = "resync";
    sendChanged({ account: true });
    await waitFor(".o-maildesk-banner:contains(Full folder resync required)");
});

test("an administrator who is needed is asked for, in words and by a dot that is no circle", async () => {
    const { account, mail } = setup();
    Object.assign(account, { state: "admin_required", state_message: "" });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-banner.o-danger:contains(An administrator of your organization has to allow MailDesk)");
    expect(".o-maildesk-dot").toHaveClass("o-bad");
    expect(getComputedStyle(queryFirst(".o-maildesk-dot")).clipPath).not.toBe("none");
});
