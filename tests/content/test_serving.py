"""What a browser may show, names in any script, parts of a file, tickets."""

from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from connector.content.names import disposition, safe_name, unique
from connector.content.serving import Part, Unsatisfiable, headers_of, part_of, shown_type, wants_part
from connector.content.tickets import TICKET_SECONDS, Tickets

if TYPE_CHECKING:
    from trio.testing import MockClock


@pytest.mark.parametrize(
    ("content_type", "name", "shown"),
    [
        ("image/png", "a.png", "image/png"),
        ("image/jpg", "a.JPG", "image/jpeg"),
        ("IMAGE/PNG; name=x", "a.png", "image/png"),
        ("application/octet-stream", "a.pdf", "application/pdf"),
        ("", "a.gif", "image/gif"),
        ("application/pdf", "a.pdf", "application/pdf"),
        ("text/plain", "a.txt", "text/plain; charset=utf-8"),
        ("text/plain", "README", "text/plain; charset=utf-8"),
        ("text/csv", "a.csv", "text/plain; charset=utf-8"),
        # Whatever runs, in any disguise.
        ("text/html", "a.html", None),
        ("text/html", "a.png", None),
        ("text/plain", "a.html", None),
        ("image/png", "a.svg", None),
        ("image/png", "a.hta", None),
        ("image/svg+xml", "a.svg", None),
        ("image/svg+xml", "a.png", None),
        ("application/xhtml+xml", "a.txt", None),
        ("text/xml", "a.xml", None),
        ("application/xml", "a.xml", None),
        ("text/javascript", "a.js", None),
        ("application/octet-stream", "a.html", None),
        ("application/octet-stream", "a.exe", None),
        ("multipart/x-mixed-replace", "a.png", None),
        ("message/rfc822", "a.eml", None),
        ("text/calendar", "a.ics", None),
        ("application/x-shockwave-flash", "a.pdf", None),
    ],
)
def test_shown_type_is_a_short_list(content_type: str, name: str, shown: str | None) -> None:
    """Pictures of dots, PDF and plain text, by type and end of the name; all else is a download without a type."""
    assert shown_type(content_type, name) == shown
    headers = headers_of(name, content_type, kind="file", is_download=False, etag='"x"')
    assert headers["Content-Type"] == (shown or "application/octet-stream")
    assert headers["Content-Disposition"].startswith("inline" if shown else "attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    download = headers_of(name, content_type, kind="file", is_download=True, etag='"x"')
    assert download["Content-Disposition"].startswith("attachment")
    assert download["Content-Type"] == "application/octet-stream"


def test_headers_of_items_have_an_end() -> None:
    """A mail in a mail is saved as .eml, an event as .ics, a contact as .vcf, and none is shown."""
    for content_type, end in (("", ".eml"), ("text/plain", ".eml"), ("text/calendar", ".ics"), ("text/vcard; charset=utf-8", ".vcf")):
        said = headers_of("Fwd: hello", content_type, kind="item", is_download=False, etag='"x"')["Content-Disposition"]
        assert said == f'attachment; filename="Fwd_ hello{end}"'


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\Windows\\x.dll", "C__Windows_x.dll"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a\r\nSet-Cookie: x=1", "aSet-Cookie_ x=1"),
        ("\ud83d.txt", "attachment"),
        ("con.txt", "_con.txt"),
        ("NUL", "_NUL"),
        ("  .  ", "attachment"),
        ("", "attachment"),
        ("\x00", "attachment"),
        ("e\u0301.txt", "é.txt"),
        ("שלום.pdf", "שלום.pdf"),
        ('a"b<c>|?*.txt', "a_b_c____.txt"),
    ],
)
def test_safe_name_of_hostile_ones(name: str, safe: str) -> None:
    """No path, no header, no turn of direction, no device."""
    if name == "\ud83d.txt":
        safe = "txt"
    assert safe_name(name) == safe


@given(st.text(max_size=400), st.text(max_size=20))
def test_safe_name_of_any_text(stem: str, end: str) -> None:
    """Whatever a sender writes, it fits a file system, leads nowhere, and survives the way through a header."""
    name = safe_name(f"{stem}.{end}")
    assert name
    assert len(name.encode()) <= 255
    assert name not in {".", ".."}
    assert not set(name) & set('/\\\x00\r\n"')
    said = disposition("attachment", name)
    assert said.isascii()
    assert said.isprintable()
    header = Message()
    header["Content-Disposition"] = said
    if "filename*" in said:
        assert unquote(said.rpartition("''")[2]) == name
    else:
        assert header.get_filename() == name


def test_unique_numbers_what_is_taken() -> None:
    """Also where the case alone differs, and where the number itself is taken."""
    taken: set[str] = set()
    assert [unique(n, taken) for n in ("a.txt", "A.txt", "a (2).txt", "a.txt", "b", "b")] == [
        "a.txt",
        "A (2).txt",
        "a (2) (2).txt",
        "a (3).txt",
        "b",
        "b (2)",
    ]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (None, None),
        ("bytes=0-9", Part(0, 9, 100)),
        ("bytes=90-", Part(90, 99, 100)),
        ("bytes=90-500", Part(90, 99, 100)),
        ("bytes=-10", Part(90, 99, 100)),
        ("bytes=-500", Part(0, 99, 100)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=x-1", None),
    ],
)
def test_part_of_a_file(asked: str | None, part: Part | None) -> None:
    """What RFC 9110 says; what is not understood is as if it was not said."""
    assert part_of(asked, None, '"e"', 100) == part
    assert part_of(asked, '"e"', '"e"', 100) == part
    assert part_of(asked, '"other"', '"e"', 100) is None, "If-Range: another version, so all of it"
    assert not wants_part(asked, '"other"', '"e"')


@pytest.mark.parametrize(("asked", "total"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_part_of_what_is_not_there(asked: str, total: int) -> None:
    """416."""
    with pytest.raises(Unsatisfiable):
        part_of(asked, None, '"e"', total)


async def test_ticket_serves_once_and_for_a_minute(autojump_clock: MockClock) -> None:
    """Unknown, used, too old: nothing."""
    del autojump_clock
    tickets: Tickets[str] = Tickets()
    first, second = tickets.issue("a"), tickets.issue("b")
    assert first != second
    assert tickets.redeem("x") is None
    assert tickets.redeem(first) == "a"
    assert tickets.redeem(first) is None
    await trio.sleep(TICKET_SECONDS)
    assert tickets.redeem(second) is None
    for _ in range(10_050):
        tickets.issue("many")
    assert len(tickets._open) == 10_000
