"""What `status` shows in terminals of several widths."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import to_builtins
from rich.cells import cell_len

from connector.status_table import status_lines
from tests.web.conftest import ANNA, BEN

LONG = "christiane.von-oldenburg-haverkamp@subsidiary.example.com"
SENTENCE = "Outlook authentication expired, please re-authorize"
ACCOUNTS: list[dict[str, Any]] = [
    to_builtins(ANNA),
    to_builtins(BEN) | {"message": SENTENCE},
    to_builtins(ANNA) | {"email": LONG, "phase": "up_to_date", "backfill_done": 123_456, "backfill_total": 123_456, "message": "Connected"},
]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_status_breaks_no_word_at_any_width(width: int) -> None:
    """Each address, state and number is whole on one line, and lines fit where anything does."""
    lines = status_lines(ACCOUNTS, width)
    words = [a[name] for a in ACCOUNTS for name in ("email", "state", "phase") if a[name]]
    for word in (*words, "50 of 120", "123,456 of 123,456", "12 s ago", "Requests in 24 h"):
        assert any(word in line for line in lines), word
    assert SENTENCE in " ".join(" ".join(lines).split())
    if width >= 80:
        assert max(map(cell_len, lines)) <= width


def test_status_line_for_each_mailbox_where_there_is_room() -> None:
    """In a wide terminal one line tells all of a mailbox; in a narrow one a long address has a line of its own."""
    first, second = (next(line for line in status_lines(ACCOUNTS, width) if LONG in line) for width in (140, 80))
    assert first.split() == [LONG, *["connected", "up_to_date", "12", "s", "ago", "123,456", "of", "123,456", "321"]]
    assert second == LONG
    assert "Connected" not in "\n".join(status_lines(ACCOUNTS, 80))


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "0 s"), (59.9, "59 s"), (60, "1 min"), (7_300, "2 h"), (200_000, "2 d")])
def test_status_tells_an_age_in_its_largest_unit(seconds: float, said: str) -> None:
    """Hours of seconds are read by nobody."""
    assert f"  {said} ago  " in "\n".join(status_lines([to_builtins(ANNA) | {"lag_seconds": seconds}], 120))


def test_status_without_mailboxes_says_so() -> None:
    """An empty table would look like a fault."""
    assert status_lines([], 80) == ["No mailbox is connected."]
