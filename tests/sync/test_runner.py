"""What each error of a cycle means for the mailbox, and what a person sees of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
from structlog.testing import capture_logs

from connector.errors import (
    EntraUnreachable,
    GraphError,
    GraphMailboxGone,
    GraphThrottled,
    GraphUnauthorized,
    GraphUnreachable,
    KeyMissing,
    NeedsAdmin,
    NeedsSignIn,
    NotConfigured,
    OdooFault,
    OdooUnreachable,
    StateError,
)
from connector.odoo.wire import AccountReport
from connector.sync.applier import NotConnectedInOdoo, Superseded
from connector.sync.machine import AUTH_EXPIRED, State
from connector.sync.reports import Reports
from tests.sync.fake_mailbox import FakeMailbox, runner_of

if TYPE_CHECKING:
    from trio.testing import MockClock

    from connector.sync.runner import Runner


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
    runner = runner_of(mailbox, reports)
    await _run_for(runner, 700)
    times = [t for t, _ in mailbox.cycles]
    assert [round(b - a) for a, b in pairwise(times)] == [300, 300]
    told = _told(reports)
    assert (told["state"], told["state_message"], told["last_sync_at"]) == ("connected", "Connected", "2026-11-23T12:00:00Z")


async def test_run_wake_brings_the_next_cycle_at_once(autojump_clock: MockClock) -> None:
    """Refresh does not wait for the interval; the folder that a person looks at goes first; the ticket is served after it."""
    mailbox = FakeMailbox([None, None])
    runner = runner_of(mailbox)
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
    await _run_for(runner_of(mailbox, reports), 100)
    assert [round(t - mailbox.cycles[0][0]) for t, _ in mailbox.cycles] == [0, 77]
    assert _told(reports)["state"] == "connected"


async def test_run_throttled_for_no_time_is_no_storm_of_cycles(autojump_clock: MockClock) -> None:
    """Retry-After "0", or a date that is past by our clock: some seconds lie between two cycles."""
    mailbox = FakeMailbox([GraphThrottled("slow down", retry_after=0.0)] * 100)
    await _run_for(runner_of(mailbox), 60)
    assert 2 < len(mailbox.cycles) <= 13


@pytest.mark.parametrize("error", [GraphUnreachable("x"), EntraUnreachable("x"), OdooUnreachable("x")])
async def test_run_weather_is_silent_and_tried_again(error: Exception, autojump_clock: MockClock) -> None:
    """However long Graph, Entra or Odoo are away, the account stays what it was."""
    mailbox, reports = FakeMailbox([error] * 10), Reports()
    await _run_for(runner_of(mailbox, reports), 3600)
    assert len(mailbox.cycles) > 8
    assert not _told(reports)


@pytest.mark.parametrize("error", [NeedsSignIn("x"), GraphUnauthorized("x")])
async def test_run_dead_sign_in_asks_the_person_and_ends(error: Exception, autojump_clock: MockClock) -> None:
    """The contract's sentence; nothing is tried until the person signed in again."""
    mailbox, reports = FakeMailbox([error]), Reports()
    assert await _run_for(runner_of(mailbox, reports), 10)
    told = _told(reports)
    assert (told["state"], told["state_message"]) == ("reauth_required", AUTH_EXPIRED)


async def test_run_after_new_sign_in_says_again_what_odoo_heard_before(autojump_clock: MockClock) -> None:
    """A sign-in makes Odoo say "connected"; when it is refused again at once, Odoo has to hear the same words again."""
    reports = Reports()
    for _ in range(2):
        assert await _run_for(runner_of(FakeMailbox([NeedsSignIn("x")]), reports), 10)
        told = reports.take()
        assert [r.state for r in told] == ["reauth_required"]
        reports.heard(told)


@pytest.mark.parametrize("error", [NeedsAdmin("the secret expired"), NotConfigured("OAuth Not Configured")])
async def test_run_administrators_matter_is_tried_hourly(error: Exception, autojump_clock: MockClock) -> None:
    """The administrator reads why; when it is mended, the mailbox goes on by itself."""
    mailbox, reports = FakeMailbox([error, None]), Reports()
    runner = runner_of(mailbox, reports)
    await _run_for(runner, 1000)
    told = _told(reports)
    assert (told["state"], told["state_message"]) == ("admin_required", str(error))
    await _run_for(runner_of(mailbox, reports), 10)
    assert _told(reports)["state"] == "connected"


