import { Component, onMounted, onWillUpdateProps, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ConnectionLostError } from "@web/core/network/rpc";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { openMailDesk } from "../services/news_service";

/** On a contact: the mails exchanged with it. The number comes after the form, which never waits for it. */
export class ContactMails extends Component {
    static props = { ...standardWidgetProps };
    static template = "maildesk.ContactMails";

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.state = useState({ hasMailbox: false, count: null, hasMore: false });
        onMounted(() => this.load(this.props.record.resId));
        onWillUpdateProps(({ record }) => {
            if (record.resId !== this.resId) {
                this.load(record.resId);
            }
        });
    }

    get count() {
        return this.state.hasMore ? `${this.state.count}+` : String(this.state.count);
    }

    async load(resId) {
        this.resId = resId;
        this.state.hasMailbox = false;
        if (!resId) {
            return;
        }
        try {
            const answer = await this.orm.silent.call("res.partner", "maildesk_mail_count", [[resId]]);
            if (this.resId === resId) {
                Object.assign(this.state, { hasMailbox: answer.has_mailbox, count: answer.count, hasMore: answer.more });
            }
        } catch (error) {
            // the form is Odoo's: without the server it says so itself
            if (!(error instanceof ConnectionLostError)) {
                throw error;
            }
        }
    }

    async open() {
        this.action.doAction(await this.orm.call("res.partner", "action_maildesk_mails", [[this.resId]]));
    }
}

registry.category("view_widgets").add("maildesk_contact_mails", { component: ContactMails });

/** A list of mails: a mail is opened where mails are read. */
class MailsListController extends ListController {
    openRecord(record) {
        // the way back to the list stays
        return openMailDesk(this.actionService, record.resId, {});
    }
}

registry.category("views").add("maildesk_mails_list", { ...listView, Controller: MailsListController });
