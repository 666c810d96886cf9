import { _t } from "@web/core/l10n/translation";
import { localization } from "@web/core/l10n/localization";
import { shownName } from "./people";

/**
 * How mail is told to a person: moments, sizes, names. Pure functions of their arguments (the present is one of them), in the
 * user's language and time zone by luxon's defaults, which Odoo sets.
 */

const { DateTime } = luxon;

// Discs of senders: dark enough for white letters at 4.5:1, apart enough to be told at a glance.
const AVATAR_COLORS = [
    "#8e5ea2", "#a85b12", "#3a7d44", "#4f6d7a", "#b0413e", "#2f6fa8",
    "#7a5c3e", "#00727a", "#9c3f76", "#5a6a1f", "#5d5fb0", "#6b7280",
];

// The first letter or digit of a word, in any script.
const INITIAL = /[\p{L}\p{N}]/u;

/** @param {string} iso UTC, as on the wire */
export function localMoment(iso) {
    return DateTime.fromISO(iso);
}

/** The time of a row: the hour today, the weekday this week, else the date. */
export function formatRowTime(iso, now = DateTime.now()) {
    const moment = localMoment(iso);
    if (moment.hasSame(now, "day")) {
        return moment.toLocaleString(DateTime.TIME_SIMPLE);
    }
    const days = now.startOf("day").diff(moment.startOf("day"), "days").days;
    if (days > 0 && days < 7) {
        return moment.toLocaleString({ weekday: "short" });
    }
    if (moment.hasSame(now, "year")) {
        return moment.toLocaleString({ day: "numeric", month: "short" });
    }
    return moment.toLocaleString(DateTime.DATE_SHORT);
}

/** The whole date and time, as the reading pane shows it. */
export function formatMoment(iso) {
    return localMoment(iso).toLocaleString({ ...DateTime.DATETIME_MED, weekday: "short" });
}

/** The same as short as it can be told: of today the hour, of this year without it. */
export function formatWhen(iso, now = DateTime.now()) {
    const moment = localMoment(iso);
    if (moment.hasSame(now, "day")) {
        return moment.toLocaleString(DateTime.TIME_SIMPLE);
    }
    const { month, day, hour, minute } = DateTime.DATETIME_MED;
    return moment.toLocaleString(moment.hasSame(now, "year") ? { month, day, hour, minute } : DateTime.DATETIME_MED);
}

/** From when to when, in the user's zone; whole days (dates) have none. */
export function formatPeriod(start, end, isAllDay) {
    const from = localMoment(start);
    const to = end ? localMoment(end) : null;
    if (isAllDay) {
        // the end of a whole day is the next one's beginning
        const last = to?.minus({ days: 1 });
        const day = (moment) => moment.toLocaleString({ ...DateTime.DATE_MED, weekday: "short" });
        return last && last > from ? `${day(from)} – ${day(last)}` : day(from);
    }
    if (!to) {
        return formatMoment(start);
    }
    return from.hasSame(to, "day")
        ? `${formatMoment(start)} – ${to.toLocaleString(DateTime.TIME_SIMPLE)}`
        : `${formatMoment(start)} – ${formatMoment(end)}`;
}

/** When something was last so: the hour today, else the date with it. */
export function formatSince(iso, now = DateTime.now()) {
    const moment = localMoment(iso);
    const format = moment.hasSame(now, "day") ? DateTime.TIME_SIMPLE : DateTime.DATETIME_SHORT;
    return moment.toLocaleString(format);
}

/** How long ago something was: "just now", "2 min. ago", "3 hr. ago". */
export function formatAgo(iso, now = DateTime.now()) {
    const moment = localMoment(iso);
    // a clock that is behind the server's must not speak of the future
    return now.diff(moment, "minutes").minutes < 1 ? _t("just now") : moment.toRelative({ base: now, style: "short" });
}

/** @param {number} bytes */
export function formatSize(bytes) {
    const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
    let value = bytes || 0;
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) {
        value /= 1000;
        unit++;
    }
    return formatNumber(value, {
        style: "unit",
        unit: units[unit],
        // shortened it has no plural
        unitDisplay: unit ? "short" : "long",
        maximumFractionDigits: unit > 1 ? 1 : 0,
    });
}

export function formatNumber(value, options = {}) {
    return new Intl.NumberFormat(localization.code?.replace("_", "-") || "en", options).format(value);
}

/** @param {{name?: string, address?: string}} person */
export function personName(person) {
    return shownName(person) || _t("(unknown)");
}

/** Who a row is about: the sender, or all who wrote in a conversation; in Sent and Drafts those it goes to. */
export function correspondents(row, role) {
    if ((role === "sent" || role === "drafts") && row.to_recipients?.length) {
        return _t("To: %s", row.to_recipients.map(personName).join(", "));
    }
    if (row.thread?.senders.length > 1) {
        return row.thread.senders.join(", ");
    }
    return shownName({ name: row.from_name, address: row.from_email }) || _t("(no sender)");
}

/** The person whose disc a row shows. */
export function rowPerson(row, role) {
    if ((role === "sent" || role === "drafts") && row.to_recipients?.length) {
        return row.to_recipients[0];
    }
    return { name: row.from_name, address: row.from_email };
}

export function initials(person) {
    const words = (person.name || person.address || "?").split(/[\s.@_-]+/).filter((word) => INITIAL.test(word));
    const letters = words.map((word) => word.match(INITIAL)[0]);
    const shown = letters.length > 1 && person.name ? [letters[0], letters.at(-1)] : letters.slice(0, 1);
    return shown.join("").toUpperCase() || "?";
}

export function avatarColor(person) {
    let hash = 0;
    for (const char of (person.address || person.name || "").toLowerCase()) {
        hash = (hash * 31 + char.codePointAt(0)) | 0;
    }
    return AVATAR_COLORS[Math.abs(hash) % AVATAR_COLORS.length];
}
