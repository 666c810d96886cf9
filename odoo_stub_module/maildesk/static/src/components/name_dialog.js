import { Component, useState } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { useAutofocus } from "@web/core/utils/hooks";

// What Outlook takes as the name of a folder.
const MAX_NAME = 255;

/** Ask for the name of a folder. */
export class NameDialog extends Component {
    static components = { Dialog };
    static props = {
        title: String,
        name: { type: String, optional: true },
        confirmLabel: String,
        onNamed: Function,
        close: Function,
    };
    static template = "maildesk.NameDialog";

    setup() {
        this.state = useState({ name: this.props.name ?? "", isBusy: false });
        this.maxLength = MAX_NAME;
        useAutofocus({ refName: "input", selectAll: true });
    }

    get name() {
        return this.state.name.trim();
    }

    get canConfirm() {
        return Boolean(this.name) && this.name !== this.props.name && !this.state.isBusy;
    }

    onKeydown(ev) {
        if (ev.key === "Enter" && !ev.isComposing) {
            ev.preventDefault();
            this.confirm();
        }
    }

    /** What Odoo refuses can be mended here: the dialog stays. */
    async confirm() {
        if (!this.canConfirm) {
            return;
        }
        this.state.isBusy = true;
        try {
            await this.props.onNamed(this.name);
        } catch (error) {
            this.state.isBusy = false;
            throw error;
        }
        this.props.close();
    }
}
