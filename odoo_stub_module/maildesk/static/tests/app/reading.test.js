import { describe, expect, test } from "@odoo/hoot";
import { click, queryAllAttributes, queryAllTexts, queryFirst } from "@odoo/hoot-dom";
import { mockMatchMedia } from "@odoo/hoot-mock";
import { getService } from "@web/../tests/web_test_helpers";
import { defineMailModels, FakeMail, openMailDesk, sendBody, sendChanged } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone, waitUntil } from "../patience";

describe.current.tags("desktop");
defineMailModels();

const PICTURE = '<p>News</p><img data-remote="https://x.example/a.png">';

function setup(body = {}) {
    const mail = new FakeMail();
    const inbox = mail.folder(mail.account());
    mail.message(inbox, { subject: "Next" });
    mail.message(inbox, { subject: "First" });
    mail.bodies.set(2, { state: "ready", html: "<p>Hello</p>", has_remote: false, attachments: [], ...body });
    return { inbox, mail };
}

async function open(mail) {
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row:eq(0)");
    await waitFor("iframe.o-maildesk-frame");
}

const shownIds = () => queryAllAttributes(".o-maildesk-message:not(.o-folded)", "data-message-id");
const frame = () => queryFirst("iframe.o-maildesk-frame");
const source = () => frame().getAttribute("srcdoc");

test("pictures are blocked, shown once, and blocked again the next time", async () => {
    const { mail } = setup({ html: PICTURE, has_remote: true });
    await open(mail);
    expect(".o-maildesk-pictures").toHaveText(/Pictures blocked/);
    expect(source()).not.toInclude('src="https://x.example');
    await click(".o-maildesk-show-pictures");
    await animationFrame();
    expect(source()).toInclude('src="https://x.example/a.png"');
    expect(".o-maildesk-show-pictures").toHaveCount(0);
    await click(".o-maildesk-row:eq(1)");
    await waitForNone(".o-maildesk-pictures");
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-show-pictures");
});

test("pictures of a trusted sender are shown, until no more", async () => {
    const { mail } = setup({ html: PICTURE, has_remote: true });
    await open(mail);
    await click(".o-maildesk-trust");
    await waitFor(".o-maildesk-distrust");
    expect(mail.trusted).toEqual(new Set(["jane@example.com"]));
    expect(source()).toInclude('src="https://x.example/a.png"');
    await click(".o-maildesk-distrust");
    await waitFor(".o-maildesk-show-pictures");
    expect(source()).not.toInclude('src="https://x.example');
});

test("backgrounds that are gone are told, and nothing is offered", async () => {
    const { mail } = setup({ has_remote: true });
    await open(mail);
    expect(".o-maildesk-pictures").toHaveText(/Pictures blocked/);
    expect(".o-maildesk-pictures button").toHaveCount(0);
});

test("pictures of the mail itself come by the attachment route", async () => {
    const attachments = [
        { remote_id: "a/1", name: "logo.png", content_type: "image/png", size: 9, is_inline: true, kind: "file", content_id: "logo@x" },
        { remote_id: "a2", name: "other.png", content_type: "image/png", size: 9, is_inline: true, kind: "file", content_id: "other@x" },
    ];
    const { mail } = setup({ html: '<img data-cid="logo@x">', attachments });
    await open(mail);
    expect(source()).toInclude('src="/maildesk/attachment/1/remote%202/a%2F1"');
    // one that the text does not show can be reached all the same
    expect(".o-maildesk-attachment").toHaveText(/other\.png/);
});

test("a link to a part of the mail leads there, and opens nothing", async () => {
    const part = (name) => `<a href="#${name}" target="_blank" rel="noopener noreferrer">${name}</a>`;
    const { mail } = setup({ html: `${part("one")}${part("two")}${part("three")}<a name="one">1</a><p id="two">2</p>` });
    await open(mail);
    await waitUntil(() => frame().contentDocument.querySelectorAll("a").length === 4 && frame().style.height);
    const { contentDocument, contentWindow } = frame();
    contentWindow.Element.prototype.scrollIntoView = function () {
        expect.step(this.textContent);
    };
    for (const link of contentDocument.querySelectorAll("a[href]")) {
        const ev = new contentWindow.MouseEvent("click", { bubbles: true, cancelable: true });
        link.dispatchEvent(ev);
        expect(ev.defaultPrevented).toBe(true);
    }
    expect.verifySteps(["1", "2"]);
});

