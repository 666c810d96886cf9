import { describe, expect, test } from "@odoo/hoot";
import { mockTimeZone } from "@odoo/hoot-mock";
import { allowTranslations, patchWithCleanup } from "@web/../tests/web_test_helpers";
import { localization } from "@web/core/l10n/localization";
import { DateGroups } from "@maildesk/utils/date_groups";

describe.current.tags("headless");

const { DateTime } = luxon;

function setup(now, weekStart = 1) {
    allowTranslations();
    patchWithCleanup(localization, { weekStart });
    const dates = new DateGroups(DateTime.fromISO(now));
    return (iso) => String(dates.labelOf(iso));
}

test("today, yesterday, the days of this week, last week, months, years", () => {
    mockTimeZone(0);
    const label = setup("2026-11-26T12:00:00Z"); // a Thursday
    expect(label("2026-11-26T08:00:00Z")).toBe("Today");
    expect(label("2026-11-25T23:00:00Z")).toBe("Yesterday");
    expect(label("2026-11-23T08:00:00Z")).toBe("Monday");
    expect(label("2026-11-18T08:00:00Z")).toBe("Last Week");
    expect(label("2026-11-02T08:00:00Z")).toBe("November");
    expect(label("2026-09-02T08:00:00Z")).toBe("September");
    expect(label("2025-12-31T08:00:00Z")).toBe("December 2025");
    expect(label("2025-11-30T08:00:00Z")).toBe("2025");
    expect(label("2019-01-01T08:00:00Z")).toBe("2019");
});

test("what is dated ahead stands with today's mail", () => {
    mockTimeZone(0);
    expect(setup("2026-11-26T12:00:00Z")("2026-11-28T08:00:00Z")).toBe("Today");
});

test("a day is that of the user's time zone", () => {
    mockTimeZone(+9);
    const label = setup("2026-11-26T12:00:00Z");
    expect(label("2026-11-25T15:00:00Z")).toBe("Today");
    expect(label("2026-11-25T14:59:59Z")).toBe("Yesterday");
});

test("a week is that of the user's language", () => {
    mockTimeZone(0);
    const label = setup("2026-11-26T12:00:00Z", 7); // Sunday
    expect(label("2026-11-22T08:00:00Z")).toBe("Sunday");
    expect(label("2026-11-21T08:00:00Z")).toBe("Last Week");
});

test("yesterday is told as such where it was last week", () => {
    mockTimeZone(0);
    const label = setup("2026-11-23T12:00:00Z"); // a Monday
    expect(label("2026-11-22T08:00:00Z")).toBe("Yesterday");
    expect(label("2026-11-21T08:00:00Z")).toBe("Last Week");
});

test("the calendar is asked once a date, in either order", () => {
    mockTimeZone(0);
    allowTranslations();
    patchWithCleanup(localization, { weekStart: 1 });
    const dates = new DateGroups(DateTime.fromISO("2026-11-26T12:00:00Z"));
    let asked = 0;
    const find = dates._find.bind(dates);
    dates._find = (moment) => {
        asked++;
        return find(moment);
    };
    const minutes = Array.from({ length: 500 }, (_, i) => new Date(Date.UTC(2026, 10, 26, 11) - i * 60_000).toISOString().replace(".000Z", "Z"));
    for (const iso of [...minutes, ...minutes.reverse()]) {
        dates.labelOf(iso);
    }
    expect(asked).toBe(1);
});
