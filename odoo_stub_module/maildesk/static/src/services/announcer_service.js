import { Component, reactive, useState, xml } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";

/** What a screen reader says without being asked: politely, when it has finished its sentence. */
class Announcer extends Component {
    static props = {};
    static template = xml`<div class="o-maildesk-announcer visually-hidden" role="status" aria-live="polite" aria-atomic="true" t-esc="announcer.text"/>`;

    setup() {
        this.announcer = useState(useService("maildesk.announcer"));
    }
}

export const announcerService = {
    start() {
        const announcer = reactive({
            text: "",
            /** @param {string} text plain */
            announce(text) {
                // the same words twice are news twice: a space that is not heard makes them differ
                announcer.text = text === announcer.text ? `${text}\u00a0` : text;
            },
        });
        return announcer;
    },
};

registry.category("services").add("maildesk.announcer", announcerService);
registry.category("main_components").add("maildesk.Announcer", { Component: Announcer });
