import { Component, markup, onWillUnmount } from "@odoo/owl";
import { ShortCutPlugin } from "@html_editor/core/shortcut_plugin";
import { AlignPlugin } from "@html_editor/main/align/align_plugin";
import { FeffPlugin } from "@html_editor/main/feff_plugin";
import { ColorPlugin } from "@html_editor/main/font/color_plugin";
import { ColorUIPlugin } from "@html_editor/main/font/color_ui_plugin";
import { FontPlugin } from "@html_editor/main/font/font_plugin";
import { HintPlugin } from "@html_editor/main/hint_plugin";
import { InlineCodePlugin } from "@html_editor/main/inline_code";
import { LinkPastePlugin } from "@html_editor/main/link/link_paste_plugin";
import { LinkPlugin } from "@html_editor/main/link/link_plugin";
import { LinkSelectionPlugin } from "@html_editor/main/link/link_selection_plugin";
import { ListPlugin } from "@html_editor/main/list/list_plugin";
import { SeparatorPlugin } from "@html_editor/main/separator_plugin";
import { TabulationPlugin } from "@html_editor/main/tabulation_plugin";
import { TextDirectionPlugin } from "@html_editor/main/text_direction_plugin";
import { ToolbarPlugin } from "@html_editor/main/toolbar/toolbar_plugin";
import { CORE_PLUGINS } from "@html_editor/plugin_sets";
import { Wysiwyg } from "@html_editor/wysiwyg";
import { _t } from "@web/core/l10n/translation";
import { toEditor } from "../utils/mail_text";

// What a mail can show everywhere: no columns, no embedded components, no video. Tables and pictures come by pasting.
const PLUGINS = [
    ...CORE_PLUGINS,
    AlignPlugin,
    ColorPlugin,
    ColorUIPlugin,
    FeffPlugin,
    FontPlugin,
    HintPlugin,
    InlineCodePlugin,
    LinkPastePlugin,
    LinkPlugin,
    LinkSelectionPlugin,
    ListPlugin,
    SeparatorPlugin,
    ShortCutPlugin,
    TabulationPlugin,
    TextDirectionPlugin,
    ToolbarPlugin,
];

const FORMATS = [
    { id: "formatBold", icon: "fa-bold", name: _t("Bold") },
    { id: "formatItalic", icon: "fa-italic", name: _t("Italic") },
    { id: "formatUnderline", icon: "fa-underline", name: _t("Underline") },
    { id: "toggleListUL", icon: "fa-list-ul", name: _t("Bulleted list") },
    { id: "toggleListOL", icon: "fa-list-ol", name: _t("Numbered list") },
    { id: "removeFormat", icon: "fa-eraser", name: _t("Remove format") },
];

/** The text of a mail, in Odoo's own editor. */
export class ComposeEditor extends Component {
    static components = { Wysiwyg };
    static props = {
        draft: Object,
        hasFocus: Boolean,
        /** Takes a picture in the text to the draft: resolves with the attachment, or null. */
        onPicture: Function,
        /** Hands out how to format, to whoever draws the buttons. */
        onReady: Function,
    };
    static template = "maildesk.ComposeEditor";

    setup() {
        // Pictures that are on their way to the draft.
        this.sent = new WeakSet();
        this.config = {
            content: markup(toEditor(this.props.draft.own, this.props.draft.attachments)),
            Plugins: PLUGINS,
            allowChecklist: false,
            onChange: () => this.onChange(),
            onEditorReady: () => this.onReady(),
        };
        onWillUnmount(() => this.props.draft.takeText());
    }

    onLoad(editor) {
        this.editor = editor;
    }

    onReady() {
        this.editor.editable.setAttribute("role", "textbox");
        this.editor.editable.setAttribute("aria-multiline", "true");
        this.editor.editable.setAttribute("aria-label", _t("Text"));
        if (this.props.hasFocus) {
            this.focusStart();
        }
        this.props.onReady({ formats: FORMATS, run: (id) => this.run(id), focus: () => this.focusStart() });
    }

    run(id) {
        this.editor.shared.userCommand.getCommand(id).run();
    }

    focusStart() {
        const { editable, shared } = this.editor;
        shared.selection.setCursorStart(editable.firstElementChild ?? editable);
        shared.selection.focusEditable();
    }

    onChange() {
        this.props.draft.touchText(() => this.editor.getContent());
        for (const picture of this.editor.editable.querySelectorAll("img[src^='data:'], img[src^='blob:']")) {
            if (!this.sent.has(picture)) {
                this.sent.add(picture);
                this.sendPicture(picture);
            }
        }
    }

    /** A pasted picture is a file of the draft, and shows from there. */
    async sendPicture(picture) {
        const blob = await (await fetch(picture.src)).blob();
        const extension = blob.type.split("/")[1]?.split("+")[0] || "png";
        const file = new File([blob], `picture.${extension}`, { type: blob.type });
        const attachment = await this.props.onPicture(file);
        if (attachment && !this.editor.isDestroyed && picture.isConnected) {
            picture.setAttribute("src", attachment.url);
            this.editor.shared.history.addStep();
            this.props.draft.touchText(() => this.editor.getContent());
        }
    }
}
