"""What a person does with mail in Chromium, and that it is so at Microsoft soon after; and the other way round."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import LOCKED, READER, connect_read_only
from tests.e2e.pictures import NARROW, look

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import Stage


_GERMAN = ["Rote Kategorie", "Orange Kategorie", "Gelbe Kategorie", "Grüne Kategorie", "Blaue Kategorie", "Lila Kategorie"]


def _mail(number: int, subject: str) -> bytes:
    return (
        f"From: Kai Mueller <kai@pier.example>\r\nTo: Anna Larsen <{READER}>\r\nSubject: {subject}\r\n"
        f"Message-ID: <acting-{number}@pier.example>\r\nContent-Type: text/plain\r\n\r\nGood morning.\r\n"
    ).encode()


def _row(page: Page, subject: str) -> Locator:
    return page.locator(".o-maildesk-row").filter(has_text=subject)


def _folder(page: Page, name: str) -> Locator:
    return page.locator(f'.o-maildesk-folder[title^="{name}"]')


def _at_microsoft(stage: Stage, subject: str, address: str = READER) -> dict[str, Any] | None:
    return next((message for message in stage.truth(address) if message["subject"] == subject), None)


def _until(page: Page, is_so: Callable[[], bool], what: str) -> None:
    """Wait for what happens outside the page."""
    for _ in range(300):
        if is_so():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"waited 30 s for {what}")


def _open(page: Page, stage: Stage, *subjects: str) -> None:
    """Open the Inbox, with mails of these subjects as the newest."""
    page.goto("/odoo/maildesk")
    page.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
    expect(page.locator(".o-maildesk-row").first).to_be_visible()
    for number, subject in enumerate(subjects):
        stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", _mail(hash(subject) % 10_000 + number, subject))
    page.locator(".o-maildesk-refresh").click()
    for subject in subjects:
        # Refresh may meet a round that has just begun: the next one brings it.
        expect(_row(page, subject)).to_be_visible(timeout=20_000)


def _menu(page: Page, folder: str, action: str) -> None:
    """Choose from the menu of a folder."""
    line = page.locator(".o-maildesk-folder-line").filter(has=_folder(page, folder))
    line.hover()
    line.locator(".o-maildesk-folder-menu").click()
    page.locator(f".o-dropdown--menu [data-action={action}]").click()


@pytest.mark.timeout(300)
def test_acting_on_one_message_is_true_at_microsoft(reader: Page, stage: Stage) -> None:
    """Each action shows at once, and Microsoft has it soon after; Undo takes it back there, too."""
    page = reader
    subject = "One crane to act on"
    _open(page, stage, subject)

    def so(key: str, value: object) -> Callable[[], bool]:
        return lambda: (_at_microsoft(stage, subject) or {}).get(key) == value

    # Read by being looked at.
    _row(page, subject).click()
    expect(_row(page, subject)).not_to_have_class(re.compile("o-unread"))
    _until(page, so("isRead", value=True), "the message to be read")
    page.keyboard.press("u")
    expect(_row(page, subject)).to_have_class(re.compile("o-unread"))
    _until(page, so("isRead", value=False), "the message to be unread")
    page.keyboard.press("s")
    expect(_row(page, subject).locator(".o-maildesk-row-flag")).to_be_visible()
    _until(page, so("flag", "flagged"), "the flag")
    page.locator(".o-maildesk-reading .o-maildesk-actions-more").click()
    page.locator(".o-dropdown--menu [data-action=importance-high]").click()
    expect(_row(page, subject).locator(".o-maildesk-row-important")).to_be_visible()
    _until(page, so("importance", "high"), "the importance")
    page.locator(".o-maildesk-reading .o-maildesk-actions-more").click()
    expect(page.locator(".o-dropdown--menu [data-action=categories]")).to_be_visible()
    page.locator(".o-dropdown--menu [data-action=categories]").click()
    # In the language of the mailbox: "Green category", where nobody named them otherwise.
    green = page.locator("[data-category]").nth(3)
    name = green.get_attribute("data-category")
    green.locator("input").check()
    look(page, "acting-categories")
    page.locator(".modal .btn-primary").click()
    expect(_row(page, subject).locator(".o-maildesk-category-dot")).to_be_visible()
    _until(page, so("categories", [name]), "the category")

    # Archived, and taken back by the button.
    page.keyboard.press("e")
    expect(_row(page, subject)).to_have_count(0)
    _until(page, so("well_known", "archive"), "the message to be archived")
    page.locator(".o-maildesk-undo-button").click()
    expect(_row(page, subject)).to_be_visible()
    _until(page, so("well_known", "inbox"), "the message to be back")

    # Spam, and by the key no more.
    _row(page, subject).click()
    page.keyboard.press("!")
    expect(_row(page, subject)).to_have_count(0)
    _until(page, so("well_known", "junkemail"), "the message to be spam")
    page.keyboard.press("z")
    expect(_row(page, subject)).to_be_visible()
    _until(page, so("well_known", "inbox"), "the message to be no spam")

    # To the Trash; there for good, after a question.
    _row(page, subject).hover()
    _row(page, subject).locator("[data-action=delete]").click()
    expect(_row(page, subject)).to_have_count(0)
    _until(page, so("well_known", "deleteditems"), "the message to be in the Trash")
    page.locator('.o-maildesk-folder[data-role="trash"]').first.click()
    _row(page, subject).click()
    page.keyboard.press("Delete")
    expect(page.locator(".modal .btn-danger")).to_be_visible()
    look(page, "acting-for-good")
    page.locator(".modal .btn-danger").click()
    expect(_row(page, subject)).to_have_count(0)
    _until(page, lambda: _at_microsoft(stage, subject) is None, "the message to be gone")


@pytest.mark.timeout(300)
def test_acting_undo_on_a_phone_leaves_compose_free(reader: Page, stage: Stage) -> None:
    """The notice stands over the button, with a mail minimized beneath it too; and where there is no button, over the tabs' place."""
    page = reader
    _open(page, stage, "Crane for the thumb", "Crane for the palm", "Crane for the hand")
    page.set_viewport_size({"width": 390, "height": 844})
    notice, button = page.locator(".o-maildesk-undo"), page.locator(".o-maildesk-compose-start.o-floating .o-maildesk-compose-button")

    def archive(subject: str) -> None:
        _row(page, subject).click()
        page.locator(".o-maildesk-reading [data-action=archive]").first.click()
        expect(notice).to_be_visible()

    def is_clear(*others: Locator) -> None:
        """The notice lies on none of these, and wholly on screen."""
        mine = notice.bounding_box()
        assert mine is not None
        assert mine["x"] >= 0
        assert mine["x"] + mine["width"] <= 390
        for other in others:
            box = other.bounding_box()
            assert box is not None
            assert mine["y"] + mine["height"] <= box["y"], (mine, box)

    archive("Crane for the thumb")
    if page.locator(".o-maildesk-back").is_visible():
        page.locator(".o-maildesk-back").click()
    expect(button).to_be_visible()
    is_clear(button, page.locator(".o-maildesk-tabs"))
    look(page, "acting-undo", NARROW)

    button.click()
    page.locator(".o-maildesk-compose [data-do=minimize]").click()
    archive("Crane for the palm")
    if page.locator(".o-maildesk-back").is_visible():
        page.locator(".o-maildesk-back").click()
    is_clear(button, page.locator(".o-maildesk-compose.o-minimized"))
    # A mail that can be taken back still stands over the notice.
    page.evaluate(
        """document.querySelector(".o-maildesk-hub").insertAdjacentHTML("beforeend",
        '<div class="o-maildesk-departing"><div class="o-maildesk-toast">Sending</div></div>')"""
    )
    departing, mine = page.locator(".o-maildesk-departing").bounding_box(), notice.bounding_box()
    assert departing is not None
    assert mine is not None
    assert departing["y"] + departing["height"] <= mine["y"]
    look(page, "acting-undo-minimized", NARROW)
    page.locator(".o-maildesk-tab").nth(1).click()
    expect(button).to_have_count(0)
    is_clear(page.locator(".o-maildesk-compose.o-minimized"))


