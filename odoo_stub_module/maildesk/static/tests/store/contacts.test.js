import { describe, expect, test } from "@odoo/hoot";
import { advanceTime } from "@odoo/hoot-mock";
import { ConnectionLostError } from "@web/core/network/rpc";
import { ContactStore } from "@maildesk/store/contacts";
import { FakeMail } from "../maildesk_test_helpers";

describe.current.tags("headless");

function setup() {
    const mail = new FakeMail();
    mail.contact("jane@example.com", { company: "Pier Ltd." });
    const asked = [];
    const answer = mail.maildesk_contacts.bind(mail);
    mail.maildesk_contacts = (kwargs) => {
        asked.push(kwargs.emails);
        return answer(kwargs);
    };
    return { asked, mail, store: new ContactStore({ orm: mail.orm }) };
}

test("all addresses of one moment are one request, each asked for once", async () => {
    const { asked, store } = setup();
    for (const address of ["Jane@Example.com", "kai@example.com", "jane@example.com", "", undefined, "no address"]) {
        expect(store.of(address)).toBe(undefined);
    }
    await advanceTime(50);
    expect(asked).toEqual([["jane@example.com", "kai@example.com"]]);
    expect(store.of("JANE@example.com").company).toBe("Pier Ltd.");
    expect(store.of("kai@example.com")).toBe(undefined);
    expect([store.isKnown("kai@example.com"), store.isKnown("else@example.com")]).toEqual([true, false]);
    await advanceTime(1000);
    expect(asked.length).toBe(1);
});

test("more than one call takes are several calls", async () => {
    const { asked, store } = setup();
    for (let n = 0; n < 450; n++) {
        store.of(`p${n}@example.com`);
    }
    await advanceTime(500);
    expect(asked.map((emails) => emails.length)).toEqual([200, 200, 50]);
});

test("the cache does not grow without end", async () => {
    const { store } = setup();
    for (let n = 0; n < 2600; n++) {
        store.of(`p${n}@example.com`);
    }
    await advanceTime(2000);
    expect(Object.keys(store.contacts).length).toBe(2000);
});

test("with the next opening of the app contacts are asked for again, and shown until then", async () => {
    const { mail, store } = setup();
    store.of("jane@example.com");
    await advanceTime(50);
    mail.contacts["jane@example.com"].name = "Jane Smith";
    store.expire();
    expect(store.of("jane@example.com").name).toBe("Jane Doe");
    await advanceTime(50);
    expect(store.of("jane@example.com").name).toBe("Jane Smith");
});

test("a contact that was just made is there without asking", async () => {
    const { asked, mail, store } = setup();
    const message = mail.message(mail.folder(mail.account()), { from_name: "Kai", from_email: "Kai@example.com" });
    await store.create(message.id, "Kai@example.com");
    expect(store.of("kai@example.com").name).toBe("Kai");
    expect(asked).toEqual([]);
});

test("without the server mail is shown without contacts", async () => {
    const { mail, store } = setup();
    mail.gate = Promise.reject(new ConnectionLostError("/"));
    mail.gate.catch(() => {});
    store.of("jane@example.com");
    await advanceTime(50);
    expect(store.isKnown("jane@example.com")).toBe(false);
    expect(await store.known(1000)).toEqual([]);
});
