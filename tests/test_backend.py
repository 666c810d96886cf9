"""What the connector's HTTP gets from the joined parts: bodies in time and late, cycles asked for, states."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio

from connector import backend as module
from connector.backend import Service
from connector.errors import GraphNotFound, NeedsSignIn, NotConfigured
from connector.odoo.wire import Account
from tests.sync.fakes import FakeAddon

if TYPE_CHECKING:
    from trio.testing import MockClock

    from connector.config import Config
    from connector.content.attachments import Attachments
    from connector.state.store import Store
    from connector.sync.exchange import Exchange
    from connector.sync.supervisor import Supervisor
    from connector.sync.tokens import Tokens


@dataclass(slots=True)
class FakeRunner:
    """A running mailbox."""

    asked_ticket: int = 0
    served_ticket: int = 0
    progress: None = None
    last_sync_at: datetime | None = None
    message: str = ""
    woken: list[str | None] = field(default_factory=list)

    @property
    def mailbox(self) -> Any:
        """Carry a client with a gate, as far as anybody looks."""
        return type("M", (), {"client": type("C", (), {"gate": type("G", (), {"requests_24h": 3})()})()})()

    def wake(self, folder: str | None = None, ticket: int = 0) -> None:
        """Note it."""
        self.woken.append(folder)
        self.asked_ticket = max(self.asked_ticket, ticket)


@dataclass(slots=True)
class FakeSupervisor:
    """Two accounts, of which the first runs."""

    running: FakeRunner = field(default_factory=FakeRunner)

    @property
    def accounts(self) -> list[Account]:
        """Both."""
        return [Account(n, f"m{n}@x.example", "outlook", "connected", active=True) for n in (1, 2)]

    def runner(self, account_id: int) -> FakeRunner | None:
        """The first one's."""
        return self.running if account_id == 1 else None


@dataclass(slots=True)
class FakeExchange:
    """The regular call."""

    readiness: str | None = None
    poked: list[list[int] | None] = field(default_factory=list)

    def poke(self, accounts: list[int] | None = None) -> None:
        """Note it."""
        self.poked.append(accounts)


def _no_config() -> Config:
    raise AssertionError("nothing here reads the configuration")


def _service(
    nursery: trio.Nursery, supervisor: FakeSupervisor, exchange: FakeExchange | None = None, addon: FakeAddon | None = None
) -> Service:
    return Service(
        odoo=addon or FakeAddon(),
        exchange=cast("Exchange", exchange or FakeExchange()),
        supervisor=cast("Supervisor", supervisor),
        sign_in=None,
        tokens=cast("Tokens", None),
        store=cast("Store", SimpleNamespace(database="d-1")),
        reload=_no_config,
        nursery=nursery,
        now=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC),
        body_ttl=60,
        attachments=cast("Attachments", None),
    )


async def test_wake_refresh_runs_a_cycle_and_changed_asks_odoo(nursery: trio.Nursery) -> None:
    """The two hints of Odoo mean different things."""
    supervisor, exchange = FakeSupervisor(), FakeExchange()
    service = _service(nursery, supervisor, exchange)
    service.wake([1, 2], "refresh", "F")
    assert (supervisor.running.woken, exchange.poked) == (["F"], [])
    service.wake([2], "changed", None)
    assert (supervisor.running.woken, exchange.poked) == (["F"], [[2]])


async def test_request_sync_serves_its_ticket_also_when_the_task_is_made_again(nursery: trio.Nursery) -> None:
    """Whoever waits for a cycle waits for one that will come: not for a task that crashed, nor for a mailbox that does not run."""
    supervisor = FakeSupervisor()
    service = _service(nursery, supervisor)
    asked, ticket = service.request_sync(["M1@x.example", "m2@x.example"])
    assert asked == [1]

    def served() -> dict[int, bool]:
        return {s.id: s.served_ticket >= ticket for s in service.status()}

    assert served() == {1: False, 2: True}
    supervisor.running.served_ticket = ticket
    assert served() == {1: True, 2: True}
    supervisor.running = FakeRunner()
    assert served() == {1: True, 2: True}


async def test_body_in_time_is_answered_and_late_is_delivered(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """Within the patience the caller gets it, after it Odoo does; a failure known in time is raised, a late one delivered too."""
    addon = FakeAddon(rows={"m": {}})
    service = _service(nursery, FakeSupervisor(), addon=addon)
    delay, error = 1.0, None

    async def fetch(_client: object, _remote_id: str, *, keep_seconds: float, address: str) -> dict[str, Any]:
        await trio.sleep(delay)
        if error is not None:
            raise error
        return {"html": "x", "keep_seconds": keep_seconds}

    monkeypatch.setattr(module, "fetch_body", fetch)
    assert await service.body(1, "m", patience=2.5) == {"html": "x", "keep_seconds": 60}
    delay = 5.0
    assert await service.body(1, "m", patience=2.5) is None
    await trio.sleep(10)
    assert addon.rows["m"]["body"] == (1, {"html": "x", "keep_seconds": 60})
    error = GraphNotFound("gone")
    assert await service.body(1, "m", patience=2.5) is None
    await trio.sleep(10)
    assert addon.rows["m"]["body"][1]["error"] == "not_found"
    assert addon.meant == ["d-1", "d-1"], "a database that was swapped meanwhile is not written"
    delay = 0.0
    with pytest.raises(GraphNotFound):
        await service.body(1, "m", patience=2.5)
    # Nobody waits: it is delivered however fast it comes.
    addon.rows["m"].pop("body")
    error = None
    assert await service.body(1, "m", patience=0) is None
    await trio.sleep(1)
    assert addon.rows["m"]["body"] == (1, {"html": "x", "keep_seconds": 60})


async def test_body_of_a_mailbox_that_does_not_run_needs_a_sign_in(nursery: trio.Nursery) -> None:
    """Nothing is asked of Graph for it."""
    with pytest.raises(NeedsSignIn):
        await _service(nursery, FakeSupervisor()).body(2, "m", patience=1)


async def test_sign_in_without_entra_is_not_configured(nursery: trio.Nursery) -> None:
    """Both steps say so."""
    service = _service(nursery, FakeSupervisor())
    with pytest.raises(NotConfigured):
        await service.signin_start(1, "a@x.example", "http://localhost/", None)
    with pytest.raises(NotConfigured):
        await service.signin_finish(1, "a@x.example", "state", {})
