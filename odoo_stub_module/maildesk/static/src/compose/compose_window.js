import { Component, useEffect, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { useDropzone } from "@web/core/dropzone/dropzone_hook";
import { useService } from "@web/core/utils/hooks";
import { uniqueId } from "@web/core/utils/functions";
import { SelectCreateDialog } from "@web/views/view_dialogs/select_create_dialog";
import { formatSize, personName } from "../utils/format";
import { useViewport } from "../utils/viewport_hook";
import { LARGE_MAIL } from "../store/uploads";
import { MailFrame } from "../components/mail_frame";
import { ComposeEditor } from "./compose_editor";
import { ComposeFiles } from "./compose_files";
import { FromField } from "./from_field";
import { RecipientsField } from "./recipients_field";
import { SendLaterDialog } from "./send_later_dialog";

const SAVE_WORDS = {
    saved: _t("Saved"),
    dirty: _t("Not saved yet"),
    saving: _t("Saving…"),
    offline: _t("Not saved (offline)"),
    refused: _t("Not saved"),
    conflict: _t("Not saved"),
};

/** A mail that is being written. */
export class ComposeWindow extends Component {
    static components = { ComposeEditor, ComposeFiles, Dropdown, DropdownItem, FromField, MailFrame, RecipientsField };
    static props = { draft: Object, isPhone: Boolean };
    static template = "maildesk.ComposeWindow";

    setup() {
        this.compose = useState(useService("maildesk.compose"));
        this.dialog = useService("dialog");
        this.viewport = useViewport();
        this.root = useRef("root");
        this.picker = useRef("picker");
        this.titleId = uniqueId("maildesk-compose-");
        this.state = useState({ hasCc: false, hasBcc: false, format: null });
        useDropzone(this.root, (ev) => this.onDrop(ev), "o-maildesk-dropzone", () => !this.draft.isMinimized && this.isOpen);
        useEffect(
            (isMinimized, isActive) => {
                if (!isMinimized && isActive && this.wasMinimized) {
                    this.state.format?.focus();
                }
                this.wasMinimized = isMinimized;
            },
            () => [this.draft.isMinimized, this.compose.drafts.at(-1)?.id === this.draft.id]
        );
    }

    get draft() {
        return this.compose.find(this.props.draft.id) ?? this.props.draft;
    }

    /** Whether it can be changed: one of which nobody knows whether it was sent cannot. */
    get isOpen() {
        return this.draft.isOpen;
    }

    /** Where writing begins: at whom a new mail goes to, in the text of an answer. What comes anew into a window takes no focus from others. */
    get focused() {
        const { hasFocus, to } = this.draft;
        const isHere = this.root.el ? this.root.el.contains(document.activeElement) : hasFocus;
        return isHere && (this.root.el || to.length ? "text" : "to");
    }

    get saveWords() {
        return SAVE_WORDS[this.draft.saveState];
    }

    get saveHint() {
        const { outlook, saveState } = this.draft;
        return saveState === "saved" && outlook === "saved" ? _t("Saved in Odoo and in Outlook's Drafts") : "";
    }

    get recipients() {
        return this.draft.everybody.map(personName).join(", ");
    }

    get hasCc() {
        return this.state.hasCc || this.draft.cc.length > 0;
    }

    get hasBcc() {
        return this.state.hasBcc || this.draft.bcc.length > 0;
    }

    get size() {
        const files = [...this.draft.attachments, ...this.draft.uploads];
        return files.reduce((sum, file) => sum + (file.size || 0), 0);
    }

    get sizeWarning() {
        return this.size > LARGE_MAIL ? _t("%s of attachments: many organizations take no mail of this size.", formatSize(this.size)) : "";
    }

    get importanceIcon() {
        return this.draft.importance === "low" ? "fa-arrow-down" : "fa-exclamation";
    }

    get isImportant() {
        return this.draft.importance !== "normal";
    }

    show(name) {
        this.state[name] = true;
    }

    edit(values) {
        this.draft.edit(values);
    }

    onSubject(ev) {
        this.edit({ subject: ev.target.value });
    }

    // ------------------------------------------------------------------ files

    pick() {
        this.picker.el.click();
    }

    onPicked(ev) {
        this.compose.attach(this.draft, ev.target.files);
        ev.target.value = "";
    }

    onDrop(ev) {
        this.compose.attach(this.draft, ev.dataTransfer.files);
    }

    /** A file that is pasted anywhere but as a picture into the text is attached. */
    onPaste(ev) {
        const files = [...(ev.clipboardData?.files ?? [])];
        const isForText = ev.target.closest?.(".o-maildesk-compose-text") && files.every((file) => file.type.startsWith("image/"));
        if (files.length && !isForText) {
            ev.preventDefault();
            ev.stopPropagation();
            this.compose.attach(this.draft, files);
        }
    }

    async onPicture(file) {
        const [upload] = this.compose.attach(this.draft, [file], { isInline: true });
        return upload.done;
    }

    /** Files of Odoo's records: those that the user may read. */
    attachFromOdoo() {
        this.dialog.add(SelectCreateDialog, {
            title: _t("Attach files of Odoo"),
            resModel: "ir.attachment",
            // not Odoo's own bundles of scripts, which belong to no record
            domain: [["type", "=", "binary"], ["res_field", "=", false], ["res_model", "not in", ["mailbox.draft", "ir.ui.view"]], ["res_id", ">", 0]],
            context: {},
            noCreate: true,
            multiSelect: true,
            onSelected: (ids) => this.compose.attachRecords(this.draft, ids),
        });
    }

    // ------------------------------------------------------------------ what becomes of it

    setImportance(importance) {
        this.edit({ importance });
    }

    async send(options) {
        if (!(await this.compose.sending.send(this.draft, options)) && this.draft.problem) {
            this.root.el?.querySelector(".o-maildesk-compose-problem")?.scrollIntoView({ block: "nearest" });
        }
    }

    sendLater() {
        this.dialog.add(SendLaterDialog, { onChosen: (sendAt) => this.send({ sendAt }) });
    }

    minimize() {
        this.compose.minimize(this.draft);
    }

    restore() {
        this.compose.minimize(this.draft, false);
    }

    maximize() {
        this.draft.isMaximized = !this.draft.isMaximized;
    }

    onHeaderClick() {
        if (this.draft.isMinimized) {
            this.restore();
        }
    }

    /** Whether a menu of the window is open: Escape closes that. */
    get hasMenu() {
        return Boolean(this.root.el?.querySelector(".o-dropdown.show"));
    }

    onKeydown(ev) {
        if (ev.key === "Enter" && (ev.ctrlKey || ev.metaKey) && this.isOpen) {
            ev.preventDefault();
            ev.stopPropagation();
            this.send();
        } else if (ev.key === "Escape" && !ev.defaultPrevented && !this.draft.isMinimized && !this.hasMenu) {
            ev.preventDefault();
            ev.stopPropagation();
            this.minimize();
        }
    }
}
