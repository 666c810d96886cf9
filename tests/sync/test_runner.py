"""What each error of a cycle means for the mailbox, and what a person sees of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio

from connector.errors import (
    EntraUnreachable,
    GraphMailboxGone,
    GraphThrottled,
    GraphUnauthorized,
    GraphUnreachable,
    NeedsAdmin,
    NeedsSignIn,
    NotConfigured,
    OdooUnreachable,
    StateError,
)
from connector.odoo.wire import Account, SealedToken
from connector.sync.applier import NotConnectedInOdoo, Superseded
from connector.sync.machine import AUTH_EXPIRED, Phase, State
from connector.sync.mailbox import Mailbox, Progress
from connector.sync.reports import Reports
from connector.sync.runner import Runner
from connector.sync.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

DONE = Progress(Phase.UP_TO_DATE, 1, 1, resetting=False, synced=True)


@dataclass(slots=True)
class FakeMailbox:
    """A mailbox whose cycles end as the test says: an error is raised, None is a good round."""

    ends: list[Exception | None]
    account_id: int = 7
    has_backlog: bool = False
    cycles: list[tuple[float, str | None]] = field(default_factory=list)
    forgotten: int = 0
    on_progress: Callable[[Progress], None] = lambda _: None

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

    async def reconcile(self) -> int:
        """Find no drift."""
        return 0

    def forget(self) -> None:
        """Count."""
        self.forgotten += 1


def _runner(mailbox: FakeMailbox, reports: Reports | None = None) -> Runner:
    return Runner(
        cast("Mailbox", mailbox),
        interval=300,
        backfill_per_hour=0,
        reconcile_interval=10**9,
        reports=reports or Reports(),
        now=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC),
    )


def _told(reports: Reports) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for report in reports.take():
        told |= {k: getattr(report, k) for k in ("state", "state_message", "last_sync_at", "sync_phase")}
    return told


async def _run_for(runner: Runner, seconds: float) -> bool:
    """Run for some time of the test's clock; return whether it ended by itself."""
    with trio.move_on_after(seconds) as scope:
        await runner.run()
    return not scope.cancelled_caught


async def test_run_good_rounds_come_every_interval(autojump_clock: MockClock) -> None:
    """A cycle every five minutes; Odoo hears connected and when."""
    mailbox, reports = FakeMailbox([None, None, None]), Reports()
    runner = _runner(mailbox, reports)
    await _run_for(runner, 700)
    times = [t for t, _ in mailbox.cycles]
    assert [round(b - a) for a, b in pairwise(times)] == [300, 300]
    told = _told(reports)
    assert (told["state"], told["state_message"], told["last_sync_at"]) == ("connected", "Connected", "2026-11-23T12:00:00Z")


async def test_run_wake_brings_the_next_cycle_at_once(autojump_clock: MockClock) -> None:
    """Refresh does not wait for the interval; the folder that a person looks at goes first; the ticket is served after it."""
    mailbox = FakeMailbox([None, None])
    runner = _runner(mailbox)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(runner.run)
        await trio.sleep(10)
        runner.wake("F", ticket=3)
        assert runner.served_ticket == 0
        await trio.sleep(1)
        assert runner.served_ticket == 3
        nursery.cancel_scope.cancel()
    assert [first for _, first in mailbox.cycles] == [None, "F"]


async def test_run_throttled_is_silent_and_waits_as_told(autojump_clock: MockClock) -> None:
    """Retry-After is kept to the second; nobody sees anything."""
    mailbox, reports = FakeMailbox([GraphThrottled("slow down", retry_after=77), None]), Reports()
    await _run_for(_runner(mailbox, reports), 100)
    assert [round(t - mailbox.cycles[0][0]) for t, _ in mailbox.cycles] == [0, 77]
    assert _told(reports)["state"] == "connected"


@pytest.mark.parametrize("error", [GraphUnreachable("x"), EntraUnreachable("x"), OdooUnreachable("x")])
async def test_run_weather_is_silent_and_tried_again(error: Exception, autojump_clock: MockClock) -> None:
    """However long Graph, Entra or Odoo are away, the account stays what it was."""
    mailbox, reports = FakeMailbox([error] * 10), Reports()
    await _run_for(_runner(mailbox, reports), 3600)
    assert len(mailbox.cycles) > 8
    assert not _told(reports)


@pytest.mark.parametrize("error", [NeedsSignIn("x"), GraphUnauthorized("x")])
async def test_run_dead_sign_in_asks_the_person_and_ends(error: Exception, autojump_clock: MockClock) -> None:
    """The contract's sentence; nothing is tried until the person signed in again."""
    mailbox, reports = FakeMailbox([error]), Reports()
    assert await _run_for(_runner(mailbox, reports), 10)
    told = _told(reports)
    assert (told["state"], told["state_message"]) == ("reauth_required", AUTH_EXPIRED)


@pytest.mark.parametrize("error", [NeedsAdmin("the secret expired"), NotConfigured("OAuth Not Configured")])
async def test_run_administrators_matter_is_tried_hourly(error: Exception, autojump_clock: MockClock) -> None:
    """The administrator reads why; when it is mended, the mailbox goes on by itself."""
    mailbox, reports = FakeMailbox([error, None]), Reports()
    runner = _runner(mailbox, reports)
    await _run_for(runner, 1000)
    told = _told(reports)
    assert (told["state"], told["state_message"]) == ("admin_required", str(error))
    await _run_for(_runner(mailbox, reports), 10)
    assert _told(reports)["state"] == "connected"


