"""What axe-core says of each screen, light and dark, wide and narrow; keys, focus, zoom, motion and right-to-left."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import axe_source, violations
from tests.e2e.conftest import READER
from tests.e2e.pictures import NARROW, WIDE, look, settle, shoot
from tests.e2e.test_attachments import MAIL
from tests.odoo.person import Person

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Stage

# A mail's own colours and words are its sender's; Odoo's bar at the top is Odoo's.
NOT_OURS = (".o-maildesk-frame", ".o_main_navbar", ".o_control_panel", ".o-mail-ChatHub", ".o_notification_manager")

# Odoo's own widgets, which are the same in each of its forms and lists: what is wrong with them is mended there.
ODOOS = (
    ".o_optional_columns_dropdown",
    ".o-checkbox",
    ".o_field_badge",
    ".o-mail-Avatar",
    ".o-mail-Form-chatter",
    ".o_form_label",
    ".o_field_selection",
    ".o_field_many2many_tags",
    ".o_field_many2many_tags_avatar",
    ".o_notebook_headers",
    ".o_clipboard_button",
    ".o_form_view .text-muted",
    ".o_list_renderer .text-muted",
)

_SIZES = {"wide": WIDE, "narrow": NARROW}


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core."""
    return axe_source()


def _check(page: Page, axe: str, name: str, include: str = "body", *, sizes: tuple[str, ...] = ("wide", "narrow")) -> None:
    """Let axe look at what is shown, at each size, light and dark."""
    found: list[str] = []
    # A button takes its new colors 150 ms long: half way they have a contrast that nobody chose.
    page.emulate_media(reduced_motion="reduce")
    for size in sizes:
        width, height = _SIZES[size]
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            expect(page.locator(include).first).to_be_visible()
            settle(page)
            shoot(page, name, "dark" if scheme == "dark" else "light")
            found += [f"[{name}, {size}, {scheme}] {one}" for one in violations(page, axe, include, (*NOT_OURS, *ODOOS))]
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    assert not found, "\n".join(found)


@pytest.fixture
def desk(reader: Page, stage: Stage) -> Page:
    """The app, open, with a mail that has attachments and others from before."""
    if not any(message["subject"] == "Drawings of the pier" for message in stage.truth(READER)):
        stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", MAIL)
        with Person.logged_in(stage.odoo, stage.logins.empty, stage.logins.empty_password) as owner:
            owner.call("mailbox.account", "maildesk_refresh")
    reader.goto("/odoo/maildesk")
    expect(reader.locator(".o-maildesk-row").filter(has_text="Drawings of the pier")).to_be_visible(timeout=60_000)
    return reader


def _choose(page: Page, option: str) -> None:
    page.locator(".o-maildesk-options").click()
    page.locator(f"[data-option={option}]").click()


@pytest.mark.timeout(300)
def test_accessibility_of_somebody_without_mailbox(newcomer: Page, axe: str) -> None:
    """The empty app, and where a mailbox is connected."""
    newcomer.goto("/odoo/maildesk")
    expect(newcomer.locator(".o-maildesk-empty")).to_be_visible()
    _check(newcomer, axe, "empty", ".o-maildesk")
    newcomer.goto("/odoo/mailbox-accounts/new")
    _check(newcomer, axe, "connect", ".o_form_view .o_content")


@pytest.mark.timeout(300)
def test_accessibility_of_lists(desk: Page, axe: str) -> None:
    """Messages and conversations, both densities, the menus, a selection."""
    for option in ("view-plain", "density-compact", "density-comfortable", "view-conversations"):
        _choose(desk, option)
        expect(desk.locator(".o-maildesk-row").first).to_be_visible()
        _check(desk, axe, f"list-{option}", ".o-maildesk")
    desk.locator(".o-maildesk-chip").last.focus()
    desk.keyboard.press("Tab")
    desk.keyboard.press("x")
    expect(desk.locator(".o-maildesk-selection")).to_be_visible()
    _check(desk, axe, "selection", ".o-maildesk")
    desk.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    desk.locator(".o-maildesk-tab").nth(1).click()
    expect(desk.locator(".o-maildesk-tree")).to_be_visible()
    _check(desk, axe, "folders", ".o-maildesk", sizes=("narrow",))


