"""Reading in Chromium: a newsletter with pictures, a text, an invitation, a bounce, and a conversation that goes on while it is open."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import READER
from tests.e2e.pictures import look

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from tests.e2e.conftest import Stage

# As long as real ones are: a head that is made for "Jo" breaks here.
SENDER = "Konstantin von Hohenzollern-Sigmaringen"
ADDRESS = "konstantin.von.hohenzollern@drawings.pier-extension.example"

_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")

_HEAD = f"From: {SENDER} <{ADDRESS}>\r\nTo: Anna Larsen <{READER}>, Kai Mueller <kai@pier.example>\r\nMIME-Version: 1.0\r\n"

NEWSLETTER = (
    f"{_HEAD}Subject: News of the harbour\r\nMessage-ID: <news-1@pier.example>\r\n"
    'Content-Type: multipart/related; boundary="o"\r\n\r\n--o\r\nContent-Type: text/html\r\n\r\n'
    "<style>.bar { background-image: url(https://pictures.example/bar.png); background-color: #01696e }"
    " .button { background: #01696e; color: #fff; padding: 10px 22px } </style>"
    '<p class="bar">The harbour <img src="cid:logo" alt="Logo" id="logo"></p><img src="http://pictures.example/crane.png" alt="The crane">'
    '<img src="https://tracker.example/open.gif?u=anna" width="1" height="1">'
    '<a class="button" href="https://shop.example/crane?id=7&amp;utm_source=mail&amp;mc_eid=42">See more</a>\r\n'
    "--o\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\nContent-Disposition: inline; filename=logo.png\r\n"
    f"Content-Transfer-Encoding: base64\r\n\r\n{base64.b64encode(_PNG).decode()}\r\n--o--\r\n"
)

TEXT = (
    f"{_HEAD}Subject: Delivery in week 48\r\nMessage-ID: <week-1@pier.example>\r\n"
    "Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\n"
    "The crane is booked for Friday, and the drawings are at \r\nhttps://drawings.example/48 as agreed.\r\n\r\n"
    "> Could you say when the crane comes? We have to tell the port, the\r\n"
    "> neighbours and the power station, each of them a week before, and\r\n"
    "> nobody here has heard anything since the call of last Monday.\r\n"
    "> > Next week, I think.\r\n\r\n-- \r\nKonstantin\r\n"
)

QUESTION = f"{_HEAD}Subject: Which day\r\nMessage-ID: <day-1@pier.example>\r\nContent-Type: text/plain\r\n\r\nFriday?\r\n"
ANSWER = (
    f"{_HEAD}Subject: Re: Which day\r\nMessage-ID: <day-2@pier.example>\r\nIn-Reply-To: <day-1@pier.example>\r\n"
    "References: <day-1@pier.example>\r\nContent-Type: text/plain\r\n\r\nSaturday, after all.\r\n"
)

BARGES = [
    f"{_HEAD}Subject: Re: Barges\r\nMessage-ID: <barge-{number}@pier.example>\r\nReferences: <barge-1@pier.example>\r\n"
    f"Content-Type: text/html\r\n\r\n<p>This is message {number} about the barges.</p>\r\n"
    for number in range(1, 6)
]

INVITATION = (
    f"{_HEAD}Subject: Invitation: Quarterly review\r\nMessage-ID: <invitation-1@pier.example>\r\n"
    'Content-Type: multipart/alternative; boundary="o"\r\n\r\n--o\r\nContent-Type: text/plain\r\n\r\nPlease come.\r\n'
    "--o\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n"
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Quarterly review\r\nDTSTART:20261201T090000Z\r\n"
    "DTEND:20261201T103000Z\r\nLOCATION:Room 4\r\nORGANIZER;CN=Kai:mailto:kai@pier.example\r\n"
    f"ATTENDEE;CN=Anna;PARTSTAT=NEEDS-ACTION:mailto:{READER}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--o--\r\n"
)

BOUNCE = (
    f"From: Mail Delivery <mailer-daemon@pier.example>\r\nTo: Anna <{READER}>\r\nSubject: Undeliverable: Offer\r\n"
    "Message-ID: <bounce-1@pier.example>\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/report; report-type=delivery-status; boundary="o"\r\n\r\n--o\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n'
    "--o\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.pier.example\r\n\r\n"
    "Final-Recipient: rfc822; jane@gone.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 No such user\r\n--o--\r\n"
)


def _arrive(page: Page, stage: Stage, *mails: str) -> None:
    """Let mail come, and the app show the Inbox with it."""
    for mail in mails:
        stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", mail.encode())
    page.locator(".o-maildesk-refresh").click()


def _open(page: Page, subject: str) -> Locator:
    """Open a mail of the list; return it as it is shown."""
    page.locator(".o-maildesk-row").filter(has_text=subject).first.click()
    expect(page.locator(".o-maildesk-reading-subject")).to_have_text(subject)
    expect(page.locator("iframe.o-maildesk-frame").last).to_be_visible()
    return page.locator(".o-maildesk-message")


def _sticking_out(page: Page) -> list[str]:
    """Name what of the open messages' own lines stands out of them, or is squeezed to a column of a few letters."""
    names: list[str] = page.locator(".o-maildesk-message").evaluate_all(
        """messages => messages.flatMap(message => {
            const frame = message.getBoundingClientRect();
            return [...message.querySelectorAll("b, time, button, .o-maildesk-message-to, .o-maildesk-address")].filter(el => {
                const box = el.getBoundingClientRect();
                const isNarrow = el.matches(".o-maildesk-message-to") && box.width < 200;
                return box.width && (box.right > frame.right + 1 || box.left < frame.left - 1 || isNarrow);
            }).map(el => `${el.className || el.tagName}: ${el.textContent}`);
        })"""
    )
    return names


