import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { ConnectionLostError } from "@web/core/network/rpc";
import { session } from "@web/session";
import { oneLine, shownName } from "../utils/people";

/**
 * Mail that has just come: told to whoever wants it, and read out by a screen reader while the app is open.
 *
 *   bus maildesk/changed (new_ids) ──▶ gathered ──▶ maildesk_news (under the user's rights) ──▶ notice
 *
 * The bus names ids of mail that is news for everybody; what of it is still news for this person, the server says when asked.
 */

// What comes within this time is told together: a round of the connector brings the mails of several mailboxes one after another.
const GATHER_TIME = 1500; // ms

// Ids of one question; of a storm the first are enough, its number is "200+".
const SERVER_LIMIT = 200;

// Ids that were told: a bus message may come twice.
const REMEMBERED = 1000;

// Long enough to be read out and to be reached.
const NOTICE_TIME = 8000; // ms

// A line of a notice.
const SUBJECT_LIMIT = 120;

export class News {
    constructor({ action, bus_service: bus, "maildesk.announcer": announcer, "maildesk.counts": counts, multi_tab: multiTab, notification, orm }) {
        Object.assign(this, { action, announcer, counts, multiTab, notification, orm });
        this.waiting = new Set();
        this.told = new Set();
        this.timer = null;
        /** How often the app stands in this tab. */
        this.openApps = 0;
        bus.subscribe("maildesk/changed", (payload) => this.onChanged(payload));
    }

    /** @param {{new_ids?: number[]}} payload */
    onChanged({ new_ids: newIds = [] }) {
        const ids = newIds.filter((id) => !this.told.has(id));
        if (!ids.length || !(this.openApps || this.counts.notify !== "off")) {
            return;
        }
        for (const id of ids) {
            this.waiting.add(id);
            this.told.add(id);
        }
        while (this.told.size > REMEMBERED) {
            this.told.delete(this.told.values().next().value);
        }
        this.timer ??= browser.setTimeout(() => this.tell(), GATHER_TIME);
    }

    async tell() {
        this.timer = null;
        const ids = [...this.waiting].slice(0, SERVER_LIMIT);
        this.waiting.clear();
        const isMain = await this.multiTab.isOnMainTab();
        if (document.hidden && !isMain) {
            return;
        }
        let news;
        try {
            news = await this.orm.silent.call("mailbox.message_index", "maildesk_news", [], { message_ids: ids });
        } catch (error) {
            if (error instanceof ConnectionLostError) {
                return;
            }
            throw error;
        }
        if (!news.count) {
            return;
        }
        const { title, body } = newsText(news);
        if (this.openApps) {
            this.announcer.announce(`${title}: ${body}`);
        }
        this.notify(news, title, body, isMain);
    }

    notify(news, title, body, isMain) {
        const open = () => this.open(news);
        if (this.counts.notify === "browser" && notificationPermission() === "granted") {
            // one tab speaks for all of them
            if (isMain && this.notifyByBrowser(title, body, open)) {
                return;
            }
            if (!isMain) {
                return;
            }
        }
        if (this.counts.notify !== "off") {
            const close = this.notification.add(body, {
                title,
                type: "info",
                className: "o-maildesk-news",
                autocloseDelay: NOTICE_TIME,
                buttons: [{ name: news.count === 1 ? _t("Open") : _t("Open MailDesk"), primary: true, onClick: () => (close(), open()) }],
            });
        }
    }

    /** @returns {boolean} whether the browser took it: on Android it takes none from a page */
    notifyByBrowser(title, body, open) {
        try {
            const notification = new browser.Notification(title, { body, icon: "/maildesk/static/description/icon.png", tag: "maildesk" });
            notification.addEventListener("click", () => {
                window.focus();
                notification.close();
                open();
            });
            return true;
        } catch {
            return false;
        }
    }

    open({ count, rows }) {
        return openMailDesk(this.action, count === 1 ? rows[0].id : undefined);
    }
}

/** Open the app, at a message if one is named. */
export function openMailDesk(action, messageId, options = { clearBreadcrumbs: true }) {
    return action.doAction("maildesk.action_maildesk_app", {
        ...options,
        props: messageId ? { resId: messageId } : {},
    });
}

/** One mail by sender and subject, several by their number and senders. Plain text: the notice shows it as such. */
export function newsText({ count, rows }) {
    const senders = [...new Set(rows.map((row) => shownName({ name: row.from_name, address: row.from_email })))];
    if (count === 1) {
        const subject = oneLine(rows[0].subject);
        return {
            title: senders[0] || _t("(no sender)"),
            body: [...subject].length > SUBJECT_LIMIT ? [...subject].slice(0, SUBJECT_LIMIT).join("") + "…" : subject || _t("(no subject)"),
        };
    }
    return {
        title: _t("%s new messages", count >= SERVER_LIMIT ? `${SERVER_LIMIT}+` : String(count)),
        body: count > rows.length ? _t("%s and others", senders.join(", ")) : senders.join(", "),
    };
}

/** @returns {"granted"|"denied"|"default"|"unsupported"} */
export function notificationPermission() {
    return browser.Notification?.permission ?? "unsupported";
}

export const newsService = {
    dependencies: ["action", "bus_service", "maildesk.announcer", "maildesk.counts", "multi_tab", "notification", "orm"],

    start(env, services) {
        return session.maildesk_user ? new News(services) : { openApps: 0 };
    },
};

registry.category("services").add("maildesk.news", newsService);