@pytest.mark.timeout(300)
def test_acting_folder_move_both_ways(reader: Page, stage: Stage) -> None:
    """The guide's test: moved in MailDesk, by key, menu or mouse, it is in the other folder in Outlook; moved there, it moves here."""
    page = reader
    for name in ("Cranes", "Quays"):
        stage.simulator.ask("POST", f"/mailboxes/{READER}/folders", {"name": name})
    subjects = [f"Move {number} of three" for number in ("one", "two", "six")]
    _open(page, stage, *subjects)
    expect(_folder(page, "Cranes")).to_be_visible()

    def is_in(subject: str, folder: str) -> Callable[[], bool]:
        folders = {one["id"]: one["name"] for one in stage.simulator.ask("GET", f"/mailboxes/{READER}/folders")}
        return lambda: folders.get((_at_microsoft(stage, subject) or {}).get("folder_id", "")) == folder

    # By typing.
    _row(page, subjects[0]).click()
    page.keyboard.press("v")
    expect(page.locator(".o-maildesk-folder-dialog li").first).to_be_visible()
    look(page, "acting-move")
    page.keyboard.type("cran")
    expect(page.locator(".o-maildesk-folder-dialog li")).to_have_text(["Cranes"])
    page.keyboard.press("Enter")
    expect(_row(page, subjects[0])).to_have_count(0)
    _until(page, is_in(subjects[0], "Cranes"), "the message to be in Cranes")
    # By mouse, both that are selected.
    _row(page, subjects[1]).locator(".o-maildesk-row-tick").click()
    _row(page, subjects[2]).locator(".o-maildesk-row-tick").click()
    _row(page, subjects[2]).drag_to(_folder(page, "Quays"))
    expect(page.locator(".o-maildesk-undo")).to_contain_text("Moved to Quays · 2 messages")
    look(page, "acting-undo")
    for subject in subjects[1:]:
        expect(_row(page, subject)).to_have_count(0)
        _until(page, is_in(subject, "Quays"), "the message to be in Quays")
    _folder(page, "Quays").click()
    for subject in subjects[1:]:
        expect(_row(page, subject)).to_be_visible()

    # In Outlook.
    message = _at_microsoft(stage, subjects[1])
    assert message is not None
    stage.act(READER, message["id"], "move", folder="inbox")
    page.locator(".o-maildesk-refresh").click()
    expect(_row(page, subjects[1])).to_have_count(0)
    page.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
    expect(_row(page, subjects[1])).to_be_visible()


