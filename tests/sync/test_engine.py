"""The engine in situations that have a name: a day, a quiet mailbox, big trees, full mailboxes, a storm, somebody who waits."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import trio

from connector.graph.gate import WINDOW_REQUESTS, Gate, Priority
from tests.graph_simulator.quirks import Quirks
from tests.sync.world import ACCOUNT, World, fill, kind_of, open_world

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

_HOUR = 3600.0


@pytest.mark.long
async def test_engine_typical_day_stays_within_its_requests(
    tmp_path: Path, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten folders, 100 messages a day, some read, filed and deleted: about one HTTP request every five minutes, proofs included."""
    quirks = Quirks(out_of_filter_events=False)
    async with open_world(tmp_path, quirks=quirks, reconcile_interval=86_400, bootstrap_messages=50) as world:
        truth = world.truth
        inbox = truth.folder_id("inbox")
        own = [truth.add_folder(f"Folder {n}", truth.folder_id("msgfolderroot")).id for n in range(4)]
        for folder in own:
            for n in range(20):
                world.deliver(folder, age=n * 9000.0)
        ids = fill(world, "inbox", 300, every=8000.0)
        await world.run(2 * _HOUR)
        assert not world.differences()
        requests, calls = world.requests, Counter(world.addon.calls)
        world.simulator.requests.clear()

        async def live() -> None:
            for hour in range(24):
                for n in range(4):
                    ids.append(world.deliver(inbox))
                    truth.set_read(ids[-2], is_read=True)
                    if n == 0:
                        truth.move(ids[-3], own[hour % 4] if hour % 2 else truth.folder_id("deleteditems"))
                    await trio.sleep(_HOUR / 4)
            for _ in range(4):
                world.deliver(inbox)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(live)
            nursery.start_soon(world.run, 24 * _HOUR + 600)
        assert not world.differences()
        http = world.requests - requests
        # A token an hour beside them.
        kinds = dict(Counter(map(kind_of, world.simulator.requests)))
        told = f"24 h: {http} + 24 HTTP requests; Graph: {kinds}; Odoo: {dict(world.addon.calls - calls)}"
        with capsys.disabled():
            print(f"\n{told}")  # noqa: T201 - the figure is asked for
        assert http + 24 <= 350, told


async def test_engine_quiet_mailbox_costs_one_request_a_cycle_and_odoo_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Nothing new: one batch, and no call to Odoo at all."""
    async with open_world(tmp_path) as world:
        fill(world, "inbox", 5)
        await world.run(100)

        async def measure() -> None:
            await trio.sleep(100)
            requests, calls = world.requests, sum(world.addon.calls.values())
            await trio.sleep(10 * 300)
            assert world.requests - requests == 10
            assert sum(world.addon.calls.values()) == calls

        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.run, 4000)
            nursery.start_soon(measure)


async def test_engine_cursor_that_moved_without_news_is_told_to_odoo_twice_a_day(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Graph forgets old cursors: one that only the working copy has would be lost with it, and each quiet folder reset at once."""
    async with open_world(tmp_path) as world:
        fill(world, "inbox", 5)
        await world.run(_HOUR)
        # What nobody told before the start is told at once.
        await world.run(_HOUR)
        inbox = world.truth.folder_id("inbox")
        cursors: list[str] = []

        async def listen() -> None:
            for _ in range(14):
                await trio.sleep(_HOUR)
                told = [one for report in world.reports.take() for one in (report.cursors or ()) if one.folder == inbox]
                assert all(one.revision == world.addon.mailboxes[ACCOUNT].folders[inbox].revision for one in told)
                cursors.extend(one.cursor for one in told)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            nursery.start_soon(world.run, 14 * _HOUR + 60)
        assert len(cursors) == 2, "once for the time before the start, once half a day later"
        assert len({*cursors, world.addon.mailboxes[ACCOUNT].folders[inbox].cursor}) == 3


