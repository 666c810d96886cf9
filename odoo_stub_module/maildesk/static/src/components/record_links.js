import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { openRecord } from "../actions/into_actions";

const KINDS = {
    log: { label: _t("Logged on:"), icon: "fa-comment-o" },
    lead: { label: _t("Lead:"), icon: "fa-star-o" },
    task: { label: _t("Task:"), icon: "fa-check-square-o" },
};

/** Over the open conversation: the records that came of it. */
export class RecordLinks extends Component {
    static props = {};
    static template = "maildesk.RecordLinks";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.action = useService("action");
    }

    get links() {
        return this.store.into.links.map((link) => ({ ...link, ...KINDS[link.kind] }));
    }

    open(link) {
        return openRecord(this.action, link);
    }
}
