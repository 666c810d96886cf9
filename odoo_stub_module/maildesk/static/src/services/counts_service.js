import { reactive } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { ConnectionLostError } from "@web/core/network/rpc";
import { session } from "@web/session";
import { coalesced } from "../utils/coalesce";

/**
 * How much is unread in the Inboxes of whoever is logged in: all that MailDesk knows while its app is closed. One small request
 * when the web client is idle, another when the bus names an Inbox. Whoever does not use MailDesk costs none.
 */

// Later than Odoo's own start: nobody waits for this number.
const START_DELAY = 500; // ms

export class Counts {
    isLoaded = false;
    mailboxes = 0;
    unread = 0;
    inboxIds = [];
    /** @type {"off"|"toast"|"browser"} */
    notify = "off";

    constructor({ bus_service: bus, orm }) {
        this.orm = orm;
        const self = reactive(this);
        self.load = coalesced(() => self._load());
        bus.subscribe("maildesk/changed", (payload) => self.onChanged(payload));
        // what was said meanwhile was missed
        bus.addEventListener("BUS:RECONNECT", () => self.isLoaded && self.load());
        bus.start();
        return self;
    }

    /** @param {{folder_ids: number[], account: boolean}} payload */
    onChanged({ folder_ids: folderIds, account }) {
        if (account || folderIds.some((id) => this.inboxIds.includes(id))) {
            return this.load();
        }
    }

    /** The newest unread messages, read when somebody looks. */
    async newestUnread() {
        const { rows } = await this.orm.silent.call("mailbox.message_index", "maildesk_newest_unread", []);
        return rows;
    }

    async _load() {
        try {
            const counts = await this.orm.silent.call("mailbox.account", "maildesk_counts", []);
            this.mailboxes = counts.mailboxes;
            this.unread = counts.unread;
            this.inboxIds = counts.inbox_ids;
            this.notify = counts.notify;
            this.isLoaded = true;
        } catch (error) {
            // the bus comes back with the connection, and this with it
            if (!(error instanceof ConnectionLostError)) {
                throw error;
            }
        }
    }
}

export const countsService = {
    dependencies: ["bus_service", "orm"],

    start(env, services) {
        if (!session.maildesk_user) {
            return { isLoaded: false, mailboxes: 0, unread: 0, notify: "off" };
        }
        const counts = new Counts(services);
        browser.setTimeout(() => counts.load(), START_DELAY);
        return counts;
    },
};

registry.category("services").add("maildesk.counts", countsService);
