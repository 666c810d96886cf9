import { beforeEach, describe, expect, test } from "@odoo/hoot";
import { advanceTime, Deferred, tick } from "@odoo/hoot-mock";
import { Draft, SAVE_DELAY } from "@maildesk/store/draft";
import { uploadTo } from "@maildesk/store/uploads";
import { FakeDrafts, mockUploads } from "../compose_test_helpers";
import { allowTranslations, getService, makeMockEnv } from "@web/../tests/web_test_helpers";
import { defineMailModels } from "../maildesk_test_helpers";

describe.current.tags("headless");
defineMailModels();
beforeEach(allowTranslations);

function setup(values) {
    const server = new FakeDrafts();
    const record = server.draft(values);
    const draft = new Draft((method, kwargs) => server.call(method, kwargs), structuredClone(record));
    return { draft, record, server };
}

test("what was changed is saved once the writer pauses, and nothing else of it", async () => {
    const { draft, record, server } = setup();
    draft.edit({ subject: "H" });
    await advanceTime(SAVE_DELAY - 100);
    draft.edit({ subject: "Hello" });
    await advanceTime(SAVE_DELAY - 100);
    expect(server.made("maildesk_save")).toHaveLength(0);
    expect(draft.saveState).toBe("dirty");
    await advanceTime(100);
    expect(server.made("maildesk_save").map(({ values }) => values)).toEqual([{ subject: "Hello" }]);
    expect(record.subject).toBe("Hello");
    expect(draft.saveState).toBe("saved");
});

test("one save at a time: what is changed meanwhile goes with the next one, on the new revision", async () => {
    const { draft, server } = setup();
    const gate = new Deferred();
    const { call } = draft;
    draft.call = async (method, kwargs) => {
        const answer = await call(method, kwargs);
        await gate;
        return answer;
    };
    draft.edit({ subject: "One" });
    const first = draft.save();
    await tick();
    draft.edit({ importance: "high" });
    const second = draft.save();
    await tick();
    expect(server.made("maildesk_save")).toHaveLength(1);
    gate.resolve();
    await Promise.all([first, second]);
    expect(server.made("maildesk_save").map(({ revision, values }) => [revision, values])).toEqual([
        [1, { subject: "One" }],
        [2, { importance: "high" }],
    ]);
});

test("without the server nothing is lost, and the next save brings all of it", async () => {
    const { draft, record, server } = setup();
    server.isLost = true;
    draft.edit({ subject: "Hello" });
    expect(await draft.save()).toBe(false);
    expect(draft.saveState).toBe("offline");
    server.isLost = false;
    draft.edit({ importance: "low" });
    expect(await draft.save()).toBe(true);
    expect([record.subject, record.importance]).toEqual(["Hello", "low"]);
});

test("what the server refuses says why, and is saved when it is mended", async () => {
    const { draft, record, server } = setup();
    server.refusal = "This text is too long for a mail.";
    draft.edit({ subject: "x" });
    await draft.save();
    expect([draft.saveState, draft.problem]).toEqual(["refused", "This text is too long for a mail."]);
    server.refusal = null;
    draft.edit({ subject: "y" });
    await draft.save();
    expect([draft.saveState, draft.problem, record.subject]).toEqual(["saved", "", "y"]);
});

test("changed in another tab: nothing is written over before the writer has chosen", async () => {
    const { draft, record } = setup();
    Object.assign(record, { revision: 5, subject: "Theirs" });
    draft.edit({ subject: "Mine" });
    expect(await draft.save()).toBe(false);
    expect(draft.saveState).toBe("conflict");
    expect(record.subject).toBe("Theirs");
    draft.edit({ importance: "high" });
    await advanceTime(SAVE_DELAY);
    expect(record.subject).toBe("Theirs");
    expect(await draft.keepMine()).toBe(true);
    expect([record.subject, record.importance]).toEqual(["Mine", "high"]);
});

test("changed in another tab: the other one is taken", async () => {
    const { draft, record } = setup();
    Object.assign(record, { revision: 5, subject: "Theirs", html: "<p>Theirs</p>" });
    draft.edit({ subject: "Mine" });
    await draft.save();
    await draft.takeTheirs();
    expect([draft.subject, draft.own, draft.revision, draft.saveState]).toEqual(["Theirs", "<p>Theirs</p>", 5, "saved"]);
});

test("changed in Outlook: both ways lead on", async () => {
    for (const [choice, subject] of [["mine", "Mine"], ["outlook", "As Outlook has it"]]) {
        const { draft, record, server } = setup();
        record.outlook = "changed";
        draft.edit({ subject: "Mine" });
        await draft.save();
        expect(draft.conflict.isOutlook).toBe(true);
        await (choice === "mine" ? draft.keepMine() : draft.takeTheirs());
        expect(server.made("maildesk_take")[0].choice).toBe(choice);
        expect([draft.subject, draft.conflict]).toEqual([subject, null]);
    }
});

