import { reactive } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { user } from "@web/core/user";

/**
 * How a person wants lists to look. Kept in the browser, not on the user in Odoo: how close rows may stand is a matter of this
 * screen, and a choice that is there before the first request needs no second drawing. By user, since browsers are shared.
 */

const CHOICES = {
    view: ["conversations", "plain"],
    order: ["newest", "oldest"],
    density: ["comfortable", "compact"],
};

const slot = () => `maildesk.preferences.${user.userId}`;

export class Preferences {
    view = "conversations";
    order = "newest";
    density = "comfortable";

    constructor() {
        const kept = read();
        for (const [name, choices] of Object.entries(CHOICES)) {
            if (choices.includes(kept[name])) {
                this[name] = kept[name];
            }
        }
        return reactive(this);
    }

    set(name, value) {
        this[name] = value;
        const { view, order, density } = this;
        browser.localStorage.setItem(slot(), JSON.stringify({ view, order, density }));
    }
}

/** What was kept; nothing where the browser's storage was tampered with. */
function read() {
    try {
        return JSON.parse(browser.localStorage.getItem(slot())) || {};
    } catch {
        return {};
    }
}
