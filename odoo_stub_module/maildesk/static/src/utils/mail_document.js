import { browser } from "@web/core/browser/browser";

/**
 * The document in which a mail is shown: the third wall, after the connector's allow-list and Odoo's own cleaning.
 *
 * The frame's sandbox lets no script run and no form be sent; this policy lets nothing be loaded but the pictures of the mail itself,
 * so that opening a mail tells nobody that it was opened. Links leave for a new tab that knows nothing of where it came from.
 */

export const MAIL_SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";

// Files of mails, the only thing of this origin that a mail may show.
const ATTACHMENTS = "/maildesk/attachment/";

/** @param {boolean} hasPictures whether pictures of other hosts are shown */
export function mailPolicy(hasPictures) {
    const pictures = `data: ${browser.location.origin}${ATTACHMENTS}${hasPictures ? " https:" : ""}`;
    return `default-src 'none'; img-src ${pictures}; style-src 'unsafe-inline'; font-src data:; form-action 'none'; base-uri 'none'`;
}

// What could still leave the frame or change its rules, should both cleanings have missed it.
const FORBIDDEN = "script, base, meta, link, iframe, frame, object, embed, form, template, noscript, svg, math";

// What a link in a mail may be; all others, relative ones and disguised ones too, lose their target.
const OUTWARD = /^(https?|mailto|tel):/i;

const REMOTE = /^https?:\/\//i;

// What is quoted below a text, of programs that say so.
const QUOTES = ".maildesk-quote, .gmail_quote, blockquote[type='cite']";

// Characters of a quote that is worth folding.
const LONG_QUOTE = 160;

const PAPER = { white: ["light", "#fff", "#1f2430", "#01696e"], dark: ["dark", "#262a36", "#e4e6eb", "#5fc4c9"] };

// Mail is written for white paper. Wide tables scroll inside the frame instead of widening the page.
const style = ([scheme, paper, text, link]) => `
    :root { color-scheme: ${scheme}; }
    html { background: ${paper}; overflow-y: hidden; }
    body { display: flow-root; margin: 0; padding: 16px; overflow-x: auto; color: ${text}; overflow-wrap: anywhere;
        font: 14px/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif; }
    body > :first-child { margin-top: 0; }
    body > :last-child { margin-bottom: 0; }
    img { max-width: 100%; }
    img:not([src]):not([alt]), img:not([src])[alt=""] { display: none; }
    pre { white-space: pre-wrap; }
    blockquote { margin: 8px 0; padding-left: 12px; border-left: 3px solid #8f98a855; color: color-mix(in srgb, ${text} 78%, ${paper}); }
    .maildesk-text, .maildesk-text blockquote, .maildesk-signature { unicode-bidi: plaintext; }
    .maildesk-signature { color: color-mix(in srgb, ${text} 62%, ${paper}); }
    .maildesk-folded > summary { display: inline-block; width: max-content; margin: 8px 0; padding: 0 10px; border-radius: 10px; list-style: none;
        background: #8f98a833; color: ${text}; font-size: 12px; line-height: 20px; white-space: normal; cursor: pointer; }
    table { overflow-wrap: normal; }
    body > div[bgcolor] { margin: -16px !important; padding: 16px !important; }
    a { color: ${link}; }
`;

// The frame is as high as the mail: a mail as high as the frame would grow for ever. Stronger than what a mail says of its body.
const GUARD = `
    html:root, body#maildesk#maildesk#maildesk { height: auto !important; min-height: 0 !important; max-height: none !important;
        position: static !important; display: flow-root !important; visibility: visible !important; opacity: 1 !important; }
`;

// Negative of everything but pictures, colours kept apart: for mail that has no dark colours of its own.
const INVERTED = `
    html { filter: invert(0.92) hue-rotate(180deg); }
    img { filter: invert(1) hue-rotate(180deg); }
`;

// What a mail needs white paper for: colours that its author chose for it, and pictures, which may be dark and have holes.
const ON_WHITE = /color|background|border|<img/i;

/** Whether a mail is shown on dark as it is meant: plain text, one that brings dark colours, or one that has no colours at all. */
export function fitsDark({ html, is_text: isText, dark }) {
    return Boolean(isText || dark || (html && !ON_WHITE.test(html)));
}

/**
 * @typedef {Object} MailLook
 * @property {boolean} [hasPictures] pictures of other hosts are shown
 * @property {Object.<string, string>} [inline] addresses of the mail's own pictures, by content id
 * @property {"white"|"dark"|"inverted"} [paper] dark: of what fits it (`fitsDark`)
 * @property {string} [quoteLabel] on what a trailing quote is folded under; without it none is
 */

