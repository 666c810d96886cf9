"""MailDesk in Odoo's world, in Chromium: the number in the top bar, a notice of new mail, a sender who becomes a contact, and its mails."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from tests.e2e.conftest import READER
from tests.e2e.pictures import NARROW, look
from tests.odoo.person import Person

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Stage

SENDER = "kai.mueller@pier.example"

MAIL = f"""From: Kai Mueller <{SENDER}>
To: Anna Larsen <{READER}>
Subject: The crane comes on Friday
Message-ID: <world-1@pier.example>
Content-Type: text/html; charset=utf-8

<p>Good morning Anna,</p><p>the crane is booked for <b>Friday</b>.</p>
"""

# A name that is another's address: what a person sees is where the mail really came from.
FALSE = f"""From: "{SENDER}" <evil@else.example>
To: Anna Larsen <{READER}>
Subject: Please pay at once
Message-ID: <world-2@else.example>

Now.
"""


def _portrait() -> bytes:
    """Draw head and shoulders: told from the initials that Odoo and MailDesk draw."""
    picture = Image.new("RGB", (256, 256), "#8fb7c9")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((28, 168, 228, 380), fill="#2f4858")
    draw.ellipse((80, 52, 176, 172), fill="#f0c9a4")
    draw.pieslice((76, 40, 180, 150), 180, 360, fill="#5a3a22")
    kept = BytesIO()
    picture.save(kept, "PNG")
    return kept.getvalue()


def _deliver(stage: Stage, mail: str) -> None:
    """Let a mail arrive, and the connector see it."""
    stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", mail.encode())
    with Person.logged_in(stage.odoo, stage.logins.empty, stage.logins.empty_password) as owner:
        owner.call("mailbox.account", "maildesk_refresh")


@pytest.mark.timeout(300)
def test_world_from_new_mail_to_the_contacts_mails(reader: Page, stage: Stage) -> None:
    """A mail arrives while its reader is elsewhere in Odoo; its sender becomes a contact; the contact leads back to the mail."""
    page = reader
    with Person.logged_in(stage.odoo, stage.logins.admin, stage.logins.admin_password) as admin:
        ((erik,),) = stage.odoo.cluster.execute(stage.odoo.database, "SELECT id FROM res_users WHERE login = %s", stage.logins.empty)
        ((manager,),) = stage.odoo.cluster.execute(
            stage.odoo.database, "SELECT res_id FROM ir_model_data WHERE module = 'base' AND name = 'group_partner_manager'"
        )
        admin.call("res.users", "write", [erik], {"group_ids": [[4, manager]]})

        # The preference is the user's own, in Odoo's own place for it.
        page.locator(".o_user_menu button").click()
        page.get_by_role("menuitem", name="My Preferences").click()
        page.get_by_role("tab", name="Preferences").click()
        wish = page.locator(".o_field_widget[name=maildesk_notify]")
        wish.locator("input, select").first.click()
        page.get_by_text("A notice in Odoo", exact=True).click()
        look(page, "world-preference")
        with page.expect_navigation():
            page.get_by_role("button", name="Update Preferences").click()

        # Elsewhere in Odoo, the app closed: the number is there, and no word of mail.
        page.goto("/odoo/discuss")
        systray = page.locator(".o-maildesk-systray")
        expect(systray).to_be_visible()
        before = int(systray.locator(".o-maildesk-systray-count").text_content() or "0")

        _deliver(stage, MAIL)
        notice = page.locator(".o-maildesk-news")
        expect(notice).to_contain_text("Kai Mueller", timeout=30_000)
        expect(notice).to_contain_text("The crane comes on Friday")
        expect(systray.locator(".o-maildesk-systray-count")).to_have_text(str(before + 1))
        look(page, "world-notice")
        systray.click()
        newest = page.locator(".o-maildesk-systray-mail")
        expect(newest.first).to_contain_text("The crane comes on Friday")
        expect(newest).to_have_count(5)
        look(page, "world-systray")
        newest.first.click()

        # In the app: the number stands in the title; one click makes the sender a contact.
        expect(page.locator(".o-maildesk-reading-subject")).to_have_text("The crane comes on Friday")
        expect(page.locator(".o_menu_brand")).to_have_text("MailDesk")
        expect(page).to_have_title(re.compile(rf"^\({before + 1}\) "))
        card = page.locator(".o-maildesk-contact-pane")
        expect(card.locator(".o-maildesk-contact-name")).to_have_text("Kai Mueller")
        look(page, "world-stranger")
        card.locator("[data-action=create-contact]").click()
        expect(card.locator("[data-action=open-contact]")).to_be_visible()
        (contact,) = admin.call("res.partner", "search", [["email", "=", SENDER]])
        (company,) = admin.call("res.partner", "create", [{"name": "Pier Extension Ltd.", "is_company": True}])
        details = {
            "function": "Purchasing",
            "phone": "+45 12 34 56 78",
            "parent_id": company,
            "image_1920": base64.b64encode(_portrait()).decode(),
        }
        admin.call("res.partner", "write", [contact], details)

        # With the next opening of the app the row and the card have picture and company.
        page.goto("/odoo/maildesk")
        row = page.locator(".o-maildesk-row").filter(has_text="The crane comes on Friday")
        expect(row.locator("img.o-maildesk-avatar")).to_be_visible()
        row.click()
        expect(card).to_contain_text("Pier Extension Ltd.")
        expect(card).to_contain_text("Purchasing")
        look(page, "world-contact")

        # Where there is no room beside the message, the sender's name leads to the card.
        page.set_viewport_size({"width": 390, "height": 844})
        expect(card).to_have_count(0)
        page.locator(".o-maildesk-contact-link").click()
        expect(page.locator(".o-maildesk-contact-popover")).to_contain_text("Pier Extension Ltd.")
        look(page, "world-contact-phone", NARROW)
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 1280, "height": 800})

        # On the contact: the mails exchanged with it; one of them opens where mails are read.
        card.locator("[data-action=open-contact]").click()
        mails = page.locator(".o-maildesk-contact-mails")
        expect(mails.locator(".o_stat_value")).to_have_text("1")
        look(page, "world-form")
        # Somebody who looks long has read it.
        stage.odoo.cluster.execute(
            stage.odoo.database, "UPDATE mailbox_message_index SET is_read = false WHERE subject = 'The crane comes on Friday'"
        )
        mails.click()
        line = page.locator(".o_data_row")
        expect(line).to_have_count(1)
        expect(line.locator("td[name=subject]")).to_have_class(re.compile("fw-bold"))
        look(page, "world-mails")
        line.locator("td[name=subject]").click()
        expect(page.locator(".o-maildesk-reading-subject")).to_have_text("The crane comes on Friday")

        # Who takes the contact's address for a name gets neither the contact's name nor its picture.
        _deliver(stage, FALSE)
        false = page.locator(".o-maildesk-row").filter(has_text="Please pay at once")
        expect(false.locator(".o-maildesk-row-who")).to_have_text("evil@else.example", timeout=30_000)
        expect(false.locator("img")).to_have_count(0)
        expect(page.locator(".o-maildesk-announcer")).to_contain_text("evil@else.example: Please pay at once")
        look(page, "world-false-name")


@pytest.mark.timeout(180)
def test_world_of_somebody_without_mailbox(newcomer: Page) -> None:
    """Nothing of it stands in the top bar of somebody who has no mailbox, nor on a contact."""
    page = newcomer
    with page.expect_response(lambda response: "maildesk_counts" in response.url):
        page.goto("/odoo/discuss")
    expect(page.locator(".o_user_menu")).to_be_visible()
    with page.expect_response(lambda response: "maildesk_mail_count" in response.url):
        page.goto("/odoo/res.partner/1")
    expect(page.locator(".o_form_view")).to_be_visible()
    expect(page.locator(".o-maildesk-systray, .o-maildesk-contact-mails")).to_have_count(0)
