"""One mailbox whose folders, messages and people are each in another's way, and must not be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unittest.mock import patch
from urllib.parse import unquote

import httpx
import pytest
import trio
from structlog.testing import capture_logs

from connector.graph import messages
from tests.graph.conftest import fault
from tests.sync.world import ACCOUNT, Spoil, fill, open_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio.testing import MockClock

_HOUR = 3600.0


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    """Keep the tracebacks of lasting errors from the terminal."""
    with capture_logs():
        yield


def _failing(pattern: str, answer: httpx.Response | None = None) -> Spoil:
    """Answer what matches with an error for ever."""
    error = answer if answer is not None else fault(400, "ErrorBrandNew")
    return lambda asked: error if re.search(pattern, unquote(asked), re.IGNORECASE) else None


@pytest.mark.parametrize("kind", ["delta", "messages"])
async def test_cycle_folder_that_always_fails_stops_no_other(tmp_path: Path, kind: str, autojump_clock: MockClock) -> None:
    """Its older mail and its proof wait; the other folders' older mail comes, is handed over, compared, and news go on."""
    async with open_world(tmp_path, reconcile_interval=_HOUR, bootstrap_messages=5) as world:
        inbox, archive = world.truth.folder_id("inbox"), world.truth.folder_id("archive")
        fill(world, "inbox", 30)
        ids = fill(world, "archive", 30)
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


