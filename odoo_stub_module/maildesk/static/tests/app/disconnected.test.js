import { describe, expect, test } from "@odoo/hoot";
import { click } from "@odoo/hoot-dom";
import { asyncStep, patchWithCleanup, waitForSteps } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { defineMailModels, FakeMail, openMailDesk, sendChanged } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";

describe.current.tags("desktop");
defineMailModels();

/** A mailbox that lives, and one that was disconnected. */
function setup() {
    const mail = new FakeMail();
    const living = mail.account({ name: "Living" });
    const ended = mail.account({ name: "Ended", state: "disconnected", state_message: "Disconnected" });
    for (const account of [living, ended]) {
        mail.message(mail.folder(account), { subject: `Mail of ${account.name}` });
    }
    return { ended, living, mail };
}

const section = (account) => `.o-maildesk-account[data-account-id='${account.id}']`;
const inbox = (account) => `${section(account)} .o-maildesk-folder[data-role=inbox]`;

async function choose(account, action) {
    await click(`${section(account)} .o-maildesk-account-menu`);
    await waitFor(`[data-action=${action}]`);
    await click(`[data-action=${action}]`);
}

test("disconnected mailboxes stand in a group of their own, below the others and closed", async () => {
    const { ended, living, mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row:contains(Mail of Living)");
    expect(".o-maildesk-disconnected-head").toHaveText(/Disconnected\s*1/);
    expect(".o-maildesk-disconnected-head").toHaveAttribute("aria-expanded", "false");
    expect(section(ended)).toHaveCount(0);
    await click(".o-maildesk-disconnected-head");
    await waitFor(`.o-maildesk-disconnected ${inbox(ended)}`);
    expect(`.o-maildesk-disconnected ${section(living)}`).toHaveCount(0);
});

test("what is disconnected is read, and nothing there writes or refreshes", async () => {
    const { ended, mail } = setup();
    const kept = mail.message(ended.folders[0], { subject: "No longer kept" });
    mail.bodies.set(kept.id, { state: "error", message: "This mailbox is disconnected. It is in Outlook." });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-refresh");
    await click(".o-maildesk-disconnected-head");
    await waitFor(inbox(ended));
    await click(inbox(ended));
    await waitFor(".o-maildesk-row:contains(Mail of Ended)");
    expect(".o-maildesk-refresh").toHaveCount(0);
    expect(`${section(ended)} .o-maildesk-folder-menu`).toHaveCount(0);
    expect(".o-maildesk-banner").toHaveText(/Ended: Disconnected: what is here can be read/);
    expect(".o-maildesk-banner button").toHaveText("Connect Again");
    await click(".o-maildesk-row:contains(Mail of Ended)");
    await waitFor("iframe.o-maildesk-frame");
    await click(".o-maildesk-row:contains(No longer kept)");
    await waitFor(".o-maildesk-body-state:contains(in Outlook)");
    expect(".o-maildesk-body-state button").toHaveCount(0);
    expect(mail.calls).not.toInclude("maildesk_refresh");
});

test("a paused mailbox offers no Refresh: nothing would come of it", async () => {
    const { living, mail } = setup();
    living.state = "paused";
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row:contains(Mail of Living)");
    expect(".o-maildesk-refresh").toHaveCount(0);
});

test("its banner leaves with the person who reads another mailbox", async () => {
    const { ended, living, mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-banner").toHaveCount(0);
    await click(".o-maildesk-disconnected-head");
    await waitFor(inbox(ended));
    await click(inbox(ended));
    await waitFor(".o-maildesk-banner");
    await click(inbox(living));
    await waitForNone(".o-maildesk-banner");
});

test("where all mailboxes are disconnected, their group is open and the first is shown", async () => {
    const { ended, living, mail } = setup();
    mail.accounts = [ended];
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row:contains(Mail of Ended)");
    expect(".o-maildesk-disconnected-head").toHaveAttribute("aria-expanded", "true");
    expect(".o-maildesk-refresh").toHaveCount(0);
    expect(section(living)).toHaveCount(0);
});

test("Delete asks first, then the mailbox goes to the group, and its open mail stays open", async () => {
    const { living, mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await choose(living, "disconnect");
    await waitFor(".modal:contains(Disconnect Living?)");
    await click(".modal .btn-secondary");
    await waitForNone(".modal");
    expect(mail.calls).not.toInclude("unlink");
    await choose(living, "disconnect");
    await waitFor(".modal:contains(Nothing changes in Outlook)");
    await click(".modal .btn-primary");
    await waitFor(`.o-maildesk-disconnected ${section(living)}`);
    expect(".o-maildesk-row").toHaveText(/Mail of Living/);
    expect(`${inbox(living)}`).toHaveClass("o-selected");
});

test("Purge asks first, and then nothing is left to see", async () => {
    const { ended, living, mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-disconnected-head");
    await waitFor(inbox(ended));
    await click(inbox(ended));
    await waitFor(".o-maildesk-row:contains(Mail of Ended)");
    await choose(ended, "purge");
    await waitFor(".modal:contains(cannot be undone)");
    expect(mail.calls).not.toInclude("maildesk_purge");
    await click(".modal .btn-danger");
    await waitForNone(".o-maildesk-disconnected");
    await waitFor(".o-maildesk-row:contains(Mail of Living)");
    expect(inbox(living)).toHaveClass("o-selected");
});

test("Connect Again takes the mailbox up and goes to Microsoft", async () => {
    const { ended, mail } = setup();
    patchWithCleanup(browser.location, { assign: (url) => url.includes("/outlook/") && asyncStep(new URL(url, browser.location.origin).pathname) });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-disconnected-head");
    await waitFor(inbox(ended));
    await click(inbox(ended));
    await waitFor(".o-maildesk-banner [data-action=connect-again]");
    await click(".o-maildesk-banner [data-action=connect-again]");
    await waitForSteps([`/maildesk/outlook/authorize/${ended.id}`]);
    expect(mail.calls).toInclude("maildesk_connect_again");
    await waitForNone(".o-maildesk-disconnected");
});

test("Pause and Resume, by the owner only", async () => {
    const { living, mail } = setup();
    const shared = mail.account({ name: "Shared", is_owner: false, state: "paused", state_message: "Paused" });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    expect(`${section(shared)} .o-maildesk-account-menu`).toHaveCount(0);
    expect(`.o-maildesk-banner[data-account-id='${shared.id}'] button`).toHaveCount(0);
    await choose(living, "pause");
    await waitFor(`.o-maildesk-banner[data-account-id='${living.id}']:contains(Paused: no mail is fetched)`);
    await click(`.o-maildesk-banner[data-account-id='${living.id}'] [data-action=resume]`);
    await waitForNone(`.o-maildesk-banner[data-account-id='${living.id}']`);
    expect(living.state).toBe("connected");
});

test("a pause that has a reason says it", async () => {
    const { living, mail } = setup();
    Object.assign(living, { state: "paused", state_message: "Paused: this is a copy of the database" });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-banner:contains(this is a copy of the database)");
});

test("a mailbox that is disconnected elsewhere moves while somebody looks on", async () => {
    const { living, mail } = setup();
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    Object.assign(living, { state: "disconnected", state_message: "Disconnected" });
    sendChanged({ account_id: living.id, account: true });
    await waitFor(`.o-maildesk-disconnected ${section(living)}`);
    await animationFrame();
    expect(".o-maildesk-row").toHaveCount(1);
});
