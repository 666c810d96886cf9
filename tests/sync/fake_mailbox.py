"""A mailbox whose cycles end as a test says, and its runner."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import trio

from connector.sync.machine import Phase
from connector.sync.mailbox import Mailbox, Progress
from connector.sync.reports import Reports
from connector.sync.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.odoo.wire import CursorReport

__all__ = ["DONE", "FakeMailbox", "runner_of"]

DONE = Progress(Phase.UP_TO_DATE, 1, 1, resetting=False, synced=True)


@dataclass(slots=True)
class FakeLedger:
    """Tallies in memory."""

    tallies: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    async def tally(self, kind: str, since: float) -> list[tuple[float, int]]:
        """Return what was counted."""
        return [entry for entry in self.tallies.get(kind, []) if entry[0] > since]

    async def count(self, kind: str, at: float, count: int, *, forget_before: float) -> None:
        """Count."""
        kept = [entry for entry in self.tallies.get(kind, []) if entry[0] > forget_before]
        self.tallies[kind] = [*kept, (at, count)]


@dataclass(slots=True)
class FakeMailbox:
    """A mailbox whose cycles end as the test says: an error is raised, None is a good round."""

    ends: list[Exception | None]
    account_id: int = 7
    is_known: bool = True
    has_removals: bool = False
    has_handover: bool = False
    has_backlog: bool = False
    waits_until: float | None = None
    drift: int = 0
    ledger: FakeLedger = field(default_factory=FakeLedger)
    cycles: list[tuple[float, str | None]] = field(default_factory=list)
    forgotten: int = 0
    job_error: Exception | None = None
    on_progress: Callable[[Progress], None] = lambda _: None
    breathe: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint

    async def cycle(self, first: str | None = None) -> Progress:
        """Run one."""
        await trio.lowlevel.checkpoint()
        self.cycles.append((trio.current_time(), first))
        if not self.ends:
            await trio.sleep_forever()
        if (error := self.ends.pop(0)) is not None:
            raise error
        self.on_progress(DONE)
        return DONE

    async def reconcile(self) -> bool:
        """Find no drift."""
        return True

    async def true_up_due(self) -> float | None:
        """Have no filtered cursor, or fail as the test says."""
        if self.job_error is not None:
            raise self.job_error
        return None

    def take_aged_cursors(self) -> list[CursorReport]:
        """Have no cursor at all."""
        return []

    def forget(self) -> None:
        """Count."""
        self.forgotten += 1


def runner_of(
    mailbox: FakeMailbox, reports: Reports | None = None, on_refused: Callable[[int, Exception], Awaitable[None]] | None = None
) -> Runner:
    """Return the runner of `mailbox`: a cycle every five minutes, no reconciling."""
    return Runner(
        cast("Mailbox", mailbox),
        interval=300,
        backfill_per_hour=0,
        reconcile_interval=10**9,
        reports=reports or Reports(),
        now=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC),
        on_refused=on_refused,
    )
