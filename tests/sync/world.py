"""One mailbox between the simulator and an addon in memory, the real engine in the middle; time, faults and deaths are the test's.

The connector runs as it does in life (runner, store, gate, client); only sockets, processes and the wall clock are missing. A death ends
it at any request, call or step; whatever it had in memory is gone, its file stays as it was.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import trio

from connector.graph.client import MailboxClient
from connector.graph.folders import ROLES
from connector.graph.gate import Gate
from connector.http import open_client
from connector.outbox.courier import Courier
from connector.outbox.queue import Outbox
from connector.state.journal import Journal
from connector.state.store import open_store
from connector.sync.exchange import Exchange
from connector.sync.mailbox import Mailbox
from connector.sync.plan import Surge
from connector.sync.reports import Reports
from connector.sync.runner import Runner
from connector.sync.trouble import Troubles
from tests.graph_simulator.entra import Grant
from tests.graph_simulator.model import Mailbox as Truth
from tests.graph_simulator.model import iso
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.server import asgi_transport, make_world
from tests.sync.memory_addon import MemoryAddon, MemoryMailbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from connector.odoo.wire import Exchange as Answer

__all__ = ["ACCOUNT", "Died", "Spoil", "World", "differences", "fill", "kind_of", "open_deep", "open_world"]

Spoil = Callable[[str], httpx.Response | None]

ACCOUNT = 7
_BASE = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Died(BaseException):
    """The connector's process is no more."""


@dataclass(slots=True)
class Fuse:
    """Burns after so many steps of a kind; `steps` None never does."""

    steps: int | None = None
    act: Callable[[], None] = lambda: None

    def burn(self) -> None:
        """Take one step."""
        if self.steps is None:
            return
        self.steps -= 1
        if self.steps <= 0:
            self.steps = None
            self.act()


class _Steps(trio.abc.Instrument):
    """Burns a fuse with every step of any task."""

    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Take one."""
        del task
        self._fuse.burn()


@dataclass(slots=True)
class Wire(httpx.AsyncBaseTransport):
    """The way to Graph: counts requests, and can be cut before or behind one."""

    inner: httpx.AsyncBaseTransport
    fuse: Callable[[str], Awaitable[None]]
    world: World

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request."""
        self.world.requests += 1
        await self.fuse("before graph")
        response = await self.inner.handle_async_request(request)
        await response.aread()
        await self.fuse("after graph")
        return _spoiled(request, response, self.world.spoil) if self.world.spoil is not None else response


def _spoiled(request: httpx.Request, response: httpx.Response, spoil: Spoil) -> httpx.Response:
    """Put other answers in place of some: of single requests, and of items of a batch, where what depends on a failed one gets 424."""
    if not request.url.path.endswith("/$batch"):
        return spoil(str(request.url)) or response
    asked = {item["id"]: item["url"] for item in json.loads(request.content)["requests"]}
    answer = json.loads(response.content)
    is_broken = False
    for item in sorted(answer.get("responses", []), key=lambda i: int(i["id"])):
        if is_broken:
            item |= {"status": 424, "body": {}}
        elif (other := spoil(asked[item["id"]])) is not None:
            item |= {"status": other.status_code, "body": json.loads(other.content)}
            is_broken = other.status_code != 200
    return httpx.Response(response.status_code, json=answer)


