import { Component, useEffect, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { ConversationView } from "./conversation";

/** Right: the open message, with the conversation that it is part of. */
export class ReadingPane extends Component {
    static components = { ConversationView };
    static props = { hasBack: Boolean, onBack: Function };
    static template = "maildesk.ReadingPane";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.scroller = useRef("scroller");
        useEffect(
            (el) => {
                if (el) {
                    el.scrollTop = 0;
                }
            },
            () => [this.scroller.el, this.store.reading?.id]
        );
    }

    get subject() {
        return this.store.reading.message.subject || _t("(no subject)");
    }

    get count() {
        return this.store.conversation?.items.length ?? 1;
    }
}
