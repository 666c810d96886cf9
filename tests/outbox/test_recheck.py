"""What a click shows and what Outlook's user does at that moment: the newer one stays, whoever is told last, and whoever dies.

Where it is below the anchor of a filtered cursor, which tells nothing of it, no later round puts it right by chance.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
import trio

from tests.sync.world import ACCOUNT, Wire, open_deep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx
    from trio.testing import MockClock

    from tests.sync.world import World


def _importance(world: World, message: str) -> tuple[str, str]:
    return str(world.truth.messages[message].data["importance"]), str(world.addon.rows(ACCOUNT)[message]["importance"])


async def test_recheck_below_the_anchor_survives_two_deaths(tmp_path: Path, autojump_clock: MockClock) -> None:
    """One dies with Graph's answer, the next one when it has told Odoo that the action ended, before it looked at the message."""
    del autojump_clock
    async with open_deep(tmp_path) as (world, message):
        world.addon.maildesk_do(ACCOUNT, "importance", [message], importance="high")

        def die_with_the_answer(_: str) -> httpx.Response | None:
            if _importance(world, message)[0] == "high":
                world.die()
            return None

        world.spoil = die_with_the_answer
        await world.run(60)
        assert _importance(world, message)[0] == "high"
        world.spoil = None

        async def die_when_told(phase: str, method: str, _: object) -> None:
            if (phase, method) == ("after", "outcomes"):
                world.die()

        world.addon.on_call = die_when_told
        await world.run(60)
        world.addon.on_call = None
        assert world.deaths == 2
        assert [action.state for action in world.addon.mailboxes[ACCOUNT].actions.values()] == ["done"]
        await world.run(700)
        assert not world.addon.mailboxes[ACCOUNT].said
        assert _importance(world, message) == ("high", "high")


@contextmanager
def _held(world: World, is_meant: Callable[[httpx.Request], bool], meanwhile: Callable[[], object]) -> Iterator[None]:
    """Hold back Graph's first answer to what is meant for as long as it takes to do all else; `meanwhile` begins that."""
    carry, held = Wire.handle_async_request, [0]

    async def slowly(wire: Wire, request: httpx.Request) -> httpx.Response:
        response = await carry(wire, request)
        if not held[0] and is_meant(request):
            held[0] = 1
            meanwhile()
            assert world.runner is not None
            world.runner.wake()
            await trio.sleep(40)
        return response

    with patch.object(Wire, "handle_async_request", slowly):
        yield
    assert held[0], "nothing was held back"


async def test_recheck_answer_to_a_click_gets_over_nothing_newer(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Graph's answer is slow; a round tells meanwhile what Outlook's user did after the click, and its cursor never tells it again."""
    del autojump_clock
    async with open_deep(tmp_path) as (world, _):
        message = world.deliver(world.truth.folder_id("inbox"))
        await world.run(400)
        world.addon.maildesk_do(ACCOUNT, "importance", [message], importance="high")
        with _held(world, lambda sent: b"high" in sent.content, lambda: world.truth.change(message, {"importance": "low"})):
            await world.run(400)
        assert not world.addon.mailboxes[ACCOUNT].said
        assert _importance(world, message) == ("low", "low")


async def test_recheck_what_was_read_before_a_click_gets_not_over_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A message is looked at, and Graph's answer is slow: the click that it knows nothing of is over when it comes."""
    del autojump_clock
    async with open_deep(tmp_path) as (world, message):
        world.addon.maildesk_do(ACCOUNT, "flag", [message])
        await world.run(60)

        def click() -> None:
            world.addon.maildesk_do(ACCOUNT, "importance", [message], importance="high")

        async def look(phase: str, method: str, _: object) -> None:
            if (phase, method) == ("before", "take_up") and world.runner is not None:
                world.runner.mailbox.settling.messages.add(message)

        world.addon.on_call = look

        def is_look(sent: httpx.Request) -> bool:
            return message.rstrip("=") in f"{sent.url} {sent.content!r}" and "PATCH" not in f"{sent.method} {sent.content!r}"

        with _held(world, is_look, click):
            await world.run(400)
        assert not world.addon.mailboxes[ACCOUNT].said
        assert _importance(world, message) == ("high", "high")


@pytest.mark.parametrize("deaths", [0, 1])
async def test_recheck_whole_folder_stays_read_below_the_anchor(tmp_path: Path, autojump_clock: MockClock, deaths: int) -> None:
    """Nobody tells message by message what became of it there: it is compared before the click covers no more, by a successor too."""
    del autojump_clock
    async with open_deep(tmp_path) as (world, message):
        world.addon.maildesk_do(ACCOUNT, "mark_folder_read", [], folder=world.truth.folder_id("inbox"))

        async def die_when_told(phase: str, method: str, _: object) -> None:
            if (phase, method) == ("after", "outcomes"):
                world.die()

        if deaths:
            world.addon.on_call = die_when_told
            await world.run(60)
            world.addon.on_call = None
        assert world.deaths == deaths
        shown: set[bool] = set()

        async def look(*_: object) -> None:
            shown.add(world.addon.rows(ACCOUNT)[message]["is_read"])

        world.addon.on_call = look
        await world.run(700)
        assert not world.addon.mailboxes[ACCOUNT].said
        assert shown == {True}
        assert all(row["is_read"] for row in world.addon.rows(ACCOUNT).values())
