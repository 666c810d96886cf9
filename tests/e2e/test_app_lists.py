"""Lists, search, keys and state of the app, in Chromium over a real Odoo: several mailboxes, one of them with 100,000 messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx  # noqa: ASYNC127 - as connector/http.py says
import pytest
from playwright.sync_api import expect

from tests.e2e.desk import Desk, Mailbox
from tests.e2e.pictures import look
from tests.odoo.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Request, Route

    from tests.odoo.server import OdooServer
    from tests.odoo.template import Run

MANY = 100_000

# What the issue allows in the document at once.
MOST_ROWS = 200


@pytest.fixture(scope="module")
def odoo(run: Run) -> Iterator[OdooServer]:
    """An Odoo without a connector."""
    with run.odoo() as running:
        yield running


@pytest.fixture(scope="module")
def desk(odoo: OdooServer) -> Desk:
    """What the person has."""
    return Desk(odoo)


@pytest.fixture(scope="module")
def mailboxes(odoo: OdooServer, desk: Desk, run: Run) -> tuple[Mailbox, Mailbox]:
    """A mailbox with a large archive, and a small one."""
    with Person.logged_in(odoo, run.logins.user, run.logins.user_password) as person:
        work = desk.mailbox(person, "anna@pier.example", "Work Outlook")
        home = desk.mailbox(person, "anna@home.example", "Personal", ("inbox",))
    desk.fill(work, "inbox", 400, every=1500)
    desk.fill(work, "archive", MANY, every=600)
    desk.fill(home, "inbox", 30, every=9100)
    return work, home


@pytest.fixture
def page(browser: Browser, odoo: OdooServer, run: Run, mailboxes: tuple[Mailbox, Mailbox]) -> Iterator[Page]:
    """The app, opened by the person, on a desktop; errors of its scripts fail the test."""
    assert mailboxes
    yield from _opened(browser, odoo, run, width=1280, height=800)


@pytest.fixture
def phone(browser: Browser, odoo: OdooServer, run: Run, mailboxes: tuple[Mailbox, Mailbox]) -> Iterator[Page]:
    """The same on a phone, with fingers."""
    assert mailboxes
    yield from _opened(browser, odoo, run, width=390, height=844, is_phone=True)


def _opened(browser: Browser, odoo: OdooServer, run: Run, *, width: int, height: int, is_phone: bool = False) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": height}, base_url=odoo.url, has_touch=is_phone, is_mobile=is_phone, color_scheme="light"
    )
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto("/web/login")
    opened.fill("input[name=login]", run.logins.user)
    opened.fill("input[name=password]", run.logins.user_password)
    opened.click("button[type=submit]")
    opened.wait_for_selector(".o_main_navbar")
    opened.goto("/odoo/maildesk")
    expect(opened.locator(".o-maildesk-row").first).to_be_visible()
    yield opened
    context.close()
    assert not problems, problems


def _calls(page: Page) -> list[str]:
    """Note each method of the index that the page calls from now on."""
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url.rsplit("/", 1)[-1]) if "/mailbox.message_index/" in request.url else None)
    return calls


def _drawn(page: Page) -> int:
    return page.locator(".o-maildesk-row").count()


def _open(page: Page, role: str) -> None:
    page.locator(f'.o-maildesk-folder[data-role="{role}"]').first.click()
    expect(page.locator(f'.o-maildesk-folder[data-role="{role}"].o-selected')).to_be_visible()
    expect(page.locator(".o-maildesk-row").first).to_be_visible()


def _scroll_by(page: Page, pixels: int) -> None:
    """Scroll, and let the page draw and answer."""
    page.locator(".o-maildesk-rows").evaluate("(el, by) => { el.scrollTop += by; }", pixels)
    page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("view", ["conversations", "plain"])
def test_list_of_100000_messages_few_rows_and_one_request_a_scroll(page: Page, view: str) -> None:
    """Scrolling through a folder of 100,000 messages draws a screen or three of rows, and asks for a page at a time."""
    page.locator(".o-maildesk-options").click()
    page.locator(f"[data-option=view-{view}]").click()
    _open(page, "archive")
    expect(page.locator(".o-maildesk-title")).to_contain_text("100,000")
    calls, running, most = _calls(page), 0, 0

    def started(url: str) -> None:
        nonlocal running, most
        if "maildesk_list" in url:
            running += 1
            most = max(most, running)

    def ended(url: str) -> None:
        nonlocal running
        running -= "maildesk_list" in url

    page.on("request", lambda request: started(request.url))
    page.on("requestfinished", lambda request: ended(request.url))
    scrolls = 60
    for _ in range(scrolls):
        before = len(calls)
        _scroll_by(page, 1500)
        assert _drawn(page) < MOST_ROWS
        assert len(calls) - before <= 1
        expect(page.locator(".o-maildesk-more .fa-spin")).to_have_count(0)
    assert set(calls) == {"maildesk_list"}
    assert most == 1
    # Some nineteen rows a scroll, eighty a page.
    assert len(calls) <= scrolls / 3
    index = int(page.locator(".o-maildesk-row").last.get_attribute("aria-rowindex") or 0)
    assert index > 1000
    # Back to the top there is nothing to ask for.
    calls.clear()
    page.locator(".o-maildesk-rows").evaluate("(el) => { el.scrollTop = 0; }")
    expect(page.locator('.o-maildesk-row[aria-rowindex="1"]')).to_be_visible()
    assert calls == []


@pytest.mark.timeout(300)
def test_list_of_100000_rows_that_are_all_loaded(page: Page) -> None:
    """With all 100,000 rows loaded the document has as few as with a hundred, wherever one scrolls, and all can be selected."""

    def all_of_them(route: Route, request: Request) -> None:
        asked = request.post_data_json
        assert asked is not None
        rows = [
            {
                "importance": "normal",
                "to_recipients": [],
                "categories": [],
                "id": 10_000_000 - n,
                "account_id": 1,
                "folder_id": asked["params"]["kwargs"]["folder_id"],
                "conversation_id": "",
                "subject": f"Message {n}",
                "from_name": "Jane",
                "from_email": "jane@pier.example",
                "preview": "",
                "received_at": f"{2026 - n // 4000:04d}-{12 - n % 4000 // 340:02d}-{28 - n % 340 // 13:02d}T10:00:00Z",
                "is_read": True,
                "is_flagged": False,
                "has_attachments": False,
                "is_draft": False,
            }
            for n in range(MANY)
        ]
        route.fulfill(json={"jsonrpc": "2.0", "id": 1, "result": {"rows": rows, "more": False}})

    page.route("**/mailbox.message_index/maildesk_list", all_of_them)
    page.locator('.o-maildesk-folder[data-role="archive"]').click()
    grid = page.locator('[role="grid"][aria-rowcount="100000"]')
    expect(grid).to_be_visible(timeout=60_000)
    for place in (0.1, 0.5, 0.99, 0.25):
        page.locator(".o-maildesk-rows").evaluate("(el, place) => { el.scrollTop = el.scrollHeight * place; }", place)
        there = page.locator(f'.o-maildesk-row[aria-rowindex="{int(MANY * place) + 4}"]')
        expect(there).to_be_attached()
        assert _drawn(page) < MOST_ROWS
    page.locator('.o-maildesk-row[tabindex="0"]').focus()
    # All of them selected: a number, not 100,000 changed rows.
    page.keyboard.press("Control+a")
    expect(page.locator(".o-maildesk-selection b")).to_have_text("100,000 selected")
    page.keyboard.press("End")
    expect(page.locator('.o-maildesk-row[aria-rowindex="100000"]')).to_be_in_viewport()
    assert _drawn(page) < MOST_ROWS
    page.keyboard.press("Escape")
    expect(page.locator(".o-maildesk-selection")).to_have_count(0)


@pytest.mark.timeout(300)
def test_all_inboxes_conversations_filters_and_looks(page: Page, desk: Desk) -> None:
    """All inboxes come first and tell mailboxes apart; filters narrow them; what was chosen outlives a reload."""
    first = page.locator(".o-maildesk-tree .o-maildesk-folder").first
    expect(first).to_have_class(re.compile("o-selected"))
    ((unread,),) = desk.sql(
        "SELECT count(*) FROM mailbox_message_index m JOIN mailbox_folder f ON f.id = m.folder_id WHERE f.role = 'inbox' AND NOT is_read"
    )
    expect(first).to_have_text(re.compile(rf"All inboxes\s*{unread}"))
    expect(page.locator('.o-maildesk-row-stripe[title="Personal"]').first).to_be_attached()
    expect(page.locator('.o-maildesk-row-stripe[title="Work Outlook"]').first).to_be_attached()
    expect(page.locator(".o-maildesk-row-count").first).to_be_visible()
    expect(page.locator(".o-maildesk-date").first).to_have_text("Today")
    look(page, "inboxes")

    page.locator("[data-filter=unread]").click()
    expect(page.locator(".o-maildesk-row:not(.o-unread)")).to_have_count(0)
    expect(page.locator(".o-maildesk-row.o-unread").first).to_be_visible()
    page.locator("[data-filter=flagged]").click()
    expect(page.locator(".o-maildesk-row:not(:has(.o-maildesk-row-flag))")).to_have_count(0)
    page.locator("[data-filter=all]").click()
    expect(page.locator(".o-maildesk-row:not(.o-unread)").first).to_be_visible()

    for option in ("view-plain", "density-compact", "order-oldest"):
        page.locator(".o-maildesk-options").click()
        page.locator(f"[data-option={option}]").click()
    expect(page.locator(".o-maildesk-row.o-compact").first).to_be_visible()
    expect(page.locator(".o-maildesk-row-count")).to_have_count(0)
    look(page, "inboxes-plain-compact")
    page.reload()
    expect(page.locator(".o-maildesk-row.o-compact").first).to_be_visible()
    expect(page.locator(".o-maildesk-date").first).not_to_have_text("Today")


@pytest.mark.timeout(300)
def test_selection_by_mouse_and_keys(page: Page) -> None:
    """Ctrl, Shift, the disc and keys select; the bar counts; Escape ends it, and a click opens again."""
    rows = page.locator(".o-maildesk-row")
    bar = page.locator(".o-maildesk-selection b")
    rows.nth(0).click(modifiers=["ControlOrMeta"])
    rows.nth(3).click(modifiers=["Shift"])
    expect(bar).to_have_text("4 selected")
    assert page.evaluate("getSelection().toString()") == "", "rows are selected, not their words"
    expect(page.locator(".o-maildesk-reading-subject")).to_have_count(0)
    rows.nth(5).locator(".o-maildesk-row-tick").click()
    expect(bar).to_have_text("5 selected")
    look(page, "selected")
    page.keyboard.press("Escape")
    expect(bar).to_have_count(0)
    page.keyboard.press("Home")
    for key in ("x", "Shift+J", "Shift+J", "Shift+K"):
        page.keyboard.press(key)
    expect(bar).to_have_text("2 selected")
    expect(page.locator('.o-maildesk-row[aria-selected="true"]')).to_have_count(2)
    page.keyboard.press("Escape")
    rows.nth(1).hover()
    expect(rows.nth(1).locator("[data-action=mail-of-sender]")).to_be_visible()
    rows.nth(1).click()
    expect(page.locator(".o-maildesk-reading-subject")).to_be_visible()


@pytest.mark.timeout(300)
def test_search_as_one_types_and_back_to_the_place(page: Page) -> None:
    """Results come while typing, by one request a pause; Escape leads back to the row and the place where one was."""
    _open(page, "inbox")
    _scroll_by(page, 3000)
    page.locator(".o-maildesk-row").nth(15).click()
    place = page.locator(".o-maildesk-rows").evaluate("el => el.scrollTop")
    chosen = page.locator(".o-maildesk-row.o-selected").get_attribute("data-key")
    calls = _calls(page)
    page.keyboard.press("/")
    page.keyboard.type("berth pl", delay=30)
    expect(page.locator(".o-maildesk-search-foot")).to_contain_text("Found in Odoo")
    expect(page.locator(".o-maildesk-row").first).to_contain_text("erth plan")
    assert calls.count("maildesk_search") <= 2
    expect(page.locator(".o-maildesk-row-folder").first).to_be_visible()
    page.locator("[data-where=folder]").click()
    expect(page.locator(".o-maildesk-row-folder").first).to_have_text("Inbox")
    page.locator(".o-maildesk-search-input").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".o-maildesk-search-foot")).to_have_count(0)
    expect(page.locator(".o-maildesk-row.o-selected")).to_have_attribute("data-key", chosen or "")
    expect(page.locator(".o-maildesk-row.o-selected")).to_be_focused()
    assert page.locator(".o-maildesk-rows").evaluate("el => el.scrollTop") == place

    # Operators are offered, what is not understood is told, nothing found says so.
    page.keyboard.press("/")
    page.keyboard.type("is:f")
    # as a list: of several elements the plain form fails at once, and each letter has its own
    expect(page.locator(".o-maildesk-search-word")).to_have_text([re.compile("is:flagged")])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".o-maildesk-search-input")).to_have_value("is:flagged ")
    expect(page.locator(".o-maildesk-row:not(:has(.o-maildesk-row-flag))")).to_have_count(0)
    page.locator(".o-maildesk-search-input").fill("before:yesterdayish")
    expect(page.locator(".o-maildesk-search-note")).to_be_visible()
    page.locator(".o-maildesk-search-input").fill("nothinglikethis")
    expect(page.locator(".o-maildesk-nothing")).to_contain_text("Nothing in Odoo fits “nothinglikethis”")
    expect(page.locator(".o-maildesk-ask-microsoft")).to_be_visible()
    page.locator(".o-maildesk-ask-microsoft").click()
    expect(page.locator(".o-maildesk-search-foot")).to_contain_text(re.compile("connector|not", re.IGNORECASE))


@pytest.mark.timeout(300)
def test_keys_help_and_palette(page: Page) -> None:
    """`?` tells the keys, Odoo's palette finds them, `g` and a letter go somewhere, and none of them does while one types."""
    page.keyboard.press("?")
    expect(page.locator(".o-maildesk-help")).to_contain_text("Select on downwards")
    page.keyboard.press("Escape")
    expect(page.locator(".o-maildesk-help")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.locator('.o-maildesk-folder[data-role="archive"]')).to_have_class(re.compile("o-selected"))
    page.keyboard.press("Control+k")
    page.locator(".o_command_palette_search input").fill("go to inbox")
    expect(page.locator(".o-maildesk-command").first).to_contain_text("Go to Inbox")
    look(page, "palette")
    page.keyboard.press("Enter")
    expect(page.locator(".o-maildesk-unified")).to_have_class(re.compile("o-selected"))
    page.keyboard.press("/")
    page.keyboard.type("j?x")
    expect(page.locator(".o-maildesk-search-input")).to_have_value("j?x")
    expect(page.locator(".o-maildesk-help")).to_have_count(0)
    page.keyboard.press("Escape")
    # Elsewhere in Odoo they are nobody's.
    page.goto("/odoo/mailbox-accounts")
    expect(page.locator(".o_list_view")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.locator(".o_command_palette")).to_be_visible()
    expect(page.locator(".o-maildesk-command")).to_have_count(0)


