import { Component, onMounted, onWillUnmount, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { useService } from "@web/core/utils/hooks";

const SECOND = 1000; // ms

// How long "Sent" stands there, where nothing can be taken back.
const SHOWN = 3; // s

/** A mail that goes in some seconds, unless its writer takes it back. */
export class DepartingMail extends Component {
    static props = { mail: Object };
    static template = "maildesk.DepartingMail";

    setup() {
        this.compose = useService("maildesk.compose");
        this.state = useState({ left: this.left, isBusy: false });
        const end = this.props.mail.until + (this.props.mail.seconds ? 0 : SHOWN * SECOND);
        const tick = () => {
            this.state.left = this.left;
            if (Date.now() >= end) {
                this.compose.sending.departed(this.props.mail.id);
            } else {
                this.timer = browser.setTimeout(tick, Math.min(SECOND, end - Date.now()));
            }
        };
        onMounted(tick);
        onWillUnmount(() => browser.clearTimeout(this.timer));
    }

    get left() {
        return Math.max(0, Math.ceil((this.props.mail.until - Date.now()) / SECOND));
    }

    /** Said once by a screen reader; the number that counts down is for the eye. */
    get words() {
        const { mail } = this.props;
        return mail.seconds ? _t("“%(title)s” is sent in %(seconds)s seconds.", mail) : _t("“%s” is on its way.", mail.title);
    }

    async undo() {
        this.state.isBusy = true;
        await this.compose.sending.unsend(this.props.mail.id);
    }
}
