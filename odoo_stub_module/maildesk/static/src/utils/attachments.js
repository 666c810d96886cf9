import { _t } from "@web/core/l10n/translation";

/** What attachments are called, look like, and can be done with. Pure functions. */

// By the first part of the content type that fits.
const ICONS = [
    [/^image\//, "fa-file-image-o"],
    [/^audio\//, "fa-file-audio-o"],
    [/^video\//, "fa-file-video-o"],
    [/pdf$/, "fa-file-pdf-o"],
    [/word|opendocument\.text/, "fa-file-word-o"],
    [/excel|spreadsheet|csv/, "fa-file-excel-o"],
    [/powerpoint|presentation/, "fa-file-powerpoint-o"],
    [/zip|compressed|x-tar|gzip/, "fa-file-archive-o"],
    [/^text\//, "fa-file-text-o"],
];

// What the server shows (connector/content/serving.py): by type, and by the end of the name, both. All else is a download.
const PICTURES = /^image\/(png|x-png|jpe?g|pjpeg|gif|webp|bmp|x-ms-bmp|avif)$/;
const TEXTS = /^text\/(plain|csv|markdown|x-log)$/;
const UNSAID = ["", "application/octet-stream", "application/x-download", "binary/octet-stream", "application/unknown"];
const ENDS = {
    png: "picture", jpg: "picture", jpeg: "picture", gif: "picture", webp: "picture", bmp: "picture", avif: "picture",
    pdf: "pdf",
    txt: "text", log: "text", md: "text", csv: "text",
};

// Bytes of a text that a browser is asked to show.
const TEXT_LIMIT = 5_000_000;

// Characters that turn the direction of what follows: a name would look as if it ended otherwise.
const TURNING = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function attachmentIcon(file) {
    if (file.kind === "item") {
        return "fa-envelope-o";
    }
    if (file.kind === "reference") {
        return "fa-link";
    }
    const type = (file.content_type || "").toLowerCase();
    return ICONS.find(([pattern]) => pattern.test(type))?.[1] ?? "fa-file-o";
}

export function attachmentName(file) {
    return (file.name || "").replace(TURNING, "") || _t("(no name)");
}

/** @returns {"picture"|"pdf"|"text"|null} */
export function previewKind(file) {
    if (file.kind !== "file") {
        return null;
    }
    const type = (file.content_type || "").split(";")[0].trim().toLowerCase();
    const name = file.name || "";
    const end = name.includes(".") ? name.split(".").at(-1).toLowerCase() : null;
    if (end !== null && !(end in ENDS)) {
        return null;
    }
    let kind = null;
    if (UNSAID.includes(type)) {
        kind = end === null ? null : ENDS[end];
    } else if (PICTURES.test(type)) {
        kind = "picture";
    } else if (type === "application/pdf") {
        kind = "pdf";
    } else if (TEXTS.test(type)) {
        kind = "text";
    }
    return kind === "text" && file.size > TEXT_LIMIT ? null : kind;
}

export function canPreview(file) {
    return previewKind(file) !== null;
}

export function attachmentUrl(accountId, remoteId, attachmentId, { isDownload = false } = {}) {
    const ids = [remoteId, attachmentId].map(encodeURIComponent).join("/");
    return `/maildesk/attachment/${accountId}/${ids}${isDownload ? "?download=1" : ""}`;
}

export function zipUrl(accountId, remoteId) {
    return `/maildesk/attachments/${accountId}/${encodeURIComponent(remoteId)}.zip`;
}

export function isSafeLink(url) {
    return /^https?:\/\//i.test(url || "");
}

/** A text file says nowhere how it is written: as UTF-8 if it can be that, else as Windows wrote it. */
export function decodeText(bytes) {
    if (bytes[0] === 0xff && bytes[1] === 0xfe) {
        return new TextDecoder("utf-16le").decode(bytes);
    }
    try {
        return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
        return new TextDecoder("windows-1252").decode(bytes);
    }
}

/** An inline picture is in the text of the mail already, unless the text does not show it. */
export function isShownInline(file, html = "") {
    const ids = () => [...html.matchAll(/ data-cid="([^"]*)"/g)].map(([, id]) => id);
    return file.is_inline && (!file.content_id || ids().includes(file.content_id));
}
