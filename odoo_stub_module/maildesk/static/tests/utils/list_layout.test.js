import { describe, expect, test } from "@odoo/hoot";
import { DATE_HEIGHT, layoutRows, rowAt, ROWS_DRAWN, rowsInSight, topOf } from "@maildesk/utils/list_layout";

describe.current.tags("headless");

const ROW = 78;

/** Rows under dates of these lengths. */
function setup(...counts) {
    const rows = counts.flatMap((count, group) => Array.from({ length: count }, () => ({ received_at: String(group) })));
    return layoutRows(rows, ROW, { labelOf: (iso) => iso });
}

test("rows stand under their dates without a gap", () => {
    const layout = setup(2, 3);
    expect(layout.groups.map(({ start, count, top, height }) => [start, count, top, height])).toEqual([
        [0, 2, 0, DATE_HEIGHT + 2 * ROW],
        [2, 3, DATE_HEIGHT + 2 * ROW, DATE_HEIGHT + 3 * ROW],
    ]);
    expect(layout.height).toBe(2 * DATE_HEIGHT + 5 * ROW);
    expect(topOf(layout, 0)).toBe(DATE_HEIGHT);
    expect(topOf(layout, 2)).toBe(2 * DATE_HEIGHT + 2 * ROW);
});

test("a place tells its row, and each row its place", () => {
    const layout = setup(1, 40, 7);
    for (let index = 0; index < layout.count; index++) {
        expect(rowAt(layout, topOf(layout, index))).toBe(index);
        expect(rowAt(layout, topOf(layout, index) + ROW - 1)).toBe(index);
    }
    expect(rowAt(layout, -500)).toBe(0);
    expect(rowAt(layout, 1e9)).toBe(47);
});

test("what is drawn is a screen more on each side, and a bounded number on a screen of any height", () => {
    const layout = setup(100_000);
    const [first, last] = rowsInSight(layout, topOf(layout, 50_000), 780);
    expect([first, last]).toEqual([49_990, 50_020]);
    for (const height of [500, 2160, 20_000]) {
        for (const place of [0, 4_000_000, layout.height]) {
            const [start, end] = rowsInSight(layout, place, height);
            expect(end - start).toBeLessThan(ROWS_DRAWN);
            expect(rowAt(layout, place)).toBeWithin(start, end);
        }
    }
});

test("an empty list has nothing to draw", () => {
    const layout = setup();
    expect(layout.height).toBe(0);
    expect(rowsInSight(layout, 0, 800)).toEqual([0, 0]);
});
