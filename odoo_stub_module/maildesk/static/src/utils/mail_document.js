/**
 * The document in which a mail is shown: the third wall, after the connector's allow-list and Odoo's own cleaning.
 *
 * The frame's sandbox lets no script run and no form be sent; this policy lets nothing be loaded, so that opening a mail tells
 * nobody that it was opened. Links leave for a new tab that knows nothing of where it came from.
 */

export const MAIL_SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";

export const MAIL_CSP =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; form-action 'none'; base-uri 'none'";

// What could still leave the frame or change its rules, should both cleanings have missed it.
const FORBIDDEN = "script, base, meta, link, iframe, frame, object, embed, form, template, noscript";

// What a link in a mail may be; all others, relative ones and disguised ones too, lose their target.
const OUTWARD = /^(https?|mailto|tel):/i;

// Mail is written for white paper. Wide tables scroll inside the frame instead of widening the page.
const STYLE = `
    :root { color-scheme: light; }
    html { background: #fff; overflow-y: hidden; }
    body { display: flow-root; margin: 0; padding: 16px; overflow-x: auto; color: #1f2430; overflow-wrap: anywhere;
        font: 14px/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif; }
    body > :first-child { margin-top: 0; }
    body > :last-child { margin-bottom: 0; }
    img { max-width: 100%; }
    img:not([src]) { display: none; }
    pre { white-space: pre-wrap; }
    blockquote { margin: 8px 0; padding-left: 12px; border-left: 3px solid #d5d9e0; color: #4b5563; }
    table { overflow-wrap: normal; }
    a { color: #01696e; }
`;

/**
 * @param {string} html cleaned
 * @returns {string} for `srcdoc`
 */
export function mailDocument(html) {
    const mail = new DOMParser().parseFromString(html, "text/html");
    mail.querySelectorAll(FORBIDDEN).forEach((el) => el.remove());
    mail.querySelectorAll("a[href], area[href]").forEach(makeOutward);
    const policy = `<meta http-equiv="Content-Security-Policy" content="${MAIL_CSP}">`;
    return (
        `<!DOCTYPE html><html><head>${policy}<meta charset="utf-8"><meta name="referrer" content="no-referrer">` +
        `<style>${STYLE}</style></head><body>${mail.body.innerHTML}</body></html>`
    );
}

function makeOutward(link) {
    const href = link.getAttribute("href").trim();
    if (href.startsWith("#")) {
        return;
    }
    if (OUTWARD.test(href)) {
        link.setAttribute("target", "_blank");
        link.setAttribute("rel", "noopener noreferrer");
    } else {
        link.removeAttribute("href");
    }
}
