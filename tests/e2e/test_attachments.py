"""Attachments in Chromium: seen, saved, opened as a mail, and never run."""

from __future__ import annotations

import base64
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import READER
from tests.e2e.pictures import look

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Stage

LONG_NAME = "a very long name of a file that nobody would want to read to its end, and that goes on and on.xlsx"

_PNG = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==")
).decode()

_PDF = base64.b64encode(
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>endobj\n"
    b"4 0 obj<</Length 52>>stream\nBT /F1 24 Tf 40 100 Td (The pier in drawings) Tj ET  \nendstream endobj\n"
    b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n"
).decode()


def _part(name: str, kind: str, content: str) -> str:
    return (
        f'--o\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        f"{content}\r\n"
    )


def _text(content: str) -> str:
    return base64.b64encode(content.encode()).decode()


MAIL = (
    "From: Kai Mueller <kai@pier.example>\r\nTo: Anna <anna.larsen@outlook.example>\r\nSubject: Drawings of the pier\r\n"
    'Message-ID: <files-1@pier.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="o"\r\n\r\n'
    "--o\r\nContent-Type: text/html\r\n\r\n<p>Here they are.</p>\r\n"
    + _part("pier.png", "image/png", _PNG)
    + _part("drawing.pdf", "application/pdf", _PDF)
    + _part("notes.txt", "text/plain", _text("Grüße vom Pier\nLine two"))
    + _part("page.html", "text/html", _text("<script>window.top.pwned = true</script>"))
    + _part(
        LONG_NAME,
        "application/vnd.ms-excel",
        _text("x"),
    )
    + _part("=?utf-8?b?16nXnNeV150g16LXldec150=?=.zip", "application/zip", _text("PK"))
    + "--o\r\nContent-Type: message/rfc822\r\n\r\nFrom: Ben <ben@pier.example>\r\nTo: Kai <kai@pier.example>\r\nSubject: The inner mail\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="i"\r\n\r\n--i\r\nContent-Type: text/html\r\n\r\n'
    "<p>From inside</p><script>window.top.pwned = true</script>\r\n"
    '--i\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="inside.pdf"\r\n\r\nPDF\r\n--i--\r\n--o--\r\n'
).encode()


@pytest.mark.timeout(300)
def test_attachments_are_seen_saved_and_opened(reader: Page, stage: Stage) -> None:
    """Picture, text and PDF inside the app; downloads with their names; a mail in a mail; a page that does not run; at 390 px too."""
    page = reader
    truth = stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", MAIL)
    stage.simulator.ask(
        "POST", f"/mailboxes/{READER}/messages/{truth['id']}/attach", {"name": "Budget", "url": "https://contoso.sharepoint.example/b"}
    )
    page.goto("/odoo/maildesk")
    page.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
    page.locator(".o-maildesk-refresh").click()
    row = page.locator(".o-maildesk-row").filter(has_text="Drawings of the pier")
    row.click()
    files = page.locator(".o-maildesk-attachment")
    expect(files).to_have_count(8)
    expect(files.locator("a")).to_have_attribute("href", "https://contoso.sharepoint.example/b")
    expect(files.filter(has_text="Budget").locator("small")).to_have_text("contoso.sharepoint.example")
    assert files.first.evaluate("el => getComputedStyle(el).display") == "flex", "the styles were compiled"
    look(page, "attachments")

    # A picture, a PDF, a text: one after the other, by the arrow.
    files.filter(has_text="pier.png").locator(".o-maildesk-attachment-open").click()
    picture = page.locator(".o-maildesk-viewer-stage img")
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('.o-maildesk-viewer-stage img').naturalWidth === 5")
    page.keyboard.press("ArrowRight")
    pdf = page.frame_locator(".o-maildesk-viewer-stage iframe")
    expect(pdf.locator(".textLayer")).to_contain_text("The pier in drawings", timeout=30_000)
    assert pdf.locator("body").evaluate("() => PDFViewerApplicationOptions.get('isEvalSupported')") is False
    assert pdf.locator("body").evaluate("() => PDFViewerApplicationOptions.get('enableScripting')") is False
    look(page, "viewer-pdf")
    page.locator(".o-maildesk-viewer-next").click()
    expect(page.locator(".o-maildesk-viewer-text pre")).to_contain_text("Grüße vom Pier")
    expect(page.locator(".o-maildesk-viewer-place")).to_have_text("3 of 3")
    look(page, "viewer-text")
    page.locator(".modal .btn-close").click()

    # Saved: by name, the page too, which nowhere runs; all of them in one file.
    with page.expect_download() as saved:
        files.filter(has_text="page.html").locator(".o-maildesk-attachment-open").click()
    assert saved.value.suggested_filename == "page.html"
    assert b"pwned" in Path(saved.value.path()).read_bytes()
    with page.expect_download() as saved:
        page.locator(".o-maildesk-attachment-all").click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert archive.testzip() is None
        assert {"pier.png", "drawing.pdf", "notes.txt", "page.html", "The inner mail.eml", "links.txt"} <= set(archive.namelist())
    page_url = f"{stage.url}/maildesk/attachment/{_account(stage)}/{truth['id']}/{truth['id']}-3"
    answer = page.request.get(page_url)
    assert (answer.headers["content-type"], answer.headers["content-disposition"]) == (
        "application/octet-stream",
        'attachment; filename="page.html"',
    )

    # A mail in a mail.
    files.filter(has_text="The inner mail").locator(".o-maildesk-attachment-open").click()
    dialog = page.locator(".o-maildesk-item")
    expect(dialog.locator(".o-maildesk-item-head")).to_contain_text("ben@pier.example")
    expect(dialog.frame_locator("iframe.o-maildesk-frame").locator("body")).to_contain_text("From inside")
    expect(dialog.locator(".o-maildesk-attachment-name")).to_have_text("inside.pdf")
    look(page, "item")
    page.locator(".modal .btn-close").click()
    assert page.evaluate("window.pwned === undefined")

    # On a phone.
    page.set_viewport_size({"width": 390, "height": 844})
    expect(files.first).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "nothing stands out to the side"
    files.filter(has_text="notes.txt").locator(".o-maildesk-attachment-open").click()
    expect(page.locator(".o-maildesk-viewer-text pre")).to_contain_text("Grüße")
    page.locator(".modal button[aria-label=Close], .modal .btn-close, .modal .oi-arrow-left").first.click()


