import { Component, useExternalListener, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { complete, suggestions } from "../utils/search_words";
import { useViewport } from "../utils/viewport_hook";

// Long enough not to ask for each letter, short enough to look immediate.
const TYPING_PAUSE = 150; // ms

/** The search: results come as one types, operators are offered, Escape leads back to where one was. */
export class SearchBar extends Component {
    static props = { onLeave: Function };
    static template = "maildesk.SearchBar";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.viewport = useViewport();
        this.input = useRef("input");
        this.root = useRef("root");
        this.state = useState({ isOpen: false, active: -1, typed: null });
        this.ask = useDebounced((text) => {
            this.state.typed = null;
            return this.store.ask({ text });
        }, TYPING_PAUSE);
        useExternalListener(window, "pointerdown", (ev) => {
            if (!this.root.el?.contains(ev.target)) {
                this.state.isOpen = false;
            }
        });
    }

    /** What stands in the field: what is being typed, else what was asked. */
    get text() {
        return this.state.typed ?? this.store.search.text;
    }

    get placeholder() {
        return this.viewport.isPhone ? _t("Search mail") : _t("Search mail ( / )");
    }

    get offered() {
        if (!this.state.isOpen) {
            return [];
        }
        const accounts = this.store.search.where === "all" ? this.store.accounts : [this.store.nearestAccount].filter(Boolean);
        return suggestions(this.text, accounts.flatMap((account) => account.folders));
    }

    onInput(ev) {
        this.type(ev.target.value);
    }

    type(text) {
        Object.assign(this.state, { isOpen: true, active: -1, typed: text });
        if (text.trim()) {
            this.ask(text);
        } else {
            this.clear();
        }
    }

    clear() {
        this.ask.cancel();
        this.state.typed = null;
        this.store.search.close();
    }

    onClear() {
        this.clear();
        this.input.el.focus();
    }

    choose(word) {
        this.type(complete(this.text, word.text));
        this.input.el.focus();
    }

    onKeydown(ev) {
        const { offered, state } = this;
        const handlers = {
            ArrowDown: () => (offered.length ? this.moveActive(1, offered) : this.leave()),
            ArrowUp: () => offered.length && this.moveActive(-1, offered),
            Tab: () => state.active >= 0 && this.choose(offered[state.active]),
            Enter: () => (state.active >= 0 ? this.choose(offered[state.active]) : this.leave()),
            Escape: () => this.onEscape(offered),
        };
        if (!ev.isComposing && handlers[ev.key] && handlers[ev.key]() !== false) {
            ev.preventDefault();
            // Odoo's own Escape must not close anything else
            ev.stopPropagation();
        }
    }

    moveActive(delta, offered) {
        const { length } = offered;
        this.state.active = (this.state.active + delta + length + (this.state.active < 0 && delta < 0 ? 1 : 0)) % length;
    }

    onEscape(offered) {
        if (offered.length && this.state.active >= 0) {
            Object.assign(this.state, { isOpen: false, active: -1 });
            return;
        }
        this.state.isOpen = false;
        this.clear();
        this.props.onLeave();
    }

    /** On to what was found; what is typed is asked without the pause. */
    async leave() {
        const { typed } = this.state;
        Object.assign(this.state, { isOpen: false, active: -1 });
        if (typed !== null) {
            this.ask.cancel();
            this.state.typed = null;
            await this.store.ask({ text: typed });
        }
        this.props.onLeave();
    }
}
