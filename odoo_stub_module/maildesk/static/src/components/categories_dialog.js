import { Component, useState } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { categoryNames, categoryStyle } from "../utils/categories";

// What Outlook takes as the name of a category.
const MAX_NAME = 255;

/** The categories of messages: those that all of them have are ticked; a new name is typed. */
export class CategoriesDialog extends Component {
    static components = { Dialog };
    /** `known`: the names that the mailbox uses. */
    static props = { rows: Array, known: Array, onChosen: Function, close: Function };
    static template = "maildesk.CategoriesDialog";

    setup() {
        const { known, rows } = this.props;
        const common = rows[0].categories.filter((name) => rows.every((row) => row.categories.includes(name)));
        this.state = useState({ chosen: [...common], names: categoryNames([...known, ...rows.flatMap((row) => row.categories)]), added: "" });
        this.categoryStyle = categoryStyle;
        this.maxLength = MAX_NAME;
    }

    /** Whether rows differ: then what is ticked replaces what each has. */
    get isMixed() {
        const [first, ...others] = this.props.rows.map((row) => [...row.categories].sort().join("\n"));
        return others.some((other) => other !== first);
    }

    toggle(name) {
        const { chosen } = this.state;
        this.state.chosen = chosen.includes(name) ? chosen.filter((other) => other !== name) : [...chosen, name];
    }

    add() {
        const name = this.state.added.trim();
        if (!name) {
            return;
        }
        const known = this.state.names.find((other) => other.toLowerCase() === name.toLowerCase());
        if (!known) {
            this.state.names.push(name);
        }
        if (!this.state.chosen.includes(known ?? name)) {
            this.state.chosen.push(known ?? name);
        }
        this.state.added = "";
    }

    onKeydown(ev) {
        if (ev.key === "Enter" && !ev.isComposing) {
            ev.preventDefault();
            this.add();
        }
    }

    confirm() {
        this.add();
        this.props.close();
        this.props.onChosen([...this.state.chosen]);
    }
}
