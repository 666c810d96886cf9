"""Writing mail in Chromium: it arrives once and stands in Sent once, survives what happens to a tab, and is finished wherever one likes."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import READER, connect_read_only
from tests.e2e.pictures import NARROW, WIDE, look
from tests.odoo.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import Stage
BEN = "ben.pier@else.example"

# A red dot, as somebody pastes it.
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mP8z8BQz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"

_PASTE_PICTURE = """(el, data) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], "dot.png", { type: "image/png" }));
    el.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def _window(page: Page) -> Locator:
    return page.locator(".o-maildesk-compose:not(.o-minimized)")


def _row(page: Page, subject: str) -> Locator:
    return page.locator(".o-maildesk-row").filter(has_text=subject)


def _out(stage: Stage, subject: str) -> list[dict[str, Any]]:
    """Return what really went out."""
    return [mail for mail in stage.simulator.ask("GET", "/outgoing") if mail["subject"] == subject]


def _until(page: Page, is_so: Callable[[], object], what: str) -> None:
    """Wait for what happens outside the page."""
    for _ in range(450):
        if is_so():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"waited 45 s for {what}")


def _in_folder(stage: Stage, subject: str, folder: str) -> list[dict[str, Any]]:
    return [one for one in stage.truth(READER) if one["subject"] == subject and one["folder"] == folder]


def _open(page: Page, role: str = "inbox") -> None:
    page.goto("/odoo/maildesk")
    page.locator(f'.o-maildesk-folder[data-role="{role}"]').first.click()


def _undo_seconds(stage: Stage, seconds: int) -> None:
    stage.odoo.cluster.execute(
        stage.odoo.database, "UPDATE res_users SET maildesk_undo_seconds = %s WHERE login = %s", seconds, stage.logins.empty
    )


def _compose(page: Page, to: str, subject: str, text: str) -> Locator:
    page.locator(".o-maildesk-tree .o-maildesk-compose-button").click()
    window = _window(page)
    window.locator("[data-name=to] input").fill(to)
    page.keyboard.press("Enter")
    window.locator(".o-maildesk-compose-subject").fill(subject)
    window.locator(".odoo-editor-editable").click()
    page.keyboard.type(text)
    return window


@pytest.mark.timeout(300)
def test_writing_send_arrives_once_and_is_in_sent_once(reader: Page, stage: Stage) -> None:
    """The guide's test: write, take it back, send: it arrives once, with all that was put into it, and Sent shows it once."""
    page = reader
    subject = "The crane and its papers"
    _open(page)
    _undo_seconds(stage, 30)
    window = _compose(page, f"Ben Pier <{BEN}>", subject, "Good morning Ben, the papers are attached.")
    page.keyboard.press("Enter")
    window.locator(".odoo-editor-editable").evaluate(_PASTE_PICTURE, DOT)
    expect(window.locator(".odoo-editor-editable img[src^='/web/']")).to_be_visible()
    window.locator("input[type=file]").set_input_files({"name": "papers.txt", "mimeType": "text/plain", "buffer": b"all papers"})
    expect(window.locator(".o-maildesk-compose-file a")).to_have_text("papers.txt")
    window.locator(".o-maildesk-importance").click()
    page.locator("[data-do=high]").click()
    expect(window.locator(".o-maildesk-compose-saved")).to_have_text("Saved", timeout=10_000)
    look(page, "writing-window")
    window.locator("[data-do=maximize]").click()
    look(page, "writing-maximized")
    window.locator("[data-do=maximize]").click()
    # it is in Outlook's Drafts as well
    _until(page, lambda: _in_folder(stage, subject, "Drafts"), "the draft in Outlook")

    page.keyboard.press("Control+Enter")
    toast = page.locator(".o-maildesk-toast")
    expect(toast).to_contain_text("Sending in")
    look(page, "writing-undo")
    toast.locator(".o-maildesk-undo-send").click()
    expect(window.locator(".o-maildesk-person-name")).to_have_text("Ben Pier")
    expect(window.locator(".odoo-editor-editable")).to_contain_text("Good morning Ben")
    assert not _out(stage, subject)

    _undo_seconds(stage, 1)
    window.locator(".o-maildesk-send").click()
    expect(window).to_have_count(0)
    page.locator('.o-maildesk-folder[data-role="sent"]').click()
    expect(_row(page, subject)).to_have_count(1, timeout=15_000)
    look(page, "writing-being-sent")
    _until(page, lambda: _out(stage, subject), "the mail to go out")
    _until(page, lambda: _in_folder(stage, subject, "Sent Items"), "Outlook's copy in Sent")
    page.locator(".o-maildesk-refresh").click()
    expect(page.locator(".o-maildesk-refresh")).to_be_enabled(timeout=30_000)
    expect(_row(page, subject)).to_have_count(1)
    (mail,) = _out(stage, subject)
    assert mail["to"] == [BEN]
    assert "Good morning Ben" in mail["body"]["content"]
    assert "cid:" in mail["body"]["content"]
    assert sorted(one["name"] for one in mail["attachments"]) == ["papers.txt", "picture.png"]
    page.locator('.o-maildesk-folder[data-role="drafts"]').click()
    expect(_row(page, subject)).to_have_count(0)


