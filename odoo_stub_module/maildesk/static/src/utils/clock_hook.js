import { onMounted, onWillUnmount, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";

const { DateTime } = luxon;

const MINUTE = 60_000; // ms

/**
 * The present, minute by minute, for what says "2 min ago" or "Today". It asks nobody; it only draws again.
 *
 * @returns {{now: luxon.DateTime}} reactive
 */
export function useClock() {
    const clock = useState({ now: DateTime.now() });
    let timer;
    const tick = () => {
        clock.now = DateTime.now();
        timer = browser.setTimeout(tick, MINUTE);
    };
    onMounted(() => (timer = browser.setTimeout(tick, MINUTE)));
    onWillUnmount(() => browser.clearTimeout(timer));
    return clock;
}
