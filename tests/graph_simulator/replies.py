"""Replies and forwards: drafts that are made of a message (graph-behaviour section 5 and 5.5)."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.bodies import action
from tests.graph_simulator.drafts import Draft, draft_of_json
from tests.graph_simulator.mime import preview
from tests.graph_simulator.odata import GraphFault

if TYPE_CHECKING:
    from datetime import datetime

    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Mailbox, Message

__all__ = ["answering"]


def answering(call: Call, mailbox: Mailbox, original: Message, kind: str, now: datetime) -> Draft:
    """Make the draft of a `reply`, `replyall` or `forward`."""
    names = ("message", "comment", "toRecipients") if kind == "forward" else ("message", "comment")
    asked = action(call, *names)
    given = asked.get("message") or {}
    comment = asked.get("comment")
    if not isinstance(comment, str | None):
        raise GraphFault(400, "BadRequest", "The comment in the request payload is no string.")
    if comment is not None and "body" in given:
        raise GraphFault(400, "ErrorInvalidRequest", "Specify either the comment or the body of the message, not both.")
    if asked.get("toRecipients") is not None:
        if "toRecipients" in given:
            raise GraphFault(400, "ErrorInvalidRequest", "Specify either toRecipients or those of the message, not both.")
        given = {**given, "toRecipients": asked["toRecipients"]}
    draft = draft_of_json(given, mailbox, now)
    data, of = draft.data, original.data
    if "subject" not in given:
        data["subject"] = f"{'FW' if kind == 'forward' else 'RE'}: {_bare(of['subject'] or '')}"
    if "body" not in given:
        data["body"] = {"contentType": "html", "content": _quoted(comment or "", of)}
        data["bodyPreview"] = preview(data["body"]["content"], is_html=True)
    if kind != "forward":
        _address(data, of, mailbox, given, to_all=kind == "replyall")
    data["conversationId"] = of["conversationId"] or data["conversationId"]
    draft.attachments += [dict(a) for a in original.attachments if a and (kind == "forward" or a["isInline"])]
    data["hasAttachments"] = any(not a["isInline"] for a in draft.attachments)
    if of["internetMessageId"]:
        before = original.headers.get("References", "")
        draft.headers |= {"In-Reply-To": of["internetMessageId"], "References": f"{before} {of['internetMessageId']}".strip()}
    return draft


def _address(data: dict[str, Any], of: dict[str, Any], mailbox: Mailbox, given: dict[str, Any], *, to_all: bool) -> None:
    senders = of["replyTo"] or ([of["from"]] if of["from"] else [])
    # A reply to a mail of one's own goes where that went.
    to = of["toRecipients"] if senders and all(_is(p, mailbox) for p in senders) else senders
    if "toRecipients" not in given:
        others = [p for p in of["toRecipients"] if not _is(p, mailbox) and p not in to] if to_all else []
        data["toRecipients"] = [*to, *others]
    if to_all and "ccRecipients" not in given:
        data["ccRecipients"] = [p for p in of["ccRecipients"] if not _is(p, mailbox)]


def _is(person: dict[str, Any], mailbox: Mailbox) -> bool:
    return str((person.get("emailAddress") or {}).get("address") or "").lower() == mailbox.address.lower()


def _bare(subject: str) -> str:
    for prefix in ("RE: ", "FW: "):
        subject = subject[len(prefix) :] if subject.upper().startswith(prefix) else subject
    return subject


def _quoted(comment: str, of: dict[str, Any]) -> str:
    sender = ((of["from"] or {}).get("emailAddress") or {}).get("address") or ""
    content = of["body"]["content"]
    quoted = content if of["body"]["contentType"] == "html" else f"<pre>{html.escape(content)}</pre>"
    head = f"<b>From:</b> {html.escape(sender)}<br><b>Sent:</b> {of['sentDateTime']}<br><b>Subject:</b> {html.escape(of['subject'] or '')}"
    return f'<html><body>{html.escape(comment)}<hr><div id="divRplyFwdMsg">{head}</div>{quoted}</body></html>'
