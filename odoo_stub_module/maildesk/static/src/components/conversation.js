import { Component, useState } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { MessageView } from "./message_view";

// Folded messages that stand in a row; of more the first and the last do, with one line for those between.
const FOLDED_SHOWN = 4;

/** The messages of a conversation one below the other, or the one message there is. */
export class ConversationView extends Component {
    static components = { MessageView };
    static props = {};
    static template = "maildesk.ConversationView";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.state = useState({ isWhole: false, of: null });
    }

    get conversation() {
        return this.store.conversation;
    }

    get isConversation() {
        return this.conversation.items.length > 1;
    }

    /** Whether the person asked for all of this conversation. */
    get isWhole() {
        return this.state.isWhole && this.state.of === this.store.reading.id;
    }

    showWhole() {
        Object.assign(this.state, { isWhole: true, of: this.store.reading.id });
    }

    /** @returns {{reading?: object, isFolded?: boolean, hidden?: number, key: string}[]} messages, and the lines that stand for several */
    get lines() {
        const { items } = this.conversation;
        const lines = [];
        for (let at = 0; at < items.length; ) {
            let end = at;
            while (end < items.length && this.conversation.isFolded(items[end].id)) {
                end++;
            }
            const folded = items.slice(at, end);
            if (folded.length > FOLDED_SHOWN && !this.isWhole) {
                lines.push(this.line(folded[0]), { hidden: folded.length - 2, key: `hidden-${folded[1].id}` }, this.line(folded.at(-1)));
            } else {
                lines.push(...folded.map((reading) => this.line(reading)));
            }
            if (end < items.length) {
                lines.push(this.line(items[end]));
            }
            at = end + 1;
        }
        return lines;
    }

    line(reading) {
        return { reading, key: `message-${reading.id}`, isFolded: this.conversation.isFolded(reading.id) };
    }

    toggle(reading) {
        return this.store.reader.toggle(reading.id);
    }
}
