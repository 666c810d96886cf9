"""Files from Odoo into a draft, piece by piece: no file is ever in memory as a whole, but the small ones that go in one request.

    up to `SMALL`    one POST with the content in it
    above            an upload session: ranges in order, each a piece of Odoo's; a doubtful one is sent again

What the draft has already is left alone: so an upload that was broken off anywhere is gone on with, file by file.
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import msgspec
import trio
from msgspec import Struct

from connector.errors import GraphError, GraphNotFound, GraphThrottled, GraphUnreachable
from connector.graph.attachments import list_attachments
from connector.graph.client import ATTEMPTS, PATIENCE, pause_before
from connector.graph.drafts import delete_attachment
from connector.graph.gate import Priority
from connector.graph.messages import get_content_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.graph.client import MailboxClient
    from connector.graph.messages import AttachmentInfo
    from connector.odoo.wire import DraftFile

__all__ = ["PIECE", "SMALL", "FileGone", "Pieces", "bring_in_step"]

# Bytes that go in one request: as base64 they stay below the 4 MB that Graph takes as JSON (graph-behaviour 5.6).
SMALL = 3_000_000
# Bytes of a range: Graph takes less than 4 MB.
PIECE = 3 * 2**20
# Times that a session is begun anew for one file.
_SESSIONS = 3
# A file in Outlook is larger than it was by some overhead of Exchange.
_OVERHEAD_BYTES = 1024
_OVERHEAD_SHARE = 0.01

# Content ids that the addon gave: `md<id>.<tag>`.
_OURS = re.compile(r"md\d+\.[0-9a-f-]{36}$")

_TOO_SMALL = "errorattachmentsizeshouldnotbelessthanminimumsize"


class FileGone(Exception):
    """Odoo does not have a file any more that is to be sent."""


class Pieces(Protocol):
    """Where files come from."""

    async def __call__(self, attachment_id: int, offset: int, size: int) -> bytes | None:
        """Return a piece of a file, None where there is no such file."""


class _Session(Struct, frozen=True, rename="camel"):
    upload_url: str


class _Progress(Struct, frozen=True, rename="camel"):
    next_expected_ranges: list[str] = []


async def bring_in_step(client: MailboxClient, message_id: str, wanted: Sequence[DraftFile], pieces: Pieces) -> tuple[dict[int, str], bool]:
    """Let a draft have the files that it is to have; return their ids at Graph by Odoo's, and whether something was changed.

    Pictures that Outlook itself brought along for the quoted text stay. Raises `FileGone`, the `GraphError` family, `AuthError`.
    """
    there = await _marked(client, message_id, wanted, await list_attachments(client, message_id))
    found, strange = _matched(wanted, there)
    missing = [file for file in wanted if file.id not in found]
    over = [one for one in strange if not one.is_inline]
    for one in over:
        try:
            await delete_attachment(client, message_id, one.id)
        except GraphNotFound:
            continue
    for file in missing:
        if not file.is_here:
            if file.remote_id is not None:
                # It was in this draft, and somebody took it out in Outlook.
                continue
            # It was to come with the forwarded message, or lay in another draft: the mail does not go without it.
            raise FileGone
        await _bring(client, message_id, file, pieces)
    if missing:
        found, _ = _matched(wanted, await list_attachments(client, message_id))
    return found, bool(missing or over)


async def _marked(
    client: MailboxClient, message_id: str, wanted: Sequence[DraftFile], there: Sequence[AttachmentInfo]
) -> list[AttachmentInfo]:
    """Return `there` with the content ids that tell files of one name apart: a listing need not have them (graph-behaviour 4.3)."""
    known = {file.remote_id for file in wanted}
    names = {file.name for file in wanted if file.id > 0 and file.remote_id is None}
    marked = []
    for one in there:
        is_asked = one.name in names and not one.content_id and one.id not in known
        content_id = await get_content_id(client, message_id, one.id, Priority.PERSON) if is_asked else one.content_id
        marked.append(replace(one, content_id=content_id))
    return marked


def _matched(wanted: Sequence[DraftFile], there: Sequence[AttachmentInfo]) -> tuple[dict[int, str], list[AttachmentInfo]]:
    """Return which of `there` each wanted file is, and those that are none: by id, by content id, else by name and size.

    Of what Outlook brought along the name is enough: Exchange tells another size of a copy now and then.
    """
    rest = list(there)
    found: dict[int, str] = {}
    for test in (_is_it, _has_its_content_id, _looks_like_it, _was_brought_along):
        for file in wanted:
            if file.id in found:
                continue
            one = next((one for one in rest if test(file, one)), None)
            if one is not None:
                found[file.id] = one.id
                rest.remove(one)
    return found, rest


def _is_it(file: DraftFile, one: AttachmentInfo) -> bool:
    return file.remote_id == one.id


def _has_its_content_id(file: DraftFile, one: AttachmentInfo) -> bool:
    return bool(file.content_id) and one.content_id == file.content_id


def _looks_like_it(file: DraftFile, one: AttachmentInfo) -> bool:
    # A corrected file has the name of the first one, and nearly its size: our mark tells them apart.
    is_another = file.id > 0 and bool(_OURS.match(one.content_id)) and one.content_id != file.content_id
    return one.name == file.name and _fits(file.size, one.size) and not is_another


def _was_brought_along(file: DraftFile, one: AttachmentInfo) -> bool:
    return file.id < 0 and one.name == file.name


def _fits(size: int, there: int) -> bool:
    return size <= there <= size * (1 + _OVERHEAD_SHARE) + _OVERHEAD_BYTES


async def _bring(client: MailboxClient, message_id: str, file: DraftFile, pieces: Pieces) -> None:
    if file.size <= SMALL:
        await _post(client, message_id, file, await _whole(file, pieces))
        return
    for attempt in range(1, _SESSIONS + 1):
        try:
            if await _session(client, message_id, file, pieces):
                return
        except GraphError as error:
            if error.code.lower() == _TOO_SMALL:
                await _post(client, message_id, file, await _whole(file, pieces))
                return
            raise
        # The session is no more: its last range arrived, or it ran out.
        found, _ = _matched([file], await list_attachments(client, message_id))
        if found:
            return
        await trio.sleep(float(attempt))
    raise GraphUnreachable("an upload to Graph came to no end")


async def _whole(file: DraftFile, pieces: Pieces) -> bytes:
    content = b""
    while len(content) < file.size:
        piece = await pieces(file.id, len(content), min(PIECE, file.size - len(content)))
        if not piece:
            raise FileGone
        content += piece
    return content


def _described(file: DraftFile) -> dict[str, object]:
    described: dict[str, object] = {"name": file.name, "contentType": file.content_type, "isInline": file.is_inline}
    return described | ({"contentId": file.content_id} if file.content_id else {})


async def _post(client: MailboxClient, message_id: str, file: DraftFile, content: bytes) -> None:
    body = {"@odata.type": "#microsoft.graph.fileAttachment", **_described(file), "contentBytes": base64.b64encode(content).decode()}
    await client.ask_once("POST", f"/me/messages/{quote(message_id, safe='')}/attachments", Priority.PERSON, body=body)


async def _session(client: MailboxClient, message_id: str, file: DraftFile, pieces: Pieces) -> bool:
    """Send a file by a session; return False where the session is no more."""
    path = f"/me/messages/{quote(message_id, safe='')}/attachments/createUploadSession"
    item = {"AttachmentItem": {"attachmentType": "file", "size": file.size, **_described(file)}}
    response = await client.ask_once("POST", path, Priority.PERSON, body=item)
    try:
        url = msgspec.json.decode(response.content, type=_Session).upload_url
    except msgspec.MsgspecError as error:
        raise GraphUnreachable("Graph's answer is cut or garbled", status=response.status_code) from error
    offset = failures = 0
    while offset < file.size:
        piece = await pieces(file.id, offset, min(PIECE, file.size - offset))
        if not piece:
            raise FileGone
        try:
            response = await client.put_range(url, piece, offset, file.size)
        except (GraphThrottled, GraphUnreachable) as error:
            failures += 1
            if failures >= ATTEMPTS or (error.retry_after or 0.0) > PATIENCE:
                raise
            await trio.sleep(pause_before(failures + 1, error))
            continue
        except GraphNotFound:
            return False
        except GraphError as error:
            if error.status != 416 or not failures:
                raise
            # The range whose answer was lost had arrived.
            offset, failures = offset + len(piece), 0
            continue
        failures = 0
        if response.status_code == 201:
            return True
        offset = _next(response.content, offset + len(piece))
    return False


def _next(body: bytes, fallback: int) -> int:
    """Return where Graph expects the next range to begin; it writes "2097152" or "2097152-"."""
    try:
        ranges = msgspec.json.decode(body, type=_Progress).next_expected_ranges
        return int(ranges[0].partition("-")[0])
    except (msgspec.MsgspecError, ValueError, IndexError):
        return fallback
