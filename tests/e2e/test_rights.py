"""A mailbox that is shared, and then no more, in a tab that stays open; and the audit list, where its owner and an administrator look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import READER
from tests.e2e.pictures import look
from tests.odoo.person import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.e2e.conftest import Stage


@pytest.mark.timeout(300)
def test_sharing_in_an_open_tab(newcomer: Page, stage: Stage) -> None:
    """The mailbox appears by itself when it is shared, and goes with its list and its open mail when it is not any more."""
    page = newcomer
    ((reader,),) = stage.odoo.cluster.execute(stage.odoo.database, "SELECT id FROM res_users WHERE login = %s", stage.logins.user)
    with Person.logged_in(stage.odoo, stage.logins.empty, stage.logins.empty_password) as owner:
        owner.url = stage.url
        found = owner.call("mailbox.account", "search", [["email", "=", READER]])
        account_id = found[0] if found else owner.new_account(READER, "Anna's Outlook")
        if not found:
            assert owner.sign_in(account_id, READER).headers.get("location", "").endswith("/odoo/maildesk")
        page.goto("/odoo/maildesk")
        expect(page.locator(".o-maildesk")).to_be_visible()
        owner.call("mailbox.account", "write", [account_id], {"shared_user_ids": [[4, reader]]})
        shared = page.locator(f'.o-maildesk-account[data-account-id="{account_id}"]')
        expect(shared).to_be_visible()
        rows = page.locator(".o-maildesk-row")
        shared.locator('.o-maildesk-folder[data-role="inbox"]').click()
        expect(rows.first).to_be_visible()
        rows.first.click()
        expect(page.locator(".o-maildesk-reading-subject")).to_be_visible()
        look(page, "shared")
        # On the form they find nothing that is not theirs to do.
        form = page.context.new_page()
        form.goto(f"/odoo/mailbox-accounts/{account_id}")
        expect(form.locator("button[name=action_open_app]")).to_be_visible()
        for name in ("action_authorize", "action_pause", "action_audit"):
            expect(form.locator(f"button[name={name}]:visible")).to_have_count(0)
        look(form, "form-of-reader")
        form.close()
        owner.call("mailbox.account", "write", [account_id], {"shared_user_ids": [[3, reader]]})
        expect(shared).to_have_count(0)
        expect(page.locator(".o-maildesk-reading-subject")).to_have_count(0)
        look(page, "shared-no-more")
        told = owner.call("mailbox.audit", "search_read", [["account_id", "=", account_id]], ["event", "detail", "user_name"])
    assert [entry["event"] for entry in told] == ["unshared", "opened", "shared", "connected"]


@pytest.mark.timeout(180)
def test_audit_list_on_screen(browser: Browser, stage: Stage, reader: Page) -> None:
    """The owner opens it from the form of the mailbox, an administrator from the menu; nobody has a button to change it."""
    page = reader
    page.goto("/odoo/mailbox-accounts")
    page.locator(".o_data_row", has_text=READER).click()
    button = page.locator("button[name=action_audit]")
    expect(button).to_be_visible()
    look(page, "account-form")
    button.click()
    expect(page.locator(".o_list_view .o_data_row").last).to_contain_text("Connected")
    expect(page.locator(".o_list_button_add, .o_list_button_save")).to_have_count(0)
    look(page, "audit-of-owner")
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=stage.url)
    admin = context.new_page()
    admin.set_default_timeout(20_000)
    admin.goto("/web/login")
    admin.fill("input[name=login]", stage.logins.admin)
    admin.fill("input[name=password]", stage.logins.admin_password)
    admin.click("button[type=submit]")
    admin.wait_for_selector(".o_main_navbar")
    admin.goto("/odoo/maildesk")
    admin.get_by_role("button", name="Configuration").click()
    admin.get_by_role("menuitem", name="Audit List").click()
    expect(admin.locator(".o_list_view .o_data_row").first).to_be_visible()
    look(admin, "audit-of-administrator")
    context.close()
