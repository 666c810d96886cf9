"""Real mail in Graph's properties: all 78 go in, none loses its subject, sender or text on the way, and no bytes make it fail."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.seed import MAILS

SCHEMA = load_schema()
RECEIVED = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
BY_NAME = {path.stem: path for path in MAILS}

# Real mails without a Subject line, or with an empty one.
NO_SUBJECT = {"raw_email10", "raw_email5", "raw_email6", "weird_to_header", "example03", "example10", "example11"}
# Real mails that have nothing to read: no part but attachments, or nothing after the headers.
NO_TEXT = {
    "attachment_only_email",
    "attachment_with_quoted_filename",
    "bad_date_header",
    "empty_in_reply_to",
    "missing_body",
    "missing_content_disposition",
    "must_supply_encoding",
    "raw_email_with_binary_encoded",
}


def _graph(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return to_graph(BY_NAME[name].read_bytes(), RECEIVED)


def test_mails_are_the_78() -> None:
    """The set is whole, and no name stands twice in it."""
    assert len(MAILS) == len(BY_NAME) == 78


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_mail_real_one_loses_nothing(name: str) -> None:
    """Subject and text arrive, what has none is known by name, and the whole is a message by Graph's schema."""
    data, attachments = _graph(name)
    assert bool(data["subject"]) is (name not in NO_SUBJECT)
    assert bool(data["body"]["content"].strip()) is (name not in NO_TEXT)
    assert bool(data["bodyPreview"]) or name in NO_TEXT
    assert data["receivedDateTime"] == "2026-11-01T12:00:00Z"
    shown = {k: v for k, v in data.items() if k != "parentFolderId"}
    assert not SCHEMA.problems({"id": "x", **shown}, "message")
    for entry in attachments:
        assert entry["size"] == len(entry["content"])
        if "contentBytes" in entry:
            assert base64.b64decode(entry["contentBytes"]) == entry["content"]
            assert not str(entry["contentType"]).startswith("multipart/")


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_mail_real_one_is_read_not_questioned(name: str) -> None:
    """No replacement character comes in that the sender did not write."""
    data, attachments = _graph(name)
    raw = BY_NAME[name].read_bytes()
    shown = [data["subject"], data["body"]["content"], data["bodyPreview"], str(data["from"]), str(data["toRecipients"])]
    shown += [a["name"] for a in attachments]
    if "\ufffd".encode() not in raw:
        assert not [text for text in shown if "\ufffd" in text]


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("japanese", "まみむめも"),
        ("japanese_iso_2022", "まみむめも"),
        ("utf8_headers", "Säying Hello"),
        ("invalid_subject_characters", "Formação FrenetikPolis: Mega Campanha Final Verão | Cursos de Setembro"),
        ("attachment_pdf_non_ascii", "Another PDF with 🎉 Unicode chars in it 🍿"),
        ("attachment_with_quoted_filename", "Eelanalüüsi päring"),
        ("raw_email_double_at_in_header", "NOTE: 한국말로 하는 것"),
        ("example13", "Saying Hello"),
        ("raw_email_incorrect_header", "Stop adware/spyware once and for all."),
        ("bad_encoded_subject", "=?NONE?B?VEVTVA=?="),
    ],
)
def test_mail_subject_is_what_the_sender_wrote(name: str, subject: str) -> None:
    """In every charset and after every malformed header; an encoding that is none stays as it was written."""
    assert _graph(name)[0]["subject"] == subject


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("japanese", "かきくえこ"),
        ("japanese_iso_2022", "すみません。"),
        ("japanese_shift_jis", "このメールはテスト用のメールです。"),
        ("ks_c_5601-1987", "스티해"),
        ("raw_email_double_at_in_header", "우리는 하나님을 믿습니다."),
        ("example13", 'So, "Hello".'),
        ("raw_email_incorrect_header", "You are infected with"),
        ("multipart_report_multiple_status", "if you feel this message to be in error."),
        ("raw_email4", "This Orange Multi Media Message was sent wirefree"),
    ],
)
def test_mail_text_is_what_the_sender_wrote(name: str, text: str) -> None:
    """In every charset, after every malformed header, and in every text part."""
    assert text in _graph(name)[0]["body"]["content"]


def test_mail_names_outside_ascii() -> None:
    """File names and people are read too."""
    assert _graph("japanese_attachment")[1][0]["name"] == "てすと.txt"
    assert _graph("attachment_nonascii_filename")[1][0]["name"] == "ciële.txt"
    assert _graph("attachment_with_base64_encoded_name")[1][0]["name"] == "This is a test.pdf"
    assert _graph("utf8_headers")[0]["from"]["emailAddress"] == {"name": "Jöhn Doe", "address": "jdöe@mächine.example"}


def test_mail_report_keeps_its_machine_part() -> None:
    """The part of a bounce that machines read is an attachment, not lost and not in the text."""
    data, attachments = _graph("report_422")
    assert "Remote-MTA" not in data["body"]["content"]
    assert any(b"452 4.2.2" in a["content"] for a in attachments)


def test_mail_forwarded_as_attachment_is_an_item() -> None:
    """A mail in a mail is an itemAttachment, and its text is not the outer one's."""
    data, (item,) = _graph("attachment_message_rfc822")
    assert item["@odata.type"] == "#microsoft.graph.itemAttachment"
    assert "contentBytes" not in item
    assert "Just attaching another PDF" not in data["body"]["content"]


