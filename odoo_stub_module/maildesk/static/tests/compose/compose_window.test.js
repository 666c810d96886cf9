import { describe, expect, test } from "@odoo/hoot";
import { click, edit, keyDown, manuallyDispatchProgrammaticEvent, press, queryAllTexts, queryFirst } from "@odoo/hoot-dom";
import { advanceTime, mockMatchMedia } from "@odoo/hoot-mock";
import { getService } from "@web/../tests/web_test_helpers";
import { ConnectionLostError } from "@web/core/network/rpc";
import { defineMailModels, FakeMail, openMailDesk, openOdoo, sendBody, sendDraft } from "../maildesk_test_helpers";
import { mockUploads } from "../compose_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";

describe.current.tags("desktop");
defineMailModels();

function setup(values = {}) {
    const mail = new FakeMail();
    const account = mail.account(values);
    const inbox = mail.folder(account);
    const box = mail.folder(account, { name: "Drafts", role: "drafts" });
    mail.message(inbox, { subject: "Hello", to_recipients: [{ name: "", address: "box1@example.com" }] });
    return { account, box, drafts: mail.drafts, inbox, mail };
}

const WINDOW = ".o-maildesk-compose";
const inWindow = (selector) => `${WINDOW}:not(.o-minimized) ${selector}`;

async function compose(mail) {
    await openMailDesk(mail);
    await waitFor(".o-maildesk-compose-button:enabled");
    await click(".o-maildesk-compose-button");
    await waitFor(inWindow(".odoo-editor-editable"));
}

async function address(text) {
    await click(inWindow("[data-name=to] input"));
    await edit(text, { confirm: "enter" });
    await animationFrame();
}

test("a mail is written, saves itself and goes, with time to take it back", async () => {
    const { drafts, mail } = setup();
    await compose(mail);
    expect(inWindow("[data-name=to] input")).toBeFocused();
    await address("jane@example.com");
    expect(queryAllTexts(inWindow(".o-maildesk-person-name"))).toEqual(["jane@example.com"]);
    await click(inWindow(".o-maildesk-compose-subject"));
    await edit("The pier");
    await advanceTime(2000);
    await animationFrame();
    expect(drafts.records[0].subject).toBe("The pier");
    expect(inWindow(".o-maildesk-compose-saved")).toHaveText("Saved");
    await press(["ctrl", "enter"]);
    await waitFor(".o-maildesk-toast");
    expect(WINDOW).toHaveCount(0);
    expect(".o-maildesk-toast-left").toHaveText("10");
    await advanceTime(3000);
    await animationFrame();
    expect(".o-maildesk-toast-left").toHaveText("7");
    await click(".o-maildesk-undo-send");
    await waitFor(inWindow(".o-maildesk-person"));
    expect(drafts.records[0].state).toBe("editing");
    expect(".o-maildesk-toast").toHaveCount(0);
    await click(inWindow(".o-maildesk-send"));
    await waitFor(".o-maildesk-toast");
    await advanceTime(10_000);
    await waitForNone(".o-maildesk-toast");
    expect(drafts.records[0].state).toBe("scheduled");
});

test("addresses are checked: a wrong one is marked and refused, corrected by a double click", async () => {
    const { drafts, mail } = setup();
    await compose(mail);
    await address("jane at example");
    expect(inWindow(".o-maildesk-person.o-bad")).toHaveCount(1);
    await click(inWindow(".o-maildesk-compose-subject"));
    await edit("Hi");
    await click(inWindow(".o-maildesk-send"));
    await animationFrame();
    expect(inWindow(".o-maildesk-compose-problem")).toHaveText(/jane at example/);
    expect(drafts.made("maildesk_send")).toHaveLength(0);
    await click(inWindow(".o-maildesk-person.o-bad"), { interactive: false });
    await manuallyDispatchProgrammaticEvent(queryFirst(inWindow(".o-maildesk-person.o-bad")), "dblclick");
    await animationFrame();
    expect(inWindow("[data-name=to] input")).toHaveValue("jane at example");
    expect(inWindow(".o-maildesk-compose-problem")).toHaveCount(0);
});

test("a list is pasted at once, and names complete themselves", async () => {
    const { drafts, mail } = setup();
    drafts.people = [{ name: "Kai Mueller", address: "kai@pier.example", is_contact: true }];
    await compose(mail);
    const input = queryFirst(inWindow("[data-name=to] input"));
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "Jane <jane@example.com>; bo@example.com");
    await manuallyDispatchProgrammaticEvent(input, "paste", { clipboardData });
    await animationFrame();
    expect(queryAllTexts(inWindow(".o-maildesk-person-name"))).toEqual(["Jane", "bo@example.com"]);
    await click(input);
    await edit("ka");
    await advanceTime(200);
    await waitFor(".o-maildesk-suggestions");
    expect(input).toHaveAttribute("aria-expanded", "true");
    await press("enter");
    await animationFrame();
    expect(queryAllTexts(inWindow(".o-maildesk-person-name"))).toEqual(["Jane", "bo@example.com", "Kai Mueller"]);
    await press("backspace");
    await animationFrame();
    expect(inWindow(".o-maildesk-person")).toHaveCount(2);
});

