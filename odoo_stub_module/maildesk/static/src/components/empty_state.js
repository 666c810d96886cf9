import { Component, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { isStarting } from "../utils/folders";

/** Before there is any folder to show: no mailbox yet, one to be authorized, or one whose folders are on their way. */
export class EmptyState extends Component {
    static props = {};
    static template = "maildesk.EmptyState";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.actions = useMailDeskActions("account");
    }

    get starting() {
        return this.store.connectedAccounts.find(isStarting);
    }

    /** The mailbox that waits for its owner, and what they can do. */
    get waiting() {
        for (const account of this.store.connectedAccounts) {
            const actions = this.actions.list({ account });
            if (actions.length) {
                return { account, actions };
            }
        }
        return null;
    }

    connect() {
        return this.actions.run("connect-mailbox");
    }
}