@dataclass(slots=True)
class World:
    """What a test holds in its hands."""

    truth: Truth
    addon: MemoryAddon
    simulator: Any
    state: Path
    settings: dict[str, Any]
    requests: int = 0
    runner: Runner | None = None
    reports: Reports = field(default_factory=Reports)
    deaths: int = 0
    lose: dict[str, int] = field(default_factory=dict)
    # Other answers than the simulator's, by what is asked for; None leaves them.
    spoil: Spoil | None = None
    _scope: trio.CancelScope | None = None
    _fuse: Fuse = field(default_factory=Fuse)

    @staticmethod
    def now() -> datetime:
        """Return the wall clock: it goes with trio's."""
        return _BASE + timedelta(seconds=trio.current_time())

    # ---------------------------------------------------------------- the connector

    async def run(self, seconds: float, *, die_after: int | None = None, die_at_step: int | None = None) -> None:
        """Let the connector run for so many seconds of the test's clock.

        It may die after so many requests and calls, or at any await: after so many steps of any of its tasks.
        """
        async with open_store(self.state, self.now) as store:
            if store.database is None:
                # As at the first hello.
                await store.remember_database(self.addon.database_uuid)
            self.reports = Reports()
            async with asgi_transport(self.simulator) as graph, open_client(transport=Wire(graph, self.on_wire, self)) as http:
                client = MailboxClient(http, "http://graph.example/v1.0", Gate(), _Token())
                mailbox = Mailbox(
                    account_id=ACCOUNT,
                    client=client,
                    odoo=self.addon,
                    store=store,
                    bootstrap_messages=self.settings.get("bootstrap_messages", 5),
                    now=self.now,
                    surge=Surge(),
                    reanchor=self.settings.get("reanchor", 4000),
                    on_progress=lambda _: None,
                )
                outbox = Outbox(Journal(store), self.now)
                courier = Courier(mailbox, outbox, self.addon, self.now)
                self.runner = Runner(
                    mailbox,
                    interval=300,
                    backfill_per_hour=self.settings.get("backfill_per_hour", 0),
                    reconcile_interval=self.settings.get("reconcile_interval", 10**9),
                    reports=self.reports,
                    now=self.now,
                    beside=courier.run if self.settings.get("outbox") else None,
                )
                courier.on_done = courier.on_trouble = self.runner.wake
                steps = _Steps(Fuse(die_at_step, self.die))
                trio.lowlevel.add_instrument(steps)
                with trio.move_on_after(seconds) as self._scope:
                    self._fuse = Fuse(die_after, self.die)
                    async with trio.open_nursery() as nursery:
                        if self.settings.get("outbox"):
                            exchange = Exchange(self.addon, store, self.reports, _Mailboxes(mailbox), Troubles(), "1.0", self.now, outbox)
                            nursery.start_soon(exchange.run)
                        await self.runner.run()
                        nursery.cancel_scope.cancel()
                trio.lowlevel.remove_instrument(steps)
                self._fuse = Fuse()
                self._scope = None

    def die(self) -> None:
        """End the connector where it is; what it had in memory is gone."""
        if self._scope is not None and not self._scope.cancel_called:
            self.deaths += 1
            self._scope.cancel()

    async def on_wire(self, where: str) -> None:
        """Take one step of the connector's: it may die here, or find a call or its answer lost."""
        self._fuse.burn()
        await trio.lowlevel.checkpoint()
        if self.lose.get(where):
            self.lose[where] -= 1
            if where.endswith("graph"):
                raise httpx.ReadError("cut")
            from connector.errors import OdooUnreachable  # noqa: PLC0415 - as the port says it

            raise OdooUnreachable("cut")

    # ---------------------------------------------------------------- the mailbox

    def deliver(self, folder_id: str, *, age: float = 0.0, **values: Any) -> str:
        """Put a message into a folder, received `age` seconds ago; return its id."""
        number = len(self.truth.messages)
        received = iso(self.now() - timedelta(seconds=age))
        person = {"emailAddress": {"name": "Ben", "address": "ben@pier.example"}}
        data = {
            "subject": f"Mail {number}",
            "from": person,
            "sender": person,
            "toRecipients": [person],
            "ccRecipients": [],
            "bccRecipients": [],
            "replyTo": [],
            "bodyPreview": "…",
            "body": {"contentType": "text", "content": "…"},
            "receivedDateTime": received,
            "sentDateTime": received,
            "createdDateTime": received,
            "lastModifiedDateTime": received,
            "internetMessageId": f"<{number}@pier.example>",
            "conversationId": f"c{number % 5}",
            "isRead": False,
            "flag": {"flagStatus": "notFlagged"},
            "importance": "normal",
            "hasAttachments": False,
            "isDraft": False,
            "categories": [],
            "changeKey": f"k{number}",
            **values,
        }
        return self.truth.add(folder_id, data, b"", []).immutable_id

    def differences(self) -> list[str]:
        """Return what differs between the addon and the mailbox: nothing, after quiet."""
        return differences(self.addon.mailboxes[ACCOUNT], self.truth)


class _Mailboxes:
    """What an exchange tells of the accounts: there is one, and it runs."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def take(self, answer: Answer, *, is_whole: bool) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Another connector holds the lease, one that died with its file: actions wait until that has run out."""

    def start_over(self) -> None:
        """Odoo was restored."""
        self._mailbox.forget()

    async def adopt(self, database: str) -> None:
        """Another database: does not happen here."""
        raise AssertionError(database)


class _Token:
    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        """Return the one token; Graph takes it for ever."""
        assert claims is reject is None
        return "t"


