"""Messages of ended actions are looked at again, also by the successor of a connector that died before it looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sync.world import ACCOUNT, open_world

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock


@pytest.mark.parametrize("first", range(2, 34, 4))
@pytest.mark.parametrize("second", range(10, 70))
async def test_recheck_below_the_anchor_survives_deaths(tmp_path: Path, autojump_clock: MockClock, first: int, second: int) -> None:
    """A filtered cursor tells nothing of what is below its anchor, and no comparison speaks of the importance.

    One dies with Graph's answer, the next one once it told Odoo that the action ended, before it looked.
    """
    del autojump_clock
    async with open_world(tmp_path, outbox=True, bootstrap_messages=5, backfill_per_hour=40) as world:
        for number in range(200):
            world.deliver(world.truth.folder_id("inbox"), age=number * 3600.0)
        await world.run(120)
        rows = {i: row for i, row in world.addon.rows(ACCOUNT).items() if not row["pending"]}
        assert 5 < len(rows) < 200
        oldest = min(rows, key=lambda one: world.truth.messages[one].data["receivedDateTime"])
        world.addon.maildesk_do(ACCOUNT, "importance", [oldest], importance="high")
        await world.run(60, die_after=first)
        await world.run(60, die_after=second)
        await world.run(700)
        assert world.truth.messages[oldest].data["importance"] == "high"
        assert world.addon.rows(ACCOUNT)[oldest]["importance"] == "high"
