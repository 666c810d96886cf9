"""Whatever is killed, nothing is lost and nothing doubled: real processes against a real Odoo, under load.

`make test` does a tenth of what `make drill` does. Reconcile is off, so that nothing is repaired behind our back.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import trio

from tests.drill.kills import Killer, Kills
from tests.drill.load import Load
from tests.drill.place import open_place, prefork_odoo
from tests.drill.seeds import is_drill, seed
from tests.graph_simulator.quirks import Quirks
from tests.odoo.process import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.odoo.template import Run

_TENTH = Kills(connector=20, worker=5, postgres=2)
_KILLS = _TENTH.times(10) if is_drill() else _TENTH

# Messages in the two Inboxes at the start: their backfill is under way when the first kills come.
_INBOXES = {"anna@pier.example": 600, "anna.larsen@outlook.example": 300}

# A cycle follows upon the other; each folder's newest 20 first, the rest as fast as Graph allows; never a reconcile.
_SETTINGS = {"interval": "500ms", "bootstrap_messages": 20, "backfill_per_hour": 0, "reconcile_interval": "365d"}

# Seconds before each answer of Graph: enough for requests to be under way at any moment.
_LATENCY = 0.02

# Seconds of quiet after which everything has to be right; ten times the changes make mailboxes of thousands.
_QUIET = 300.0 if is_drill() else 60.0


@pytest.mark.timeout(3600 if is_drill() else 240)
@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
async def test_kills_lose_and_double_nothing(run: Run, tmp_path: Path, transport: str) -> None:
    """The connector, Odoo's workers and PostgreSQL are killed while mailboxes change; then Odoo has every message once, as it is."""
    drawn = seed()
    print(f"{transport}: MAILDESK_SEED={drawn}")  # noqa: T201 - shown where the test fails, and by `make drill`
    port = free_port()
    with prefork_odoo(run, f"kills_{transport}", port) as odoo:
        # Cycles follow each other so closely that a long run would wait out Graph's 10,000 requests in ten minutes: that limit is off.
        quirks = Quirks(latency=_LATENCY, request_rate=0)
        async with open_place(run, odoo, tmp_path, port, transport=transport, settings=_SETTINGS, quirks=quirks) as place:
            mailboxes = {}
            for address, inbox in _INBOXES.items():
                mailbox, account = await place.connect(address, inbox=inbox, personal="outlook" in address)
                mailboxes[account] = mailbox
            loads = [Load(mailbox, random.Random(f"{drawn} {account}")) for account, mailbox in mailboxes.items()]  # noqa: S311 - no secret
            killer = Killer(place, random.Random(drawn))  # noqa: S311 - no secret
            async with trio.open_nursery() as nursery:
                for load in loads:
                    nursery.start_soon(load.run)
                await killer.run(_KILLS)
                nursery.cancel_scope.cancel()

            await place.stop()
            await place.start()
            await place.sync()
            try:
                await place.until_equal(mailboxes, _QUIET)
            except AssertionError as error:
                raise AssertionError(f"{error}\nMAILDESK_SEED={drawn}, log:\n{place.last_words()}") from error
            changes = sum(load.done.total() for load in loads)
            applies = place.query("SELECT sum(revision) FROM mailbox_folder_sync")[0][0]
            print(f"{dict(killer.done)}, {killer.at_work} of them at work; {changes} changes, {applies} revisions")  # noqa: T201 - likewise
            assert killer.done == {"connector": _KILLS.connector, "worker": _KILLS.worker, "postgres": _KILLS.postgres}
            assert killer.at_work > _KILLS.connector // 10, "the connector was killed at rest only: this proves nothing"
