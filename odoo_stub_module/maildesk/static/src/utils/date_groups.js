import { getStartOfLocalWeek } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";

const { DateTime } = luxon;

// Months that are told one by one; what is older stands under its year.
const MONTHS_SHOWN = 12;

/**
 * The dates under which the rows of a list stand: Today, Yesterday, the days of this week, Last Week, months, years; in the
 * user's language, time zone and week.
 *
 * The calendar is asked once per date, not once per row: each date is kept with the time in which it holds, as the wire writes
 * times, and rows that follow each other in time mostly share it.
 */
export class DateGroups {
    /** @param {luxon.DateTime} [now] */
    constructor(now = DateTime.now()) {
        this.now = now;
        this.last = null;
    }

    /** @param {string} iso UTC, as on the wire @returns {string} */
    labelOf(iso) {
        if (!this.last || iso < this.last.from || iso >= this.last.to) {
            this.last = this._find(DateTime.fromISO(iso));
        }
        return this.last.label;
    }

    _find(moment) {
        const today = this.now.startOf("day");
        const week = getStartOfLocalWeek(today);
        const day = moment.startOf("day");
        if (moment >= today) {
            // what is dated ahead (a clock that is wrong) stands with today's
            return span(_t("Today"), today, null);
        }
        const yesterday = today.minus({ days: 1 });
        if (day.equals(yesterday)) {
            return span(_t("Yesterday"), yesterday, today);
        }
        if (moment >= week) {
            return span(day.toLocaleString({ weekday: "long" }), day, day.plus({ days: 1 }));
        }
        const lastWeek = week.minus({ weeks: 1 });
        if (moment >= lastWeek) {
            const end = week < yesterday ? week : yesterday;
            return span(_t("Last Week"), lastWeek, end);
        }
        const month = moment.startOf("month");
        if (month > today.startOf("month").minus({ months: MONTHS_SHOWN })) {
            const end = month.plus({ months: 1 });
            const format = month.hasSame(today, "year") ? { month: "long" } : { month: "long", year: "numeric" };
            return span(month.toLocaleString(format), month, end < lastWeek ? end : lastWeek);
        }
        const year = moment.startOf("year");
        const bound = today.startOf("month").minus({ months: MONTHS_SHOWN - 1 });
        const end = year.plus({ years: 1 });
        return span(year.toLocaleString({ year: "numeric" }), year, end < bound ? end : bound);
    }
}

function span(label, from, to) {
    return { label, from: wire(from), to: to ? wire(to) : "9999" };
}

/** As the server writes times: seconds, UTC, Z. */
function wire(moment) {
    return moment.toUTC().toFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", { locale: "en" });
}
