"""A place where everything can be killed: the connector a process, Odoo with HTTP workers, a PostgreSQL of our own.

The simulator runs in the caller's trio loop, so that mailboxes are at hand. Processes are started from the main thread.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from connector.http import open_client
from tests.demo.stage import write_config
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import Simulator, open_simulator
from tests.odoo.person import Person
from tests.odoo.process import Program, child, free_port
from tests.odoo.server import OdooServer, run_odoo
from tests.odoo.template import CLONE, TEMPLATE, set_up
from tests.system.bench import SECRET, differences

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.quirks import Quirks
    from tests.odoo.template import Run

__all__ = ["Place", "open_place", "prefork_odoo"]

# HTTP workers: one dies, another goes on; more would only take memory.
_WORKERS = 2
# What Odoo and PostgreSQL call an error, the last line of a traceback among it.
_ERRORS = re.compile(r"ERROR|FATAL|DETAIL|^[\w.]+(Error|Violation|Exception|Failure)\b")
# Seconds for the connector to listen after its start.
_STARTS_IN = 30.0
# Seconds that SIGTERM grants (contract), and some for a busy machine.
_STOPS_IN = 15.0


@contextmanager
def prefork_odoo(run: Run, name: str, port: int) -> Iterator[OdooServer]:
    """Run an Odoo with HTTP workers on a fresh clone of the template, set up for a connector at `port`."""
    data = run.folder / "data"
    run.cluster.clone(TEMPLATE, name)
    # Elsewhere commits need not survive; here what Odoo said is done must be there after a crash.
    run.cluster.execute(name, f"ALTER DATABASE {name} SET synchronous_commit = on")
    run.cluster.checkpoint()
    store = data / "filestore"
    shutil.copytree(store / TEMPLATE, store / name, copy_function=os.link, dirs_exist_ok=True)
    http = free_port()
    set_up(run.cluster, name, f"http://localhost:{http}", f"http://127.0.0.1:{port}", SECRET)
    options = ("--workers", str(_WORKERS))
    with run_odoo(run.install, run.cluster, name, run.folder, data=data, port=http, options=options) as server:
        yield server


@dataclass(slots=True)
class Place:
    """What a drill holds in its hands."""

    run: Run
    odoo: OdooServer
    simulator: Simulator
    connector: Program
    port: int
    state: Path
    log: Path
    instance: str = ""

    # ---------------------------------------------------------------- the connector

    async def start(self) -> None:
        """Start the connector, and wait until it listens."""
        process = self.connector.start()
        with trio.move_on_after(_STARTS_IN):
            while process.poll() is None:
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", self.port)).aclose()
                except OSError:
                    await trio.sleep(0.02)
                else:
                    return
        raise AssertionError(f"the connector did not start (exit code {process.poll()}):\n{self.last_words()}")

    async def until_ready(self) -> None:
        """Wait until Odoo has answered the connector."""
        async with open_client() as client:
            while (await client.get(f"http://127.0.0.1:{self.port}/readyz")).status_code != 200:  # noqa: ASYNC110 - another process
                await trio.sleep(0.02)

    def kill(self) -> None:
        """Kill the connector, and look whether its file can be opened as it was left."""
        code = self.connector.kill()
        assert code == -signal.SIGKILL, f"the connector ended by itself, with {code}:\n{self.last_words()}"
        found = _instance_of(self.state)
        assert self.instance in {"", found}, "the connector began another state file"
        self.instance = found

    async def stop(self) -> None:
        """Stop the connector as an administrator does, in the time that it has for it."""
        process = self.connector.process
        assert process is not None, "the connector does not run"
        process.send_signal(signal.SIGTERM)
        with trio.move_on_after(_STOPS_IN):
            while process.poll() is None:  # noqa: ASYNC110 - a process ends without an event for us
                await trio.sleep(0.05)
        assert process.poll() == 0, f"SIGTERM ended the connector with {process.poll()}:\n{self.last_words()}"
        self.connector.close()

    def last_words(self) -> str:
        """Return the end of the connector's log, and the end of what Odoo and PostgreSQL called an error."""
        ours = self.log.read_text(errors="replace").splitlines()[-40:]
        theirs = self.odoo.log.read_text(errors="replace").splitlines() + self.odoo.cluster.log.read_text(errors="replace").splitlines()
        wrong = [line for line in theirs if _ERRORS.search(line)]
        return "\n".join([*ours, "Odoo, PostgreSQL:", *wrong[-20:]])

    async def sync(self) -> None:
        """Ask for a cycle of all mailboxes."""
        async with open_client() as client:
            headers = {"Authorization": f"Bearer {SECRET}"}
            answer = await client.request("POST", f"http://127.0.0.1:{self.port}/sync", json={"emails": None}, headers=headers)
            answer.raise_for_status()

    # ---------------------------------------------------------------- mailboxes

    async def connect(self, address: str, *, inbox: int, personal: bool = False) -> tuple[Mailbox, int]:
        """Make a mailbox of real mail and connect it by the whole sign-in; return it and the account's id."""
        mailbox = make_mailbox(address, "Anna Larsen", personal=personal, inbox=inbox)
        self.simulator.world.mailboxes[address] = mailbox

        def go() -> int:
            with Person.logged_in(self.odoo, self.run.logins.user, self.run.logins.user_password) as someone:
                account = someone.new_account(address)
                answer = someone.sign_in(account, address)
                assert answer.headers.get("location", "").endswith("/odoo/maildesk"), answer.text[:500]
                return account

        return mailbox, await trio.to_thread.run_sync(go)

    async def until_quiet(self, seconds: float) -> None:
        """Wait until nothing is open that users did; what still is after `seconds` is the failure."""
        deadline = trio.current_time() + seconds
        while found := self.query(_OPEN_ACTIONS):
            if trio.current_time() > deadline:
                raise AssertionError(f"after {seconds:.0f} s of quiet there is still open: {found}")
            await trio.sleep(0.5)

    async def until_equal(self, mailboxes: dict[int, Mailbox], seconds: float) -> None:
        """Wait until Odoo has all `mailboxes` (by account) as they are; what still differs after `seconds` is the failure."""
        deadline = trio.current_time() + seconds
        while found := self.differences(mailboxes):
            if trio.current_time() > deadline:
                raise AssertionError(f"after {seconds:.0f} s of quiet {len(found)} differences:\n" + "\n".join(found[:20]))
            await trio.sleep(0.5)

    def differences(self, mailboxes: dict[int, Mailbox]) -> list[str]:
        """Return what differs between Odoo and the mailboxes, and what stands twice."""
        twice = self.query("SELECT account_id, remote_id, count(*) FROM mailbox_message_index GROUP BY 1, 2 HAVING count(*) > 1")
        found = [f"message {str(remote_id)[-8:]} of account {account} stands {count} times" for account, remote_id, count in twice]
        for account, mailbox in mailboxes.items():
            found += [f"account {account}: {line}" for line in differences(self.odoo, mailbox, account)]
        return found

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask Odoo's database."""
        return self.odoo.cluster.execute(self.odoo.database, statement)