async def test_run_mailbox_gone_is_believed_after_three_cycles(autojump_clock: MockClock) -> None:
    """A transient 403 is weather; three in a row are an administrator's matter."""
    gone = GraphMailboxGone("Graph answered 403", status=403, code="ErrorAccessDenied")
    mailbox, reports = FakeMailbox([gone, gone, gone]), Reports()
    await _run_for(_runner(mailbox, reports), 600)
    told = _told(reports)
    assert told["state"] == "admin_required"
    assert "ErrorAccessDenied" in told["state_message"]


async def test_run_unforeseen_error_is_seen_after_three_cycles_and_over_after_a_good_one(autojump_clock: MockClock) -> None:
    """One bad cycle is not shown, three are, a good round ends it."""
    mailbox, reports = FakeMailbox([ZeroDivisionError(), StateError("no key opens the token")]), Reports()
    runner = _runner(mailbox, reports)
    await _run_for(runner, 60)
    assert not _told(reports)
    mailbox.ends = [StateError("no key opens the token")]
    await _run_for(runner, 60)
    told = _told(reports)
    assert (told["state"], told["state_message"]) == ("error", "no key opens the token")
    mailbox.ends = [None]
    await _run_for(runner, 60)
    assert _told(reports)["state"] == "connected"


async def test_run_superseded_takes_up_what_odoo_has(autojump_clock: MockClock) -> None:
    """Somebody else wrote: trust nothing remembered, and go on at once."""
    mailbox = FakeMailbox([Superseded("other"), None])
    runner = _runner(mailbox)
    await _run_for(runner, 30)
    assert mailbox.forgotten == 1
    assert runner.state is State.LIVE


async def test_run_not_connected_any_more_ends(autojump_clock: MockClock) -> None:
    """Disconnected or paused in Odoo: the task ends without a word."""
    mailbox, reports = FakeMailbox([NotConnectedInOdoo("gone")]), Reports()
    assert await _run_for(_runner(mailbox, reports), 10)
    assert not _told(reports)


def _account(account_id: int, **given: Any) -> Account:
    values = {"email": f"m{account_id}@x.example", "provider": "outlook", "state": "connected", "active": True}
    return Account(id=account_id, **{**values, "token": SealedToken("x", 1), **given})


async def test_supervisor_crashing_mailbox_disturbs_no_other(autojump_clock: MockClock) -> None:
    """One task dies again and again; the other one's cycles come on time."""
    healthy = FakeMailbox([None] * 20, account_id=2)

    def make(account: Account) -> Runner:
        if account.id == 1:
            raise RuntimeError("cannot be made")
        return _runner(healthy)

    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(make, nursery)
        supervisor.take([_account(1), _account(2)])
        await trio.sleep(1000)
        assert len(healthy.cycles) == 4
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "change", [{"state": "paused"}, {"active": False}, {"state": "disconnected", "token": None}, {"state": "reauth_required"}]
)
async def test_supervisor_account_that_is_not_to_run_stops(change: dict[str, Any], autojump_clock: MockClock) -> None:
    """Paused, archived, disconnected, waiting for a sign-in: its task ends, and starts again when Odoo says connected."""
    mailbox = FakeMailbox([None] * 20)
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(lambda _: _runner(mailbox), nursery)
        supervisor.take([_account(7)])
        await trio.sleep(1)
        assert supervisor.runner(7) is not None
        supervisor.take([_account(7, **change)])
        await trio.sleep(1)
        assert supervisor.runner(7) is None
        supervisor.take([_account(7)])
        await trio.sleep(1)
        assert len(mailbox.cycles) == 2
        nursery.cancel_scope.cancel()


async def test_supervisor_refresh_wakes_and_other_changes_make_it_forget(autojump_clock: MockClock) -> None:
    """A request for news runs a cycle; a changed configuration is read again from Odoo; the same account twice does nothing."""
    mailbox = FakeMailbox([None] * 20)
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(lambda _: _runner(mailbox), nursery)
        for account, cycles, forgotten in (
            (_account(7), 1, 0),
            (_account(7), 1, 0),
            (_account(7, refresh_requested_at="2026-11-23T12:00:00Z"), 2, 0),
            (_account(7, refresh_requested_at="2026-11-23T12:00:00Z", state="error"), 3, 1),
        ):
            supervisor.take([account])
            await trio.sleep(1)
            assert (len(mailbox.cycles), mailbox.forgotten) == (cycles, forgotten)
        nursery.cancel_scope.cancel()


def test_reports_say_what_changed_once_and_keep_what_was_not_heard() -> None:
    """Merged until taken; given back under newer values; not repeated once heard; a heartbeat is always said."""
    reports = Reports()
    reports.put(1, sync_phase="discovering", backfill_done=1)
    reports.put(1, sync_phase="bootstrapping")
    taken = reports.take()
    assert [(r.sync_phase, r.backfill_done) for r in taken] == [("bootstrapping", 1)]
    reports.put(1, sync_phase="up_to_date")
    reports.put_back(taken)
    taken = reports.take()
    assert [(r.sync_phase, r.backfill_done) for r in taken] == [("up_to_date", 1)]
    reports.heard(taken)
    reports.put(1, sync_phase="up_to_date", backfill_done=1)
    assert reports.take() == []
    reports.heartbeat(1, "2026-11-23T12:00:00Z", is_awaited=False)
    reports.heard(reports.take())
    reports.heartbeat(1, "2026-11-23T12:00:00Z", is_awaited=True)
    assert len(reports.take()) == 1
