import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { session } from "@web/session";
import { ComposeStore } from "./compose";

// Later than Odoo's own start, and than the number in the top bar.
const RESTORE_DELAY = 800; // ms

export const composeService = {
    dependencies: ["bus_service", "dialog", "file_upload", "notification", "orm"],

    start(env, services) {
        const compose = new ComposeStore(services);
        if (session.maildesk_user) {
            browser.setTimeout(() => compose.restoreRemembered(), RESTORE_DELAY);
        }
        return compose;
    },
};

registry.category("services").add("maildesk.compose", composeService);
