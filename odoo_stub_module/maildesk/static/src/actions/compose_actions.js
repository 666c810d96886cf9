import { _t } from "@web/core/l10n/translation";
import { ScheduledDialog } from "../compose/scheduled_dialog";
import { whyNoWriting, writableAccounts } from "../utils/writing";
import { maildeskActions } from "./maildesk_actions";

/**
 * Where writing begins. `context.compose` is the store of what is being written.
 */

// The mailbox of the open folder, where one can write from it; else the first that one can.
const senderOf = ({ store }) => {
    const possible = writableAccounts(store.accounts);
    return possible.find((account) => account === store.nearestAccount) ?? possible[0];
};

const accountOf = ({ store, rows }) => store.accounts.find(({ id }) => id === rows[0].account_id);

/** Of the message that is open, if it is part of what is meant; a conversation stands for its newest one. */
const messageOf = ({ store, rows }) => {
    const { reading } = store;
    return reading?.key === rows[0].key ? reading.id : rows[0].id;
};

const isAnswerable = (context) =>
    context.rows?.length === 1 && Boolean(context.rows[0].id) && !context.rows[0].is_draft && !whyNoWriting(accountOf(context));

const answer = (mode) => (context) => context.compose.begin(mode, { messageId: messageOf(context) });

maildeskActions
    .add("compose", {
        place: "compose",
        name: _t("Compose"),
        keys: ["c"],
        icon: "fa fa-pencil",
        isPrimary: true,
        condition: (context) => Boolean(senderOf(context)),
        run: (context) => context.compose.begin("new", { accountId: senderOf(context).id }),
    }, { sequence: 10 })
    .add("reply", {
        place: "conversation",
        name: _t("Reply"),
        keys: ["r"],
        icon: "fa fa-reply",
        condition: isAnswerable,
        run: answer("reply"),
    }, { sequence: 1 })
    .add("reply-all", {
        place: "conversation",
        name: _t("Reply All"),
        keys: ["a"],
        icon: "fa fa-reply-all",
        condition: isAnswerable,
        run: answer("reply_all"),
    }, { sequence: 2 })
    .add("forward", {
        place: "conversation",
        name: _t("Forward"),
        keys: ["f"],
        icon: "fa fa-share",
        condition: isAnswerable,
        run: answer("forward"),
    }, { sequence: 3 })
    .add("edit-draft", {
        place: "conversation",
        name: _t("Edit the Draft"),
        icon: "fa fa-pencil",
        condition: (context) => context.rows?.length === 1 && Boolean(context.rows[0].id && context.rows[0].is_draft) && !whyNoWriting(accountOf(context)),
        run: ({ compose, rows }) => compose.edit(rows[0].id),
    }, { sequence: 1 })
    .add("scheduled", {
        place: ["compose", "settings"],
        name: _t("Scheduled"),
        icon: "fa fa-clock-o",
        count: ({ compose }) => compose.sending.scheduled.length,
        condition: ({ store, compose }) => compose.sending.scheduled.length > 0 || writableAccounts(store.accounts).length > 0,
        run: ({ dialog }) => dialog.add(ScheduledDialog),
    }, { sequence: 5 });
