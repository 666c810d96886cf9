"""Content that is made while it is sent: files of any size that nobody stores, the same bytes each time."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import trio
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tests.graph_simulator.call import Answer

__all__ = ["Filler", "FillerResponse", "Piece"]

_BLOCK = 64 * 2**10
_PATTERN = b"".join(sha256(bytes([n])).digest() for n in range(256)) * 8


@dataclass(frozen=True)
class Filler:
    """So many bytes; no two blocks of them are alike, so that one which is lost or doubled shows."""

    size: int

    def __len__(self) -> int:
        return self.size

    def read(self, first: int, length: int) -> bytes:
        """Return bytes from the middle."""
        made = bytearray()
        end = min(first + length, self.size)
        while first + len(made) < end:
            block, skip = divmod(first + len(made), _BLOCK)
            made += (block.to_bytes(8, "big") + _PATTERN[8:])[skip : skip + end - first - len(made)]
        return bytes(made)


@dataclass(frozen=True)
class Piece:
    """A part of a content as an answer's body. `cut`: the connection breaks after so many bytes; `has_length`: it says how long it is."""

    content: Filler | bytes
    first: int
    has_length: bool
    cut: int
    pause: float

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from the middle of the content."""
        return self.content.read(offset, length) if isinstance(self.content, Filler) else self.content[offset : offset + length]


class FillerResponse(Response):
    """Sends a piece, block by block, until it ends or breaks."""

    def __init__(self, answer: Answer, piece: Piece) -> None:
        super().__init__(b"", status_code=answer.status, headers=answer.headers)
        del self.headers["content-length"]
        if piece.has_length:
            self.headers["content-length"] = str(len(piece.content) - piece.first)
        self._piece = piece

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nobody listens while sending
        """Send as much as arrives."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        piece = self._piece
        offset, end = piece.first, len(piece.content)
        if piece.cut:
            end = min(end, offset + piece.cut)
        while offset < end:
            await trio.sleep(piece.pause)
            block = piece.read(offset, min(_BLOCK, end - offset))
            offset += len(block)
            await send({"type": "http.response.body", "body": block, "more_body": True})
        if end < len(piece.content):
            await scope["simulator.cut"]()
        else:
            await send({"type": "http.response.body", "body": b""})
