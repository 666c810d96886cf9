import { defineMailModels, start } from "@mail/../tests/mail_test_helpers";
import { advanceTime } from "@odoo/hoot-mock";
import { defineActions, getService, MockServer, onRpc, patchWithCleanup, serverState } from "@web/../tests/web_test_helpers";
import { session } from "@web/session";
import { DRAFT_METHODS } from "./compose_test_helpers";
import { waitFor } from "./patience";

export { FakeMail, moment } from "./fake_mail";

/** The addon's methods, answered by `mail` (`fake_mail`). */
export function defineMailDesk(mail) {
    for (const [model, method] of [
        ["mailbox.account", "maildesk_overview"],
        ["mailbox.account", "maildesk_refresh"],
        ["mailbox.account", "action_pause"],
        ["mailbox.account", "action_resume"],
        ["mailbox.account", "unlink"],
        ["mailbox.account", "maildesk_connect_again"],
        ["mailbox.account", "maildesk_purge"],
        ["mailbox.action", "maildesk_do"],
        ["mailbox.action", "maildesk_undo"],
        ["mailbox.action", "maildesk_retry"],
        ["mailbox.action", "maildesk_dismiss"],
        ["mailbox.action", "maildesk_actions"],
        ["mailbox.folder", "maildesk_set_sync"],
        ["mailbox.message_index", "maildesk_list"],
        ["mailbox.message_index", "maildesk_rows"],
        ["mailbox.message_index", "maildesk_search"],
        ["mailbox.message_index", "maildesk_search_remote"],
        ["mailbox.message_index", "maildesk_open_remote"],
        ["mailbox.message_index", "maildesk_open"],
        ["mailbox.account", "maildesk_counts"],
        ["mailbox.message_index", "maildesk_newest_unread"],
        ["mailbox.message_index", "maildesk_news"],
        ["res.partner", "maildesk_contacts"],
        ["res.partner", "maildesk_known"],
        ["res.partner", "maildesk_create_contact"],
        ["mailbox.message_index", "maildesk_categories"],
        ["mailbox.message_index", "maildesk_conversation"],
        ["mailbox.message_index", "maildesk_into"],
        ["mailbox.message_index", "maildesk_log"],
        ["mailbox.message_index", "maildesk_make"],
        ["mailbox.message_index", "maildesk_prefetch"],
        ["mailbox.message_index", "maildesk_trust_sender"],
        ["mailbox.message_index", "maildesk_distrust_sender"],
        ["mailbox.message_index", "maildesk_open_item"],
        ["mailbox.message_index", "maildesk_attachment_link"],
    ]) {
        onRpc(model, method, ({ args, kwargs }) => mail.call(method, kwargs, args));
    }
    for (const method of DRAFT_METHODS) {
        onRpc("mailbox.draft", method, ({ kwargs }) => mail.drafts.call(method, kwargs));
    }
    onRpc("res.partner", "maildesk_recipients", ({ kwargs }) => mail.drafts.call("maildesk_recipients", kwargs));
}

/** Odoo's web client of somebody who uses MailDesk, at no app. */
export async function openOdoo(mail) {
    defineMailDesk(mail);
    patchWithCleanup(session, { maildesk_user: true });
    defineActions([{ id: 901, xml_id: "maildesk.action_maildesk_app", name: "MailDesk", type: "ir.actions.client", tag: "maildesk.app" }]);
    await start();
    await advanceTime(600);
}

/** Open the app in a whole web client, with Odoo's own bus. */
export async function openMailDesk(mail) {
    defineMailDesk(mail);
    await start();
    await getService("action").doAction({ type: "ir.actions.client", tag: "maildesk.app" });
    await waitFor(".o-maildesk");
}

/** What the addon sends after a commit. */
export function sendChanged(values) {
    const payload = { account_id: 1, folder_ids: [], message_ids: [], account: false, new_ids: [], ...values };
    MockServer.env["bus.bus"]._sendone(serverState.partnerId, "maildesk/changed", payload);
}

export function sendBody(messageId, error = null) {
    MockServer.env["bus.bus"]._sendone(serverState.partnerId, "maildesk/body", { message_id: messageId, error });
}

export function sendDraft(record) {
    const { id: draft_id, revision, state } = record;
    MockServer.env["bus.bus"]._sendone(serverState.partnerId, "maildesk/draft", { draft_id, revision, state });
}

/** The addon's own channel for the news that a connector is back. */
export function sendConnectorBack() {
    MockServer.env["bus.bus"]._sendone(serverState.partnerId, "maildesk/connector", { is_up: true });
}

export { defineMailModels };
