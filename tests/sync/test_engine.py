"""The engine in situations that have a name: a day, an emptied Trash, a mass removal, an hour's budget, damaged messages, big trees."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import unquote

import pytest
import trio
from structlog.testing import capture_logs

from connector.graph.gate import WINDOW, WINDOW_REQUESTS, Gate, Priority
from connector.odoo.wire import ApplyRequest
from connector.sync import plan
from connector.sync.machine import RESYNC_REQUIRED
from tests.graph.conftest import fault
from tests.graph_simulator.quirks import Quirks
from tests.sync.world import ACCOUNT, World, open_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio.testing import MockClock

_HOUR = 3600.0


def _fill(world: World, folder: str, number: int, *, every: float = 3600.0) -> list[str]:
    """Deliver messages, the first one the newest; return their ids."""
    return [world.deliver(world.truth.folder_id(folder), age=60 + n * every) for n in range(number)]


@asynccontextmanager
async def _small_windows() -> AsyncIterator[None]:
    """Let a backfill without a budget take hours of the test's clock."""
    with patch.object(plan, "_UNLIMITED_WINDOW", 2):
        yield


def _kind(entry: dict[str, Any]) -> str:
    path = entry["path"].lower()
    if path.endswith("$batch"):
        return "batch"
    if "delta" in path:
        return "delta"
    if path.endswith("/messages"):
        return "list"
    return "message" if "/messages/" in path else "folders"


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
        ids = _fill(world, "inbox", 300, every=8000.0)
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
        kinds = dict(Counter(map(_kind, world.simulator.requests)))
        told = f"24 h: {http} + 24 HTTP requests; Graph: {kinds}; Odoo: {dict(world.addon.calls - calls)}"
        with capsys.disabled():
            print(f"\n{told}")  # noqa: T201 - the figure is asked for
        assert http + 24 <= 350, told


async def test_engine_quiet_mailbox_costs_one_request_a_cycle_and_odoo_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Nothing new: one batch, and no call to Odoo at all."""
    async with open_world(tmp_path) as world:
        _fill(world, "inbox", 5)
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
        _fill(world, "inbox", 5)
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


@pytest.mark.long
@pytest.mark.parametrize("stays", [False, True])
async def test_engine_emptied_trash_of_ten_thousand_stays_in_the_budget(tmp_path: Path, *, stays: bool, autojump_clock: MockClock) -> None:
    """Ten thousand removals are proved by one listing, hidden at once, asked for within Graph's limits; new mail does not wait."""
    async with open_world(tmp_path, quirks=Quirks(deleted_stays=stays)) as world:
        truth = world.truth
        ids = _fill(world, "deleteditems", 10_000, every=60.0)
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
        moments = sorted(datetime.fromisoformat(entry["at"]).timestamp() for entry in world.simulator.requests if _kind(entry) != "batch")
        assert max(sum(m <= t < m + WINDOW for t in moments) for m in moments[::50]) <= max(WINDOW_REQUESTS.values())