/**
 * @param {string} html cleaned
 * @param {MailLook} [look]
 * @returns {string} for `srcdoc`
 */
export function mailDocument(html, { hasPictures = false, inline = {}, paper = "white", quoteLabel = "" } = {}) {
    // a template's content is no document, so no name in the mail stands before a method of ours
    const template = document.createElement("template");
    template.innerHTML = html;
    const mail = template.content;
    mail.querySelectorAll(FORBIDDEN).forEach((el) => el.remove());
    mail.querySelectorAll("a[href], area[href]").forEach(makeOutward);
    mail.querySelectorAll("img").forEach((img) => fillPicture(img, hasPictures, inline));
    mail.querySelectorAll("style").forEach((sheet) => (sheet.textContent = forTheme(sheet.textContent, paper === "dark")));
    // a mail's body became a div, which has no such attribute of its own
    mail.querySelectorAll("div[bgcolor]").forEach((el) => (el.style.backgroundColor ||= el.getAttribute("bgcolor")));
    if (quoteLabel) {
        foldQuote(mail, quoteLabel);
    }
    const look = style(paper === "dark" ? PAPER.dark : PAPER.white);
    return (
        `<!DOCTYPE html><html><head><meta http-equiv="Content-Security-Policy" content="${mailPolicy(hasPictures)}">` +
        `<meta charset="utf-8"><meta name="referrer" content="no-referrer"><style>${look}</style></head>` +
        `<body id="maildesk">${template.innerHTML}<style>${GUARD}${paper === "inverted" ? INVERTED : ""}</style></body></html>`
    );
}

function makeOutward(link) {
    const href = link.getAttribute("href").trim();
    if (href.startsWith("#")) {
        // the frame leads there: by itself it would take it for a part of Odoo's page, in a new tab
        link.removeAttribute("target");
        return;
    }
    if (OUTWARD.test(href)) {
        link.setAttribute("target", "_blank");
        link.setAttribute("rel", "noopener noreferrer");
        // where it really leads, whatever the mail says
        link.setAttribute("title", href);
    } else {
        link.removeAttribute("href");
    }
}

/** Give a picture its source, if it may have one. One of http is asked for by https, which is all that the policy lets through. */
function fillPicture(img, hasPictures, inline) {
    const { cid, remote } = img.dataset;
    const own = img.getAttribute("src") ?? "";
    if (!own.startsWith("data:image/") || /^data:image\/svg/i.test(own)) {
        img.removeAttribute("src");
    }
    img.removeAttribute("srcset");
    if (cid !== undefined && Object.hasOwn(inline, cid)) {
        img.setAttribute("src", inline[cid]);
    } else if (hasPictures && REMOTE.test(remote ?? "")) {
        img.setAttribute("src", remote.replace(REMOTE, "https://"));
    }
}

/** The app's theme is not always the browser's: what asks for one is answered here. */
function forTheme(css, isDark) {
    return css
        .replaceAll("(prefers-color-scheme:dark)", isDark ? "(min-width:0)" : "(max-width:0)")
        .replaceAll("(prefers-color-scheme:light)", isDark ? "(max-width:0)" : "(min-width:0)");
}

/** Fold the quote with which a mail ends; one that is answered line by line stays. */
function foldQuote(mail, label) {
    const quote = [...mail.querySelectorAll(QUOTES)].find((el) => !el.parentElement?.closest(QUOTES) && isTrailing(el, mail));
    if (!quote || quote.textContent.length < LONG_QUOTE || !textBefore(quote, mail)) {
        return;
    }
    const folded = document.createElement("details");
    folded.className = "maildesk-folded";
    const summary = document.createElement("summary");
    summary.textContent = label;
    quote.replaceWith(folded);
    folded.append(summary, quote);
}

function isTrailing(el, mail) {
    for (let node = el; node && node !== mail; node = node.parentNode) {
        for (let next = node.nextSibling; next; next = next.nextSibling) {
            const isAside = next.nodeType === Node.ELEMENT_NODE && next.matches(`style, .maildesk-signature, ${QUOTES}`);
            if (!isAside && next.textContent.trim()) {
                return false;
            }
        }
    }
    return true;
}

function textBefore(el, mail) {
    for (let node = el; node && node !== mail; node = node.parentNode) {
        for (let before = node.previousSibling; before; before = before.previousSibling) {
            if (before.nodeName !== "STYLE" && before.textContent.trim()) {
                return true;
            }
        }
    }
    return false;
}
