import { onWillUnmount, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { cookie } from "@web/core/browser/cookie";

// Below this, three panes cannot stand side by side (contract of the pictures: one column on a phone).
const PHONE = "(max-width: 760px)";

// From here on the contact stands beside the message.
const WIDE = "(min-width: 1100px)";

const DARK = "(prefers-color-scheme: dark)";

export const isPhone = () => browser.matchMedia(PHONE).matches;

/**
 * How the app is looked at: on a phone, on dark. Odoo Enterprise lets its user choose the colors and keeps the choice in a
 * cookie, which then is followed; Odoo Community has no such choice, so there the browser's is.
 *
 * @returns {{isPhone: boolean, isWide: boolean, isDark: boolean, isOdooDark: boolean}} reactive; isOdooDark: all of Odoo is, not the app alone
 */
export function useViewport() {
    const phone = browser.matchMedia(PHONE);
    const wide = browser.matchMedia(WIDE);
    const dark = browser.matchMedia(DARK);
    const read = () => {
        const chosen = cookie.get("color_scheme");
        const isOdooDark = chosen === "dark";
        return { isPhone: phone.matches, isWide: wide.matches, isDark: chosen ? isOdooDark : dark.matches, isOdooDark };
    };
    const viewport = useState(read());
    const update = () => Object.assign(viewport, read());
    for (const query of [phone, wide, dark]) {
        query.addEventListener("change", update);
        onWillUnmount(() => query.removeEventListener("change", update));
    }
    return viewport;
}
