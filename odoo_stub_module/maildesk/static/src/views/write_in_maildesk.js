import { Component, useEnv } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { registry } from "@web/core/registry";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { session } from "@web/session";

/**
 * "Write in MailDesk" where Odoo knows an address: a button on a contact, an entry in the menu of every record with an address, an action
 * on a list of contacts.
 */

// How models name an address, or the contact that has one.
const ADDRESS_FIELDS = ["email", "email_from", "email_normalized", "partner_id"];

/** Begin a mail to the people of some records. */
async function writeTo({ compose, notification, orm }, resModel, resIds) {
    const { people } = await orm.call("res.partner", "maildesk_people", [], { res_model: resModel, res_ids: resIds });
    if (!people.length) {
        notification.add(_t("There is no address to write to."), { type: "warning" });
        return;
    }
    return compose.begin("new", { to: people });
}

function useWriting() {
    // not by `useService`: a menu closes with the click, and a component that is gone hears no answer of its services
    const { "maildesk.compose": compose, notification, orm } = useEnv().services;
    return (resModel, resIds) => writeTo({ compose, notification, orm }, resModel, resIds);
}

/** On the form of a contact. */
export class WriteButton extends Component {
    static props = { ...standardWidgetProps };
    static template = "maildesk.WriteButton";

    setup() {
        this.write = useWriting();
    }

    get isPossible() {
        return Boolean(this.props.record.resId && this.props.record.data.email);
    }

    run() {
        return this.write("res.partner", [this.props.record.resId]);
    }
}

registry.category("view_widgets").add("maildesk_write", {
    component: WriteButton,
    fieldDependencies: [{ name: "email", type: "char" }],
});

/** In the menu of any other record with an address. */
export class WriteMenuItem extends Component {
    static components = { DropdownItem };
    static props = {};
    static template = "maildesk.WriteMenuItem";

    setup() {
        this.write = useWriting();
    }

    run() {
        const { resId, resModel } = this.env.model.root;
        return this.write(resModel, [resId]);
    }
}

registry.category("cogMenu").add(
    "maildesk-write",
    {
        Component: WriteMenuItem,
        groupNumber: 20,
        isDisplayed: ({ config, model }) =>
            Boolean(session.maildesk_user) &&
            config.viewType === "form" &&
            model?.root?.resModel !== "res.partner" &&
            Boolean(model?.root?.resId) &&
            ADDRESS_FIELDS.some((name) => name in (model.root.fields ?? {})),
    },
    { sequence: 20 }
);

/** What the server's action on contacts says to the browser: write to these. */
registry.category("actions").add("maildesk.write", async (env, action) => {
    const { "maildesk.compose": compose, notification, orm } = env.services;
    await writeTo({ compose, notification, orm }, action.params.res_model, action.params.res_ids);
});
