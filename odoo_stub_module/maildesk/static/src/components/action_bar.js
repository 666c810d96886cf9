import { Component } from "@odoo/owl";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { maildeskMenus } from "../actions/maildesk_actions";
import { useViewport } from "../utils/viewport_hook";

/** Actions of the registry as buttons, those that are needed less behind three dots. */
export class ActionBar extends Component {
    static components = { Dropdown, DropdownItem };
    static props = { actions: Array };
    static template = "maildesk.ActionBar";

    setup() {
        this.viewport = useViewport();
    }

    get buttons() {
        return this.props.actions.filter((action) => !action.isMore && !action.menu);
    }

    get menus() {
        return maildeskMenus
            .getEntries()
            .map(([id, menu]) => ({ ...menu, id, actions: this.props.actions.filter((action) => action.menu === id) }))
            .filter(({ actions }) => actions.length);
    }

    get others() {
        return this.props.actions.filter((action) => action.isMore && !action.menu);
    }

    titleOf({ name, keys }) {
        return keys ? `${name} (${keys[0]})` : String(name);
    }
}