test("each paragraph of a text runs in the direction of its own language", async () => {
    const { mail } = setup({ html: '<div class="maildesk-text" style="white-space:pre-wrap">\u05e9\u05dc\u05d5\u05dd.<div class="maildesk-signature">Anna</div></div>' });
    await open(mail);
    await waitUntil(() => frame().contentDocument.querySelector(".maildesk-text"));
    const { contentDocument, contentWindow } = frame();
    const directions = [...contentDocument.querySelectorAll("div")].map((el) => contentWindow.getComputedStyle(el).unicodeBidi);
    expect(directions).toEqual(["plaintext", "plaintext"]);
});

test("of many recipients the first are shown, and all that are known when asked for", async () => {
    const { mail } = setup();
    const people = (name) => Array.from({ length: 50 }, (_, at) => ({ name: `${name} ${at + 1}`, address: `${name}${at + 1}@example.com` }));
    Object.assign(mail.find(2), { to_recipients: people("t"), to_total: 500, bcc_recipients: people("b"), bcc_total: 200 });
    await open(mail);
    expect(queryAllTexts(".o-maildesk-message-more")).toEqual(["and 494 more", "and 194 more"]);
    expect(".o-maildesk-message-to:eq(0)").toHaveText(/t 6 and 494 more$/);
    await click(".o-maildesk-message-more:eq(0)");
    await animationFrame();
    expect(".o-maildesk-message-to:eq(0)").toHaveText(/t 50 <t50@example\.com> and 450 more, whom Outlook knows Show less$/);
    expect(".o-maildesk-message-more:eq(0)").toHaveAttribute("aria-expanded", "true");
    await click(".o-maildesk-message-more:eq(0)");
    await animationFrame();
    expect(".o-maildesk-message-to:eq(0)").toHaveText(/t 6 and 494 more$/);
});

test("a conversation: read ones folded, the newest and unread ones open", async () => {
    const { inbox, mail } = setup();
    mail.messages.length = 0;
    for (const [id, is_read] of [[1, true], [2, false], [3, true], [4, true], [5, true]]) {
        mail.message(inbox, { id, is_read, conversation_id: "C", subject: `Re ${id}` });
    }
    await openMailDesk(mail);
    await getService("maildesk.store").setPreference("view", "plain");
    await waitFor(".o-maildesk-row[data-message-id='4']");
    await click(".o-maildesk-row[data-message-id='4']");
    await waitFor(".o-maildesk-message[data-message-id='5'] iframe");
    expect(".o-maildesk-reading-subject").toHaveText("Re 4");
    expect(".o-maildesk-reading-count").toHaveText("5 messages");
    expect(shownIds()).toEqual(["2", "4", "5"]);
    expect(mail.calls.filter((method) => method === "maildesk_open").length).toBe(3);
    await click(".o-maildesk-message[data-message-id='1'] .o-maildesk-message-fold");
    await waitFor(".o-maildesk-message[data-message-id='1'] iframe");
    await click(".o-maildesk-message[data-message-id='1'] .o-maildesk-message-unfold");
    await waitForNone(".o-maildesk-message[data-message-id='1'] iframe");
    expect(shownIds()).toEqual(["2", "4", "5"]);
});

test("a long conversation shows its beginning and its end", async () => {
    const { inbox, mail } = setup();
    mail.messages.length = 0;
    for (let id = 1; id <= 12; id++) {
        mail.message(inbox, { id, conversation_id: "C" });
    }
    await open(mail);
    await waitFor(".o-maildesk-conversation-more");
    expect(".o-maildesk-conversation-more").toHaveText("9 more messages");
    expect(".o-maildesk-message").toHaveCount(3);
    await click(".o-maildesk-conversation-more");
    await animationFrame();
    expect(".o-maildesk-message").toHaveCount(12);
});

test("a body of the conversation that comes later comes where it belongs", async () => {
    const { inbox, mail } = setup();
    mail.messages.length = 0;
    mail.message(inbox, { id: 1, is_read: false, conversation_id: "C" });
    mail.message(inbox, { id: 2, conversation_id: "C" });
    mail.bodies.set(1, { state: "coming" });
    await open(mail);
    await waitFor(".o-maildesk-message[data-message-id='1'] .o-maildesk-body-state");
    mail.bodies.delete(1);
    sendBody(1);
    await waitFor(".o-maildesk-message[data-message-id='1'] iframe");
});

test("an answer that comes while its conversation is open stands in it", async () => {
    const { inbox, mail } = setup();
    mail.messages.length = 0;
    mail.message(inbox, { id: 1, conversation_id: "C" });
    mail.message(inbox, { id: 2, conversation_id: "other" });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row[data-message-id='1']");
    await waitFor("iframe.o-maildesk-frame");
    mail.message(inbox, { id: 3, is_read: false, conversation_id: "C" });
    mail.message(inbox, { id: 4, is_read: false, conversation_id: "other" });
    sendChanged({ message_ids: [3, 4] });
    await waitFor(".o-maildesk-message[data-message-id='3'] iframe");
    expect(shownIds()).toEqual(["1", "3"]);
});

