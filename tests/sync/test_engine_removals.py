"""The engine where messages go: an emptied Trash, removals that are none, moves that two folders tell."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
import trio

from connector.graph.gate import WINDOW, WINDOW_REQUESTS
from connector.odoo.wire import ApplyRequest
from tests.graph.conftest import fault
from tests.graph_simulator.quirks import Quirks
from tests.sync.world import ACCOUNT, fill, kind_of, open_world

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

_HOUR = 3600.0


@pytest.mark.long
@pytest.mark.parametrize("stays", [False, True])
async def test_engine_emptied_trash_of_ten_thousand_stays_in_the_budget(tmp_path: Path, *, stays: bool, autojump_clock: MockClock) -> None:
    """Ten thousand removals are proved by one listing, hidden at once, asked for within Graph's limits; new mail does not wait."""
    async with open_world(tmp_path, quirks=Quirks(deleted_stays=stays)) as world:
        truth = world.truth
        ids = fill(world, "deleteditems", 10_000, every=60.0)
        await world.run(_HOUR)
        assert len(world.addon.mailboxes[ACCOUNT].rows) == 10_000
        for remote_id in ids:
            truth.delete(remote_id)
        world.simulator.requests.clear()
        seen: list[float] = []

        async def new_mail() -> None:
            await trio.sleep(60)
            fresh = world.deliver(truth.folder_id("inbox"))
            while fresh not in world.addon.mailboxes[ACCOUNT].rows:  # noqa: ASYNC110 - it is told by nobody
                await trio.sleep(5)
            seen.append(trio.current_time())
            assert all(row["pending"] for i, row in world.addon.mailboxes[ACCOUNT].rows.items() if i != fresh)

        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(new_mail)
            nursery.start_soon(world.run, 2 * _HOUR)
        assert not world.differences()
        assert seen[0] - began < 700
        moments = sorted(datetime.fromisoformat(entry["at"]).timestamp() for entry in world.simulator.requests if kind_of(entry) != "batch")
        assert max(sum(m <= t < m + WINDOW for t in moments) for m in moments[::50]) <= max(WINDOW_REQUESTS.values())


async def test_engine_false_mass_removal_hides_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A hundred messages marked read that Graph tells as removed (contrib#2866): a listing proves them there, and they show as read."""
    async with open_world(tmp_path, quirks=Quirks(read_as_removed=1)) as world:
        ids = fill(world, "inbox", 100)
        await world.run(100)
        for remote_id in ids:
            world.truth.set_read(remote_id, is_read=True)
        hidden: list[int] = []

        async def watch(where: str) -> None:
            await on_wire(where)
            hidden.append(sum(row["pending"] for row in world.addon.mailboxes[ACCOUNT].rows.values()))

        on_wire, world.addon.fuse = world.on_wire, watch
        await world.run(100)
        assert not world.differences()
        assert max(hidden) == 0


async def test_engine_false_mass_removal_of_a_folder_that_shrank_hides_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A fifth is a fifth of what the folder holds now, not of what it held when the connector started."""
    async with open_world(tmp_path) as world:
        ids = fill(world, "inbox", 300, every=60.0)
        hidden: list[int] = []

        async def watch(where: str) -> None:
            await on_wire(where)
            hidden.append(sum(row["pending"] for row in world.addon.mailboxes[ACCOUNT].rows.values()))

        async def shrink() -> None:
            await trio.sleep(400)
            for start in range(0, 220, 55):
                for remote_id in ids[start : start + 55]:
                    world.truth.delete(remote_id)
                await trio.sleep(301)
            world.simulator.quirks.read_as_removed = 1
            for remote_id in ids[220:275]:
                world.truth.set_read(remote_id, is_read=True)
            hidden.clear()

        on_wire, world.addon.fuse = world.on_wire, watch
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shrink)
            nursery.start_soon(world.run, 2400)
        assert not world.differences()
        assert max(hidden) == 0


async def test_engine_row_that_a_reset_could_not_ask_about_is_no_ghost(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Deleted while no cursor lived, and no answer about it when the folder was listed: it is asked about again, hidden meanwhile."""
    async with open_world(tmp_path) as world:
        gone = fill(world, "inbox", 40)[3]
        await world.run(_HOUR)
        world.truth.delete(gone)
        world.simulator.graph.forget_links(world.truth)
        world.spoil = lambda asked: fault(504, "") if f"/messages/{gone}" in unquote(asked) else None
        await world.run(_HOUR)
        assert world.addon.mailboxes[ACCOUNT].rows[gone]["pending"]
        world.spoil = None
        await world.run(_HOUR)
        assert not world.differences()


async def test_engine_message_deleted_while_its_folder_is_met_is_no_ghost(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Listed among the newest, gone before the first round, which never names it; and as many came from a folder that Odoo knows."""
    async with open_world(tmp_path, backfill_per_hour=5) as world:
        truth = world.truth
        moved = fill(world, "inbox", 10)[0]
        await world.run(100)
        folder = truth.add_folder("New", truth.folder_id("msgfolderroot")).id
        fleeting, *_ = [world.deliver(folder, age=n * 60.0) for n in range(40)]
        truth.move(moved, folder)

        def delete(asked: str) -> None:
            if f"{folder}/messages?" in unquote(asked) and fleeting in truth.messages:
                truth.delete(fleeting)

        world.spoil = delete
        await world.run(700)
        assert fleeting not in truth.messages
        assert fleeting not in world.addon.mailboxes[ACCOUNT].rows, "long before the backlog is done"


async def test_engine_move_that_both_folders_tell_hides_nothing_and_asks_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A removal speaks of one folder only: the message is in the other one by then."""
    async with open_world(tmp_path) as world:
        ids = fill(world, "inbox", 10)
        await world.run(_HOUR)
        world.simulator.requests.clear()
        hidden: list[bool] = []

        async def watch(where: str) -> None:
            await on_wire(where)
            hidden.append(any(row["pending"] for row in world.addon.mailboxes[ACCOUNT].rows.values()))

        on_wire, world.addon.fuse = world.on_wire, watch
        for remote_id in ids[:5]:
            world.truth.move(remote_id, world.truth.folder_id("archive"))
        await world.run(_HOUR)
        assert not world.differences()
        assert not any(hidden)
        assert not [entry for entry in world.simulator.requests if kind_of(entry) == "message"]


async def test_engine_stranger_that_graph_cannot_be_asked_for_keeps_the_cursor(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A message that came, went and came back is told as removed only, once: while its GET fails, nothing may move past that word of it."""
    async with open_world(tmp_path) as world:
        truth, inbox = world.truth, world.truth.folder_id("inbox")
        fill(world, "inbox", 10)
        await world.run(_HOUR)
        fresh = world.deliver(inbox)
        truth.move(fresh, truth.folder_id("archive"))
        truth.move(fresh, inbox)

        told: list[str] = []

        async def fail_once(phase: str, _: str, request: object) -> None:
            if phase == "after" and isinstance(request, ApplyRequest) and request.removed and not told:
                told.extend(item.remote_id for item in request.removed)
                world.simulator.quirks.fail_graph, world.simulator.quirks.fail_count = "500 ErrorInternalServerError", 9

        world.addon.on_call = fail_once
        await world.run(_HOUR)
        assert fresh in told, "as removed"
        assert not world.differences()
        assert fresh in world.addon.mailboxes[ACCOUNT].rows