def test_mail_inline_picture_is_no_attachment_to_show() -> None:
    """The flag hasAttachments is false when all there is are pictures of the text (graph-behaviour 4)."""
    data, (picture,) = _graph("raw_email12")
    assert (picture["isInline"], picture["contentId"], data["hasAttachments"]) == (True, "qbFGyPQAS8", False)


def test_mail_time_is_utc() -> None:
    """A Date with an offset, and a time of receipt with one, are written in UTC; no Date is the time of receipt."""
    mime = b"Date: Mon, 2 Nov 2026 08:00:00 +0530\r\n\r\nx"
    east = datetime(2026, 11, 2, 4, 0, tzinfo=timezone(timedelta(hours=1)))
    data, _ = to_graph(mime, east)
    assert (data["sentDateTime"], data["receivedDateTime"]) == ("2026-11-02T02:30:00Z", "2026-11-02T03:00:00Z")
    assert to_graph(b"\r\nx", RECEIVED)[0]["sentDateTime"] == "2026-11-01T12:00:00Z"


def test_mail_charset_of_python_alone_is_none() -> None:
    """Python knows codecs that no mail program knows (found by the test with any bytes); they are passed over like unknown ones."""
    raw = b"Subject: =?unicode-escape?q?=5C=20?= x\r\nContent-Type: text/plain; charset=unicode\x01escape\r\n\r\n\\ y"
    data, _ = to_graph(raw, RECEIVED)
    assert (data["subject"], data["body"]["content"]) == ("=?unicode-escape?q?=5C=20?= x", "\\ y")


def test_mail_body_nobody_can_decode_is_shown_as_far_as_it_goes() -> None:
    """A charset that is none, or not the text's, loses no text."""
    head = b"Content-Type: text/plain; charset=%s\r\n\r\n"
    assert to_graph(head % b"x-nonsense" + "grün".encode(), RECEIVED)[0]["body"]["content"] == "grün"
    assert to_graph(head % b"utf-8" + "grün".encode("latin-1"), RECEIVED)[0]["body"]["content"] == "grün"


# What mail is made of, and what breaks readers of it: hypothesis puts it together.
_CHARSETS = ["utf-8", "iso-2022-jp", "ks_c_5601-1987", "utf-7", "idna", "punycode", "hex", "unicode_escape", "undefined", "x", "", "a\\0b"]
_WORDS = st.sampled_from(
    ["=?utf-8?b?", "=?utf-8?q?=C3?=", "?=", "=?x?b?zz?=", "<a@b>", "@@", ",", ";", ":", '"', "(", "\\", "ä", "\x00", "😀", "x"]
)
_VALUES = st.one_of(st.lists(_WORDS, max_size=6).map("".join), st.text(max_size=20))
_NAMES = st.sampled_from(
    [
        "Subject",
        "From",
        "To",
        "Date",
        "Message-ID",
        "References",
        "In-Reply-To",
        "Content-ID",
        "X-Priority",
        "Content-Disposition",
        "no header",
    ]
)
_DATES = [
    "Mon, 1 Jan 0001 00:00:00 +2359",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "1 Jan 999 00:00 +0000",
    "32 Foo 26",
    "1 Jan 2026 00:00 +99999999",
]


def _types() -> st.SearchStrategy[str]:
    charsets = st.sampled_from(_CHARSETS).map("Content-Type: text/plain; charset={}".format)
    others = [
        "text/html",
        "image/png; name*=x''%ff",
        "message/rfc822",
        "message/delivery-status",
        "multipart/mixed",
        "multipart/mixed; boundary=b",
    ]
    return st.one_of(charsets, st.sampled_from([f"Content-Type: {o}" for o in others]))


def _mails() -> st.SearchStrategy[bytes]:
    header = st.builds("{}: {}".format, _NAMES, st.one_of(_VALUES, st.sampled_from(_DATES)))
    coding = st.sampled_from(["base64", "quoted-printable", "x-uuencode", "8bit", "=?"]).map("Content-Transfer-Encoding: {}".format)
    block = st.lists(st.one_of(header, _types(), coding), max_size=6).map("\r\n".join)
    body = st.one_of(st.text(max_size=40), st.sampled_from(["--b", "begin 644 x\n", "=", "AAA", "<style>", "--b--"]))
    pieces = st.lists(st.one_of(block, body, st.just("--b")), min_size=1, max_size=6)
    return st.builds(lambda p, charset: "\r\n\r\n".join(p).encode(charset, "replace"), pieces, st.sampled_from(["utf-8", "latin-1"]))


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=2000), _mails()))
def test_mail_any_bytes_become_a_message(mime: bytes) -> None:
    """Whatever arrives, it becomes a message by Graph's schema that can be sent as UTF-8, and nothing raises."""
    data, attachments = to_graph(mime, RECEIVED)
    assert not SCHEMA.problems({"id": "x", **data}, "message")
    for entry in attachments:
        shown = {k: v for k, v in entry.items() if k != "content"}
        assert not SCHEMA.problems({"id": "x", **shown}, "attachment")
        str(shown).encode()
    str(data).encode()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", data["sentDateTime"])
