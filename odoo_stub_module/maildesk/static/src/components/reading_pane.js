import { Component, useEffect, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { browser } from "@web/core/browser/browser";
import { useService } from "@web/core/utils/hooks";
import { useMailDeskActions } from "../actions/maildesk_actions";
import { QuickReply } from "../compose/quick_reply";
import { ActionBar } from "./action_bar";
import { ConversationView } from "./conversation";
import { RecordLinks } from "./record_links";

// A message that was looked at for this long is read; one that was passed on the way down the list is not.
const READ_AFTER = 1000; // ms

/** Right: the open message, with the conversation that it is part of. */
export class ReadingPane extends Component {
    static components = { ActionBar, ConversationView, QuickReply, RecordLinks };
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
        this.actions = useMailDeskActions("conversation");
        useEffect(
            (reading) => {
                const { conversation } = this.store;
                const timer = reading && browser.setTimeout(() => this.store.doing.markShown(conversation), READ_AFTER);
                return () => browser.clearTimeout(timer);
            },
            // what is unfolded later is looked at, too; what is marked as unread while it is open stays so
            () => [this.store.reading, this.store.conversation?.unfolded.size]
        );
    }

    get subject() {
        return this.store.reading.message.subject || _t("(no subject)");
    }

    get offered() {
        const { openRow } = this.store;
        return openRow ? this.actions.list({ rows: [openRow] }) : [];
    }

    get count() {
        return this.store.conversation?.items.length ?? 1;
    }
}
