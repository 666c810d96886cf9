"""Graph's properties as a mail in MIME: what goes over the wire when a draft is sent, and what `$value` shows of one."""

from __future__ import annotations

import re
from datetime import datetime
from email import message_from_bytes
from email.encoders import encode_base64
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from email.message import Message as MimeMessage

__all__ = ["WIRE_POLICY", "compose", "person_line", "with_headers"]

_PEOPLE = {"From": "from", "To": "toRecipients", "Cc": "ccRecipients", "Bcc": "bccRecipients", "Reply-To": "replyTo"}
# Lines end as they do on the wire, and are folded only where they have to be (RFC 5322: 998 characters).
WIRE_POLICY = compat32.clone(linesep="\r\n", max_line_length=900)
_PRIORITY = {"high": "1", "low": "5"}


def compose(data: Mapping[str, Any], attachments: Sequence[Mapping[str, Any]], headers: Mapping[str, str]) -> bytes:
    """Return the mail; `headers` are lines that no property has."""
    body = data.get("body") or {}
    text = MIMEText(str(body.get("content") or ""), "html" if body.get("contentType") == "html" else "plain", "utf-8")
    mail: MimeMessage = text
    there = [a for a in attachments if a]
    if there:
        mail = MIMEMultipart("mixed")
        mail.attach(text)
        for attachment in there:
            mail.attach(_part(attachment))
    for name, key in _PEOPLE.items():
        value = data.get(key)
        people = [value] if isinstance(value, dict) else value or []
        if people:
            mail[name] = ", ".join(person_line(person) for person in people)
    mail["Subject"] = _words(data.get("subject"))
    if data.get("sentDateTime"):
        mail["Date"] = format_datetime(datetime.fromisoformat(data["sentDateTime"]))
    if data.get("internetMessageId"):
        mail["Message-ID"] = _line(data["internetMessageId"])
    if data.get("importance") in _PRIORITY:
        mail["X-Priority"] = _PRIORITY[data["importance"]]
    for name, line in headers.items():
        mail[name] = _line(line)
    return mail.as_bytes(policy=WIRE_POLICY)


def with_headers(mime: bytes, values: Mapping[str, str], *, without: Sequence[str] = ()) -> bytes:
    """Return a mail with some header lines in the place of its own, and without others; all else is as it came, byte by byte."""
    end = re.search(rb"\r?\n\r?\n", mime)
    head, rest = (mime, b"\r\n\r\n") if end is None else (mime[: end.start()], mime[end.start() :])
    gone = {name.lower().encode() for name in (*values, *without)}
    # A header goes on over lines that begin with a blank.
    kept = [line for line in re.split(rb"\r?\n(?![ \t])", head) if line.partition(b":")[0].strip().lower() not in gone]
    return b"\r\n".join([*(f"{name}: {_line(value)}".encode() for name, value in values.items()), *kept]) + rest


def _part(attachment: Mapping[str, Any]) -> MimeMessage:
    content = bytes(attachment["content"])
    if str(attachment["@odata.type"]).endswith("itemAttachment"):
        inner = message_from_bytes(content)
        if inner.get_content_type() == "message/rfc822":
            return inner
        part = MIMEBase("message", "rfc822")
        part.attach(inner)
    else:
        main, _, sub = str(attachment["contentType"] or "application/octet-stream").partition(";")[0].strip().partition("/")
        if not main or not sub or main in {"message", "multipart"}:
            # What has parts of its own cannot be base64.
            main, sub = "application", "octet-stream"
        part = MIMEBase(main, sub)
        part.set_payload(content)
        encode_base64(part)
    name = _line(attachment["name"])
    disposition = "inline" if attachment["isInline"] else "attachment"
    part.add_header("Content-Disposition", disposition, filename=name if name.isascii() else ("utf-8", "", name))
    if attachment.get("contentId"):
        part["Content-ID"] = f"<{_line(attachment['contentId'])}>"
    return part


def person_line(person: Mapping[str, Any]) -> str:
    """Return a person as a header names one."""
    found = person.get("emailAddress") or {}
    name, address = _line(found.get("name")), _line(found.get("address"))
    if not address.isascii():
        return f"{Header(name, 'utf-8').encode()} <{address}>"
    return formataddr((name if name != address else "", address))


def _words(text: Any) -> str:
    line = _line(text)
    return line if line.isascii() else Header(line, "utf-8", maxlinelen=WIRE_POLICY.max_line_length).encode()


def _line(text: Any) -> str:
    """Return text that is one line of a header."""
    return re.sub(r"[\r\n\x00]+", " ", str(text or "")).encode("utf-8", "replace").decode()
