import { user } from "@web/core/user";

/**
 * Categories are names on the message; which colour a name has stands in the mailbox's own list, which MailDesk has no permission to
 * read. Every Outlook begins with six that are named after their colours, in the language in which the mailbox was set up: those are
 * known here, as far as the names could be found in mailboxes and in programs that read them. Any other name has a neutral colour.
 */

const COLORS = {
    red: "#c93a3f",
    orange: "#c8661f",
    yellow: "#b8930f",
    green: "#3d8b40",
    blue: "#2f6fc4",
    purple: "#7c52b5",
};

/** By language the six, in Outlook's order. They are data of the mailbox, not terms to translate. */
const STANDARD = {
    en: { red: "Red category", orange: "Orange category", yellow: "Yellow category", green: "Green category", blue: "Blue category", purple: "Purple category" },
    de: { red: "Rote Kategorie", orange: "Orange Kategorie", yellow: "Gelbe Kategorie", green: "Grüne Kategorie", blue: "Blaue Kategorie", purple: "Lila Kategorie" },
    es: { red: "Categoría roja", orange: "Categoría naranja", yellow: "Categoría amarilla", green: "Categoría verde", blue: "Categoría azul", purple: "Categoría púrpura" },
    fr: { red: "Catégorie rouge", orange: "Catégorie orange", yellow: "Catégorie jaune", green: "Catégorie verte", blue: "Catégorie bleue", purple: "Catégorie violette" },
    nl: { red: "Rode categorie", orange: "Oranje categorie", yellow: "Gele categorie", green: "Groene categorie", blue: "Blauwe categorie", purple: "Paarse categorie" },
    pt: { red: "Categoria Vermelha", orange: "Categoria Laranja", yellow: "Categoria Amarela", green: "Categoria Verde", blue: "Categoria Azul", purple: "Categoria Roxa" },
};

/** Of other languages, and other spellings, single names that were met. */
const SINGLE = {
    "Catégorie bleu": "blue",
    "Blå kategori": "blue",
    "Gul kategori": "yellow",
    "Röd kategori": "red",
    "Kategoria Niebieski": "blue",
};

/** Names that differ in case, or in how an accent is written, are one category. */
const fold = (name) => name.normalize("NFC").toLowerCase();

const BY_NAME = new Map();
for (const [language, names] of Object.entries(STANDARD)) {
    for (const [color, name] of Object.entries(names)) {
        BY_NAME.set(fold(name), { color: COLORS[color], language });
    }
}
// Italian has it, too
BY_NAME.get(fold("Categoria Verde")).language = undefined;
for (const [name, color] of Object.entries(SINGLE)) {
    BY_NAME.set(fold(name), { color: COLORS[color] });
}

/** @returns {string|undefined} */
export function categoryColor(name) {
    return BY_NAME.get(fold(name))?.color;
}

/** For a chip or a dot: the colour where it is known. */
export function categoryStyle(name) {
    const color = categoryColor(name);
    return color && `--maildesk-category: ${color}`;
}

/**
 * All names that can be offered for mail of a mailbox: the six that it began with, and those in use. Which six those are, tells a name in
 * use, else the language of the user; where that is none of the known ones, a name that the mailbox does not have is no help to anybody.
 *
 * @param {string[]} used those that the mailbox uses
 */
export function categoryNames(used, language = user.lang) {
    const languages = used.map((name) => BY_NAME.get(fold(name))?.language).filter(Boolean);
    const own = STANDARD[language.split(/[-_]/)[0]] ?? {};
    const isOwn = (name) => Object.values(own).some((other) => fold(other) === fold(name));
    const standard = STANDARD[languages[0]] ?? (used.some(categoryColor) && !used.some(isOwn) ? {} : own);
    const names = new Map(Object.values(standard).map((name) => [fold(name), name]));
    for (const name of [...used].sort((a, b) => a.localeCompare(b))) {
        if (!names.has(fold(name))) {
            names.set(fold(name), name);
        }
    }
    // as the mailbox writes them
    used.forEach((name) => names.set(fold(name), name));
    return [...names.values()];
}
