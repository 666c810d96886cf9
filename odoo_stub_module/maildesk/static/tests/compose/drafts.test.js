import { describe, expect, test } from "@odoo/hoot";
import { click } from "@odoo/hoot-dom";
import { advanceTime } from "@odoo/hoot-mock";
import { getService } from "@web/../tests/web_test_helpers";
import { defineMailModels, openMailDesk, sendDraft } from "../maildesk_test_helpers";
import { waitFor, waitForNone } from "../patience";
import { address, compose, inWindow, setup } from "./window_test_helpers";

describe.current.tags("desktop");
defineMailModels();

test("a click on a draft in Drafts goes on with it", async () => {
    const { box, drafts, mail } = setup();
    const row = mail.message(box, { subject: "Half written", is_draft: true });
    drafts.draft({ mode: "edit", message_id: row.id, subject: "Half written" });
    await openMailDesk(mail);
    await waitFor("[data-role=drafts]");
    await click(".o-maildesk-folder[data-role=drafts]");
    await waitFor(`.o-maildesk-row[data-message-id="${row.id}"]`);
    await click(`.o-maildesk-row[data-message-id="${row.id}"]`);
    await waitFor(inWindow(".o-maildesk-compose-title:contains(Half written)"));
    expect(drafts.made("maildesk_edit")).toHaveLength(1);
});

test("a draft that is deleted in Outlook says so, and is saved anew when its writer wants that", async () => {
    const { drafts, mail } = setup();
    await compose(mail);
    await address("jane@example.com");
    await advanceTime(2000);
    drafts.records[0].outlook = "deleted";
    sendDraft(drafts.records[0]);
    await waitFor(inWindow(".o-lost"));
    expect(inWindow(".o-lost")).toHaveText(/Deleted in Outlook/);
    expect(inWindow(".odoo-editor-editable")).toHaveCount(1);
    drafts.lostFiles = ["plan.pdf"];
    await click(inWindow("[data-do=anew]"));
    await waitForNone(inWindow(".o-lost"));
    await waitFor(".o_notification");
    expect(".o_notification").toHaveText(/plan\.pdf/);
});

test("a draft of which only the text can be shown is edited as plain text when its writer says so", async () => {
    const { box, drafts, mail } = setup();
    const message = mail.message(box, { subject: "Newsletter", is_draft: true });
    drafts.draft({ mode: "edit", message_id: message.id, subject: "Newsletter", html: "<p>Plain</p>", is_simplified: true });
    await openMailDesk(mail);
    await getService("maildesk.compose").edit(message.id);
    await waitFor(inWindow(".o-simplified"));
    expect(inWindow("iframe")).toHaveCount(1);
    expect(inWindow(".odoo-editor-editable")).toHaveCount(0);
    await click(inWindow("[data-do=text]"));
    await waitFor(inWindow(".odoo-editor-editable"));
    expect(inWindow(".odoo-editor-editable")).toHaveText("Plain");
    expect(inWindow(".o-simplified")).toHaveCount(0);
});

test("two drafts in one conversation stand in Drafts each", async () => {
    const { box, mail } = setup();
    const common = { is_draft: true, conversation_id: "c1" };
    mail.message(box, { subject: "Re: Crane", ...common });
    mail.message(box, { subject: "Fwd: Crane", ...common });
    await openMailDesk(mail);
    await waitFor("[data-role=drafts]");
    await click(".o-maildesk-folder[data-role=drafts]");
    await waitFor(".o-maildesk-row:contains(Fwd: Crane)");
    expect(".o-maildesk-row").toHaveCount(2);
});
