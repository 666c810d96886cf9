/**
 * Recipients as somebody types or pastes them: one address, or a list from another mail program. Pure functions; whether a mail can
 * go there is checked again by the addon, and by Outlook.
 *
 * @typedef {{name: string, address: string}} Recipient
 */

// RFC 5321: 64 before the @, 254 in all.
const LOCAL_LIMIT = 64;
const ADDRESS_LIMIT = 254;

const ADDRESS = /^[^\s@<>()[\]\\"',;:]+@[^\s@<>()[\]\\"',;:.]+(\.[^\s@<>()[\]\\"',;:.]+)+$/u;

// What ends an address: in a list of Outlook's a semicolon, elsewhere a comma, in a column of a sheet a new line or a tab.
const SEPARATORS = new Set([",", ";", "\n", "\r", "\t"]);

const IN_BRACKETS = /^(.*?)<([^<>]*)>\s*$/su;

/** Whether a mail could go there. */
export function isAddress(text) {
    return text.length <= ADDRESS_LIMIT && text.indexOf("@") <= LOCAL_LIMIT && ADDRESS.test(text) && !text.includes("..");
}

/**
 * The recipients that a text names. What is no address is kept as it stands: it is marked, not lost.
 *
 * @param {string} text
 * @returns {Recipient[]}
 */
export function parseRecipients(text) {
    return split(text).map(parseOne).filter((one) => one.address);
}

/** Recipients as a text that `parseRecipients` reads. */
export function formatRecipient({ name, address }) {
    if (!name || name === address) {
        return address;
    }
    return /[",;<>]/.test(name) ? `"${name.replace(/"/g, "'")}" <${address}>` : `${name} <${address}>`;
}

/** Those of `added` that are not in `known` yet, by address. */
export function newRecipients(known, added) {
    const seen = new Set(known.map((one) => one.address.toLowerCase()));
    return added.filter((one) => {
        const key = one.address.toLowerCase();
        return !seen.has(key) && seen.add(key);
    });
}

/** Cut at what separates, but not inside quotes or angle brackets: "Doe, Jane" <jane@example.com>. */
function split(text) {
    const parts = [];
    let part = "";
    let isQuoted = false;
    let isInBrackets = false;
    for (const char of text) {
        if (char === '"') {
            isQuoted = !isQuoted;
        } else if (!isQuoted && (char === "<" || char === ">")) {
            isInBrackets = char === "<";
        }
        if (SEPARATORS.has(char) && !isQuoted && !isInBrackets) {
            parts.push(part);
            part = "";
        } else {
            part += char;
        }
    }
    return joinNames([...parts, part]);
}

/** Outlook writes `Doe, Jane <jane@example.com>` without quotes: a part without an address goes with the one that has brackets. */
function joinNames(parts) {
    const joined = [];
    for (const part of parts) {
        const before = joined.at(-1);
        if (before !== undefined && before.trim() && !before.includes("@") && /^[^@]*<[^<>]*@[^<>]*>\s*$/su.test(part)) {
            joined[joined.length - 1] = `${before},${part}`;
        } else {
            joined.push(part);
        }
    }
    return joined;
}

function parseOne(part) {
    const text = part.trim();
    const found = IN_BRACKETS.exec(text);
    if (found) {
        const name = found[1].trim().replace(/^["']+|["']+$/g, "").trim();
        return { name, address: found[2].trim().replace(/^mailto:/i, "") };
    }
    return { name: "", address: text.replace(/^mailto:/i, "").replace(/^["']+|["']+$/g, "") };
}