@pytest.mark.timeout(300)
def test_acting_on_folders(reader: Page, stage: Stage) -> None:
    """Folders are made, renamed, moved and deleted; a name that is there already is told; the Trash is emptied after a question."""
    page = reader
    _open(page, stage, "To be thrown away")

    def at_microsoft(name: str) -> dict[str, Any] | None:
        found = stage.simulator.ask("GET", f"/mailboxes/{READER}/folders")
        return next((folder for folder in found if folder["name"] == name), None)

    page.locator(".o-maildesk-account-menu").first.click()
    page.locator(".o-dropdown--menu [data-action=new-folder]").click()
    page.locator(".o-maildesk-name").fill("Berths")
    look(page, "acting-new-folder")
    page.keyboard.press("Enter")
    expect(_folder(page, "Berths")).to_be_visible(timeout=20_000)
    assert at_microsoft("Berths")
    # The name is taken: said, with what to do.
    page.locator(".o-maildesk-account-menu").first.click()
    page.locator(".o-dropdown--menu [data-action=new-folder]").click()
    page.locator(".o-maildesk-name").fill("Berths")
    page.keyboard.press("Enter")
    failure = page.locator(".o-maildesk-failure")
    expect(failure).to_contain_text("Making a folder failed. There is a folder of this name already.")
    look(page, "acting-folder-refused")
    failure.get_by_role("button", name="Dismiss").click()
    expect(failure).to_have_count(0)

    _menu(page, "Berths", "rename-folder")
    page.locator(".o-maildesk-name").fill("Moorings")
    page.locator(".modal .btn-primary").click()
    expect(_folder(page, "Moorings")).to_be_visible()
    _until(page, lambda: at_microsoft("Moorings") is not None, "the folder's new name")
    _menu(page, "Moorings", "move-folder")
    page.keyboard.type("archive")
    page.keyboard.press("Enter")
    archive = next(folder for folder in stage.simulator.ask("GET", f"/mailboxes/{READER}/folders") if folder["well_known"] == "archive")
    _until(page, lambda: (at_microsoft("Moorings") or {})["parent_id"] == archive["id"], "the folder to be in the archive")
    _menu(page, "Moorings", "delete-folder")
    expect(page.locator(".o-maildesk-undo")).to_contain_text("Moorings was deleted")
    _until(page, lambda: (at_microsoft("Moorings") or {}).get("parent_id") != archive["id"], "the folder to be in the Trash")

    # The whole Inbox is read; what is in the Trash goes for good.
    inbox = page.locator('.o-maildesk-folder[data-role="inbox"]').first
    inbox.hover()
    _menu(page, "Inbox", "mark-folder-read")
    expect(inbox.locator(".o-maildesk-folder-unread")).to_have_count(0)
    _until(page, lambda: all(message["isRead"] for message in stage.truth(READER) if message["well_known"] == "inbox"), "all to be read")
    _row(page, "To be thrown away").click()
    page.keyboard.press("#")
    _until(page, lambda: (_at_microsoft(stage, "To be thrown away") or {})["well_known"] == "deleteditems", "the message in the Trash")
    _menu(page, "Deleted Items", "empty-folder")
    expect(page.locator(".modal .btn-danger")).to_be_visible()
    look(page, "acting-empty-folder")
    page.locator(".modal .btn-danger").click()
    _until(page, lambda: not [m for m in stage.truth(READER) if m["well_known"] == "deleteditems"], "the Trash to be empty")