@pytest.mark.timeout(300)
def test_writing_mail_that_bounces_leads_to_its_report_and_back(reader: Page, stage: Stage) -> None:
    """Nobody opens the report, and the mail in Sent says that it was not delivered."""
    page = reader
    subject = "To nobody"
    stage.simulator.ask("POST", "/faults", {"ndr_recipients": "nobody@else.example", "send_pickup": 0.5, "send_transit": 0.5})
    _undo_seconds(stage, 1)
    try:
        _open(page, "sent")
        window = _compose(page, "nobody@else.example", subject, "Good morning, is anybody there?")
        window.locator(".o-maildesk-send").click()
        _until(page, lambda: _in_folder(stage, f"Undeliverable: {subject}", "Inbox"), "the report")
    finally:
        stage.simulator.ask("DELETE", "/faults")
    page.locator(".o-maildesk-refresh").click()
    failed = _row(page, subject).locator(".o-maildesk-row-failed")
    expect(failed).to_have_attribute("title", "Could not be delivered to nobody@else.example", timeout=30_000)
    _row(page, subject).click()
    card = page.locator(".o-maildesk-undelivered")
    expect(card).to_contain_text("RecipientNotFound")
    look(page, "bounce-sent")
    card.locator(".o-maildesk-show-report").click()
    expect(page.locator(".o-maildesk-reading-subject")).to_have_text(f"Undeliverable: {subject}")
    look(page, "bounce-report")
    page.locator(".o-maildesk-show-sent").click()
    expect(page.locator(".o-maildesk-undelivered")).to_be_visible()
    expect(page.locator(".o-maildesk-reading-subject")).to_have_text(subject)


