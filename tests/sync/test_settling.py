"""What is looked at before actions cover no more, where Graph does not answer, answers slowly, or much is to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
import pytest
import trio

from connector.graph import messages as graph_messages
from connector.sync import settling
from tests.sync.world import ACCOUNT, Wire, fill, kind_of, open_deep, open_world

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from tests.sync.world import World


class _Shown:
    """What a row showed, at each call of the connector."""

    def __init__(self, world: World, message: str, column: str) -> None:
        self._world, self._message, self._column = world, message, column
        self.values: list[Any] = [self._row()]
        world.addon.on_call = self.look

    def _row(self) -> Any:
        return self._world.addon.rows(ACCOUNT)[self._message][self._column]

    async def look(self, *_: object) -> None:
        """Note a change."""
        if self._row() != self.values[-1]:
            self.values.append(self._row())


def _look_at(world: World, *messages: str) -> None:
    """Let messages be looked at as soon as the connector runs."""

    async def at_take_up(phase: str, method: str, _: object) -> None:
        if (phase, method) == ("before", "take_up") and world.runner is not None:
            world.addon.on_call = None
            world.runner.mailbox.settling.messages.update(messages)

    world.addon.on_call = at_take_up


async def test_settling_waits_for_a_comparison_of_many_pages(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Other clicks ask for rounds between its pages; none of them may end what it is to prove."""
    del autojump_clock
    async with open_deep(tmp_path) as (world, message):
        carry = Wire.handle_async_request

        async def slowly(wire: Wire, request: httpx.Request) -> httpx.Response:
            response = await carry(wire, request)
            if "top=7" in f"{request.url} {request.content!r}" or "skip" in f"{request.url} {request.content!r}":
                await trio.sleep(2)
                assert world.runner is not None
                world.runner.wake()
            return response

        shown = _Shown(world, message, "is_read")
        with patch.object(graph_messages, "LIST_LIMIT", 7), patch.object(Wire, "handle_async_request", slowly):
            world.addon.maildesk_do(ACCOUNT, "mark_folder_read", [], folder=world.truth.folder_id("inbox"))
            await world.run(700)
        assert shown.values in ([False, True], [True])
        assert not world.addon.mailboxes[ACCOUNT].said


async def test_settling_folder_that_cannot_be_listed_is_tried_again_and_left(tmp_path: Path, autojump_clock: MockClock) -> None:
    """What is done elsewhere is not covered for ever because of it."""
    del autojump_clock
    async with open_deep(tmp_path) as (world, message):
        other = world.deliver(world.truth.folder_id("archive"))
        listed = 0

        def refuse(url: str) -> httpx.Response | None:
            nonlocal listed
            if "receivedDateTime%20desc" not in url and "receivedDateTime desc" not in url and "receivedDateTime+desc" not in url:
                return None
            listed += 1
            return httpx.Response(500, json={"error": {"code": "ErrorInternalServerError"}})

        await world.run(400)
        world.spoil = refuse
        world.addon.maildesk_do(ACCOUNT, "mark_folder_read", [], folder=world.truth.folder_id("inbox"))
        world.addon.maildesk_do(ACCOUNT, "flag", [other])
        shown = _Shown(world, message, "is_read")
        await world.run(2400)
        assert listed > 10, "it is tried again"
        assert shown.values in ([False, True], [True]), "and covered meanwhile"
        world.truth.set_flag(other, "notFlagged")
        await world.run(4000)
        assert not world.addon.rows(ACCOUNT)[other]["is_flagged"]


@pytest.mark.parametrize("status", [429, 503])
async def test_settling_look_that_failed_is_made_again(tmp_path: Path, autojump_clock: MockClock, status: int) -> None:
    """The mailbox is throttled, or Graph is out of reach, just then."""
    del autojump_clock
    async with open_deep(tmp_path) as (world, message):
        world.truth.change(message, {"importance": "high"})
        refused = 0

        def refuse(url: str) -> httpx.Response | None:
            nonlocal refused
            if message.rstrip("=") not in url or refused:
                return None
            refused = 1
            return httpx.Response(status, json={"error": {"code": "TooManyRequests"}}, headers={"Retry-After": "30"})

        world.spoil = refuse
        _look_at(world, message)
        await world.run(1500)
        assert refused
        assert world.addon.rows(ACCOUNT)[message]["importance"] == "high"


async def test_settling_message_that_nobody_can_read_holds_up_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    """It is set aside, as anywhere else; the mailbox is in sync, and what was done covers no more."""
    del autojump_clock
    async with open_deep(tmp_path) as (world, message):
        world.spoil = lambda url: (
            httpx.Response(500, json={"error": {"code": "ErrorInternalServerError"}}) if message.rstrip("=") in url else None
        )
        other = world.deliver(world.truth.folder_id("archive"))
        _look_at(world, message)
        world.addon.maildesk_do(ACCOUNT, "flag", [other])
        await world.run(4000)
        assert world.runner is not None
        assert world.runner.progress is not None
        assert world.runner.progress.synced
        assert world.runner.mailbox.settling.messages == set()
        assert not world.addon.mailboxes[ACCOUNT].said


async def test_settling_asks_for_nothing_that_this_process_knows(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A new folder lets the book be read anew; what eighty clicks cover is not asked for because of it."""
    del autojump_clock
    async with open_world(tmp_path, outbox=True, bootstrap_messages=200) as world:
        ids = fill(world, "inbox", 100, every=60)
        await world.run(400)

        async def act() -> None:
            await trio.sleep(30)
            world.simulator.requests.clear()
            world.truth.add_folder("New", world.truth.folder_id("msgfolderroot"))
            world.addon.maildesk_do(ACCOUNT, "flag", ids[:80])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(act)
            await world.run(200)
        assert [entry for entry in world.simulator.requests if entry["method"] == "GET" and kind_of(entry) == "message"] == []
        assert not world.addon.mailboxes[ACCOUNT].said


async def test_settling_looks_at_some_in_each_round(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Thousands that a successor finds covered are no burden of one round; each of them is looked at."""
    del autojump_clock
    with patch.object(settling, "AT_ONCE", 10):
        async with open_deep(tmp_path) as (world, _):
            rows = sorted(world.addon.rows(ACCOUNT))
            for message in rows:
                world.truth.change(message, {"importance": "high"})
            _look_at(world, *rows)
            world.simulator.requests.clear()
            await world.run(10)
            asked = [entry for entry in world.simulator.requests if entry["method"] == "GET" and kind_of(entry) == "message"]
            assert 0 < len(asked) <= 10
            assert world.runner is not None
            assert len(world.runner.mailbox.settling.messages) == len(rows) - 10
