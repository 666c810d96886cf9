"""A message's body for the reading pane: from Graph, cleaned, with what helps to read it (docs/protocol.md, 2.3)."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from connector.content.bounces import from_status, is_status, reported
from connector.content.bounded import clean_bounded
from connector.content.invitations import from_event, from_file, is_calendar
from connector.content.text import text_to_html
from connector.errors import ConnectorError
from connector.graph.gate import Priority
from connector.graph.messages import get_body, get_content, get_content_id, get_event
from connector.http import in_thread
from connector.sync.merge import clean

if TYPE_CHECKING:
    from connector.content.clean import Cleaned
    from connector.graph.client import MailboxClient
    from connector.graph.messages import AttachmentInfo, MessageBody
    from connector.graph.types import MessageWithBody

__all__ = ["fetch_body", "shown_html"]

# Characters: a name that long is no name; file systems take 255 bytes.
_NAME_KEPT = 255

# Inline pictures whose names are asked for one by one, and bytes of one: its content comes along.
_PICTURES = 40
_PICTURE_SIZE = 5 * 2**20

# Bytes of an invitation or of a report's part for machines.
_SMALL_FILE = 512 * 2**10

# Characters of plain text that are shown.
_TEXT_LIMIT = 2_000_000

_CID = re.compile(r' data-cid="([^"]*)"')


async def fetch_body(mailbox: MailboxClient, remote_id: str, *, keep_seconds: float, address: str = "") -> dict[str, Any]:
    """Return BODY of the message `remote_id`, which Odoo may keep for `keep_seconds`; `address` is the mailbox's.

    Raises `GraphError` and `AuthError`. What only helps to read (names of pictures, invitations) is left out where it cannot be had.
    """
    body = await get_body(mailbox, remote_id, Priority.PERSON)
    cleaned, is_simplified = await shown_html(body)
    extras = _Extras(mailbox, remote_id, address)
    async with trio.open_nursery() as nursery:
        if body.is_event:
            nursery.start_soon(extras.event)
        for file in body.attachments:
            if not body.is_event and is_calendar(file.name, file.content_type) and file.size <= _SMALL_FILE:
                nursery.start_soon(extras.calendar, file)
            if is_status(file.content_type) and file.size <= _SMALL_FILE:
                nursery.start_soon(extras.status, file)
        if _CID.search(cleaned.html):
            unnamed = [a for a in body.attachments if _may_be_shown(a) and not a.content_id]
            for file in unnamed[:_PICTURES]:
                nursery.start_soon(extras.content_id, file)
    return {
        "html": cleaned.html,
        "has_remote": cleaned.has_remote,
        "dark": cleaned.dark,
        "is_text": not body.is_html,
        "is_simplified": is_simplified,
        "invitation": extras.invitation,
        "undelivered": extras.undelivered,
        "reports_on": reported(body.headers) if extras.undelivered else "",
        "draft": _head_of(body.draft),
        "keep_seconds": int(keep_seconds),
        "attachments": [
            {
                "remote_id": a.id,
                "name": clean(a.name, _NAME_KEPT) or "attachment",
                "content_type": clean(a.content_type, _NAME_KEPT),
                "size": a.size,
                "is_inline": a.is_inline,
                "kind": a.kind,
                "content_id": clean(a.content_id or extras.content_ids.get(a.id, ""), _NAME_KEPT),
            }
            for a in body.attachments
        ],
    }


def _head_of(draft: MessageWithBody | None) -> dict[str, Any] | None:
    """Return what a draft says beside its text, with the key that tells whether it was changed since."""
    if draft is None:
        return None
    people = {"to": draft.to_recipients, "cc": draft.cc_recipients, "bcc": draft.bcc_recipients}
    found = {name: [r.email_address for r in some or () if r.email_address is not None] for name, some in people.items()}
    return {
        "change_key": draft.change_key,
        "subject": clean(draft.subject, _NAME_KEPT),
        "importance": draft.importance if draft.importance in {"low", "high"} else "normal",
        **{
            name: [{"name": clean(a.name, _NAME_KEPT), "address": clean(a.address, _NAME_KEPT)} for a in some]
            for name, some in found.items()
        },
    }


async def shown_html(body: MessageBody) -> tuple[Cleaned, bool]:
    """Return a body as it is shown, and whether only its text could be kept."""
    if body.is_html:
        return await clean_bounded(body.html_or_text)
    kind = body.headers.get("content-type", "").lower()
    # A mail that says what it is in parts says of each part whether it flows, and Graph does not tell that.
    flowed = "format=flowed" in kind.replace('"', "").replace(" ", "") if kind.startswith("text/plain") else None
    delsp = "delsp=yes" in kind.replace('"', "").replace(" ", "")
    html = await in_thread(partial(text_to_html, body.html_or_text[:_TEXT_LIMIT], flowed=flowed, delsp=delsp))
    return await clean_bounded(html)


def _may_be_shown(file: AttachmentInfo) -> bool:
    is_picture = file.content_type.lower().startswith("image/")
    return file.kind == "file" and (file.is_inline or is_picture) and file.size <= _PICTURE_SIZE


class _Extras:
    """What else is asked for beside the body, all at once."""

    def __init__(self, mailbox: MailboxClient, remote_id: str, address: str) -> None:
        self._mailbox = mailbox
        self._remote_id = remote_id
        self._address = address
        self.invitation: dict[str, Any] | None = None
        self.undelivered: list[dict[str, Any]] = []
        self.content_ids: dict[str, str] = {}

    async def event(self) -> None:
        """Ask for the meeting that the message is about."""
        try:
            self.invitation = from_event(await get_event(self._mailbox, self._remote_id, Priority.PERSON))
        except ConnectorError:
            return

    async def calendar(self, file: AttachmentInfo) -> None:
        """Read an invitation that came as a file."""
        if (content := await self._content(file)) is not None and self.invitation is None:
            self.invitation = await in_thread(from_file, content, self._address)

    async def status(self, file: AttachmentInfo) -> None:
        """Read what a report tells to machines."""
        if (content := await self._content(file)) is not None:
            self.undelivered += await in_thread(from_status, content)

    async def content_id(self, file: AttachmentInfo) -> None:
        """Ask under what name the text shows a picture."""
        try:
            self.content_ids[file.id] = await get_content_id(self._mailbox, self._remote_id, file.id, Priority.PERSON)
        except ConnectorError:
            return

    async def _content(self, file: AttachmentInfo) -> bytes | None:
        try:
            return await get_content(self._mailbox, self._remote_id, file.id, Priority.PERSON)
        except ConnectorError:
            return None