test("deleted in Outlook: it is saved in Odoo on, and in Outlook when its writer says so", async () => {
    for (const lost of ["deleted", "sent"]) {
        const { draft, record, server } = setup();
        record.outlook = lost;
        draft.edit({ subject: "Mine" });
        expect(await draft.save()).toBe(true);
        expect([draft.lost, draft.saveState]).toEqual([lost, "saved"]);
        draft.edit({ subject: "Mine, and more" });
        await advanceTime(SAVE_DELAY);
        expect(record.subject).toBe("Mine, and more");
        server.lostFiles = ["plan.pdf"];
        expect(await draft.saveAnew()).toEqual(["plan.pdf"]);
        expect(server.made("maildesk_take").map(({ choice }) => choice)).toEqual(["anew"]);
        expect([draft.lost, draft.subject, draft.revision]).toEqual([null, "Mine, and more", record.revision]);
    }
});

test("deleted in Outlook, and changed in another tab: that comes first", async () => {
    const { draft, record } = setup();
    Object.assign(record, { revision: 5, subject: "Theirs", outlook: "deleted" });
    draft.edit({ subject: "Mine" });
    expect(await draft.save()).toBe(false);
    expect([draft.lost, draft.saveState]).toEqual([null, "conflict"]);
    await draft.takeTheirs();
    expect([draft.lost, draft.subject]).toEqual(["deleted", "Theirs"]);
});

test("a text that can be shown simplified only is not written over another version", async () => {
    const { draft, record, server } = setup({ is_simplified: true, html: "<p>Plain</p>" });
    record.outlook = "changed";
    draft.edit({ subject: "Mine" });
    await draft.save();
    await draft.keepMine();
    expect(server.made("maildesk_save").at(-1).values).not.toInclude("html");
    await draft.editText();
    expect([draft.isSimplified, draft.revision]).toEqual([false, record.revision]);
});

test("a file that arrives during a save is no change of somebody else's", async () => {
    await makeMockEnv();
    const requests = mockUploads();
    const { draft, record, server } = setup();
    const upload = uploadTo(getService("file_upload"), draft, new File(["12345"], "plan.pdf", { type: "application/pdf" }));
    await tick();
    requests[0].progress(2, 5);
    expect(draft.uploads[0].progress).toBe(0.4);
    // the server has it, its answer is on the way; then a save comes with the old revision
    record.attachments.push({ id: 9, name: "plan.pdf", size: 5, is_inline: false, url: "#" });
    record.revision = 2;
    draft.edit({ subject: "Plan" });
    const saved = draft.save();
    await tick();
    requests[0].answer(200, { revision: 2, added: record.attachments, attachments: record.attachments });
    await upload.done;
    expect(await saved).toBe(true);
    expect([record.subject, record.revision]).toEqual(["Plan", 3]);
    expect(draft.files.map(({ name }) => name)).toEqual(["plan.pdf"]);
    expect(server.made("maildesk_save")).toHaveLength(2);
});

test("pictures that lie in the text as data become files once, not with each save", async () => {
    const { draft, server } = setup();
    const { call } = draft;
    draft.call = async (method, kwargs) => {
        const answer = await call(method, kwargs);
        const html = kwargs.values.html?.replace(/data:[^"]*/, "/web/image/7");
        return html ? { ...answer, html } : answer;
    };
    draft.own = '<p>Look: <img src="data:image/png;base64,AAAA"></p>';
    draft.touch("html");
    await draft.save();
    expect(draft.own).toBe('<p>Look: <img src="/web/image/7"></p>');
    draft.touch("html");
    await draft.save();
    expect(server.made("maildesk_save").at(-1).values.html).not.toInclude("data:");
});

test("what is taken from elsewhere is not written over by what stood in the editor", async () => {
    const { draft, record } = setup();
    draft.touchText(() => "<p>Mine</p>");
    Object.assign(record, { revision: 5, html: "<p>Theirs</p>" });
    await draft.save();
    draft.touchText(() => "<p>Mine, and more</p>");
    await draft.takeTheirs();
    // the editor that goes hands over its text
    draft.takeText();
    expect(draft.own).toBe("<p>Theirs</p>");
});

test("a file that cannot be taken stays in sight with the reason, and nothing is sent", async () => {
    await makeMockEnv();
    const requests = mockUploads();
    const { draft } = setup({ to: [{ name: "", address: "jane@example.com" }] });
    const upload = uploadTo(getService("file_upload"), draft, new File(["1"], "a.bin"));
    await tick();
    requests[0].answer(422, { error: "This mail is on its way, or over: it cannot be changed." });
    await upload.done;
    expect(draft.uploads[0].error).toBe("This mail is on its way, or over: it cannot be changed.");
    expect(draft.obstacle).toInclude("could not be attached");
});

test("what hinders and what is doubtful is found before a mail goes", () => {
    const { draft } = setup();
    expect(draft.obstacle).toInclude("To whom?");
    draft.to = [{ name: "", address: "jane" }];
    expect(draft.obstacle).toInclude("jane");
    draft.to = [{ name: "", address: "jane@example.com" }];
    expect(draft.obstacle).toBe("");
    draft.own = "<p>The plan is attached.</p>";
    expect(draft.doubts).toHaveLength(2);
    draft.subject = "Plan";
    draft.attachments = [{ id: 1, name: "plan.pdf", is_inline: false }];
    expect(draft.doubts).toEqual([]);
});
