import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { useService } from "@web/core/utils/hooks";
import { useViewport } from "../utils/viewport_hook";

const OPTIONS = [
    {
        name: "view",
        label: _t("Show"),
        choices: [
            { value: "conversations", label: _t("Conversations") },
            { value: "plain", label: _t("Single messages") },
        ],
    },
    {
        name: "order",
        label: _t("Order"),
        choices: [
            { value: "newest", label: _t("Newest first") },
            { value: "oldest", label: _t("Oldest first") },
        ],
    },
    {
        name: "density",
        label: _t("Rows"),
        choices: [
            { value: "comfortable", label: _t("Comfortable") },
            { value: "compact", label: _t("Compact") },
        ],
    },
];

/** How the list looks; kept for this user in this browser. */
export class ListOptions extends Component {
    static components = { Dropdown, DropdownItem };
    static props = {};
    static template = "maildesk.ListOptions";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.viewport = useViewport();
        this.options = OPTIONS;
    }

    isOn(option, choice) {
        return this.store.preferences[option.name] === choice.value;
    }
}
