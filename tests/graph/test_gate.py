"""The gate of a mailbox: lanes, priorities, fence, window. Time is trio's, owned by the test."""

from __future__ import annotations

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from connector.graph.gate import LANES, WINDOW, WINDOW_REQUESTS, Gate, Priority


def test_gate_numbers_are_graphs() -> None:
    """An app may have four requests at once and 10,000 in ten minutes at a mailbox: no more than that, and not much less."""
    assert (LANES, WINDOW) == (4, 600)
    assert 9_000 <= WINDOW_REQUESTS <= 10_000


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
                assert inside <= LANES
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

    async with trio.open_nursery() as nursery:
        nursery.start_soon(holder, one_leaves)
        for _ in range(LANES - 1):
            nursery.start_soon(holder, others_leave)
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


async def test_gate_window_lets_no_more_through(autojump_clock: MockClock) -> None:
    """The request after the last of a window waits until the first one is ten minutes old."""
    gate = Gate()
    began = trio.current_time()
    for _ in range(WINDOW_REQUESTS):
        async with gate.lane(Priority.LIVE):
            pass
    async with gate.lane(Priority.LIVE):
        assert trio.current_time() - began >= WINDOW
    assert gate.requests_24h == WINDOW_REQUESTS + 1


async def test_gate_cancelled_in_the_queue_leaves_no_hole(autojump_clock: MockClock) -> None:
    """Whoever gives up waiting takes no lane with them."""
    gate = Gate()
    async with trio.open_nursery() as nursery:

        async def holder() -> None:
            async with gate.lane(Priority.LIVE):
                await trio.sleep(10)

        for _ in range(LANES):
            nursery.start_soon(holder)
        await wait_all_tasks_blocked()
        with trio.move_on_after(1) as scope:
            async with gate.lane(Priority.PERSON):
                raise AssertionError("no lane is free")
        assert scope.cancelled_caught
    with trio.fail_after(1):
        async with gate.lane(Priority.LIVE), gate.lane(Priority.LIVE), gate.lane(Priority.LIVE), gate.lane(Priority.LIVE):
            pass
