"""The regular call to Odoo: nothing lost while it is away, nobody held up by one report that it cannot take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import structlog
import trio

from connector.errors import OdooFault, OdooRefused, OdooUnreachable
from connector.odoo.wire import Account, AccountReport, Exchange, Held, Hello
from connector.sync import exchange as module
from connector.sync.reports import Reports
from tests.sync.fakes import FakeAddon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio.testing import MockClock


@dataclass(slots=True)
class Addon(FakeAddon):
    """An addon whose exchange answers as the test says."""

    faults: list[Exception] = field(default_factory=list)
    taken: list[tuple[float, str | None, list[AccountReport]]] = field(default_factory=list)
    poison: int | None = None

    async def hello(self, version: str) -> Hello:
        """Greet, or fail as long as there are faults and nothing was exchanged yet."""
        if self.faults and (not self.taken or isinstance(self.faults[0], OdooRefused)):
            raise self.faults.pop(0)
        return Hello("19.0.1.0.0", "19.0", version, "")

    async def exchange(
        self,
        *,
        instance: str,
        run: str,
        serial: str | None,
        since: str | None,
        reports: Sequence[AccountReport],
        leaving: bool = False,
    ) -> Exchange:
        """Take reports, but none of the poisoned account."""
        assert (instance, bool(run), serial is None or bool(self.taken), leaving) == ("i", True, True, False)
        if self.taken and self.faults:
            raise self.faults.pop(0)
        if any(r.account_id == self.poison for r in reports):
            raise OdooFault("odoo.exceptions.ValidationError", "no")
        self.taken.append((trio.current_time(), since, list(reports)))
        return Exchange(f"w{len(self.taken)}", [Account(9, "m@x.example", "outlook", "connected", active=True)])


def _nothing() -> None:
    """Do nothing."""


async def _run(addon: Addon, reports: Reports, seconds: float) -> tuple[module.Exchange, list[Account]]:
    seen: list[Account] = []
    loop = module.Exchange(addon, "i", reports, seen.extend, "1", stop=seen.clear, start_over=seen.clear)
    with trio.move_on_after(seconds):
        await loop.run()
    return loop, seen


async def test_exchange_quiet_is_every_ten_seconds_with_the_watermark(autojump_clock: MockClock) -> None:
    """One call for all mailboxes, whatever they are; the watermark of the last answer goes with the next call."""
    addon = Addon()
    loop, seen = await _run(addon, Reports(), 35)
    assert [since for _, since, _ in addon.taken] == [None, "w1", "w2", "w3"]
    assert loop.readiness is None
    assert {a.id for a in seen} == {9}


async def test_exchange_urgent_report_does_not_wait(autojump_clock: MockClock) -> None:
    """A changed state is told within a second."""
    addon, reports = Addon(), Reports()
    loop = module.Exchange(addon, "i", reports, lambda _: None, "1", stop=_nothing, start_over=_nothing)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(1)
        reports.put(4, state="reauth_required")
        await trio.sleep(1)
        assert [r.account_id for r in addon.taken[-1][2]] == [4]
        nursery.cancel_scope.cancel()


async def test_exchange_odoo_away_loses_no_report(autojump_clock: MockClock) -> None:
    """Not ready while Odoo is away; what was to be told is told when it is back."""
    addon, reports = Addon(), Reports()
    loop = module.Exchange(addon, "i", reports, lambda _: None, "1", stop=_nothing, start_over=_nothing)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(1)
        addon.faults = [OdooUnreachable("down")] * 4
        reports.put(4, state="error")
        await trio.sleep(5)
        states = [loop.readiness]
        await trio.sleep(200)
        states.append(loop.readiness)
        nursery.cancel_scope.cancel()
    assert states == ["odoo", None]
    assert [r.state for _, _, told in addon.taken for r in told] == ["error"]


async def test_exchange_greeting_is_repeated_until_odoo_fits(autojump_clock: MockClock) -> None:
    """A connector that starts before Odoo waits for it."""
    addon = Addon(faults=[OdooUnreachable("down")] * 3)
    loop, _ = await _run(addon, Reports(), 120)
    assert loop.readiness is None
    assert addon.taken


async def test_exchange_refused_key_is_one_state_of_the_connector(autojump_clock: MockClock) -> None:
    """Mailboxes stop, `refused` is what `/readyz` says, it is logged once; accepted again it goes on by itself, with all accounts."""
    addon, reports, seen = Addon(), Reports(), list[str]()
    loop = module.Exchange(addon, "i", reports, lambda _: seen.append("take"), "1", stop=lambda: seen.append("stop"), start_over=_nothing)
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop.run)
            await trio.sleep(1)
            reports.put(4, state="error")
            addon.faults = [OdooRefused("the key is refused")] * 12
            loop.poke()
            await trio.sleep(60)
            during = (loop.readiness, seen[-1])
            await trio.sleep(1200)
            nursery.cancel_scope.cancel()
    assert during == ("refused", "stop")
    assert (loop.readiness, seen[-1]) == (None, "take")
    assert [line["log_level"] for line in logs if "refuse" in line["event"]] == ["error"]
    assert "the key is refused" in str([line for line in logs if "refuse" in line["event"]])
    # The first call that is taken asks for all accounts, and tells what was to be told.
    assert addon.taken[1][1:] == (None, [AccountReport(account_id=4, state="error")])


async def test_exchange_refused_from_the_start_waits(autojump_clock: MockClock) -> None:
    """A wrong key at the first hello is the same state, and not "Odoo does not answer"."""
    addon = Addon(faults=[OdooRefused("no")] * 4)
    loop = module.Exchange(addon, "i", Reports(), lambda _: None, "1", stop=_nothing, start_over=_nothing)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(0.5)
        states = [loop.readiness]
        await trio.sleep(300)
        states.append(loop.readiness)
        nursery.cancel_scope.cancel()
    assert states == ["refused", None]


async def test_exchange_report_that_odoo_cannot_take_holds_nobody_up(autojump_clock: MockClock) -> None:
    """After three tries it is dropped, and the accounts of all others come through."""
    addon, reports = Addon(poison=4), Reports()
    reports.put(4, state="error")
    _, seen = await _run(addon, reports, 300)
    assert addon.taken
    assert seen


async def test_exchange_another_connector_holds_the_lease_everything_stops(autojump_clock: MockClock) -> None:
    """Two by mistake: the second refuses and says so, takes no account, and goes on by itself when the first is gone."""
    addon = LeasedAddon(held=3)
    seen: list[str] = []
    loop = module.Exchange(
        addon,
        "i",
        Reports(),
        lambda accounts: seen.append(f"take {len(accounts)}"),
        "1",
        stop=lambda: seen.append("stop"),
        start_over=_nothing,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(15)
        first = (loop.readiness, set(seen))
        await trio.sleep(30)
        assert (first, loop.readiness) == (("standby", {"stop"}), None)
        assert seen[-1].startswith("take")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("held", "leaves"), [(0, True), (99, False)])
async def test_exchange_on_the_way_out_the_lease_is_given_up(held: int, leaves: bool, autojump_clock: MockClock) -> None:  # noqa: FBT001 - pytest gives it
    """Whoever comes next need not wait; but nobody gives up what is another's."""
    addon = LeasedAddon(held=held)
    loop = module.Exchange(addon, "i", Reports(), lambda _: None, "1", stop=_nothing, start_over=_nothing)
    with trio.move_on_after(5):
        await loop.run()
    await loop.flush()
    assert addon.left is leaves


