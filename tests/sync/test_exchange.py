"""The regular call to Odoo: nothing lost while it is away, nobody held up by one report that it cannot take."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import structlog
import trio
from msgspec import UNSET

from connector.errors import AppRefused, OdooFault, OdooRefused, OdooUnreachable, StateError
from connector.odoo.wire import Account, AccountReport, Exchange, Foreign, Held, Hello, Trouble
from connector.sync import exchange as module
from connector.sync.reports import Reports
from connector.sync.trouble import Troubles
from tests.sync.fakes import FakeAddon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import UnsetType
    from trio.testing import MockClock


@dataclass(slots=True)
class Addon(FakeAddon):
    """An addon whose exchange answers as the test says."""

    faults: list[Exception] = field(default_factory=list)
    taken: list[tuple[float, str | None, list[AccountReport]]] = field(default_factory=list)
    poison: int | None = None
    ours: str = "1"
    key_expires_at: str | None = None
    troubles: list[Trouble | None | UnsetType] = field(default_factory=list)

    async def hello(self, version: str) -> Hello:
        """Greet, or fail as long as there are faults and nothing was exchanged yet."""
        if self.faults and (not self.taken or isinstance(self.faults[0], OdooRefused)):
            raise self.faults.pop(0)
        assert version == "1"
        return Hello("19.0.1.0.0", "19.0", self.ours, "", self.key_expires_at)

    async def exchange(
        self,
        *,
        instance: str,
        run: str,
        serial: str | None,
        since: str | None,
        reports: Sequence[AccountReport],
        leaving: bool = False,
        database: str | None = None,
        trouble: Trouble | None | UnsetType = UNSET,
        actions: int = 0,
    ) -> Exchange:
        """Take reports, but none of the poisoned account."""
        assert (instance, bool(run), serial is None or bool(self.taken), leaving, actions) == ("i", True, True, False, 0)
        self.troubles.append(trouble)
        if database != self.ours:
            return Exchange(foreign=Foreign(self.ours))
        if self.taken and self.faults:
            raise self.faults.pop(0)
        if any(r.account_id == self.poison for r in reports):
            raise OdooFault("odoo.exceptions.ValidationError", "no")
        self.taken.append((trio.current_time(), since, list(reports)))
        return Exchange(f"w{len(self.taken)}", [Account(9, "m@x.example", "outlook", "connected", active=True)])


@dataclass(slots=True)
class Name:
    """A state file's names."""

    instance: str = "i"
    database: str | None = None

    async def remember_database(self, database: str) -> None:
        """Note it."""
        await trio.lowlevel.checkpoint()
        self.database = database


@dataclass(slots=True)
class Heard:
    """Mailboxes that note what they are told; `faults` are raised by `take`."""

    told: list[str] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    async def take(self, answer: Exchange, *, is_whole: bool) -> None:
        """Note the accounts."""
        await trio.lowlevel.checkpoint()
        if self.faults:
            raise self.faults.pop(0)
        self.told.append("take all" if is_whole else "take")
        self.accounts += answer.accounts

    def stop(self) -> None:
        """Note it."""
        self.told.append("stop")

    def start_over(self) -> None:
        """Note it."""
        self.told.append("over")

    async def adopt(self, database: str) -> None:
        """Note it."""
        await trio.lowlevel.checkpoint()
        self.told.append(f"adopt {database}")


BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def _loop(
    addon: FakeAddon,
    reports: Reports | None = None,
    heard: Heard | None = None,
    name: Name | None = None,
    troubles: Troubles | None = None,
) -> module.Exchange:
    clock = trio.current_time()

    def now() -> datetime:
        return BEGAN + timedelta(seconds=trio.current_time() - clock)

    return module.Exchange(addon, name or Name(), reports or Reports(), heard or Heard(), troubles or Troubles(), "1", now)


async def _run(addon: Addon, reports: Reports, seconds: float) -> tuple[module.Exchange, list[Account]]:
    heard = Heard()
    loop = _loop(addon, reports, heard)
    with trio.move_on_after(seconds):
        await loop.run()
    return loop, heard.accounts


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
    loop = _loop(addon, reports)
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
    loop = _loop(addon, reports)
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
    addon, reports, heard = Addon(), Reports(), Heard()
    loop = _loop(addon, reports, heard)
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop.run)
            await trio.sleep(1)
            reports.put(4, state="error")
            addon.faults = [OdooRefused("the key is refused")] * 12
            loop.poke()
            await trio.sleep(60)
            during = (loop.readiness, heard.told[-1])
            await trio.sleep(1200)
            nursery.cancel_scope.cancel()
    assert during == ("refused", "stop")
    assert loop.readiness is None
    assert heard.told[heard.told.index("stop") :].count("take all") == 1
    assert [line["log_level"] for line in logs if "refuse" in line["event"]] == ["error"]
    assert "the key is refused" in str([line for line in logs if "refuse" in line["event"]])
    # The first call that is taken asks for all accounts, and tells what was to be told.
    assert addon.taken[1][1:] == (None, [AccountReport(account_id=4, state="error")])


async def test_exchange_refused_from_the_start_waits(autojump_clock: MockClock) -> None:
    """A wrong key at the first hello is the same state, and not "Odoo does not answer"."""
    addon = Addon(faults=[OdooRefused("no")] * 4)
    loop = _loop(addon)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(0.5)
        states = [loop.readiness]
        await trio.sleep(300)
        states.append(loop.readiness)
        nursery.cancel_scope.cancel()
    assert states == ["refused", None]


