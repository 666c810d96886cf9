"""Mail into Odoo, in Chromium with crm and project installed: logged on a contact with a file, a lead, a task; the way there and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import READER
from tests.e2e.pictures import look
from tests.odoo.person import Person

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Stage

SENDER = "kai.mueller@pier.example"

MAIL = f"""From: Kai Mueller <{SENDER}>
To: Anna Larsen <{READER}>
Subject: The crane comes on Friday
Message-ID: <into-1@pier.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/html; charset=utf-8

<p>Good morning Anna,</p><p>the crane is booked for <b>Friday</b>.</p>
<img src="https://tracker.example/p.png" width="300" height="80" alt="Our new pier">
--b
Content-Type: text/plain; name="berth plan.txt"
Content-Disposition: attachment; filename="berth plan.txt"

Berth 4 is free.
--b
Content-Type: text/plain; name="terms.txt"
Content-Disposition: attachment; filename="terms.txt"

Thirty days.
--b--
"""

# What Odoo's own groups let people do in the two apps.
GROUPS = ("base.group_partner_manager", "sales_team.group_sale_salesman", "project.group_project_user")


def _prepare(stage: Stage) -> dict[str, int]:
    """Install the apps on this stage, let its reader use them, and make a contact and a project."""
    with Person.logged_in(stage.odoo, stage.logins.admin, stage.logins.admin_password) as admin:
        admin.http.timeout = 180  # seconds: two apps
        modules = admin.call("ir.module.module", "search", [["name", "in", ["crm", "project"]]])
        admin.call("ir.module.module", "button_immediate_install", modules)
        groups = [
            ids
            for name in GROUPS
            for ((ids,),) in [
                stage.odoo.cluster.execute(
                    stage.odoo.database,
                    "SELECT res_id FROM ir_model_data WHERE model = 'res.groups' AND module = %s AND name = %s",
                    *name.split("."),
                )
            ]
        ]
        (reader,) = admin.call("res.users", "search", [["login", "=", stage.logins.empty]])
        admin.call("res.users", "write", [reader], {"group_ids": [[4, group] for group in groups]})
        (contact,) = admin.call("res.partner", "create", [{"name": "Kai Mueller", "email": SENDER}])
        (project,) = admin.call("project.project", "create", [{"name": "Pier extension", "privacy_visibility": "employees"}])
    return {"contact": contact, "project": project}


def _open_mail(page: Page) -> None:
    page.goto("/odoo/maildesk")
    page.locator(".o-maildesk-row").filter(has_text="The crane comes on Friday").click()
    expect(page.locator(".o-maildesk-message iframe")).to_be_visible()


def _menu(page: Page, action: str) -> None:
    page.locator("[data-menu=into]").click()
    page.locator(f".o-dropdown--menu [data-action={action}]").click()
    expect(page.locator(".o-maildesk-into-warning")).to_contain_text("a lasting copy")


@pytest.mark.timeout(420)  # seconds: two apps are installed first, and their assets built
def test_into_odoo_there_and_back(reader: Page, stage: Stage) -> None:
    """A mail becomes a note, a lead and a task, each once; each is shown at the conversation, and each leads back to the mail."""
    page = reader
    ids = _prepare(stage)
    stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", MAIL.encode())
    with Person.logged_in(stage.odoo, stage.logins.empty, stage.logins.empty_password) as owner:
        owner.call("mailbox.account", "maildesk_refresh")

        # The assets of the two apps are built with the first page.
        page.set_default_timeout(60_000)
        _open_mail(page)
        page.set_default_timeout(20_000)

        # On a contact: the sender's is suggested; one of two files goes along.
        page.locator("[data-menu=into]").click()
        expect(page.locator(".o-dropdown--menu [data-action]")).to_have_text(
            [re.compile("Log on a Record"), re.compile("Lead"), re.compile("Task")]
        )
        look(page, "into-menu")
        page.keyboard.press("Escape")
        _menu(page, "log-on-record")
        expect(page.locator(".o_record_selector input")).to_have_value("Kai Mueller")
        page.get_by_role("checkbox", name="berth plan.txt").check()
        look(page, "into-log")
        page.locator(".o-maildesk-into-ok").click()
        expect(page.locator(".o-maildesk-record[data-kind=log]")).to_contain_text("Kai Mueller")
        page.locator(".o_notification_close").first.click()

        # A lead by key, a task by Odoo's palette.
        page.keyboard.press("Shift+L")
        expect(page.locator("#maildesk-into-title")).to_have_value("The crane comes on Friday")
        look(page, "into-lead")
        page.locator(".o-maildesk-into-ok").click()
        expect(page.locator(".o-maildesk-record[data-kind=lead]")).to_contain_text("The crane comes on Friday")
        page.keyboard.press("Control+K")
        page.locator(".o_command_palette_search input").fill("Create Task")
        page.locator(".o_command", has_text="Create Task").first.click()
        page.locator("#maildesk-into-title").fill("Clear berth 4")
        page.locator(".o_record_selector input").fill("Pier ext")
        page.locator(".o-autocomplete--dropdown-item", has_text="Pier extension").click()
        look(page, "into-task")
        page.locator(".o-maildesk-into-ok").click()
        expect(page.locator(".o-maildesk-record[data-kind=task]")).to_contain_text("Clear berth 4")
        look(page, "into-links")

        # What Odoo has: whose they are, and no e-mail.
        (lead,) = owner.call("crm.lead", "search_read", [["name", "=", "The crane comes on Friday"]], ["partner_id"])
        assert lead["partner_id"][0] == ids["contact"]
        (task,) = owner.call("project.task", "search_read", [["name", "=", "Clear berth 4"]], ["project_id", "partner_id"])
        assert (task["project_id"][0], task["partner_id"][0]) == (ids["project"], ids["contact"])
        execute = stage.odoo.cluster.execute
        sent = "SELECT count(*) FROM mail_mail JOIN mail_message m ON m.id = mail_message_id WHERE m.model = ANY(%s)"
        assert execute(stage.odoo.database, sent, ["crm.lead", "project.task", "res.partner"]) == [(0,)]
        files = execute(
            stage.odoo.database,
            "SELECT name FROM ir_attachment WHERE res_model = 'res.partner' AND res_id = %s AND res_field IS NULL",
            ids["contact"],
        )
        assert files == [("berth plan.txt",)]

        # A second lead is the first one; from its chatter back to the mail.
        _open_mail(page)
        expect(page.locator(".o-maildesk-record")).to_have_count(3)
        page.locator("[data-menu=into]").click()
        page.locator(".o-dropdown--menu", has_text="Open the Lead").locator("[data-action=create-lead]").click()
        note = page.locator(".o-mail-Message", has_text="the crane is booked for")
        expect(note).to_contain_text("Kai Mueller")
        expect(note).to_contain_text("[Our new pier]")
        expect(note).to_contain_text("Attachments that were not copied: berth plan.txt")
        assert "tracker.example" not in note.inner_html()
        assert owner.call("crm.lead", "search_count", [["name", "=", "The crane comes on Friday"]]) == 1
        note.scroll_into_view_if_needed()
        look(page, "into-note")
        note.get_by_role("link", name="Open in MailDesk").click()
        expect(page.locator(".o-maildesk-reading-subject")).to_have_text("The crane comes on Friday")
        expect(page).to_have_url(re.compile(r"/odoo/maildesk\?folder=\d+&message=\d+$"))
