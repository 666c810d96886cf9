/**
 * Where the rows of a list stand, by arithmetic: all rows are of one height, so a list of any length is a few numbers per date,
 * and what is in sight of a place is found without looking at the rest.
 *
 * @typedef {{label: string, start: number, count: number, top: number, height: number}} Group
 * @typedef {{groups: Group[], rowHeight: number, height: number, count: number}} Layout
 */

// Pixels, as message_list.scss and message_row.scss draw them.
export const DATE_HEIGHT = 30;
export const ROW_HEIGHTS = { comfortable: 78, compact: 52 };

// Rows in the document at most, whatever the screen: a limit to be sure of, above what the tallest screens show.
export const ROWS_DRAWN = 150;

/**
 * @param {{received_at: string}[]} rows in order
 * @param {number} rowHeight
 * @param {import("./date_groups").DateGroups} dates
 * @returns {Layout}
 */
export function layoutRows(rows, rowHeight, dates) {
    const groups = [];
    let top = 0;
    let group = null;
    for (let i = 0; i < rows.length; i++) {
        const label = dates.labelOf(rows[i].received_at);
        if (group?.label !== label) {
            group = { label, start: i, count: 0, top, height: DATE_HEIGHT };
            groups.push(group);
            top += DATE_HEIGHT;
        }
        group.count++;
        group.height += rowHeight;
        top += rowHeight;
    }
    return { groups, rowHeight, height: top, count: rows.length };
}

/** Pixels from the top of the list to a row. */
export function topOf(layout, index) {
    const group = layout.groups[groupAt(layout, (other) => other.start > index)];
    return group.top + DATE_HEIGHT + (index - group.start) * layout.rowHeight;
}

/** The row that is at a place, or comes next to it; the last one below the end. */
export function rowAt(layout, y) {
    if (!layout.count) {
        return 0;
    }
    const group = layout.groups[groupAt(layout, (other) => other.top > y)];
    const index = group.start + Math.max(0, Math.floor((y - group.top - DATE_HEIGHT) / layout.rowHeight));
    return Math.min(index, group.start + group.count - 1);
}

/** What to draw at a place: the rows in sight and a screen more on each side, so that a scroll meets no gap. */
export function rowsInSight(layout, scrollTop, height) {
    const first = rowAt(layout, scrollTop - height);
    const last = rowAt(layout, scrollTop + 2 * height);
    if (last - first < ROWS_DRAWN) {
        return [first, last];
    }
    const seen = rowAt(layout, scrollTop);
    const start = Math.max(first, seen - Math.floor(ROWS_DRAWN / 4));
    return [start, Math.min(last, start + ROWS_DRAWN - 1)];
}

/** Binary search: the last group before the first one that is beyond. */
function groupAt({ groups }, isBeyond) {
    let low = 0;
    let high = groups.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (isBeyond(groups[middle])) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return Math.max(0, low - 1);
}
