import { describe, expect, test } from "@odoo/hoot";
import { allowTranslations, patchWithCleanup } from "@web/../tests/web_test_helpers";
import { localization } from "@web/core/l10n/localization";
import { accountHealth, folderLines } from "@maildesk/utils/folders";
import { avatarColor, dateGroup, formatAgo, formatSize, formatWhen, initials } from "@maildesk/utils/format";
import { fitsDark, MAIL_SANDBOX, mailDocument, mailPolicy } from "@maildesk/utils/mail_document";

describe.current.tags("headless");

const { DateTime } = luxon;

function parse(html, look) {
    return new DOMParser().parseFromString(mailDocument(html, look), "text/html");
}

test("mail document: the policy comes before everything else", () => {
    const mail = parse(`<p>Hello</p>`);
    expect(mail.head.firstElementChild.getAttribute("content")).toBe(mailPolicy(false));
    expect(mailPolicy(false)).toInclude("default-src 'none'");
    expect(mailPolicy(false)).not.toInclude("https:;");
    expect(mailPolicy(true)).toInclude("/maildesk/attachment/ https:;");
    expect(MAIL_SANDBOX).not.toInclude("allow-scripts");
    expect(MAIL_SANDBOX).not.toInclude("allow-top-navigation");
    expect(MAIL_SANDBOX).not.toInclude("allow-forms");
});

test("mail document: pictures of others wait until they are asked for, the mail's own are there", () => {
    const html = `<img data-remote="http://x.example/a.png" alt="A"><img data-cid="logo"><img data-cid="other"><img src="https://x.example/b.png">
        <img src="data:image/png;base64,AA"><img data-remote="javascript:1">`;
    const sources = (look) => [...parse(html, look).querySelectorAll("img")].map((img) => img.getAttribute("src"));
    const inline = { logo: "/maildesk/attachment/1/m/a" };
    expect(sources({ inline })).toEqual([null, "/maildesk/attachment/1/m/a", null, null, "data:image/png;base64,AA", null]);
    expect(sources({ hasPictures: true })[0]).toBe("https://x.example/a.png");
    expect(sources({ hasPictures: true })[5]).toBe(null);
});

test("mail document: names in a mail do not stand before methods", () => {
    const mail = parse(`<img name="body" data-remote="x"><img name="querySelectorAll"><form name="documentElement"></form><script>1</script><p>Text</p>`);
    expect(mail.getElementsByTagName("script").length).toBe(0);
});

test("mail document: the theme of the app answers what a mail asks", () => {
    const html = `<style>@media (prefers-color-scheme:dark){p{color:#fff}}</style><p>x</p>`;
    expect(mailDocument(html, { paper: "dark" })).toInclude("@media (min-width:0){p{color:#fff}}");
    expect(mailDocument(html, { paper: "white" })).toInclude("@media (max-width:0){p{color:#fff}}");
    expect(mailDocument(html, { paper: "inverted" })).toInclude("invert(");
});

test("on dark without being asked: text, mail with dark colours of its own, mail without any colour or picture", () => {
    const fits = (html, body) => fitsDark({ html, ...body });
    expect(fits(`<p>Hello <b>Jane</b></p>`)).toBe(true);
    expect(fits(`<p style="color:#000">Hello</p>`)).toBe(false);
    expect(fits(`<table bgcolor="#fff"><tr><td>Hello</td></tr></table>`)).toBe(false);
    expect(fits(`<p style="BORDER: 1px solid black">Hello</p>`)).toBe(false);
    expect(fits(`<p>Hello <img data-cid="logo"></p>`)).toBe(false);
    expect(fits(`<p style="color:#000">Hello</p>`, { dark: true })).toBe(true);
    expect(fits(`<p style="color:#000">Hello</p>`, { is_text: true })).toBe(true);
    expect(fits(undefined)).toBe(false);
});

test("mail document: links tell where they lead", () => {
    const link = parse(`<a href="https://x.example/a?b=1" title="https://bank.example/">Your bank</a>`).querySelector("a");
    expect(link.title).toBe("https://x.example/a?b=1");
    expect(link.rel).toBe("noopener noreferrer");
});

test("mail document: the quote at the end is folded, one that is answered in parts is not", () => {
    const quote = `<blockquote class="maildesk-quote">${"old ".repeat(60)}</blockquote>`;
    const folded = (html) => parse(html, { quoteLabel: "Quoted" }).querySelectorAll("details.maildesk-folded").length;
    expect(folded(`<div>Yes.${quote}</div>`)).toBe(1);
    expect(folded(`<div>Yes.${quote}<div class="maildesk-signature">Anna</div></div>`)).toBe(1);
    expect(folded(`<div>Yes.${quote}And no.</div>`)).toBe(0);
    expect(folded(`<div>${quote}</div>`)).toBe(0);
    expect(folded(`<div>Yes.<blockquote class="maildesk-quote">short</blockquote></div>`)).toBe(0);
});

