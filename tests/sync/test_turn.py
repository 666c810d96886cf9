"""The turn of a mailbox: what is watched of messages while a write is under way, and what was sent before a take-up."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import trio

from connector.errors import OdooFault, OdooUnreachable
from connector.graph import delta
from connector.sync.applier import Applier, Superseded
from connector.sync.turn import Turn
from tests.sync.fakes import FakeAddon
from tests.sync.world import open_world

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from connector.odoo.wire import ApplyRequest, ApplyResult
    from connector.state.store import Store
    from tests.sync.world import World


def test_turn_message_that_is_written_meanwhile_is_looked_at_once() -> None:
    """From before the request until the next round; of what is not told yet it goes on."""
    turn = Turn()
    early, late, other = turn.watch("m"), turn.watch("m"), turn.watch("n")
    early.is_told = other.is_told = True
    turn.cross(["m", "x"])
    assert (early.is_crossed, late.is_crossed, other.is_crossed) == (True, True, False)
    assert turn.begin_round() == {"m"}
    assert turn.begin_round() == set()
    late.is_told = True
    assert turn.begin_round() == {"m"}
    turn.cross(["n"])
    assert turn.begin_round() == set(), "a round has begun since"
    gone = turn.watch("m")
    turn.drop(gone)
    turn.cross(["m"])
    assert not gone.is_crossed


class _Addon(FakeAddon):
    """Fails the first call of an apply with `error`; None: never answers it."""

    error: Exception | None = None
    is_broken = False

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Fail once."""
        if self.is_broken:
            return await FakeAddon.apply(self, request)
        self.is_broken = True
        if self.error is not None:
            raise self.error
        await trio.sleep_forever()
        raise AssertionError


@pytest.mark.parametrize("error", [OdooUnreachable("cut"), None])
async def test_turn_apply_whose_fate_is_unknown_needs_a_take_up(store: Store, autojump_clock: MockClock, error: Exception | None) -> None:
    """Its answer was lost, or whoever waited for it was stopped: it may be carried out yet, so nothing is written before a take-up."""
    del autojump_clock
    turn, addon = Turn("one"), _Addon()
    addon.error = error
    applier = Applier(7, addon, store, _never, _never, turn)
    with trio.move_on_after(1), suppress(OdooUnreachable):
        await applier.apply(gone=["m"])
    with pytest.raises(Superseded, match="taken up"):
        await applier.apply(gone=["m"])
    assert addon.calls == []
    turn.fence = "two"
    await applier.apply(gone=["m"])
    assert [call.fence for call in addon.calls] == ["two"]


async def test_turn_apply_that_odoo_refused_for_what_it_says_is_over(store: Store) -> None:
    """A fault is an answer: nothing of that call comes later, and the next one goes on."""
    turn, addon = Turn("one"), _Addon()
    addon.error = OdooFault("WireError", "no")
    applier = Applier(7, addon, store, _never, _never, turn)
    with pytest.raises(OdooFault):
        await applier.apply(gone=["m"])
    await applier.apply(gone=["m"])
    assert [call.fence for call in addon.calls] == ["one"]


async def _never(*_: Any) -> Any:
    raise AssertionError


# Applies of a first sync of 30 messages, three a page: bootstrap, windows and hand-over; the last ones are of quiet rounds.
_APPLIES = 23


@dataclass(slots=True)
class _LateApply:
    """Lets the apply number `nth` be carried out when `others` calls were, and changes every message as soon as it was given up."""

    world: World
    nth: int
    others: int
    applies: int = 0

    async def on_call(self, phase: str, method: str, _: object) -> None:
        """Count applies, and change the mailbox when the late one was sent."""
        if (phase, method) != ("before", "apply"):
            return
        self.applies += 1
        if self.applies == self.nth:
            self.world.addon.late["apply"] = self.others
            for message in self.world.truth.messages:
                self.world.truth.change(message, {"categories": ["New"], "importance": "high", "isRead": True})


@pytest.mark.parametrize("nth", range(1, _APPLIES + 1))
async def test_turn_late_apply_gets_over_nothing_newer(tmp_path: Path, autojump_clock: MockClock, nth: int) -> None:
    """Whichever apply is carried out long after it was given up: what Outlook's user did meanwhile stays.

    No cursor speaks of a page of a hand-over, a message that was asked for, or a count: so no revision keeps an older one away.
    """
    del autojump_clock
    for others in (5, 15, 25):
        with patch.object(delta, "_PREFER", ("odata.maxpagesize=3",)):
            async with open_world(tmp_path) as world:
                for number in range(30):
                    world.deliver(world.truth.folder_id("inbox"), age=number * 7000.0)
                late = _LateApply(world, nth, others)
                world.addon.on_call = late.on_call
                await world.run(5 * 3600.0)
                assert late.applies >= nth, "there are fewer applies: nothing was late"
                assert world.differences() == []