async def test_engine_false_mass_removal_hides_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A hundred messages marked read that Graph tells as removed (contrib#2866): a listing proves them there, and they show as read."""
    async with open_world(tmp_path, quirks=Quirks(read_as_removed=1)) as world:
        ids = _fill(world, "inbox", 100)
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
        ids = _fill(world, "inbox", 300, every=60.0)
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


async def test_engine_backfill_budget_survives_restarts(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Two hundred an hour are two hundred an hour, however often the connector is restarted."""
    async with open_world(tmp_path, backfill_per_hour=200, bootstrap_messages=10) as world:
        _fill(world, "inbox", 700, every=100.0)
        rows: list[int] = []
        for _ in range(9):
            await world.run(600)
            rows.append(len(world.addon.mailboxes[ACCOUNT].rows))
        assert rows[5] <= 10 + 200
        assert rows[8] <= 10 + 400
        assert rows[8] > 210


@pytest.mark.parametrize("change", ["read", "move", "delete", "arrive"])
async def test_engine_message_below_the_anchor_is_right_within_the_hour(tmp_path: Path, change: str, autojump_clock: MockClock) -> None:
    """A filtered cursor says nothing of older mail; during a long backfill it is right within one hour all the same."""
    quirks = Quirks(out_of_filter_events=False)
    async with open_world(tmp_path, quirks=quirks, backfill_per_hour=30, bootstrap_messages=10) as world:
        truth, rows = world.truth, world.addon.mailboxes[ACCOUNT].rows
        ids = _fill(world, "inbox", 500)
        await world.run(2 * _HOUR)
        old = ids[30]
        assert old in rows
        match change:
            case "read":
                truth.set_read(old, is_read=True)
            case "move":
                truth.move(old, truth.folder_id("archive"))
            case "delete":
                truth.delete(old)
            case _:
                received = datetime.fromisoformat(truth.messages[ids[25]].data["receivedDateTime"])
                old = world.deliver(truth.folder_id("archive"), age=(world.now() - received).total_seconds())
                truth.move(old, truth.folder_id("inbox"))
        await world.run(_HOUR)
        match change:
            case "read":
                assert rows[old]["is_read"]
            case "delete":
                assert old not in rows
            case _:
                assert rows[old]["folder"] == truth.messages[old].folder_id
        assert len(rows) < 400, "the backfill is still under way"


@pytest.mark.parametrize("change", ["read", "move", "delete"])
@pytest.mark.parametrize("strays", [1, 4])
async def test_engine_message_older_than_the_backfill_is_right_within_the_hour(
    tmp_path: Path, change: str, strays: int, autojump_clock: MockClock
) -> None:
    """Filed into a folder whose backlog has not come so far, an old message is shown there, so it has to be true there too."""
    quirks = Quirks(out_of_filter_events=False)
    async with open_world(tmp_path, quirks=quirks, backfill_per_hour=10, bootstrap_messages=10) as world:
        truth, box = world.truth, world.addon.mailboxes[ACCOUNT]
        inbox, junk = truth.folder_id("inbox"), truth.folder_id("junkemail")
        _fill(world, "inbox", 500)
        old = [world.deliver(truth.folder_id("archive"), age=490 * _HOUR + n) for n in range(strays)]
        await world.run(_HOUR)
        for remote_id in old:
            truth.move(remote_id, inbox)
        await world.run(_HOUR)
        assert [box.rows[remote_id]["folder"] for remote_id in old] == [inbox] * strays
        match change:
            case "read":
                truth.set_read(old[0], is_read=True)
            case "move":
                truth.move(old[0], junk)
            case _:
                truth.delete(old[0])
        await world.run(_HOUR)
        assert box.rows[old[0]]["is_read"] if change == "read" else old[0] not in box.rows
        assert len(box.rows) < 200, "the backfill is still under way"


async def test_engine_true_up_does_not_wait_for_the_backlog(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Without a budget a large mailbox takes hours to fetch: what lies below the anchor is right within the hour all the same."""
    quirks = Quirks(out_of_filter_events=False, latency=4.0)
    async with open_world(tmp_path, quirks=quirks, bootstrap_messages=10) as world, _small_windows():
        ids = _fill(world, "inbox", 3000)
        await world.run(2 * _HOUR)
        assert ids[30] in world.addon.mailboxes[ACCOUNT].rows
        world.truth.set_read(ids[30], is_read=True)
        await world.run(_HOUR)
        assert world.addon.mailboxes[ACCOUNT].rows[ids[30]]["is_read"]
        assert len(world.addon.mailboxes[ACCOUNT].rows) < 3000, "the backfill is still under way"


async def test_engine_damaged_messages_are_set_aside_and_come_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Three of a page that nobody can read: the others are there, these are counted; mended, they are read with the next reconcile."""
    async with open_world(tmp_path, reconcile_interval=_HOUR) as world:
        ids = _fill(world, "inbox", 30)
        for remote_id in ids[:3]:
            world.truth.change(remote_id, {"subject": 7})
        await world.run(900)
        box = world.addon.mailboxes[ACCOUNT]
        assert box.unreadable.keys() == set(ids[:3])
        assert len(box.rows) == 27
        assert world.runner is not None
        assert world.runner.progress is not None
        assert world.runner.progress.unreadable == 3
        assert world.runner.last_sync_at is not None, "they are in nobody's way"
        for remote_id in ids[:3]:
            world.truth.messages[remote_id].data["subject"] = "mended"
        await world.run(2 * _HOUR)
        assert not box.unreadable
        assert not world.differences()


@pytest.mark.parametrize("poison", ["corrupt", "500 ErrorInternalServerError", "404", "400 ErrorBrandNew", "410 AnyCode", "undated"])
@pytest.mark.parametrize("met", ["by a patch", "by a removal", "new"])
async def test_engine_message_that_cannot_be_opened_stops_nothing(tmp_path: Path, poison: str, met: str, autojump_clock: MockClock) -> None:
    """Whatever Graph says of one message, however often: the others go on, rounds are good, and it is set aside; mended, it is back."""
    # Logs are kept from the terminal: a traceback a cycle takes longer than the test.
    with capture_logs():
        async with open_world(tmp_path, bootstrap_messages=5, backfill_per_hour=1, reconcile_interval=2 * _HOUR) as world:
            truth, box = world.truth, world.addon.mailboxes[ACCOUNT]
            ids = _fill(world, "inbox", 30)
            await world.run(400)
            # One that was never fetched is told by a patch; one that is here by a removal, after which Graph never names it again.
            bad = {"by a patch": ids[20], "by a removal": ids[2]}.get(met) or world.deliver(truth.folder_id("inbox"))
            truth.messages[bad].poison = poison
            truth.set_read(bad, is_read=True)
            if met == "by a removal":
                truth.move(bad, truth.folder_id("archive"))
                truth.move(bad, truth.folder_id("inbox"))
            later = world.deliver(truth.folder_id("inbox"))
            await world.run(1500)
            assert later in box.rows
            assert world.runner is not None
            assert world.runner.last_sync_at is not None
            assert (world.now() - world.runner.last_sync_at).total_seconds() <= 300, "it is in nobody's way"
            # Nobody needs to open what came whole, or has a time already.
            assert (bad in box.unreadable) == (met != ("by a removal" if poison == "undated" else "new"))
            truth.messages[bad].poison = ""
            world.settings["backfill_per_hour"] = 0
            await world.run(2.5 * _HOUR)
            assert not box.unreadable
            assert not world.differences()


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


@pytest.mark.parametrize(
    "error", ["410 SyncStateNotFound", "404 syncStateInvalid", "400 resyncRequired", "403 InvalidSyncStateData", "404 ErrorItemNotFound"]
)
async def test_engine_dead_cursors_keep_their_rows(tmp_path: Path, error: str, autojump_clock: MockClock) -> None:
    """A reset says so while it lasts, doubles nothing, and every row that stays keeps its id: links and open actions survive."""
    async with open_world(tmp_path, quirks=Quirks(sync_error=error)) as world:
        ids = _fill(world, "inbox", 40)
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


@pytest.mark.parametrize(("age", "change", "days"), [(10, "state", 1), (60, "row", 1), (60, "state", 7)])
async def test_engine_reconcile_compares_each_part_in_its_time(
    tmp_path: Path, age: int, change: str, days: int, autojump_clock: MockClock
) -> None:
    """The last 30 days each day, the whole folder where counts differ, or each week; what Odoo has otherwise is repaired and is drift."""
    async with open_world(tmp_path, reconcile_interval=24 * _HOUR) as world:
        ids = _fill(world, "inbox", 80, every=24 * _HOUR)
        await world.run(25 * _HOUR)
        rows = world.addon.mailboxes[ACCOUNT].rows
        if change == "row":
            del rows[ids[age]]
        else:
            rows[ids[age]] = {**rows[ids[age]], "is_read": True}
        if days > 1:
            await world.run((days - 2) * 24 * _HOUR)
            assert world.differences()
        await world.run(3 * 24 * _HOUR if days > 1 else 25 * _HOUR)
        assert not world.differences()
        assert world.runner is not None
        assert world.runner.mailbox.drift == 1


async def test_engine_row_that_a_reset_could_not_ask_about_is_no_ghost(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Deleted while no cursor lived, and no answer about it when the folder was listed: it is asked about again, hidden meanwhile."""
    async with open_world(tmp_path) as world:
        gone = _fill(world, "inbox", 40)[3]
        await world.run(_HOUR)
        world.truth.delete(gone)
        world.simulator.graph.forget_links(world.truth)
        world.spoil = lambda asked: fault(504, "") if f"/messages/{gone}" in unquote(asked) else None
        await world.run(_HOUR)
        assert world.addon.mailboxes[ACCOUNT].rows[gone]["pending"]
        world.spoil = None
        await world.run(_HOUR)
        assert not world.differences()


async def test_engine_reset_of_an_emptied_folder_keeps_no_news_waiting(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Thousands of rows that a listing lacks are hidden at once and asked about bit by bit; new mail does not wait for the last of them."""
    async with open_world(tmp_path, quirks=Quirks(latency=1.0)) as world:
        truth = world.truth
        ids = _fill(world, "deleteditems", 4000, every=60.0)
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


async def test_engine_message_deleted_while_its_folder_is_met_is_no_ghost(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Listed among the newest, gone before the first round, which never names it; and as many came from a folder that Odoo knows."""
    async with open_world(tmp_path, backfill_per_hour=5) as world:
        truth = world.truth
        moved = _fill(world, "inbox", 10)[0]
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


async def test_engine_restart_in_a_backfill_goes_on_from_the_newest_cursor(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Windows of older mail write no cursor, quiet rounds write it to the file alone: together they must not bring back an old one."""
    quirks = Quirks(delta_generations=3, latency=4.0)
    async with open_world(tmp_path, quirks=quirks, bootstrap_messages=10) as world, _small_windows():
        _fill(world, "inbox", 1000)
        await world.run(_HOUR / 2)
        assert len(world.addon.mailboxes[ACCOUNT].rows) < 1000, "the backfill is still under way"
        anchor = world.addon.mailboxes[ACCOUNT].folders[world.truth.folder_id("inbox")].anchor
        world.deliver(world.truth.folder_id("inbox"))
        await world.run(300)
        assert world.addon.mailboxes[ACCOUNT].folders[world.truth.folder_id("inbox")].anchor == anchor, "the folder did not begin afresh"


@pytest.mark.parametrize("status", ["403", "429", "507"])
async def test_engine_full_mailbox_is_read_by_lists(tmp_path: Path, status: str, autojump_clock: MockClock) -> None:
    """A mailbox over its quota has no delta, under whatever status; what comes, goes and is read there is seen all the same."""
    async with open_world(tmp_path) as world:
        ids = _fill(world, "inbox", 20)
        await world.run(_HOUR)
        world.simulator.quirks.quota_delta = status
        world.deliver(world.truth.folder_id("inbox"))
        world.truth.set_read(ids[2], is_read=True)
        world.truth.delete(ids[3])
        await world.run(_HOUR)
        assert not world.differences()


async def test_engine_mailbox_that_became_full_is_backfilled_and_not_asked_more_often(tmp_path: Path, autojump_clock: MockClock) -> None:
    """No hand-over is possible without a delta: it is tried once a cycle, older mail comes all the same, and no cycle comes sooner."""
    with capture_logs():
        async with open_world(tmp_path, bootstrap_messages=5, backfill_per_hour=1) as world:
            _fill(world, "inbox", 20)
            _fill(world, "archive", 60)
            await world.run(100)
            world.simulator.quirks.quota_delta = "507"
            world.settings["backfill_per_hour"] = 20
            before = world.requests
            await world.run(3 * _HOUR)
            assert len(world.addon.mailboxes[ACCOUNT].rows) >= 60
            assert world.requests - before < 36 * 20
            world.simulator.quirks.quota_delta = ""
            await world.run(4 * _HOUR)
            assert not world.differences()


async def test_engine_filtered_cursor_is_replaced_before_graph_stops_telling(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Graph tells so many items through one filtered cursor and no more: a long backfill outlives many of them, and news come on time."""
    quirks = Quirks(filter_cap=30, out_of_filter_events=False)
    async with open_world(tmp_path, quirks=quirks, reanchor=20, bootstrap_messages=5, backfill_per_hour=1) as world:
        _fill(world, "inbox", 200)
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


async def test_engine_move_that_both_folders_tell_hides_nothing_and_asks_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A removal speaks of one folder only: the message is in the other one by then."""
    async with open_world(tmp_path) as world:
        ids = _fill(world, "inbox", 10)
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
        assert not [entry for entry in world.simulator.requests if _kind(entry) == "message"]


async def test_engine_stranger_that_graph_cannot_be_asked_for_keeps_the_cursor(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A message that came, went and came back is told as removed only, once: while its GET fails, nothing may move past that word of it."""
    async with open_world(tmp_path) as world:
        truth, inbox = world.truth, world.truth.folder_id("inbox")
        _fill(world, "inbox", 10)
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


@pytest.mark.long
async def test_engine_twenty_mailboxes_in_a_storm_come_to_equality(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A fifth of all answers is bad in every way there is: all converge while it lasts, and the one that it spares is as quick as ever."""
    quirks = [Quirks(storm=0.2, storm_seed=n, request_rate=0) for n in range(20)]
    async with AsyncExitStack() as stack:
        worlds = [await stack.enter_async_context(open_world(tmp_path, quirks=q)) for q in [*quirks, Quirks()]]
        for world in worlds:
            _fill(world, "inbox", 60)
            _fill(world, "archive", 20)
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
