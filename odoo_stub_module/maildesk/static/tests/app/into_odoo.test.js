import { describe, expect, test } from "@odoo/hoot";
import { click, edit, press, queryAllTexts, queryOne, waitFor, waitForNone } from "@odoo/hoot-dom";
import { advanceTime } from "@odoo/hoot-mock";
import { contains, getService, MockServer, mockService } from "@web/../tests/web_test_helpers";
import { defineMailModels, FakeMail, openMailDesk, sendBody } from "../maildesk_test_helpers";
import { animationFrame } from "../patience";

describe.current.tags("desktop");
defineMailModels();

function setup(into = ["log", "lead", "task"]) {
    const mail = new FakeMail();
    mail.into = into;
    const inbox = mail.folder(mail.account());
    mail.fill(inbox, 2);
    mail.find(1).is_draft = true;
    return mail;
}

async function open(mail, id = 2) {
    await openMailDesk(mail);
    await contains(`.o-maildesk-row[data-message-id='${id}']`).click();
    await waitFor(".o-maildesk-message");
    await animationFrame();
}

async function choose(action) {
    await click("[data-menu=into]");
    await waitFor(".o-dropdown--menu");
    await click(`.o-dropdown--menu [data-action=${action}]`);
    await waitFor(".o-maildesk-into-warning");
}

const opened = [];
const noteOpened = () => {
    opened.length = 0;
    mockService("action", {
        async doAction(request) {
            if (request.type === "ir.actions.act_window") {
                opened.push([request.res_model, request.res_id]);
                return;
            }
            return super.doAction(...arguments);
        },
    });
};

test("the menu has what this user may do; for a draft there is none", async () => {
    const mail = setup(["log", "task"]);
    await open(mail);
    await click("[data-menu=into]");
    await waitFor(".o-dropdown--menu");
    expect(queryAllTexts(".o-dropdown--menu [data-action]")).toEqual(["Log on a Record…", "Create Task…"]);
    await press("Escape");
    await contains(".o-maildesk-row[data-message-id='1']").click();
    await waitFor(".o-maildesk-message[data-message-id='1']");
    await animationFrame();
    expect("[data-menu=into]").toHaveCount(0);
});

test("log on a record: choose it and what is copied along; the chip leads there", async () => {
    noteOpened();
    const mail = setup();
    mail.copyable.attachments = [
        { remote_id: "a1", name: "plan.pdf", size: 400, content_type: "application/pdf", kind: "file" },
        { remote_id: "a2", name: "big.pdf", size: 900, content_type: "application/pdf", kind: "file" },
    ];
    mail.copyable.pictures = 2;
    await open(mail);
    const jane = MockServer.env["res.partner"].create({ name: "Jane Doe" });
    await choose("log-on-record");
    expect(".o-maildesk-into-ok").not.toBeEnabled();
    await contains(".o_record_selector input").edit("Jane D", { confirm: false });
    await advanceTime(500);
    await contains(".o-autocomplete--dropdown-item:contains(Jane Doe)").click();
    await click("[data-attachment-id=a1]");
    await click("[data-attachment-id=a2]");
    await waitFor(".o-maildesk-into-files [role=alert]");
    expect(".o-maildesk-into-ok").not.toBeEnabled();
    await click("[data-attachment-id=a2]");
    await waitForNone(".o-maildesk-into-files [role=alert]");
    await click("input[name=pictures]");
    await animationFrame();
    await click(".o-maildesk-into-ok");
    await waitForNone(".o-maildesk-into");
    expect(mail.copies.map(({ messageId, link, attachment_ids, with_pictures }) => [messageId, link.record_id, attachment_ids, with_pictures])).toEqual([
        [2, jane, ["a1"], true],
    ]);
    await waitFor(".o_notification:contains(The mail was logged on Jane Doe.)");
    await click(".o-maildesk-record[data-kind=log]");
    expect(opened).toEqual([["res.partner", jane]]);
});

