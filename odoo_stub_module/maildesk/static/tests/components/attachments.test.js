import { describe, expect, test } from "@odoo/hoot";
import { click, press, queryAllTexts, queryAttribute } from "@odoo/hoot-dom";
import { advanceTime } from "@odoo/hoot-mock";
import { allowTranslations, patchWithCleanup } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { AttachmentFetch } from "@maildesk/store/attachment_fetch";
import { attachmentName, attachmentUrl, decodeText, previewKind, zipUrl } from "@maildesk/utils/attachments";
import { defineMailModels, FakeMail, openMailDesk } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";

describe.current.tags("desktop");
defineMailModels();

const file = (values) => ({
    remote_id: "a1",
    name: "plan.pdf",
    content_type: "application/pdf",
    size: 1200,
    is_inline: false,
    kind: "file",
    ...values,
});

/** Answer what is asked of our routes for files; all else is the mock server's. */
function serve(answer) {
    const { fetch } = browser;
    const isOurs = (url) => `${url}`.startsWith("/maildesk/") || `${url}` === "/x";
    patchWithCleanup(browser, {
        fetch: async (url, options) => (isOurs(url) ? answer(url, options) : fetch(url, options)),
    });
}

async function openWith(attachments, prepare = () => {}) {
    const mail = new FakeMail();
    const inbox = mail.folder(mail.account());
    mail.message(inbox, { remote_id: "m1" });
    mail.bodies.set(1, { state: "ready", html: "<p>Hello</p>", has_remote: false, attachments });
    prepare(mail);
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row");
    await waitFor("iframe.o-maildesk-frame");
    return mail;
}

test("what is shown is what the server shows, and nothing that could run", () => {
    expect(previewKind(file())).toBe("pdf");
    expect(previewKind(file({ name: "a.JPG", content_type: "image/jpeg" }))).toBe("picture");
    expect(previewKind(file({ name: "a.png", content_type: "application/octet-stream" }))).toBe("picture");
    expect(previewKind(file({ name: "README", content_type: "text/plain; charset=x" }))).toBe("text");
    expect(previewKind(file({ name: "a.txt", content_type: "text/plain", size: 6_000_000 }))).toBe(null);
    for (const [name, type] of [
        ["a.html", "text/html"],
        ["a.html", "text/plain"],
        ["a.svg", "image/svg+xml"],
        ["a.png", "image/svg+xml"],
        ["a.xml", "application/xml"],
        ["a.exe", "application/octet-stream"],
        ["a.docx", ""],
        ["constructor", "text/html"],
    ]) {
        expect(previewKind(file({ name, content_type: type }))).toBe(null);
    }
    expect(previewKind(file({ kind: "item" }))).toBe(null);
});

test("ids are quoted, names cannot turn", () => {
    allowTranslations();
    expect(attachmentUrl(7, "m/1=", "a+2", { isDownload: true })).toBe("/maildesk/attachment/7/m%2F1%3D/a%2B2?download=1");
    expect(zipUrl(7, "m=")).toBe("/maildesk/attachments/7/m%3D.zip");
    expect(attachmentName({ name: "invoice\u202egpj.exe" })).toBe("invoicegpj.exe");
    expect(`${attachmentName({ name: "\u202e" })}`).toBe("(no name)");
});

test("a text is read as it was written", () => {
    expect(decodeText(new TextEncoder().encode("Grüße"))).toBe("Grüße");
    expect(decodeText(new Uint8Array([0x47, 0x72, 0xfc, 0xdf, 0x65]))).toBe("Grüße");
    expect(decodeText(new Uint8Array([0xff, 0xfe, 0x41, 0]))).toBe("A");
});

test("a list with names, sizes and what each can do", async () => {
    await openWith([
        file(),
        file({ remote_id: "a2", name: "notes.docx", content_type: "application/msword" }),
        file({ remote_id: "a3", name: "logo.png", is_inline: true }),
        file({ remote_id: "a4", name: "שלום.txt", content_type: "text/plain", size: 0 }),
    ]);
    expect(queryAllTexts(".o-maildesk-attachment small")).toEqual(["1 kB", "1 kB", "0 bytes"]);
    expect(queryAllTexts(".o-maildesk-attachment-name")).toEqual(["plan.pdf", "notes.docx", "שלום.txt"]);
    expect(".o-maildesk-attachment:eq(0) .o-maildesk-attachment-open .visually-hidden").toHaveText("Preview");
    expect(".o-maildesk-attachment:eq(1) .o-maildesk-attachment-open .visually-hidden").toHaveText("Download");
    expect(".o-maildesk-attachment-all").toHaveCount(1);
});

test("one attachment alone has no zip, and what has no id nothing to click", async () => {
    await openWith([file({ remote_id: "" })]);
    expect(".o-maildesk-attachment").toHaveCount(1);
    expect(".o-maildesk-attachment button").toHaveCount(0);
    expect(".o-maildesk-attachment-all").toHaveCount(0);
});

test("a link shows its host before anybody follows it, and leads nowhere but to the web", async () => {
    await openWith(
        [
            file({ kind: "reference", name: "Plan", content_type: "" }),
            file({ kind: "reference", remote_id: "a2", name: "Other", content_type: "" }),
            file({ kind: "reference", remote_id: "a3", name: "Odd", content_type: "" }),
        ],
        (mail) => {
            mail.links.set("a1", { url: "https://contoso.example/x", host: "contoso.example", is_file: true });
            mail.links.set("a2", { url: "https://outlook.example/m", host: "outlook.example", is_file: false });
            mail.links.set("a3", { url: "javascript:alert(1)", host: "x", is_file: true });
        }
    );
    await waitFor(".o-maildesk-attachment a:eq(1)");
    expect(".o-maildesk-attachment a").toHaveCount(2);
    expect(".o-maildesk-attachment:eq(0) small").toHaveText("contoso.example");
    expect(".o-maildesk-attachment:eq(1) small").toHaveText("Open in Outlook (outlook.example)");
    expect(".o-maildesk-attachment:eq(2) small").toHaveText("A link");
    expect(queryAttribute(".o-maildesk-attachment a:eq(0)", "rel")).toBe("noopener noreferrer");
});

