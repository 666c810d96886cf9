"""The end of a mailbox in Chromium: paused, deleted, read afterwards, connected again, exported, purged."""

from __future__ import annotations

import json
import re
import zipfile
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import READER

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import Stage

MAIL = b"""From: Kai Mueller <kai@pier.example>
To: Anna Larsen <anna.larsen@outlook.example>
Subject: Keys of the shed
Message-ID: <shed-1@pier.example>
Content-Type: text/html; charset=utf-8

<p>They lie <b>under the third flower pot</b>.</p>
"""


def _account(page: Page) -> Locator:
    return page.locator(".o-maildesk-account")


def _rows(page: Page) -> Locator:
    return page.locator(".o-maildesk-row")


def _choose(page: Page, action: str) -> None:
    _account(page).locator(".o-maildesk-account-menu").click()
    page.locator(f"[data-action={action}]").click()


def _in_odoo(stage: Stage, query: str) -> list[tuple[object, ...]]:
    return stage.odoo.cluster.execute(stage.odoo.database, query)


def _ids(stage: Stage) -> dict[object, object]:
    rows = _in_odoo(stage, "SELECT remote_id, id FROM mailbox_message_index")
    assert len(dict(rows)) == len(rows)  # type: ignore[arg-type]
    return dict(rows)  # type: ignore[arg-type]


@pytest.mark.timeout(300)
def test_disconnect_whole_story(reader: Page, stage: Stage) -> None:
    """Pause and Resume; Delete asks and disconnects; what is there stays readable; Connect Again finds it; Purge asks and takes all."""
    page = reader
    page.goto("/odoo/maildesk")
    expect(_rows(page).nth(9)).to_be_visible()
    # All of it is here: its first comparison with what comes later would differ.
    expect(page.locator(".o-maildesk-sync")).to_contain_text("Synced", timeout=60_000)
    stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", MAIL)
    page.locator(".o-maildesk-refresh").click()
    opened = _rows(page).filter(has_text="Keys of the shed")
    opened.click()
    text = page.frame_locator("iframe.o-maildesk-frame").locator("body")
    expect(text).to_contain_text("under the third flower pot")
    ((account_id,),) = _in_odoo(stage, "SELECT id FROM mailbox_account WHERE state = 'connected'")

    # Paused, nothing is fetched; resumed, what came meanwhile is there.
    banner = page.locator(".o-maildesk-banner")
    _choose(page, "pause")
    expect(banner).to_contain_text("Paused")
    stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", MAIL.replace(b"shed", b"barn"))
    banner.get_by_role("button", name="Resume").click()
    expect(_rows(page).filter(has_text="Keys of the barn")).to_be_visible(timeout=20_000)
    expect(banner).to_have_count(0)
    before = _ids(stage)

    # Asked first; kept by the one answer, disconnected by the other.
    _choose(page, "disconnect")
    expect(page.locator(".modal")).to_contain_text("Nothing changes in Outlook")
    page.get_by_role("button", name="Keep It").click()
    assert _in_odoo(stage, "SELECT state FROM mailbox_account") == [("connected",)]
    _choose(page, "disconnect")
    page.locator(".modal").get_by_role("button", name="Disconnect").click()
    group = page.locator(".o-maildesk-disconnected")
    expect(group.locator(".o-maildesk-account")).to_be_visible()
    assert _in_odoo(stage, "SELECT state, active, token_sealed FROM mailbox_account") == [("disconnected", False, None)]
    assert _in_odoo(stage, "SELECT count(cursor) FROM mailbox_folder_sync") == [(0,)]

    # Read afterwards, after a reload too: a text that was kept, one that was not, and nothing to refresh.
    page.reload()
    expect(group.locator('.o-maildesk-folder[data-role="inbox"]')).to_be_visible()
    expect(page.locator(".o-maildesk-banner")).to_contain_text("Disconnected")
    expect(page.locator(".o-maildesk-refresh")).to_have_count(0)
    opened.click()
    expect(text).to_contain_text("under the third flower pot")
    _rows(page).nth(3).click()
    expect(page.locator(".o-maildesk-body-state")).to_contain_text("It is in Outlook")

    # Taken along.
    with page.expect_download() as downloading:
        _choose(page, "export")
    with zipfile.ZipFile(downloading.value.path()) as archive:
        assert len(json.loads(archive.read("messages.json"))) == len(before)

    # Connected again: the same record, the same rows.
    page.locator(".o-maildesk-banner").get_by_role("button", name="Connect Again").click()
    page.locator(f'button[data-account="{READER}"]').click()
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url(re.compile(r"/odoo/maildesk"))
    expect(group).to_have_count(0)
    expect(page.locator(".o-maildesk-sync")).to_contain_text("Synced", timeout=60_000)
    assert _in_odoo(stage, "SELECT id, state FROM mailbox_account") == [(account_id, "connected")]
    after = _ids(stage)
    assert {key: after[key] for key in before} == before

    # Delete in the form asks the same question; then Purge, with its own.
    page.goto(f"/odoo/mailbox-accounts/{account_id}")
    page.locator(".o_cp_action_menus button").first.click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.locator(".modal")).to_contain_text("Nothing changes in Outlook")
    page.locator(".modal").get_by_role("button", name="Disconnect").click()
    expect(page.locator(".modal")).to_have_count(0)
    page.goto(f"/odoo/mailbox-accounts/{account_id}")
    expect(page.locator(".o_form_view")).to_contain_text("Disconnected: nothing is fetched")
    page.get_by_role("button", name="Purge").click()
    expect(page.locator(".modal")).to_contain_text("cannot be undone")
    page.locator(".modal").get_by_role("button", name="Purge").click()
    expect(page.locator(".o_form_view")).to_have_count(0)
    for table in ("mailbox_account", "mailbox_folder", "mailbox_message_index", "mailbox_message_body"):
        assert _in_odoo(stage, f"SELECT count(*) FROM {table}") == [(0,)], table  # noqa: S608 - our own tables
    page.goto("/odoo/maildesk")
    expect(page.locator(".o-maildesk-connect")).to_have_text("Connect your first mailbox")


@pytest.mark.timeout(300)
def test_disconnect_from_the_list(reader: Page, stage: Stage) -> None:
    """Delete in the list asks the same; the mailbox leaves the list and stands behind its filter."""
    page = reader
    page.goto("/odoo/mailbox-accounts")
    page.locator(".o_data_row .o_list_record_selector input").first.check()
    page.locator(".o_cp_action_menus").get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.locator(".modal")).to_contain_text("stays readable for its owner")
    page.locator(".modal").get_by_role("button", name="Disconnect").click()
    expect(page.locator(".o_data_row")).to_have_count(0)
    assert _in_odoo(stage, "SELECT state, token_sealed FROM mailbox_account") == [("disconnected", None)]
