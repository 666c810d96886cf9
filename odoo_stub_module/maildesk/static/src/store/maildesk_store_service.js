import { registry } from "@web/core/registry";
import { MailDeskStore } from "./maildesk_store";

export const maildeskStoreService = {
    dependencies: ["bus_service", "maildesk.announcer", "notification", "orm"],

    start(env, services) {
        return new MailDeskStore(services);
    },
};

registry.category("services").add("maildesk.store", maildeskStoreService);
