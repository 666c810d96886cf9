import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { waitingSentence } from "../utils/action_effects";
import { formatNumber } from "../utils/format";

// Reasons that are told one by one; a mailbox in which more things went wrong says how many more.
const SHOWN = 3;

/** Under the banners: what did not succeed in Outlook and why, with another try; and what waits, and for what. */
export class OutboxNotice extends Component {
    static props = {};
    static template = "maildesk.OutboxNotice";

    setup() {
        this.store = useState(useService("maildesk.store"));
    }

    get outbox() {
        return this.store.outbox;
    }

    get failures() {
        return this.outbox.failures.slice(0, SHOWN);
    }

    get more() {
        return this.outbox.failures.length - this.failures.length;
    }

    get waiting() {
        return this.outbox.waiting;
    }

    textOf({ heading, error, uuids, messageIds }) {
        const count = uuids.length;
        const rows = this.store.shown?.rows ?? [];
        const subject = count === 1 && rows.find((row) => row.id === messageIds[0])?.subject;
        if (subject) {
            return _t("%(what)s failed for “%(subject)s”. %(why)s", { what: heading, subject, why: error });
        }
        return count === 1
            ? _t("%(what)s failed. %(why)s", { what: heading, why: error })
            : _t("%(what)s failed, %(count)s times. %(why)s", { what: heading, count: formatNumber(count), why: error });
    }

    waitingText({ accountId, count, reason }) {
        const name = this.store.accounts.length > 1 ? this.store.accounts.find(({ id }) => id === accountId)?.name : "";
        const why = waitingSentence(reason);
        const text =
            count === 1
                ? _t("1 change waits %s.", why)
                : _t("%(count)s changes wait %(why)s.", { count: formatNumber(count), why });
        return name ? `${name}: ${text}` : text;
    }
}
