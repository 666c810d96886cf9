"""Messages: lists by time, one by id, bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from connector.errors import GraphError, GraphNotFound
from connector.graph.types import AttachmentPage, GraphMessage, MessagePage, MessageWithBody

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient
    from connector.graph.gate import Priority

__all__ = ["SELECT", "AttachmentInfo", "MessageBody", "get_body", "get_message", "locate", "newest", "older_than"]

# What the index holds. isRead must be selected, or delta never reports a change of it (corso#1866).
SELECT = (
    "id,parentFolderId,internetMessageId,conversationId,subject,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,"
    "bodyPreview,receivedDateTime,sentDateTime,isRead,flag,importance,hasAttachments,isDraft,categories"
)

# Attachments a message at most; listing ends there (their paging is broken at Graph: corso, Q&A 1227026).
_ATTACHMENTS = "200"

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


async def newest(mailbox: MailboxClient, folder_id: str, count: int, priority: Priority) -> list[GraphMessage]:
    """Return the newest `count` messages of a folder, newest first."""
    return await _list(mailbox, folder_id, count, priority, None)


async def older_than(mailbox: MailboxClient, folder_id: str, before: str, count: int, priority: Priority) -> list[GraphMessage]:
    """Return at most `count` messages received at `before` or earlier, newest first.

    `before` itself is included: several messages may carry the same second, and none of them may fall between two windows.
    """
    return await _list(mailbox, folder_id, count, priority, f"receivedDateTime le {before}")


async def get_message(mailbox: MailboxClient, message_id: str, priority: Priority) -> GraphMessage:
    """Return one message whole. Raises `GraphNotFound`."""
    path = f"/me/messages/{quote(message_id, safe='')}"
    return await mailbox.get(path, into=GraphMessage, priority=priority, params={"$select": SELECT})


async def locate(mailbox: MailboxClient, message_id: str, priority: Priority) -> str | None:
    """Return the folder that a message is in now, None when it does not exist. Any other answer raises: it proves nothing."""
    path = f"/me/messages/{quote(message_id, safe='')}"
    try:
        found = await mailbox.get(path, into=GraphMessage, priority=priority, params={"$select": "id,parentFolderId"})
    except GraphNotFound:
        return None
    if not found.parent_folder_id:
        raise GraphError("Graph named no folder of a message", status=200)
    return found.parent_folder_id


async def get_body(mailbox: MailboxClient, message_id: str, priority: Priority) -> MessageBody:
    """Return the body of a message and what is attached. Raises `GraphNotFound`."""
    path = f"/me/messages/{quote(message_id, safe='')}"
    message = await mailbox.get(path, into=MessageWithBody, priority=priority, params={"$select": "id,body"})
    # Always asked for: hasAttachments is false where all are inline.
    page = await mailbox.get(
        f"{path}/attachments",
        into=AttachmentPage,
        priority=priority,
        params={"$select": "id,name,contentType,size,isInline", "$top": _ATTACHMENTS},
    )
    attachments = [
        AttachmentInfo(
            id=a.id,
            name=a.name or "",
            content_type=a.content_type or "",
            size=a.size or 0,
            is_inline=bool(a.is_inline),
            kind=_KINDS.get((a.odata_type or "").lower(), "file"),
        )
        for a in page.value
    ]
    body = message.body
    return MessageBody(
        html_or_text=body.content or "" if body else "",
        is_html=body is not None and body.content_type == "html",
        attachments=attachments,
    )


async def _list(mailbox: MailboxClient, folder_id: str, count: int, priority: Priority, condition: str | None) -> list[GraphMessage]:
    """List messages newest first until `count`; the window may shift while it is read, so an id counts once."""
    params = {"$select": SELECT, "$orderby": "receivedDateTime desc", "$top": str(min(count, 1000))}
    if condition is not None:
        params["$filter"] = condition
    path = f"/me/mailFolders/{quote(folder_id, safe='')}/messages"
    page = await mailbox.get(path, into=MessagePage, priority=priority, params=params)
    found = {m.id: m for m in page.value}
    walked: set[str] = set()
    while len(found) < count and page.next_link is not None:
        if page.next_link in walked:
            # Short of `count` means "no older ones" to the caller, so the circle must not pass for an end.
            raise GraphError("Graph's message list leads in a circle")
        walked.add(page.next_link)
        page = await mailbox.get(page.next_link, into=MessagePage, priority=priority)
        found |= {m.id: m for m in page.value}
    return list(found.values())[:count]
