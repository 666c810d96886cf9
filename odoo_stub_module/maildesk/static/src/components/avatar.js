import { Component, useState, xml } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { avatarColor, initials } from "../utils/format";

/** A correspondent: the contact's picture, or a coloured disc. Decoration: the name stands beside it. */
export class Avatar extends Component {
    static props = { person: Object, size: { type: String, optional: true } };
    static template = xml`
        <img t-if="picture" class="o-maildesk-avatar" t-attf-class="{{ props.size ? 'o-' + props.size : '' }}"
            t-att-src="picture" alt="" loading="lazy" t-on-error="() => this.state.broken = picture"/>
        <span t-else="" class="o-maildesk-avatar" t-attf-class="{{ props.size ? 'o-' + props.size : '' }}"
            aria-hidden="true" t-attf-style="background-color: {{ color }}" t-esc="letters"/>`;

    setup() {
        this.contacts = useState(useService("maildesk.contacts"));
        this.state = useState({ broken: "" });
    }

    /** Of a contact whose picture cannot be fetched any more the disc is shown. */
    get picture() {
        const picture = this.contacts.of(this.props.person.address)?.picture;
        return picture && picture !== this.state.broken ? picture : "";
    }

    get color() {
        return avatarColor(this.props.person);
    }

    get letters() {
        return initials(this.props.person);
    }
}
