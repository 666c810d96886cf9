import { describe, expect, test } from "@odoo/hoot";
import { click } from "@odoo/hoot-dom";
import { Deferred } from "@odoo/hoot-mock";
import { getService, mountView, onRpc, patchWithCleanup, serverState } from "@web/../tests/web_test_helpers";
import { defineMailModels } from "../maildesk_test_helpers";
import { animationFrame, waitFor } from "../patience";

describe.current.tags("desktop");
defineMailModels();

const ARCH = `<form><sheet><div name="button_box"><widget name="maildesk_contact_mails"/></div><field name="name"/></sheet></form>`;

async function openForm(answer) {
    onRpc("res.partner", "maildesk_mail_count", () => answer);
    await mountView({ type: "form", resModel: "res.partner", resId: serverState.partnerId, arch: ARCH });
    await animationFrame();
}

test("the form is there before the number is", async () => {
    const answer = new Deferred();
    await openForm(answer);
    expect(".o_field_widget[name=name]").toHaveCount(1);
    expect(".o-maildesk-contact-mails").toHaveCount(0);
    answer.resolve({ count: 12, more: false, has_mailbox: true });
    await waitFor(".o-maildesk-contact-mails");
    expect(".o-maildesk-contact-mails .o_stat_value").toHaveText("12");
});

test("many are not counted to the end", async () => {
    await openForm({ count: 99, more: true, has_mailbox: true });
    expect(".o-maildesk-contact-mails .o_stat_value").toHaveText("99+");
});

test("what took too long to count has no number, and opens all the same", async () => {
    onRpc("res.partner", "action_maildesk_mails", ({ args }) => {
        expect(args).toEqual([[serverState.partnerId]]);
        return { type: "ir.actions.act_window", res_model: "mailbox.message_index" };
    });
    await openForm({ count: null, more: false, has_mailbox: true });
    expect(".o-maildesk-contact-mails .o_stat_value").toHaveCount(0);
    const opened = [];
    patchWithCleanup(getService("action"), { doAction: (action) => opened.push(action.res_model) });
    await click(".o-maildesk-contact-mails");
    await animationFrame();
    expect(opened).toEqual(["mailbox.message_index"]);
});

test("without a mailbox there is no button", async () => {
    await openForm({ count: 0, more: false, has_mailbox: false });
    expect(".o-maildesk-contact-mails").toHaveCount(0);
});
