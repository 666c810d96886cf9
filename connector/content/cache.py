"""Files that people opened lately, on the disk beside the state file: fetched once whoever asks, read while they are still growing.

    reader ──▶ Entry ◀── reader        an entry is fetched by one task, at Graph's speed; readers follow at theirs
                 ▲
                 └── fetch             goes on for a minute without readers, then stops; a later reader lets it go on where it stopped

The folder is for our eyes only (0700), and what lies there is enciphered with a key that exists in this process alone, so that a file
which a crash, a backup or a stolen disk has kept is noise; it is emptied at each start. Its size stays below the limit and one file: what
was not read for longest goes first, and what somebody reads stays.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections import OrderedDict
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import structlog
import trio
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from connector.errors import AuthError, CacheBusy, CacheFull, ConnectorError, ContentGone, GraphThrottled, GraphUnreachable
from connector.http import in_disk_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

__all__ = ["LINGER", "Entry", "FileCache", "Key", "open_cache"]

# Seconds for which a fetch goes on that nobody waits for: a download that is taken up again finds more of the file.
LINGER = 60.0

# Seconds between two looks for what has had its time.
_SWEEP = 60.0

# Bytes of a block of AES.
_BLOCK = 16

# Weather: the file may go on where it broke off.
_RESUMABLE = (GraphUnreachable, GraphThrottled, AuthError)

_DROPPED = "the file is not kept any more: its mailbox was disconnected, or the connector stops"

# Account, message, attachment.
Key: TypeAlias = "tuple[int, str, str]"

_log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Entry:
    """One file. A fetch sees it as its sink; `about` is for whoever made it."""

    cache: FileCache
    key: Key
    path: Path
    nonce: int = field(default_factory=lambda: secrets.randbits(128), repr=False)
    size: int = 0
    total: int | None = None
    about: object = None
    complete_at: float | None = None
    used_at: float = field(default_factory=trio.current_time)
    error: Exception | None = None
    readers: int = 0
    fetching: trio.CancelScope | None = None
    _changed: trio.Event = field(default_factory=trio.Event)

    @property
    def is_complete(self) -> bool:
        """Tell whether all of it is here."""
        return self.complete_at is not None

    # ---------------------------------------------------------------- for the fetch

    def expect(self, total: int) -> None:
        """Hear how many bytes it will be."""
        self.total = total
        self.tell()

    async def write(self, data: bytes) -> None:
        """Add to the end. Raises `CacheFull` when the disk is, `CacheBusy` when all that is cached is being read."""
        self.cache.make_room(self, len(data))
        try:
            await in_disk_thread(_write, self.path, self.size, self._crypt(self.size, data))
        except OSError as error:
            why = "is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else f"cannot be written ({os.strerror(error.errno or 0)})"
            raise CacheFull(f"the disk that attachments are cached on {why}: {self.path.parents[1]}") from error
        try:
            self.cache.check(self)
        except ContentGone:
            # Dropped while the disk was at work, which may have made the file again.
            self.path.unlink(missing_ok=True)
            raise
        self.size += len(data)
        self.cache.size += len(data)
        self.tell()

    def tell(self) -> None:
        """Let all who wait look again."""
        self._changed.set()
        self._changed = trio.Event()

    # ---------------------------------------------------------------- for readers

    async def until(self, is_so: Callable[[Entry], bool]) -> None:
        """Wait until `is_so`. Raises what ended the fetch."""
        while not is_so(self):
            if self.error is not None:
                raise self.error
            await self._changed.wait()

    async def read(self, offset: int, most: int) -> bytes:
        """Return up to `most` bytes from `offset` as soon as there are some; none at the end. Raises what ended the fetch."""
        await self.until(lambda e: e.size > offset or e.is_complete)
        if self.error is not None:
            raise self.error
        length = min(most, self.size - offset)
        if length <= 0:
            return b""
        try:
            data = await in_disk_thread(_read, self.path, offset, length)
        except OSError as error:
            raise self.ended() from error
        return self._crypt(offset, data)

    def ended(self) -> Exception:
        """Return why there is no more of it."""
        return self.error or ContentGone(_DROPPED)

    def _crypt(self, offset: int, data: bytes) -> bytes:
        """Encipher or decipher (which is the same) what stands at `offset`."""
        block, skip = divmod(offset, _BLOCK)
        counter = ((self.nonce + block) % 2**128).to_bytes(_BLOCK, "big")
        stream = Cipher(AES(self.cache.cipher_key), CTR(counter)).encryptor()
        stream.update(bytes(skip))
        return stream.update(data)


class FileCache:
    """All entries, the one that was used longest ago first; time is trio's."""

    def __init__(self, folder: Path, limit: int, ttl: float, nursery: trio.Nursery) -> None:
        self.folder = folder
        self.cipher_key = secrets.token_bytes(32)
        self.size = 0
        self._limit = limit
        self._ttl = ttl
        self._nursery = nursery
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        # The one file that may stand over the limit.
        self._excess: Entry | None = None
        self._count = 0

    @asynccontextmanager
    async def reading(self, key: Key, fetch: Callable[[Entry], Awaitable[None]]) -> AsyncIterator[Entry]:
        """Hold an entry, which is fetched if it is not here and nobody does so yet."""
        entry = self.hold(key, fetch)
        try:
            yield entry
        finally:
            self.release(entry)

    def hold(self, key: Key, fetch: Callable[[Entry], Awaitable[None]]) -> Entry:
        """Return an entry that stays until it is released as often as it was held."""
        self.sweep()
        entry = self._entries.get(key)
        if entry is None:
            self._count += 1
            # A name that says nothing; numbered, so that a file which is still being removed is not written again.
            entry = self._entries[key] = Entry(self, key, self.folder / str(key[0]) / str(self._count))
        self._entries.move_to_end(key)
        entry.readers += 1
        if entry.fetching is not None:
            entry.fetching.deadline = float("inf")
        elif not entry.is_complete:
            entry.error = None
            entry.fetching = trio.CancelScope()
            self._nursery.start_soon(self._fetch, entry, fetch)
        return entry

    def release(self, entry: Entry) -> None:
        """Let an entry go that was held."""
        entry.readers -= 1
        if not entry.readers and entry.fetching is not None:
            entry.fetching.deadline = trio.current_time() + LINGER

    def forget(self, account_id: int | None = None) -> None:
        """Drop what is here of an account, or all; whoever still reads it gets an error."""
        for entry in [e for e in self._entries.values() if account_id in {None, e.key[0]}]:
            self._drop(entry)
        for folder in self.folder.iterdir() if account_id is None else [self.folder / str(account_id)]:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Drop what has had its time, and nobody reads."""
        now = trio.current_time()
        for entry in [e for e in self._idle() if (e.used_at if e.complete_at is None else e.complete_at) + self._ttl <= now]:
            self._drop(entry)

    def make_room(self, entry: Entry, wanted: int) -> None:
        """Drop what was used longest ago until `wanted` bytes more fit. Raises `CacheBusy`, `ContentGone`."""
        self.check(entry)
        for other in self._idle():
            if self.size + wanted <= self._limit:
                break
            if other is not entry:
                self._drop(other)
        if self.size + wanted <= self._limit:
            return
        if self._excess not in {None, entry}:
            raise CacheBusy("so many large attachments are open at the moment that the cache (content.attachment_cache) is full")
        self._excess = entry

    def check(self, entry: Entry) -> None:
        """Raise `ContentGone` if an entry was dropped."""
        if not self._has(entry):
            raise entry.ended()

    async def run(self) -> None:
        """Sweep now and then."""
        while True:
            await trio.sleep(_SWEEP)
            self.sweep()

    def _idle(self) -> Iterator[Entry]:
        return (e for e in list(self._entries.values()) if not e.readers and e.fetching is None)

    async def _fetch(self, entry: Entry, fetch: Callable[[Entry], Awaitable[None]]) -> None:
        try:
            while entry.fetching is not None:
                with entry.fetching as scope:
                    await fetch(entry)
                    entry.total = entry.size
                    entry.complete_at = trio.current_time()
                # Nobody waited any more, unless somebody came in the very moment.
                entry.fetching = trio.CancelScope() if scope.cancelled_caught and entry.readers and self._has(entry) else None
        except _RESUMABLE as error:
            # What came stays, and the next wish goes on from there.
            entry.error = error
        except ConnectorError as error:
            self._drop(entry, error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours in one download ends that download only
            _log.error("fetching an attachment failed", account=entry.key[0], error=type(error).__name__, exc_info=error)
            self._drop(entry, ContentGone("the connector made a mistake; its log tells more"))
        finally:
            entry.fetching = None
            entry.used_at = trio.current_time()
            entry.tell()

    def _has(self, entry: Entry) -> bool:
        return self._entries.get(entry.key) is entry

    def _drop(self, entry: Entry, why: Exception | None = None) -> None:
        if not self._has(entry):
            return
        del self._entries[entry.key]
        self.size -= entry.size
        if self._excess is entry:
            self._excess = None
        entry.error = why or ContentGone(_DROPPED)
        if entry.fetching is not None:
            entry.fetching.cancel()
        with suppress(OSError):
            entry.path.unlink(missing_ok=True)
        entry.tell()


@asynccontextmanager
async def open_cache(folder: Path, limit: int, ttl: float) -> AsyncIterator[FileCache]:
    """Open an empty cache of `limit` bytes, where each file stays for `ttl` seconds; it is emptied when it is left.

    Raises `CacheFull` when the folder cannot be made.
    """
    try:
        await in_disk_thread(_empty, folder)
    except OSError as error:
        raise CacheFull(f"the folder of cached attachments cannot be made: {folder}: {os.strerror(error.errno or 0)}") from error
    async with trio.open_nursery() as nursery:
        cache = FileCache(folder, limit, ttl, nursery)
        nursery.start_soon(cache.run)
        try:
            yield cache
        finally:
            nursery.cancel_scope.cancel()
            cache.forget()


def _empty(folder: Path) -> None:
    """Make the folder, ours alone, with nothing in it."""
    if folder.is_symlink() or folder.exists():
        # Whatever a crash left; a link would lead us out of our own place.
        folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)


def _write(path: Path, offset: int, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        view = memoryview(data)
        while view:
            written = os.pwrite(file, view, offset)
            offset += written
            view = view[written:]
    finally:
        os.close(file)


def _read(path: Path, offset: int, length: int) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.pread(file, length, offset)
    finally:
        os.close(file)