@pytest.mark.timeout(300)
def test_acting_on_folders_is_taken_back(reader: Page, stage: Stage) -> None:
    """A folder that was deleted comes back with Undo, here and at Microsoft, with all that is in it; what was marked read is unread."""
    page = reader

    def folders() -> dict[str, dict[str, Any]]:
        return {folder["id"]: folder for folder in stage.simulator.ask("GET", f"/mailboxes/{READER}/folders")}

    def make(name: str, **more: str) -> str:
        made = stage.simulator.ask("POST", f"/mailboxes/{READER}/folders", {"name": name, **more})
        return str(next(folder["id"] for folder in made if folder["name"] == name))

    trash = next(one["id"] for one in folders().values() if one["well_known"] == "deleteditems")
    yard = make("Yard")
    # Deleted Items has one of its name.
    make("yard", parent=trash)
    keel = make("Keel", parent=yard)
    subject = "Laid down last week"
    _open(page, stage, subject)
    message = _at_microsoft(stage, subject) or {}
    stage.act(READER, message["id"], "move", folder=keel)
    page.locator(".o-maildesk-refresh").click()
    _folder(page, "Keel").click()
    expect(_row(page, subject)).to_be_visible(timeout=30_000)
    look(page, "folder-before")
    home = folders()[yard]["parent_id"]

    _menu(page, "Yard", "delete-folder")
    expect(page.locator(".o-maildesk-undo")).to_contain_text("Yard was deleted")
    expect(page.locator(".modal")).to_have_count(0)
    # Who stood in it is in the Inbox now.
    expect(page.locator('.o-maildesk-folder[data-role="inbox"]').first).to_have_attribute("aria-current", "true")
    look(page, "folder-deleted")
    _until(page, lambda: folders()[yard]["parent_id"] == trash, "the folder to be in Deleted Items")
    assert folders()[yard]["name"] == "Yard (2)"
    page.locator(".o-maildesk-undo-button").click()
    _until(page, lambda: (folders()[yard]["parent_id"], folders()[yard]["name"]) == (home, "Yard"), "the folder to be back")
    expect(_folder(page, "Keel")).to_have_attribute("aria-current", "true")
    expect(_row(page, subject)).to_be_visible()
    assert (folders()[keel]["parent_id"], (_at_microsoft(stage, subject) or {})["folder_id"]) == (yard, keel)
    # And so it stays, when Microsoft has told of both moves.
    page.wait_for_timeout(6000)
    expect(_folder(page, "Keel")).to_have_attribute("aria-current", "true")
    expect(page.locator(".o-maildesk-failure")).to_have_count(0)

    # Marked read and taken back: nothing was asked of Microsoft, nor will be.
    stage.act(READER, message["id"], "unread")
    page.locator(".o-maildesk-refresh").click()
    unread = _folder(page, "Keel").locator(".o-maildesk-folder-unread")
    expect(unread).to_have_text("1", timeout=30_000)
    _menu(page, "Keel", "mark-folder-read")
    expect(unread).to_have_count(0)
    look(page, "folder-marked-read")
    page.locator(".o-maildesk-undo-button").click()
    expect(unread).to_have_text("1")
    page.wait_for_timeout(15_000)
    assert not (_at_microsoft(stage, subject) or {})["isRead"]


@pytest.mark.timeout(300)
def test_acting_on_folders_in_the_trash_is_asked_about(reader: Page, stage: Stage) -> None:
    """From there a folder goes for good: no Undo, so a question before it."""
    page = reader
    trash = next(one["id"] for one in stage.simulator.ask("GET", f"/mailboxes/{READER}/folders") if one["well_known"] == "deleteditems")
    stage.simulator.ask("POST", f"/mailboxes/{READER}/folders", {"name": "Scrap", "parent": trash})
    page.goto("/odoo/maildesk")
    page.locator(".o-maildesk-refresh").click()
    expect(_folder(page, "Scrap")).to_be_visible(timeout=30_000)
    _menu(page, "Scrap", "delete-folder")
    expect(page.locator(".modal")).to_contain_text("Delete Scrap for good?")
    look(page, "folder-for-good")
    page.locator(".modal .btn-danger").click()
    expect(_folder(page, "Scrap")).to_have_count(0)
    expect(page.locator(".o-maildesk-undo")).to_contain_text("Scrap was deleted")
    expect(page.locator(".o-maildesk-undo-button")).to_have_count(0)
    folders = f"/mailboxes/{READER}/folders"
    _until(page, lambda: all(one["name"] != "Scrap" for one in stage.simulator.ask("GET", folders)), "the folder to be gone")


