"""All mailboxes beside each other: what Odoo says of an account starts, wakes or stops its task, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from connector.errors import AppRefused, NeedsSignIn
from connector.odoo.wire import Account, SealedToken
from connector.sync.supervisor import Supervisor
from tests.sync.fake_mailbox import FakeMailbox, runner_of

if TYPE_CHECKING:
    from trio.testing import MockClock

    from connector.sync.runner import Runner


def _account(account_id: int, **given: Any) -> Account:
    values = {"email": f"m{account_id}@x.example", "provider": "outlook", "state": "connected", "active": True}
    return Account(id=account_id, **{**values, "token": SealedToken("x", 1), **given})


async def test_supervisor_crashing_mailbox_disturbs_no_other(autojump_clock: MockClock) -> None:
    """One task dies again and again; the other one's cycles come on time."""
    healthy = FakeMailbox([None] * 20, account_id=2)

    def make(account: Account) -> Runner:
        if account.id == 1:
            raise RuntimeError("cannot be made")
        return runner_of(healthy)

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
        supervisor = Supervisor(lambda _: runner_of(mailbox), nursery)
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
        supervisor = Supervisor(lambda _: runner_of(mailbox), nursery)
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


async def test_supervisor_task_that_crashed_is_made_again(autojump_clock: MockClock) -> None:
    """What cannot be made now is tried again after half a minute, and then runs."""
    mailbox, attempts = FakeMailbox([None] * 20), 0

    def make(_: Account) -> Runner:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise RuntimeError("cannot be made")
        return runner_of(mailbox)

    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(make, nursery)
        supervisor.take([_account(7)])
        await trio.sleep(59)
        assert (attempts, mailbox.cycles) == (2, [])
        await trio.sleep(2)
        assert len(mailbox.cycles) == 1
        nursery.cancel_scope.cancel()


async def test_supervisor_stop_and_start_at_once_runs(autojump_clock: MockClock) -> None:
    """A task that is told to stop but has not ended yet does not swallow the account's next start."""
    mailbox = FakeMailbox([None] * 20)
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(lambda _: runner_of(mailbox), nursery)
        supervisor.take([_account(7)])
        await trio.sleep(1)
        supervisor.take([_account(7, state="paused")])
        supervisor.take([_account(7)])
        await trio.sleep(1)
        assert supervisor.runner(7) is not None
        assert len(mailbox.cycles) == 2
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("other", [{"email": "other@x.example"}, {"tenant": "x.example"}])
async def test_supervisor_other_address_starts_anew_and_a_rotated_token_does_not(autojump_clock: MockClock, other: dict[str, str]) -> None:
    """A new token disturbs nothing, the newest is taken at the next request; another address or tenant begins anew, with one task."""
    made: list[tuple[str | None, FakeMailbox]] = []
    (name,) = other

    def make(account: Account) -> Runner:
        made.append((getattr(account, name), FakeMailbox([None] * 20)))
        return runner_of(made[-1][1])

    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(make, nursery)
        for change in ({}, {"token": SealedToken("y", 2)}, {"token": SealedToken("y", 2), **other}):
            supervisor.take([_account(7, **change)])
            await trio.sleep(1)
        assert [(value, len(mailbox.cycles), mailbox.forgotten) for value, mailbox in made] == [
            (getattr(_account(7), name), 1, 0),
            (other[name], 1, 0),
        ]
        assert len(nursery.child_tasks) == 1
        nursery.cancel_scope.cancel()


async def test_supervisor_account_without_token_waits(autojump_clock: MockClock) -> None:
    """Odoo may know an account before anybody signed in: it is known here, and does not run."""
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(lambda _: runner_of(FakeMailbox([])), nursery)
        supervisor.take([_account(7, token=None)])
        await trio.sleep(1)
        assert supervisor.runner(7) is None
        assert [a.id for a in supervisor.accounts] == [7]


async def test_supervisor_two_accounts_of_one_mailbox_only_one_runs(autojump_clock: MockClock) -> None:
    """However they come: together, one after the other, or one learning late whose mailbox it is. The other one says so."""
    twins: list[int] = []
    made: list[int] = []

    def make(account: Account) -> Runner:
        made.append(account.id)
        return runner_of(FakeMailbox([None] * 20, account_id=account.id))

    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(make, nursery, twins.append)
        supervisor.take([_account(2, mailbox_id="m"), _account(1, mailbox_id="m"), _account(3, mailbox_id="other"), _account(4)])
        supervisor.take([_account(0, mailbox_id="m"), _account(5)])
        await trio.sleep(1)
        running = {i for i in range(6) if supervisor.runner(i) is not None}
        assert (running, sorted(set(twins)), sorted(made)) == ({1, 3, 4, 5}, [0, 2], [1, 3, 4, 5])
        supervisor.take([_account(5, mailbox_id="other")])
        await trio.sleep(1)
        assert supervisor.runner(5) is None
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("ending", ["paused", "dropped", "by itself"])
async def test_supervisor_twin_runs_when_the_other_one_stops(ending: str, autojump_clock: MockClock) -> None:
    """Nobody has to do anything for it; and of two that wait one runs."""

    def make(account: Account) -> Runner:
        ends: list[Exception | None] = [None, NeedsSignIn("x")] if account.id == 1 and ending == "by itself" else [None] * 20
        return runner_of(FakeMailbox(ends, account_id=account.id))

    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(make, nursery)
        supervisor.take([_account(i, mailbox_id="m") for i in (1, 2, 3)])
        await trio.sleep(1)
        assert [i for i in (1, 2, 3) if supervisor.runner(i) is not None] == [1]
        if ending == "paused":
            supervisor.take([_account(1, mailbox_id="m", state="paused")])
        elif ending == "dropped":
            supervisor.drop([1])
            supervisor.take([])
        await trio.sleep(400)
        assert [i for i in (1, 2, 3) if supervisor.runner(i) is not None] == [2]
        nursery.cancel_scope.cancel()


async def test_supervisor_mailbox_that_ended_by_itself_is_not_started_by_anothers_news(autojump_clock: MockClock) -> None:
    """One that waits for a sign-in stays quiet until Odoo says something of it."""
    made: list[int] = []

    def make(account: Account) -> Runner:
        made.append(account.id)
        return runner_of(FakeMailbox([NeedsSignIn("x")], account_id=account.id))

    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(make, nursery)
        supervisor.take([_account(1)])
        await trio.sleep(1)
        supervisor.take([_account(2, state="paused")])
        await trio.sleep(1)
        assert made == [1]
        supervisor.take([_account(1)])
        await trio.sleep(1)
        assert made == [1, 1]
        nursery.cancel_scope.cancel()


async def test_supervisor_retry_wakes_those_that_wait_for_an_administrator(autojump_clock: MockClock) -> None:
    """What concerned all of them was mended: the others need no cycle for that."""
    waiting, fine = FakeMailbox([AppRefused("invalid_client"), None], account_id=1), FakeMailbox([None] * 20, account_id=2)
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(lambda account: runner_of(waiting if account.id == 1 else fine), nursery)
        supervisor.take([_account(1), _account(2)])
        await trio.sleep(10)
        supervisor.retry()
        await trio.sleep(10)
        assert (len(waiting.cycles), len(fine.cycles)) == (2, 1)
        nursery.cancel_scope.cancel()