@pytest.mark.timeout(300)
def test_connector_down_is_told_and_mail_is_read(page: Page, desk: Desk, odoo: OdooServer, run: Run) -> None:
    """Without a connector the app says since when, and still lists; when one takes the lease, the bus takes the words away."""
    desk.connector_is_up(is_up=False)
    try:
        page.reload()
        banner = page.locator(".o-maildesk-connector-down")
        expect(banner).to_contain_text("What is in Odoo can be read")
        expect(page.locator(".o-maildesk-row").first).to_be_visible()
        look(page, "connector-down")
        page.evaluate("window.notReloaded = true")
        answer = httpx.post(
            f"{odoo.url}/json/2/mailbox.account/connector_exchange",
            headers={"Authorization": f"bearer {run.logins.connector_key}", "X-Odoo-Database": odoo.database},
            json={"instance": "i-1", "run": "r-1", "reports": []},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text[:300]
        expect(banner).to_have_count(0)
        assert page.evaluate("window.notReloaded") is True
    finally:
        desk.connector_is_up()


@pytest.mark.timeout(300)
def test_states_of_mailboxes_at_a_glance(page: Page, desk: Desk, mailboxes: tuple[Mailbox, Mailbox]) -> None:
    """Each mailbox has its dot and its last sync; what needs a person is said above, with what to press; older mail has a bar."""
    work, home = (mailbox.id for mailbox in mailboxes)

    def is_so(account: int, words: str, **values: object) -> None:
        columns = ", ".join(f"{name} = %s" for name in values)
        desk.sql(f"UPDATE mailbox_account SET {columns} WHERE id = %s", *values.values(), account)  # noqa: S608 - our own columns
        page.reload()
        expect(page.locator(f'.o-maildesk-banner[data-account-id="{account}"]')).to_contain_text(words)

    try:
        tree = page.locator(f'.o-maildesk-account[data-account-id="{work}"]')
        desk.sql(
            """UPDATE mailbox_account SET sync_phase = 'backfilling', backfill_done = 12400, backfill_total = 50000,
                      last_sync_at = now() AT TIME ZONE 'UTC' - interval '2 minutes' WHERE id = %s""",
            work,
        )
        is_so(home, "Outlook authentication expired, please re-authorize", state="reauth_required", state_message=None)
        expect(tree.locator(".o-maildesk-dot.o-good")).to_be_visible()
        expect(page.locator(f'.o-maildesk-account[data-account-id="{home}"] .o-maildesk-dot.o-bad')).to_be_visible()
        expect(tree.locator(".o-maildesk-sync")).to_contain_text("12,400 of 50,000")
        expect(tree.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
        expect(page.locator(".o-maildesk-banner").get_by_role("button", name="Re-Authorize Outlook")).to_be_visible()
        look(page, "state-sign-in")
        is_so(home, "An administrator of your organization has to allow MailDesk", state="admin_required")
        look(page, "state-administrator")
        is_so(home, "Paused: no mail is fetched until it is resumed.", state="paused")
        desk.sql("UPDATE mailbox_folder SET sync_state = 'resync' WHERE id = %s", mailboxes[0].folders["archive"])
        is_so(work, "Full folder resync required", sync_phase="up_to_date")
        expect(tree.locator('.o-maildesk-folder[data-role="archive"] .o-maildesk-folder-resync')).to_be_visible()
        look(page, "state-resync")
        desk.sql("UPDATE mailbox_folder SET sync_state = 'ok' WHERE id = %s", mailboxes[0].folders["archive"])
        desk.sql(
            """INSERT INTO mailbox_unreadable (account_id, remote_id, reason, first_seen_at)
               SELECT %s, 'unreadable-' || n, 'shape', now() AT TIME ZONE 'UTC' FROM generate_series(1, 3) n""",
            work,
        )
        desk.sql("UPDATE mailbox_account SET last_sync_at = now() AT TIME ZONE 'UTC' - interval '40 minutes' WHERE id = %s", work)
        is_so(work, "3 messages could not be read", sync_phase="up_to_date")
        expect(tree.locator(".o-maildesk-dot.o-late")).to_be_visible()
        expect(page.locator(".o-maildesk-banner").get_by_role("button", name="Show Them")).to_be_visible()
        look(page, "state-unreadable")
    finally:
        desk.sql("DELETE FROM mailbox_unreadable WHERE account_id = %s", work)
        desk.sql(
            """UPDATE mailbox_account SET state = 'connected', sync_phase = 'up_to_date', state_message = 'Connected',
                      last_sync_at = now() AT TIME ZONE 'UTC' WHERE id IN (%s, %s)""",
            work,
            home,
        )


@pytest.mark.timeout(300)
def test_phone_has_the_same_in_one_column(phone: Page) -> None:
    """On a phone: list, conversation, folders and search in one column; a finger that rests selects."""
    page = phone
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator(".o-maildesk-tab")).to_have_text([re.compile("Mail"), re.compile("Folders"), re.compile("Search")])
    page.locator(".o-maildesk-tab").nth(1).tap()
    expect(page.locator(".o-maildesk-unified")).to_be_visible()
    page.locator('.o-maildesk-folder[data-role="archive"]').tap()
    row = page.locator(".o-maildesk-row").first
    row.tap()
    expect(page.locator(".o-maildesk-reading-subject")).to_be_visible()
    page.locator(".o-maildesk-back").tap()
    expect(row).to_be_visible()
    for _ in range(20):
        _scroll_by(page, 1500)
        assert _drawn(page) < MOST_ROWS
    _scroll_by(page, -100_000)

    # A finger that rests.
    box = row.bounding_box()
    assert box is not None
    touch = page.context.new_cdp_session(page)
    point = {"x": box["x"] + 150, "y": box["y"] + 30}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    expect(page.locator(".o-maildesk-selection b")).to_have_text("1 selected")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.locator(".o-maildesk-row").nth(1).tap()
    expect(page.locator(".o-maildesk-selection b")).to_have_text("2 selected")
    page.locator(".o-maildesk-selection-clear").tap()

    page.locator(".o-maildesk-tab").nth(2).tap()
    expect(page.locator(".o-maildesk-search-input")).to_be_focused()
    page.keyboard.type("berth")
    expect(page.locator(".o-maildesk-search-foot")).to_contain_text("Found in Odoo")
    look(page, "search-in-all")
