import { Component, onWillUnmount, useRef } from "@odoo/owl";
import { MAIL_SANDBOX, mailDocument } from "../utils/mail_document";

// A frame higher than this scrolls inside: browsers paint no longer page well, and no mail grows it without end.
const HIGHEST = 200_000; // px

/**
 * A mail's body in a frame of its own, where nothing runs and nothing loads. The frame is as high as the mail, so the page
 * scrolls as one; keys pressed inside are the app's as if pressed outside.
 */
export class MailFrame extends Component {
    static props = {
        html: String,
        title: String,
        /** @type {import("../utils/mail_document").MailLook} */
        look: { type: Object, optional: true },
        /** Hears where the link leads that is pointed at or focused, null for none. */
        onLink: { type: Function, optional: true },
    };
    static template = "maildesk.MailFrame";

    setup() {
        this.sandbox = MAIL_SANDBOX;
        this.frame = useRef("frame");
        onWillUnmount(() => this.observer?.disconnect());
    }

    get document() {
        return mailDocument(this.props.html, this.props.look);
    }

    onLoad() {
        const { contentDocument } = this.frame.el;
        this.observer?.disconnect();
        this.observer = new ResizeObserver(() => this.fit());
        this.observer.observe(contentDocument.body);
        contentDocument.addEventListener("keydown", (ev) => this.forward(ev));
        contentDocument.addEventListener("click", (ev) => this.followInside(ev));
        for (const [enter, leave] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
            contentDocument.addEventListener(enter, (ev) => this.showLink(ev));
            contentDocument.addEventListener(leave, () => this.props.onLink?.(null));
        }
        this.fit();
    }

    /** A link to a part of the mail itself. */
    followInside(ev) {
        const link = ev.target.closest?.("a[href^='#']");
        if (link) {
            ev.preventDefault();
            const name = CSS.escape(link.getAttribute("href").slice(1));
            const part = name && this.frame.el.contentDocument.body.querySelector(`[id="${name}"], a[name="${name}"]`);
            part?.scrollIntoView?.({ block: "start" });
        }
    }

    showLink(ev) {
        const link = ev.target.closest?.("a[href]:not([href^='#'])");
        this.props.onLink?.(link?.getAttribute("href") ?? null);
    }

    fit() {
        const { body } = this.frame.el?.contentDocument ?? {};
        if (body) {
            // a horizontal scrollbar takes its height from the body, not from the text
            const scrollbar = body.offsetHeight - body.clientHeight;
            this.frame.el.style.height = `${Math.min(HIGHEST, Math.ceil(body.scrollHeight + scrollbar))}px`;
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