async def test_engine_tree_of_three_hundred_folders(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Ten deep, equal names beside each other, names with a slash: all there, then moved, renamed and deleted with their mail."""
    async with open_world(tmp_path) as world:
        truth = world.truth
        root = truth.folder_id("msgfolderroot")
        deep = root
        for n in range(10):
            deep = truth.add_folder(f"Level {n}", deep).id
        wide = [truth.add_folder("Nordsee/Pier" if n % 2 else "Same", root).id for n in range(285)]
        for folder in (deep, *wide[:20]):
            world.deliver(folder)
        await world.run(_HOUR)
        assert not world.differences()
        truth.change_folder(wide[3], parent_id=deep)
        truth.change_folder(wide[4], name="Renamed")
        truth.delete_folder(wide[5])
        await world.run(_HOUR)
        assert not world.differences()


@pytest.mark.parametrize("status", ["403", "429", "507"])
async def test_engine_full_mailbox_is_read_by_lists(tmp_path: Path, status: str, autojump_clock: MockClock) -> None:
    """A mailbox over its quota has no delta, under whatever status; what comes, goes and is read there is seen all the same."""
    async with open_world(tmp_path) as world:
        ids = fill(world, "inbox", 20)
        await world.run(_HOUR)
        world.simulator.quirks.quota_delta = status
        world.deliver(world.truth.folder_id("inbox"))
        world.truth.set_read(ids[2], is_read=True)
        world.truth.delete(ids[3])
        await world.run(_HOUR)
        assert not world.differences()


@pytest.mark.long
async def test_engine_twenty_mailboxes_in_a_storm_come_to_equality(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A fifth of all answers is bad in every way there is: all converge while it lasts, and the one that it spares is as quick as ever."""
    quirks = [Quirks(storm=0.2, storm_seed=n, request_rate=0) for n in range(20)]
    async with AsyncExitStack() as stack:
        worlds = [await stack.enter_async_context(open_world(tmp_path, quirks=q)) for q in [*quirks, Quirks()]]
        for world in worlds:
            fill(world, "inbox", 60)
            fill(world, "archive", 20)
        late: list[float] = []

        async def change(world: World, number: int) -> None:
            ids = sorted(world.truth.messages)
            for n in range(20):
                await trio.sleep(200)
                world.deliver(world.truth.folder_id("inbox"))
                world.truth.move(ids[n], world.truth.folder_id("archive" if n % 2 else "inbox"))
                world.truth.set_read(ids[n + 20], is_read=True)
                world.truth.delete(ids[n + 40])
            if number == len(worlds) - 1:
                fresh = world.deliver(world.truth.folder_id("inbox"))
                began = trio.current_time()
                while fresh not in world.addon.mailboxes[ACCOUNT].rows:  # noqa: ASYNC110 - it is told by nobody
                    await trio.sleep(1)
                late.append(trio.current_time() - began)

        async with trio.open_nursery() as nursery:
            for number, world in enumerate(worlds):
                nursery.start_soon(change, world, number)
                nursery.start_soon(world.run, 4 * _HOUR)
        for world in worlds:
            assert not world.differences()
        assert late[0] <= 301


async def test_engine_person_does_not_wait_behind_a_backlog(autojump_clock: MockClock) -> None:
    """While a backfill has used up its part of the window, a person's request goes out at once."""
    gate = Gate()
    for _ in range(WINDOW_REQUESTS[Priority.BACKFILL] // 20):
        async with gate.lane(Priority.BACKFILL, 20):
            pass
    began = trio.current_time()
    async with trio.open_nursery() as nursery:

        async def backlog() -> None:
            async with gate.lane(Priority.BACKFILL, 20):
                pass

        for _ in range(5):
            nursery.start_soon(backlog)
        await trio.testing.wait_all_tasks_blocked()
        async with gate.lane(Priority.PERSON):
            assert trio.current_time() == began
