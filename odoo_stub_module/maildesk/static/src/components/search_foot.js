import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { isDisconnected } from "../utils/folders";
import { formatNumber } from "../utils/format";

/** Under the question: what was not understood of it, where was searched, and the way to what only Microsoft has. */
export class SearchFoot extends Component {
    static props = {};
    static template = "maildesk.SearchFoot";

    setup() {
        this.store = useState(useService("maildesk.store"));
    }

    get notes() {
        return this.store.search.list?.notes ?? [];
    }

    /** Mailboxes in which Microsoft can be asked. */
    get accounts() {
        const { search, nearestAccount, connectedAccounts } = this.store;
        const chosen = search.where === "account" ? [nearestAccount] : connectedAccounts;
        return chosen.filter((account) => account && !isDisconnected(account));
    }

    get canAsk() {
        return this.accounts.some((account) => account.state === "connected");
    }

    /** Why there may be more than what is shown. */
    get hint() {
        const coming = this.accounts.filter((account) => account.backfill_done < account.backfill_total);
        if (!coming.length) {
            return _t("Found in Odoo.");
        }
        const sum = (name) => formatNumber(coming.reduce((total, account) => total + account[name], 0));
        return _t("Found in Odoo. Older mail is still on its way: %(done)s of %(total)s.", { done: sum("backfill_done"), total: sum("backfill_total") });
    }

    /** What Microsoft found; a row that is older than all that is loaded stands further down. */
    get found() {
        const { list, remote } = this.store.search;
        const { count } = remote;
        if (!count) {
            return _t("Microsoft has nothing more.");
        }
        const below = count - list.rows.filter((row) => row.is_remote).length;
        if (below > 0) {
            return count === 1
                ? _t("1 more found at Microsoft, further down.")
                : _t("%(count)s more found at Microsoft, %(below)s of them further down.", { count: formatNumber(count), below: formatNumber(below) });
        }
        return count === 1 ? _t("1 more found at Microsoft.") : _t("%s more found at Microsoft.", formatNumber(count));
    }
}
