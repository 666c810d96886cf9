"""Messages: lists by time, one by id, bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from connector.errors import GraphError
from connector.graph.batch import Ask, ask_all
from connector.graph.pages import read_page
from connector.graph.types import AttachmentPage, MessageWithBody

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient
    from connector.graph.gate import Priority
    from connector.graph.pages import Page
    from connector.graph.types import Attachment

__all__ = [
    "ATTACHMENTS_LISTED",
    "LIST_LIMIT",
    "SELECT",
    "AttachmentInfo",
    "MessageBody",
    "get_body",
    "info_of",
    "newest",
    "older_than",
    "states_ask",
    "whole_ask",
]

# What the index holds. isRead must be selected, or delta never reports a change of it (corso#1866).
SELECT = (
    "id,parentFolderId,internetMessageId,conversationId,subject,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,"
    "bodyPreview,receivedDateTime,sentDateTime,isRead,flag,importance,hasAttachments,isDraft,categories"
)

# What reconciling compares.
_STATES = "id,receivedDateTime,isRead,flag,parentFolderId"

# Messages a page of a plain list at most (user-list-messages: $top 1 to 1,000).
LIST_LIMIT = 1000

# Attachments a message at most; listing ends there (their paging is broken at Graph: corso, Q&A 1227026).
ATTACHMENTS_LISTED = "200"

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


@dataclass(frozen=True, slots=True)
class MessageBody:
    """The body as Graph has it, hostile until cleaned."""

    html_or_text: str
    is_html: bool
    attachments: list[AttachmentInfo]


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
    """Return the body of a message and what is attached. Raises `GraphNotFound`."""
    path = f"/me/messages/{quote(message_id, safe='')}"
    message = await mailbox.get(path, into=MessageWithBody, priority=priority, params={"$select": "id,body"})
    # Always asked for: hasAttachments is false where all are inline.
    page = await mailbox.get(
        f"{path}/attachments",
        into=AttachmentPage,
        priority=priority,
        params={"$select": "id,name,contentType,size,isInline", "$top": ATTACHMENTS_LISTED},
    )
    attachments = [info_of(a) for a in page.value]
    body = message.body
    return MessageBody(
        html_or_text=body.content or "" if body else "",
        is_html=body is not None and body.content_type == "html",
        attachments=attachments,
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
    )


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
