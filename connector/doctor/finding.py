"""One line of the doctor."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum

from msgspec import Struct

__all__ = ["Finding", "Status", "clock_finding", "note", "ok", "skipped", "wrong"]

# Seconds by which two clocks may differ. What expires is judged by both sides: keys by Odoo, tokens by Microsoft, sign-ins by us.
_SKEW = 60.0


class Status(Enum):
    """How a link is."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"
    SKIPPED = "skipped"


class Finding(Struct, frozen=True):
    """What was found at one link (`check` is its name for programs), and what an administrator has to do about it."""

    check: str
    status: Status
    said: str
    to_do: str = ""


def ok(check: str, said: str) -> Finding:
    """Return a link that holds."""
    return Finding(check, Status.OK, said)


def note(check: str, said: str, to_do: str) -> Finding:
    """Return a link that holds, with something to know."""
    return Finding(check, Status.NOTE, said, to_do)


def wrong(check: str, said: str, to_do: str) -> Finding:
    """Return a broken link."""
    return Finding(check, Status.WRONG, said, to_do)


def skipped(check: str, why: str) -> Finding:
    """Return a link that could not be asked."""
    return Finding(check, Status.SKIPPED, why)


def clock_finding(check: str, whose: str, theirs: datetime, *, now: datetime | None = None) -> Finding:
    """Compare a clock with ours."""
    ahead = (theirs - (now or datetime.now(UTC))).total_seconds()
    if abs(ahead) <= _SKEW:
        return ok(check, f"{whose} clock and this machine's agree")
    direction = "ahead of" if ahead > 0 else "behind"
    return wrong(
        check,
        f"{whose} clock is {abs(ahead):,.0f} s {direction} this machine's",
        "set both by NTP (timedatectl set-ntp true); keys, tokens and sign-ins expire by these clocks",
    )
