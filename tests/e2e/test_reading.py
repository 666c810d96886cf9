"""Reading mail in Chromium, through the real Odoo and connector: a newsletter, text with quotes, an invitation, a bounce, a conversation.

With MAILDESK_PICTURES=folder each of them is kept as a picture, at 1280 and 390 pixels, light and dark.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import READER

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Locator, Page

    from tests.e2e.conftest import Stage

_HEAD = "From: Kai Mueller <kai@pier.example>\nTo: Anna Larsen <anna.larsen@outlook.example>\nMIME-Version: 1.0\n"

_NEWSLETTER = (
    _HEAD
    + """Subject: Harbour News, December
Message-ID: <news-1@pier.example>
Content-Type: text/html; charset=utf-8

<html><head><style>
 .card { background: #eef6f7; border-radius: 8px; padding: 16px; }
 h1 { color: #01696e; font-family: Georgia, serif; }
 .bar { background-image: url(https://pictures.invalid/bar.png); background-color: #01696e; color: #fff; padding: 8px 16px; }
 .button { display: inline-block; padding: 10px 22px; border-radius: 6px; background: #01696e; color: #fff; text-decoration: none; }
 @media (max-width: 500px) { .half { display: block !important; width: auto !important; } }
</style></head><body bgcolor="#f4f4f4" style="margin:0">
<table width="600" align="center" cellpadding="0" style="max-width:600px;background:#ffffff">
<tr><td class="bar">Harbour News</td></tr>
<tr><td style="padding:24px"><h1>The new crane is here</h1>
<img src="https://pictures.invalid/crane.png" width="552" height="180" alt="The crane at pier 4">
<table width="100%"><tr><td class="half" width="50%" valign="top"><p>It lifts <b>40 tons</b>, and it came by sea.</p></td>
<td class="half card" width="50%" valign="top">Open day: <b>Friday, 2 pm</b></td></tr></table>
<p><a class="button" href="https://pier.example/crane?id=7&utm_source=news&mc_eid=42">Read more</a></p></td></tr></table>
<img src="https://tracker.invalid/open.gif" width="1" height="1"></body></html>
"""
)

# A space at the end of a line, which no editor leaves alone, is a ~ here.
_TEXT = (
    _HEAD
    + """Subject: Re: Which pier?
Message-ID: <text-1@pier.example>
Content-Type: text/plain; charset=utf-8; format=flowed

Hello Anna,

pier 4 it is, since the water there is deep enough for both of the barges~
and the crane reaches over. The plan is at https://pier.example/plan (PDF).

> > Which pier do we take?
> That depends on the barges: the large one has four metres, and I do not~
> know whether that is enough at pier 3 at low tide. Ask Kai, he measured~
> it last week, and he has the tables of the whole year.

--~
Kai Mueller
Harbour office
""".replace("~\n", " \n")
)

_INVITATION = (
    _HEAD
    + """Subject: Review of the plan
Message-ID: <invite-1@pier.example>
Content-Type: multipart/mixed; boundary="x"

--x
Content-Type: text/html; charset=utf-8

<p>Please come.</p>
--x
Content-Type: text/calendar; method=REQUEST; charset=utf-8; name="invite.ics"
Content-Disposition: attachment; filename="invite.ics"

BEGIN:VCALENDAR
METHOD:REQUEST
VERSION:2.0
BEGIN:VEVENT
UID:1
SUMMARY:Review of the plan
DTSTART:20261201T090000Z
DTEND:20261201T103000Z
LOCATION:Harbour office, room 4
ORGANIZER;CN=Kai Mueller:mailto:kai@pier.example
ATTENDEE;CN=Anna Larsen;PARTSTAT=NEEDS-ACTION:mailto:anna.larsen@outlook.example
END:VEVENT
END:VCALENDAR
--x--
"""
)

_BOUNCE = """From: Mail Delivery <postmaster@pier.example>
To: anna.larsen@outlook.example
Subject: Undeliverable: The plan
Message-ID: <bounce-1@pier.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

Your message could not be delivered to one of its recipients.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; pier.example

Final-Recipient: rfc822; nobody@pier.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown
--x--
"""


def _conversation(number: int) -> str:
    ids = f"Message-ID: <barge-{number}@pier.example>\nReferences: <barge-1@pier.example>\n"
    return f"{_HEAD}Subject: Re: Barges\n{ids}Content-Type: text/html; charset=utf-8\n\n<p>This is message {number} about the barges.</p>\n"


def _open(page: Page, subject: str) -> FrameLocator:
    row = page.locator(".o-maildesk-row").filter(has_text=subject).first
    row.click()
    expect(page.locator(".o-maildesk-reading-subject")).to_have_text(subject)
    frame = page.frame_locator("iframe.o-maildesk-frame").last
    expect(frame.locator("body")).not_to_be_empty()
    return frame


def _shoot(page: Page, name: str) -> None:
    """Keep a picture, if somebody wants to look."""
    if folder := os.environ.get("MAILDESK_PICTURES"):
        for width, height in ((1280, 800), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(400)
                page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.emulate_media(color_scheme="light")
        page.wait_for_timeout(400)


def _in_pane(page: Page, selector: str) -> Locator:
    return page.locator(f".o-maildesk-reading {selector}")


@pytest.mark.timeout(300)
def test_reading_whole_story(reader: Page, stage: Stage) -> None:
    """Each kind of mail as a person meets it."""
    page = reader
    outside: list[str] = []
    page.context.on("request", lambda request: outside.append(request.url) if ".invalid" in request.url else None)
    for mail in (_BOUNCE, _INVITATION, _TEXT, _NEWSLETTER, *(_conversation(n) for n in range(1, 6))):
        stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", mail.encode())
    for message in [m for m in stage.truth(READER) if m["subject"] == "Re: Barges"]:
        stage.act(READER, message["id"], "read")
    page.goto("/odoo/maildesk")
    page.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
    page.locator(".o-maildesk-refresh").click()
    expect(page.locator(".o-maildesk-row").filter(has_text="Re: Barges").locator(".o-maildesk-row-count")).to_contain_text("5")

    # A newsletter keeps its shape and loads nothing; a link shows where it leads, without what tells who clicked.
    frame = _open(page, "Harbour News, December")
    assert frame.locator(".button").evaluate("el => getComputedStyle(el).backgroundColor") == "rgb(1, 105, 110)"
    expect(_in_pane(page, ".o-maildesk-pictures")).to_contain_text("Pictures blocked")
    frame.locator(".button").hover()
    expect(_in_pane(page, ".o-maildesk-link")).to_have_text("https://pier.example/crane?id=7")
    _shoot(page, "newsletter")
    assert outside == []
    _in_pane(page, ".o-maildesk-show-pictures").click()
    frame.locator("img[src]").wait_for(state="attached")
    page.wait_for_timeout(300)
    assert outside == ["https://pictures.invalid/crane.png"]

    # Text: a paragraph that flows is one, the quote is folded, its levels are blocks.
    frame = _open(page, "Re: Which pier?")
    expect(frame.locator("body")).to_contain_text("both of the barges and the crane reaches over")
    expect(frame.locator("a", has_text="https://pier.example/plan")).to_have_attribute("href", "https://pier.example/plan")
    expect(frame.locator("summary")).to_have_text("Show quoted text")
    expect(frame.locator("blockquote blockquote")).to_be_hidden()
    _shoot(page, "text")
    frame.locator("summary").click()
    expect(frame.locator("blockquote blockquote")).to_be_visible()

    _open(page, "Review of the plan")
    expect(_in_pane(page, ".o-maildesk-invitation")).to_contain_text("Harbour office, room 4")
    expect(_in_pane(page, ".o-maildesk-invitation")).to_contain_text("Kai Mueller")
    _shoot(page, "invitation")

    _open(page, "Undeliverable: The plan")
    expect(_in_pane(page, ".o-maildesk-card")).to_contain_text(
        re.compile(r"Not delivered to nobody@pier\.example\s*550 5\.1\.1 user unknown")
    )
    _shoot(page, "bounce")

    # A conversation: those that were read are folded.
    _open(page, "Re: Barges")
    expect(_in_pane(page, ".o-maildesk-message")).to_have_count(5)
    expect(_in_pane(page, ".o-maildesk-message.o-folded")).to_have_count(4)
    _shoot(page, "conversation")
    _in_pane(page, ".o-maildesk-message-fold").first.click()
    expect(_in_pane(page, "iframe.o-maildesk-frame")).to_have_count(2)
    expect(page.frame_locator("iframe.o-maildesk-frame").first.locator("body")).to_contain_text("about the barges")

    # Keys work where the mail has the focus.
    page.frame_locator("iframe.o-maildesk-frame").first.locator("body").press("Escape")
    expect(page.locator(".o-maildesk-reading-subject")).to_have_count(0)
