import { Component, onWillStart, useState } from "@odoo/owl";
import { uniqueId } from "@web/core/utils/functions";
import { useService } from "@web/core/utils/hooks";
import { isAddressLike } from "../utils/people";

/** Which mailbox and address a mail comes from; nothing where there is no choice. */
export class FromField extends Component {
    static props = { draft: Object };
    static template = "maildesk.FromField";

    setup() {
        this.compose = useState(useService("maildesk.compose"));
        this.id = uniqueId("maildesk-from-");
        onWillStart(() => {
            // not awaited: the window stands without it
            this.compose.loadSenders();
        });
    }

    /** @returns {{accountId: number, address: string, label: string, key: string}[]} */
    get choices() {
        const { accountId, fromAddress, fromChoices, mode } = this.props.draft;
        const own = (fromChoices ?? [fromAddress]).map((address) => ({ accountId, address }));
        // An answer comes from the mailbox that has the message.
        const others = mode === "new" ? this.compose.senders.filter(({ id }) => id !== accountId) : [];
        return [...own, ...others.map(({ id, email }) => ({ accountId: id, address: email }))].map((choice) => {
            const name = this.compose.senders.find(({ id }) => id === choice.accountId)?.name;
            // a mailbox that is called by its first address would lend that to its others
            const label = name && !isAddressLike(name) ? `${name} <${choice.address}>` : choice.address;
            return { ...choice, label, key: `${choice.accountId}/${choice.address}` };
        });
    }

    get chosen() {
        const { accountId, fromAddress } = this.props.draft;
        return `${accountId}/${fromAddress}`;
    }

    onChange(ev) {
        const choice = this.choices.find(({ key }) => key === ev.target.value);
        return this.compose.changeSender(this.props.draft, choice);
    }
}
