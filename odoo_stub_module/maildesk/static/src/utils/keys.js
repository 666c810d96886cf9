/**
 * Keys by what they print, so on every layout: "j", "Shift+J", "#", "Enter", "Ctrl+A"; and two in a row, "g i".
 */

// Between the two keys of a sequence at most.
export const SEQUENCE_TIME = 900; // ms

const LATIN = /^[a-z]$/i;
const LETTER = /^\p{L}$/u;

// These say by themselves whether Shift was needed.
const isPrinted = (key) => key.length === 1 && !LETTER.test(key) && key !== " ";

/**
 * How a key press is written in the registry; empty for what no key of ours can be (Alt is Odoo's, Meta alone the system's).
 *
 * @param {KeyboardEvent} ev
 */
export function comboOf(ev) {
    if (!ev.key || ev.isComposing || ev.altKey) {
        return "";
    }
    let { key } = ev;
    if (LETTER.test(key)) {
        // A keyboard of another script has our letters on its keys, too: there the place counts, as for Odoo's own keys.
        const letter = LATIN.test(key) ? key : ev.code?.match(/^Key([A-Z])$/)?.[1];
        key = (letter ?? key).toLowerCase();
    } else if (key === " ") {
        key = "Space";
    }
    const shift = ev.shiftKey && !isPrinted(key) ? "Shift+" : "";
    const control = ev.ctrlKey || ev.metaKey ? "Ctrl+" : "";
    return control + shift + (shift || control ? capital(key) : key);
}

const capital = (key) => (key.length === 1 ? key.toUpperCase() : key);

/** Takes key presses one by one and tells which entry they spell. */
export class KeyReader {
    pending = "";
    pendingAt = 0;

    /** @param {() => {keys: string[]}[]} entries */
    constructor(entries) {
        this.entries = entries;
    }

    /**
     * @param {string} combo
     * @param {number} now ms
     * @returns {{found: object[], isPrefix: boolean}} `found`: who has this key, in order
     */
    read(combo, now) {
        const isWaiting = this.pending && now - this.pendingAt <= SEQUENCE_TIME;
        const spelled = isWaiting ? `${this.pending} ${combo}` : combo;
        this.pending = "";
        const entries = this.entries();
        const found = entries.filter((entry) => entry.keys.includes(spelled));
        const isPrefix = !found.length && entries.some((entry) => entry.keys.some((key) => key.startsWith(`${spelled} `)));
        if (isPrefix) {
            this.pending = spelled;
            this.pendingAt = now;
        }
        if (!found.length && !isPrefix && isWaiting) {
            // not a sequence after all: the second key counts for itself
            return this.read(combo, now);
        }
        return { found, isPrefix };
    }
}

/** A key of the registry as it is shown: the keys to press, one after another, each as its parts. */
export function keyCaps(keys, isMac = false) {
    const names = {
        Ctrl: isMac ? "⌘" : "Ctrl",
        Shift: isMac ? "⇧" : "Shift",
        ArrowDown: "↓",
        ArrowUp: "↑",
        Escape: "Esc",
    };
    return keys.split(" ").map((combo) => combo.split("+").map((part) => names[part] ?? part));
}
