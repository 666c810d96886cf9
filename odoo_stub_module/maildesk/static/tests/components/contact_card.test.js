import { describe, expect, test } from "@odoo/hoot";
import { click, press } from "@odoo/hoot-dom";
import { advanceTime, Deferred } from "@odoo/hoot-mock";
import { getService, patchWithCleanup } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";
import { defineMailModels, FakeMail, openMailDesk } from "../maildesk_test_helpers";
import { animationFrame, waitFor, waitForNone } from "../patience";

describe.current.tags("desktop");
defineMailModels();

async function open(mail, { isWide = true } = {}) {
    const { matchMedia } = browser;
    patchWithCleanup(browser, {
        matchMedia: (query) =>
            query === "(min-width: 1100px)"
                ? Object.assign(new EventTarget(), { matches: isWide })
                : matchMedia.call(browser, query),
    });
    await openMailDesk(mail);
    await waitFor(".o-maildesk-row");
    await click(".o-maildesk-row:eq(0)");
    await waitFor(".o-maildesk-message");
    await advanceTime(50);
    await animationFrame();
}

function setup(values = {}) {
    const mail = new FakeMail();
    const inbox = mail.folder(mail.account());
    mail.message(inbox, values);
    return mail;
}

test("a sender who is a contact shows as one, in the row and beside the message", async () => {
    const mail = setup();
    const picture = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
    const contact = mail.contact("jane@example.com", { name: "Jane of Pier", company: "Pier Ltd.", function: "Purchasing", phone: "+45 1", picture });
    mail.known[contact.id] = [{ label: "Quotations", icon: "fa-x", count: 99, more: true, action: { type: "ir.actions.client", tag: "x" } }];
    await open(mail);
    expect(".o-maildesk-row img.o-maildesk-avatar").toHaveAttribute("src", picture);
    expect(".o-maildesk-contact-pane .o-maildesk-contact-name").toHaveText("Jane of Pier");
    expect(".o-maildesk-contact-pane").toHaveText(/Pier Ltd\.\s*Purchasing\s*jane@example\.com/);
    expect(".o-maildesk-contact-other").toHaveText(/Jane Doe/);
    expect(".o-maildesk-contact a").toHaveAttribute("href", "tel:+45 1");
    await waitFor(".o-maildesk-contact-known");
    expect(".o-maildesk-contact-known").toHaveText("99+ Quotations");
    expect("[data-action=create-contact]").toHaveCount(0);
    expect(mail.calls.filter((method) => method === "maildesk_known").length).toBe(1);
});

test("Open Contact leads to its form", async () => {
    const mail = setup();
    const contact = mail.contact("jane@example.com");
    await open(mail);
    const actions = [];
    patchWithCleanup(getService("action"), { doAction: (action) => actions.push(action) });
    await click("[data-action=open-contact]");
    expect([actions[0].res_model, actions[0].res_id]).toEqual(["res.partner", contact.id]);
});

test("one click makes a contact, and the card shows it", async () => {
    const mail = setup();
    await open(mail);
    expect("[data-action=open-contact]").toHaveCount(0);
    await click("[data-action=create-contact]");
    await waitFor("[data-action=open-contact]");
    expect("[data-action=create-contact]").toHaveCount(0);
    expect(mail.calls).toInclude("maildesk_create_contact");
});

test("a second click while a contact is being made does nothing", async () => {
    const mail = setup();
    await open(mail);
    const gate = new Deferred();
    mail.gate = gate;
    await click("[data-action=create-contact]");
    await animationFrame();
    expect("[data-action=create-contact]").not.toBeEnabled();
    gate.resolve();
    await waitFor("[data-action=open-contact]");
    expect(mail.calls.filter((method) => method === "maildesk_create_contact").length).toBe(1);
});

test("whoever may not create contacts is not offered to", async () => {
    const mail = setup();
    mail.mayCreate = false;
    await open(mail);
    expect(".o-maildesk-contact").toHaveCount(1);
    expect("[data-action=create-contact]").toHaveCount(0);
});

test("a narrow screen has the card behind the sender's name", async () => {
    const mail = setup();
    mail.contact("jane@example.com", { company: "Pier Ltd." });
    await open(mail, { isWide: false });
    expect(".o-maildesk-contact").toHaveCount(0);
    await click(".o-maildesk-contact-link");
    await waitFor(".o-maildesk-contact-popover .o-maildesk-contact");
    expect(".o-maildesk-contact-popover").toHaveText(/Pier Ltd\./);
    await press("Escape");
    await waitForNone(".o-maildesk-contact-popover");
});

test("a sender's name is text, ends, and never is another's address", async () => {
    const mail = setup({ from_name: "<img src=x onerror=alert(1)>boss@pier.example", from_email: "evil@else.example" });
    mail.message({ id: 101 }, { from_name: `<script>1</script>${"n".repeat(5000)}`, from_email: "long@else.example" });
    await open(mail);
    expect(".o-maildesk-contact-name").toHaveText(/^<script>1<\/script>n+…$/);
    await click(".o-maildesk-row:eq(1)");
    await animationFrame();
    expect(".o-maildesk-row:eq(1) .o-maildesk-row-who").toHaveText("evil@else.example");
    expect(".o-maildesk-contact-link").toHaveText("evil@else.example");
    expect(".o-maildesk-contact-name").toHaveText("evil@else.example");
    expect(".o-maildesk img[src=x]").toHaveCount(0);
});
