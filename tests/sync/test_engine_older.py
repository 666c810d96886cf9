"""The engine and older mail: the budget of an hour, what lies below a filtered cursor, comparisons."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from connector.sync import plan
from tests.graph_simulator.quirks import Quirks
from tests.sync.world import ACCOUNT, fill, kind_of, open_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio.testing import MockClock

_HOUR = 3600.0

# What a message says that was filed, or thought less of, in Outlook.
_OTHER = {"importance": "low", "categories": ["Colour 7", "Blue"]}

# Categories and importance as no Outlook would say them, and as Odoo may have them otherwise: cleaned, and in another order.
_AWKWARD: list[dict[str, Any]] = [
    *({"categories": names} for names in (None, ["Red", "red", "Red"], ["", " ", "\x00"], [" a\tb\r\n"], ["\x00Red\x1f"], ["n" * 70_000])),
    *({"importance": value} for value in ("low", "High", "urgent", "", None)),
]


@asynccontextmanager
async def _small_windows() -> AsyncIterator[None]:
    """Let a backfill without a budget take hours of the test's clock."""
    with patch.object(plan, "_UNLIMITED_WINDOW", 2):
        yield


async def test_engine_backfill_budget_survives_restarts(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Two hundred an hour are two hundred an hour, however often the connector is restarted."""
    async with open_world(tmp_path, backfill_per_hour=200, bootstrap_messages=10) as world:
        fill(world, "inbox", 700, every=100.0)
        rows: list[int] = []
        for _ in range(9):
            await world.run(600)
            rows.append(len(world.addon.mailboxes[ACCOUNT].rows))
        assert rows[5] <= 10 + 200
        assert rows[8] <= 10 + 400
        assert rows[8] > 210


@pytest.mark.parametrize("change", ["read", "importance", "categories", "move", "delete", "arrive"])
async def test_engine_message_below_the_anchor_is_right_within_the_hour(tmp_path: Path, change: str, autojump_clock: MockClock) -> None:
    """A filtered cursor says nothing of older mail; during a long backfill it is right within one hour all the same."""
    quirks = Quirks(out_of_filter_events=False)
    async with open_world(tmp_path, quirks=quirks, backfill_per_hour=30, bootstrap_messages=10) as world:
        truth, rows = world.truth, world.addon.mailboxes[ACCOUNT].rows
        ids = fill(world, "inbox", 500)
        await world.run(2 * _HOUR)
        old = ids[30]
        assert old in rows
        match change:
            case "read":
                truth.set_read(old, is_read=True)
            case "importance" | "categories":
                truth.change(old, {change: _OTHER[change]})
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
            case "importance" | "categories":
                assert rows[old][change] == _OTHER[change]
            case "delete":
                assert old not in rows
            case _:
                assert rows[old]["folder"] == truth.messages[old].folder_id
        assert len(rows) < 400, "the backfill is still under way"


@pytest.mark.parametrize("change", ["read", "categories", "move", "delete"])
@pytest.mark.parametrize("strays", [1, 4])
async def test_engine_message_older_than_the_backfill_is_right_within_the_hour(
    tmp_path: Path, change: str, strays: int, autojump_clock: MockClock
) -> None:
    """Filed into a folder whose backlog has not come so far, an old message is shown there, so it has to be true there too."""
    quirks = Quirks(out_of_filter_events=False)
    async with open_world(tmp_path, quirks=quirks, backfill_per_hour=10, bootstrap_messages=10) as world:
        truth, box = world.truth, world.addon.mailboxes[ACCOUNT]
        inbox, junk = truth.folder_id("inbox"), truth.folder_id("junkemail")
        fill(world, "inbox", 500)
        old = [world.deliver(truth.folder_id("archive"), age=490 * _HOUR + n) for n in range(strays)]
        await world.run(_HOUR)
        for remote_id in old:
            truth.move(remote_id, inbox)
        await world.run(_HOUR)
        assert [box.rows[remote_id]["folder"] for remote_id in old] == [inbox] * strays
        match change:
            case "read":
                truth.set_read(old[0], is_read=True)
            case "categories":
                truth.change(old[0], {"categories": _OTHER["categories"]})
            case "move":
                truth.move(old[0], junk)
            case _:
                truth.delete(old[0])
        await world.run(_HOUR)
        match change:
            case "read":
                assert box.rows[old[0]]["is_read"]
            case "categories":
                assert box.rows[old[0]]["categories"] == _OTHER["categories"]
            case _:
                assert old[0] not in box.rows
        assert len(box.rows) < 200, "the backfill is still under way"


async def test_engine_true_up_does_not_wait_for_the_backlog(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Without a budget a large mailbox takes hours to fetch: what lies below the anchor is right within the hour all the same."""
    quirks = Quirks(out_of_filter_events=False, latency=4.0)
    async with open_world(tmp_path, quirks=quirks, bootstrap_messages=10) as world, _small_windows():
        ids = fill(world, "inbox", 3000)
        await world.run(2 * _HOUR)
        assert ids[30] in world.addon.mailboxes[ACCOUNT].rows
        world.truth.set_read(ids[30], is_read=True)
        await world.run(_HOUR)
        assert world.addon.mailboxes[ACCOUNT].rows[ids[30]]["is_read"]
        assert len(world.addon.mailboxes[ACCOUNT].rows) < 3000, "the backfill is still under way"


@pytest.mark.parametrize(
    ("age", "change", "days"),
    [
        (10, {"is_read": True}, 1),
        (10, {"importance": "low"}, 1),
        (10, {"categories": ["Colour 7"]}, 1),
        (60, None, 1),
        (60, {"is_read": True}, 7),
        (60, {"importance": "high", "categories": ["Colour 7"]}, 7),
    ],
)
async def test_engine_reconcile_compares_each_part_in_its_time(
    tmp_path: Path, age: int, change: dict[str, Any] | None, days: int, autojump_clock: MockClock
) -> None:
    """The last 30 days each day, the whole folder where counts differ, or each week; what Odoo has otherwise is repaired and is drift."""
    async with open_world(tmp_path, reconcile_interval=24 * _HOUR) as world:
        ids = fill(world, "inbox", 80, every=24 * _HOUR)
        await world.run(25 * _HOUR)
        rows = world.addon.mailboxes[ACCOUNT].rows
        if change is None:
            del rows[ids[age]]
        else:
            rows[ids[age]] = {**rows[ids[age]], **change}
        if days > 1:
            await world.run((days - 2) * 24 * _HOUR)
            assert world.differences()
        await world.run(3 * 24 * _HOUR if days > 1 else 25 * _HOUR)
        assert not world.differences()
        assert world.runner is not None
        assert world.runner.mailbox.drift == 1


async def test_engine_reconcile_asks_about_no_message_that_is_as_it_was(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Whatever Graph says of categories and importance: a difference that no repair ends would be drift, and a question, each day."""
    async with open_world(tmp_path, reconcile_interval=24 * _HOUR) as world:
        inbox = world.truth.folder_id("inbox")
        ids = [world.deliver(inbox, age=60.0 + n, **said) for n, said in enumerate(_AWKWARD)]
        ids.append(world.deliver(inbox, categories=["Red", "Blue"]))
        await world.run(_HOUR)
        rows = world.addon.mailboxes[ACCOUNT].rows
        rows[ids[-1]] = {**rows[ids[-1]], "categories": ["Blue", "Red", "Blue"]}
        world.simulator.requests.clear()
        compared = world.addon.calls["before compare"]
        await world.run(9 * 24 * _HOUR)
        assert world.addon.calls["before compare"] - compared >= 9
        assert "message" not in map(kind_of, world.simulator.requests)
        assert world.runner is not None
        assert world.runner.mailbox.drift == 0


async def test_engine_restart_in_a_backfill_goes_on_from_the_newest_cursor(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Windows of older mail write no cursor, quiet rounds write it to the file alone: together they must not bring back an old one."""
    quirks = Quirks(delta_generations=3, latency=4.0)
    async with open_world(tmp_path, quirks=quirks, bootstrap_messages=10) as world, _small_windows():
        fill(world, "inbox", 1000)
        await world.run(_HOUR / 2)
        assert len(world.addon.mailboxes[ACCOUNT].rows) < 1000, "the backfill is still under way"
        anchor = world.addon.mailboxes[ACCOUNT].folders[world.truth.folder_id("inbox")].anchor
        world.deliver(world.truth.folder_id("inbox"))
        await world.run(300)
        assert world.addon.mailboxes[ACCOUNT].folders[world.truth.folder_id("inbox")].anchor == anchor, "the folder did not begin afresh"


async def test_engine_mailbox_that_became_full_is_backfilled_and_not_asked_more_often(tmp_path: Path, autojump_clock: MockClock) -> None:
    """No hand-over is possible without a delta: it is tried once a cycle, older mail comes all the same, and no cycle comes sooner."""
    with capture_logs():
        async with open_world(tmp_path, bootstrap_messages=5, backfill_per_hour=1) as world:
            fill(world, "inbox", 20)
            fill(world, "archive", 60)
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
