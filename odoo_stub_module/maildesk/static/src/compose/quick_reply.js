import { Component, onWillUnmount, useEffect, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useAutoresize } from "@web/core/utils/autoresize";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { SAVE_DELAY } from "../store/draft";
import { withText } from "../utils/mail_text";
import { correspondentOf, shownName } from "../utils/people";
import { whyNoWriting } from "../utils/writing";

/**
 * Below a conversation: a few words to whoever wrote last, without a window. With the first pause it is a draft like any other; whoever
 * goes on to another message finds it in a window.
 */
export class QuickReply extends Component {
    static props = {
        /** The message that is answered. */
        message: Object,
        account: { type: Object, optional: true },
    };
    static template = "maildesk.QuickReply";

    setup() {
        this.compose = useState(useService("maildesk.compose"));
        this.input = useRef("input");
        this.state = useState({ text: "", isBusy: false });
        this.draft = null;
        this.saveSoon = useDebounced(() => this.sync(), SAVE_DELAY);
        useAutoresize(this.input);
        // another message: what was written for the last one goes into a window
        useEffect(
            (messageId) => () => this.leave(messageId),
            () => [this.props.message.id]
        );
        onWillUnmount(() => this.saveSoon.cancel());
    }

    get reason() {
        return whyNoWriting(this.props.account);
    }

    get label() {
        // one's own mail is answered to those who got it
        return _t("Reply to %s…", shownName(correspondentOf(this.props.message, this.props.account?.email)));
    }

    onInput(ev) {
        this.state.text = ev.target.value;
        this.saveSoon();
    }

    onKeydown(ev) {
        if (ev.key === "Enter" && (ev.ctrlKey || ev.metaKey)) {
            ev.preventDefault();
            this.send();
        } else if (ev.key === "Escape") {
            ev.stopPropagation();
            ev.target.blur();
        }
    }

    /** Bring the words into the draft; the first time it is made. */
    async sync() {
        const { text } = this.state;
        if (!text.trim() && !this.draft) {
            return null;
        }
        this.made ??= this.begin(this.props.message.id);
        this.draft = await this.made;
        this.draft.own = withText(this.blank, text);
        this.draft.touch("html");
        return this.draft;
    }

    async begin(messageId) {
        const draft = await this.compose.begin("reply", { messageId }, { isQuick: true });
        this.blank = draft.own;
        return draft;
    }

    async send() {
        if (!this.state.text.trim() || this.state.isBusy) {
            return;
        }
        this.state.isBusy = true;
        try {
            this.saveSoon.cancel();
            const draft = await this.sync();
            const isSent = await this.compose.sending.send(draft);
            if (!isSent) {
                this.compose.showInWindow(draft);
            }
            this.reset();
        } finally {
            this.state.isBusy = false;
        }
    }

    /** Go on in a window, with all that a window has. */
    async open() {
        this.state.isBusy = true;
        try {
            this.saveSoon.cancel();
            const draft = await this.sync();
            this.reset();
            this.compose.showInWindow(draft);
        } finally {
            this.state.isBusy = false;
        }
    }

    /** The person goes on to something else: nothing written is lost. */
    async leave(messageId) {
        const { text } = this.state;
        const { made, blank } = this;
        this.saveSoon.cancel();
        this.reset();
        if (!text.trim()) {
            return made && this.compose.discard(await made);
        }
        const draft = made ? await made : await this.compose.begin("reply", { messageId }, { isQuick: true });
        draft.own = withText(blank ?? draft.own, text);
        draft.touch("html");
        this.compose.showInWindow(draft, { isMinimized: true });
    }

    reset() {
        this.draft = null;
        this.made = null;
        this.state.text = "";
    }
}
