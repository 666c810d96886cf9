import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { usePopover } from "@web/core/popover/popover_hook";
import { shownAddress, shownName } from "../../utils/people";
import { useViewport } from "../../utils/viewport_hook";
import { ContactCard } from "./contact_card";

class ContactPopover extends Component {
    static components = { ContactCard };
    static props = { person: Object, messageId: [Number, { value: null }], close: Function };
    static template = "maildesk.ContactPopover";

    setup() {
        this.viewport = useViewport();
    }
}

/** A sender's name and address; the name leads to the contact card, which narrow screens have nowhere else. */
export class ContactName extends Component {
    static props = { person: Object, messageId: [Number, { value: null }] };
    static template = "maildesk.ContactName";

    setup() {
        this.popover = usePopover(ContactPopover, { position: "bottom-start", popoverClass: "o-maildesk-contact-frame" });
    }

    get name() {
        return shownName(this.props.person) || _t("(no sender)");
    }

    get address() {
        return shownAddress(this.props.person);
    }

    toggle(ev) {
        if (this.popover.isOpen) {
            this.popover.close();
        } else {
            this.popover.open(ev.currentTarget, { person: this.props.person, messageId: this.props.messageId });
        }
    }
}
