import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { DateTimeInput } from "@web/core/datetime/datetime_input";
import { Dialog } from "@web/core/dialog/dialog";
import { localization } from "@web/core/l10n/localization";

const { DateTime } = luxon;

// As the addon takes it.
const LAST_DAY = 365;

/** When a mail is to be sent: one of the moments that people mean most, or any other. */
export class SendLaterDialog extends Component {
    static components = { DateTimeInput, Dialog };
    static props = { close: Function, onChosen: Function };
    static template = "maildesk.SendLaterDialog";

    setup() {
        this.now = DateTime.now();
        this.format = localization.dateTimeFormat.replace(":ss", "");
        this.last = this.now.plus({ days: LAST_DAY });
        this.state = useState({ value: this.now.plus({ days: 1 }).set({ hour: 8, minute: 0, second: 0, millisecond: 0 }), problem: "" });
    }

    get moments() {
        const morning = (day) => day.set({ hour: 8, minute: 0, second: 0, millisecond: 0 });
        const monday = this.now.plus({ days: 8 - this.now.weekday });
        const evening = this.now.set({ hour: 18, minute: 0, second: 0, millisecond: 0 });
        return [
            { name: _t("In one hour"), value: this.now.plus({ hours: 1 }).startOf("minute") },
            { name: _t("This evening"), value: evening },
            { name: _t("Tomorrow morning"), value: morning(this.now.plus({ days: 1 })) },
            { name: _t("Monday morning"), value: morning(monday) },
        ].filter(({ value }) => value > this.now);
    }

    shown(value) {
        return value.toLocaleString({ weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
    }

    onChange(value) {
        Object.assign(this.state, { value, problem: "" });
    }

    choose(value) {
        if (!value || value <= DateTime.now() || value > this.last) {
            this.state.problem = _t("Choose a time in the future, within a year.");
            return;
        }
        this.props.close();
        this.props.onChosen(value.toUTC().startOf("second").toISO({ suppressMilliseconds: true }));
    }
}
