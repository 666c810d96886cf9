import { useComponent } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { redirect } from "@web/core/utils/urls";
import { isDisconnected } from "../utils/folders";
import { disconnectQuestion, purgeQuestion } from "./account_questions";

/**
 * What a person can do in MailDesk, by place. Other addons add theirs to the registry; no component lists actions of its own.
 *
 * @typedef {Object} MailDeskAction
 * @property {Place|Place[]} place where it is offered
 * @property {string} name
 * @property {(context: ActionContext) => string} [label] where the name depends on what it is about; `name` stands in the help
 * @property {string[]} [keys] as in `maildesk_keys.js`: then it stands in the help and in Odoo's palette, too
 * @property {string} [icon]
 * @property {(context: ActionContext) => string} [iconOf] where the icon does, too
 * @property {boolean} [isMore] behind the three dots, where there is a bar
 * @property {string} [menu] in a menu of its own, where there is a bar: one of `maildeskMenus`
 * @property {string} [className] for the button, where it is one
 * @property {boolean} [isPrimary]
 * @property {(context: ActionContext) => boolean} [condition]
 * @property {(context: ActionContext) => boolean} [isBusy]
 * @property {(context: ActionContext) => any} run
 *
 * @typedef {"toolbar"|"compose"|"settings"|"account"|"mailbox"|"folder"|"message"|"selection"|"conversation"} Place "account": what a mailbox needs now, beside
 *  the words that say so; "mailbox": all else that its owner can do with it; "message": on a row, for that row; "selection": in the bar over
 *  the list, for all selected rows; "conversation": over the open message, for its row
 *
 * @typedef {{store: import("../store/maildesk_store").MailDeskStore, action: object, dialog: object, compose: import("../store/compose").ComposeStore, account?: object, folder?: object,
 *  rows?: import("../store/message_list").Row[]}} ActionContext `rows`: what "message" and "selection" are about; by key, the selected rows
 *  or the one on which the person is. `messageIds(row)` tells the messages that a row stands for.
 */

export const maildeskActions = registry.category("maildesk.actions");

/** Menus of a bar, by the `menu` of the actions in them. */
export const maildeskMenus = registry.category("maildesk.menus");
maildeskMenus.add("into", { name: _t("Into Odoo"), icon: "fa fa-sign-in" });

const SIGN_IN = "/maildesk/outlook/authorize/";

// States in which a mailbox has been connected before, and signing in again mends it or may.
const REAUTHORIZE_STATES = ["reauth_required", "admin_required", "error"];

// States in which mail is fetched, or would be if a fault went away.
const FETCHING_STATES = ["connected", "error", "admin_required"];

const openForm = (action, account) =>
    action.doAction({
        type: "ir.actions.act_window",
        res_model: "mailbox.account",
        res_id: account.id,
        views: [[false, "form"]],
    });

const canSignIn = (account, states) => account.is_owner && states.includes(account.state);

