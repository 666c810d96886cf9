"""The agenda: everything at its time, in its order, once, whoever runs it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import trio
import trio.testing

from tests.graph_simulator.agenda import Agenda
from tests.graph_simulator.server import trio_clock

START = datetime(2031, 5, 6, tzinfo=UTC)


async def test_agenda_goes_by_its_times(autojump_clock: trio.testing.MockClock) -> None:
    """In the order of the times, of the entries where they are the same; what is entered meanwhile comes in its place."""
    agenda, seen = Agenda(trio_clock(START)), []
    started = trio.current_time()

    def act(name: str) -> None:
        seen.append((name, round(trio.current_time() - started)))
        if name == "b":
            agenda.act(1, partial(act, "c"))

    async def errand(name: str) -> None:
        await trio.sleep(1)
        act(name)

    for seconds, name in ((10, "d"), (5, "b"), (5, "b2"), (0, "a")):
        agenda.act(seconds, partial(act, name))
    agenda.errand(7, partial(errand, "e"))
    with trio.move_on_after(60):
        await agenda.run()
    assert seen == [("a", 0), ("b", 5), ("b2", 5), ("c", 6), ("e", 8), ("d", 10)]


def test_agenda_settles_when_it_is_asked() -> None:
    """A clock that a test holds in its hand is enough: acts whose time has come happen, errands wait for somebody to run them."""
    now, seen = [START], []
    agenda = Agenda(lambda: now[0])

    async def errand() -> None:
        seen.append("errand")

    agenda.act(5, partial(seen.append, "act"))
    agenda.errand(5, errand)
    for seconds in (4, 2, 2):
        now[0] += timedelta(seconds=seconds)
        agenda.settle()
    assert seen == ["act"]


async def test_agenda_run_twice_does_everything_once(autojump_clock: trio.testing.MockClock) -> None:
    """Two clients of one world in one process."""
    agenda, seen = Agenda(trio_clock(START)), []

    async def errand() -> None:
        await trio.sleep(1)
        seen.append("errand")

    with trio.move_on_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(agenda.run)
            nursery.start_soon(agenda.run)
            agenda.act(3, partial(seen.append, "act"))
            agenda.errand(3, errand)
    assert seen == ["act", "errand"]


async def test_agenda_errand_outlives_who_ran_it(autojump_clock: trio.testing.MockClock) -> None:
    """What was under way when a client went away is done for the next one."""
    agenda, seen = Agenda(trio_clock(START)), []

    async def errand() -> None:
        seen.append("begun")
        await trio.sleep(5)
        seen.append("done")

    agenda.errand(1, errand)
    for seconds in (3, 60):
        with trio.move_on_after(seconds):
            await agenda.run()
    assert seen == ["begun", "begun", "done"]


async def test_agenda_mistake_of_an_act_is_raised(autojump_clock: trio.testing.MockClock) -> None:
    """It is one of the simulator's own, and a test has to see it."""

    def mistake() -> None:
        raise ZeroDivisionError

    agenda = Agenda(trio_clock(START))
    agenda.act(1, mistake)
    with pytest.raises(ExceptionGroup) as raised:
        await agenda.run()
    assert raised.group_contains(ZeroDivisionError)
