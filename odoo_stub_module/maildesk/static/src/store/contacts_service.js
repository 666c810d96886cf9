import { registry } from "@web/core/registry";
import { ContactStore } from "./contacts";

export const contactsService = {
    dependencies: ["orm"],

    start(env, services) {
        return new ContactStore(services);
    },
};

registry.category("services").add("maildesk.contacts", contactsService);
