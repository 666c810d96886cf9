/**
 * The text of a mail that is being written: between how it is kept (and goes out) and how the editor has it.
 *
 *   kept      pictures have the address that the addon knows: an upload's, or `cid:` of a part that Outlook has
 *   edited    pictures of a part show by their attachment's address; those of other hosts do not load: a quoted mail must not tell its
 *             sender that it is being answered
 *
 * What was answered stands at the end in a `div.maildesk-quoted`, and is kept apart while nobody looks at it.
 */

const QUOTED = "maildesk-quoted";
const SIGNATURE = "maildesk-signature";

// As the editor makes it harmless, too. Nothing of these can be part of a mail.
const PURIFY = { FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "iframe", "object", "video", "audio"], ADD_ATTR: ["target"] };

// Where an upload lies while it is Odoo's.
const UPLOAD = /^\/web\/(?:image|content)\/(\d+)/;

const parse = (html) => new DOMParser().parseFromString(html || "", "text/html").body;

/**
 * @param {string} html as it is kept
 * @returns {{own: string, quoted: string}}
 */
export function splitQuoted(html) {
    const body = parse(html);
    const last = [...body.children].at(-1);
    if (!last?.classList.contains(QUOTED)) {
        return { own: html || "", quoted: "" };
    }
    const quoted = last.outerHTML;
    last.remove();
    return { own: body.innerHTML, quoted };
}

/**
 * @param {string} html as it is kept
 * @param {{id: number, content_id?: string, url?: string}[]} attachments
 * @returns {string} harmless, and nothing of it loads from another host
 */
export function toEditor(html, attachments = []) {
    const body = parse(html);
    const parts = new Map(attachments.filter((file) => file.content_id && file.url).map((file) => [file.content_id, file.url]));
    const uploads = new Map(attachments.filter((file) => file.url).map((file) => [String(file.id), file.url]));
    for (const picture of body.querySelectorAll("img")) {
        const source = picture.getAttribute("src") || "";
        if (source.startsWith("cid:")) {
            picture.dataset.cid = source.slice("cid:".length);
            picture.removeAttribute("src");
        } else if (/^(https?:)?\/\//i.test(source) && !isOurs(source)) {
            picture.dataset.remote = source;
            picture.removeAttribute("src");
        }
        const upload = UPLOAD.exec(source)?.[1];
        if (uploads.has(upload)) {
            // once Outlook has it, it comes from there
            picture.setAttribute("src", uploads.get(upload));
        }
        picture.removeAttribute("srcset");
        if (parts.has(picture.dataset.cid)) {
            picture.setAttribute("src", parts.get(picture.dataset.cid));
        }
    }
    return window.DOMPurify.sanitize(body.innerHTML, PURIFY);
}

/** @param {string} html as the editor has it, or as a mail was quoted */
export function toKept(html) {
    const body = parse(html);
    for (const picture of body.querySelectorAll("img")) {
        const { cid, remote } = picture.dataset;
        if (cid) {
            picture.setAttribute("src", `cid:${cid}`);
        } else if (remote) {
            picture.setAttribute("src", remote);
        }
        delete picture.dataset.cid;
        delete picture.dataset.remote;
    }
    return body.innerHTML;
}

/** The words that somebody wrote, without signature and quoted mail. */
export function wordsOf(html) {
    const body = parse(html);
    for (const part of body.querySelectorAll(`.${QUOTED}, .${SIGNATURE}, blockquote`)) {
        part.remove();
    }
    for (const line of body.querySelectorAll("br, p, div, li, tr, h1, h2, h3")) {
        line.append("\n");
    }
    return body.textContent.replace(/[\u200b\ufeff]/g, "").trim();
}

/** Plain text as paragraphs. */
export function toParagraphs(text) {
    const body = parse("");
    for (const line of text.replace(/\r\n?/g, "\n").split("\n")) {
        const paragraph = document.createElement("p");
        paragraph.append(line || document.createElement("br"));
        body.append(paragraph);
    }
    return body.innerHTML;
}

/** What a mail begins with gives way to a text; signature and quoted mail stay. */
export function withText(html, text) {
    const body = parse(html);
    const blank = body.firstElementChild;
    if (blank?.tagName === "P" && !blank.textContent.trim()) {
        blank.remove();
    }
    return toParagraphs(text) + body.innerHTML;
}

/** The signature of another mailbox in the place of the one that stands there; none where it has none. */
export function withSignature(html, signature) {
    const body = parse(html);
    const isEmpty = !parse(signature).textContent.trim() && !/<img\b/i.test(signature);
    const part = body.querySelector(`.${SIGNATURE}`) ?? (isEmpty ? null : body.appendChild(body.ownerDocument.createElement("div")));
    if (isEmpty) {
        part?.remove();
    } else {
        part.className = SIGNATURE;
        // part of a document that runs nothing; the editor cleans it once more
        part.innerHTML = signature;
    }
    return body.innerHTML;
}

// How people say that something is attached, in the languages of MailDesk's users.
const ATTACHED =
    /(?<!\p{L})(attach(ed|ment|ments|ing)?|enclosed|im anhang|anhänge|anhang|angehängt\p{L}*|beigefügt\p{L}*|anbei|pi[èe]ces? jointes?|ci-joints?|adjunt[oa]s?|in allegato|allegat[oi]|bijlagen?|bijgevoegd|vedhæftet|vedlagt|bifogad\p{L}*|w załączniku|załącznik\p{L}*)(?!\p{L})/iu;

/** Whether a text speaks of an attachment. */
export function speaksOfAttachment(text) {
    return ATTACHED.test(text);
}

function isOurs(source) {
    try {
        return new URL(source, window.location.href).origin === window.location.origin;
    } catch {
        return false;
    }
}
