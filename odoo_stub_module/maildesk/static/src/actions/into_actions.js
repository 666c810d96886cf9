import { _t } from "@web/core/l10n/translation";
import { IntoOdooDialog } from "../components/into_odoo_dialog";
import { maildeskActions } from "./maildesk_actions";

/** What becomes of a mail in Odoo: a note on a record, a lead, a task. Of the open message, else of the one on which the person is. */

const INTO = { place: "conversation", menu: "into" };

const messageOf = ({ store, rows }) => (store.reading?.key === rows[0].key ? store.reading.message : rows[0]);

/** A draft is not over; what only Microsoft has, and what Outlook does not have yet, has no place to come back to. */
const isCopyable = (message) => Boolean(message.id && message.conversation_id && !message.is_draft && !message.sending);

const can = (kind) => (context) =>
    context.store.into.kinds.includes(kind) && context.rows?.length === 1 && isCopyable(messageOf(context));

/** @param {import("../store/into_odoo").RecordLink} link */
export function openRecord(action, link) {
    return action.doAction({ type: "ir.actions.act_window", res_model: link.model, res_id: link.record_id, views: [[false, "form"]] });
}

const TOLD = {
    log: (link, isNew) => (isNew ? _t("The mail was logged on %s.", link.name) : _t("This mail was logged on %s before.", link.name)),
    lead: (link) => _t("Lead created: %s", link.name),
    task: (link) => _t("Task created: %s", link.name),
};

const run = (kind) => (context) => {
    const { action, dialog, store } = context;
    const made = kind !== "log" && store.into.made(context.rows[0], kind);
    if (made) {
        return openRecord(action, made);
    }
    dialog.add(IntoOdooDialog, {
        messageId: messageOf(context).id,
        kind,
        onDone: ({ link, is_new: isNew }) => {
            if (kind !== "log" && !isNew) {
                return openRecord(action, link);
            }
            const close = store.into.notification.add(TOLD[kind](link, isNew), {
                type: isNew ? "success" : "info",
                buttons: [{ name: _t("Open"), primary: true, onClick: () => (close(), openRecord(action, link)) }],
            });
        },
    });
};

const make = (kind, words) => ({
    ...INTO,
    ...words,
    label: ({ rows, store }) => (rows?.length === 1 && store.into.made(rows[0], kind) ? words.openLabel : words.name),
    isKnown: ({ store }) => store.into.kinds.includes(kind),
    condition: can(kind),
    run: run(kind),
});

maildeskActions
    .add("log-on-record", {
        ...INTO,
        name: _t("Log on a Record…"),
        icon: "fa fa-comment-o",
        keys: ["l"],
        condition: can("log"),
        run: run("log"),
    }, { sequence: 100 })
    .add("create-lead", make("lead", { name: _t("Create Lead…"), openLabel: _t("Open the Lead"), icon: "fa fa-star-o", keys: ["Shift+L"] }), { sequence: 101 })
    .add("create-task", make("task", { name: _t("Create Task…"), openLabel: _t("Open the Task"), icon: "fa fa-check-square-o", keys: ["Shift+T"] }), { sequence: 102 });
