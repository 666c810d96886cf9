"""Kills at moments drawn from a seed, while mailboxes change and sync: what is killed comes back at once."""

from __future__ import annotations

import math
import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    import random

    from tests.drill.place import Place

__all__ = ["Killer", "Kills"]

# Seconds between the moment that the connector came up and the next kill; short ones are as likely as long ones (the
# logarithm is what is drawn), since most of what can be cut short happens in the first half second.
_SOONEST, _LATEST = 0.05, 2.0
# Share of the kills that wait until Odoo has answered the connector; the others fall into its first words as well.
_READY_FIRST = 0.8
# Seconds that such a kill waits at most: Odoo may be away itself.
_PATIENCE = 3.0
# Seconds in which Odoo's master has a new worker, on a busy machine.
_RESPAWN = 30.0
# Seconds that PostgreSQL stays away, at most.
_AWAY = 1.0


@dataclass(frozen=True, slots=True)
class Kills:
    """How many of each."""

    connector: int
    worker: int
    postgres: int

    def times(self, factor: int) -> Kills:
        """Return so many times as many."""
        return Kills(self.connector * factor, self.worker * factor, self.postgres * factor)


@dataclass(slots=True)
class Killer:
    """Kills what is at a place; `done` counts the kills, `at_work` those of a connector that had a request at Graph under way."""

    place: Place
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    at_work: int = 0

    async def run(self, kills: Kills) -> None:
        """Carry out all `kills`, in an order of their own."""
        plan = ["connector"] * kills.connector + ["worker"] * kills.worker + ["postgres"] * kills.postgres
        self.rng.shuffle(plan)
        for what in plan:
            if self.rng.random() < _READY_FIRST:
                with trio.move_on_after(_PATIENCE):
                    await self.place.until_ready()
            await trio.sleep(math.exp(self.rng.uniform(math.log(_SOONEST), math.log(_LATEST))))
            await getattr(self, f"_{what}")()
            self.done[what] += 1

    async def _connector(self) -> None:
        self.at_work += any(mailbox.in_flight for mailbox in self.place.simulator.world.mailboxes.values())
        self.place.kill()
        await self.place.start()

    async def _worker(self) -> None:
        """Kill one worker; Odoo's master starts another one."""
        with trio.move_on_after(_RESPAWN):
            while not (workers := self.place.odoo.workers()):  # noqa: ASYNC110 - the last one was killed just now
                await trio.sleep(0.02)
        if not workers:
            raise AssertionError(f"Odoo has no worker for {_RESPAWN:.0f} s:\n{self.place.odoo.log.read_text()[-4000:]}")
        with suppress(ProcessLookupError):
            os.kill(self.rng.choice(workers), signal.SIGKILL)

    async def _postgres(self) -> None:
        cluster = self.place.odoo.cluster
        cluster.stop_at_once()
        await trio.sleep(self.rng.uniform(0, _AWAY))
        cluster.start()
