import { _t } from "@web/core/l10n/translation";

/**
 * Categories are names on the message; which colour a name has stands in the mailbox's own list, which MailDesk has no permission
 * to read. The colours of the six that every Outlook begins with are known by their names.
 */
export const OUTLOOK_CATEGORIES = [
    { name: "Red category", label: _t("Red category"), color: "#c93a3f" },
    { name: "Orange category", label: _t("Orange category"), color: "#c8661f" },
    { name: "Yellow category", label: _t("Yellow category"), color: "#b8930f" },
    { name: "Green category", label: _t("Green category"), color: "#3d8b40" },
    { name: "Blue category", label: _t("Blue category"), color: "#2f6fc4" },
    { name: "Purple category", label: _t("Purple category"), color: "#7c52b5" },
];

const COLORS = new Map(OUTLOOK_CATEGORIES.map(({ name, color }) => [name.toLowerCase(), color]));

/** @returns {string|undefined} */
export function categoryColor(name) {
    return COLORS.get(name.toLowerCase());
}

/** For a chip or a dot: the colour where it is known. */
export function categoryStyle(name) {
    const color = categoryColor(name);
    return color && `--maildesk-category: ${color}`;
}

/** All names that can be offered: Outlook's own, and those that the rows at hand have. */
export function categoryNames(rows) {
    const names = new Map(OUTLOOK_CATEGORIES.map(({ name }) => [name.toLowerCase(), name]));
    const used = rows.flatMap((row) => row.categories).sort((a, b) => a.localeCompare(b));
    for (const name of used) {
        if (!names.has(name.toLowerCase())) {
            names.set(name.toLowerCase(), name);
        }
    }
    return [...names.values()];
}
