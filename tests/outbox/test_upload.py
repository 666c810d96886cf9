"""Files on their way into a draft: by ranges, resumed where Graph expects them, and never in memory as a whole."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest

from connector.errors import GraphError
from connector.odoo.wire import DraftFile
from connector.outbox.upload import PIECE, FileGone, bring_in_step
from tests.graph.conftest import open_mailbox

if TYPE_CHECKING:
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