_OPEN_ACTIONS = (
    "SELECT kind, state, count(*) FROM mailbox_action WHERE state IN ('scheduled', 'pending', 'running') GROUP BY 1, 2 ORDER BY 1"
)


def _instance_of(state: Path) -> str:
    """Open a copy of the state file as it lies there, check it, and return whose it is; the file itself is left to the connector."""
    with tempfile.TemporaryDirectory() as folder:
        for file in state.parent.glob(f"{state.name}*"):
            if file.is_file():
                shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder) / state.name)) as copy:
            (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
            assert verdict == "ok", f"the state file is damaged: {verdict}"
            (instance,) = copy.execute("SELECT value FROM meta WHERE key = 'instance'").fetchone()
            return str(instance)


@asynccontextmanager
async def open_place(
    run: Run,
    odoo: OdooServer,
    folder: Path,
    port: int,
    *,
    transport: str,
    settings: dict[str, Any],
    quirks: Quirks | None = None,
    module: str = "connector.cli",
) -> AsyncIterator[Place]:
    """Set up a place with the connector running; `settings` are those of its section `sync`, `module` is what runs it."""
    config, log = folder / "maildesk.yaml", folder / "connector.log"
    async with open_simulator(demo=False, quirks=quirks) as simulator:
        where = {
            "url": odoo.url,
            "database": odoo.database,
            "login": run.logins.connector,
            "api_key": run.logins.connector_key,
            "transport": transport,
        }
        write_config(config, where, f"127.0.0.1:{port}", SECRET, simulator.url)
        environ = os.environ | {f"MAILDESK__SYNC__{key.upper()}": str(value) for key, value in settings.items()}
        command = [sys.executable, "-m", module, "run", "--config", str(config)]
        program = Program(partial(child, command, log=log, env=environ, cwd=CLONE))
        place = Place(run, odoo, simulator, program, port, folder / "state.sqlite3", log)
        try:
            await place.start()
            yield place
        finally:
            program.close()
