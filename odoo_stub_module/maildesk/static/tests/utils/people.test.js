import { describe, expect, test } from "@odoo/hoot";
import { addressKey, correspondentOf, isAddressLike, shownName } from "@maildesk/utils/people";

describe.current.tags("headless");

const named = (name) => shownName({ name, address: "x@y.example" });

test("a name that pretends to be an address gives way to the real one", () => {
    expect(named("boss@pier.example")).toBe("x@y.example");
    expect(named("The Boss <boss@pier.example>")).toBe("x@y.example");
    expect(named("boss\uff20pier.example")).toBe("x@y.example");
    expect(isAddressLike("Anna @ Pier")).toBe(false);
});

test("a name is one line, without what is not seen, and ends", () => {
    expect(named("\u202eannA\n\u0000\tLarsen\u2066")).toBe("annA Larsen");
    expect(named("'Larsen, Anna'")).toBe("Larsen, Anna");
    expect(named("<b>Bold</b>")).toBe("<b>Bold</b>");
    expect(named("")).toBe("x@y.example");
    expect([...named("n".repeat(5000))].length).toBe(100);
    expect([...shownName({ address: `${"a".repeat(5000)}@y.example` })].length).toBe(100);
    expect(shownName({})).toBe("");
});

test("an address is looked up without case", () => {
    expect(addressKey(" Anna@Pier.Example\u200b")).toBe("anna@pier.example");
});

test("what the mailbox itself sent is about whom it went to", () => {
    const message = { from_name: "Me", from_email: "Me@example.com", to_recipients: [{ name: "Kai", address: "kai@example.com" }] };
    expect(correspondentOf(message, "me@example.com").name).toBe("Kai");
    expect(correspondentOf(message, "box@example.com").name).toBe("Me");
    expect(correspondentOf({ ...message, to_recipients: [] }, "me@example.com").name).toBe("Me");
});
