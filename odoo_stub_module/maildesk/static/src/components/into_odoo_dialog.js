import { Component, onWillDestroy, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { Dialog } from "@web/core/dialog/dialog";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { useService } from "@web/core/utils/hooks";
import { attachmentIcon, attachmentName } from "../utils/attachments";
import { formatSize } from "../utils/format";

const WORDS = {
    log: { title: _t("Log on a record"), confirm: _t("Log the Mail") },
    lead: { title: _t("Create a lead"), confirm: _t("Create Lead") },
    task: { title: _t("Create a task"), confirm: _t("Create Task") },
};

/** Before a mail is copied into Odoo: where to, what of it, and that the copy is there for good. */
export class IntoOdooDialog extends Component {
    static components = { Dialog, RecordSelector };
    static props = {
        messageId: Number,
        kind: String,
        /** Called with what came of it: `{link, is_new}`. */
        onDone: Function,
        close: Function,
    };
    static template = "maildesk.IntoOdooDialog";

    setup() {
        this.store = useState(useService("maildesk.store"));
        this.words = WORDS[this.props.kind];
        this.copying = useState(this.store.into.begin(this.props.messageId, this.props.kind));
        this.icon = attachmentIcon;
        this.name = attachmentName;
        this.formatSize = formatSize;
        onWillStart(() => {
            // not awaited: the dialog stands at once
            this.load();
        });
        onWillDestroy(() => this.store.into.end(this.copying));
    }

    get modelName() {
        return this.copying.models.find(({ model }) => model === this.copying.model)?.name ?? "";
    }

    get tooLarge() {
        return _t("What you chose is larger than %s together. Choose less, or save the files and attach them to the record by hand.", formatSize(this.copying.limit));
    }

    async load() {
        this.copying.state = "loading";
        try {
            await this.copying.load();
        } catch (error) {
            this.props.close();
            throw error;
        }
        if (this.copying.existing) {
            this.done({ link: this.copying.existing, is_new: false });
        }
    }

    /** What Odoo refuses can be mended here: the dialog stays. */
    async confirm() {
        const answer = await this.copying.run();
        if (answer) {
            this.done(answer);
        }
    }

    done(answer) {
        this.props.close();
        this.props.onDone(answer);
    }

    onKeydown(ev) {
        if (ev.key === "Enter" && !ev.isComposing && ev.target.name === "title") {
            ev.preventDefault();
            this.confirm();
        }
    }
}
