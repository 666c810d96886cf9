"""Files on their way into a draft: by ranges, resumed where Graph expects them, and never in memory as a whole."""

from __future__ import annotations

import base64
import json
import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest
from msgspec.structs import replace

from connector.errors import GraphError
from connector.odoo.wire import DraftFile
from connector.outbox.upload import PIECE, FileGone, bring_in_step
from tests.graph.conftest import open_mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

_UPLOAD = "https://outlook.office.com/api/gv1.0/AttachmentSessions('x')?authtoken=y"
# Bytes of the largest file that Graph takes, and of memory that it may cost: a range in each of its forms.
_LARGEST, _MEMORY = 150 * 2**20, 50 * 2**20


@dataclass
class _Outlook:
    """A draft that takes files: it counts their bytes and keeps none."""

    size: int
    lost: list[int] = field(default_factory=list)
    url: str = _UPLOAD
    taken: int = 0
    is_attached: bool = False
    ranges: list[str] = field(default_factory=list)
    authorized: bool = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return self._put(request)
        if request.url.path.endswith("createUploadSession"):
            return httpx.Response(201, json={"uploadUrl": self.url})
        one = {"@odata.type": "#microsoft.graph.fileAttachment", "id": "A1", "name": "f.bin", "size": self.size}
        return httpx.Response(200, json={"value": [one] if self.is_attached else []})

    def _put(self, request: httpx.Request) -> httpx.Response:
        self.authorized = self.authorized or "authorization" in request.headers
        asked = request.headers["content-range"]
        self.ranges.append(asked)
        first = int(asked.split()[1].partition("-")[0])
        if first != self.taken:
            return httpx.Response(416, json={"error": {"code": "InvalidRange"}})
        self.taken += len(request.content)
        if len(self.ranges) in self.lost:
            raise httpx.ReadError("cut")
        if self.taken < self.size:
            return httpx.Response(200, json={"nextExpectedRanges": [str(self.taken)]})
        self.is_attached = True
        return httpx.Response(201, headers={"Location": "https://outlook.office.com/Attachments('A1')"})


def _file(size: int) -> DraftFile:
    return DraftFile(1, "f.bin", "application/octet-stream", size, "", None, is_inline=False, is_here=True)


async def _pieces(attachment_id: int, offset: int, size: int) -> bytes | None:
    del attachment_id, offset
    return bytes(size)


async def test_upload_of_the_largest_file_takes_little_memory() -> None:
    """150 MB cost a few ranges of memory, not the file."""
    outlook = _Outlook(_LARGEST)
    async with open_mailbox(outlook) as client:
        tracemalloc.start()
        try:
            found, is_changed = await bring_in_step(client, "d", [_file(_LARGEST)], _pieces)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (found, is_changed, outlook.taken) == ({1: "A1"}, True, _LARGEST)
    assert peak < _MEMORY
    assert not outlook.authorized, "the URL is pre-authenticated: our token does not go there"


@pytest.mark.parametrize("lost", [[1], [2], [1, 3]])
async def test_upload_goes_on_where_an_answer_was_lost(lost: list[int], autojump_clock: MockClock) -> None:
    """A range whose answer was lost is sent again, refused since it arrived, and the next one follows."""
    del autojump_clock
    size = 3 * PIECE
    outlook = _Outlook(size, lost)
    async with open_mailbox(outlook) as client:
        found, _ = await bring_in_step(client, "d", [_file(size)], _pieces)
    assert (found, outlook.taken) == ({1: "A1"}, size)
    assert len(outlook.ranges) == 3 + len(lost)


async def test_upload_goes_nowhere_but_to_microsoft() -> None:
    """An address of another host gets no byte."""
    outlook = _Outlook(2 * PIECE, url="https://evil.example/upload")
    async with open_mailbox(outlook) as client:
        with pytest.raises(GraphError, match="nothing was sent there"):
            await bring_in_step(client, "d", [_file(2 * PIECE)], _pieces)
    assert not outlook.ranges


async def test_upload_of_a_file_that_odoo_lost_says_so() -> None:
    """It is not sent without it."""

    async def nothing(attachment_id: int, offset: int, size: int) -> bytes | None:
        del attachment_id, offset, size
        return None

    async with open_mailbox(_Outlook(9)) as client:
        with pytest.raises(FileGone):
            await bring_in_step(client, "d", [_file(9)], nothing)


def _listed(*found: tuple[str, str, int, str], is_listed: bool = True) -> Callable[[httpx.Request], httpx.Response]:
    """Return a draft that has these attachments (id, name, size, content id); it keeps what is posted and lets go what is deleted."""
    there = {i: {"@odata.type": "#microsoft.graph.fileAttachment", "id": i, "name": n, "size": s, "contentId": c} for i, n, s, c in found}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            del there[request.url.path.rpartition("/")[2]]
            return httpx.Response(204)
        if request.method == "POST":
            new = json.loads(request.content)
            there["new"] = {**new, "id": "new", "size": len(base64.b64decode(new.pop("contentBytes")))}
            return httpx.Response(201, json=there["new"])
        if not request.url.path.endswith("/attachments"):
            return httpx.Response(200, json=there[request.url.path.rpartition("/")[2]])
        shown = [{k: v for k, v in one.items() if is_listed or k != "contentId"} for one in there.values()]
        return httpx.Response(200, json={"value": shown})

    return answer


async def test_upload_another_file_of_the_same_name_and_size_takes_the_place_of_the_first() -> None:
    """A corrected file of the same name is sent, not the first one that Outlook has already."""
    tag = "0b6a3c9e-3a55-4ad2-9be1-0123456789ab"
    for is_listed in (True, False):
        await _take_the_place(tag, is_listed=is_listed)


async def _take_the_place(tag: str, *, is_listed: bool) -> None:
    second = DraftFile(2, "offer.pdf", "application/pdf", 1000, f"md2.{tag}", None, is_inline=False, is_here=True)
    outlook = _listed(("A1", "offer.pdf", 1000, f"md1.{tag}"), is_listed=is_listed)
    async with open_mailbox(outlook) as client:
        found, is_changed = await bring_in_step(client, "D", [second], _pieces)
    assert (found, is_changed) == ({2: "new"}, True)


async def test_upload_what_the_draft_never_had_is_not_left_out_silently() -> None:
    """A file that lay in another draft, or was to come with the forwarded message, and is not there: the mail does not go without it."""
    for number in (1, -1):
        wanted = DraftFile(number, "offer.pdf", "application/pdf", 1000, "", None, is_inline=False, is_here=False)
        async with open_mailbox(_listed()) as client:
            with pytest.raises(FileGone):
                await bring_in_step(client, "D", [wanted], _pieces)
        async with open_mailbox(_listed()) as client:
            # It was in this draft, and somebody took it out in Outlook.
            assert await bring_in_step(client, "D", [replace(wanted, remote_id="A1")], _pieces) == ({}, True)


async def test_upload_attachment_that_was_brought_along_is_known_by_its_name() -> None:
    """Exchange tells another size of what it copies into a forward: it is not thrown away for that."""
    wanted = DraftFile(-1, "mail.eml", "message/rfc822", 1000, "", None, is_inline=False, is_here=False)
    async with open_mailbox(_listed(("A1", "mail.eml", 9000, ""))) as client:
        assert await bring_in_step(client, "D", [wanted], _pieces) == ({-1: "A1"}, False)
