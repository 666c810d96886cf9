"""Pure: what Graph's answers say: JSON that may be damaged, errors in their envelope, Retry-After in all its forms, claims challenges."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from connector.errors import GraphUnreachable, GraphUnreadable

__all__ = ["claims_of", "parse_retry_after", "read_error", "read_json", "repair_json"]

_T = TypeVar("_T")

# Seconds: no server means more than an hour; clamped so that a wrong date cannot stop a mailbox for years.
_RETRY_AFTER_LIMIT = 3600.0
# Levels of innerError that are looked into for a more specific code (contrib:concepts/errors.md: "may be nested").
_DEPTH = 4

# Raw control characters in strings are illegal JSON and do come (corso sanitises them too). Tab, CR and LF become the space that they stand
# for, inside a string as between two values; all others go.
_TO_SPACE = bytes.maketrans(b"\t\n\r", b"   ")
_CONTROL = bytes(c for c in range(0x20) if c not in b"\t\n\r")
# Half a surrogate pair, as a preview cut after 255 UTF-16 units may end in; escaped backslashes and whole pairs are stepped over (group 1).
_HALF_PAIR = re.compile(rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_CLAIMS = re.compile(r'claims="?([A-Za-z0-9+/=_-]+)"?')


def read_json(content: bytes, into: type[_T]) -> _T:
    """Return `content` as `into`. Raises `GraphUnreadable` (a shape that we do not know) and `GraphUnreachable` (cut or garbled)."""
    try:
        return msgspec.json.decode(content, type=into)
    except msgspec.ValidationError as error:
        raise GraphUnreadable(f"Graph answered in a shape that we do not know ({error})", code="shape") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return msgspec.json.decode(repair_json(content), type=into)
    except msgspec.ValidationError as error:
        raise GraphUnreadable(f"Graph answered in a shape that we do not know ({error})", code="shape") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GraphUnreachable("Graph's answer is cut or garbled", status=200) from error


def repair_json(data: bytes) -> bytes:
    """Drop raw control characters, and put U+FFFD for half surrogate pairs and bytes that are no UTF-8. Valid JSON says what it said.

    Without this one odd subject or preview would keep its whole page, and so its folder, from ever being read.
    """
    text = data.translate(_TO_SPACE, _CONTROL).decode(errors="replace").encode()
    return _HALF_PAIR.sub(lambda found: found[1] or rb"\ufffd", text)


def read_error(content: bytes) -> tuple[tuple[str, ...], str]:
    """Return the codes of an error envelope, the most specific (innermost) first, and its message; empty ones where there are none."""
    try:
        envelope = msgspec.json.decode(repair_json(content))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return (), ""
    level = envelope.get("error") if isinstance(envelope, dict) else None
    codes: list[str] = []
    message = ""
    for _ in range(_DEPTH):
        if not isinstance(level, dict):
            break
        code, said = level.get("code"), level.get("message")
        codes.append(code if isinstance(code, str) else "")
        message = message or (said if isinstance(said, str) else "")
        level = level.get("innerError", level.get("innererror"))
    return tuple(reversed(codes)), message


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return seconds from a Retry-After: a whole number, a float, or an HTTP date; None if absent or senseless. Never negative."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    if seconds != seconds:  # noqa: PLR0124 - NaN is the one number unlike itself
        return None
    return min(max(0.0, seconds), _RETRY_AFTER_LIMIT)


def claims_of(header: str) -> str | None:
    """Return the decoded JSON of a claims challenge in `WWW-Authenticate`, as MSAL wants it; None if there is none."""
    match = _CLAIMS.search(header)
    if match is None:
        return None
    try:
        text = base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)).decode()
        msgspec.json.decode(text)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return text