async def test_exchange_restored_database_starts_everything_over(autojump_clock: MockClock) -> None:
    """Odoo does not know the serial any more: all accounts are asked for anew, and the mailboxes forget what they knew."""
    addon = LeasedAddon(restored_at=2)
    seen: list[str] = []
    loop = module.Exchange(addon, "i", Reports(), lambda _: seen.append("take"), "1", stop=_nothing, start_over=lambda: seen.append("over"))
    with trio.move_on_after(25):
        await loop.run()
    assert seen == ["take", "over", "take", "take"]
    assert [since for since, _ in addon.asked] == [None, "w1", None, "w3"]
    assert [serial for _, serial in addon.asked] == [None, "s1", "s2", "s3"]


@dataclass(slots=True)
class LeasedAddon(FakeAddon):
    """An addon whose lease another connector holds for so many calls, or that is restored before a call."""

    held: int = 0
    restored_at: int = 0
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)
    left: bool = False

    async def exchange(
        self,
        *,
        instance: str,
        run: str,
        serial: str | None,
        since: str | None,
        reports: Sequence[AccountReport],
        leaving: bool = False,
    ) -> Exchange:
        """Answer as the test says."""
        assert (instance, list(reports), bool(run)) == ("i", [], True)
        self.asked.append((since, serial))
        self.left = self.left or leaving
        number = len(self.asked)
        if number <= self.held:
            return Exchange(held=Held("other", "2026-11-23T12:00:00Z"))
        return Exchange(f"w{number}", serial=f"s{number}", restored=number == self.restored_at)
