"""The engine where cursors die or are spent: one, many at once, with rows that nobody can ask about."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
import trio

from connector.sync.machine import RESYNC_REQUIRED
from tests.graph_simulator.quirks import Quirks
from tests.sync.world import ACCOUNT, fill, open_world

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

_HOUR = 3600.0


@pytest.mark.parametrize(
    "error", ["410 SyncStateNotFound", "404 syncStateInvalid", "400 resyncRequired", "403 InvalidSyncStateData", "404 ErrorItemNotFound"]
)
async def test_engine_dead_cursors_keep_their_rows(tmp_path: Path, error: str, autojump_clock: MockClock) -> None:
    """A reset says so while it lasts, doubles nothing, and every row that stays keeps its id: links and open actions survive."""
    async with open_world(tmp_path, quirks=Quirks(sync_error=error)) as world:
        ids = fill(world, "inbox", 40)
        await world.run(_HOUR)
        before = {i: row["id"] for i, row in world.addon.mailboxes[ACCOUNT].rows.items()}
        world.truth.delete(ids[3])
        world.simulator.graph.forget_links(world.truth)
        said: list[str] = []

        async def listen(where: str) -> None:
            await on_wire(where)
            said.extend(str(r.state_message) for r in world.reports.take())

        on_wire, world.addon.fuse = world.on_wire, listen
        await world.run(_HOUR)
        assert not world.differences()
        del before[ids[3]]
        assert {i: row["id"] for i, row in world.addon.mailboxes[ACCOUNT].rows.items()} == before
        assert RESYNC_REQUIRED in said


async def test_engine_many_cursors_that_die_at_once_are_not_all_replaced_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Maintenance at Graph: four folders begin afresh, the others spread over the time after; none is forgotten until the next cycle."""
    async with open_world(tmp_path) as world:
        root = world.truth.folder_id("msgfolderroot")
        for n in range(20):
            world.deliver(world.truth.add_folder(f"Folder {n}", root).id)
        await world.run(100)
        world.simulator.graph.forget_links(world.truth)
        folders = world.addon.mailboxes[ACCOUNT].folders.values()
        synced = sum(f.sync_enabled for f in folders)
        waiting: list[int] = []

        async def count() -> None:
            for _ in range(100):
                await trio.sleep(1)
                waiting.append(sum(f.cursor is None for f in folders if f.sync_enabled))

        with patch("connector.sync.mailbox.random.random", return_value=0.9):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(count)
                nursery.start_soon(world.run, 100)
        assert waiting[0] == synced - 4
        assert waiting[-1] == 0
        assert sorted(waiting, reverse=True) == waiting
        assert not world.differences()


async def test_engine_reset_of_an_emptied_folder_keeps_no_news_waiting(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Thousands of rows that a listing lacks are hidden at once and asked about bit by bit; new mail does not wait for the last of them."""
    async with open_world(tmp_path, quirks=Quirks(latency=1.0)) as world:
        truth = world.truth
        ids = fill(world, "deleteditems", 4000, every=60.0)
        await world.run(2 * _HOUR)
        assert len(world.addon.mailboxes[ACCOUNT].rows) == 4000
        for remote_id in ids:
            truth.delete(remote_id)
        world.simulator.graph.forget_links(truth)
        seen: list[float] = []

        async def new_mail() -> None:
            await trio.sleep(60)
            fresh, began = world.deliver(truth.folder_id("inbox")), trio.current_time()
            while fresh not in world.addon.mailboxes[ACCOUNT].rows:  # noqa: ASYNC110 - it is told by nobody
                await trio.sleep(5)
            seen.append(trio.current_time() - began)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(new_mail)
            nursery.start_soon(world.run, 2 * _HOUR)
        assert not world.differences()
        assert seen[0] < 700


async def test_engine_filtered_cursor_is_replaced_before_graph_stops_telling(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Graph tells so many items through one filtered cursor and no more: a long backfill outlives many of them, and news come on time."""
    quirks = Quirks(filter_cap=30, out_of_filter_events=False)
    async with open_world(tmp_path, quirks=quirks, reanchor=20, bootstrap_messages=5, backfill_per_hour=1) as world:
        fill(world, "inbox", 200)
        late: list[str] = []

        async def news() -> None:
            await trio.sleep(400)
            for _ in range(80):
                fresh = world.deliver(world.truth.folder_id("inbox"))
                await trio.sleep(310)
                if fresh not in world.addon.mailboxes[ACCOUNT].rows:
                    late.append(fresh)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(news)
            nursery.start_soon(world.run, 400 + 80 * 310)
        assert late == []
        assert len(world.addon.mailboxes[ACCOUNT].rows) < 200, "the backfill is still under way"