@pytest.mark.timeout(300)
def test_accessibility_of_search_and_help(desk: Page, axe: str) -> None:
    """A search with its words offered, one with results and one without, and the list of keys."""
    desk.locator(".o-maildesk-search-input").click()
    expect(desk.locator(".o-maildesk-search-words")).to_be_visible()
    _check(desk, axe, "search-words", ".o-maildesk")
    desk.locator(".o-maildesk-search-input").fill("drawings")
    expect(desk.locator(".o-maildesk-row").first).to_contain_text("Drawings")
    expect(desk.locator(".o-maildesk-row")).to_have_count(1)
    _check(desk, axe, "search", ".o-maildesk")
    desk.locator(".o-maildesk-search-input").fill("nothinglikethis")
    expect(desk.locator(".o-maildesk-nothing").first).to_contain_text("nothinglikethis")
    _check(desk, axe, "search-none", ".o-maildesk")
    desk.locator(".o-maildesk-search-clear").click()
    desk.locator('.o-maildesk-row[tabindex="0"]').focus()
    desk.keyboard.press("?")
    expect(desk.locator(".o-maildesk-help")).to_be_visible()
    _check(desk, axe, "help", ".modal-content")


@pytest.mark.timeout(300)
def test_accessibility_of_reading(desk: Page, axe: str) -> None:
    """An open message with attachments, its sender, a picture, a text, and a mail in it."""
    desk.locator(".o-maildesk-row").filter(has_text="Drawings of the pier").click()
    expect(desk.locator(".o-maildesk-attachment")).to_have_count(7)
    _check(desk, axe, "reading", ".o-maildesk")
    desk.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    desk.locator(".o-maildesk-contact-link").click()
    # Odoo places a popover first and fades it in then.
    desk.wait_for_timeout(500)
    _check(desk, axe, "contact", ".o-maildesk-contact-popover", sizes=("narrow",))
    desk.locator(".o-maildesk-reading-subject").click()
    expect(desk.locator(".o-maildesk-contact-popover")).to_have_count(0)
    files = desk.locator(".o-maildesk-attachment")
    files.filter(has_text="pier.png").locator(".o-maildesk-attachment-open").click()
    expect(desk.locator(".o-maildesk-viewer-stage img")).to_be_visible()
    _check(desk, axe, "viewer-picture", ".modal-content")
    desk.locator(".modal .btn-close").click()
    files.filter(has_text="notes.txt").locator(".o-maildesk-attachment-open").click()
    expect(desk.locator(".o-maildesk-viewer-text")).to_be_visible()
    _check(desk, axe, "viewer-text", ".modal-content")
    desk.locator(".modal .btn-close").click()
    files.filter(has_text="The inner mail").locator(".o-maildesk-attachment-open").click()
    expect(desk.locator(".o-maildesk-item-head")).to_be_visible()
    _check(desk, axe, "item", ".modal-content")


@pytest.mark.timeout(300)
def test_accessibility_of_accounts_settings_and_sign_in(desk: Page, axe: str, stage: Stage) -> None:
    """List and form of mailboxes, the page after a sign-in that went wrong, and the settings."""
    desk.goto("/odoo/mailbox-accounts")
    expect(desk.locator(".o_kanban_record, .o_data_row").first).to_be_visible()
    _check(desk, axe, "accounts", ".o_content", sizes=("wide",))
    desk.locator(".o_kanban_record:not(.o_kanban_ghost), .o_data_row [name=name]").first.click()
    expect(desk.locator(".o_form_view")).to_be_visible()
    _check(desk, axe, "account", ".o_form_view .o_content")
    desk.goto("/maildesk/outlook/finish/nothing-such")
    expect(desk.locator(".o_maildesk_signin")).to_be_visible()
    _check(desk, axe, "signin", "main")
    desk.goto("/web/session/logout")
    desk.fill("input[name=login]", stage.logins.admin)
    desk.fill("input[name=password]", stage.logins.admin_password)
    desk.click("button[type=submit]")
    expect(desk.locator(".o_main_navbar")).to_be_visible()
    desk.goto("/odoo/settings#maildesk")
    block = desk.locator('.app_settings_block[data-key="maildesk"]')
    desk.locator('.settings_tab [data-key="maildesk"]').click()
    expect(block).to_be_visible()
    _check(desk, axe, "settings", '.app_settings_block[data-key="maildesk"]', sizes=("wide",))


