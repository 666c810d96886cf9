import { describe, expect, test } from "@odoo/hoot";
import { comboOf, keyCaps, KeyReader, SEQUENCE_TIME } from "@maildesk/utils/keys";

describe.current.tags("headless");

const combo = (key, values = {}) => comboOf(new KeyboardEvent("keydown", { key, ...values }));

test("a key is told by what it prints", () => {
    expect(combo("j")).toBe("j");
    expect(combo("J", { shiftKey: true })).toBe("Shift+J");
    expect(combo("J")).toBe("j"); // Caps Lock
    expect(combo("?", { shiftKey: true })).toBe("?");
    expect(combo("#", { shiftKey: true })).toBe("#"); // US
    expect(combo("#")).toBe("#"); // German
    expect(combo("Escape")).toBe("Escape");
    expect(combo("ArrowDown", { shiftKey: true })).toBe("Shift+ArrowDown");
    expect(combo("a", { ctrlKey: true })).toBe("Ctrl+A");
    expect(combo("a", { metaKey: true })).toBe("Ctrl+A");
    expect(combo("k", { ctrlKey: true })).toBe("Ctrl+K");
});

test("on a keyboard of another script the place of a letter counts", () => {
    expect(combo("о", { code: "KeyJ" })).toBe("j");
    expect(combo("О", { code: "KeyJ", shiftKey: true })).toBe("Shift+J");
    expect(combo("q", { code: "KeyA" })).toBe("q"); // AZERTY prints what it prints
});

test("Alt is Odoo's, and an input method is nobody's", () => {
    expect(combo("j", { altKey: true })).toBe("");
    expect(combo("j", { isComposing: true })).toBe("");
});

function setup() {
    const entries = [{ keys: ["j"] }, { keys: ["g i"] }, { keys: ["i", "x"] }];
    const reader = new KeyReader(() => entries);
    return { entries, read: (key, now) => reader.read(key, now).found };
}

test("two keys in a row are one, within their time", () => {
    const { entries, read } = setup();
    expect(read("g", 0)).toEqual([]);
    expect(read("i", SEQUENCE_TIME)).toEqual([entries[1]]);
    read("g", 5000);
    expect(read("i", 5000 + SEQUENCE_TIME + 1)).toEqual([entries[2]]);
});

test("a sequence that nobody has leaves its second key to itself", () => {
    const { entries, read } = setup();
    read("g", 0);
    expect(read("j", 10)).toEqual([entries[0]]);
    expect(read("i", 20)).toEqual([entries[2]]);
});

test("keys as they are shown", () => {
    expect(keyCaps("g i")).toEqual([["g"], ["i"]]);
    expect(keyCaps("Shift+ArrowDown")).toEqual([["Shift", "↓"]]);
    expect(keyCaps("Ctrl+A", true)).toEqual([["⌘", "A"]]);
});