async def test_exchange_key_that_ends_is_said_in_time_and_once_a_day(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two weeks before, however long the connector has been running then."""
    monkeypatch.setattr(module, "EVERY", 3600.0)
    loop = _loop(Addon(key_expires_at="2026-11-16T12:00:00Z"))
    with structlog.testing.capture_logs() as logs:
        for days, said in ((1.4, 0), (0.2, 1), (1, 2)):
            with trio.move_on_after(days * 86400):
                await loop.run()
            assert len([line for line in logs if "API key" in line.get("reason", "")]) == said
    assert "in 13 days" in str(logs)


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
    heard = Heard()
    loop = _loop(addon, heard=heard)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(15)
        first = (loop.readiness, set(heard.told))
        await trio.sleep(30)
        assert (first, loop.readiness) == (("standby", {"stop"}), None)
        assert heard.told[-1].startswith("take")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("held", "leaves"), [(0, True), (99, False)])
async def test_exchange_on_the_way_out_the_lease_is_given_up(held: int, leaves: bool, autojump_clock: MockClock) -> None:  # noqa: FBT001 - pytest gives it
    """Whoever comes next need not wait; but nobody gives up what is another's."""
    addon = LeasedAddon(held=held)
    loop = _loop(addon)
    with trio.move_on_after(5):
        await loop.run()
    await loop.flush()
    assert addon.left is leaves


async def test_exchange_restored_database_starts_everything_over(autojump_clock: MockClock) -> None:
    """Odoo does not know the serial any more: all accounts are asked for anew, and the mailboxes forget what they knew."""
    addon = LeasedAddon(restored_at=2)
    heard = Heard()
    loop = _loop(addon, heard=heard)
    with trio.move_on_after(25):
        await loop.run()
    assert heard.told == ["take all", "over", "take all", "take"]
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
        database: str | None = None,
        trouble: Trouble | None | UnsetType = UNSET,
        actions: int = 0,
    ) -> Exchange:
        """Answer as the test says."""
        assert (instance, list(reports), bool(run), trouble, bool(database), actions) == ("i", [], True, UNSET, True, 0)
        self.asked.append((since, serial))
        self.left = self.left or leaving
        number = len(self.asked)
        if number <= self.held:
            return Exchange(held=Held("other", "2026-11-23T12:00:00Z"))
        return Exchange(f"w{number}", serial=f"s{number}", restored=number == self.restored_at)


async def test_exchange_other_database_nothing_runs_until_it_is_adopted(autojump_clock: MockClock) -> None:
    """A copy of Odoo's database: everything stops, nothing is told to it, `/readyz` says so; adopted, it is served from nothing."""
    addon, heard, reports, name = Addon(ours="copy"), Heard(), Reports(), Name(database="original")
    loop = _loop(addon, reports, heard, name)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        reports.put(4, state="error")
        await trio.sleep(25)
        assert (loop.readiness, addon.taken, set(heard.told)) == ("foreign", [], {"stop"})
        assert await loop.adopt() == ("original", "copy")
        assert heard.told[-2:] == ["stop", "adopt copy"]
        # The roster does that in life.
        name.database = "copy"
        await trio.sleep(1)
        assert (loop.readiness, heard.told[-1]) == (None, "take all")
        assert await loop.adopt() == ("copy", "copy")
        assert "adopt" not in heard.told[-1]
        nursery.cancel_scope.cancel()


async def test_exchange_our_database_that_comes_back_is_served_again(autojump_clock: MockClock) -> None:
    """The administrator points the connector at the right one again; what was to be told meanwhile is told."""
    addon, reports = Addon(), Reports()
    loop = _loop(addon, reports)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(1)
        addon.ours = "copy"
        reports.put(4, state="error")
        await trio.sleep(15)
        states = [loop.readiness]
        addon.ours = "1"
        await trio.sleep(15)
        assert [*states, loop.readiness] == ["foreign", None]
        assert [r.state for _, _, told in addon.taken for r in told] == ["error"]
        assert addon.taken[-1][1] is None or addon.taken[-2][1] is None
        nursery.cancel_scope.cancel()


async def test_exchange_accounts_that_cannot_be_kept_come_again(autojump_clock: MockClock) -> None:
    """A full disk: nobody runs by what was not noted, the watermark stays, and `/readyz` says what is wrong."""
    addon, heard = Addon(), Heard(faults=[StateError("disk full")])
    loop = _loop(addon, heard=heard)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(0.1)
        assert (loop.readiness, heard.told) == ("state", [])
        await trio.sleep(30)
        assert (loop.readiness, heard.told[0]) == (None, "take all")
        assert [since for _, since, _ in addon.taken][:3] == [None, None, "w2"]
        nursery.cancel_scope.cancel()


async def test_exchange_trouble_is_told_at_once_and_with_every_call(autojump_clock: MockClock) -> None:
    """Before Entra was asked nothing is said, so that Odoo keeps what it knows; then what there is, then that there is none."""
    addon, troubles = Addon(), Troubles()
    loop = _loop(addon, troubles=troubles)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(1)
        assert addon.troubles == [UNSET]
        troubles.refused(AppRefused("invalid_client"))
        await trio.sleep(1)
        assert addon.troubles[1:] == [Trouble("entra_credentials", "invalid_client")]
        troubles.accepted()
        await trio.sleep(1)
        assert addon.troubles[2:] == [None]
        nursery.cancel_scope.cancel()


async def test_exchange_poke_names_accounts(autojump_clock: MockClock) -> None:
    """Odoo says of an account that it was deleted only to who names it."""
    addon = Addon()
    loop = _loop(addon)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        await trio.sleep(1)
        loop.poke([4])
        await trio.sleep(1)
        assert [[r.account_id for r in told] for _, _, told in addon.taken] == [[], [4]]
        nursery.cancel_scope.cancel()
