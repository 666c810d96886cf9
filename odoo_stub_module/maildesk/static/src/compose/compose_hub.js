import { Component, onWillUnmount, useEffect, useExternalListener, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useViewport } from "../utils/viewport_hook";
import { ComposeWindow } from "./compose_window";
import { DepartingMail } from "./departing_mail";

// Pixels, as in compose_hub.scss: an open window with its gap, and what stays free beside them (Odoo's chat bubbles).
const WINDOW = 572;
const BESIDE = 90;

/** The windows in which mails are written, at the bottom of whatever Odoo shows; and the mails that can be taken back still. */
export class ComposeHub extends Component {
    static components = { ComposeWindow, DepartingMail };
    static props = {};
    static template = "maildesk.ComposeHub";

    setup() {
        this.compose = useState(useService("maildesk.compose"));
        this.viewport = useViewport();
        this.state = useState({ width: browser.innerWidth });
        useExternalListener(browser, "resize", () => (this.state.width = browser.innerWidth));
        // The oldest windows make room for the newest.
        useEffect(
            () => this.excess.forEach((draft) => this.compose.minimize(draft)),
            () => [this.excess.map((draft) => draft.id).join()]
        );
        onWillUnmount(() => this.compose.saveAll());
    }

    get room() {
        return this.viewport.isPhone ? 1 : Math.max(1, Math.floor((this.state.width - BESIDE) / WINDOW));
    }

    get excess() {
        const open = this.compose.windows.filter((draft) => !draft.isMinimized);
        return open.slice(0, Math.max(0, open.length - this.room));
    }
}

registry.category("main_components").add("maildesk.ComposeHub", { Component: ComposeHub });
