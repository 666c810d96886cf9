import { Component, onWillDestroy, onWillStart, useExternalListener, useRef, useState } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { AttachmentFetch } from "../../store/attachment_fetch";
import { attachmentName, attachmentUrl, decodeText, previewKind } from "../../utils/attachments";

// Characters of a text that are shown; more would stop the page. The whole is a download.
const TEXT_SHOWN = 500_000;

/** Pictures, PDF and plain text of a message inside the app, one after the other. */
export class AttachmentViewer extends Component {
    static components = { Dialog };
    static props = { accountId: Number, remoteId: String, files: Array, start: Number, close: Function };
    static template = "maildesk.AttachmentViewer";

    setup() {
        this.fetching = useState(new AttachmentFetch());
        this.state = useState({ index: this.props.start, isReady: false, text: null, isCut: false });
        this.frame = useRef("frame");
        onWillStart(() => {
            this.load();
        });
        onWillDestroy(() => this.fetching.stop());
        useExternalListener(window, "keydown", (ev) => this.onKey(ev));
        // A PDF of a stranger's is drawn and no more: pdf.js may neither make code of its fonts nor run its scripts.
        useExternalListener(document, "webviewerloaded", (ev) => {
            const options = ev.detail?.source?.PDFViewerApplicationOptions;
            options?.set("isEvalSupported", false);
            options?.set("enableScripting", false);
            if (ev.detail?.source && ev.detail.source === this.frame.el?.contentWindow) {
                this.watchPdf(ev.detail.source, this.file);
            }
        });
    }

    get file() {
        return this.props.files[this.state.index];
    }

    get kind() {
        return previewKind(this.file);
    }

    get title() {
        return attachmentName(this.file);
    }

    get url() {
        return attachmentUrl(this.props.accountId, this.props.remoteId, this.file.remote_id);
    }

    get pdfUrl() {
        return `/web/static/lib/pdfjs/web/viewer.html?file=${encodeURIComponent(this.url)}#pagemode=none`;
    }

    get place() {
        return _t("%(number)s of %(total)s", { number: this.state.index + 1, total: this.props.files.length });
    }

    get hasPrevious() {
        return this.state.index > 0;
    }

    get hasNext() {
        return this.state.index < this.props.files.length - 1;
    }

    async load() {
        const { file, url } = this;
        Object.assign(this.state, { isReady: false, text: null, isCut: false });
        if (!(await this.fetching.ready(file.remote_id, url)) || file !== this.file) {
            return;
        }
        if (this.kind === "text") {
            const answer = await browser.fetch(url).catch(() => null);
            const bytes = answer?.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
            if (file !== this.file) {
                return;
            }
            if (!bytes) {
                this.fetching.fail();
                return;
            }
            const text = decodeText(bytes);
            this.state.text = text.slice(0, TEXT_SHOWN);
            this.state.isCut = text.length > TEXT_SHOWN;
        }
        this.state.isReady = true;
    }

    step(delta) {
        const index = this.state.index + delta;
        if (index >= 0 && index < this.props.files.length) {
            this.fetching.stop();
            this.state.index = index;
            this.load();
        }
    }

    onKey(ev) {
        if (ev.key === "ArrowRight" || ev.key === "ArrowLeft") {
            const forward = (ev.key === "ArrowRight") === (document.dir !== "rtl");
            this.step(forward ? 1 : -1);
        }
    }

    onBroken() {
        this.giveUp(_t("This picture cannot be shown. Download it to open it."));
    }

    giveUp(notice) {
        this.state.isReady = false;
        this.fetching.fail(notice);
    }

    /** Of a file that is no PDF, or a broken one, pdf.js shows a grey page and no word; but it tells whoever listens. */
    async watchPdf(frame, file) {
        const viewer = frame.PDFViewerApplication;
        const onBroken = () => {
            if (file === this.file && this.state.isReady) {
                this.giveUp(_t("This PDF cannot be shown. Download it to open it."));
            }
        };
        await viewer.initializedPromise;
        viewer.eventBus.on("documenterror", () => {
            // it throws on after it has told
            frame.addEventListener("unhandledrejection", (ev) => ev.preventDefault());
            onBroken();
        });
        // of one that opens and has no first page it does not
        viewer.eventBus.on("metadataloaded", () => viewer.pdfDocument.getPage(1).catch(onBroken));
    }

    download() {
        const url = attachmentUrl(this.props.accountId, this.props.remoteId, this.file.remote_id, { isDownload: true });
        return this.fetching.download(this.file.remote_id, url);
    }
}