async def test_cycle_cursor_that_is_not_found_once_is_kept(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A server that does not know the folder yet, or a folder that is being deleted: only what lasts to the next cycle is a dead cursor."""
    async with open_world(tmp_path) as world:
        inbox = world.truth.folder_id("inbox")
        fill(world, "inbox", 3)
        await world.run(100)
        folder = world.addon.mailboxes[ACCOUNT].folders[inbox]
        before = folder.revision
        # As links name the folder; a first round does it otherwise, and is answered.
        lost = _failing(f"{re.escape(inbox)}'\\)/messages/delta", fault(404, "ErrorItemNotFound"))
        met: list[str] = []

        def once(asked: str) -> httpx.Response | None:
            answer = lost(asked) if not met else None
            met.extend([asked] if answer is not None else [])
            return answer

        for _ in range(3):
            met.clear()
            world.spoil = once
            await world.run(600)
            assert met
        assert (folder.revision, folder.sync_state, folder.cursor is None) == (before, "ok", False)
        world.deliver(inbox)
        world.spoil = lost
        await world.run(700)
        assert folder.revision > before, "it was listed again"
        world.spoil = None
        await world.run(_HOUR)
        assert (folder.sync_state, folder.cursor is None) == ("ok", False)
        assert not world.differences()


async def test_cycle_database_that_was_swapped_is_not_written_and_the_own_one_goes_on(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Between two exchanges nobody has told the mailbox yet: Odoo refuses, nothing is asked of a person, and it goes on by itself."""
    async with open_world(tmp_path) as world:
        inbox, ours = world.truth.folder_id("inbox"), world.addon.database_uuid
        fill(world, "inbox", 3)
        await world.run(100)
        rows = dict(world.addon.mailboxes[ACCOUNT].rows)
        world.addon.database_uuid = "11111111-0000-4000-8000-000000000000"
        new = world.deliver(inbox)
        await world.run(600)
        assert world.addon.mailboxes[ACCOUNT].rows == rows
        world.addon.database_uuid = ours
        await world.run(600)
        assert new in world.addon.mailboxes[ACCOUNT].rows
        assert not world.differences()


async def test_jobs_folder_that_always_fails_is_not_asked_for_all_the_time(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Graph refuses the round of a hand-over for ever: it is tried now and then, others are done, and cycles come no more often."""
    async with open_world(tmp_path, bootstrap_messages=5) as world:
        inbox, archive = world.truth.folder_id("inbox"), world.truth.folder_id("archive")
        fill(world, "inbox", 30)
        fill(world, "archive", 30)
        world.spoil = _failing(rf"{re.escape(inbox)}/messages/delta\?\$select=[^&]*$", fault(507, "ErrorQuotaExceeded"))
        await world.run(_HOUR)
        folders = world.addon.mailboxes[ACCOUNT].folders
        assert folders[archive].is_backfilled
        assert not folders[inbox].is_backfilled
        assert world.requests < 12 * 2 + 60 + 40, "a batch a cycle, a try a minute"
        world.spoil = None
        await world.run(_HOUR)
        assert not world.differences()


async def test_forget_while_a_cycle_fetches_loses_no_message(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A person switches a folder while a cycle has the news: what of them has to be asked for comes with the cursor all the same."""
    async with open_world(tmp_path) as world:
        fill(world, "inbox", 3)
        await world.run(100)
        # Graph tells its removal alone, and the cursor moves past that: nothing else ever brings it.
        fresh = world.deliver(world.truth.folder_id("inbox"))
        world.truth.move(fresh, world.truth.folder_id("archive"))
        world.truth.move(fresh, world.truth.folder_id("inbox"))

        def forget(asked: str) -> None:
            if "/delta?" in asked and world.runner is not None:
                world.runner.mailbox.forget()

        world.spoil = forget
        await world.run(1000)
        assert fresh in world.addon.mailboxes[ACCOUNT].rows
        assert not world.differences()


@pytest.mark.parametrize("kind", ["damaged", "timeless"])
async def test_cycle_unknown_message_that_cannot_be_read_whole_is_set_aside(tmp_path: Path, kind: str, autojump_clock: MockClock) -> None:
    """Graph tells a part of an old message that Odoo does not know, and the whole cannot be had: counted and shown, in nobody's way."""
    async with open_world(tmp_path, bootstrap_messages=5, backfill_per_hour=1) as world:
        inbox = world.truth.folder_id("inbox")
        old = fill(world, "inbox", 40)[30]
        await world.run(100)
        world.truth.set_read(old, is_read=True)
        timeless = httpx.Response(200, json={"id": old, "parentFolderId": inbox, "subject": "?", "isRead": True, "receivedDateTime": None})
        world.spoil = _failing(f"/messages/{re.escape(old)}", fault(500, "ErrorCorruptData") if kind == "damaged" else timeless)
        fresh = world.deliver(inbox)
        await world.run(1500)
        box = world.addon.mailboxes[ACCOUNT]
        assert fresh in box.rows
        assert {i: one.folder for i, one in box.unreadable.items()} == {old: None if kind == "damaged" else inbox}
        assert world.runner is not None
        assert world.runner.last_sync_at is not None


async def test_cycle_unreadable_message_of_a_folder_that_is_switched_off_is_forgotten(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Before its third try nobody wants the folder's mail any more: it is no reason to refuse all cycles to come."""
    async with open_world(tmp_path) as world:
        archive = world.truth.folder_id("archive")
        fill(world, "inbox", 3)
        bad = fill(world, "archive", 3)[0]
        world.truth.change(bad, {"subject": 7})
        await world.run(100)
        world.addon.maildesk_set_sync(ACCOUNT, [archive], enabled=False)
        await world.run(2000)
        fresh = world.deliver(world.truth.folder_id("inbox"))
        await world.run(1000)
        assert world.runner is not None
        assert world.runner.last_sync_at is not None
        assert fresh in world.addon.mailboxes[ACCOUNT].rows
        assert not world.addon.mailboxes[ACCOUNT].unreadable


@pytest.mark.parametrize(("is_asked_for", "patience"), [(True, 30), (False, 330)])
async def test_reconcile_of_a_large_folder_keeps_nobody_waiting(
    tmp_path: Path, *, is_asked_for: bool, patience: float, autojump_clock: MockClock
) -> None:
    """While all of it is listed, ten messages a page, a person's wish and the regular cycles go ahead between two pages."""
    async with open_world(tmp_path) as world:
        fill(world, "inbox", 3000)
        await world.run(_HOUR)
        world.settings["reconcile_interval"] = 6 * _HOUR
        world.simulator.quirks.latency = 2.0
        listing, waited = trio.Event(), list[float]()
        pages: list[str] = []

        def watch(asked: str) -> None:
            if "/messages?" in asked and "$filter" not in unquote(asked):
                pages.append(asked)
                listing.set()

        async def deliver() -> None:
            await listing.wait()
            await trio.sleep(20)
            fresh, began = world.deliver(world.truth.folder_id("inbox")), trio.current_time()
            if is_asked_for and world.runner is not None:
                world.runner.wake()
            while fresh not in world.addon.mailboxes[ACCOUNT].rows:  # noqa: ASYNC110 - it is told by nobody
                await trio.sleep(1)
            waited.append(trio.current_time() - began)

        world.spoil = watch
        with patch.object(messages, "LIST_LIMIT", 10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(deliver)
                nursery.start_soon(world.run, 8 * _HOUR)
        assert len(pages) >= 300, "all of it was listed"
        assert waited[0] < patience
        assert not world.differences()
