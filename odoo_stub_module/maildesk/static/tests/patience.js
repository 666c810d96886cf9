import * as hoot from "@odoo/hoot-dom";
import * as mock from "@odoo/hoot-mock";
import { App } from "@odoo/owl";

/*
 * Hoot's waiting, with patience for a busy machine: Hoot gives up after 200 ms, which Chromium may need for one frame while other tests run.
 * What is there at once is found at once, so only a test that fails takes longer.
 */

const PATIENCE = 3000; // ms

export const waitFor = (target, options) => hoot.waitFor(target, { timeout: PATIENCE, ...options });
export const waitForNone = (target, options) => hoot.waitForNone(target, { timeout: PATIENCE, ...options });
export const waitUntil = (predicate, options) => hoot.waitUntil(predicate, { timeout: PATIENCE, ...options });

/** Wait for a frame, and for further ones as long as a component waits to be drawn. */
export async function animationFrame() {
    const begun = performance.now();
    do {
        await mock.animationFrame();
    } while (isDrawing() && performance.now() - begun < PATIENCE);
}

function isDrawing() {
    return [...App.apps].some(({ scheduler }) => scheduler.tasks.size || scheduler.delayedRenders.length);
}
