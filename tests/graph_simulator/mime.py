"""An e-mail as it came over the wire into Graph's properties.

Takes every real message, however malformed; loses what cannot be read, never fails.
"""

from __future__ import annotations

import base64
import email
import email.policy
import html
import re
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import Message as MimeMessage
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from tests.graph_simulator.model import iso

__all__ = ["to_graph"]

# Characters of bodyPreview (Graph: the first 255).
_PREVIEW = 255


def to_graph(mime: bytes, received: datetime | None = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return (properties, attachments) of a message; `received` stands for a missing or unreadable Date."""
    parsed = email.message_from_bytes(mime, policy=email.policy.compat32)
    body, is_html, attachments = _parts(parsed)
    sent = _date(parsed) or received or datetime.now(UTC)
    at = received or sent
    senders = _people(parsed, "From")
    message_id = _text(parsed["Message-ID"]).strip()
    text = _plain(body) if is_html else body
    return {
        "createdDateTime": iso(at),
        "lastModifiedDateTime": iso(at),
        "changeKey": "CQAAABYAAAA",
        "categories": [],
        "receivedDateTime": iso(at),
        "sentDateTime": iso(sent),
        "hasAttachments": any(not a["isInline"] for a in attachments),
        "internetMessageId": message_id or None,
        "subject": _text(parsed["Subject"]),
        "bodyPreview": re.sub(r"\s+", " ", text).strip()[:_PREVIEW],
        "importance": "high" if _text(parsed["X-Priority"]).startswith(("1", "2")) else "normal",
        "parentFolderId": None,
        "conversationId": _conversation(parsed, message_id),
        "isDeliveryReceiptRequested": None,
        "isReadReceiptRequested": False,
        "isRead": False,
        "isDraft": False,
        "webLink": "https://outlook.office365.com/owa/",
        "inferenceClassification": "focused",
        "body": {"contentType": "html" if is_html else "text", "content": body},
        "sender": senders[0] if senders else None,
        "from": senders[0] if senders else None,
        "toRecipients": _people(parsed, "To"),
        "ccRecipients": _people(parsed, "Cc"),
        "bccRecipients": _people(parsed, "Bcc"),
        "replyTo": _people(parsed, "Reply-To"),
        "flag": {"flagStatus": "notFlagged"},
    }, attachments


def _parts(parsed: MimeMessage) -> tuple[str, bool, list[dict[str, Any]]]:
    texts: dict[str, str] = {}
    attachments: list[dict[str, Any]] = []
    skip: set[int] = set()
    for part in parsed.walk():
        if id(part) in skip:
            continue
        kind = part.get_content_type()
        if kind == "message/rfc822" and part is not parsed:
            inner = part.get_payload()
            skip |= {id(p) for p in part.walk()}
            first = inner[0] if isinstance(inner, list) and inner else part
            name = (_text(first["Subject"]) if isinstance(first, MimeMessage) else "") or "message"
            attachments.append(_attachment(name, None, part.as_bytes(), "item", is_inline=False, content_id=None))
            continue
        if part.is_multipart():
            continue
        disposition = str(part.get("Content-Disposition", "")).lower()
        name = _filename(part)
        is_text = kind in {"text/plain", "text/html"} and not disposition.startswith("attachment") and not name
        if is_text:
            texts.setdefault(kind, _decoded(part))
            continue
        content_id = _text(part["Content-ID"]).strip("<> ") or None
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        is_inline = disposition.startswith("inline") and content_id is not None
        attachments.append(_attachment(name or "attachment", kind, content, "file", is_inline=is_inline, content_id=content_id))
    if "text/html" in texts:
        return texts["text/html"], True, attachments
    return texts.get("text/plain", ""), False, attachments


def _attachment(name: str, kind: str | None, content: bytes, of: str, *, is_inline: bool, content_id: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "@odata.type": f"#microsoft.graph.{of}Attachment",
        "name": name,
        "contentType": kind,
        "size": len(content),
        "isInline": is_inline,
        "lastModifiedDateTime": None,
        "content": content,
    }
    if of == "file":
        entry |= {"contentId": content_id, "contentLocation": None, "contentBytes": base64.b64encode(content).decode()}
    return entry


def _decoded(part: MimeMessage) -> str:
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, AssertionError):
        payload = None
    raw = payload if isinstance(payload, bytes) else str(part.get_payload()).encode("utf-8", "replace")
    for charset in (str(part.get_content_charset() or "utf-8"), "utf-8", "latin-1"):
        try:
            return raw.decode(charset).replace("\r\n", "\n").replace("\x00", "")
        except (LookupError, UnicodeDecodeError):
            continue
    return ""


def _text(header: Any) -> str:
    """Decode a header as far as it goes."""
    if header is None:
        return ""
    try:
        text = str(make_header(decode_header(str(header))))
    except (LookupError, UnicodeError, ValueError, email.errors.HeaderParseError):
        text = str(header)
    return re.sub(r"\s*[\r\n]+\s*", " ", text.encode("utf-8", "replace").decode()).strip()


def _filename(part: MimeMessage) -> str:
    try:
        return _text(part.get_filename())
    except (LookupError, UnicodeError, ValueError, TypeError):
        return "attachment"


def _people(parsed: MimeMessage, name: str) -> list[dict[str, Any]]:
    found = []
    for display, address in getaddresses([str(v) for v in parsed.get_all(name, [])]):
        if address:
            found.append({"emailAddress": {"name": _text(display) or address, "address": _text(address)}})
    return found


def _date(parsed: MimeMessage) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(parsed["Date"]))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _plain(body: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"(?is)<(style|script).*?</\1>", " ", body)))


def _conversation(parsed: MimeMessage, message_id: str) -> str:
    """Name the thread by its first message, as Exchange groups replies."""
    root = (_text(parsed["References"]).split() or _text(parsed["In-Reply-To"]).split() or [message_id or _text(parsed["Subject"])])[0]
    return "AAQkAG" + base64.urlsafe_b64encode(root.encode()[:45]).decode()
