import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { FormController } from "@web/views/form/form_controller";
import { formView } from "@web/views/form/form_view";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";
import { disconnectQuestion } from "../actions/account_questions";

/** Odoo's own Delete, asked for what it does here: it disconnects. */
class AccountFormController extends FormController {
    get deleteConfirmationDialogProps() {
        const { confirm } = super.deleteConfirmationDialogProps;
        return { ...disconnectQuestion(this.model.root.data.name), confirm };
    }

    getStaticActionMenuItems() {
        const items = super.getStaticActionMenuItems();
        const { isAvailable } = items.delete;
        // what is disconnected already is purged, and that has a button and a question of its own
        items.delete.isAvailable = () => isAvailable() && this.model.root.data.state !== "disconnected";
        return items;
    }
}

class AccountListController extends ListController {
    get deleteConfirmationDialogProps() {
        const { selection } = this.model.root;
        const name = selection.length === 1 ? selection[0].data.name : _t("these mailboxes");
        return { ...super.deleteConfirmationDialogProps, ...disconnectQuestion(name) };
    }
}

registry.category("views").add("maildesk_account_form", { ...formView, Controller: AccountFormController });
registry.category("views").add("maildesk_account_list", { ...listView, Controller: AccountListController });
