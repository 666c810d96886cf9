"""Connector, simulator and Odoo on one bench, and the oracle that compares the two ends.

The connector and the simulator run in the test's own trio loop, over real HTTP; Odoo is a process of its own.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from connector import app
from connector.config import Config
from connector.http import open_client
from connector.state.vault import new_key
from tests.demo.stage import state_files
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import CLIENT_ID, CLIENT_SECRET, Simulator, open_simulator
from tests.odoo.person import Person
from tests.sync.oracle import differing_folders, differing_messages, expected_folders, expected_messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.quirks import Quirks
    from tests.odoo.server import OdooServer
    from tests.odoo.template import Logins

__all__ = ["Bench", "differences", "open_bench"]

# Seconds that anything on the bench may take; a hang shows what was waited for.
_PATIENCE = 60

SECRET = "shared-secret-of-the-bench"


@dataclass(slots=True)
class Bench:
    """What a test holds in its hands."""

    odoo: OdooServer
    logins: Logins
    simulator: Simulator
    port: int
    state: Path
    key: str = field(default_factory=new_key)
    old_keys: list[str] = field(default_factory=list)
    transport: str = "json2"
    settings: dict[str, Any] = field(default_factory=dict)
    entra: bool = True
    _connector: trio.CancelScope | None = None
    _ended: trio.Event = field(default_factory=trio.Event)
    _nursery: trio.Nursery | None = None

    # ---------------------------------------------------------------- the connector

    def config(self) -> Config:
        """Return the connector's configuration."""
        entra = {"authority": self.simulator.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        sync = {"interval": "1h", "backfill_per_hour": 0, **self.settings}
        return Config.model_validate(
            {
                "odoo": {
                    "url": self.odoo.url,
                    "database": self.odoo.database,
                    "login": self.logins.connector,
                    "api_key": self.logins.connector_key,
                    "transport": self.transport,
                },
                "entra": entra if self.entra else None,
                "graph": {"base_url": f"{self.simulator.url}/v1.0"},
                "sync": sync,
                "server": {"listen": f"127.0.0.1:{self.port}", "secret": SECRET},
                "vault": {"keys": [self.key, *self.old_keys]},
                "state": {"path": self.state},
            }
        )

    async def start(self) -> None:
        """Start the connector, and wait until it listens."""
        if self._nursery is None:
            raise AssertionError("the bench is closed")

        self._ended = ended = trio.Event()

        async def work(task_status: trio.TaskStatus[str]) -> None:
            try:
                with trio.CancelScope() as self._connector:
                    await app.run(self.config(), reload=self.config, task_status=task_status)
            finally:
                ended.set()

        await self._nursery.start(work)

    async def stop(self) -> None:
        """Stop the connector, as SIGTERM does."""
        if self._connector is not None:
            self._connector.cancel()
            await self._ended.wait()

    def lose_state(self) -> None:
        """Delete the connector's file."""
        for file in state_files(self.state):
            file.unlink()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the connector."""
        async with open_client() as client:
            answer = await client.request(
                method, f"http://127.0.0.1:{self.port}{path}", json=body, headers={"Authorization": f"Bearer {SECRET}"}
            )
            answer.raise_for_status()
            return answer.json()

    @staticmethod
    async def get(url: str) -> tuple[int, str]:
        """GET without a secret; return status and text."""
        async with open_client() as client:
            answer = await client.get(url)
            return answer.status_code, answer.text.strip()

    async def sync(self, address: str | None = None) -> None:
        """Run a cycle now and wait for its end."""
        asked = await self.ask("POST", "/sync", {"emails": None if address is None else [address]})
        await self.until(partial(self._served, set(asked["accounts"]), asked["ticket"]), "the cycle to end")

    async def _served(self, accounts: set[int], ticket: int) -> bool:
        status = (await self.ask("GET", "/status"))["accounts"]
        return all(a["served_ticket"] >= ticket for a in status if a["id"] in accounts)

    # ---------------------------------------------------------------- people

    async def person(self, work: Callable[[Person], Any]) -> Any:
        """Let the user do something in Odoo."""

        def at_the_browser() -> Any:
            with Person.logged_in(self.odoo, self.logins.user, self.logins.user_password) as someone:
                return work(someone)

        return await trio.to_thread.run_sync(at_the_browser)

    async def connect(self, address: str) -> int:
        """Connect a mailbox through the whole sign-in; return the account's id."""

        def go(someone: Person) -> int:
            account = someone.new_account(address)
            answer = someone.sign_in(account, address)
            assert answer.headers.get("location", "").endswith("/odoo/maildesk"), answer.text[:500]
            return account

        return int(await self.person(go))

    async def account(self, account_id: int) -> dict[str, Any]:
        """Return an account as the app shows it."""
        accounts = (await self.person(lambda p: p.call("mailbox.account", "maildesk_overview")))["accounts"]
        return next(a for a in accounts if a["id"] == account_id)

    async def until_account(self, account_id: int, **wanted: Any) -> dict[str, Any]:
        """Wait until the account shows `wanted`; return it."""
        last: dict[str, Any] = {}

        async def shows() -> bool:
            last.update(await self.account(account_id))
            return all(last[key] == value for key, value in wanted.items())

        await self.until(shows, f"the account to show {wanted}", last)
        return last

    async def until(self, is_so: Callable[[], Any], what: str, seen: Any = None) -> None:
        """Wait until `is_so`; a wait too long fails with what was waited for."""
        with trio.move_on_after(_PATIENCE) as scope:
            while not await is_so():  # noqa: ASYNC110 - it happens in another process, which has no event for us
                await trio.sleep(0.1)
        if scope.cancelled_caught:
            raise AssertionError(f"waited {_PATIENCE} s for {what}; seen last: {seen}")

    # ---------------------------------------------------------------- the simulator

    def add_mailbox(self, address: str, *, inbox: int = 0, personal: bool = False) -> Mailbox:
        """Make a mailbox of real mail."""
        mailbox = make_mailbox(address, "Anna Larsen", personal=personal, inbox=inbox)
        self.simulator.world.mailboxes[address] = mailbox
        return mailbox

    async def until_equal(self, mailbox: Mailbox, account_id: int) -> None:
        """Run cycles until Odoo equals the mailbox: Graph's deltas may lag, answers may be lost."""
        last: list[str] = []

        async def is_equal() -> bool:
            await self.sync()
            last[:] = differences(self.odoo, mailbox, account_id)[:5]
            return not last

        await self.until(is_equal, "Odoo to equal the mailbox", last)

    def assert_equal(self, mailbox: Mailbox, account_id: int) -> None:
        """Compare Odoo's index with the mailbox, message by message and folder by folder."""
        found = differences(self.odoo, mailbox, account_id)
        assert not found, "\n".join(found[:20])


@asynccontextmanager
async def open_bench(
    odoo: OdooServer,
    logins: Logins,
    folder: Path,
    port: int,
    *,
    quirks: Quirks | None = None,
    transport: str = "json2",
    settings: dict[str, Any] | None = None,
    entra: bool = True,
) -> AsyncIterator[Bench]:
    """Set up a bench with the connector running; the accounts that were made go with it."""
    async with open_simulator(demo=False, quirks=quirks) as simulator, trio.open_nursery() as nursery:
        bench = Bench(odoo, logins, simulator, port, folder / "state.sqlite3", transport=transport, settings=settings or {}, entra=entra)
        bench._nursery = nursery
        await bench.start()
        try:
            yield bench
        finally:
            with trio.CancelScope(shield=True):
                await bench.stop()
                await bench.person(_clear)
            nursery.cancel_scope.cancel()


def _clear(someone: Person) -> None:
    def mine(*domain: Any) -> Any:
        return someone.call("mailbox.account", "search", list(domain), context={"active_test": False})

    someone.call("mailbox.account", "unlink", mine(["state", "!=", "disconnected"]))
    someone.call("mailbox.account", "maildesk_purge", mine())


_QUERY = """
    SELECT m.remote_id, f.remote_id, m.subject, m.from_name, m.from_email, m.preview, m.received_at, m.sent_at, m.is_read, m.is_flagged,
           m.importance, m.has_attachments, m.is_draft, m.categories, m.to_recipients, m.to_total, m.cc_recipients, m.cc_total,
           m.conversation_id, m.internet_message_id, m.pending_removal
    FROM mailbox_message_index m JOIN mailbox_folder f ON f.id = m.folder_id WHERE m.account_id = %s
"""
_FOLDERS = """
    SELECT f.remote_id, f.name, p.remote_id, f.role, COALESCE(s.unread, 0), COALESCE(s.total, 0)
    FROM mailbox_folder_sync s JOIN mailbox_folder f ON f.id = s.folder_id LEFT JOIN mailbox_folder p ON p.id = f.parent_id
    WHERE s.account_id = %s AND f.active
"""


def differences(odoo: OdooServer, mailbox: Mailbox, account_id: int) -> list[str]:
    """Return what differs between Odoo and the truth: nothing, after quiet."""
    folders = expected_folders(mailbox)
    synced = {name for name, folder in folders.items() if folder["role"] != "junk"}
    rows = [_found(row) for row in odoo.cluster.execute(odoo.database, _QUERY, account_id)]
    index = {row["remote_id"]: row for row in rows}
    found = [f"{len(rows) - len(index)} messages stand in Odoo twice"] if len(index) != len(rows) else []
    names = ("name", "parent", "role", "unread", "total")
    shown = {str(row[0]): dict(zip(names, row[1:], strict=True)) for row in odoo.cluster.execute(odoo.database, _FOLDERS, account_id)}
    return found + differing_messages(index, expected_messages(mailbox, synced)) + differing_folders(shown, folders)


def _found(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row of the index with the keys of the wire."""

    def loaded(value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value or []

    def people(kept: Any, total: int | None) -> dict[str, Any]:
        return {"total": total or 0, "list": loaded(kept)}

    return {
        "remote_id": row[0],
        "folder": row[1],
        "subject": row[2] or "",
        "from_name": row[3] or "",
        "from_email": row[4] or "",
        "preview": row[5] or "",
        "received_at": row[6].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sent_at": row[7] and row[7].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "is_read": bool(row[8]),
        "is_flagged": bool(row[9]),
        "importance": row[10],
        "has_attachments": bool(row[11]),
        "is_draft": bool(row[12]),
        "categories": loaded(row[13]),
        "to_recipients": people(row[14], row[15]),
        "cc_recipients": people(row[16], row[17]),
        "conversation_id": row[18] or "",
        "internet_message_id": row[19] or "",
        "pending": bool(row[20]),
    }
