"""Messages: lists by time, one by id, bodies."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import trio

from connector.errors import ConnectorError, GraphError
from connector.graph.batch import Ask, ask_all
from connector.graph.pages import read_page
from connector.graph.types import Attachment, AttachmentPage, AttachmentWithContent, EventMessage, MessageWithBody

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.graph.client import MailboxClient
    from connector.graph.gate import Priority
    from connector.graph.pages import Page

__all__ = [
    "ATTACHMENTS_LISTED",
    "LIST_LIMIT",
    "SELECT",
    "AttachmentInfo",
    "MessageBody",
    "get_body",
    "get_content",
    "get_content_id",
    "get_event",
    "info_of",
    "newest",
    "older_than",
    "states_ask",
    "whole_ask",
]

_A = TypeVar("_A")
_B = TypeVar("_B")

# What the index holds. isRead must be selected, or delta never reports a change of it (corso#1866).
SELECT = (
    "id,parentFolderId,internetMessageId,conversationId,subject,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,"
    "bodyPreview,receivedDateTime,sentDateTime,isRead,flag,importance,hasAttachments,isDraft,categories"
)

# What reconciling compares.
_STATES = "id,receivedDateTime,isRead,flag,importance,categories,parentFolderId"

# Messages a page of a plain list at most (user-list-messages: $top 1 to 1,000).
LIST_LIMIT = 1000

# Attachments a message at most; listing ends there (their paging is broken at Graph: corso, Q&A 1227026).
ATTACHMENTS_LISTED = "200"

_BODY_SELECT = "id,body,internetMessageHeaders,isDraft,changeKey,subject,importance,toRecipients,ccRecipients,bccRecipients"

_KINDS = {
    "#microsoft.graph.fileattachment": "file",
    "#microsoft.graph.itemattachment": "item",
    "#microsoft.graph.referenceattachment": "reference",
}


@dataclass(frozen=True, slots=True)
class AttachmentInfo:
    """An attachment without its content; `kind` is file, item (a mail in a mail) or reference (a link)."""

    id: str
    name: str
    content_type: str
    size: int
    is_inline: bool
    kind: str
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class MessageBody:
    """The body as Graph has it, hostile until cleaned."""

    html_or_text: str
    is_html: bool
    attachments: list[AttachmentInfo]
    # Of the mail as it came over the internet, names in small letters.
    headers: dict[str, str] = field(default_factory=dict)
    # An invitation, its cancellation, or an answer to one.
    is_event: bool = False
    # What a draft says beside its text, of the same moment: whoever goes on with it must not work from an older one.
    draft: MessageWithBody | None = None


async def newest(mailbox: MailboxClient, folder_id: str, count: int, priority: Priority) -> list[Page]:
    """Return pages with the newest `count` messages of a folder, newest first."""
    return await _list(mailbox, folder_id, count, priority, None)


async def older_than(mailbox: MailboxClient, folder_id: str, before: str, count: int, priority: Priority) -> list[Page]:
    """Return pages with at most `count` messages received at `before` or earlier, newest first.

    `before` itself is included: several messages may carry the same second, and none of them may fall between two windows.
    """
    return await _list(mailbox, folder_id, count, priority, f"receivedDateTime le {before}")


def whole_ask(message_id: str) -> Ask:
    """Return the request for one message, whole."""
    return Ask(f"/me/messages/{quote(message_id, safe='')}", (("$select", SELECT),))


def states_ask(folder_id: str, since: str | None, until: str | None) -> Ask:
    """Return the request for a first page of ids and states of a folder, newest first, from `since` to `until` (both included)."""
    bounds = [f"receivedDateTime {operator} {bound}" for operator, bound in (("ge", since), ("le", until)) if bound is not None]
    params = [("$select", _STATES), ("$orderby", "receivedDateTime desc"), ("$top", str(LIST_LIMIT))]
    if bounds:
        params.append(("$filter", " and ".join(bounds)))
    return Ask(f"/me/mailFolders/{quote(folder_id, safe='')}/messages", tuple(params))


async def get_body(mailbox: MailboxClient, message_id: str, priority: Priority) -> MessageBody:
    """Return the body of a message and what is attached, both asked for at once. Raises `GraphNotFound`."""
    path = f"/me/messages/{quote(message_id, safe='')}"
    # Attachments are always asked for: hasAttachments is false where all are inline.
    message, page = await _both(
        partial(mailbox.get, path, into=MessageWithBody, priority=priority, params={"$select": _BODY_SELECT}),
        partial(
            mailbox.get,
            f"{path}/attachments",
            into=AttachmentPage,
            priority=priority,
            params={"$select": "id,name,contentType,size,isInline", "$top": ATTACHMENTS_LISTED},
        ),
    )
    attachments = [info_of(a) for a in page.value]
    body = message.body
    return MessageBody(
        html_or_text=body.content or "" if body else "",
        is_html=body is not None and body.content_type == "html",
        attachments=attachments,
        headers={(h.name or "").lower(): h.value or "" for h in reversed(message.internet_message_headers or [])},
        is_event="eventmessage" in (message.odata_type or "").lower(),
        draft=message if message.is_draft else None,
    )


def info_of(attachment: Attachment) -> AttachmentInfo:
    """Return an attachment as Graph lists it."""
    return AttachmentInfo(
        id=attachment.id,
        name=attachment.name or "",
        content_type=attachment.content_type or "",
        size=attachment.size or 0,
        is_inline=bool(attachment.is_inline),
        kind=_KINDS.get((attachment.odata_type or "").lower(), "file"),
        content_id=(attachment.content_id or "").strip("<> "),
    )


async def get_event(mailbox: MailboxClient, message_id: str, priority: Priority) -> EventMessage:
    """Return what a message says of a meeting. Not by $select: what derived types have cannot be selected on `message`."""
    return await mailbox.get(f"/me/messages/{quote(message_id, safe='')}", into=EventMessage, priority=priority)


async def get_content(mailbox: MailboxClient, message_id: str, attachment_id: str, priority: Priority) -> bytes:
    """Return the content of a small file: as JSON, where a cut answer shows."""
    path = f"/me/messages/{quote(message_id, safe='')}/attachments/{quote(attachment_id, safe='')}"
    return (await mailbox.get(path, into=AttachmentWithContent, priority=priority)).content_bytes or b""


async def get_content_id(mailbox: MailboxClient, message_id: str, attachment_id: str, priority: Priority) -> str:
    """Return by what name the text of a mail shows an inline file: a listing does not tell it (graph-behaviour 4.3)."""
    path = f"/me/messages/{quote(message_id, safe='')}/attachments/{quote(attachment_id, safe='')}"
    found = await mailbox.get(path, into=Attachment, priority=priority)
    return (found.content_id or "").strip("<> ")


async def _both(first: Callable[[], Awaitable[_A]], second: Callable[[], Awaitable[_B]]) -> tuple[_A, _B]:
    """Await two requests at once; what the first raises goes before what the second raises."""
    late: list[_B] = []
    trouble: list[ConnectorError] = []

    async def run() -> None:
        try:
            late.append(await second())
        except ConnectorError as error:
            trouble.append(error)

    early: list[_A] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        try:
            early.append(await first())
        except ConnectorError as error:
            trouble.insert(0, error)
            nursery.cancel_scope.cancel()
    if trouble:
        raise trouble[0]
    return early[0], late[0]


async def _list(mailbox: MailboxClient, folder_id: str, count: int, priority: Priority, condition: str | None) -> list[Page]:
    """List messages newest first until `count` of them came; the window may shift while it is read, so one may come twice."""
    params = [("$select", SELECT), ("$orderby", "receivedDateTime desc"), ("$top", str(min(count, LIST_LIMIT)))]
    if condition is not None:
        params.append(("$filter", condition))
    ask: Ask | None = Ask(f"/me/mailFolders/{quote(folder_id, safe='')}/messages", tuple(params))
    pages: list[Page] = []
    listed: set[str] = set()
    walked: set[str] = set()
    while ask is not None and len(listed) < count:
        ((_, reply),) = await ask_all(mailbox, [ask], priority)
        page = read_page(reply)
        pages.append(page)
        listed |= {m.id for m in page.changed} | set(page.unreadable)
        if page.next_link in walked:
            # Short of `count` means "no older ones" to the caller, so the circle must not pass for an end.
            raise GraphError("Graph's message list leads in a circle")
        ask = None
        if page.next_link is not None:
            walked.add(page.next_link)
            ask = Ask(page.next_link)
    return pages
