import { _t } from "@web/core/l10n/translation";

/** What a search understands beside plain words, offered while somebody types. */

const OPERATORS = [
    { text: "from:", hint: _t("who sent it") },
    { text: "to:", hint: _t("who got it") },
    { text: "subject:", hint: _t("a word of the subject") },
    { text: "has:attachment", hint: _t("with a file") },
    { text: "is:unread", hint: _t("not read yet") },
    { text: "is:read", hint: _t("read already") },
    { text: "is:flagged", hint: _t("flagged") },
    { text: "in:", hint: _t("a folder") },
    { text: "before:", hint: _t("older than a day") },
    { text: "after:", hint: _t("not older than a day") },
];

// As many as stand on a phone above its keyboard.
const SHOWN = 10;

const { DateTime } = luxon;

/**
 * @param {string} text as far as it is typed
 * @param {{name: string, role: string}[]} folders that `in:` may name
 * @returns {{text: string, hint: string}[]} words that may stand in place of the last one
 */
export function suggestions(text, folders, now = DateTime.now()) {
    const word = lastWord(text).toLowerCase();
    if (word.startsWith("in:")) {
        const begun = word.replace(/"/g, "");
        return folderWords(folders)
            .filter((one) => one.text !== word && one.text.toLowerCase().replace(/"/g, "").startsWith(begun))
            .slice(0, SHOWN);
    }
    if (/^(before|after):/.test(word)) {
        const operator = word.slice(0, word.indexOf(":") + 1);
        return days(now)
            .map(({ day, hint }) => ({ text: operator + day.toFormat("yyyy-MM-dd", { locale: "en" }), hint }))
            .filter((one) => one.text.startsWith(word) && one.text !== word);
    }
    if (text && !word) {
        return [];
    }
    return OPERATORS.filter((one) => one.text.startsWith(word) && one.text !== word).slice(0, SHOWN);
}

/** The text with its last word replaced by a suggestion; one that is complete is followed by a space. */
export function complete(text, word) {
    const kept = text.slice(0, text.length - lastWord(text).length);
    return kept + word + (word.endsWith(":") ? "" : " ");
}

function lastWord(text) {
    return text.match(/(?:[^\s"]|"[^"]*"?)*$/)[0];
}

function folderWords(folders) {
    const names = new Map(folders.map(({ name }) => [name.toLowerCase(), name]));
    return [...names.values()].map((name) => ({ text: `in:${/\s/.test(name) ? `"${name}"` : name}`, hint: "" }));
}

function days(now) {
    return [
        { day: now, hint: _t("today") },
        { day: now.minus({ days: 1 }), hint: _t("yesterday") },
        { day: now.minus({ weeks: 1 }), hint: _t("a week ago") },
        { day: now.minus({ months: 1 }), hint: _t("a month ago") },
        { day: now.minus({ years: 1 }), hint: _t("a year ago") },
    ];
}
