"""A backend that does as it is told, behind the real server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from pydantic import SecretStr

from connector.config import ServerConfig
from connector.content.search import Found
from connector.http import open_client
from connector.metrics import Metrics
from connector.odoo.wire import SealedToken, Trouble
from connector.web.backend import Adopted, Rotated
from connector.web.server import AccountStatus, SignInOutcome, StartedSignIn, WhoAmI, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connector.content.search import Asked
    from connector.http import AsyncClient, Response

SECRET = "0123456789abcdef"
ANNA = AccountStatus(1, "anna@example.org", "connected", "backfilling", "2026-11-23T10:00:00Z", 12.5, 50, 120, 321, 5, 2, "", 3)
BEN = AccountStatus(2, "ben@example.org", "reauth_required", None, None, None, 0, 0, 4, 0, 0, "Outlook authentication expired", 0)


@dataclass
class FakeBackend:
    """Answers with what lies in its fields, raises what lies in `error`, and remembers what it was asked."""

    ready: str | None = None
    key_expires_at: str | None = None
    error: Exception | None = None
    found: dict[str, Any] | None = None
    outcome: SignInOutcome = field(
        default_factory=lambda: SignInOutcome("connected", "Connected", email="anna@example.org", token=SealedToken("sealed", 2))
    )
    database: str | None = None
    trouble: Trouble | None = None
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def readiness(self) -> str | None:
        """Return `ready`."""
        return self.ready

    def whoami(self) -> WhoAmI:
        """Return a connector that is up."""
        return WhoAmI("0.1.0", "i", self.ready or "ok", self.key_expires_at)

    def wake(self, accounts: list[int] | None, reason: str, folder: str | None) -> None:
        """Remember."""
        self._take("wake", accounts, reason, folder)

    async def signin_start(self, account_id: int, email: str, redirect_uri: str, tenant: str | None) -> StartedSignIn:
        """Return a URL."""
        self._take("start", account_id, email, redirect_uri, tenant)
        return StartedSignIn("https://entra.example/authorize", "state-1")

    async def signin_finish(self, account_id: int, email: str, state: str, answer: dict[str, str]) -> SignInOutcome:
        """Return `outcome`."""
        self._take("finish", account_id, email, state, answer)
        return self.outcome

    async def body(self, account_id: int, remote_id: str, *, patience: float) -> dict[str, Any] | None:
        """Return `found`."""
        self._take("body", account_id, remote_id, patience)
        return self.found

    async def search(self, asked: Asked, *, patience: float) -> Found:
        """Return one message, and one mailbox that did not answer."""
        self._take("search", asked, patience)
        return Found([{"account_id": 1, "remote_id": "AAMk"}], {2: "It does not answer."})

    async def message(self, account_id: int, remote_id: str, *, patience: float) -> dict[str, Any] | None:
        """Return `found`."""
        self._take("message", account_id, remote_id, patience)
        return self.found

    async def rotate_keys(self) -> Rotated:
        """Say how many."""
        self._take("rotate")
        return Rotated(3, "0123abcd")

    async def adopt(self) -> Adopted:
        """Say which."""
        self._take("adopt")
        return Adopted("new", "old")

    def status(self) -> list[AccountStatus]:
        """Return two accounts, one of which runs."""
        return [ANNA, BEN]

    def request_sync(self, emails: list[str] | None) -> tuple[list[int], int]:
        """Return a ticket."""
        self._take("sync", emails)
        return [1], 4

    def _take(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error


@dataclass
class Odoo:
    """Asks the connector as Odoo does, by `client`; `url` is where the connector listens."""

    client: AsyncClient
    url: str
    headers: dict[str, str]

    async def post(self, path: str, body: Any = None, **kwargs: Any) -> Response:
        """Send a POST with the secret."""
        return await self.client.post(self.url + path, **({"json": body} | kwargs), headers=self.headers)

    async def get(self, path: str) -> Response:
        """Send a GET with the secret."""
        return await self.client.get(self.url + path, headers=self.headers)


@asynccontextmanager
async def serving(backend: FakeBackend) -> AsyncIterator[Odoo]:
    """Serve `backend` on a free port."""
    config = ServerConfig(listen="127.0.0.1:0", secret=SecretStr(SECRET))
    async with trio.open_nursery() as nursery, open_client() as client:
        url = await nursery.start(partial(serve, backend, config, metrics=Metrics()))
        yield Odoo(client, url, {"Authorization": f"Bearer {SECRET}"})
        nursery.cancel_scope.cancel()


@pytest.fixture
def backend() -> FakeBackend:
    """Return what the server asks."""
    return FakeBackend()


@pytest.fixture
async def odoo(backend: FakeBackend) -> AsyncIterator[Odoo]:
    """Return somebody who asks the server."""
    async with serving(backend) as odoo:
        yield odoo
