import { reactive } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatSize } from "../utils/format";

// What Graph takes as one attachment; how much a whole mail may have is the organization's to say, often 25 to 35 MB.
export const MAX_ATTACHMENT = 150 * 2 ** 20;
export const LARGE_MAIL = 25 * 2 ** 20;

/**
 * A file on its way to a draft.
 *
 * @typedef {{key: number, name: string, size: number, isInline: boolean, progress: number, error: string, done: Promise<File|null>,
 *  abort: () => void}} Upload
 */

let lastKey = 0;

/**
 * Send a file to a draft; it stands among the draft's uploads until it is there, or with the reason why it is not.
 *
 * @param {object} fileUpload Odoo's service
 * @param {import("./draft").Draft} draft reactive
 * @param {File} file
 * @param {{isInline?: boolean}} [options] inline: a picture in the text
 * @returns {Upload}
 */
export function uploadTo(fileUpload, draft, file, { isInline = false } = {}) {
    const upload = reactive({
        key: ++lastKey,
        name: file.name || _t("Picture"),
        size: file.size,
        isInline,
        progress: 0,
        error: "",
        abort: () => {},
    });
    draft.uploads.push(upload);
    upload.done = file.size > MAX_ATTACHMENT ? tooLarge(upload) : send(fileUpload, draft, file, upload);
    return upload;
}

export function dropUpload(draft, upload) {
    upload.abort();
    draft.uploads = draft.uploads.filter((other) => other.key !== upload.key);
}

async function tooLarge(upload) {
    upload.error = _t("%(size)s: Outlook takes at most %(limit)s.", { size: formatSize(upload.size), limit: formatSize(MAX_ATTACHMENT) });
    return null;
}

async function send(fileUpload, draft, file, upload) {
    const sent = await fileUpload.upload(draft.uploadUrl, [file], {
        displayErrorNotification: false,
        buildFormData: (data) => upload.isInline && data.append("inline", "1"),
    });
    const { xhr } = sent;
    upload.abort = () => xhr.abort();
    xhr.upload.addEventListener("progress", (ev) => (upload.progress = ev.total ? ev.loaded / ev.total : 0));
    await new Promise((resolve) => xhr.addEventListener("loadend", resolve));
    const answer = read(xhr);
    if (!answer?.added) {
        upload.error = answer?.error || (xhr.status === 413 ? _t("The server takes no file of this size.") : _t("The file did not reach Odoo."));
        return null;
    }
    draft.tookRevision(answer.revision);
    const known = new Set(draft.attachmentIds);
    draft.attachments = [...draft.attachments, ...answer.added.filter(({ id }) => !known.has(id))];
    draft.uploads = draft.uploads.filter((other) => other.key !== upload.key);
    return answer.added[0];
}

function read(xhr) {
    try {
        return JSON.parse(xhr.responseText ?? xhr.response);
    } catch {
        return null;
    }
}
