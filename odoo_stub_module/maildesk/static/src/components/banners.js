import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { accountHealth, isDisconnected, isStarting } from "../utils/folders";
import { formatNumber, formatSince } from "../utils/format";

// States that need a person, and how loudly they say so.
const TONES = {
    admin_required: "danger",
    disconnected: "info",
    draft: "info",
    error: "danger",
    paused: "info",
    reauth_required: "warning",
};

/** Across the top: what needs a person, per mailbox, and whether the page itself may be out of date. */
export class Banners extends Component {
    static props = {};
    static template = "maildesk.Banners";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.actions = useMailDeskActions("account");
    }

    /** Nobody fetches mail: what is in Odoo can be read all the same. Of no interest to who has no mailbox that would be fetched. */
    get connectorText() {
        const { connector, connectedAccounts } = this.store;
        if (connector.is_up || !connectedAccounts.some((account) => account.state !== "draft")) {
            return "";
        }
        return connector.since
            ? _t("No mail is fetched: the mail connector was last heard of at %s. What is in Odoo can be read.", formatSince(connector.since))
            : _t("No mail is fetched: the mail connector is not running yet. What is in Odoo can be read.");
    }

    get banners() {
        return this.store.accounts.map((account) => this.banner(account)).filter(Boolean);
    }

    banner(account) {
        // of a mailbox that is over only while somebody reads in it
        if (isDisconnected(account) && this.store.account?.id !== account.id) {
            return null;
        }
        const about = { account, actions: this.actions.list({ account }) };
        if (account.state in TONES) {
            return { ...about, tone: TONES[account.state], text: this.text(account) };
        }
        if (account.folders.some((folder) => folder.sync_state === "resync")) {
            return { ...about, tone: "info", text: _t("Full folder resync required"), isBusy: true };
        }
        if (isStarting(account)) {
            const text =
                account.sync_phase === "bootstrapping"
                    ? _t("Connected. Fetching the newest mail…")
                    : _t("Connected. Reading the folders…");
            return { ...about, tone: "info", text, isBusy: true };
        }
        if (account.unreadable_count) {
            const count = account.unreadable_count;
            const text = count === 1 ? _t("1 message could not be read") : _t("%s messages could not be read", formatNumber(count));
            return { ...about, tone: "info", text };
        }
        return null;
    }

    text(account) {
        if (account.state === "draft" && !account.state_message) {
            return _t("This mailbox is not connected yet.");
        }
        if (account.state === "paused") {
            const why = account.state_message;
            return why && why !== "Paused" ? why : _t("Paused: no mail is fetched until it is resumed.");
        }
        if (isDisconnected(account)) {
            return _t("Disconnected: what is here can be read, and nothing new comes.");
        }
        return accountHealth(account).label;
    }

    icon(banner) {
        if (banner.isBusy) {
            return "fa-circle-o-notch fa-spin";
        }
        return banner.tone === "info" ? "fa-info-circle" : "fa-exclamation-triangle";
    }
}