@pytest.fixture
def inbox(reader: Page) -> Page:
    """The reader's Inbox."""
    reader.goto("/odoo/maildesk")
    reader.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
    expect(reader.locator(".o-maildesk-row").first).to_be_visible()
    return reader


@pytest.mark.timeout(300)
def test_reading_pictures_blocked_once_and_always(inbox: Page, stage: Stage) -> None:
    """The mail's own picture is there; another host is asked when the reader says so, and no tracker ever."""
    page = inbox
    asked: list[str] = []

    def give(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(content_type="image/png", body=_PNG)

    page.context.route("**/*.example/**", give)
    _arrive(page, stage, NEWSLETTER)
    message = _open(page, "News of the harbour")
    mail = page.frame_locator("iframe.o-maildesk-frame")
    bar = page.locator(".o-maildesk-pictures")
    expect(bar).to_contain_text("Pictures blocked")
    own = mail.get_by_alt_text("Logo")
    expect(own).to_be_visible()
    expect(own).to_have_js_property("naturalWidth", 1)
    assert asked == []
    expect(message.locator(".o-maildesk-attachment")).to_have_count(0)
    # It keeps its shape and its colours.
    for styled in (mail.locator(".bar"), mail.locator(".button")):
        assert styled.evaluate("el => getComputedStyle(el).backgroundColor") == "rgb(1, 105, 110)"
    look(page, "reading-pictures-blocked")

    # A link says where it really leads, and leaves without what counts its reader.
    link = mail.get_by_role("link", name="See more")
    link.hover()
    expect(page.locator(".o-maildesk-link-target")).to_have_text("https://shop.example/crane?id=7")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")

    page.locator(".o-maildesk-show-pictures").click()
    crane = mail.get_by_alt_text("The crane")
    expect(crane).to_have_js_property("naturalWidth", 1)
    assert set(asked) == {"https://pictures.example/crane.png"}

    # Once is once.
    page.reload()
    page.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
    _open(page, "News of the harbour")
    expect(crane).to_have_js_property("naturalWidth", 0)
    page.locator(".o-maildesk-trust").click()
    expect(crane).to_have_js_property("naturalWidth", 1)
    page.reload()
    page.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
    _open(page, "News of the harbour")
    expect(crane).to_have_js_property("naturalWidth", 1)
    page.locator(".o-maildesk-distrust").click()
    expect(crane).to_have_js_property("naturalWidth", 0)
    assert set(asked) == {"https://pictures.example/crane.png"}


@pytest.mark.timeout(300)
def test_reading_text_invitation_and_bounce(inbox: Page, stage: Stage) -> None:
    """A text has its lines joined, its link and its quote; a meeting and a bounce say what they are; the head has room on each screen."""
    page = inbox
    _arrive(page, stage, TEXT, INVITATION, BOUNCE)
    _open(page, "Delivery in week 48")
    mail = page.frame_locator("iframe.o-maildesk-frame")
    expect(mail.locator("body")).to_contain_text("the drawings are at https://drawings.example/48 as agreed.")
    expect(mail.get_by_role("link")).to_have_attribute("href", "https://drawings.example/48")
    quote = mail.get_by_text("We have to tell the port")
    expect(quote).to_be_hidden()
    mail.locator("summary").click()
    expect(quote).to_be_visible()
    expect(mail.locator("blockquote blockquote")).to_have_text("Next week, I think.")
    assert _sticking_out(page) == []
    look(page, "reading-text")

    message = _open(page, "Invitation: Quarterly review")
    expect(message.locator(".o-maildesk-card")).to_contain_text("Quarterly review")
    expect(message.locator(".o-maildesk-card")).to_contain_text("Room 4")
    look(page, "reading-invitation")
    message = _open(page, "Undeliverable: Offer")
    expect(message.locator(".o-maildesk-card.o-bad")).to_contain_text("Not delivered to jane@gone.example")
    expect(message.locator(".o-maildesk-card.o-bad")).to_contain_text("No such user")
    look(page, "reading-bounce")

    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".o-maildesk-back").click()
    _open(page, "Delivery in week 48")
    assert _sticking_out(page) == []