@pytest.mark.timeout(300)
def test_attachments_broken_pdf_says_so(reader: Page, stage: Stage) -> None:
    """A file that is no PDF, one that is cut off, one without pages: told in words, and saved; the sound one beside them is shown."""
    page = reader
    no_pages = _text(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n"
    )
    mail = (
        "From: Kai Mueller <kai@pier.example>\r\nTo: Anna <anna.larsen@outlook.example>\r\nSubject: Scans of the pier\r\n"
        'Message-ID: <files-2@pier.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="o"\r\n\r\n'
        "--o\r\nContent-Type: text/html\r\n\r\n<p>Here they are.</p>\r\n"
        + _part("none.pdf", "application/pdf", _text("This is no PDF at all."))
        + _part("cut.pdf", "application/pdf", base64.b64encode(base64.b64decode(_PDF)[:60]).decode())
        + _part("empty.pdf", "application/pdf", no_pages)
        + _part("sound.pdf", "application/pdf", _PDF)
        + "--o--\r\n"
    ).encode()
    stage.simulator.ask("POST", f"/mailboxes/{READER}/deliver", mail)
    page.goto("/odoo/maildesk")
    page.locator('.o-maildesk-folder[data-role="inbox"]').first.click()
    page.locator(".o-maildesk-refresh").click()
    page.locator(".o-maildesk-row").filter(has_text="Scans of the pier").click()
    page.locator(".o-maildesk-attachment-open").first.click()
    state, title = page.locator(".o-maildesk-viewer-state"), page.locator(".modal-title")
    for name in ("none.pdf", "cut.pdf", "empty.pdf"):
        expect(title).to_have_text(name)
        expect(state).to_have_text("This PDF cannot be shown. Download it to open it.", timeout=30_000)
        expect(page.locator(".o-maildesk-viewer-stage iframe")).to_have_count(0)
        if name == "none.pdf":
            look(page, "viewer-broken")
            with page.expect_download() as saved:
                page.locator(".o-maildesk-viewer .modal-footer .btn-primary").click()
            assert Path(saved.value.path()).read_bytes() == b"This is no PDF at all."
        page.locator(".o-maildesk-viewer-next").click()
    expect(page.frame_locator(".o-maildesk-viewer-stage iframe").locator(".textLayer")).to_contain_text(
        "The pier in drawings", timeout=30_000
    )
    expect(state).to_have_count(0)


def _account(stage: Stage) -> int:
    rows = stage.odoo.cluster.execute(stage.odoo.database, "SELECT id FROM mailbox_account WHERE email = %s", READER)
    return int(str(rows[0][0]))
