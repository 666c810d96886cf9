"""One mailbox whose folders, messages and people are each in another's way, and must not be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from structlog.testing import capture_logs

from tests.graph.conftest import fault
from tests.sync.world import ACCOUNT, Spoil, World, open_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from trio.testing import MockClock

_HOUR = 3600.0


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    """Keep the tracebacks of lasting errors from the terminal."""
    with capture_logs():
        yield


def _fill(world: World, folder: str, number: int, *, every: float = 3600.0) -> list[str]:
    """Deliver messages, the first one the newest; return their ids."""
    return [world.deliver(world.truth.folder_id(folder), age=60 + n * every) for n in range(number)]


def _failing(pattern: str, answer: httpx.Response | None = None) -> Spoil:
    """Answer what matches with an error for ever."""
    error = answer if answer is not None else fault(400, "ErrorBrandNew")
    return lambda asked: error if re.search(pattern, unquote(asked), re.IGNORECASE) else None


@pytest.mark.parametrize("kind", ["delta", "messages"])
async def test_cycle_folder_that_always_fails_stops_no_other(tmp_path: Path, kind: str, autojump_clock: MockClock) -> None:
    """Its older mail and its proof wait; the other folders' older mail comes, is handed over, compared, and news go on."""
    async with open_world(tmp_path, reconcile_interval=_HOUR, bootstrap_messages=5) as world:
        inbox, archive = world.truth.folder_id("inbox"), world.truth.folder_id("archive")
        _fill(world, "inbox", 30)
        ids = _fill(world, "archive", 30)
        # The Inbox comes first in everything.
        world.spoil = _failing(f"{re.escape(inbox)}/messages/delta" if kind == "delta" else f"{re.escape(inbox)}/messages\\?")
        await world.run(_HOUR)
        box = world.addon.mailboxes[ACCOUNT]
        assert box.folders[archive].is_backfilled
        del box.rows[ids[12]]
        await world.run(2 * _HOUR)
        assert ids[12] in box.rows, "the other folder is compared"
        world.spoil = None
        await world.run(2 * _HOUR)
        assert not world.differences()


async def test_jobs_folder_that_always_fails_is_not_asked_for_all_the_time(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Graph refuses the round of a hand-over for ever: it is tried now and then, others are done, and cycles come no more often."""
    async with open_world(tmp_path, bootstrap_messages=5) as world:
        inbox, archive = world.truth.folder_id("inbox"), world.truth.folder_id("archive")
        _fill(world, "inbox", 30)
        _fill(world, "archive", 30)
        world.spoil = _failing(rf"{re.escape(inbox)}/messages/delta\?\$select=[^&]*$", fault(507, "ErrorQuotaExceeded"))
        await world.run(_HOUR)
        folders = world.addon.mailboxes[ACCOUNT].folders
        assert folders[archive].is_backfilled
        assert not folders[inbox].is_backfilled
        assert world.requests < 12 * 2 + 60 + 40, "a batch a cycle, a try a minute"
        world.spoil = None
        await world.run(_HOUR)
        assert not world.differences()
