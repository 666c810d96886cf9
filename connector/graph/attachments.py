"""Attachments: one without its content, the content as a stream that goes on where it broke off, the mail in a mail, the link.

`$value` of a file is its bytes, of an item its MIME (a message), vCard or iCal; of a reference there is none (graph-behaviour 4.3).
Graph documents no Range for it. Where a Range is honoured, a broken download goes on; where it is not, the beginning comes again and is
passed over.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

import trio

from connector.errors import GraphError, GraphThrottled, GraphUnreachable
from connector.graph.client import ATTEMPTS, PATIENCE, pause_before
from connector.graph.gate import Priority
from connector.graph.messages import ATTACHMENTS_LISTED, AttachmentInfo, info_of
from connector.graph.types import Attachment, AttachmentPage, AttachmentWithItem, Linked

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient
    from connector.graph.types import AttachedItem
    from connector.http import Response

__all__ = ["Sink", "download", "get_attachment", "get_item", "get_link", "list_attachments"]

_SELECT = "id,name,contentType,size,isInline"
_EXPAND = "microsoft.graph.itemattachment/item"

# A download is asked for again if so many seconds bring fewer bytes than that: a body that trickles must not hold a lane for ever.
_STRETCH_SECONDS = 60.0
_STRETCH_BYTES = 2**20

# A file that is shorter than its size by more than this was cut on its way: Exchange counts some overhead in.
_OVERHEAD_BYTES = 1024
_OVERHEAD_SHARE = 0.01

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Sink(Protocol):
    """Where a content goes."""

    @property
    def size(self) -> int:
        """Bytes that it has."""

    def expect(self, total: int) -> None:
        """Hear how many bytes it will be."""

    async def write(self, data: bytes) -> None:
        """Add to the end."""


def _path(message_id: str, attachment_id: str = "") -> str:
    path = f"/me/messages/{quote(message_id, safe='')}/attachments"
    return f"{path}/{quote(attachment_id, safe='')}" if attachment_id else path


async def list_attachments(mailbox: MailboxClient, message_id: str) -> list[AttachmentInfo]:
    """Return what is attached to a message, inline ones too. Raises `GraphNotFound`."""
    params = {"$select": _SELECT, "$top": ATTACHMENTS_LISTED}
    page = await mailbox.get(_path(message_id), into=AttachmentPage, priority=Priority.PERSON, params=params)
    return [info_of(a) for a in page.value]


async def get_attachment(mailbox: MailboxClient, message_id: str, attachment_id: str) -> AttachmentInfo:
    """Return an attachment without its content. Raises `GraphNotFound`."""
    path = _path(message_id, attachment_id)
    return info_of(await mailbox.get(path, into=Attachment, priority=Priority.PERSON, params={"$select": _SELECT}))


async def get_item(mailbox: MailboxClient, message_id: str, attachment_id: str) -> AttachedItem | None:
    """Return what an item attachment holds; None of one that holds nothing. Raises `GraphNotFound`."""
    path = _path(message_id, attachment_id)
    found = await mailbox.get(path, into=AttachmentWithItem, priority=Priority.PERSON, params={"$expand": _EXPAND})
    return found.item


async def get_link(mailbox: MailboxClient, message_id: str, attachment_id: str) -> tuple[str, bool]:
    """Return where a reference leads, and whether that is the file itself: else it is the message in Outlook on the web.

    v1.0 has no property for it; where Graph says it all the same, it is taken.
    """
    found = await mailbox.get(_path(message_id, attachment_id), into=AttachmentWithItem, priority=Priority.PERSON)
    if found.source_url and _is_web(found.source_url):
        return found.source_url, True
    path = f"/me/messages/{quote(message_id, safe='')}"
    message = await mailbox.get(path, into=Linked, priority=Priority.PERSON, params={"$select": "id,webLink"})
    return (message.web_link if message.web_link and _is_web(message.web_link) else ""), False


async def download(mailbox: MailboxClient, message_id: str, attachment: AttachmentInfo, sink: Sink) -> None:
    """Bring the content of a file or an item into `sink`, from where that ends now; asked for again while attempts bring something on.

    Raises the `GraphError` family and `AuthError`, and what `sink` raises.
    """
    path = f"{_path(message_id, attachment.id)}/$value"
    idle = 0
    while True:
        before = sink.size
        try:
            await _part(mailbox, path, sink)
            if sink.size == before or not _is_short(attachment, sink.size):
                return
            # Asked for once more: if nothing is added then, Graph's figure was the wrong one.
            continue
        except (GraphUnreachable, GraphThrottled) as error:
            idle = 0 if sink.size > before else idle + 1
            if idle >= ATTEMPTS or (error.retry_after or 0.0) > PATIENCE:
                raise
            await trio.sleep(pause_before(idle + 2, error))


async def _part(mailbox: MailboxClient, path: str, sink: Sink) -> None:
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if sink.size:
        headers["Range"] = f"bytes={sink.size}-"
    async with mailbox.download(path, headers) as response:
        if response.status_code == 416:
            # There is no more than we have.
            return
        passed, total = _begins(response, sink.size)
        if total is not None:
            sink.expect(total)
        with trio.CancelScope(deadline=trio.current_time() + _STRETCH_SECONDS) as patience:
            stretch = 0
            async with aclosing(response.aiter_raw()) as chunks:  # type: ignore[type-var]  # a generator, whatever httpx says
                async for chunk in chunks:
                    stretch += len(chunk)
                    if stretch >= _STRETCH_BYTES:
                        stretch = 0
                        patience.deadline = trio.current_time() + _STRETCH_SECONDS
                    fresh = chunk[passed:]
                    passed = max(0, passed - len(chunk))
                    if fresh:
                        await sink.write(fresh)
        if patience.cancelled_caught:
            raise GraphUnreachable("Graph sends an attachment too slowly")
    if total is not None and sink.size < total:
        raise GraphUnreachable("Graph's answer is cut", status=200)


def _begins(response: Response, have: int) -> tuple[int, int | None]:
    """Return how many bytes of an answer to pass over, and of how many bytes the whole is, if it says so."""
    if response.status_code == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if found is None or int(found[1]) > have:
            raise GraphUnreachable("Graph answered with another part than was asked for", status=206)
        return have - int(found[1]), None if found[3] == "*" else int(found[3])
    length = response.headers.get("content-length", "")
    total = int(length) if length.isascii() and length.isdecimal() else None
    if total is not None and total < have:
        raise GraphError("an attachment became shorter while it was fetched")
    return have, total


def _is_short(attachment: AttachmentInfo, size: int) -> bool:
    """Tell whether a file is too much shorter than Graph said; the size of an item is not that of its MIME."""
    return attachment.kind == "file" and size < attachment.size * (1 - _OVERHEAD_SHARE) - _OVERHEAD_BYTES


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
