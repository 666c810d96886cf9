import { Component, useState } from "@odoo/owl";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { useViewport } from "../utils/viewport_hook";

/** The gear. */
export class SettingsMenu extends Component {
    static components = { Dropdown, DropdownItem };
    static props = {};
    static template = "maildesk.SettingsMenu";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.viewport = useViewport();
        this.actions = useMailDeskActions("settings");
    }
}