test("who may write on no record is told so; the help has only what is there", async () => {
    const mail = setup(["log"]);
    mail.copyable.models = [];
    await open(mail);
    await choose("log-on-record");
    expect(".o-maildesk-into [role=alert]").toHaveText(/no kind of record/);
    expect(".o-maildesk-into-ok").not.toBeEnabled();
    await click(".modal-footer .btn-secondary");
    await waitForNone(".o-maildesk-into");
    await press("?");
    await waitFor(".modal:contains(Log on a Record…)");
    expect(".modal:contains(Create Lead)").toHaveCount(0);
});

test("another kind of record forgets the record of the first", async () => {
    const mail = setup();
    mail.copyable.suggested = { model: "res.partner", id: 3, name: "Mitchell Admin" };
    await open(mail);
    await choose("log-on-record");
    expect(".o-maildesk-into-ok").toBeEnabled();
    await contains("#maildesk-into-model").select("res.users");
    await animationFrame();
    expect(".o-maildesk-into-ok").not.toBeEnabled();
});

test("a lead by key: titled as the mail, and from then on opened instead", async () => {
    noteOpened();
    const mail = setup();
    await open(mail);
    await press("Shift+L");
    await waitFor("#maildesk-into-title");
    expect("#maildesk-into-title").toHaveValue("Subject 2");
    await click("#maildesk-into-title");
    await edit("The crane");
    await press("Enter");
    await waitFor(".o-maildesk-record[data-kind=lead]");
    expect(queryAllTexts(".o-maildesk-record")).toEqual(["Lead:\nThe crane"]);
    await click("[data-menu=into]");
    await waitFor(".o-dropdown--menu");
    expect(queryAllTexts(".o-dropdown--menu [data-action]")).toEqual(["Log on a Record…", "Open the Lead", "Create Task…"]);
    await click("[data-action=create-lead]");
    await animationFrame();
    expect(mail.copies.length).toBe(1);
    expect(opened).toEqual([["crm.lead", 70]]);
});

test("one that a colleague made meanwhile is opened", async () => {
    noteOpened();
    const mail = setup();
    await open(mail);
    mail.copyable.existing = { id: 9, kind: "task", model: "project.task", record_id: 7, name: "Crane", model_name: "Task" };
    await press("Shift+T");
    await waitForNone(".o-maildesk-into");
    await animationFrame();
    expect(opened).toEqual([["project.task", 7]]);
    expect(mail.copies).toEqual([]);
});

test("a text that is in Outlook is waited for; one that cannot be had is told", async () => {
    const mail = setup();
    await open(mail);
    const ready = mail.copyable;
    mail.copyable = { state: "coming", message: "" };
    await press("l");
    await waitFor(".o-maildesk-into-state:contains(Fetching the message from Outlook)");
    expect(".o-maildesk-into-ok").not.toBeEnabled();
    mail.copyable = { state: "error", message: "Outlook does not let us in." };
    sendBody(2, "needs_sign_in");
    await waitFor(".o-maildesk-into-state:contains(Outlook does not let us in.)");
    mail.copyable = ready;
    await click(".o-maildesk-into-again");
    await waitFor(".o-maildesk-into-warning:contains(a lasting copy)");
});

test("links are those of the open conversation, and shown as text", async () => {
    const mail = setup();
    mail.links.set("conversation-2", [{ id: 1, kind: "log", model: "res.partner", record_id: 5, name: "<b>Jane</b>", model_name: "Contact" }]);
    await open(mail);
    await waitFor(".o-maildesk-record");
    expect(queryOne(".o-maildesk-record > b").textContent).toBe("<b>Jane</b>");
    expect(getService("maildesk.store").into.links.length).toBe(1);
    await contains(".o-maildesk-row[data-message-id='1']").click();
    await waitForNone(".o-maildesk-record");
});

test("an address with a message opens it", async () => {
    const mail = setup();
    await openMailDesk(mail);
    await getService("action").doAction({ type: "ir.actions.client", tag: "maildesk.app" }, { props: { resId: 2 } });
    await waitFor(".o-maildesk-reading-subject:contains(Subject 2)");
});
