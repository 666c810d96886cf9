"""Graph in the test's own loop, with one mailbox whose attachments are asked for as the connector does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from connector.content.attachments import Attachments, Wish
from connector.content.cache import FileCache, open_cache
from connector.graph.client import MailboxClient
from connector.graph.gate import Gate
from connector.http import open_client
from tests.graph_simulator.attachments import attach_made
from tests.graph_simulator.entra import Grant
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import World, asgi_transport, make_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.graph_simulator.model import Mailbox, Message

ACCOUNT = 7
_FOLDER = "files"


class _Tokens:
    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        del claims, reject
        return "t"


@dataclass
class Shelf:
    """A mailbox, a message of it, and the connector's attachments."""

    world: World
    mailbox: Mailbox
    message: Message
    client: MailboxClient
    cache: FileCache
    attachments: Attachments
    folder: Path

    def put(self, name: str = "report.bin", **given: Any) -> str:
        """Attach something; return its id."""
        return f"{self.message.immutable_id}-{attach_made(self.mailbox, self.message, {'name': name, **given})}"

    def wish(self, attachment_id: str, **given: Any) -> Wish:
        """Return a wish for an attachment of the message."""
        return Wish(ACCOUNT, self.message.immutable_id, attachment_id, **given)

    async def content(self, attachment_id: str) -> bytes:
        """Read an attachment whole."""
        opened = await self.attachments.open(self.wish(attachment_id), patience=30, needs_total=False)
        try:
            return b"".join([piece async for piece in opened.read(0, None)])
        finally:
            opened.close()

    def downloads(self) -> int:
        """Return how often Graph was asked for a content."""
        return sum(r["path"].endswith("/$value") for r in self.world.requests)

    def files(self) -> list[Path]:
        """Return what lies on the disk."""
        return [p for p in self.folder.rglob("*") if p.is_file()]


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    """A mailbox of real mail, and a cache of one mebibyte for an hour; tests ask for the clock themselves."""
    world = make_world(demo=False)
    mailbox = world.mailboxes["anna@pier.example"] = make_mailbox("anna@pier.example", "Anna", personal=False, inbox=0)
    # A message that has nothing attached yet.
    message = next(m for m in mailbox.messages.values() if not m.attachments)
    world.entra.grants["t"] = Grant(mailbox.address, ("Mail.Read",), 10**12)
    async with open_client(transport=asgi_transport(world)) as http, open_cache(tmp_path / _FOLDER, 2**20, 3600) as cache:
        client = MailboxClient(http, "https://graph.example/v1.0", Gate(), _Tokens())
        attachments = Attachments(cache, lambda account_id: client if account_id == ACCOUNT else None)
        yield Shelf(world, mailbox, message, client, cache, attachments, tmp_path / _FOLDER)
