import { describe, expect, test } from "@odoo/hoot";
import { click, edit, queryAllTexts, queryFirst } from "@odoo/hoot-dom";
import { advanceTime } from "@odoo/hoot-mock";
import { getService } from "@web/../tests/web_test_helpers";
import { ConnectionLostError } from "@web/core/network/rpc";
import { defineMailModels, openMailDesk, openOdoo, sendDraft } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";
import { address, compose, inWindow, setup, WINDOW } from "./window_test_helpers";

describe.current.tags("desktop");
defineMailModels();

test("windows that were open come back, and what needs its author", async () => {
    const { drafts, mail } = setup();
    drafts.draft({ subject: "Kept in Drafts" });
    drafts.draft({ subject: "Came back", state: "failed", error: "The mailbox is full." });
    drafts.draft({ subject: "Who knows", state: "unconfirmed", error: "?" });
    await openMailDesk(mail);
    await waitFor(`${WINDOW}.o-minimized`);
    await animationFrame();
    expect(queryAllTexts(".o-maildesk-compose-title").sort()).toEqual(["Came back", "Who knows"]);
    await click(".o-maildesk-compose-title:contains(Came back)");
    await waitFor(inWindow(".o-maildesk-compose-banner"));
    expect(inWindow(".o-maildesk-compose-banner")).toHaveText(/The mailbox is full/);
    await click(".o-maildesk-compose-title:contains(Who knows)");
    await waitFor(inWindow("[data-do=arrived]"));
    expect(inWindow(".odoo-editor-editable")).toHaveCount(1);
    await click(inWindow("[data-do=arrived]"));
    await animationFrame();
    expect(drafts.records[2].state).toBe("sent");
});

test("a mail that is to be sent again is not called unsent: it may have arrived", async () => {
    const { drafts, mail } = setup();
    drafts.draft({ subject: "Who knows", state: "unconfirmed", error: "?" });
    await openMailDesk(mail);
    await waitFor(`${WINDOW}.o-minimized`);
    await click(".o-maildesk-compose-title");
    await waitFor(inWindow("[data-do=again]"));
    await click(inWindow("[data-do=again]"));
    await waitFor(inWindow(".o-maildesk-send"));
    expect(inWindow(".o-maildesk-compose-banner")).toHaveText("It may have been sent before.");
});

test("a mail that could not be sent comes back with the reason, wherever in Odoo its author is", async () => {
    const { drafts, mail } = setup();
    await openOdoo(mail);
    const record = drafts.draft({ subject: "Offer", state: "failed", error: "Outlook does not accept one of the addresses." });
    sendDraft(record);
    await waitFor(inWindow(".o-maildesk-compose-banner"));
    await waitFor(inWindow(".odoo-editor-editable"));
    expect(inWindow(".o-maildesk-compose-banner")).toHaveText(/does not accept one of the addresses/);
    expect(".o_notification").toHaveCount(1);
    // whoever types elsewhere goes on typing there
    expect(queryFirst(WINDOW).contains(document.activeElement)).toBe(false);
});

test("an unconfirmed mail whose window is closed is neither saved nor thrown away", async () => {
    const { drafts, mail } = setup();
    drafts.draft({ subject: "", state: "unconfirmed", error: "?" });
    await openMailDesk(mail);
    await waitFor(`${WINDOW}.o-minimized`);
    await click(`${WINDOW} [data-do=close]`);
    await animationFrame();
    expect(WINDOW).toHaveCount(0);
    expect(drafts.records[0].state).toBe("unconfirmed");
    expect(drafts.made("maildesk_discard")).toHaveLength(0);
});

test("whether a mail goes is not claimed where Odoo did not answer", async () => {
    const { drafts, mail } = setup();
    await compose(mail);
    await address("jane@example.com");
    await click(inWindow(".o-maildesk-compose-subject"));
    await edit("Hi");
    await advanceTime(2000);
    const compose_ = getService("maildesk.compose");
    const { call } = compose_;
    compose_.call = async (method, kwargs) => {
        const answer = await call.call(compose_, method, kwargs);
        if (method === "maildesk_send") {
            throw new ConnectionLostError("/web/dataset/call_kw");
        }
        return answer;
    };
    await compose_.sending.send(compose_.drafts[0]);
    await animationFrame();
    expect(inWindow(".o-maildesk-compose-problem")).toHaveText(/Odoo did not answer/);
    // it went: with the connection that shows
    await compose_.onConnected();
    await animationFrame();
    expect(WINDOW).toHaveCount(0);
    expect(drafts.made("maildesk_send")).toHaveLength(1);
});

test("a mail is scheduled, stands in the tree and can be called off", async () => {
    const { drafts, mail } = setup();
    await compose(mail);
    await address("jane@example.com");
    await click(inWindow(".o-maildesk-compose-subject"));
    await edit("Later");
    await click(inWindow(".o-maildesk-send-more"));
    await waitFor("[data-do=later]");
    await click("[data-do=later]");
    await waitFor(".o-maildesk-later");
    await click(".o-maildesk-moment:contains(Tomorrow)");
    await waitFor(".o-maildesk-folder[data-action=scheduled]");
    expect(drafts.made("maildesk_send")[0].send_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:00Z$/);
    await click(".o-maildesk-folder[data-action=scheduled]");
    await waitFor(".o-maildesk-scheduled-line");
    await click("[data-do=call-off]");
    await waitForNone(".o-maildesk-scheduled-line");
    expect(drafts.records[0].state).toBe("editing");
});

test("who opens a scheduled mail in Drafts hears that it waits no more", async () => {
    const { box, drafts, mail } = setup();
    const row = mail.message(box, { subject: "Later", is_draft: true });
    drafts.draft({ message_id: row.id, subject: "Later", state: "scheduled", send_at: "2030-01-02T08:00:00Z" });
    await openMailDesk(mail);
    await waitFor("[data-role=drafts]");
    await click(".o-maildesk-folder[data-role=drafts]");
    await waitFor(`.o-maildesk-row[data-message-id="${row.id}"]`);
    await click(`.o-maildesk-row[data-message-id="${row.id}"]`);
    await waitFor(".o_notification:contains(does not go on)");
    expect(inWindow(".o-maildesk-compose-title")).toHaveText("Later");
    expect(drafts.records[0].state).toBe("editing");
});