@pytest.mark.timeout(300)
def test_keyboard_one_stop_per_list_and_the_focus_is_seen(desk: Page) -> None:
    """Tab reaches the list once; from there x selects and Enter opens the row that has the focus, which has a frame around it."""
    assert desk.locator('.o-maildesk-row[tabindex="0"]').count() == 1
    assert desk.locator('.o-maildesk-rows :is(a, button, input):not([tabindex="-1"])').count() == 0
    desk.locator(".o-maildesk-chip").last.focus()
    desk.keyboard.press("Tab")
    focused = desk.locator(".o-maildesk-row:focus")
    expect(focused).to_have_count(1)
    outline = focused.evaluate("el => [getComputedStyle(el).outlineStyle, parseFloat(getComputedStyle(el).outlineWidth)]")
    assert outline == ["solid", 2]
    desk.keyboard.press("x")
    expect(desk.locator(".o-maildesk-row.o-checked")).to_have_count(1)
    desk.keyboard.press("x")
    desk.keyboard.press("Enter")
    expect(desk.locator(".o-maildesk-reading-subject")).to_be_visible()


@pytest.mark.timeout(300)
def test_zoom_of_200_percent_loses_nothing(desk: Page) -> None:
    """At half of 1280 x 800, as at 200 %, nothing stands out to the side, and a message opens and closes."""
    desk.set_viewport_size({"width": 640, "height": 400})
    expect(desk.locator(".o-maildesk-tabs")).to_be_visible()
    assert desk.evaluate("document.documentElement.scrollWidth") <= 640
    desk.locator(".o-maildesk-row").first.click()
    expect(desk.locator(".o-maildesk-reading-subject")).to_be_in_viewport()
    assert desk.locator(".o-maildesk-reading").evaluate("el => el.scrollWidth <= el.clientWidth")
    desk.locator(".o-maildesk-back").click()
    expect(desk.locator(".o-maildesk-row").first).to_be_visible()


@pytest.mark.timeout(300)
def test_reduced_motion_stops_what_turns(desk: Page) -> None:
    """An icon that turns stands still for whoever asked for less motion; for others it turns."""
    spin = """() => {
        const icon = document.createElement("i");
        icon.className = "fa fa-spin";
        document.querySelector(".o-maildesk").append(icon);
        const name = getComputedStyle(icon).animationName;
        icon.remove();
        return name;
    }"""
    assert desk.evaluate(spin) != "none"
    desk.emulate_media(reduced_motion="reduce")
    assert desk.evaluate(spin) == "none"


_PANES = ("tree", "list", "reading", "contact-pane")


def _panes(page: Page) -> list[str]:
    """Return the panes in their order on the screen, from the left."""
    places = {}
    for name in _PANES:
        box = page.locator(f".o-maildesk-{name}").first.bounding_box()
        assert box is not None, name
        places[name] = (box["x"], box["x"] + box["width"])
    order = sorted(places, key=lambda name: places[name])
    for left, right in pairwise(order):
        assert places[left][1] <= places[right][0] + 1, f"{left} lies over {right}"
    return order


@pytest.mark.timeout(400)
def test_german_has_room(desk: Page, stage: Stage) -> None:
    """In German, whose words are long, no button, tab, chip or line of a menu is cut off or stands out, wide and narrow."""
    with Person.logged_in(stage.odoo, stage.logins.admin, stage.logins.admin_password) as admin:
        _speak(stage, admin, "de_DE")
        try:
            for size in (WIDE, NARROW):
                desk.set_viewport_size({"width": size[0], "height": size[1]})
                desk.goto("/odoo/maildesk")
                expect(desk.locator(".o-maildesk-row").first).to_be_visible()
                assert _cut_off(desk) == []
                look(desk, "german-list", size)
                desk.locator(".o-maildesk-row").filter(has_text="Drawings of the pier").click()
                expect(desk.locator(".o-maildesk-attachment")).to_have_count(7)
                assert _cut_off(desk) == []
                look(desk, "german", size)
                desk.keyboard.press("r")
                expect(desk.locator(".o-maildesk-compose .odoo-editor-editable")).to_be_visible()
                assert _cut_off(desk) == []
                look(desk, "german-writing", size)
                desk.locator(".o-maildesk-compose [data-do=close]").click()
                expect(desk.locator(".o-maildesk-compose")).to_have_count(0)
        finally:
            _speak(stage, admin, "en_US")