@pytest.mark.timeout(300)
def test_writing_answer_quotes_and_quick_reply(reader: Page, stage: Stage) -> None:
    """An answer quotes the mail, folded; the box below the conversation sends a few words."""
    page = reader
    mail = (
        f"From: Ben Pier <{BEN}>\r\nTo: Anna Larsen <{READER}>\r\nCc: Kai <kai@else.example>\r\nSubject: Which week?\r\n"
        "Message-ID: <writing-1@else.example>\r\nContent-Type: text/html\r\n\r\n"
        '<p>Which week is the crane here?</p><img src="https://tracker.example/p.png">\r\n'
    )
    stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", mail.encode())
    _undo_seconds(stage, 0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    _open(page)
    page.locator(".o-maildesk-refresh").click()
    _row(page, "Which week?").click()
    expect(page.frame_locator(".o-maildesk-reading iframe").locator("body")).to_contain_text("Which week is the crane here?")
    page.keyboard.press("a")
    window = _window(page)
    expect(window.locator("[data-name=to] .o-maildesk-person-name")).to_have_text("Ben Pier")
    expect(window.locator("[data-name=cc] .o-maildesk-person-name")).to_have_text("Kai")
    editor = window.locator(".odoo-editor-editable")
    expect(editor).to_be_focused()
    page.keyboard.type("Week 48.")
    look(page, "writing-reply")
    expect(editor).not_to_contain_text("Which week")
    window.locator(".o-maildesk-quote-toggle").click()
    expect(window.locator(".odoo-editor-editable")).to_contain_text("Which week is the crane here?")
    expect(window.locator(".odoo-editor-editable")).to_contain_text("Week 48.")
    look(page, "writing-answer")
    page.keyboard.press("Control+Enter")
    _until(page, lambda: _out(stage, "Re: Which week?"), "the answer to go out")
    (answer,) = _out(stage, "Re: Which week?")
    assert sorted([*answer["to"], *answer["cc"]]) == [BEN, "kai@else.example"]
    text = answer["body"]["content"]
    assert text.index("Week 48.") < text.index("Which week is the crane here?")
    assert "https://tracker.example/p.png" in text
    assert not [url for url in asked if "tracker.example" in url]

    page.locator(".o-maildesk-quick-text").fill("And thank you.")
    look(page, "writing-quick")
    page.keyboard.press("Control+Enter")
    _until(page, lambda: len(_out(stage, "Re: Which week?")) > 1, "the quick reply to go out")
    assert any("And thank you." in one["body"]["content"] for one in _out(stage, "Re: Which week?"))


@pytest.mark.timeout(300)
def test_writing_draft_survives_tab_and_comes_from_drafts(reader: Page, stage: Stage) -> None:
    """What is being written is there after the tab was closed, wherever in Odoo one goes, and opens from Drafts."""
    page = reader
    subject = "Half a thought"
    _open(page)
    window = _compose(page, BEN, subject, "To be continued")
    expect(window.locator(".o-maildesk-compose-saved")).to_have_text("Saved", timeout=10_000)
    page.keyboard.press("Escape")
    minimized = page.locator(".o-maildesk-compose.o-minimized")
    expect(minimized).to_contain_text(subject)
    page.goto("/odoo/discuss")
    expect(minimized).to_contain_text(subject)
    look(page, "writing-elsewhere")
    minimized.locator(".o-maildesk-compose-title").click()
    expect(window.locator(".odoo-editor-editable")).to_contain_text("To be continued")

    # another tab, where it is gone on with: this one takes it over as soon as it hears of it
    other = page.context.new_page()
    other.goto("/odoo/maildesk")
    other.locator(".o-maildesk-compose.o-minimized .o-maildesk-compose-title").click()
    # "Saved" may still stand there from the last time
    with other.expect_response("**/mailbox.draft/maildesk_save"):
        other.locator(".o-maildesk-compose-subject").fill("Half a thought, and more")
    expect(other.locator(".o-maildesk-compose-saved")).to_have_text("Saved", timeout=10_000)
    expect(window.locator(".o-maildesk-compose-subject")).to_have_value("Half a thought, and more", timeout=30_000)
    # if it is changed before it hears, both are there to choose from
    page.route("**/mailbox.draft/maildesk_drafts", lambda route: route.abort())
    with other.expect_response("**/mailbox.draft/maildesk_save"):
        other.locator(".o-maildesk-compose-subject").fill("Half a thought, and the rest")
    expect(other.locator(".o-maildesk-compose-saved")).to_have_text("Saved", timeout=10_000)
    other.close()
    window.locator(".o-maildesk-compose-subject").fill("Another thought")
    expect(window.locator(".o-conflict")).to_contain_text("Changed in another tab", timeout=10_000)
    look(page, "writing-conflict")
    page.unroute("**/mailbox.draft/maildesk_drafts")
    window.locator("[data-do=theirs]").click()
    expect(window.locator(".o-maildesk-compose-subject")).to_have_value("Half a thought, and the rest")
    _until(page, lambda: _in_folder(stage, "Half a thought, and the rest", "Drafts"), "the draft in Outlook")
    window.locator("[data-do=close]").click()
    expect(page.locator(".o-maildesk-compose")).to_have_count(0)

    _open(page, "drafts")
    page.locator(".o-maildesk-refresh").click()
    _row(page, "Half a thought, and the rest").click()
    expect(window.locator(".odoo-editor-editable")).to_contain_text("To be continued")
    page.set_viewport_size({"width": 390, "height": 844})
    window.locator("[data-do=minimize]").click()
    look(page, "writing-phone-list", NARROW)
    page.locator(".o-maildesk-compose.o-minimized .o-maildesk-compose-title").click()
    page.set_viewport_size({"width": 1280, "height": 800})
    window.locator("[data-do=discard]").click()
    page.locator(".modal .btn-danger").click()
    _until(page, lambda: not _in_folder(stage, "Half a thought, and the rest", "Drafts"), "the draft to go from Outlook")


@pytest.mark.timeout(300)
def test_writing_draft_deleted_in_outlook_is_saved_anew_with_its_file(reader: Page, stage: Stage) -> None:
    """The window says so, and brings back what lies in Outlook's Trash; of a text that cannot be shown as it is it says that, too."""
    page = reader
    subject = "Offer with a plan"
    _open(page)
    window = _compose(page, BEN, subject, "See the plan")
    window.locator("input[type=file]").set_input_files({"name": "plan.txt", "mimeType": "text/plain", "buffer": b"a plan"})
    expect(window.locator(".o-maildesk-compose-file")).to_contain_text("plan.txt")

    def in_drafts() -> list[dict[str, Any]]:
        return [one for one in _in_folder(stage, subject, "Drafts") if one["hasAttachments"]]

    _until(page, in_drafts, "the draft in Outlook, with its file")
    (first,) = in_drafts()
    held = "SELECT count(*) FROM ir_attachment WHERE res_model = 'mailbox.draft' AND name = 'plan.txt'"
    _until(page, lambda: stage.odoo.cluster.execute(stage.odoo.database, held)[0][0] == 0, "Odoo to have it no more")
    stage.act(READER, first["id"], "move", folder="deleteditems")
    page.locator(".o-maildesk-refresh").click()
    expect(window.locator(".o-lost")).to_contain_text("Deleted in Outlook", timeout=30_000)
    look(page, "writing-deleted")
    window.locator("[data-do=anew]").click()
    expect(window.locator(".o-lost")).to_have_count(0, timeout=20_000)
    expect(window.locator(".o-maildesk-compose-file")).to_contain_text("plan.txt")
    _until(page, in_drafts, "another draft in Outlook, with the file")
    assert in_drafts()[0]["id"] != first["id"]

    window.locator("[data-do=close]").click()
    expect(page.locator(".o-maildesk-compose")).to_have_count(0)
    stage.odoo.cluster.execute(stage.odoo.database, "UPDATE mailbox_draft SET is_simplified = true WHERE subject = %s", subject)
    _open(page, "drafts")
    page.locator(".o-maildesk-refresh").click()
    _row(page, subject).click()
    expect(window.locator(".o-simplified")).to_contain_text("Only the text")
    look(page, "writing-simplified")
    window.locator("[data-do=text]").click()
    expect(window.locator(".odoo-editor-editable")).to_contain_text("See the plan")
    window.locator("[data-do=discard]").click()
    page.locator(".modal .btn-danger").click()


@pytest.mark.timeout(300)
def test_writing_later_from_a_contact(reader: Page, stage: Stage) -> None:
    """A mail to a contact, from its form, that waits for its time; it is called off, and stays in Drafts."""
    page = reader
    with Person.logged_in(stage.odoo, stage.logins.admin, stage.logins.admin_password) as admin:
        (contact,) = admin.call("res.partner", "create", [{"name": "Ben of the Pier", "email": BEN}])
        admin.call("res.partner", "create", [{"name": "Other Contact", "email": "other@else.example"}])
    page.goto(f"/odoo/res.partner/{contact}")
    page.locator(".o-maildesk-write").click()
    window = _window(page)
    expect(window.locator("[data-name=to] .o-maildesk-person-name")).to_have_text("Ben of the Pier")
    window.locator("[data-do=cc]").click()
    cc = window.locator("[data-name=cc] input")
    # somebody with whom Anna exchanged mail, and somebody whom Odoo knows
    cc.press_sequentially("other", delay=30)
    expect(window.locator(".o-maildesk-suggestions li").first).to_contain_text("Other Contact")
    look(page, "writing-suggestions")
    page.keyboard.press("Enter")
    expect(window.locator("[data-name=cc] .o-maildesk-person-name")).to_have_text("Other Contact")
    cc.fill("not an address")
    window.locator(".o-maildesk-compose-subject").fill("On Monday")
    window.locator(".o-maildesk-send").click()
    expect(window.locator(".o-maildesk-compose-problem")).to_contain_text("not an address")
    look(page, "writing-bad-address")
    window.locator("[data-name=cc] .o-bad .o-maildesk-take-out").click()
    window.locator(".o-maildesk-send-more").click()
    page.locator("[data-do=later]").click()
    look(page, "writing-later")
    page.locator(".o-maildesk-moment").last.click()
    expect(window).to_have_count(0)
    _open(page)
    scheduled = page.locator(".o-maildesk-folder[data-action=scheduled]")
    expect(scheduled).to_contain_text("1")
    scheduled.click()
    expect(page.locator(".o-maildesk-scheduled-line")).to_contain_text("On Monday")
    look(page, "writing-scheduled")
    page.locator("[data-do=call-off]").click()
    expect(page.locator(".o-maildesk-scheduled-line")).to_have_count(0)
    _until(page, lambda: _in_folder(stage, "On Monday", "Drafts"), "the draft in Outlook")
    assert not _out(stage, "On Monday")


@pytest.mark.timeout(300)
def test_writing_from_another_address_of_the_mailbox(reader: Page, stage: Stage) -> None:
    """A mailbox that has a second address offers it as the sender; what is chosen is the draft's."""
    page, alias = reader, "sales@outlook.example"
    execute = stage.odoo.cluster.execute
    execute(stage.odoo.database, "UPDATE mailbox_account SET alias_addresses = %s::jsonb WHERE email = %s", f'["{alias}"]', READER)
    try:
        _open(page)
        window = _compose(page, BEN, "From the other address", "Good morning.")
        sender = window.locator(".o-maildesk-from-select")
        expect(sender.locator("option")).to_have_text([READER, alias])
        sender.select_option(label=alias)
        expect(window.locator(".o-maildesk-compose-saved")).to_have_text("Saved", timeout=10_000)
        look(page, "writing-from")
        query = "SELECT from_address FROM mailbox_draft WHERE subject = 'From the other address'"
        _until(page, lambda: execute(stage.odoo.database, query) == [(alias,)], "the sender in the draft")
        window.locator("[data-do=discard]").click()
        page.locator(".modal .btn-danger").click()
        expect(page.locator(".o-maildesk-compose")).to_have_count(0)
    finally:
        execute(stage.odoo.database, "UPDATE mailbox_account SET alias_addresses = NULL WHERE email = %s", READER)


@pytest.mark.timeout(300)
def test_writing_refused_comes_back(reader: Page, stage: Stage) -> None:
    """A mail that Outlook refuses comes back as an open draft with the reason."""
    page = reader
    _open(page)
    _undo_seconds(stage, 0)
    stage.simulator.ask("POST", "/faults", {"message_cap": 3})
    try:
        window = _compose(page, BEN, "May I?", "Please see the attached file.")
        window.locator("input[type=file]").set_input_files(
            {"name": "large.bin", "mimeType": "application/octet-stream", "buffer": b"large"}
        )
        expect(window.locator(".o-maildesk-compose-file a")).to_have_text("large.bin")
        window.locator(".o-maildesk-send").click()
        expect(window).to_have_count(0)
        banner = window.locator(".o-maildesk-compose-banner.o-bad")
        expect(banner).to_contain_text("It is too large for Outlook.", timeout=60_000)
        expect(window.locator(".odoo-editor-editable")).to_contain_text("Please see the attached file.")
        look(page, "writing-refused")
    finally:
        stage.simulator.ask("DELETE", "/faults")
    assert not _out(stage, "May I?")

    # One of which nobody knows whether it was sent waits for its author's word.
    stage.odoo.cluster.execute(stage.odoo.database, "UPDATE mailbox_draft SET state = 'unconfirmed' WHERE state = 'failed'")
    page.goto("/odoo/maildesk")
    page.locator(".o-maildesk-compose.o-minimized .o-maildesk-compose-title").click()
    expect(window.locator(".o-maildesk-compose-banner")).to_contain_text("Nobody knows whether this was sent.")
    expect(window.locator(".odoo-editor-editable")).to_have_count(0)
    look(page, "writing-unconfirmed")
    window.locator("[data-do=arrived]").click()
    expect(page.locator(".o-maildesk-compose")).to_have_count(0)
    ((undecided,),) = stage.odoo.cluster.execute(stage.odoo.database, "SELECT count(*) FROM mailbox_draft WHERE state = 'unconfirmed'")
    assert undecided == 0


@pytest.mark.timeout(300)
def test_writing_not_from_a_read_only_mailbox(newcomer: Page, stage: Stage) -> None:
    """Where Microsoft lets MailDesk read and no more, nothing can be written, and the app says why."""
    page = newcomer
    connect_read_only(stage)
    page.goto("/odoo/maildesk")
    expect(page.locator(".o-maildesk-no-writing")).to_contain_text("Read only", timeout=60_000)
    expect(page.locator(".o-maildesk-tree .o-maildesk-compose-button")).to_be_disabled()
    page.locator(".o-maildesk-row").first.click(timeout=60_000)
    expect(page.locator(".o-maildesk-quick.o-off")).to_be_visible()
    look(page, "writing-read-only")
    # the button that the words name
    page.locator(".o-maildesk-account-menu").first.click()
    expect(page.locator(".o-dropdown--menu [data-action=allow-writing]")).to_be_visible()


_DROP_FILE = """(el) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["dropped"], "dropped.txt", { type: "text/plain" }));
    const at = el.getBoundingClientRect();
    const place = { clientX: at.x + at.width / 2, clientY: at.y + at.height / 2, bubbles: true, cancelable: true, dataTransfer };
    el.dispatchEvent(new DragEvent("dragenter", place));
}"""

_LET_GO = """(el) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["dropped"], "dropped.txt", { type: "text/plain" }));
    el.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer }));
}"""


@pytest.mark.timeout(300)
def test_writing_from_a_record_with_files_from_everywhere(reader: Page, stage: Stage) -> None:
    """From the menu of a record: with a file of Odoo, one that is dropped, and a signature whose logo lies in Odoo; all of it arrives."""
    page, subject = reader, "Papers from everywhere"
    _undo_seconds(stage, 1)
    with Person.logged_in(stage.odoo, stage.logins.admin, stage.logins.admin_password) as admin:
        admin.call("res.company", "write", [1], {"email": "office@company.example"})
        datas = base64.b64encode(b"a price list").decode()
        admin.call("ir.attachment", "create", [{"name": "prices.txt", "datas": datas, "res_model": "res.company", "res_id": 1}])
    with Person.logged_in(stage.odoo, stage.logins.empty, stage.logins.empty_password) as owner:
        (account,) = owner.call("mailbox.account", "search", [["email", "=", READER]])
        logo = {"name": "logo.png", "datas": DOT, "res_model": "mailbox.account", "res_id": account}
        (picture,) = owner.call("ir.attachment", "create", [logo])
        signature = f'<p>Anna Larsen <img src="/web/image/{picture}-abc/logo.png"></p>'
        owner.call("mailbox.account", "write", [account], {"signature": signature})
        page.goto("/odoo/res.company/1")
        page.locator(".o_cp_action_menus .fa-cog").click()
        look(page, "writing-record-menu", WIDE)
        page.locator(".o-maildesk-write-item").click()
        window = _window(page)
        expect(window.locator("[data-name=to] .o-maildesk-person-name")).to_have_count(1)
        # for the other stories
        owner.call("mailbox.account", "write", [account], {"signature": False})
    window.locator(".o-maildesk-compose-subject").fill(subject)
    window.locator("[data-do=attach-odoo]").click()
    look(page, "writing-files-of-odoo")
    expect(page.locator(".modal .o_data_row", has_text="web.assets")).to_have_count(0)
    page.locator(".modal .o_data_row", has_text="prices.txt").locator("input[type=checkbox]").check()
    page.locator(".modal .o_select_button").click()
    expect(window.locator(".o-maildesk-compose-file a")).to_have_text(["prices.txt"])
    window.evaluate(_DROP_FILE)
    expect(page.locator(".o-maildesk-dropzone")).to_be_visible()
    look(page, "writing-drop")
    page.locator(".o-maildesk-dropzone").evaluate(_LET_GO)
    expect(window.locator(".o-maildesk-compose-file a")).to_have_text(["prices.txt", "dropped.txt"])
    expect(window.locator(".o-maildesk-compose-saved")).to_have_text("Saved", timeout=10_000)
    window.locator(".o-maildesk-send").click()
    expect(window).to_have_count(0)
    _until(page, lambda: _out(stage, subject), "the mail to go out")
    (mail,) = _out(stage, subject)
    assert mail["to"] == ["office@company.example"]
    assert sorted(one["name"] for one in mail["attachments"]) == ["dropped.txt", "logo.png", "prices.txt"]
    assert "/web/image" not in mail["body"]["content"]
    assert "cid:" in mail["body"]["content"]
