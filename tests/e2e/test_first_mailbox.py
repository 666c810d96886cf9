"""The story of a first mailbox, in Chromium: from the empty state to mail that comes, changes, moves and goes."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import READER

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import Stage

ADDRESS = "anna@pier.example"

MAIL = b"""From: Kai Mueller <kai@pier.example>
To: Anna Larsen <anna@pier.example>
Subject: The crane comes on Friday
Message-ID: <crane-1@pier.example>
Content-Type: text/html; charset=utf-8

<p>Good morning Anna,</p><p>the crane is booked for <b>Friday</b>.</p>
<img src="http://tracker.invalid/pixel.gif"><script>window.top.pwned = true</script>
"""


def _rows(page: Page) -> Locator:
    return page.locator(".o-maildesk-row")


def _inbox(page: Page) -> Locator:
    return page.locator('.o-maildesk-folder[data-role="inbox"]').first


def _unread(page: Page) -> int:
    text = _inbox(page).locator(".o-maildesk-folder-unread").text_content() or "0"
    return int(re.sub(r"\D", "", text) or 0)


def _until(page: Page, is_so: Callable[[], bool], what: str) -> None:
    """Wait for what happens outside the page."""
    for _ in range(200):
        if is_so():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"waited 20 s for {what}")


@pytest.mark.timeout(300)
def test_first_mailbox_whole_story(newcomer: Page, stage: Stage) -> None:
    """Empty state, account, sign-in at Microsoft, newest mail without a reload, then live: new, read, moved, deleted."""
    page = newcomer
    # Nothing yet: the app leads to connecting the first mailbox.
    page.goto("/odoo/maildesk")
    expect(page.locator(".o-maildesk-empty")).to_be_visible()
    page.locator(".o-maildesk-empty button, .o-maildesk-empty a").first.click()
    page.locator(".o_field_widget[name=name] input, .o_field_widget[name=name] textarea").first.fill("Work Outlook")
    page.locator(".o_field_widget[name=email] input").fill(ADDRESS)
    page.locator(".o_form_button_save").click()
    page.get_by_role("button", name="Authorize Outlook", exact=True).click()

    # At Microsoft: another site, which knows nothing of our session.
    page.locator(f'button[data-account="{ADDRESS}"]').click()
    expect(page.get_by_role("heading", name="Permissions requested")).to_be_visible()
    page.get_by_role("button", name="Accept").click()

    # Back in MailDesk; the mail comes by itself.
    page.wait_for_url(re.compile(r"/odoo/maildesk"))
    expect(page.locator(".o-maildesk")).to_be_visible()
    _inbox(page).click()
    # Drawn is what is in sight; the newest fifty are in Odoo.
    expect(_rows(page).nth(9)).to_be_visible()
    counted = "SELECT count(*) >= 50 FROM mailbox_message_index m JOIN mailbox_folder f ON f.id = m.folder_id WHERE f.role = 'inbox'"
    _until(page, lambda: stage.odoo.cluster.execute(stage.odoo.database, counted) == [(True,)], "the newest fifty messages of the Inbox")
    newest = [m for m in stage.truth(ADDRESS) if m["well_known"] == "inbox"]
    expect(_rows(page).first).to_contain_text((newest[0]["from"]["name"] or newest[0]["from"]["address"] or "")[:12])
    account = stage.odoo.cluster.execute(stage.odoo.database, "SELECT state, state_message FROM mailbox_account WHERE email = %s", ADDRESS)
    assert account == [("connected", "Connected")]

    # A mail arrives; Refresh brings it; it is read in a frame in which nothing runs and nothing is fetched.
    page.evaluate("window.notReloaded = true")
    outside: list[str] = []
    page.context.on("request", lambda request: outside.append(request.url) if "tracker.invalid" in request.url else None)
    stage.simulator.ask("POST", f"/mailboxes/{ADDRESS}/deliver", MAIL)
    page.locator(".o-maildesk-refresh").click()
    arrived = _rows(page).filter(has_text="The crane comes on Friday")
    expect(arrived).to_be_visible()
    arrived.click()
    expect(page.locator(".o-maildesk-reading-subject")).to_have_text("The crane comes on Friday")
    frame = page.frame_locator("iframe.o-maildesk-frame")
    expect(frame.locator("body")).to_contain_text("the crane is booked for Friday")
    assert page.evaluate("window.pwned === undefined")
    sandbox = page.locator("iframe.o-maildesk-frame").get_attribute("sandbox") or ""
    assert not {"allow-scripts", "allow-forms", "allow-top-navigation"} & set(sandbox.split())
    assert not outside

    # Read at Microsoft: the badge follows.
    before = _unread(page)
    crane = next(m for m in stage.truth(ADDRESS) if m["subject"] == "The crane comes on Friday")
    stage.act(ADDRESS, crane["id"], "read")
    page.locator(".o-maildesk-refresh").click()
    expect(_inbox(page).locator(".o-maildesk-folder-unread")).to_have_text(str(before - 1))
    expect(arrived).not_to_have_class(re.compile("o-unread"))

    # Flagged there, flagged here.
    stage.act(ADDRESS, crane["id"], "flag")
    page.locator(".o-maildesk-refresh").click()
    expect(arrived.locator(".fa-flag, .o-maildesk-row-flag").first).to_be_visible()

    # Moved there: it leaves the list and stands in the other folder.
    stage.act(ADDRESS, crane["id"], "move", folder="archive")
    page.locator(".o-maildesk-refresh").click()
    expect(arrived).to_have_count(0)
    page.locator('.o-maildesk-folder[data-role="archive"]').first.click()
    expect(arrived).to_be_visible()

    # Deleted there: gone.
    stage.act(ADDRESS, crane["id"], "delete")
    page.locator(".o-maildesk-refresh").click()
    expect(arrived).to_have_count(0)
    assert page.evaluate("window.notReloaded === true"), "the page was never loaded again"


@pytest.mark.timeout(180)
def test_live_websocket_cut_is_told_and_made_up_for(reader: Page, stage: Stage) -> None:
    """Without the websocket nothing changes and a notice says so; when it is back, the app catches up by itself."""
    page = reader
    page.goto("/odoo/maildesk")
    _inbox(page).click()
    expect(_rows(page).first).to_be_visible()
    _until(page, stage.proxy.has_websocket, "the page's websocket to stand")
    stage.proxy.cut()
    try:
        expect(page.locator(".o-maildesk-notice")).to_be_visible(timeout=30_000)
        stage.simulator.ask(
            "POST", f"/mailboxes/{READER}/deliver", MAIL.replace(b"on Friday", b"on Monday").replace(b"crane-1", b"crane-2")
        )
        page.locator(".o-maildesk-refresh").click()
        late = _rows(page).filter(has_text="The crane comes on Monday")
        query = "SELECT count(*) FROM mailbox_message_index WHERE subject = %s"
        in_odoo = partial(stage.odoo.cluster.execute, stage.odoo.database, query, "The crane comes on Monday")
        _until(page, lambda: in_odoo() == [(1,)], "the mail to reach Odoo")
        # A round trip of the page, in which it could have learned of the mail: it did not.
        page.evaluate("fetch('/web/health')")
        expect(late).to_have_count(0)
    finally:
        stage.proxy.mend()
    expect(late).to_be_visible(timeout=60_000)
    expect(page.locator(".o-maildesk-notice")).to_have_count(0)