@pytest.mark.timeout(300)
def test_acting_offers_the_categories_of_the_mailbox(reader: Page, stage: Stage) -> None:
    """Whoever uses Outlook in German is offered German names, with their colours."""
    page = reader
    filed, other = "Filed in Outlook", "To be filed"
    _open(page, stage, filed)
    for message in stage.truth(READER):
        if message["categories"]:
            stage.act(READER, message["id"], "change", categories=["Blaue Kategorie"])
    stage.act(READER, (_at_microsoft(stage, filed) or {})["id"], "change", categories=["Blaue Kategorie", "Werft"])
    page.locator(".o-maildesk-refresh").click()
    expect(_row(page, filed).locator(".o-maildesk-category-dot")).to_have_count(2, timeout=30_000)
    # The next round has brought what was changed elsewhere.
    _open(page, stage, other)
    _row(page, other).click()
    page.keyboard.press("x")
    page.locator(".o-maildesk-selection .o-maildesk-actions-more").click()
    page.locator(".o-dropdown--menu [data-action=categories]").click()
    names = page.locator(".modal [data-category]")
    expect(names).to_have_text([*_GERMAN, "Werft"])
    look(page, "categories")
    names.first.locator("input").check()
    page.locator(".modal .btn-primary").click()
    _until(page, lambda: (_at_microsoft(stage, other) or {}).get("categories") == ["Rote Kategorie"], "the category at Microsoft")


@pytest.mark.timeout(300)
def test_acting_while_nobody_is_there_waits_and_a_failure_is_told(reader: Page, stage: Stage) -> None:
    """Without a connector it shows and waits, and says so; where it fails in the end, the message is back, marked, with the reason."""
    page = reader
    stage.simulator.ask("POST", f"/mailboxes/{READER}/folders", {"name": "Doomed"})
    subject = "Where shall this go"
    _open(page, stage, subject)
    expect(_folder(page, "Doomed")).to_be_visible()
    stage.connector.stop()
    try:
        _row(page, subject).click()
        page.keyboard.press("v")
        page.keyboard.type("doom")
        page.keyboard.press("Enter")
        expect(_row(page, subject)).to_have_count(0)
        expect(page.locator(".o-maildesk-waiting")).to_contain_text("until the mail connector is back", timeout=30_000)
        _folder(page, "Doomed").click()
        expect(_row(page, subject).locator(".o-maildesk-row-waiting")).to_be_visible()
        look(page, "acting-waiting")
        page.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
        doomed = next(one for one in stage.simulator.ask("GET", f"/mailboxes/{READER}/folders") if one["name"] == "Doomed")
        stage.simulator.ask("DELETE", f"/mailboxes/{READER}/folders/{doomed['id']}")
    finally:
        stage.connector.start()
    failure = page.locator(".o-maildesk-failure")
    expect(failure).to_contain_text("The folder is not in Outlook any more.", timeout=60_000)
    expect(page.locator(".o-maildesk-waiting")).to_have_count(0)
    expect(_row(page, subject).locator(".o-maildesk-row-failed")).to_be_visible()
    look(page, "acting-failed")
    failure.get_by_role("button", name="Dismiss").click()
    expect(failure).to_have_count(0)
    expect(_row(page, subject).locator(".o-maildesk-row-failed")).to_have_count(0)


@pytest.mark.timeout(300)
def test_acting_is_not_offered_where_it_cannot_work(newcomer: Page, stage: Stage) -> None:
    """A mailbox that Microsoft lets MailDesk only read: the same app, no buttons, and the reason in the bar of the selection."""
    page = newcomer
    connect_read_only(stage)
    before = stage.truth(LOCKED)
    page.goto("/odoo/maildesk")
    row = page.locator(".o-maildesk-row").first
    expect(row).to_be_visible(timeout=60_000)
    row.hover()
    expect(row.locator("[data-action=archive]")).to_have_count(0)
    row.click()
    page.keyboard.press("e")
    page.keyboard.press("x")
    expect(page.locator(".o-maildesk-refusal")).to_contain_text("Microsoft lets MailDesk read this mailbox, not change it.")
    expect(page.locator(".o-maildesk-undo")).to_have_count(0)
    expect(page.locator(".o-maildesk-readonly")).to_have_attribute("title", re.compile("Microsoft lets"))
    look(page, "acting-read-only")
    assert stage.truth(LOCKED) == before
