import { describe, expect, test } from "@odoo/hoot";
import { formatRecipient, isAddress, newRecipients, parseRecipients } from "@maildesk/utils/addresses";

describe.current.tags("headless");

test("addresses are told from what is none", () => {
    for (const address of ["anna@example.com", "a.b+c@sub.example.co.uk", "møller@example.dk", "x@münchen.example", "o'neill@example.com"]) {
        expect(isAddress(address)).toBe(address !== "o'neill@example.com");
    }
    for (const text of ["", "anna", "anna@", "@example.com", "anna@example", "anna @example.com", "a@b@example.com", "a..b@example.com", "a@example..com", `${"x".repeat(65)}@example.com`]) {
        expect(isAddress(text)).toBe(false);
    }
});

test("lists of other mail programs are read", () => {
    const both = [
        { name: "Jane Doe", address: "jane@example.com" },
        { name: "", address: "kai@example.com" },
    ];
    expect(parseRecipients("Jane Doe <jane@example.com>, kai@example.com")).toEqual(both);
    expect(parseRecipients("Jane Doe <jane@example.com>; kai@example.com;")).toEqual(both);
    expect(parseRecipients("Jane Doe <jane@example.com>\nkai@example.com\n")).toEqual(both);
    expect(parseRecipients("mailto:kai@example.com")).toEqual([both[1]]);
});

test("a comma in a name separates nothing", () => {
    const jane = { name: "Doe, Jane", address: "jane@example.com" };
    expect(parseRecipients('"Doe, Jane" <jane@example.com>')).toEqual([jane]);
    expect(parseRecipients("Doe, Jane <jane@example.com>; Kai <kai@example.com>")).toEqual([jane, { name: "Kai", address: "kai@example.com" }]);
});

test("what is no address is kept, not lost", () => {
    expect(parseRecipients("jane, kai@example.com")).toEqual([
        { name: "", address: "jane" },
        { name: "", address: "kai@example.com" },
    ]);
});

test("a recipient as text is read back as it was", () => {
    for (const person of [{ name: "Doe, Jane", address: "jane@example.com" }, { name: "Kai", address: "kai@example.com" }, { name: "", address: "x@example.com" }]) {
        expect(parseRecipients(formatRecipient(person))).toEqual([person]);
    }
});

test("nobody is added twice", () => {
    const jane = { name: "Jane", address: "jane@example.com" };
    expect(newRecipients([jane], [{ name: "", address: "JANE@example.com" }, { name: "", address: "a@example.com" }, { name: "", address: "A@example.com" }])).toEqual([
        { name: "", address: "a@example.com" },
    ]);
});
