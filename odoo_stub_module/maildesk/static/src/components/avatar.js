import { Component, xml } from "@odoo/owl";
import { avatarColor, initials } from "../utils/format";

/** The coloured disc of a correspondent. Decoration: the name stands beside it. */
export class Avatar extends Component {
    static props = { person: Object, size: { type: String, optional: true } };
    static template = xml`
        <span class="o-maildesk-avatar" t-attf-class="{{ props.size ? 'o-' + props.size : '' }}"
            aria-hidden="true" t-attf-style="background-color: {{ color }}" t-esc="letters"/>`;

    get color() {
        return avatarColor(this.props.person);
    }

    get letters() {
        return initials(this.props.person);
    }
}