@asynccontextmanager
async def open_world(folder: Path, *, quirks: Quirks | None = None, **settings: Any) -> AsyncIterator[World]:
    """Make an empty mailbox and an account that is connected to it."""
    simulator = make_world(demo=False, quirks=quirks, clock=World.now)
    truth = simulator.mailboxes["anna@pier.example"] = Truth("anna@pier.example", "Anna")
    simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite",), 10**12)
    addon = MemoryAddon(World.now)
    addon.mailboxes[ACCOUNT] = MemoryMailbox()
    world = World(truth, addon, simulator, folder / f"state-{random.random()}.sqlite3", settings)  # noqa: S311 - a file name
    addon.fuse = world.on_wire
    yield world


@asynccontextmanager
async def open_deep(folder: Path) -> AsyncIterator[tuple[World, str]]:
    """Make a mailbox whose older mail comes slowly, below a filtered cursor that tells nothing of it; yield it, and a message there."""
    quirks = Quirks(out_of_filter_events=False)
    async with open_world(folder, quirks=quirks, outbox=True, bootstrap_messages=5, backfill_per_hour=40) as world:
        fill(world, "inbox", 200)
        # The hourly comparison of what is below the anchor is done: what happens from now on it does not find before an hour has passed.
        await world.run(700)
        rows = [i for i, row in world.addon.rows(ACCOUNT).items() if not row["pending"]]
        assert 5 < len(rows) < 200
        yield world, min(rows, key=lambda one: str(world.truth.messages[one].data["receivedDateTime"]))


def differences(box: MemoryMailbox, truth: Truth) -> list[str]:
    """Compare message by message and folder by folder."""
    synced = {i for i, f in box.folders.items() if f.active and f.sync_enabled}
    shown = {f.id for f in truth.folders.values() if not f.is_hidden and not f.is_search and f.well_known != "msgfolderroot"}
    found = [f"folder {i}: missing in Odoo" for i in shown - {i for i, f in box.folders.items() if f.active}]
    found += [f"folder {i}: only in Odoo" for i in {i for i, f in box.folders.items() if f.active} - shown]
    for folder_id in shown & box.folders.keys():
        folder, real = box.folders[folder_id], truth.folders[folder_id]
        unread, total = truth.counts(folder_id)
        parent = None if truth.folders[real.parent_id or folder_id].well_known == "msgfolderroot" else real.parent_id
        is_so = (folder.name, folder.parent, folder.role, folder.unread, folder.total)
        should = (real.name, parent, ROLES.get(real.well_known, "other"), unread, total)
        if is_so != should:
            found.append(f"folder {real.name}: {is_so}, should be {should}")
    wanted = {m.immutable_id: m for m in truth.messages.values() if m.folder_id in synced}
    found += [f"missing in Odoo: {wanted[i].data['subject']} ({i[-6:]})" for i in wanted.keys() - box.rows.keys()]
    found += [f"only in Odoo: {box.rows[i].get('subject')} ({i[-6:]})" for i in box.rows.keys() - wanted.keys()]
    for remote_id in wanted.keys() & box.rows.keys():
        row, message = box.rows[remote_id], wanted[remote_id]
        data = message.data
        sender = data["from"]["emailAddress"]
        expected = {
            "folder": message.folder_id,
            "subject": data["subject"],
            "from_email": sender["address"],
            "to_recipients": {"total": 1, "list": [{"name": "Ben", "address": "ben@pier.example"}]},
            "received_at": data["receivedDateTime"],
            "sent_at": data["sentDateTime"],
            "is_read": data["isRead"],
            "is_flagged": data["flag"]["flagStatus"] == "flagged",
            "importance": data["importance"],
            "categories": data["categories"],
            "internet_message_id": data["internetMessageId"],
            "conversation_id": data["conversationId"],
            "pending": False,
        }
        found += [
            f"{data['subject']} ({remote_id[-6:]}): {key} is {row.get(key)!r}, should be {value!r}"
            for key, value in expected.items()
            if row.get(key) != value
        ]
    return found


def fill(world: World, folder: str, number: int, *, every: float = 3600.0) -> list[str]:
    """Deliver messages, the first one the newest; return their ids."""
    return [world.deliver(world.truth.folder_id(folder), age=60 + n * every) for n in range(number)]


def kind_of(entry: dict[str, Any]) -> str:
    """Return what a request of the simulator's log is for: batch, delta, list, message or folders."""
    path = entry["path"].lower()
    if path.endswith("$batch"):
        return "batch"
    if "delta" in path:
        return "delta"
    if path.endswith("/messages"):
        return "list"
    return "message" if "/messages/" in path else "folders"