async def test_run_mailbox_gone_is_believed_after_three_cycles(autojump_clock: MockClock) -> None:
    """A transient 403 is weather; three in a row are an administrator's matter."""
    gone = GraphMailboxGone("Graph answered 403", status=403, code="ErrorAccessDenied")
    mailbox, reports = FakeMailbox([gone, gone, gone]), Reports()
    await _run_for(runner_of(mailbox, reports), 600)
    told = _told(reports)
    assert told["state"] == "admin_required"
    assert "ErrorAccessDenied" in told["state_message"]


async def test_run_unforeseen_error_is_seen_after_three_cycles_and_over_after_a_good_one(autojump_clock: MockClock) -> None:
    """One bad cycle is not shown, three are, a good round ends it."""
    mailbox, reports = FakeMailbox([ZeroDivisionError(), StateError("no key opens the token")]), Reports()
    runner = runner_of(mailbox, reports)
    await _run_for(runner, 60)
    assert not _told(reports)
    mailbox.ends = [StateError("no key opens the token")]
    await _run_for(runner, 60)
    told = _told(reports)
    assert (told["state"], told["state_message"]) == ("error", "no key opens the token")
    mailbox.ends = [None]
    await _run_for(runner, 60)
    assert _told(reports)["state"] == "connected"


async def test_run_job_that_fails_for_ever_brings_no_cycle_sooner_and_sooner(autojump_clock: MockClock) -> None:
    """Between good cycles a step fails each time: the pauses grow to the interval instead of starting anew with each good cycle."""
    mailbox = FakeMailbox([None] * 1000)
    mailbox.job_error = GraphError("no")
    with capture_logs():
        await _run_for(runner_of(mailbox), 3600)
    assert len(mailbox.cycles) <= 25


async def test_run_superseded_takes_up_what_odoo_has(autojump_clock: MockClock) -> None:
    """Somebody else wrote: trust nothing remembered, and go on at once."""
    mailbox = FakeMailbox([Superseded("other"), None])
    runner = runner_of(mailbox)
    await _run_for(runner, 30)
    assert mailbox.forgotten == 1
    assert runner.state is State.LIVE


@pytest.mark.parametrize(("error", "forgotten"), [(OdooUnreachable("cut"), 1), (OdooFault("x", "no"), 1), (GraphUnreachable("cut"), 0)])
async def test_run_odoo_that_failed_is_read_again(error: Exception, forgotten: int, autojump_clock: MockClock) -> None:
    """Its answer may be what was lost: what it did is not known here, and building on the old view would be refused."""
    mailbox = FakeMailbox([error, None])
    await _run_for(runner_of(mailbox), 30)
    assert mailbox.forgotten == forgotten
    assert len(mailbox.cycles) == 2


async def test_run_not_connected_any_more_ends(autojump_clock: MockClock) -> None:
    """Disconnected or paused in Odoo: the task ends and says nothing, but names the account, to hear whether it was deleted."""
    mailbox, reports = FakeMailbox([NotConnectedInOdoo("gone")]), Reports()
    assert await _run_for(runner_of(mailbox, reports), 10)
    assert reports.take() == [AccountReport(7)]


async def test_run_key_that_is_missing_needs_an_administrator(autojump_clock: MockClock) -> None:
    """No failure of the mailbox: it says what to do, and is tried again within the hour, or at once when the trouble is over."""
    mailbox, reports = FakeMailbox([KeyMissing("no key in vault.keys opens it", "0123abcd"), None, None]), Reports()
    runner = runner_of(mailbox, reports)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(runner.run)
        await trio.sleep(100)
        told = _told(reports)
        assert (told["state"], told["state_message"]) == ("admin_required", "no key in vault.keys opens it")
        runner.retry()
        await trio.sleep(1)
        assert _told(reports)["state"] == "connected"
        runner.retry()
        await trio.sleep(1)
        assert len(mailbox.cycles) == 2
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("grouped", [False, True])
async def test_run_what_a_sign_in_has_to_prove_is_noted(autojump_clock: MockClock, *, grouped: bool) -> None:
    """The refusal that stops the mailbox is handed on, out of its group; weather is not."""
    refusal = NeedsSignIn("no", claims="{}")
    error: Exception = ExceptionGroup("side by side", [refusal]) if grouped else refusal
    noted: list[tuple[int, Exception]] = []

    async def note(account_id: int, why: Exception) -> None:
        noted.append((account_id, why))

    mailbox = FakeMailbox([EntraUnreachable("busy"), None, error])
    assert await _run_for(runner_of(mailbox, on_refused=note), 2000)
    assert noted == [(mailbox.account_id, refusal)]