test("mail document: what could leave the frame is dropped", () => {
    const mail = parse(
        `</body></html><script>1</script><base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example">
        <form action="https://evil.example"><button>x</button></form><iframe src="https://evil.example"></iframe><p>Text</p>`
    );
    expect(mail.querySelectorAll("script, base, form, iframe, meta[http-equiv=refresh]").length).toBe(0);
    expect(mail.body.textContent).toInclude("Text");
});

test("mail document: links open outside and know nothing of us", () => {
    const mail = parse(
        `<a href="https://a.example/x">1</a><a href="javascript:alert(1)">2</a><a href="/odoo">3</a><a href="#part" target="_blank" rel="noopener noreferrer">4</a><a href="mailto:a@b.example">5</a>`
    );
    const [web, script, relative, inside, address] = mail.querySelectorAll("a");
    expect([web.target, web.rel]).toEqual(["_blank", "noopener noreferrer"]);
    expect(script.hasAttribute("href")).toBe(false);
    expect(relative.hasAttribute("href")).toBe(false);
    expect([inside.getAttribute("href"), inside.target]).toEqual(["#part", ""]);
    expect(address.target).toBe("_blank");
});

test("folder lines: by role, others by name, children below their parents", () => {
    const folder = (id, role, name, parent_id = null) => ({ id, role, name, parent_id });
    const folders = [
        folder(1, "trash", "Trash"),
        folder(2, "other", "Project 10"),
        folder(3, "inbox", "Inbox"),
        folder(4, "other", "Project 2"),
        folder(5, "other", "Pier", 2),
        folder(6, "other", "Orphan", 77),
    ];
    const names = (collapsed) => folderLines(folders, collapsed).map(({ folder, depth }) => `${depth} ${folder.name}`);
    expect(names(new Set())).toEqual(["0 Inbox", "0 Orphan", "0 Project 2", "0 Project 10", "1 Pier", "0 Trash"]);
    expect(names(new Set([2]))).toEqual(["0 Inbox", "0 Orphan", "0 Project 2", "0 Project 10", "0 Trash"]);
});

test("initials and discs", () => {
    expect(initials({ name: "Jane Doe" })).toBe("JD");
    expect(initials({ name: "Müller & Söhne GmbH" })).toBe("MG");
    expect(initials({ name: "山田 太郎" })).toBe("山太");
    expect(initials({ name: "", address: "kai.mueller@example.com" })).toBe("K");
    expect(initials({ name: "" })).toBe("?");
    expect(avatarColor({ address: "A@example.com" })).toBe(avatarColor({ address: "a@example.com" }));
});

test("sizes", () => {
    patchWithCleanup(localization, { code: "en_US" });
    expect(formatSize(812)).toBe("812 bytes");
    expect(formatSize(52_300)).toBe("52 kB");
    expect(formatSize(1_234_567)).toBe("1.2 MB");
});

test("when a message came, as short as it can be told", () => {
    const now = DateTime.fromISO("2026-11-26T12:00:00");
    const when = (iso) => formatWhen(iso, now).replaceAll("\u202f", " ");
    expect(when("2026-11-26T09:05:00")).toBe("9:05 AM");
    expect(when("2026-11-25T23:05:00")).toBe("Nov 25, 11:05 PM");
    expect(when("2025-11-26T09:05:00")).toBe("Nov 26, 2025, 9:05 AM");
});

test("how long ago", () => {
    allowTranslations();
    const now = DateTime.fromISO("2026-11-26T12:00:00Z");
    expect(String(formatAgo("2026-11-26T11:59:30Z", now))).toBe("just now");
    expect(String(formatAgo("2026-11-26T12:00:30Z", now))).toBe("just now");
    expect(formatAgo("2026-11-26T11:58:00Z", now)).toBe("2 min. ago");
    expect(formatAgo("2026-11-26T09:00:00Z", now)).toBe("3 hr. ago");
});

test("a mailbox that was not asked for news for too long is late, and says since when", () => {
    allowTranslations();
    const now = DateTime.fromISO("2026-11-26T12:00:00Z");
    const account = { state: "connected", state_message: "Connected", last_sync_at: "2026-11-26T11:50:00Z" };
    expect(accountHealth(account, now).tone).toBe("good");
    account.last_sync_at = "2026-11-26T11:40:00Z";
    expect(accountHealth(account, now).tone).toBe("late");
    expect(String(accountHealth(account, now).label)).toInclude("Not synced since");
    expect(accountHealth({ ...account, state: "paused" }, now).tone).toBe("off");
});
