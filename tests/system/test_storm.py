"""Bad weather at Graph: one answer in five goes wrong, in every way that was seen; the index gets there all the same.

A mailbox that the storm spares must not feel it (design, rule 8).
"""

from __future__ import annotations

import random
from statistics import median
from typing import TYPE_CHECKING

import pytest
import trio

from tests.drill.load import Load
from tests.drill.seeds import is_drill, seed
from tests.graph_simulator.seed import MAILS, make_mailbox
from tests.system.bench import Bench, differences

if TYPE_CHECKING:
    from tests.graph_simulator.model import Mailbox
    from tests.odoo.person import Person
    from tests.system.conftest import Opener

HEALTHY = "harbour@pier.example"
STRUCK = tuple(f"ship{number:02}@pier.example" for number in range(20))

# Share of all answers that are bad.
_SHARE = 0.2
# Changes of each mailbox before a cycle that is measured.
_CHANGES = 3
# Cycles that are measured, without the storm and within it.
_CYCLES = 60 if is_drill() else 15
# The median cycle in the storm may take so many times as long as without: both share two cores with twenty others and Odoo.
_RATIO = 3.0
# Seconds in which everything converges, the storm still raging. A 429 that names no time holds a mailbox for half a minute.
_CONVERGES = 400.0 if is_drill() else 150.0
# Seconds between two cycles; it is also the longest wait after a failure.
_INTERVAL = 5


def _make(address: str) -> Mailbox:
    return make_mailbox(address, "Anna Larsen", mails=MAILS[:24], inbox=30)


def _connect(someone: Person, address: str) -> int:
    account = someone.new_account(address)
    answer = someone.sign_in(account, address)
    assert answer.headers.get("location", "").endswith("/odoo/maildesk"), answer.text[:500]
    return account


async def _converged(bench: Bench, mailboxes: dict[int, Mailbox], seconds: float) -> None:
    """Wait until every mailbox is in Odoo as it is; the last differences are the failure."""
    left = dict(mailboxes)
    found: list[str] = []
    with trio.move_on_after(seconds):
        while left:
            for account, mailbox in list(left.items()):
                if found := differences(bench.odoo, mailbox, account):
                    break
                del left[account]
            await trio.sleep(0.2)
    assert not left, f"after {seconds:.0f} s {len(left)} of {len(mailboxes)} mailboxes differ:\n" + "\n".join(found[:10])


async def _cycle_of_healthy(bench: Bench, loads: list[Load]) -> float:
    """Change all mailboxes, ask for a cycle of the healthy one, and return how long it takes; the others follow at their interval."""
    for load in loads:
        for _ in range(_CHANGES):
            load.change(load.rng.choice(["deliver", "read", "flag", "move", "there_and_back", "delete"]))
    began = trio.current_time()
    asked = await bench.ask("POST", "/sync", {"emails": [HEALTHY]})
    while True:
        (healthy,) = [a for a in (await bench.ask("GET", "/status"))["accounts"] if a["email"] == HEALTHY]
        if healthy["served_ticket"] >= asked["ticket"]:
            return trio.current_time() - began
        await trio.sleep(0.01)


@pytest.mark.timeout(3600 if is_drill() else 420)
async def test_storm_converges_and_leaves_the_healthy_alone(bench_of: Opener) -> None:
    """Twenty mailboxes in a storm become equal while it rages; the one beside them syncs as fast as before."""
    drawn = seed()
    print(f"storm: MAILDESK_SEED={drawn}")  # noqa: T201 - shown where the test fails, and by `make drill`
    settings = {"interval": _INTERVAL, "backfill_per_hour": 0, "reconcile_interval": "365d"}
    async with bench_of(settings=settings) as bench:
        world = bench.simulator.world
        for address in (HEALTHY, *STRUCK):
            world.mailboxes[address] = _make(address)
        accounts = await bench.person(lambda someone: {_connect(someone, address): address for address in world.mailboxes})
        mailboxes = {account: world.mailboxes[address] for account, address in accounts.items()}
        await _converged(bench, mailboxes, _CONVERGES)
        loads = [Load(mailbox, random.Random(f"{drawn} {account}")) for account, mailbox in mailboxes.items()]  # noqa: S311 - no secret

        calm = median([await _cycle_of_healthy(bench, loads) for _ in range(_CYCLES)])
        world.quirks = world.quirks.changed({"storm": _SHARE, "storm_seed": drawn, "storm_mailboxes": ",".join(STRUCK)})
        began = len(world.requests)
        stormy = median([await _cycle_of_healthy(bench, loads) for _ in range(_CYCLES)])
        rough = trio.current_time()
        await _converged(bench, mailboxes, _CONVERGES)
        took = trio.current_time() - rough

        statuses = [entry["status"] for entry in list(world.requests)[began:] if entry["mailbox"] in STRUCK]
        bad = [status for status in statuses if status is None or status >= 400]
        print(  # noqa: T201 - likewise
            f"healthy cycle {calm * 1000:.0f} ms, in the storm {stormy * 1000:.0f} ms, ratio {stormy / calm:.2f}; "
            f"{len(bad)} of {len(statuses)} answers with a bad status; equal {took:.0f} s after the last change"
        )
        assert len(bad) > len(statuses) * _SHARE / 4, "there was no storm: this proves nothing"
        assert stormy < calm * _RATIO
