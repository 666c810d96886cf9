"""A mail in a mail, as a mail that is read: cleaned like any other, what is attached to it by name."""

from __future__ import annotations

import email
import email.errors
import email.header
import email.message
import email.policy
from typing import TYPE_CHECKING, Any

from connector.content.bounded import clean_bounded
from connector.content.names import safe_name
from connector.content.text import text_to_html
from connector.http import in_thread
from connector.sync.merge import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.graph.types import AttachedItem, Recipient

__all__ = ["NAMED_MOST", "is_message", "nested_message", "nested_names"]

# Bytes of a mail in a mail whose attachments are looked for: it is read as a whole.
NAMED_MOST = 25 * 2**20

# Characters of a subject and of a name, and people of a line.
_TEXT_KEPT = 1000
_PEOPLE_KEPT = 50
# Characters of plain text that are shown.
_BODY_KEPT = 2_000_000
# Names that are listed.
_FILES_KEPT = 200


def is_message(item: AttachedItem | None) -> bool:
    """Tell whether an item is a mail: events and contacts can be attached too."""
    kind = (item.odata_type or "").lower() if item is not None else ""
    return kind in {"#microsoft.graph.message", "#microsoft.graph.eventmessage"}


async def nested_message(item: AttachedItem, files: list[dict[str, Any]]) -> dict[str, Any]:
    """Return headers and cleaned body (docs/protocol.md, 2.8)."""
    body = item.body
    source = (body.content or "") if body else ""
    is_html = body is not None and body.content_type == "html"
    cleaned, is_simplified = await clean_bounded(source if is_html else await in_thread(text_to_html, source[:_BODY_KEPT]))
    sender = _people([item.from_] if item.from_ else [])
    return {
        "subject": clean(item.subject or "", _TEXT_KEPT),
        "from_name": sender[0]["name"] if sender else "",
        "from_email": sender[0]["address"] if sender else "",
        "to_recipients": _people(item.to_recipients or []),
        "cc_recipients": _people(item.cc_recipients or []),
        "received_at": item.received or item.sent,
        "body": {
            "html": cleaned.html,
            "has_remote": cleaned.has_remote,
            "dark": cleaned.dark,
            "is_text": not is_html,
            "is_simplified": is_simplified,
            "attachments": files,
        },
    }


def nested_names(mime: bytes) -> list[dict[str, Any]]:
    """Return what is attached to a mail, by name and size: contents of it are got with the mail as a whole. CPU-bound."""
    found: list[dict[str, Any]] = []
    parts: list[email.message.Message] = [email.message_from_bytes(mime, policy=email.policy.compat32)]
    if parts[0].get_content_type() == "message/rfc822":
        # The part that the mail came in, with the mail inside.
        parts = _inner(parts[0])
    while parts and len(found) < _FILES_KEPT:
        part = parts.pop(0)
        kind = part.get_content_type()
        if kind == "message/rfc822":
            subject = next((p.get("Subject") for p in _inner(part)), None)
            found.append(_file(part.get_filename() or str(subject or ""), kind, 0, "item"))
        elif part.is_multipart():
            parts[:0] = _inner(part)
        elif (name := part.get_filename()) or part.get_content_disposition() == "attachment":
            content = part.get_payload(decode=True)
            found.append(
                _file(name or "", kind, len(content) if isinstance(content, bytes) else 0, "file", part.get("Content-ID") is not None)
            )
    return found


def _inner(part: email.message.Message) -> list[email.message.Message]:
    payload = part.get_payload()
    return [p for p in payload if isinstance(p, email.message.Message)] if isinstance(payload, list) else []


def _file(name: str, kind: str, size: int, what: str, is_inline: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - a row of values
    decoded = _decoded(name)
    # No id: Graph has none for what is inside an item.
    return {"remote_id": "", "name": safe_name(decoded), "content_type": kind, "size": size, "is_inline": is_inline, "kind": what}


def _decoded(name: str) -> str:
    """Return a name whose words may be encoded (RFC 2047), as programs write them where they should not."""
    try:
        return str(email.header.make_header(email.header.decode_header(name)))
    except (ValueError, LookupError, email.errors.HeaderParseError):
        return name


def _people(recipients: Sequence[Recipient]) -> list[dict[str, str]]:
    addresses = [r.email_address for r in recipients[:_PEOPLE_KEPT] if r.email_address is not None]
    return [{"name": clean(a.name or "", _TEXT_KEPT), "address": clean(a.address or "", _TEXT_KEPT)} for a in addresses]
