import * as hoot from "@odoo/hoot-dom";

/*
 * Hoot's waiting, with patience for a busy machine: Hoot gives up after 200 ms, which Chromium may need for one frame while other tests run.
 * What is there at once is found at once, so only a test that fails takes longer.
 */

const PATIENCE = 3000; // ms

export const waitFor = (target, options) => hoot.waitFor(target, { timeout: PATIENCE, ...options });
export const waitForNone = (target, options) => hoot.waitForNone(target, { timeout: PATIENCE, ...options });
export const waitUntil = (predicate, options) => hoot.waitUntil(predicate, { timeout: PATIENCE, ...options });
