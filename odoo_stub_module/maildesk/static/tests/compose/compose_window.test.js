import { describe, expect, test } from "@odoo/hoot";
import { click, edit, manuallyDispatchProgrammaticEvent, press, queryAllTexts, queryFirst } from "@odoo/hoot-dom";
import { advanceTime, mockMatchMedia } from "@odoo/hoot-mock";
import { getService } from "@web/../tests/web_test_helpers";
import { defineMailModels, openMailDesk } from "../maildesk_test_helpers";
import { mockUploads } from "../compose_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";
import { address, compose, inWindow, setup, WINDOW } from "./window_test_helpers";

describe.current.tags("desktop");
defineMailModels();

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

test("a mail that is being written is as dark as what stands around it", async () => {
    mockMatchMedia({ "prefers-color-scheme": "dark" });
    const { mail } = setup();
    await compose(mail);
    const ground = () => getComputedStyle(queryFirst(inWindow(".o-maildesk-compose-head"))).getPropertyValue("--maildesk-pane").trim();
    const dark = ground();
    queryFirst(".o-maildesk").classList.remove("o-dark");
    expect(ground()).not.toBe(dark);
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