test("texts inside the app, one after the other, by button and by arrow", async () => {
    serve(() => new Response("Grüße"));
    await openWith([
        file({ name: "a.txt", content_type: "text/plain" }),
        file({ remote_id: "a2", name: "b.txt", content_type: "text/plain" }),
        file({ remote_id: "a3", name: "c.zip", content_type: "application/zip" }),
    ]);
    await click(".o-maildesk-attachment-open:eq(0)");
    await waitFor(".o-maildesk-viewer-text:contains(Grüße)");
    expect(".modal-title").toHaveText("a.txt");
    expect(".o-maildesk-viewer-place").toHaveText("1 of 2");
    expect(".o-maildesk-viewer-previous").not.toBeEnabled();
    await press("ArrowRight");
    await waitFor(".modal-title:contains(b.txt)");
    expect(".o-maildesk-viewer-next").not.toBeEnabled();
    await press("ArrowRight");
    await click(".o-maildesk-viewer-previous");
    await waitFor(".modal-title:contains(a.txt)");
    await press("Escape");
    await waitForNone(".o-maildesk-viewer");
});

test("a mail in a mail opens as mail, with its attachments by name", async () => {
    await openWith([file({ kind: "item", name: "Fwd", content_type: "" })], (mail) => {
        mail.items.set("a1", {
            subject: "The inner one",
            from_name: "Kai",
            from_email: "kai@example.com",
            to_recipients: [{ name: "Anna", address: "anna@example.com" }],
            cc_recipients: [],
            received_at: "2026-11-23T10:00:00Z",
            body: { state: "ready", html: "<p>Inner</p>", has_remote: false, attachments: [file({ remote_id: "" })] },
        });
    });
    await click(".o-maildesk-attachment-open");
    await waitFor(".modal-title:contains(The inner one)");
    expect(".o-maildesk-item-head").toHaveText(/Kai <kai@example.com>/);
    expect(".o-maildesk-item .o-maildesk-attachment-name").toHaveText("plan.pdf");
    expect(".o-maildesk-item iframe.o-maildesk-frame").toHaveCount(1);
});

test("a mail in a mail that is none says so", async () => {
    await openWith([file({ kind: "item", name: "Meeting", content_type: "" })], (mail) => {
        mail.items.set("a1", { body: { state: "error", message: "This is no mail." } });
    });
    await click(".o-maildesk-attachment-open");
    await waitFor(".o-maildesk-item [role=alert]:contains(This is no mail.)");
});

test("a mail in a mail that is on its way is asked for again, a few times", async () => {
    const mail = await openWith([file({ kind: "item", name: "Fwd", content_type: "" })], (it) => {
        it.items.set("a1", { body: { state: "coming" } });
    });
    await click(".o-maildesk-attachment-open");
    for (let left = 6; left; left--) {
        await advanceTime(2000);
        await animationFrame();
    }
    expect(mail.calls.filter((method) => method === "maildesk_open_item").length).toBe(5);
    expect(".o-maildesk-item [role=alert]").toHaveCount(1);
});

test("busy is told, and tried again when the server says", async () => {
    allowTranslations();
    const statuses = [503, 503, 200];
    const asked = [];
    serve((url, { method } = {}) => {
        asked.push(method);
        const status = statuses.shift();
        return new Response("", { status, headers: status === 503 ? { "Retry-After": "3" } : {} });
    });
    const fetching = new AttachmentFetch();
    const ready = fetching.ready("a1", "/maildesk/attachment/1/m/a");
    await animationFrame();
    expect(`${fetching.notice}`).toBe("Busy at the moment; trying again…");
    expect(fetching.isWaiting("a1")).toBe(true);
    await advanceTime(2900);
    expect(asked.length).toBe(1);
    await advanceTime(200);
    await animationFrame();
    await advanceTime(3000);
    expect(await ready).toBe(true);
    expect(asked).toEqual(["HEAD", "HEAD", "HEAD"]);
    expect(fetching.notice).toBe("");
});

test("what cannot be had is told in words, each reason in its own", async () => {
    allowTranslations();
    const fetching = new AttachmentFetch();
    for (const [status, words] of [
        [404, /does not exist in Outlook any more/],
        [507, /no space/],
        [502, /Outlook does not answer/],
        [503, /Outlook does not answer/],
    ]) {
        serve(() => new Response("", { status }));
        expect(await fetching.ready("a1", "/x")).toBe(false);
        expect(`${fetching.notice}`).toMatch(words);
        expect(fetching.isFailed).toBe(true);
    }
    serve(() => {
        throw new TypeError("offline");
    });
    expect(await fetching.ready("a1", "/x")).toBe(false);
    expect(`${fetching.notice}`).toMatch(/Odoo does not answer/);
});

test("whoever waits no longer starts no download", async () => {
    allowTranslations();
    serve(() => new Response("", { status: 503, headers: { "Retry-After": "1" } }));
    patchWithCleanup(HTMLAnchorElement.prototype, {
        click() {
            expect.step("download");
        },
    });
    const fetching = new AttachmentFetch();
    const done = fetching.download("a1", "/x");
    await animationFrame();
    fetching.stop();
    serve(() => new Response("", { status: 200 }));
    await advanceTime(1100);
    await done;
    expect.verifySteps([]);
    await fetching.download("a1", "/x");
    expect.verifySteps(["download"]);
});
