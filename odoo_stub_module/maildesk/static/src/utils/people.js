/**
 * Names and addresses as mails bring them: written by whoever sent the mail, and shown to somebody else. Pure functions; the
 * addon's people.py cleans in the same way what becomes a contact.
 *
 * @typedef {{name?: string, address?: string}} Person
 */

// Characters: longer than any person's name, short enough for a line.
const NAME_LIMIT = 100;

// Control, format (which turn text round, or are not seen), private and unpaired characters, and separators of lines.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

const ADDRESS = /[^\s@<>()"',;:]+@[^\s@<>()"',;:]+\.[^\s@<>()"',;:]+/;

/** One line without what is not seen. */
export function oneLine(text) {
    return (text ?? "").replace(UNSEEN, " ").replace(/\s+/g, " ").trim();
}

/** Whether a name pretends to be an address, with a wide @ or with marks between its letters too. */
export function isAddressLike(name) {
    return ADDRESS.test(oneLine(name).normalize("NFKC"));
}

/**
 * What a person is called. A name that pretends to be an address gives way to the real one, as does an empty one.
 *
 * @param {Person} person
 */
export function shownName({ name, address }) {
    const called = oneLine(name).replace(/^["'“”„«»]+|["'“”„«»]+$/g, "");
    if (!called || isAddressLike(name)) {
        return shownAddress({ address });
    }
    return cut(called);
}

/** @param {Person} person */
export function shownAddress({ address }) {
    return cut(oneLine(address));
}

/**
 * Who a message is about: its sender, or whom it went to if the mailbox itself sent it.
 *
 * @param {object} message as it is open
 * @param {string} [ownAddress] the mailbox's
 * @returns {Person}
 */
export function correspondentOf(message, ownAddress) {
    const sender = { name: message.from_name, address: message.from_email };
    const isOwn = ownAddress && addressKey(sender.address) === addressKey(ownAddress);
    return (isOwn && message.to_recipients?.[0]) || sender;
}

/** As contacts are looked up: without case, and without what is not seen. */
export function addressKey(address) {
    return oneLine(address).toLowerCase();
}

function cut(text) {
    const chars = [...text];
    return chars.length > NAME_LIMIT ? chars.slice(0, NAME_LIMIT - 1).join("").trimEnd() + "…" : text;
}
