import { Component, onWillStart, onWillUpdateProps, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { shownAddress, shownName } from "../../utils/people";
import { Avatar } from "../avatar";

/** Who a correspondent is: the contact with what Odoo knows of it, or the way to make one. */
export class ContactCard extends Component {
    static components = { Avatar };
    static props = {
        /** @type {import("../../utils/people").Person} */
        person: Object,
        messageId: [Number, { value: null }],
        /** Given in a popover: what the card opens closes it. */
        close: { type: Function, optional: true },
    };
    static template = "maildesk.ContactCard";

    setup() {
        this.action = useService("action");
        this.contacts = useState(useService("maildesk.contacts"));
        this.state = useState({ known: [], knownOf: null, isCreating: false });
        onWillStart(() => this.loadKnown(this.contact));
        onWillUpdateProps((props) => this.loadKnown(this.contacts.of(props.person.address)));
    }

    get contact() {
        const contact = this.contacts.of(this.props.person.address);
        this.loadKnown(contact);
        return contact;
    }

    get name() {
        return this.contact?.name || shownName(this.props.person) || _t("(unknown)");
    }

    get address() {
        return shownAddress(this.props.person);
    }

    /** What the mail calls a contact, if that is something else: a contact's name on a stranger's mail would be believed. */
    get otherName() {
        const called = shownName(this.props.person);
        return this.contact && called !== this.contact.name && called !== this.address ? called : "";
    }

    get canCreate() {
        return this.props.messageId && this.contacts.mayCreate && !this.contact && this.contacts.isKnown(this.props.person.address);
    }

    /** Not awaited: the card stands at once, the buttons come into it. */
    loadKnown(contact) {
        const id = contact?.id ?? null;
        if (this.state.knownOf !== id) {
            this.state.knownOf = id;
            this.state.known = [];
            if (id) {
                this.contacts.known(id).then((known) => {
                    if (this.state.knownOf === id) {
                        this.state.known = known;
                    }
                });
            }
        }
    }

    knownCount(button) {
        return button.more ? `${button.count}+` : String(button.count);
    }

    open(action) {
        this.props.close?.();
        return this.action.doAction(action);
    }

    openContact() {
        return this.open({
            type: "ir.actions.act_window",
            res_model: "res.partner",
            res_id: this.contact.id,
            views: [[false, "form"]],
        });
    }

    async create() {
        this.state.isCreating = true;
        try {
            await this.contacts.create(this.props.messageId, this.props.person.address);
        } finally {
            this.state.isCreating = false;
        }
    }
}
