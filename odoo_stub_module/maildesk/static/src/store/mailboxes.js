import { reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";

// A cycle takes a few seconds, and the connector hears of it within ten. After this it is worth a word to the person.
const REFRESH_PATIENCE = 30_000; // ms

/** What a person does with whole mailboxes and folders: fetch them now, switch them on or off, pause, disconnect, purge. */
export class Mailboxes {
    /** Whether news were asked for and none has come yet. */
    isRefreshing = false;

    /**
     * @param {import("./maildesk_store").MailDeskStore} store
     * @param {{orm: object, notification: object}} services
     */
    constructor(store, { orm, notification }) {
        Object.assign(this, { store, orm, notification });
        return reactive(this);
    }

    /** Ask the connector for news now, the open folder first; what it finds comes by the bus. */
    async refresh() {
        this.isRefreshing = true;
        browser.clearTimeout(this.refreshTimer);
        this.refreshTimer = browser.setTimeout(() => {
            if (this.isRefreshing) {
                this._giveUpRefresh();
                this.store.loadOverview();
            }
        }, REFRESH_PATIENCE);
        try {
            await this.orm.silent.call("mailbox.account", "maildesk_refresh", [], {
                account_ids: null,
                folder_id: this.store.folderId,
            });
        } catch (error) {
            this.isRefreshing = false;
            throw error;
        }
        if (!this.store.connector.is_up) {
            await this.store.loadOverview();
            if (!this.store.connector.is_up && this.isRefreshing) {
                this._giveUpRefresh();
            }
        }
    }

    /** Sync a folder from now on, or no more: its mail comes by the bus, or goes at once. */
    async setSync(folderId, enabled) {
        await this.orm.call("mailbox.folder", "maildesk_set_sync", [], { folder_ids: [folderId], enabled });
        await this.store.loadOverview();
    }

    /** The names of the categories that mail of these mailboxes has, the most used first. */
    async categories(accountIds) {
        const { names } = await this.orm.silent.call("mailbox.message_index", "maildesk_categories", [], { account_ids: accountIds });
        return names;
    }

    pause(accountId) {
        return this._settle("action_pause", accountId);
    }

    resume(accountId) {
        return this._settle("action_resume", accountId);
    }

    /** Its mail stays, and can be read in the group of disconnected mailboxes. */
    disconnect(accountId) {
        return this._settle("unlink", accountId);
    }

    connectAgain(accountId) {
        return this._settle("maildesk_connect_again", accountId);
    }

    purge(accountId) {
        return this._settle("maildesk_purge", accountId);
    }

    /** Change what becomes of a mailbox, and show it. */
    async _settle(method, accountId) {
        await this.orm.call("mailbox.account", method, [[accountId]]);
        await this.store.loadOverview();
    }

    _giveUpRefresh() {
        this.isRefreshing = false;
        this.notification.add(_t("No answer from the mail connector yet. New mail will appear as soon as it is back."), {
            type: "warning",
        });
    }
}