@pytest.mark.timeout(300)
def test_reading_address_leads_to_the_mail(inbox: Page, newcomer: Page, stage: Stage) -> None:
    """After a reload and by a link, for whoever reads the mailbox; others hear as of one that never was. Back leaves the app."""
    page = inbox
    _arrive(
        page,
        stage,
        TEXT.replace("week-1@", "week-2@").replace("week 48", "week 50"),
        TEXT.replace("week-1@", "week-3@").replace("week 48", "week 51"),
    )
    page.goto("/odoo/apps")
    page.goto("/odoo/maildesk")
    page.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
    _open(page, "Delivery in week 50")
    _open(page, "Delivery in week 51")
    expect(page).to_have_url(re.compile(r"/odoo/maildesk\?folder=\d+&message=\d+$"))
    address = page.url
    page.reload()
    expect(page.locator(".o-maildesk-reading-subject")).to_have_text("Delivery in week 51")
    expect(page.locator('.o-maildesk-folder[data-role="inbox"]').first).to_have_class(re.compile("o-selected"))
    assert page.url == address
    look(page, "reading-after-reload")

    other = page.context.new_page()
    other.goto(address)
    expect(other.locator(".o-maildesk-reading-subject")).to_have_text("Delivery in week 51")
    other.close()

    # Another's, and one that never was: in the same words.
    gone = "not in MailDesk any more, or its mailbox is not shared with you"
    newcomer.goto(address)
    theirs = newcomer.locator(".o_notification").filter(has_text=gone)
    expect(theirs).to_be_visible()
    expect(newcomer.locator(".o-maildesk-reading-subject")).to_have_count(0)
    page.goto(re.sub(r"message=\d+", "message=99999999999", address))
    expect(page.locator(".o_notification").filter(has_text=gone)).to_be_visible()
    expect(page.locator(".o-maildesk-row").first).to_be_visible()
    expect(page.locator(".o-maildesk-reading-subject")).to_have_count(0)
    look(page, "reading-gone")

    # What was read on the way does not stand in the way of Back.
    page.go_back()
    expect(page.locator(".o-maildesk-reading-subject")).to_have_text("Delivery in week 51")
    page.go_back()
    expect(page.locator(".o-maildesk")).to_have_count(0)

    # On a phone Back closes the mail, after a reload as well, and the list has an address of its own.
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    expect(page.locator(".o-maildesk-reading-subject")).to_have_text("Delivery in week 51")
    for _ in range(2):
        page.go_back()
        expect(page.locator(".o-maildesk-row").first).to_be_visible()
        expect(page.locator(".o-maildesk-reading-subject")).to_have_count(0)
        expect(page).to_have_url(re.compile(r"/odoo/maildesk\?folder=\d+$"))
        page.locator(".o-maildesk-row").filter(has_text="week 51").first.click()
        expect(page).to_have_url(address)
        page.reload()
        expect(page.locator(".o-maildesk-reading-subject")).to_have_text("Delivery in week 51")
    page.locator(".o-maildesk-back").click()
    expect(page).to_have_url(re.compile(r"/odoo/maildesk\?folder=\d+$"))


@pytest.mark.timeout(300)
def test_reading_conversation_goes_on_while_it_is_open(inbox: Page, stage: Stage) -> None:
    """An answer to the mail that is being read comes below it; what is folded stays within its line."""
    page = inbox
    _arrive(page, stage, QUESTION)
    _open(page, "Which day")
    expect(page.locator(".o-maildesk-message")).to_have_count(1)
    _arrive(page, stage, ANSWER)
    expect(page.locator(".o-maildesk-message")).to_have_count(2)
    expect(page.locator(".o-maildesk-reading-count")).to_have_text("2 messages")
    expect(page.frame_locator("iframe.o-maildesk-frame >> nth=1").locator("body")).to_contain_text("Saturday, after all.")
    page.locator(".o-maildesk-message-unfold").first.click()
    expect(page.locator(".o-maildesk-message.o-folded")).to_have_count(1)
    assert _sticking_out(page) == []
    look(page, "reading-conversation")


@pytest.mark.timeout(300)
def test_reading_conversation_that_was_read(inbox: Page, stage: Stage) -> None:
    """Of five messages those that were read are folded, each unfolds by itself, and a key works where the mail has the focus."""
    page = inbox
    _arrive(page, stage, *BARGES)
    expect(page.locator(".o-maildesk-row").filter(has_text="Re: Barges").first).to_be_visible()
    for message in [m for m in stage.truth(READER) if m["subject"] == "Re: Barges"]:
        stage.act(READER, message["id"], "read")
    page.locator(".o-maildesk-refresh").click()
    expect(page.locator(".o-maildesk-row.o-unread").filter(has_text="Re: Barges")).to_have_count(0)
    _open(page, "Re: Barges")
    expect(page.locator(".o-maildesk-message")).to_have_count(5)
    expect(page.locator(".o-maildesk-message.o-folded")).to_have_count(4)
    look(page, "reading-conversation-folded")
    page.locator(".o-maildesk-message-fold").first.click()
    expect(page.locator("iframe.o-maildesk-frame")).to_have_count(2)
    body = page.frame_locator("iframe.o-maildesk-frame").first.locator("body")
    expect(body).to_contain_text("about the barges")
    body.press("Escape")
    expect(page.locator(".o-maildesk-reading-subject")).to_have_count(0)
