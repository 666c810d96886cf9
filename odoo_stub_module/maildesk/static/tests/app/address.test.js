import { describe, expect, test } from "@odoo/hoot";
import { click } from "@odoo/hoot-dom";
import { start } from "@mail/../tests/mail_test_helpers";
import { getService } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { router, startRouter } from "@web/core/browser/router";
import { redirect } from "@web/core/utils/urls";
import { defineMailDesk, defineMailModels, FakeMail, openMailDesk } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone, waitUntil } from "../patience";

describe.current.tags("desktop");
defineMailModels();

const GONE = ".o_notification:contains(not in MailDesk any more, or its mailbox is not shared with you)";

function setup({ accounts = 1 } = {}) {
    const mail = new FakeMail();
    const account = mail.account();
    const inbox = mail.folder(account);
    const archive = mail.folder(account, { name: "Archive", role: "archive" });
    mail.message(inbox, { id: 1, subject: "First" });
    mail.message(inbox, { id: 2, subject: "Second" });
    mail.message(archive, { id: 3, subject: "Kept" });
    for (let more = accounts; more > 1; more--) {
        mail.message(mail.folder(mail.account()), { id: 10 * more, subject: `Of mailbox ${more}` });
    }
    return { archive, inbox, mail };
}

/** The web client, begun at an address: after a reload, or by a link. */
async function openAt(mail, query) {
    redirect(`/odoo/action-maildesk.app${query}`);
    startRouter();
    defineMailDesk(mail);
    await start();
    await waitFor(".o-maildesk");
}

const query = () => new URL(browser.location.href).search;
const lists = (mail) => mail.calls.filter((method) => method === "maildesk_list").length;

test("the address tells the folder and the message, and grows no history", async () => {
    const { archive, inbox, mail } = setup();
    await openMailDesk(mail);
    await waitUntil(() => query() === `?folder=${inbox.id}`);
    const { length } = browser.history;
    await click(".o-maildesk-row:eq(0)");
    await waitUntil(() => query() === `?folder=${inbox.id}&message=2`);
    await click(".o-maildesk-row:eq(1)");
    await waitUntil(() => query() === `?folder=${inbox.id}&message=1`);
    await click(`.o-maildesk-folder[data-folder-id='${archive.id}']`);
    await waitUntil(() => query() === `?folder=${archive.id}`);
    expect(browser.history.length).toBe(length);
});

test("a reload opens the folder and the message again, and no other list before", async () => {
    const { archive, mail } = setup();
    await openAt(mail, `?folder=${archive.id}&message=3`);
    await waitFor(".o-maildesk-reading-subject:contains(Kept)");
    expect(".o-maildesk-folder.o-selected").toHaveAttribute("data-folder-id", `${archive.id}`);
    expect(".o-maildesk-row.o-selected").toHaveAttribute("data-message-id", "3");
    expect(lists(mail)).toBe(1);
    await animationFrame();
    expect(query()).toBe(`?folder=${archive.id}&message=3`);
});

test("in the list of all Inboxes a message needs no folder, and stays in that list", async () => {
    const { mail } = setup({ accounts: 2 });
    await openAt(mail, "?message=20");
    await waitFor(".o-maildesk-reading-subject:contains(Of mailbox 2)");
    expect(getService("maildesk.store").isUnified).toBe(true);
    await animationFrame();
    expect(query()).toBe("?message=20");
});

test("a message that was moved meanwhile opens where it is now", async () => {
    const { archive, inbox, mail } = setup();
    await openAt(mail, `?folder=${inbox.id}&message=3`);
    await waitFor(".o-maildesk-reading-subject:contains(Kept)");
    await waitUntil(() => query() === `?folder=${archive.id}&message=3`);
});

test("a message that is gone or another's is told in the same words, and the list is shown", async () => {
    const { archive, mail } = setup();
    await openAt(mail, `?folder=${archive.id}&message=77`);
    await waitFor(GONE);
    expect(".o-maildesk-reading-subject").toHaveCount(0);
    expect(".o-maildesk-row").toHaveCount(1);
    await waitUntil(() => query() === `?folder=${archive.id}`);
});

test("so is a folder; the Inbox is shown", async () => {
    const { inbox, mail } = setup();
    await openAt(mail, "?folder=77");
    await waitFor(GONE);
    expect(".o-maildesk-row").toHaveCount(2);
    await waitUntil(() => query() === `?folder=${inbox.id}`);
});

test("what is no id is no place", async () => {
    const { inbox, mail } = setup();
    await openAt(mail, "?folder=abc&message=-1.5");
    await waitUntil(() => query() === `?folder=${inbox.id}`);
    expect(".o-maildesk-row").toHaveCount(2);
    expect(".o_notification").toHaveCount(0);
});

test("the address of a note leads to its message, and becomes that of the place", async () => {
    const { inbox, mail } = setup();
    await openAt(mail, "/1");
    await waitFor(".o-maildesk-reading-subject:contains(First)");
    await waitUntil(() => query() === `?folder=${inbox.id}&message=1`);
    expect(browser.location.href).not.toInclude("/1?");
    expect(router.current.resId).toBe(undefined);
});

test("a breadcrumb leads back to where the person was, not to what once was asked for", async () => {
    const { inbox, mail } = setup();
    await openMailDesk(mail);
    await getService("action").doAction({ type: "ir.actions.client", tag: "maildesk.app" }, { props: { resId: 1 }, clearBreadcrumbs: true });
    await waitFor(".o-maildesk-reading-subject:contains(First)");
    await waitUntil(() => query() === `?folder=${inbox.id}&message=1`);
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-reading-subject:contains(Second)");
    await getService("action").doAction({ type: "ir.actions.act_window", res_model: "res.partner", views: [[false, "form"]] });
    await waitForNone(".o-maildesk");
    await getService("action").restore();
    await waitFor(".o-maildesk-reading-subject:contains(Second)");
    await waitUntil(() => query() === `?folder=${inbox.id}&message=2`);
});
