import { useComponent } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { redirect } from "@web/core/utils/urls";

/**
 * What a person can do in MailDesk, by place. Other addons add theirs to the registry; no component lists actions of its own.
 *
 * @typedef {Object} MailDeskAction
 * @property {"toolbar"|"settings"|"account"|"folder"} place where it is offered
 * @property {string} name
 * @property {string} [icon]
 * @property {string} [className] for the button, where it is one
 * @property {boolean} [isPrimary]
 * @property {(context: ActionContext) => boolean} [condition]
 * @property {(context: ActionContext) => boolean} [isBusy]
 * @property {(context: ActionContext) => any} run
 *
 * @typedef {{store: import("../store/maildesk_store").MailDeskStore, action: object, dialog: object, account?: object, folder?: object}} ActionContext
 */

export const maildeskActions = registry.category("maildesk.actions");

const SIGN_IN = "/maildesk/outlook/authorize/";

// States in which a mailbox has been connected before, and signing in again mends it or may.
const REAUTHORIZE_STATES = ["reauth_required", "admin_required", "error"];

const canSignIn = (account, states) => account.is_owner && states.includes(account.state);

maildeskActions
    .add("refresh", {
        place: "toolbar",
        name: _t("Refresh"),
        icon: "fa fa-refresh",
        className: "o-maildesk-refresh",
        condition: ({ store }) => store.accounts.length > 0,
        isBusy: ({ store }) => store.isRefreshing,
        run: ({ store }) => store.refresh(),
    }, { sequence: 10 })
    .add("authorize", {
        place: "account",
        name: _t("Authorize Outlook"),
        isPrimary: true,
        condition: ({ account }) => canSignIn(account, ["draft", "disconnected"]),
        run: ({ account }) => redirect(SIGN_IN + account.id),
    }, { sequence: 10 })
    .add("reauthorize", {
        place: "account",
        name: _t("Re-Authorize Outlook"),
        isPrimary: true,
        condition: ({ account }) => canSignIn(account, REAUTHORIZE_STATES),
        run: ({ account }) => redirect(SIGN_IN + account.id),
    }, { sequence: 20 })
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
    .add("account-settings", {
        place: "account",
        name: _t("Settings"),
        condition: ({ account }) => account.is_owner && account.state === "paused",
        run: ({ action, account }) =>
            action.doAction({
                type: "ir.actions.act_window",
                res_model: "mailbox.account",
                res_id: account.id,
                views: [[false, "form"]],
            }),
    }, { sequence: 30 })
    .add("sync-folder", {
        place: "folder",
        name: _t("Sync This Folder"),
        icon: "fa fa-play-circle-o",
        condition: ({ account, folder }) => account.is_owner && !folder.sync_enabled,
        run: ({ store, folder }) => store.setSync(folder.id, true),
    }, { sequence: 10 })
    .add("stop-folder-sync", {
        place: "folder",
        name: _t("Stop Syncing This Folder"),
        icon: "fa fa-pause-circle-o",
        condition: ({ account, folder }) => account.is_owner && folder.sync_enabled,
        run: ({ store, dialog, folder }) =>
            dialog.add(ConfirmationDialog, {
                title: _t("Stop syncing %s?", folder.name),
                body: _t("Its mail goes from MailDesk and stays in Outlook. You can sync the folder again at any time."),
                confirmLabel: _t("Stop Syncing"),
                confirm: () => store.setSync(folder.id, false),
                cancel: () => {},
            }),
    }, { sequence: 20 })
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

/**
 * The actions for a place, as a component shows them.
 *
 * @param {string} place
 */
export function useMailDeskActions(place) {
    const component = useComponent();
    const action = useService("action");
    const dialog = useService("dialog");
    const context = (about) => ({ store: component.store, action, dialog, ...about });
    return {
        /** @param {{account?: object, folder?: object}} [subject] what the actions are about, beside the store */
        list(subject) {
            const about = context(subject);
            return maildeskActions
                .getEntries()
                .filter(([, entry]) => entry.place === place && (entry.condition?.(about) ?? true))
                .map(([id, entry]) => ({
                    ...entry,
                    id,
                    isBusy: entry.isBusy?.(about) ?? false,
                    run: () => entry.run(about),
                }));
        },
        run(id, subject) {
            return maildeskActions.get(id).run(context(subject));
        },
    };
}
