import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { dropUpload } from "../store/uploads";
import { formatNumber, formatSize } from "../utils/format";

/** What is attached to a mail that is being written, and what is on its way there. */
export class ComposeFiles extends Component {
    static props = { draft: Object };
    static template = "maildesk.ComposeFiles";

    setup() {
        this.formatSize = formatSize;
    }

    percent(upload) {
        return Math.round(upload.progress * 100);
    }

    progressWords(upload) {
        return _t("%(percent)s %% of %(size)s", { percent: formatNumber(this.percent(upload)), size: formatSize(upload.size) });
    }

    removeLabel(name) {
        return _t("Remove %s", name);
    }

    remove(file) {
        const { draft } = this.props;
        draft.edit({ attachments: draft.attachments.filter((other) => other.id !== file.id) });
    }

    drop(upload) {
        dropUpload(this.props.draft, upload);
    }
}
