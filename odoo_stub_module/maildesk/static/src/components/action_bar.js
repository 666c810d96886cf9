import { Component } from "@odoo/owl";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { maildeskMenus } from "../actions/maildesk_actions";
import { useViewport } from "../utils/viewport_hook";

// In one line of a phone, beside the menus; what has no room there goes behind the three dots.
const PHONE_BUTTONS = 5;

/** Actions of the registry as buttons, those that are needed less behind three dots. */
export class ActionBar extends Component {
    static components = { Dropdown, DropdownItem };
    static props = { actions: Array };
    static template = "maildesk.ActionBar";

    setup() {
        this.viewport = useViewport();
    }

    get direct() {
        return this.props.actions.filter((action) => !action.isMore && !action.menu);
    }

    get buttons() {
        return this.viewport.isPhone ? this.direct.slice(0, PHONE_BUTTONS) : this.direct;
    }

    get menus() {
        return maildeskMenus
            .getEntries()
            .map(([id, menu]) => ({ ...menu, id, actions: this.props.actions.filter((action) => action.menu === id) }))
            .filter(({ actions }) => actions.length);
    }

    get others() {
        const hidden = this.direct.slice(this.buttons.length);
        return [...hidden, ...this.props.actions.filter((action) => action.isMore && !action.menu)];
    }

    titleOf({ name, keys }) {
        return keys ? `${name} (${keys[0]})` : String(name);
    }
}
