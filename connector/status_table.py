"""Pure: the mailboxes of `maildesk-connector status` as lines for a terminal of any width; no word and no address is broken.

Mailbox  State  Phase  Last sync  Mail  Requests in 24 h      where all of it has room beside each other
a note about it

Mailbox                                                       else the address has a line of its own
  State  Phase  Last sync  Mail  Requests in 24 h
  a note about it
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["status_lines"]

_HEADINGS = ("Mailbox", "State", "Phase", "Last sync", "Mail", "Requests in 24 h")
_GAP = "  "
_INDENT = "  "

# Seconds of each unit in which an age is told, the largest first; of the smallest there are at least so many.
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def status_lines(accounts: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """Return the lines for `accounts`, as `GET /status` tells them, on a terminal of `width` columns."""
    if not accounts:
        return ["No mailbox is connected."]
    rows = [_cells(account) for account in accounts]
    wide = [max(cell_len(row[place]) for row in (_HEADINGS, *rows)) for place in range(len(_HEADINGS))]
    is_stacked = sum(wide) + len(_GAP) * (len(wide) - 1) > width
    lines = [_HEADINGS[0], _INDENT + _line(_HEADINGS[1:], wide[1:])] if is_stacked else [_line(_HEADINGS, wide)]
    lines.append("-" * min(width, max(map(cell_len, lines))))
    for account, row in zip(accounts, rows, strict=True):
        lines += [row[0], _INDENT + _line(row[1:], wide[1:])] if is_stacked else [_line(row, wide)]
        for note in _notes(account):
            lines += wrap(note, width, initial_indent=_INDENT, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)
    return lines


def _cells(account: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        account["email"],
        account["state"],
        account["phase"] or "-",
        "never" if account["last_sync_at"] is None else _age(account["lag_seconds"]),
        f"{account['backfill_done']:,} of {account['backfill_total']:,}",
        f"{account['requests_24h']:,}",
    )


def _notes(account: Mapping[str, Any]) -> list[str]:
    """Return what there is to say beside the numbers."""
    # "Connected" is said by the state.
    notes = [] if account["state"] == "connected" and account["message"] == "Connected" else [account["message"]]
    notes += [f"{account['unreadable']} not readable"] if account["unreadable"] else []
    notes += [f"drift: {account['drift']} repaired in 7 days"] if account["drift"] else []
    return [note for note in notes if note]


def _age(seconds: float) -> str:
    """Return an age in its largest unit: what matters is whether it is minutes or days."""
    size, name = next((unit for unit in _UNITS if seconds >= unit[0]), _UNITS[-1])
    return f"{seconds // size:.0f} {name} ago"


def _line(cells: Sequence[str], wide: Sequence[int]) -> str:
    padded = (cell + " " * (columns - cell_len(cell)) for cell, columns in zip(cells, wide, strict=True))
    return _GAP.join(padded).rstrip()