test("the next message is fetched ahead, once and silently", async () => {
    const { mail } = setup();
    await open(mail);
    await animationFrame();
    expect(mail.prefetched).toEqual([1]);
    await click(".o-maildesk-row:eq(1)");
    await click(".o-maildesk-row:eq(0)");
    await animationFrame();
    expect(mail.prefetched).toEqual([1]);
});

test("an invitation tells when, where and who asks", async () => {
    const { mail } = setup({
        invitation: {
            kind: "request",
            title: "Review",
            start: "2026-12-01T09:00:00Z",
            end: "2026-12-01T10:30:00Z",
            is_all_day: false,
            where: "Room 4",
            organizer: { name: "Anna Weber", address: "anna@example.com" },
            attendees: [{ name: "Bert", address: "bert@example.com" }],
            is_recurring: true,
            is_out_of_date: false,
            answer: "requested",
        },
    });
    await open(mail);
    expect(".o-maildesk-invitation").toHaveText(/Invitation: Review/);
    expect(".o-maildesk-invitation").toHaveText(/Room 4/);
    expect(".o-maildesk-invitation").toHaveText(/Anna Weber/);
    expect(".o-maildesk-invitation").toHaveText(/An answer is asked for/);
});

test("a bounce tells who did not get the mail, and why", async () => {
    const { mail } = setup({ undelivered: [{ address: "nobody@example.org", action: "failed", status: "5.1.1", reason: "550 user unknown" }] });
    await open(mail);
    expect(".o-maildesk-card").toHaveText(/Not delivered to nobody@example\.org\s*550 user unknown/);
});

test("a mail that was not delivered leads to its report, and the report to the mail", async () => {
    const mail = new FakeMail();
    const account = mail.account();
    const inbox = mail.folder(account);
    const sent = mail.folder(account, { name: "Sent Items", role: "sent" });
    const people = { address: "nobody@example.org", action: "failed", status: "5.1.1", reason: "550 user unknown" };
    const report = mail.message(inbox, { subject: "Undeliverable: Offer" });
    const own = mail.message(sent, { subject: "Offer" });
    Object.assign(mail.find(own.id), { undelivered: [{ bounce_id: report.id, ...people }] });
    Object.assign(mail.find(report.id), { bounce_of: own.id });
    for (const { id } of [report, own]) {
        const undelivered = id === report.id ? [people] : [];
        mail.bodies.set(id, { state: "ready", html: "<p>Hello</p>", has_remote: false, attachments: [], undelivered });
    }
    await open(mail);
    await click(".o-maildesk-show-sent");
    await waitFor(`.o-maildesk-message[data-message-id='${own.id}'] .o-maildesk-undelivered`);
    expect(".o-maildesk-undelivered").toHaveText(/Could not be delivered to nobody@example\.org\s*550 user unknown/);
    expect(`.o-maildesk-row[data-message-id='${own.id}'] .o-maildesk-row-failed`).toHaveAttribute("title", "Could not be delivered to nobody@example.org");
    await click(".o-maildesk-show-report");
    await waitFor(`.o-maildesk-message[data-message-id='${report.id}'] .o-maildesk-show-sent`);
});

test("a mail on its way says how it stands", async () => {
    const { mail } = setup();
    mail.find(2).sending = { state: "late", draft_id: 1 };
    await open(mail);
    expect(".o-maildesk-delivery").toHaveText("Sent, but Outlook's copy has not come for an hour");
    expect(".o-maildesk-row[data-message-id='2'] .o-maildesk-row-failed").toHaveCount(1);
});

test("on dark: text follows, mail with colours stays on white until it is inverted, own dark colours are used", async () => {
    mockMatchMedia({ "prefers-color-scheme": "dark" });
    const { mail } = setup({ html: `<p style="color: black">Hello</p>` });
    mail.bodies.set(1, { state: "ready", html: "<p>x</p>", has_remote: false, attachments: [], is_text: true });
    await open(mail);
    expect("iframe.o-maildesk-frame").not.toHaveClass("o-on-dark");
    await click(".o-maildesk-paper");
    await animationFrame();
    expect(source()).toInclude("invert(");
    await click(".o-maildesk-row:eq(1)");
    await waitFor(".o-maildesk-message[data-message-id='1'] iframe.o-on-dark");
    expect(source()).toInclude("color-scheme: dark");
    await click(".o-maildesk-paper");
    await animationFrame();
    expect("iframe.o-maildesk-frame").not.toHaveClass("o-on-dark");
});
