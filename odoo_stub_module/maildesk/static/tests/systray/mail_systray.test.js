import { describe, expect, test } from "@odoo/hoot";
import { click, queryAllTexts, queryFirst } from "@odoo/hoot-dom";
import { advanceTime } from "@odoo/hoot-mock";
import { getService, patchWithCleanup } from "@web/../tests/web_test_helpers";
import { session } from "@web/session";
import { defineMailModels, FakeMail, openMailDesk, openOdoo, sendChanged } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone, waitUntil } from "../patience";

describe.current.tags("desktop");
defineMailModels();

function setup() {
    const mail = new FakeMail();
    const account = mail.account({ unread_count: 7 });
    const inbox = mail.folder(account);
    for (let n = 1; n <= 7; n++) {
        mail.message(inbox, { is_read: false });
    }
    return { account, inbox, mail };
}

test("whoever has no mailbox sees nothing of it", async () => {
    const mail = new FakeMail();
    await openOdoo(mail);
    expect(".o-maildesk-systray").toHaveCount(0);
    expect(mail.calls).toEqual(["maildesk_counts"]);
});

test("whoever does not use MailDesk costs no request", async () => {
    const { mail } = setup();
    patchWithCleanup(session, { maildesk_user: false });
    await openMailDesk(mail);
    await advanceTime(2000);
    expect(mail.calls).not.toInclude("maildesk_counts");
    expect(".o-maildesk-systray").toHaveCount(0);
});

test("the number of unread mails, kept by the bus and not by asking", async () => {
    const { account, inbox, mail } = setup();
    await openOdoo(mail);
    expect(".o-maildesk-systray-count").toHaveText("7");
    expect(mail.calls).toEqual(["maildesk_counts"]);
    account.unread_count = 120;
    sendChanged({ folder_ids: [inbox.id], message_ids: [1] });
    await waitFor(".o-maildesk-systray-count:contains(99+)");
    sendChanged({ folder_ids: [9999], message_ids: [1] });
    await advanceTime(3_600_000);
    expect(mail.calls).toEqual(["maildesk_counts", "maildesk_counts"]);
    account.unread_count = 0;
    sendChanged({ folder_ids: [inbox.id] });
    await waitForNone(".o-maildesk-systray-count");
    expect(".o-maildesk-systray").toHaveCount(1);
});

test("the menu has the newest five, which open in the app, and the number stands in the title while it is open", async () => {
    const { mail } = setup();
    await openOdoo(mail);
    await click(".o-maildesk-systray");
    await waitFor(".o-maildesk-systray-mail");
    expect(queryAllTexts(".o-maildesk-systray-text > span:last-child")).toEqual(["Subject 7", "Subject 6", "Subject 5", "Subject 4", "Subject 3"]);
    expect(document.title.startsWith("(")).toBe(false);
    await click(".o-maildesk-systray-mail:eq(1)");
    await waitFor(".o-maildesk-reading-subject:contains(Subject 6)");
    expect(document.title).toMatch(/^\(7\) /);
});

test("Open MailDesk opens the app", async () => {
    const { mail } = setup();
    await openOdoo(mail);
    await click(".o-maildesk-systray");
    await waitFor(".o-maildesk-systray-open");
    await click(".o-maildesk-systray-open");
    await waitFor(".o-maildesk-row");
    expect(".o-maildesk-reading-subject").toHaveCount(0);
});

test("new mail is told by a notice to whoever wants it, and opens", async () => {
    const { inbox, mail } = setup();
    mail.notify = "toast";
    await openOdoo(mail);
    await waitFor(".o-maildesk-systray");
    const message = mail.message(inbox, { is_read: false, subject: "<b>Crane</b>" });
    sendChanged({ folder_ids: [inbox.id], message_ids: [message.id], new_ids: [message.id] });
    await animationFrame();
    await advanceTime(1600);
    await waitFor(".o-maildesk-news");
    expect(".o-maildesk-news .o_notification_content").toHaveText(/Jane Doe\. <b>Crane<\/b>/);
    await click(".o-maildesk-news .o_notification_buttons button");
    await waitFor(".o-maildesk-reading-subject:contains(Crane)");
});

test("new mail is read out while the app is open", async () => {
    const { inbox, mail } = setup();
    patchWithCleanup(session, { maildesk_user: true });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await advanceTime(600);
    const message = mail.message(inbox, { is_read: false, subject: "Crane" });
    sendChanged({ folder_ids: [inbox.id], message_ids: [message.id], new_ids: [message.id] });
    await waitUntil(() => getService("maildesk.news").timer);
    await advanceTime(1600);
    await waitFor(".o-maildesk-announcer:contains(Jane Doe: Crane)");
    expect(queryFirst(".o-maildesk-announcer").getAttribute("aria-live")).toBe("polite");
    expect(".o-maildesk-news").toHaveCount(0);
});