maildeskActions
    .add("refresh", {
        place: "toolbar",
        name: _t("Refresh"),
        icon: "fa fa-refresh",
        className: "o-maildesk-refresh",
        keys: ["Shift+N"],
        // beside the mail of a paused or disconnected mailbox it would promise what cannot come
        condition: ({ store }) =>
            (store.account ? [store.account] : store.accounts).some(({ state }) => FETCHING_STATES.includes(state)),
        isBusy: ({ store }) => store.mailboxes.isRefreshing,
        run: ({ store }) => store.mailboxes.refresh(),
    }, { sequence: 10 })
    .add("authorize", {
        place: "account",
        name: _t("Authorize Outlook"),
        isPrimary: true,
        condition: ({ account }) => canSignIn(account, ["draft"]),
        run: ({ account }) => redirect(SIGN_IN + account.id),
    }, { sequence: 10 })
    .add("connect-again", {
        place: "account",
        name: _t("Connect Again"),
        isPrimary: true,
        condition: ({ account }) => canSignIn(account, ["disconnected"]),
        run: async ({ store, account }) => {
            await store.mailboxes.connectAgain(account.id);
            redirect(SIGN_IN + account.id);
        },
    }, { sequence: 15 })
    .add("reauthorize", {
        place: "account",
        name: _t("Re-Authorize Outlook"),
        isPrimary: true,
        condition: ({ account }) => canSignIn(account, REAUTHORIZE_STATES),
        run: ({ account }) => redirect(SIGN_IN + account.id),
    }, { sequence: 20 })
    .add("allow-writing", {
        place: "mailbox",
        name: _t("Re-Authorize Outlook"),
        icon: "fa fa-key",
        condition: ({ account }) => canSignIn(account, ["connected"]) && !account.permissions.send,
        run: ({ account }) => redirect(SIGN_IN + account.id),
    }, { sequence: 5 })
    .add("show-unreadable", {
        place: "account",
        name: _t("Show Them"),
        // whoever sees no folders may not see the list either: an administrator
        condition: ({ account }) =>
            account.unreadable_count > 0 && account.state === "connected" && account.folders.length > 0,
        run: ({ action, account }) =>
            action.doAction({
                type: "ir.actions.act_window",
                name: _t("Could Not Be Read"),
                res_model: "mailbox.unreadable",
                domain: [["account_id", "=", account.id]],
                views: [[false, "list"]],
            }),
    }, { sequence: 40 })
    .add("resume", {
        place: "account",
        name: _t("Resume"),
        isPrimary: true,
        condition: ({ account }) => account.is_owner && account.state === "paused",
        run: ({ store, account }) => store.mailboxes.resume(account.id),
    }, { sequence: 30 })
    .add("pause", {
        place: "mailbox",
        name: _t("Pause"),
        icon: "fa fa-pause",
        condition: ({ account }) => account.is_owner && FETCHING_STATES.includes(account.state),
        run: ({ store, account }) => store.mailboxes.pause(account.id),
    }, { sequence: 10 })
    .add("account-settings", {
        place: "mailbox",
        name: _t("Settings"),
        icon: "fa fa-cog",
        condition: ({ account }) => account.is_owner,
        run: ({ action, account }) => openForm(action, account),
    }, { sequence: 20 })
    .add("export", {
        place: "mailbox",
        name: _t("Export"),
        icon: "fa fa-download",
        condition: ({ account }) => account.is_owner && account.state !== "draft",
        run: ({ account }) => redirect(`/maildesk/export/${account.id}`),
    }, { sequence: 30 })
    .add("disconnect", {
        place: "mailbox",
        name: _t("Delete"),
        icon: "fa fa-trash-o",
        condition: ({ account }) => account.is_owner && !isDisconnected(account),
        run: ({ store, dialog, account }) =>
            dialog.add(ConfirmationDialog, {
                ...disconnectQuestion(account.name),
                confirm: () => store.mailboxes.disconnect(account.id),
            }),
    }, { sequence: 40 })
    .add("purge", {
        place: "mailbox",
        name: _t("Purge"),
        icon: "fa fa-trash",
        condition: ({ account }) => account.is_owner && isDisconnected(account),
        run: ({ store, dialog, account }) =>
            dialog.add(ConfirmationDialog, {
                ...purgeQuestion(account.name),
                confirm: () => store.mailboxes.purge(account.id),
            }),
    }, { sequence: 50 })
    .add("sync-folder", {
        place: "folder",
        name: _t("Sync This Folder"),
        icon: "fa fa-play-circle-o",
        condition: ({ account, folder }) => account.is_owner && !isDisconnected(account) && !folder.sync_enabled,
        run: ({ store, folder }) => store.mailboxes.setSync(folder.id, true),
    }, { sequence: 10 })
    .add("stop-folder-sync", {
        place: "folder",
        name: _t("Stop Syncing This Folder"),
        icon: "fa fa-pause-circle-o",
        condition: ({ account, folder }) => account.is_owner && !isDisconnected(account) && folder.sync_enabled,
        run: ({ store, dialog, folder }) =>
            dialog.add(ConfirmationDialog, {
                title: _t("Stop syncing %s?", folder.name),
                body: _t("Its mail goes from MailDesk and stays in Outlook. You can sync the folder again at any time."),
                confirmLabel: _t("Stop Syncing"),
                confirm: () => store.mailboxes.setSync(folder.id, false),
                cancel: () => {},
            }),
    }, { sequence: 20 })
    .add("mail-of-sender", {
        place: "message",
        name: _t("Mail of This Sender"),
        icon: "fa fa-search",
        condition: ({ rows }) => rows.length === 1 && Boolean(rows[0].from_email),
        run: ({ store, rows }) => store.ask({ text: `from:${rows[0].from_email}` }),
    }, { sequence: 90 })
    .add("mailbox-accounts", {
        place: "settings",
        name: _t("Mailbox Accounts"),
        icon: "fa fa-envelope-o",
        run: ({ action }) => action.doAction("maildesk.action_mailbox_account"),
    }, { sequence: 10 })
    .add("connect-mailbox", {
        place: "settings",
        name: _t("Connect a Mailbox"),
        icon: "fa fa-plus",
        run: ({ action }) =>
            action.doAction({
                type: "ir.actions.act_window",
                name: _t("New Mailbox"),
                res_model: "mailbox.account",
                views: [[false, "form"]],
            }),
    }, { sequence: 20 });

const isOffered = (entry, place) => [entry.place].flat().includes(place);

/**
 * The actions for a place, as a component shows them.
 *
 * @param {string} place
 */
export function useMailDeskActions(place) {
    const component = useComponent();
    const action = useService("action");
    const dialog = useService("dialog");
    const compose = useService("maildesk.compose");
    const context = (about) => ({ store: component.store, action, compose, dialog, ...about });
    return {
        /** @param {{account?: object, folder?: object, rows?: object[]}} [subject] what the actions are about, beside the store */
        list(subject) {
            const about = context(subject);
            return maildeskActions
                .getEntries()
                .filter(([, entry]) => isOffered(entry, place) && (entry.condition?.(about) ?? true))
                .map(([id, entry]) => ({
                    ...entry,
                    id,
                    name: entry.label?.(about) ?? entry.name,
                    icon: entry.iconOf?.(about) ?? entry.icon,
                    isBusy: entry.isBusy?.(about) ?? false,
                    run: () => entry.run(about),
                }));
        },
        run(id, subject) {
            return maildeskActions.get(id).run(context(subject));
        },
    };
}
