"""A mailbox of the simulator as a courier sees it, without a sync beside it: what a courier asks of the sync is stood in for."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from connector.graph.client import MailboxClient
from connector.graph.gate import Gate
from connector.http import open_client
from connector.state.journal import Journal
from connector.state.store import open_store
from connector.sync.settling import Settling
from connector.sync.turn import Turn
from tests.graph_simulator.entra import Grant
from tests.graph_simulator.model import Mailbox as Truth
from tests.graph_simulator.server import asgi_transport, make_world
from tests.sync.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ACCOUNT = 7
_ADDRESS = "anna@pier.example"


class _Token:
    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        del claims, reject
        return "t"


@asynccontextmanager
async def open_alone(folder: Path, *scopes: str) -> AsyncIterator[tuple[Truth, Any, Journal]]:
    """Make a mailbox that lives by the test's clock; yield it, what the courier takes for its sync, and the connector's journal."""
    simulator = make_world(demo=False, clock=World.now)
    simulator.entra.grants["t"] = Grant(_ADDRESS, scopes, 10**12)
    truth = simulator.mailboxes[_ADDRESS] = Truth(_ADDRESS, "Anna")
    async with open_store(folder / "s.sqlite3", World.now) as store, open_client(transport=asgi_transport(simulator)) as http:
        mailbox = SimpleNamespace(
            client=MailboxClient(http, "http://graph.example/v1.0", Gate(), _Token()),
            account_id=ACCOUNT,
            turn=Turn("fence"),
            settling=Settling(World.now),
            store=store,
        )
        yield truth, mailbox, Journal(store)
