import { click, edit } from "@odoo/hoot-dom";
import { FakeMail, openMailDesk } from "../maildesk_test_helpers";
import { animationFrame, waitFor } from "../patience";

/** A mailbox with one mail in its inbox, and Drafts. */
export function setup(values = {}) {
    const mail = new FakeMail();
    const account = mail.account(values);
    const inbox = mail.folder(account);
    const box = mail.folder(account, { name: "Drafts", role: "drafts" });
    mail.message(inbox, { subject: "Hello", to_recipients: [{ name: "", address: "box1@example.com" }] });
    return { account, box, drafts: mail.drafts, inbox, mail };
}

/** A window of a mail that is being written. */
export const WINDOW = ".o-maildesk-compose";
/** What is in the window that is not minimised. */
export const inWindow = (selector) => `${WINDOW}:not(.o-minimized) ${selector}`;

/** Open MailDesk, and a window for a new mail. */
export async function compose(mail) {
    await openMailDesk(mail);
    await waitFor(".o-maildesk-compose-button:enabled");
    await click(".o-maildesk-compose-button");
    await waitFor(inWindow(".odoo-editor-editable"));
}

/** Type a recipient. */
export async function address(text) {
    await click(inWindow("[data-name=to] input"));
    await edit(text, { confirm: "enter" });
    await animationFrame();
}