def _cut_off(page: Page) -> list[str]:
    """Name what says more than it has room for, of all that a person presses."""
    names: list[str] = (
        page.locator(".o-maildesk, .o-maildesk-hub")
        .locator("button, .o-maildesk-tab, .o-maildesk-chip")
        .evaluate_all(
            """elements => elements.filter((el) => {
            const box = el.getBoundingClientRect();
            const isScrolled = el.closest(".o-phone .o-maildesk-chips, .o-maildesk-rows, .o-maildesk-tree");
            return box.width && !isScrolled && (el.scrollWidth > el.clientWidth + 1 || box.left < -1 || box.right > innerWidth + 1);
        }).map((el) => `${el.className}: ${el.textContent.trim()}`)"""
        )
    )
    return names


def _speak(stage: Stage, admin: Person, code: str) -> None:
    """Let the reader have Odoo in a language, which is installed."""
    (language,) = admin.call("res.lang", "search", [["code", "=", code]], context={"active_test": False})
    admin.http.timeout = 120  # seconds: the terms of all modules
    wizard = admin.call("base.language.install", "create", [{"lang_ids": [[6, 0, [language]]]}])
    admin.call("base.language.install", "lang_install", wizard)
    (user,) = admin.call("res.users", "search", [["login", "=", stage.logins.empty]])
    admin.call("res.users", "write", [user], {"lang": code})


@pytest.mark.timeout(400)
def test_right_to_left_turns_the_app_around(desk: Page, stage: Stage) -> None:
    """In Hebrew the panes stand in the other order, folders at the right, names at their right; nothing stands out on a phone either."""
    desk.locator(".o-maildesk-row").filter(has_text="Drawings of the pier").click()
    expect(desk.locator(".o-maildesk-attachment")).to_have_count(7)
    left_to_right = _panes(desk)
    assert left_to_right[0] == "tree"
    with Person.logged_in(stage.odoo, stage.logins.admin, stage.logins.admin_password) as admin:
        _speak(stage, admin, "he_IL")
        try:
            desk.goto("/odoo/maildesk")
            expect(desk.locator(".o-maildesk-row").first).to_be_visible()
            assert desk.locator(".o-maildesk-tree").evaluate("el => innerWidth - el.getBoundingClientRect().right") < 2
            inbox = desk.locator('.o-maildesk-folder[data-role="inbox"]').first
            name, count = inbox.locator(".o-maildesk-folder-name").bounding_box(), inbox.locator(".o-maildesk-folder-unread").bounding_box()
            assert name is not None
            assert count is not None
            assert count["x"] < name["x"]
            # Mailboxes and folders whose names run from left to right begin with their first letter: what is cut off is their end.
            for kind in ("account", "folder"):
                assert desk.locator(f".o-maildesk-{kind}-name").first.evaluate("el => getComputedStyle(el).direction") == "ltr"
            desk.locator(".o-maildesk-row").filter(has_text="Drawings of the pier").click()
            expect(desk.locator(".o-maildesk-attachment")).to_have_count(7)
            assert _panes(desk) == list(reversed(left_to_right))
            assert desk.evaluate("document.documentElement.scrollWidth") <= WIDE[0]
            look(desk, "right-to-left")
            desk.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
            back, subject = desk.locator(".o-maildesk-back").bounding_box(), desk.locator(".o-maildesk-reading-subject").bounding_box()
            assert back is not None
            assert subject is not None
            assert back["x"] > subject["x"]
            for _ in range(2):
                assert desk.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
                assert desk.locator(".o-maildesk").evaluate("el => el.scrollWidth <= el.clientWidth")
                if desk.locator(".o-maildesk-back").count():
                    desk.locator(".o-maildesk-back").click()
                    expect(desk.locator(".o-maildesk-row").first).to_be_visible()
            look(desk, "right-to-left-list", NARROW)
        finally:
            _speak(stage, admin, "en_US")
