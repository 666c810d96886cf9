"""The gate of a mailbox: lanes, priorities, fence, window. Time is trio's, owned by the test."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from connector.graph.gate import LANES, WINDOW, WINDOW_REQUESTS, Gate, Gates, Priority


def test_gate_numbers_are_graphs() -> None:
    """An app may have four requests at once and 10,000 in ten minutes at a mailbox: no more than that, and not much less."""
    assert (max(LANES.values()), WINDOW) == (4, 600)
    assert 9_000 <= max(WINDOW_REQUESTS.values()) <= 10_000
    for limits in (LANES, WINDOW_REQUESTS):
        assert limits[Priority.PERSON] > limits[Priority.LIVE] > limits[Priority.BACKFILL], "something is kept for who is more urgent"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Priority), st.floats(0, 5), st.floats(0.01, 3)), max_size=40))
def test_gate_any_crowd_never_exceeds_the_lanes(crowd: list[tuple[Priority, float, float]]) -> None:
    """However many come when, at most four are through, and all get through."""

    async def main() -> None:
        gate, inside, done = Gate(), 0, 0

        async def visitor(priority: Priority, arrives: float, stays: float) -> None:
            nonlocal inside, done
            await trio.sleep(arrives)
            async with gate.lane(priority):
                inside += 1
                assert inside <= LANES[Priority.PERSON]
                await trio.sleep(stays)
                inside -= 1
            done += 1

        async with trio.open_nursery() as nursery:
            for visit in crowd:
                nursery.start_soon(visitor, *visit)
        assert done == len(crowd)

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_gate_person_goes_before_live_before_backfill() -> None:
    """Who waits is served by priority, whatever the order of arrival."""
    gate = Gate()
    order: list[Priority] = []
    one_leaves, others_leave = trio.Event(), trio.Event()

    async def visitor(priority: Priority) -> None:
        async with gate.lane(priority):
            order.append(priority)

    async def holder(until: trio.Event) -> None:
        async with gate.lane(Priority.LIVE):
            await until.wait()

    async def person(until: trio.Event) -> None:
        async with gate.lane(Priority.PERSON):
            await until.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(holder, one_leaves)
        nursery.start_soon(holder, others_leave)
        nursery.start_soon(person, others_leave)
        nursery.start_soon(person, others_leave)
        await wait_all_tasks_blocked()
        for priority in (Priority.BACKFILL, Priority.LIVE, Priority.PERSON):
            nursery.start_soon(visitor, priority)
            await wait_all_tasks_blocked()
        one_leaves.set()
        await wait_all_tasks_blocked()
        others_leave.set()
    assert order == [Priority.PERSON, Priority.LIVE, Priority.BACKFILL]


async def test_gate_hold_stops_everybody_for_its_time(autojump_clock: MockClock) -> None:
    """After a 429 nobody of this mailbox gets through until Graph's time is over."""
    gate = Gate()
    gate.hold(30)
    gate.hold(10)
    began = trio.current_time()
    async with gate.lane(Priority.PERSON):
        assert trio.current_time() - began == 30


@pytest.mark.parametrize("cost", [1, 20])
async def test_gate_window_lets_no_more_through(cost: int, autojump_clock: MockClock) -> None:
    """The request after the last of a window waits until the first one is ten minutes old; a batch costs its items."""
    gate, limit = Gate(), WINDOW_REQUESTS[Priority.LIVE]
    began = trio.current_time()
    for _ in range(limit // cost):
        async with gate.lane(Priority.LIVE, cost):
            pass
    with trio.move_on_after(1) as scope:
        async with gate.lane(Priority.PERSON):
            pass
    assert not scope.cancelled_caught, "a person still gets through"
    async with gate.lane(Priority.LIVE, cost):
        assert trio.current_time() - began >= WINDOW
    assert gate.requests_24h == limit // cost * cost + cost + 1


async def test_gate_who_waits_for_the_fence_holds_no_lane(autojump_clock: MockClock) -> None:
    """A backlog that came first does not stand in a person's way when the fence opens."""
    gate = Gate()
    gate.hold(30)
    order: list[Priority] = []

    async def visitor(priority: Priority) -> None:
        async with gate.lane(priority):
            order.append(priority)
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(visitor, Priority.BACKFILL)
        await wait_all_tasks_blocked()
        nursery.start_soon(visitor, Priority.PERSON)
    assert order[0] is Priority.PERSON


async def test_gate_cancelled_in_the_queue_leaves_no_hole(autojump_clock: MockClock) -> None:
    """Whoever gives up waiting takes no lane with them."""
    gate = Gate()
    async with trio.open_nursery() as nursery:

        async def holder() -> None:
            async with gate.lane(Priority.PERSON):
                await trio.sleep(10)

        for _ in range(4):
            nursery.start_soon(holder)
        await wait_all_tasks_blocked()
        with trio.move_on_after(1) as scope:
            async with gate.lane(Priority.PERSON):
                raise AssertionError("no lane is free")
        assert scope.cancelled_caught
    with trio.fail_after(1):
        async with gate.lane(Priority.LIVE), gate.lane(Priority.LIVE), gate.lane(Priority.LIVE), gate.lane(Priority.PERSON):
            pass


async def test_gate_cancelled_with_its_lanes_gives_them_back() -> None:
    """A request that is given up in flight holds nothing any more, however many lanes it had; nor does one that fails."""
    gate = Gate()
    with trio.CancelScope() as scope:
        async with gate.lane(Priority.PERSON, cost=4, lanes=4):
            scope.cancel()
            await trio.sleep_forever()
    with pytest.raises(ZeroDivisionError):
        async with gate.lane(Priority.PERSON, lanes=4):
            raise ZeroDivisionError
    with trio.fail_after(1):
        async with gate.lane(Priority.PERSON, lanes=4):
            pass


def test_gates_mailbox_of_two_accounts_has_one_gate() -> None:
    """Graph counts per app and mailbox: a shared mailbox that two people connected has four lanes, not eight."""
    gates = Gates()
    assert gates.of("harbour@pier.example") is gates.of("Harbour@Pier.example")
    assert gates.of("anna@pier.example") is not gates.of("harbour@pier.example")
