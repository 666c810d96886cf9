import { Component, onWillUnmount, useRef } from "@odoo/owl";
import { MAIL_SANDBOX, mailDocument } from "../utils/mail_document";

/**
 * A mail's body in a frame of its own, where nothing runs and nothing loads. The frame is as high as the mail, so the page
 * scrolls as one; keys pressed inside are the app's as if pressed outside.
 */
export class MailFrame extends Component {
    static props = { html: String, title: String };
    static template = "maildesk.MailFrame";

    setup() {
        this.sandbox = MAIL_SANDBOX;
        this.frame = useRef("frame");
        onWillUnmount(() => this.observer?.disconnect());
    }

    get document() {
        return mailDocument(this.props.html);
    }

    onLoad() {
        const { contentDocument } = this.frame.el;
        this.observer?.disconnect();
        this.observer = new ResizeObserver(() => this.fit());
        this.observer.observe(contentDocument.body);
        contentDocument.addEventListener("keydown", (ev) => this.forward(ev));
        this.fit();
    }

    fit() {
        const { body } = this.frame.el?.contentDocument ?? {};
        if (body) {
            // a horizontal scrollbar takes its height from the body, not from the text
            const scrollbar = body.offsetHeight - body.clientHeight;
            this.frame.el.style.height = `${Math.ceil(body.scrollHeight + scrollbar)}px`;
        }
    }

    forward(ev) {
        const { key, code, shiftKey, ctrlKey, altKey, metaKey } = ev;
        const copy = new KeyboardEvent("keydown", {
            key, code, shiftKey, ctrlKey, altKey, metaKey, bubbles: true, cancelable: true,
        });
        if (!this.frame.el.dispatchEvent(copy)) {
            ev.preventDefault();
        }
    }
}
