"""Drafts: what an app may write into a message, as JSON or as MIME, and what becomes of it (graph-behaviour section 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.attachments import attachment_of
from tests.graph_simulator.bodies import checked
from tests.graph_simulator.compose import compose
from tests.graph_simulator.extended import tags_of
from tests.graph_simulator.mime import preview, to_graph
from tests.graph_simulator.odata import GraphFault

if TYPE_CHECKING:
    from datetime import datetime

    from tests.graph_simulator.model import Mailbox, Message

__all__ = ["Draft", "draft_of_json", "draft_of_mime", "put_draft", "update"]

_ALWAYS = {
    *("categories", "flag", "importance", "inferenceClassification", "isDeliveryReceiptRequested", "isRead", "isReadReceiptRequested"),
    "singleValueExtendedProperties",
}
_OF_DRAFTS = {
    *("subject", "body", "toRecipients", "ccRecipients", "bccRecipients", "replyTo", "from", "sender", "internetMessageId"),
    "internetMessageHeaders",
}
# Properties that are no part of what is shown as it was sent.
_APART = {"singleValueExtendedProperties", "internetMessageHeaders", "attachments"}
# Null means nothing to these.
_NEVER_NULL = {"isRead", "importance", "flag", "inferenceClassification", "body"}

# Header lines of its own that an app may give a mail (5.5).
_MAX_HEADERS = 5


@dataclass(slots=True)
class Draft:
    """A message that is in no folder yet."""

    data: dict[str, Any]
    attachments: list[dict[str, Any]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    mime: bytes = b""


def draft_of_json(given: Any, mailbox: Mailbox, now: datetime) -> Draft:
    """Make a draft of a message in JSON."""
    asked = checked(given, "message", _ALWAYS | _OF_DRAFTS | {"attachments"})
    draft = Draft(_blank(mailbox, now))
    draft.data |= _values(asked, draft.data)
    draft.attachments = [attachment_of(entry, mailbox) for entry in given.get("attachments", [])]
    draft.data["hasAttachments"] = any(not a["isInline"] for a in draft.attachments)
    draft.tags = {key: value for key, value in tags_of(asked.get("singleValueExtendedProperties", [])).items() if value is not None}
    draft.headers = _own_headers(asked.get("internetMessageHeaders", []))
    return draft


def draft_of_mime(mime: bytes, mailbox: Mailbox, now: datetime) -> Draft:
    """Make a draft of a mail in MIME; who it says it is from counts for nothing (5.5)."""
    data, attachments = to_graph(mime, now)
    blank = _blank(mailbox, now)
    for name in ("isRead", "isDraft", "receivedDateTime", "sentDateTime", "from", "sender"):
        data[name] = blank[name]
    data["internetMessageId"] = data["internetMessageId"] or blank["internetMessageId"]
    parsed = message_from_bytes(mime)
    kept = {n: str(v) for n, v in parsed.items() if n.lower() in {"in-reply-to", "references"} or n.lower().startswith("x-")}
    return Draft(data, attachments, headers={n: v for n, v in kept.items() if n.lower() != "x-priority"}, mime=mime)


def put_draft(draft: Draft, mailbox: Mailbox, folder_id: str) -> Message:
    """Put a draft into a folder."""
    mime = draft.mime or compose(draft.data, draft.attachments, draft.headers)
    message = mailbox.add(folder_id, draft.data, mime, draft.attachments)
    message.tags, message.headers = draft.tags, draft.headers
    return message


def update(mailbox: Mailbox, message: Message, given: Any) -> None:
    """Change a message as PATCH does: some properties of any, more of a draft."""
    asked = checked(given, "message", _ALWAYS | _OF_DRAFTS)
    if not message.data["isDraft"] and (fixed := sorted(set(asked) & _OF_DRAFTS)):
        raise GraphFault(400, "ErrorInvalidPropertySet", f"Set action is invalid for property '{fixed[0]}': the message is no draft.")
    tags = tags_of(asked.get("singleValueExtendedProperties", []))
    headers = _own_headers(asked["internetMessageHeaders"]) if "internetMessageHeaders" in asked else None
    values = _values(asked, message.data)
    message.tags |= {key: value for key, value in tags.items() if value is not None}
    for key in [key for key, value in tags.items() if value is None]:
        message.tags.pop(key, None)
    if headers is not None:
        message.headers = {n: v for n, v in message.headers.items() if not n.lower().startswith("x-")} | headers
    if set(asked) == {"isRead"}:
        if values:
            mailbox.set_read(message.immutable_id, is_read=values["isRead"])
    elif asked:
        mailbox.change(message.immutable_id, values)
    if set(asked) & _OF_DRAFTS:
        message.mime = compose(message.data, message.attachments, message.headers)


def _values(asked: dict[str, Any], present: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be set among the properties that are shown."""
    values = {k: v for k, v in asked.items() if k not in _APART and not (v is None and k in _NEVER_NULL)}
    if "flag" in values:
        values["flag"] = {"flagStatus": present["flag"]["flagStatus"], **values["flag"]}
    if "body" in values:
        body = {"contentType": "text", "content": "", **{k: v for k, v in values["body"].items() if v is not None}}
        values |= {"body": body, "bodyPreview": preview(body["content"], is_html=body["contentType"] == "html")}
    return values


def _own_headers(given: list[dict[str, Any]]) -> dict[str, str]:
    if len(given) > _MAX_HEADERS:
        text = f"Maximum number of headers in one message should be less than or equal to {_MAX_HEADERS}."
        raise GraphFault(400, "InvalidInternetMessageHeaderCollection", text)
    for header in given:
        if not re.fullmatch(r"[xX]-[!-9;-~]+", header.get("name") or ""):
            text = f"The internet message header name '{header.get('name')}' should start with 'x-' or 'X-'."
            raise GraphFault(400, "InvalidInternetMessageHeader", text)
    return {header["name"]: header.get("value") or "" for header in given}


def _blank(mailbox: Mailbox, now: datetime) -> dict[str, Any]:
    """Return an empty draft."""
    data, _ = to_graph(b"\r\n", now)
    return data | {
        "internetMessageId": mailbox.new_internet_id(),
        "conversationId": mailbox.new_conversation_id(),
        "isRead": True,
        "isDraft": True,
    }
