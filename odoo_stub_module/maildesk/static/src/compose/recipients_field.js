import { Component, useEffect, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { KeepLast } from "@web/core/utils/concurrency";
import { uniqueId } from "@web/core/utils/functions";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { Avatar } from "../components/avatar";
import { formatRecipient, isAddress, newRecipients, parseRecipients } from "../utils/addresses";

// Between a key and the question to the server.
const ASK_DELAY = 120; // ms

/** A line of recipients: each a chip, with the text of the next one behind them and below it who may be meant. */
export class RecipientsField extends Component {
    static components = { Avatar };
    static props = {
        label: String,
        name: String,
        people: Array,
        onChange: Function,
        hasFocus: { type: Boolean, optional: true },
        slots: { type: Object, optional: true },
    };
    static template = "maildesk.RecipientsField";

    setup() {
        this.compose = useService("maildesk.compose");
        this.input = useRef("input");
        this.id = uniqueId("maildesk-recipients-");
        // `found` was asked for with the words `asked`.
        this.state = useState({ text: "", found: [], at: -1, asked: "" });
        this.latest = new KeepLast();
        this.ask = useDebounced((text) => this.suggest(text), ASK_DELAY);
        this.isAddress = isAddress;
        this.formatRecipient = formatRecipient;
        useEffect((el) => this.props.hasFocus && el?.focus(), () => [this.input.el]);
    }

    get isOpen() {
        return this.state.found.length > 0;
    }

    /** Whom Enter takes: never somebody who was found for words that stand there no more. */
    get suggested() {
        const { asked, at, found, text } = this.state;
        const words = text.trim();
        return found[at] && (asked === words || isMeant(found[at], words)) ? found[at] : undefined;
    }

    optionId(at) {
        return `${this.id}-${at}`;
    }

    shown(person) {
        return person.name || person.address;
    }

    hint(person) {
        return isAddress(person.address) ? person.address : _t("“%s” is no address. Double-click to correct it.", person.address);
    }

    removeLabel(name) {
        return _t("Remove %s", name);
    }

    async suggest(text) {
        const asked = text.trim();
        if (!asked) {
            this.close();
            return;
        }
        const people = await this.latest.add(this.compose.suggest(asked));
        if (this.state.text.trim() !== asked || this.state.asked === asked) {
            return;
        }
        const found = newRecipients(this.props.people, people);
        // A whole address is what is meant, and not another one that begins like it.
        const at = isAddress(asked) ? found.findIndex(({ address }) => address.toLowerCase() === asked.toLowerCase()) : 0;
        Object.assign(this.state, { asked, found, at: found.length ? at : -1 });
    }

    // ------------------------------------------------------------------ what becomes a chip

    add(people) {
        const added = newRecipients(this.props.people, people);
        if (added.length) {
            this.props.onChange([...this.props.people, ...added]);
        }
        this.setText("");
    }

    /** What stands there is done; also when the field is left, so that nothing typed is lost. */
    commit() {
        if (this.state.text.trim()) {
            this.add(parseRecipients(this.state.text));
        }
        this.close();
    }

    choose(person) {
        this.add([{ name: person.name, address: person.address }]);
        this.input.el.focus();
    }

    remove(person) {
        this.props.onChange(this.props.people.filter((other) => other !== person));
        this.input.el.focus();
    }

    /** Let a chip be text again. */
    correct(person) {
        this.commit();
        this.remove(person);
        this.setText(formatRecipient(person));
    }

    setText(text) {
        this.state.text = text;
        this.close();
    }

    close() {
        this.ask.cancel();
        Object.assign(this.state, { found: [], at: -1, asked: "" });
    }

    // ------------------------------------------------------------------ events

    onInput(ev) {
        this.state.text = ev.target.value;
        if (/[,;\n]$/.test(this.state.text) && isAddress(this.state.text.slice(0, -1).trim().replace(/^.*<|>$/g, ""))) {
            this.commit();
        } else {
            this.ask(this.state.text);
        }
    }

    onPaste(ev) {
        const text = ev.clipboardData.getData("text/plain");
        const people = parseRecipients(text);
        // a part of an address is typed, a list of them is taken
        if (people.length > 1 || (people.length === 1 && isAddress(people[0].address) && !this.state.text)) {
            ev.preventDefault();
            this.add(people);
        }
    }

    onKeydown(ev) {
        const { found, text } = this.state;
        switch (ev.key) {
            case "ArrowDown":
            case "ArrowUp":
                if (this.isOpen) {
                    const at = ev.key === "ArrowDown" ? this.state.at + 1 : Math.max(this.state.at, 0) - 1;
                    // who chooses from a list keeps it
                    Object.assign(this.state, { asked: text.trim(), at: (at + found.length) % found.length });
                    break;
                }
                return;
            case "Enter":
                if (ev.ctrlKey || ev.metaKey) {
                    this.commit();
                    return;
                }
                if (this.suggested) {
                    this.choose(this.suggested);
                } else {
                    this.commit();
                }
                break;
            case "Tab":
                if (this.suggested && !ev.shiftKey) {
                    this.choose(this.suggested);
                    break;
                }
                return;
            case "Escape":
                if (!this.isOpen) {
                    return;
                }
                this.close();
                ev.stopPropagation();
                break;
            case "Backspace":
                if (!text && this.props.people.length) {
                    this.remove(this.props.people.at(-1));
                    break;
                }
                return;
            default:
                return;
        }
        ev.preventDefault();
    }

    onFocusout(ev) {
        if (!ev.currentTarget.contains(ev.relatedTarget)) {
            this.commit();
        }
    }

    focusInput() {
        this.input.el.focus();
    }
}

/** Whether words still mean somebody who was found for the first letters of them; as `maildesk_recipients` looks. */
export function isMeant({ name, address }, words) {
    const [whole, asked] = [address.toLowerCase(), words.toLowerCase()];
    if (!asked || isAddress(words)) {
        return whole === asked;
    }
    const parts = `${name} ${whole}`.toLowerCase().split(/[\s@.,_-]+/);
    return asked.split(/\s+/).every((word) => whole.startsWith(word) || parts.some((part) => part.startsWith(word)));
}
