"""Pure: what a report says of mail that was not delivered (RFC 3464), for a card above its text."""

from __future__ import annotations

import email
import email.policy
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["from_status", "is_status", "reported"]

# Characters of a reason, and recipients that are told.
_TEXT = 500
_RECIPIENTS = 20
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,990}>")


def is_status(content_type: str) -> bool:
    """Tell whether a file is the part of a report that is for machines."""
    return content_type.lower().partition(";")[0].strip() in {"message/delivery-status", "message/global-delivery-status"}


def from_status(content: bytes) -> list[dict[str, Any]]:
    """Return who did not get the mail, or gets it late, and why: `address`, `action` (failed, delayed, ...), `status`, `reason`."""
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    # The blocks of fields stand between empty lines; the part's own header may come first.
    for block in content.replace(b"\r\n", b"\n").split(b"\n\n"):
        fields = email.message_from_bytes(block, policy=email.policy.compat32)
        address = _typed(fields.get("Final-Recipient") or fields.get("Original-Recipient"))
        if not address or address in seen or len(found) == _RECIPIENTS:
            continue
        seen.add(address)
        found.append(
            {
                "address": address,
                "action": _short(fields.get("Action")).lower(),
                "status": _short(fields.get("Status")),
                "reason": _typed(fields.get("Diagnostic-Code")),
            }
        )
    return found


def reported(headers: Mapping[str, str]) -> str:
    """Return the Message-ID of the mail that a report speaks of, "" where it does not say; names of `headers` are in small letters.

    Exchange writes it to In-Reply-To, others to the end of References.
    """
    for name in ("original-message-id", "in-reply-to", "references"):
        if found := _MESSAGE_ID.findall(headers.get(name, "")):
            return str(found[-1])
    return ""


def _typed(value: Any) -> str:
    """Return a value without its type: `rfc822; anna@example.com`."""
    text = _short(value)
    return text.partition(";")[2].strip() if ";" in text else text


def _short(value: Any) -> str:
    return " ".join(str(value or "").split())[:_TEXT]
