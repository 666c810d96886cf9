import { Component } from "@odoo/owl";
import { isMacOS } from "@web/core/browser/feature_detection";
import { Dialog } from "@web/core/dialog/dialog";
import { registry } from "@web/core/registry";
import { keyCaps } from "../utils/keys";

registry.category("command_categories").add("maildesk", {}, { sequence: 5 });

/** Keys as they are pressed: one cap each, "then" between those of a sequence. */
export class KeyCaps extends Component {
    static props = { keys: String };
    static template = "maildesk.KeyCaps";

    get combos() {
        return keyCaps(this.props.keys, isMacOS());
    }
}

/** `?`: all keys, by what they are for. */
export class HelpDialog extends Component {
    static components = { Dialog, KeyCaps };
    static props = { entries: Array, close: Function };
    static template = "maildesk.HelpDialog";

    get groups() {
        const groups = new Map();
        for (const entry of this.props.entries) {
            const name = String(entry.group);
            groups.set(name, [...(groups.get(name) ?? []), entry]);
        }
        return [...groups].map(([name, entries]) => ({ name, entries }));
    }
}

/** An entry of Odoo's command palette, with the key that spares the way there. */
class KeyCommandItem extends Component {
    static components = { KeyCaps };
    static props = ["keys", "name?", "searchValue?", "executeCommand", "slots"];
    static template = "maildesk.KeyCommandItem";
}

/** @param {import("../actions/maildesk_keys").KeyEntry} entry */
export function keyCommand(entry) {
    return {
        Component: KeyCommandItem,
        action: () => {
            entry.run();
        },
        category: "maildesk",
        name: String(entry.name),
        props: { keys: entry.keys[0] },
    };
}
