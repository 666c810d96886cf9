import { Component, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Avatar } from "../components/avatar";
import { notificationPermission, openMailDesk } from "../services/news_service";
import { formatNumber, formatRowTime } from "../utils/format";
import { shownName } from "../utils/people";

// Wider numbers would push the bar about.
const BADGE_LIMIT = 99;

/** Top right: how much is unread, the newest of it, and the way into the app. */
export class MailSystray extends Component {
    static components = { Avatar, Dropdown, DropdownItem };
    static props = {};
    static template = "maildesk.MailSystray";

    setup() {
        this.action = useService("action");
        this.counts = useState(useService("maildesk.counts"));
        this.state = useState({ rows: [], isLoading: false, permission: notificationPermission() });
        this.formatRowTime = formatRowTime;
    }

    get badge() {
        return this.counts.unread > BADGE_LIMIT ? `${BADGE_LIMIT}+` : String(this.counts.unread);
    }

    get label() {
        return this.counts.unread
            ? _t("MailDesk: %s unread", formatNumber(this.counts.unread))
            : _t("MailDesk: nothing unread");
    }

    /** Whether the person wants the browser's notifications, and the browser was not asked yet. */
    get canAllow() {
        return this.counts.notify === "browser" && this.state.permission === "default";
    }

    get isDenied() {
        return this.counts.notify === "browser" && ["denied", "unsupported"].includes(this.state.permission);
    }

    who(row) {
        return shownName({ name: row.from_name, address: row.from_email }) || _t("(no sender)");
    }

    subject(row) {
        return row.subject || _t("(no subject)");
    }

    /** Not awaited: the menu opens at once, and shows what it had. */
    beforeOpen() {
        this.state.permission = notificationPermission();
        this.state.isLoading = true;
        this.counts
            .newestUnread()
            .then((rows) => (this.state.rows = rows))
            .finally(() => (this.state.isLoading = false));
    }

    open(row) {
        return openMailDesk(this.action, row?.id);
    }

    async allow() {
        this.state.permission = await browser.Notification.requestPermission();
    }
}

registry.category("systray").add("maildesk.mail", { Component: MailSystray }, { sequence: 22 });
