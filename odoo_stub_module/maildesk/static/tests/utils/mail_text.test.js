import { describe, expect, test } from "@odoo/hoot";
import { speaksOfAttachment, splitQuoted, toEditor, toKept, withSignature, withText, wordsOf } from "@maildesk/utils/mail_text";

describe.current.tags("headless");

test("the quoted mail is kept apart from what is written", () => {
    const html = '<p>Yes.</p><div class="maildesk-quoted"><div>On Monday Jane wrote:</div><blockquote>Well?</blockquote></div>';
    const { own, quoted } = splitQuoted(html);
    expect(own).toBe("<p>Yes.</p>");
    expect(own + quoted).toBe(html);
    expect(splitQuoted("<p>Only this</p>")).toEqual({ own: "<p>Only this</p>", quoted: "" });
});

test("pictures of other hosts do not load while an answer is written, and are there when it goes", () => {
    const kept = '<p><img src="https://tracker.example/p.png"><img src="cid:logo"><img src="/web/image/7"></p>';
    const shown = toEditor(kept, [{ content_id: "logo", url: "/maildesk/attachment/1/m/a" }]);
    expect(shown).not.toInclude('src="https:');
    expect(shown).toInclude('src="/maildesk/attachment/1/m/a"');
    expect(shown).toInclude('src="/web/image/7"');
    expect(toKept(shown)).toBe(kept);
});

test("a pasted picture shows from Outlook once Outlook has it", () => {
    const shown = toEditor('<img src="/web/content/9"><img src="/web/image/8">', [{ id: 9, url: "/maildesk/attachment/1/m/a" }]);
    expect(shown).toBe('<img src="/maildesk/attachment/1/m/a"><img src="/web/image/8">');
});

test("what a quoted mail marks as blocked goes out as it was", () => {
    expect(toKept('<img data-remote="https://x.example/a.png"><img data-cid="logo">')).toBe('<img src="https://x.example/a.png"><img src="cid:logo">');
});

test("nothing that runs comes into the editor", () => {
    const shown = toEditor('<p onclick="steal()">a</p><script>steal()</script><img src="x" onerror="steal()"><style>*{display:none}</style><a href="javascript:steal()">b</a><form><input></form>');
    expect(shown).not.toMatch(/steal|script|style|form|input/);
});

test("a text takes the place of the empty line, above the signature", () => {
    expect(withText('<p><br></p><div class="maildesk-signature">Anna</div>', "One\n\n<b>Two</b>")).toBe(
        '<p>One</p><p><br></p><p>&lt;b&gt;Two&lt;/b&gt;</p><div class="maildesk-signature">Anna</div>'
    );
});

test("the signature of another mailbox takes the place of the first one's", () => {
    const signed = '<p>Hi</p><div class="maildesk-signature">Anna</div>';
    expect(withSignature(signed, "<p>The Pier</p>")).toBe('<p>Hi</p><div class="maildesk-signature"><p>The Pier</p></div>');
    expect(withSignature(signed, "<p><br></p>")).toBe("<p>Hi</p>");
    expect(withSignature("<p>Hi</p>", "<p>The Pier</p>")).toBe('<p>Hi</p><div class="maildesk-signature"><p>The Pier</p></div>');
});

test("only what was written by hand counts as words", () => {
    expect(wordsOf('<p>Hello</p><div class="maildesk-signature">Attached</div><blockquote>attached</blockquote>')).toBe("Hello");
    expect(wordsOf("<p><br></p>\u200b")).toBe("");
});

test("who speaks of an attachment is understood in several languages", () => {
    for (const text of ["see attached", "The attachment has it", "siehe Anhang", "Anbei die Rechnung", "beigefügtes Angebot", "ci-joint le devis", "adjunto la factura", "in allegato", "zie bijlage"]) {
        expect(speaksOfAttachment(text)).toBe(true, { message: text });
    }
    for (const text of ["I am fond of it", "Anhänger fahren", "unattached", "Vorbei"]) {
        expect(speaksOfAttachment(text)).toBe(false, { message: text });
    }
});
