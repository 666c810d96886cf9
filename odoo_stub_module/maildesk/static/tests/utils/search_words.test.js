import { describe, expect, test } from "@odoo/hoot";
import { allowTranslations } from "@web/../tests/web_test_helpers";
import { complete, suggestions } from "@maildesk/utils/search_words";

describe.current.tags("headless");

const FOLDERS = [{ name: "Inbox" }, { name: "Nordsee pier" }, { name: "inbox" }];
const NOW = luxon.DateTime.fromISO("2026-11-26T12:00:00");

function words(text) {
    allowTranslations();
    return suggestions(text, FOLDERS, NOW).map((one) => one.text);
}

test("operators are offered from their first letters, and at the start", () => {
    expect(words("")).toInclude("from:");
    expect(words("is")).toEqual(["is:unread", "is:read", "is:flagged"]);
    expect(words("crane IS:U")).toEqual(["is:unread"]);
    expect(words("is:unread")).toEqual([]);
    expect(words("crane ")).toEqual([]);
    expect(words("crane")).toEqual([]);
});

test("folders and days are offered where they belong", () => {
    expect(words("in:")).toEqual(["in:inbox", 'in:"Nordsee pier"']);
    expect(words("in:nord")).toEqual(['in:"Nordsee pier"']);
    expect(words('in:"n')).toEqual(['in:"Nordsee pier"']);
    expect(words("before:")).toEqual(["before:2026-11-26", "before:2026-11-25", "before:2026-11-19", "before:2026-10-26", "before:2025-11-26"]);
});

test("a word takes the place of what was begun", () => {
    expect(complete("crane is", "is:unread")).toBe("crane is:unread ");
    expect(complete("", "from:")).toBe("from:");
    expect(complete('crane in:"n', 'in:"Nordsee pier"')).toBe('crane in:"Nordsee pier" ');
});