test("Enter takes whom the words mean that stand there, not who was found for earlier ones", async () => {
    const { drafts, mail } = setup();
    drafts.people = [
        { name: "Jo Long", address: "jo@pier.example.org", is_contact: true },
        { name: "Jo Other", address: "jo@other.example", is_contact: true },
    ];
    await compose(mail);
    await click(inWindow("[data-name=to] input"));
    await edit("jo");
    await advanceTime(200);
    await waitFor(".o-maildesk-suggestions");
    // faster than the next list
    await edit("jane@example.com");
    await press("enter");
    await animationFrame();
    expect(queryAllTexts(inWindow(".o-maildesk-person-name"))).toEqual(["jane@example.com"]);
    // a whole address, and another one that begins like it
    await edit("jo@pier.example");
    await advanceTime(200);
    await waitFor(".o-maildesk-suggestions");
    await press("enter");
    await animationFrame();
    expect(queryAllTexts(inWindow(".o-maildesk-person-name"))).toEqual(["jane@example.com", "jo@pier.example"]);
    await edit("jo@");
    await advanceTime(200);
    await waitFor(".o-maildesk-suggestions");
    await press("arrowdown");
    await press("enter");
    await animationFrame();
    expect(queryAllTexts(inWindow(".o-maildesk-person-name"))).toEqual(["jane@example.com", "jo@pier.example", "Jo Other"]);
});

test("no subject, and an attachment that is spoken of: the writer is asked", async () => {
    const { drafts, mail } = setup();
    await compose(mail);
    await address("jane@example.com");
    const draft = getService("maildesk.compose").drafts[0];
    draft.own = "<p>See the attached plan</p>";
    // a double click asks once
    queryFirst(inWindow(".o-maildesk-send")).click();
    queryFirst(inWindow(".o-maildesk-send")).click();
    await waitFor(".modal");
    expect(".modal-body").toHaveCount(1);
    expect(".modal-body").toHaveText("There is no subject. You wrote of an attachment, and there is none.");
    await click(".modal .btn-secondary");
    await animationFrame();
    expect(drafts.made("maildesk_send")).toHaveLength(0);
    expect(WINDOW).toHaveCount(1);
});

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

test("Escape minimises, several windows stand beside each other, an empty one leaves nothing", async () => {
    const { drafts, mail } = setup();
    await compose(mail);
    await press("Escape");
    await animationFrame();
    expect(`${WINDOW}.o-minimized`).toHaveCount(1);
    await click(".o-maildesk-compose-button");
    await waitFor(inWindow(".odoo-editor-editable"));
    expect(WINDOW).toHaveCount(2);
    await click(inWindow("[data-do=close]"));
    await animationFrame();
    expect(drafts.records.map(({ state }) => state)).toEqual(["editing", "discarded"]);
    await click(`${WINDOW}.o-minimized .o-maildesk-compose-title`);
    await animationFrame();
    expect(`${WINDOW}.o-minimized`).toHaveCount(0);
});

test("Escape closes a menu of the window, and not the window", async () => {
    const { mail } = setup();
    await compose(mail);
    await click(inWindow(".o-maildesk-send-more"));
    await waitFor("[data-do=later]");
    await press("escape");
    await waitForNone("[data-do=later]");
    expect(inWindow(".o-maildesk-send-more")).toHaveCount(1);
    await press("escape");
    await waitFor(`${WINDOW}.o-minimized`);
});

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

test("a read-only mailbox says why nothing is written from it", async () => {
    const { mail } = setup({ permissions: { write: false, send: false } });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-no-writing");
    expect(".o-maildesk-compose-button:disabled").toHaveCount(1);
    expect(".o-maildesk-no-writing").toHaveText(/Read only/);
    await press("c");
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row");
    await waitFor(".o-maildesk-quick.o-off");
    expect(WINDOW).toHaveCount(0);
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

test("a mail that is being written is as dark as what stands around it", async () => {
    mockMatchMedia({ "prefers-color-scheme": "dark" });
    const { mail } = setup();
    await compose(mail);
    const ground = () => getComputedStyle(queryFirst(inWindow(".o-maildesk-compose-head"))).getPropertyValue("--maildesk-pane").trim();
    const dark = ground();
    queryFirst(".o-maildesk").classList.remove("o-dark");
    expect(ground()).not.toBe(dark);
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

test("files are attached with their progress, and taken out again", async () => {
    const requests = mockUploads();
    const { drafts, mail } = setup();
    await compose(mail);
    const compose_ = getService("maildesk.compose");
    compose_.attach(compose_.drafts[0], [new File(["12345"], "plan.pdf", { type: "application/pdf" })]);
    await waitFor(".o-maildesk-compose-file");
    requests[0].progress(1, 2);
    await animationFrame();
    expect(".o-maildesk-compose-file [role=progressbar]").toHaveAttribute("aria-valuenow", "50");
    const record = drafts.records[0];
    record.attachments = [{ id: 9, name: "plan.pdf", size: 5, is_inline: false, url: "#" }];
    record.revision = 2;
    requests[0].answer(200, { revision: 2, added: record.attachments, attachments: record.attachments });
    await waitFor(".o-maildesk-compose-file a");
    await click(".o-maildesk-compose-file .o-maildesk-take-out");
    await advanceTime(2000);
    expect(drafts.made("maildesk_save").at(-1).values).toEqual({ attachment_ids: [] });
    expect(".o-maildesk-compose-file").toHaveCount(0);
});
