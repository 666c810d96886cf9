"""The engine and messages that nobody can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from tests.sync.world import ACCOUNT, fill, open_world

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

_HOUR = 3600.0


async def test_engine_damaged_messages_are_set_aside_and_come_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Three of a page that nobody can read: the others are there, these are counted; mended, they are read with the next reconcile."""
    async with open_world(tmp_path, reconcile_interval=_HOUR) as world:
        ids = fill(world, "inbox", 30)
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
            ids = fill(world, "inbox", 30)
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
