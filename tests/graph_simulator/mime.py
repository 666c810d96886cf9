"""An e-mail as it came over the wire into Graph's properties.

Takes every real message, however malformed; loses what cannot be read, never fails.
"""

from __future__ import annotations

import base64
import codecs
import email
import email.policy
import html
import re
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import Message as MimeMessage
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from tests.graph_simulator.meetings import is_meeting, meeting
from tests.graph_simulator.model import iso

__all__ = ["preview", "to_graph"]

# Characters of bodyPreview (Graph: the first 255).
_PREVIEW = 255

# A header's name with blanks before the colon, as RFC 822 allowed (obs-optional, RFC 5322 section 4.5).
_BLANKS_BEFORE_COLON = re.compile(rb"(?m)^([!-9;-~]+)[ \t]+:")
_HEADER_LINE = re.compile(rb"[!-9;-~]+:|[ \t]|From ")


class _Utf8Headers(email.policy.Compat32):
    """Headers with raw bytes beyond ASCII are UTF-8 (RFC 6532), or at least somebody's Latin; the standard library gives up on them."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """Return the header as text."""
        if value.isascii():
            return str(super().header_fetch_parse(name, value))
        raw = value.encode("utf-8", "surrogateescape")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")


def to_graph(mime: bytes, received: datetime | None = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return (properties, attachments) of a message; `received` stands for a missing or unreadable Date.

    One about a meeting has the properties of an eventMessage, and its type, among the others.
    """
    parsed = email.message_from_bytes(_mended(mime), policy=_Utf8Headers())
    body, is_html, attachments, about = _parts(parsed)
    sent = _date(parsed) or received or datetime.now(UTC)
    at = received or sent
    senders = _people(parsed, "From")
    message_id = _text(parsed["Message-ID"]).strip()
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
        "bodyPreview": preview(body, is_html=is_html),
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
        **about,
    }, attachments


def preview(body: str, *, is_html: bool) -> str:
    """Return the beginning of a body, as plain text."""
    return re.sub(r"\s+", " ", _plain(body) if is_html else body).strip()[:_PREVIEW]


def _mended(mime: bytes) -> bytes:
    """Return the message with headers that the standard library reads on: it takes all after the first malformed line for the text."""
    end = re.search(rb"\r?\n\r?\n", mime)
    if end is None:
        return mime
    lines = re.split(rb"\r?\n", _BLANKS_BEFORE_COLON.sub(rb"\1:", mime[: end.start()]))
    last = max((n for n, line in enumerate(lines) if _HEADER_LINE.match(line)), default=0)
    head = [b" " + line if 0 < n < last and not _HEADER_LINE.match(line) else line for n, line in enumerate(lines)]
    return b"\r\n".join(head) + mime[end.start() :]


def _parts(parsed: MimeMessage) -> tuple[str, bool, list[dict[str, Any]], dict[str, Any]]:
    """Return (body, whether it is HTML, attachments, what is said of a meeting)."""
    texts: dict[str, str] = {}
    about: dict[str, Any] = {}
    attachments: list[dict[str, Any]] = []
    skip: set[int] = set()
    for part in parsed.walk():
        if id(part) in skip:
            continue
        kind = part.get_content_type()
        if kind.startswith("message/") and part is not parsed:
            skip |= {id(p) for p in part.walk()}
            if kind == "message/delivery-status" and not texts:
                # A report begins with words for people (RFC 6522); some label them as the part for machines.
                texts["text/plain"] = _decoded_bytes(part.as_bytes().partition(b"\n\n")[2], "utf-8")
            else:
                attachments.append(_mail_in_mail(part, kind))
            continue
        if part.is_multipart():
            continue
        disposition = str(part.get("Content-Disposition", "")).lower()
        name = _filename(part)
        if kind.startswith("multipart/"):
            # Its boundary never comes: what is there is text.
            kind = "text/plain"
        is_text = kind in {"text/plain", "text/html"} and not disposition.startswith("attachment") and not name
        if is_text:
            texts[kind] = "\n".join(text for text in (texts.get(kind), _decoded(part)) if text)
            continue
        content_id = _text(part["Content-ID"]).strip("<> ") or None
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        if is_meeting(part) and not about and (about := meeting(content)):
            continue
        is_inline = disposition.startswith("inline") and content_id is not None
        attachments.append(_attachment(name or "attachment", kind, content, "file", is_inline=is_inline, content_id=content_id))
    if "text/html" in texts:
        return texts["text/html"], True, attachments, about
    return texts.get("text/plain", ""), False, attachments, about


def _mail_in_mail(part: MimeMessage, kind: str) -> dict[str, Any]:
    """Return a forwarded mail as an item, and what a bounce tells to machines (message/delivery-status) as a file."""
    if kind != "message/rfc822":
        return _attachment(_filename(part) or "attachment", kind, part.as_bytes(), "file", is_inline=False, content_id=None)
    inner = part.get_payload()
    first = inner[0] if isinstance(inner, list) and inner else part
    name = (_text(first["Subject"]) if isinstance(first, MimeMessage) else "") or "message"
    return _attachment(name, None, part.as_bytes(), "item", is_inline=False, content_id=None)


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
    return _decoded_bytes(raw, str(part.get_content_charset() or "utf-8"))


def _decoded_bytes(raw: bytes, charset: str) -> str:
    for name in (charset, "utf-8", "latin-1"):
        if _is_pythons_own(name):
            continue
        try:
            return raw.decode(name).replace("\r\n", "\n").replace("\x00", "")
        except (LookupError, ValueError):
            continue
    return ""


def _is_pythons_own(charset: str) -> bool:
    """Tell whether a charset is an escape notation of Python's, which no mail program knows and which warns about what it reads."""
    try:
        return codecs.lookup(charset).name.replace("_", "-") in {"unicode-escape", "raw-unicode-escape"}
    except (LookupError, ValueError):
        return False


def _text(header: Any) -> str:
    """Decode a header as far as it goes."""
    if header is None:
        return ""
    try:
        words = decode_header(str(header))
        text = str(header) if any(c and _is_pythons_own(c) for _, c in words) else str(make_header(words))
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
