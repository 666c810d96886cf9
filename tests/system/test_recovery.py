"""What happens to machines: files lost or restored, databases restored, a second connector by mistake. Each heals by itself.

Reconcile is off: nothing is repaired behind our back.
"""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from connector import app
from tests.odoo.process import free_port
from tests.system.bench import Bench, differences

if TYPE_CHECKING:
    from pathlib import Path

    from tests.graph_simulator.model import Mailbox
    from tests.system.conftest import Opener

__all__ = ["replace_database"]

ADDRESS = "anna@pier.example"

_BACKUP = "maildesk_backup"


def _stir(mailbox: Mailbox, seed: int) -> None:
    """Change a few things, others with each `seed`."""
    inbox = mailbox.in_folder(mailbox.folder_id("inbox"))
    archive = mailbox.folder_id("archive")
    mailbox.delete(inbox[seed].immutable_id)
    mailbox.move(inbox[seed + 1].immutable_id, archive)
    mailbox.set_read(inbox[seed + 2].immutable_id, is_read=not inbox[seed + 2].data["isRead"])
    mailbox.move(inbox[seed + 3].immutable_id, archive)
    mailbox.move(inbox[seed + 3].immutable_id, mailbox.folder_id("inbox"))
    mailbox.add(mailbox.folder_id("inbox"), {**inbox[seed + 4].data, "subject": f"After {seed}"}, b"", [])


async def _connected(bench: Bench) -> tuple[Mailbox, int]:
    mailbox = bench.add_mailbox(ADDRESS, inbox=80)
    account = await bench.connect(ADDRESS)
    await bench.until_account(account, sync_phase="up_to_date")
    return mailbox, account


def replace_database(bench: Bench, name: str, source: str) -> None:
    """Make the database `name` anew as a copy of `source`; whoever is connected is thrown out, and kept out meanwhile."""
    execute = partial(bench.odoo.cluster.execute, "postgres")
    execute(f"ALTER DATABASE {source} ALLOW_CONNECTIONS false")
    execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", source)
    execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    bench.odoo.cluster.clone(source, name)
    execute(f"ALTER DATABASE {source} ALLOW_CONNECTIONS true")


@pytest.mark.parametrize("file", ["in use", "lost", "of then"])
async def test_recovery_odoo_restored_from_an_older_dump(bench_of: Opener, tmp_path: Path, file: str) -> None:
    """Yesterday's database comes back, under a running connector, or with its file lost, or with the file of yesterday too."""
    is_running = file == "in use"
    async with bench_of() as bench:
        mailbox, account = await _connected(bench)
        _stir(mailbox, 0)
        await bench.sync()
        await trio.to_thread.run_sync(replace_database, bench, _BACKUP, bench.odoo.database)
        # Yesterday's: its lease is long over.
        bench.odoo.cluster.execute(_BACKUP, "UPDATE mailbox_connector SET seen_at = seen_at - interval '1 day'")
        if file == "of then":
            await bench.stop()
            shutil.copy(bench.state, tmp_path / "then")
            await bench.start()
            await bench.until_equal(mailbox, account)
        _stir(mailbox, 10)
        await bench.until_equal(mailbox, account)

        async def has_exchanged() -> bool:
            serial = "SELECT serial FROM mailbox_connector"
            return bench.odoo.cluster.execute(_BACKUP, serial) != bench.odoo.cluster.execute(bench.odoo.database, serial)

        await bench.until(has_exchanged, "an exchange after the backup")
        if not is_running:
            await bench.stop()
        await trio.to_thread.run_sync(replace_database, bench, bench.odoo.database, _BACKUP)
        if file == "lost":
            bench.lose_state()
        elif file == "of then":
            bench.lose_state()
            shutil.copy(tmp_path / "then", bench.state)
        if not is_running:
            await bench.start()
        assert differences(bench.odoo, mailbox, account)
        await bench.until_equal(mailbox, account)
        _stir(mailbox, 20)
        await bench.until_equal(mailbox, account)


async def test_recovery_file_restored_from_last_week(bench_of: Opener, tmp_path: Path) -> None:
    """An old working copy is believed in nothing that Odoo knows better."""
    async with bench_of() as bench:
        mailbox, account = await _connected(bench)
        await bench.stop()
        shutil.copy(bench.state, tmp_path / "then")
        await bench.start()
        for seed in (0, 10):
            _stir(mailbox, seed)
            await bench.until_equal(mailbox, account)
        await bench.stop()
        bench.lose_state()
        shutil.copy(tmp_path / "then", bench.state)
        _stir(mailbox, 20)
        await bench.start()
        await bench.until_equal(mailbox, account)


async def test_recovery_second_connector_refuses_and_says_so(bench_of: Opener, tmp_path: Path) -> None:
    """Started by mistake on another file: it does nothing, `/readyz` says why, and the first goes on undisturbed."""
    async with bench_of() as bench:
        mailbox, account = await _connected(bench)
        port = free_port()
        config = bench.config()
        second = config.model_copy(
            update={
                "server": config.server.model_copy(update={"listen": f"127.0.0.1:{port}"}),
                "state": config.state.model_copy(update={"path": tmp_path / "second.sqlite3"}),
            }
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(app.run, second))
            asked = mailbox.requests

            async def refuses() -> bool:
                return (await bench.get(f"http://127.0.0.1:{port}/readyz")) == (503, "standby")

            await bench.until(refuses, "the second connector to refuse")
            assert mailbox.requests == asked
            _stir(mailbox, 0)
            await bench.until_equal(mailbox, account)
            assert (await bench.get(f"http://127.0.0.1:{bench.port}/readyz"))[0] == 200
            nursery.cancel_scope.cancel()
