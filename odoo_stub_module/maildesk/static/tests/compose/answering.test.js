import { describe, expect, test } from "@odoo/hoot";
import { click, edit, keyDown, press } from "@odoo/hoot-dom";
import { advanceTime } from "@odoo/hoot-mock";
import { getService } from "@web/../tests/web_test_helpers";
import { defineMailModels, openMailDesk, sendBody } from "../maildesk_test_helpers";
import { animationFrame, waitFor } from "../patience";
import { address, inWindow, setup, WINDOW } from "./window_test_helpers";

describe.current.tags("desktop");
defineMailModels();

test("r answers the message that is open, with what it says folded below", async () => {
    const { drafts, mail } = setup();
    drafts.quote = { state: "ready", html: '<div class="maildesk-quoted"><blockquote>Old words</blockquote></div>' };
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row");
    await waitFor(".o-maildesk-reading .o-maildesk-quick");
    await press("r");
    await waitFor(inWindow(".odoo-editor-editable"));
    expect(drafts.made("maildesk_compose")[0]).toMatchObject({ mode: "reply", message_id: 1 });
    expect(inWindow(".odoo-editor-editable")).not.toHaveText(/Old words/);
    await click(inWindow(".o-maildesk-quote-toggle"));
    await animationFrame();
    expect(inWindow(".odoo-editor-editable")).toHaveText(/Old words/);
    expect(inWindow(".o-maildesk-quote-toggle")).toHaveCount(0);
});

test("a quoted text that is still fetched comes by the bus; until then nothing is forwarded", async () => {
    const { drafts, mail } = setup();
    drafts.quote = { state: "coming", html: "" };
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row");
    await waitFor(".o-maildesk-reading");
    await press("f");
    await waitFor(inWindow(".odoo-editor-editable"));
    await address("jane@example.com");
    await click(inWindow(".o-maildesk-send"));
    await animationFrame();
    expect(inWindow(".o-maildesk-compose-problem")).toHaveText(/still being fetched/);
    drafts.quote = { state: "ready", html: '<div class="maildesk-quoted">The original</div>' };
    sendBody(1);
    await waitFor(inWindow(".o-maildesk-quote-toggle"));
    await advanceTime(2000);
    expect(drafts.records[0].html).toInclude("The original");
});

test("a window that comes back asks for the text that it still waits for", async () => {
    const { drafts, mail } = setup();
    drafts.draft({ mode: "forward", subject: "Fwd: Offer", source_message_id: 1, quote: "coming", state: "failed", error: "?" });
    drafts.quote = { state: "ready", html: '<div class="maildesk-quoted">The original</div>' };
    await openMailDesk(mail);
    await waitFor(`${WINDOW}.o-minimized`);
    await click(".o-maildesk-compose-title");
    await waitFor(inWindow(".o-maildesk-quote-toggle"));
    expect(drafts.made("maildesk_quote")).toHaveLength(1);
    await advanceTime(2000);
    expect(drafts.records[0].html).toInclude("The original");
});

test("two answers wait for one quoted text, and both get it", async () => {
    const { drafts, mail } = setup();
    drafts.quote = { state: "coming", html: "" };
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    const compose_ = getService("maildesk.compose");
    await compose_.begin("reply", { messageId: 1 });
    await compose_.begin("forward", { messageId: 1 });
    drafts.quote = { state: "ready", html: '<div class="maildesk-quoted">The original</div>' };
    sendBody(1);
    await waitFor(inWindow(".o-maildesk-quote-toggle"));
    expect(compose_.drafts.map(({ quote }) => quote)).toEqual(["ready", "ready"]);
});

test("a quick reply names whoever gets it: the sender, or those who got one's own mail", async () => {
    const { account, inbox, mail } = setup();
    mail.message(inbox, { subject: "Own", from_name: "Me", from_email: account.email, to_recipients: [{ name: "Ben Pier", address: "ben@example.com" }] });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row[data-message-id='1']");
    await click(".o-maildesk-row[data-message-id='1']");
    await waitFor(".o-maildesk-quick-text[placeholder*='Jane']");
    await click(".o-maildesk-row[data-message-id='2']");
    await waitFor(".o-maildesk-quick-text[placeholder*='Ben Pier']");
});

test("a quick reply is a draft with the first pause, goes, and follows into a window", async () => {
    const { drafts, inbox, mail } = setup();
    mail.message(inbox, { subject: "Another" });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row[data-message-id='1']");
    await click(".o-maildesk-row[data-message-id='1']");
    await waitFor(".o-maildesk-quick-text");
    await click(".o-maildesk-quick-text");
    await edit("Thank you");
    await advanceTime(2000);
    await advanceTime(2000);
    expect(drafts.records[0].html).toBe("<p>Thank you</p>");
    expect(WINDOW).toHaveCount(0);
    await click(".o-maildesk-row[data-message-id='2']");
    await waitFor(`${WINDOW}.o-minimized`);
    expect(".o-maildesk-quick-text").toHaveValue("");
    await click(".o-maildesk-quick-text");
    await edit("Yes");
    await keyDown(["ctrl", "enter"]);
    await waitFor(".o-maildesk-toast");
    expect(drafts.records[1]).toMatchObject({ state: "scheduled", html: "<p>Yes</p>" });
});
