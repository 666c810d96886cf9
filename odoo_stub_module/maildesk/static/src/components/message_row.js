import { Component, onWillUnmount } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { avatarColor, correspondents, formatMoment, formatNumber, formatRowTime, rowPerson } from "../utils/format";
import { categoryStyle } from "../utils/categories";
import { deliveryOf } from "../utils/delivery";
import { Avatar } from "./avatar";

// A finger that rests this long selects.
const LONG_PRESS = 500; // ms

// A resting finger is never quite still; beyond this it scrolls.
const TREMBLE = 10; // px

/** One message of the list, or one conversation. */
export class MessageRow extends Component {
    static components = { Avatar };
    static props = {
        row: Object,
        index: Number,
        top: Number,
        height: Number,
        // times and dates are told by it: a new day draws them anew
        day: String,
        isCompact: Boolean,
        role: { type: String, optional: true },
        account: { type: Object, optional: true },
        isCursor: Boolean,
        isTabStop: Boolean,
        isSelected: Boolean,
        isSelecting: Boolean,
        isPhone: Boolean,
        /** What is done in its mailbox waits for more than its turn. */
        isHeldUp: Boolean,
        actions: Function,
        onDragged: Function,
        onChosen: Function,
        onToggled: Function,
    };
    static template = "maildesk.MessageRow";

    setup() {
        this.categoryStyle = categoryStyle;
        onWillUnmount(() => this.onPressEnd());
    }

    get isUnread() {
        const { row } = this.props;
        return !row.is_read || row.thread?.unread > 0;
    }

    get count() {
        const { thread } = this.props.row;
        return thread?.count > 1 ? formatNumber(thread.count) : "";
    }

    get hasClip() {
        return this.props.row.has_attachments || this.props.row.thread?.has_attachments;
    }

    get isFlagged() {
        return this.props.row.is_flagged || this.props.row.thread?.is_flagged;
    }

    /** How it stands with a mail that was sent from here. */
    get delivery() {
        return deliveryOf(this.props.row);
    }

    get person() {
        return rowPerson(this.props.row, this.props.role);
    }

    get who() {
        return correspondents(this.props.row, this.props.role);
    }

    get subject() {
        return this.props.row.subject || _t("(no subject)");
    }

    get time() {
        return formatRowTime(this.props.row.received_at);
    }

    get moment() {
        return formatMoment(this.props.row.received_at);
    }

    /** The stripe that tells mailboxes apart, where several stand in one list. */
    get stripe() {
        const { account } = this.props;
        return account && `--maildesk-account: ${avatarColor({ address: account.email })}`;
    }

    /** On a phone the row is all for the finger, and the same stands in the message. */
    get offered() {
        return this.props.isPhone || this.props.row.is_remote ? [] : this.props.actions(this.props.row);
    }

    onClick(ev) {
        if (this.isPressed) {
            // the finger that selected is lifted
            this.isPressed = false;
            return;
        }
        this.props.onChosen(this.props.row, ev);
    }

    onTick() {
        this.props.onToggled(this.props.row);
    }

    onDragStart(ev) {
        // a finger that rests selects
        if (this.pointer === "touch" || this.props.row.is_remote) {
            ev.preventDefault();
        } else {
            this.props.onDragged(this.props.row, ev);
        }
    }

    onPressStart(ev) {
        this.isPressed = false;
        this.pointer = ev.pointerType;
        this.pressedAt = { x: ev.clientX, y: ev.clientY };
        if (ev.pointerType === "touch") {
            this.pressTimer = browser.setTimeout(() => {
                this.isPressed = true;
                this.props.onToggled(this.props.row);
            }, LONG_PRESS);
        }
    }

    onPressMove(ev) {
        const { x, y } = this.pressedAt ?? { x: ev.clientX, y: ev.clientY };
        if (Math.hypot(ev.clientX - x, ev.clientY - y) > TREMBLE) {
            this.onPressEnd();
        }
    }

    onPressEnd() {
        browser.clearTimeout(this.pressTimer);
    }

    onContextMenu(ev) {
        // what a resting finger opens in a browser would cover what it selects here
        if (this.props.isPhone) {
            ev.preventDefault();
        }
    }
}
