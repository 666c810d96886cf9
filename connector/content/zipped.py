"""All attachments of a message as one ZIP, written while it is sent: neither it nor a file is ever whole in memory."""

from __future__ import annotations

import zipfile
from typing import IO

from connector.content.names import safe_name, unique

__all__ = ["CHUNK", "Zipped"]

# Bytes that are read, and sent on, at once.
CHUNK = 256 * 2**10


class Zipped:
    """A ZIP without compression: what is attached is mostly compressed already, and a person waits."""

    def __init__(self) -> None:
        self._out = _Outlet()
        self._archive = zipfile.ZipFile(self._out, "w", zipfile.ZIP_STORED)  # type: ignore[call-overload]  # a file that is written only
        self._taken: set[str] = set()
        self._member: IO[bytes] | None = None

    def begin(self, name: str, *, extension: str = "") -> None:
        """Begin a file."""
        # Its size is not known before its end.
        self._member = self._archive.open(unique(safe_name(name, extension=extension), self._taken), "w", force_zip64=True)

    def add(self, data: bytes) -> bytes:
        """Add to the file that was begun; return what is to be sent."""
        if self._member is None:
            raise ValueError("no file was begun")
        self._member.write(data)
        return self._out.take()

    def finish(self) -> bytes:
        """End the file that was begun; return what is to be sent."""
        if self._member is not None:
            self._member.close()
            self._member = None
        return self._out.take()

    def text(self, name: str, content: str) -> bytes:
        """Add a text; return what is to be sent."""
        self._archive.writestr(unique(name, self._taken), content)
        return self._out.take()

    def end(self) -> bytes:
        """Return the directory of all, which ends it."""
        self._archive.close()
        return self._out.take()


class _Outlet:
    """Where the ZIP is written. It cannot seek, and `zipfile` writes accordingly."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back from `take`."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken, self._pieces = b"".join(self._pieces), []
        return taken
