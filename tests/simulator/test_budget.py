"""The budget of requests: so many in ten minutes for each mailbox, refused ones and items of batches among them (section 6)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio
import trio.testing

from tests.graph_simulator.entra import Grant
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import trio_clock
from tests.simulator.conftest import open_in_process

START = datetime(2031, 5, 6, tzinfo=UTC)


def test_budget_is_ten_thousand_unless_told() -> None:
    """Microsoft's number."""
    assert Quirks().request_rate == 10_000


@pytest.mark.parametrize("says_when", [True, False])
async def test_budget_spent_is_429_until_the_window_has_slid(autojump_clock: trio.testing.MockClock, *, says_when: bool) -> None:
    """Retry-After, unless it is switched off, says when the next one fits; until then the mailbox is shut, and others are open."""
    async with open_in_process(Quirks(request_rate=5, retry_after=says_when), clock=trio_clock(START)) as graph:
        other = make_mailbox("b@x.example", "Bo", mails=())
        graph.world.mailboxes[other.address] = other
        graph.world.entra.grants["other"] = Grant(other.address, ("Mail.Read",), START.timestamp() + 9000)
        for _ in range(5):
            assert (await graph.raw("/me")).status_code == 200
            await trio.sleep(10)
        answer = await graph.raw("/me")
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "ApplicationThrottled")
        assert answer.json()["error"]["message"] == "Application is over its RequestRate limit."
        # Of the six in the window two have to go, the second of which came ten seconds after the start.
        assert answer.headers.get("retry-after") == ("560" if says_when else None)
        token, graph.token = graph.token, "other"
        assert (await graph.raw("/me")).status_code == 200
        graph.token = token
        await trio.sleep(560)
        assert (await graph.raw("/me")).status_code == 200


async def test_budget_counts_items_and_may_be_lifted(autojump_clock: trio.testing.MockClock) -> None:
    """A batch costs as many as it has items, not one; 0 lifts the limit."""
    async with open_in_process(Quirks(request_rate=3, lanes=0)) as graph:
        items = await graph.batch(*({"url": "/me"} for _ in range(5)))
        assert sorted(i["status"] for i in items.values()) == [200, 200, 200, 429, 429]
        graph.world.quirks.request_rate = 0
        assert (await graph.raw("/me")).status_code == 200
