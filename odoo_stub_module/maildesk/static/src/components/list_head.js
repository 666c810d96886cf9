import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { SearchBar } from "./search_bar";
import { SelectionBar } from "./selection_bar";
import { Toolbar } from "./toolbar";

const FILTERS = [
    { name: "unread", label: _t("Unread") },
    { name: "flagged", label: _t("Flagged") },
    { name: "attachments", label: _t("With attachments"), icon: "fa-paperclip" },
    { name: "from_me", label: _t("From me") },
    { name: "to_me", label: _t("To me") },
];

/** Above the rows: the search; which folder this is and what can be done there, or with what is selected; what is shown of it. */
export class ListHead extends Component {
    static components = { SearchBar, SelectionBar, Toolbar };
    static props = { onLeave: Function };
    static template = "maildesk.ListHead";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.filters = FILTERS;
    }

    /** Where a search may look, those that differ. */
    get places() {
        const { store } = this;
        const place = store.isUnified ? _t("All inboxes") : store.folder?.name;
        return [
            { name: "all", label: store.accounts.length > 1 ? _t("All mailboxes") : _t("All folders") },
            { name: "account", label: store.nearestAccount?.name, isNeeded: store.accounts.length > 1 },
            { name: "folder", label: place },
        ].filter(({ isNeeded = true }) => isNeeded);
    }

    isOn(filter) {
        return this.store.filters.includes(filter.name);
    }

    toggle(filter) {
        const { filters } = this.store;
        return this.store.setFilters(
            this.isOn(filter) ? filters.filter((name) => name !== filter.name) : [...filters, filter.name]
        );
    }
}
