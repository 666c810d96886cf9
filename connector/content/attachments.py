"""Attachments on demand: what is asked for, brought into the cache, and given out from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import trio

from connector.content.nested import NAMED_MOST, is_message, nested_message, nested_names
from connector.content.serving import etag_of, headers_of, item_end
from connector.content.tickets import Tickets
from connector.content.zipped import CHUNK, Zipped
from connector.errors import ContentComing, NeedsSignIn, NoContent
from connector.graph.attachments import download, get_attachment, get_item, get_link, list_attachments
from connector.graph.messages import AttachmentInfo
from connector.http import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from connector.content.cache import Entry, FileCache
    from connector.graph.client import MailboxClient

__all__ = ["Attachments", "Opened", "Wish"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants: one attachment, or all of a message (`attachment_id` is empty) as a ZIP."""

    account_id: int
    remote_id: str
    attachment_id: str = ""
    is_download: bool = False


@dataclass(slots=True)
class Opened:
    """An attachment that is here, or whose beginning is; it stays until it is closed."""

    entry: Entry
    headers: dict[str, str]
    etag: str

    async def read(self, first: int, last: int | None) -> AsyncGenerator[bytes]:
        """Yield the bytes from `first` to `last` (both included), or to the end."""
        offset = first
        while last is None or offset <= last:
            data = await self.entry.read(offset, CHUNK if last is None else min(CHUNK, last + 1 - offset))
            if not data:
                return
            offset += len(data)
            yield data

    def close(self) -> None:
        """Let it go."""
        self.entry.cache.release(self.entry)


class Attachments:
    """Attachments of all mailboxes; `client_of` gives the client of an account, None of one that does not run."""

    def __init__(self, cache: FileCache, client_of: Callable[[int], MailboxClient | None]) -> None:
        self.tickets: Tickets[Wish] = Tickets()
        self._cache = cache
        self._client_of = client_of

    async def open(self, wish: Wish, *, patience: float, needs_total: bool) -> Opened:
        """Open an attachment as soon as it is known what it is, and with `needs_total` how long. Raises `ConnectorError`.

        `ContentComing` if that takes longer than `patience` seconds; it is fetched meanwhile.
        """
        entry = self._hold(wish.account_id, wish.remote_id, wish.attachment_id)
        try:
            with trio.move_on_after(patience) as waiting:
                await entry.until(lambda e: e.is_complete or e.size > 0 or (e.about is not None and e.total is not None))
                if needs_total:
                    await entry.until(lambda e: e.total is not None)
        except BaseException:
            self._cache.release(entry)
            raise
        info = entry.about
        if waiting.cancelled_caught or not isinstance(info, AttachmentInfo):
            self._cache.release(entry)
            raise ContentComing("the attachment is on its way from Outlook")
        etag = etag_of(*entry.key)
        headers = headers_of(info.name, info.content_type, kind=info.kind, is_download=wish.is_download, etag=etag)
        return Opened(entry, headers, etag)

    async def listed(self, wish: Wish) -> list[AttachmentInfo]:
        """Return what a ZIP of a message would hold. Raises `ConnectorError`."""
        files = await list_attachments(self._client(wish.account_id), wish.remote_id)
        return [f for f in files if not f.is_inline] or files

    async def zipped(self, wish: Wish, files: list[AttachmentInfo]) -> AsyncGenerator[bytes]:
        """Yield a ZIP of `files`; where links lead stands in a text. Raises `ConnectorError` in the middle of it."""
        archive, links = Zipped(), []
        for info in files:
            if info.kind == "reference":
                url, _ = await get_link(self._client(wish.account_id), wish.remote_id, info.id)
                links.append(f"{info.name}\r\n{url}\r\n\r\n")
                continue
            entry = self._hold(wish.account_id, wish.remote_id, info.id)
            archive.begin(info.name, extension=item_end(info.content_type) if info.kind == "item" else "")
            try:
                offset = 0
                while data := await entry.read(offset, CHUNK):
                    offset += len(data)
                    yield archive.add(data)
            finally:
                rest = archive.finish()
                self._cache.release(entry)
            yield rest
        if links:
            yield archive.text("links.txt", "".join(links))
        yield archive.end()

    async def item(self, account_id: int, remote_id: str, attachment_id: str) -> dict[str, Any] | None:
        """Return the mail in an attachment, for reading; None of what is no mail. Raises `ConnectorError`."""
        item = await get_item(self._client(account_id), remote_id, attachment_id)
        if item is None or not is_message(item):
            return None
        files = await in_thread(nested_names, await self._mime(account_id, remote_id, attachment_id))
        return await nested_message(item, files)

    async def link(self, account_id: int, remote_id: str, attachment_id: str) -> dict[str, Any]:
        """Return where a reference leads, by host too. Raises `ConnectorError`."""
        url, is_file = await get_link(self._client(account_id), remote_id, attachment_id)
        return {"url": url, "host": urlsplit(url).hostname or "", "is_file": is_file}

    def forget(self, account_id: int | None) -> None:
        """Wipe what is here of an account, or of all."""
        self._cache.forget(account_id)

    async def _mime(self, account_id: int, remote_id: str, attachment_id: str) -> bytes:
        """Return a mail in a mail as it is; nothing of one that is too large to look through."""
        entry = self._hold(account_id, remote_id, attachment_id)
        try:
            await entry.until(lambda e: e.is_complete or e.size > NAMED_MOST or (e.total or 0) > NAMED_MOST)
            mime = bytearray()
            while entry.is_complete and entry.size <= NAMED_MOST and (data := await entry.read(len(mime), CHUNK)):
                mime += data
            return bytes(mime)
        finally:
            self._cache.release(entry)

    def _hold(self, account_id: int, remote_id: str, attachment_id: str) -> Entry:
        client = self._client(account_id)

        async def fetch(entry: Entry) -> None:
            info = entry.about
            if not isinstance(info, AttachmentInfo):
                info = await get_attachment(client, remote_id, attachment_id)
                if info.kind == "reference":
                    raise NoContent("this attachment is a link; it has no content of its own")
                entry.about = info
            await download(client, remote_id, info, entry)

        return self._cache.hold((account_id, remote_id, attachment_id), fetch)

    def _client(self, account_id: int) -> MailboxClient:
        client = self._client_of(account_id)
        if client is None:
            raise NeedsSignIn("this mailbox is not connected at the moment")
        return client
