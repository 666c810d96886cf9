import { describe, expect, test } from "@odoo/hoot";
import { categoryColor, categoryNames, categoryStyle } from "@maildesk/utils/categories";

describe.current.tags("headless");

test("categories: the six of Outlook have their colours in any language that is known, others none", () => {
    const red = categoryColor("Red category");
    for (const name of ["RED CATEGORY", "Rote Kategorie", "Categoría roja", "Catégorie rouge", "Rode categorie", "Categoria Vermelha", "Röd kategori"]) {
        expect(categoryColor(name)).toBe(red, { message: name });
    }
    // an accent by itself, as macOS writes it
    expect(categoryColor("Grüne Kategorie".normalize("NFD"))).toBe(categoryColor("Green category"));
    expect(categoryColor("Kategoria Niebieski")).toBe(categoryColor("Blue category"));
    expect(categoryColor("Rot")).toBe(undefined);
    expect(categoryStyle("Customers")).toBe(undefined);
});

test("categories: a mailbox is offered names in its own language, whatever that of the user is", () => {
    const german = ["Rote Kategorie", "Orange Kategorie", "Gelbe Kategorie", "Grüne Kategorie", "Blaue Kategorie", "Lila Kategorie"];
    expect(categoryNames(["Projekt", "Blaue Kategorie", "Amt"], "en_US")).toEqual([...german, "Amt", "Projekt"]);
    expect(categoryNames([], "de_DE")).toEqual(german);
    expect(categoryNames([], "de-CH")).toEqual(german);
    expect(categoryNames(["Red category"], "de_DE")[5]).toBe("Purple category");
});

test("categories: of two languages in a mailbox the more used one is offered, and what else is used", () => {
    const names = categoryNames(["Rode categorie", "Red category"], "en_US");
    expect(names.slice(0, 2)).toEqual(["Rode categorie", "Oranje categorie"]);
    expect(names.at(-1)).toBe("Red category");
});

test("categories: where the language is not known only what is used is offered, as it is written", () => {
    expect(categoryNames([], "it_IT")).toEqual([]);
    expect(categoryNames(["Kategoria Niebieski", "Klienci"], "en_US")).toEqual(["Kategoria Niebieski", "Klienci"]);
    expect(categoryNames(["Categoria verde"], "it_IT")).toEqual(["Categoria verde"]);
    expect(categoryNames(["Categoria verde"], "pt_BR")).toHaveLength(6);
    expect(categoryNames(["red CATEGORY"], "en_US")[0]).toBe("red CATEGORY");
});
