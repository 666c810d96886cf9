"""Batches as chains: each item judged alone, those that Graph did not reach asked again, and nothing read in another order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from connector.errors import GraphError, GraphMailboxGone, GraphNotFound, GraphThrottled, GraphUnauthorized, GraphUnreachable
from connector.graph.batch import ITEMS, Ask, Reply, ask_all, ask_each
from connector.graph.client import OVERALL
from connector.graph.gate import LANES, Priority
from connector.graph.types import Named
from tests.graph.conftest import BASE, FakeTokens, chained, fault, open_mailbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.graph.client import MailboxClient


def _asks(number: int) -> list[Ask]:
    return [Ask(f"/me/messages/{n}", (("$select", "id"),), ("odata.maxpagesize=7",)) for n in range(number)]


def _named(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"id": request.url.path.rpartition("/")[2]})


async def _ask(mailbox: MailboxClient, number: int) -> list[tuple[int, Reply]]:
    return await ask_all(mailbox, _asks(number), Priority.LIVE)


async def test_ask_all_is_a_chain_of_twenty_with_the_headers_on_each_item() -> None:
    """Each item waits for the one before it, so one lane is taken; immutable ids are asked for item by item."""
    batches: list[Any] = []

    def graph(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("$batch"):
            raise AssertionError("unrolled by the test's Graph")
        assert request.headers["prefer"] == 'IdType="ImmutableId", odata.maxpagesize=7'
        return _named(request)

    async with open_mailbox(graph) as mailbox:
        seen = mailbox._http.request

        async def spy(method: str, url: str, **given: Any) -> httpx.Response:
            batches.append(json.loads(given["content"])["requests"])
            return await seen(method, url, **given)

        mailbox._http.request = spy  # type: ignore[method-assign,assignment]  # a spy knows what the client sends
        replies = await _ask(mailbox, 45)
        assert mailbox.gate.requests_24h == 45
    assert [len(b) for b in batches] == [ITEMS, ITEMS, 5]
    assert all(item.get("dependsOn", []) == ([str(n - 1)] if n else []) for batch in batches for n, item in enumerate(batch))
    assert batches[0][0]["url"] == "/me/messages/0?%24select=id"
    assert [(place, reply.read(Named).id) for place, reply in replies] == [(n, str(n)) for n in range(45)]


@pytest.mark.parametrize("priority", [Priority.LIVE, Priority.BACKFILL])
async def test_ask_each_goes_side_by_side_in_the_lanes_that_it_may_take(priority: Priority) -> None:
    """Items that do not wait for each other take a lane each at Graph; a 404 costs no other its answer."""
    sizes: list[int] = []

    async def graph(request: httpx.Request) -> httpx.Response:
        items = json.loads(request.content)["requests"]
        assert not any("dependsOn" in item for item in items)
        assert mailbox.gate._in_flight == len(items)
        sizes.append(len(items))
        return await chained(request, lambda _: fault(404, "ErrorItemNotFound"))

    async with open_mailbox(_named) as mailbox:
        mailbox._http._transport = httpx.MockTransport(graph)
        replies = await ask_each(mailbox, _asks(7), priority)
    assert all(isinstance(reply.error, GraphNotFound) for _, reply in replies)
    assert (len(replies), max(sizes)) == (7, LANES[priority])


async def test_ask_all_single_ask_is_a_plain_request() -> None:
    """Nobody pays a batch for one question."""
    async with open_mailbox(_named) as mailbox:
        ((place, reply),) = await _ask(mailbox, 1)
        assert (place, reply.read(Named).id, mailbox.gate.requests_24h) == (0, "0", 1)


async def test_ask_all_link_goes_relative_and_only_to_graph() -> None:
    """A batch names items without host and version; a link to another host is not followed there either."""
    asked: list[str] = []

    def graph(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(200, json={"id": "x"})

    links = [Ask(f"{BASE}/me/mailfolders('F')/messages/delta?$deltatoken=a%2Bb"), Ask("/me")]
    async with open_mailbox(graph) as mailbox:
        await ask_all(mailbox, links, Priority.LIVE)
        with pytest.raises(GraphError, match="was not followed"):
            await ask_all(mailbox, [Ask("https://evil.example/v1.0/me"), Ask("/me")], Priority.LIVE)
    assert asked == ["/v1.0/me/mailfolders('F')/messages/delta?$deltatoken=a%2Bb", "/v1.0/me"]


async def test_ask_all_failed_item_takes_no_other_with_it() -> None:
    """A 404 in the middle answers 424 to all behind it: they are asked again, without it, and it is not."""
    asked: list[str] = []

    def graph(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path[-1])
        return fault(404, "ErrorItemNotFound") if request.url.path.endswith("/2") else _named(request)

    async with open_mailbox(graph) as mailbox:
        replies = dict(await _ask(mailbox, 5))
    assert isinstance(replies[2].error, GraphNotFound)
    assert [replies[n].read(Named).id for n in (0, 1, 3, 4)] == ["0", "1", "3", "4"]
    assert asked == ["0", "1", "2", "3", "4"]


async def test_ask_all_throttled_item_waits_and_comes_last(autojump_clock: MockClock) -> None:
    """A 429 inside a 200 is that item's: it is asked again after its time, when the others are done; the fence holds the mailbox."""
    order: list[str] = []

    def graph(request: httpx.Request) -> httpx.Response:
        name = request.url.path[-1]
        first = name not in order
        order.append(name)
        return fault(429, "ApplicationThrottled", retry_after="7") if name == "1" and first else _named(request)

    began = trio.current_time()
    async with open_mailbox(graph) as mailbox:
        replies = await _ask(mailbox, 4)
    assert [place for place, _ in replies] == [0, 2, 3, 1]
    assert order == ["0", "1", "2", "3", "1"]
    assert trio.current_time() - began >= 7


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (fault(429, "ApplicationThrottled", retry_after="600"), GraphThrottled),
        (fault(404, "MailboxNotEnabledForRESTAPI"), GraphMailboxGone),
        (fault(401, "InvalidAuthenticationToken"), GraphUnauthorized),
    ],
)
async def test_ask_all_what_concerns_the_mailbox_is_raised(
    answer: httpx.Response, error: type[GraphError], autojump_clock: MockClock
) -> None:
    """It says nothing of the item that met it."""
    async with open_mailbox(lambda r: answer if r.url.path.endswith("/1") else _named(r)) as mailbox:
        with pytest.raises(error):
            await _ask(mailbox, 3)


async def test_ask_all_lasting_fault_of_one_item_is_its_error(autojump_clock: MockClock) -> None:
    """500 for ever on one item: the others are answered, and this one after some attempts too."""
    async with open_mailbox(lambda r: fault(500, "ErrorInternalServerError") if r.url.path.endswith("/0") else _named(r)) as mailbox:
        replies = dict(await _ask(mailbox, 3))
    assert isinstance(replies[0].error, GraphUnreachable)
    assert replies[1].read(Named).id == "1"


async def test_ask_all_refused_token_is_renewed_once() -> None:
    """A token that ends in the middle of a chain is replaced, and the rest goes on."""
    tokens = FakeTokens()

    def graph(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/2") and request.headers["authorization"] == "Bearer t1":
            return fault(401, "InvalidAuthenticationToken")
        return _named(request)

    async with open_mailbox(graph, tokens=tokens) as mailbox:
        assert sorted(place for place, reply in await _ask(mailbox, 4) if reply.error is None) == [0, 1, 2, 3]
    assert tokens.number == 2


async def test_ask_all_missing_answer_is_asked_again(autojump_clock: MockClock) -> None:
    """A batch may lack an answer; one that lacks all of them says nothing at all."""
    left_out = {"1"}

    async def graph(request: httpx.Request) -> httpx.Response:
        answer = await chained(request, _named)
        body = answer.json()
        body["responses"] = [r for r in body["responses"] if r["id"] not in left_out]
        left_out.clear()
        return httpx.Response(200, json=body)

    async with open_mailbox(_named) as mailbox:
        mailbox._http._transport = httpx.MockTransport(graph)
        # Each with an answer of its own: nothing that is taken for an empty one.
        assert {place: reply.read(Named).id for place, reply in await _ask(mailbox, 3)} == {0: "0", 1: "1", 2: "2"}


async def test_ask_all_that_depends_on_nothing_asked_ends() -> None:
    """424 to every item is no answer, and no reason to ask for ever."""

    def graph(request: httpx.Request) -> httpx.Response:
        items = json.loads(request.content)["requests"]
        return httpx.Response(200, json={"responses": [{"id": i["id"], "status": 424, "body": {}} for i in items]})

    async with open_mailbox(_named) as mailbox:
        mailbox._http._transport = httpx.MockTransport(graph)
        with pytest.raises(GraphUnreachable, match="no item"):
            await _ask(mailbox, 3)


async def test_ask_all_renewed_and_then_424_for_ever_ends() -> None:
    """A token that was renewed in this chain is no reason to ask for ever what Graph leaves undone."""
    rounds = 0

    def graph(request: httpx.Request) -> httpx.Response:
        nonlocal rounds
        rounds += 1
        assert rounds < 10, "asked for ever"
        items = json.loads(request.content)["requests"]
        status = [401 if rounds == 1 and not n else 424 for n in range(len(items))]
        return httpx.Response(200, json={"responses": [{"id": i["id"], "status": s} for i, s in zip(items, status, strict=True)]})

    async with open_mailbox(_named) as mailbox:
        mailbox._http._transport = httpx.MockTransport(graph)
        with pytest.raises(GraphUnreachable, match="no item"):
            await _ask(mailbox, 3)


@pytest.mark.parametrize("headers", [{"Retry-After": 7}, {"Retry-After": 7.5, "X": None}, None])
async def test_ask_all_headers_of_any_type_spoil_no_batch(headers: dict[str, Any] | None, autojump_clock: MockClock) -> None:
    """Values of an item's headers need be no strings: a time is a time, and the others have their answers."""
    bad = [headers]

    async def graph(request: httpx.Request) -> httpx.Response:
        body = (await chained(request, _named)).json()
        if bad:
            body["responses"][0] = {"id": body["responses"][0]["id"], "status": 429, "headers": bad.pop()}
        return httpx.Response(200, json=body)

    began = trio.current_time()
    async with open_mailbox(_named) as mailbox:
        mailbox._http._transport = httpx.MockTransport(graph)
        assert sorted(place for place, _ in await _ask(mailbox, 3)) == [0, 1, 2]
    assert trio.current_time() - began >= (7 if headers else 0.5)


async def test_ask_all_weather_over_every_item_is_over_in_minutes(autojump_clock: MockClock) -> None:
    """Every item of a large mailbox is 503 inside 200: that is not waited out item by item, which would take hours."""
    began = trio.current_time()
    async with open_mailbox(lambda _: fault(503, "MailboxInfoStale")) as mailbox:
        with pytest.raises(GraphUnreachable, match="for long"):
            await _ask(mailbox, 300)
    assert trio.current_time() - began < 2 * OVERALL


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([200, 404, 429, 500, 503]), max_size=4), min_size=2, max_size=50),
    st.sampled_from([ask_all, ask_each]),
)
def test_ask_all_whatever_items_answer_each_gets_its_own(plans: list[list[int]], ask: Callable[..., Awaitable[Any]]) -> None:
    """Each item fails as planned, then answers: every ask ends with its own answer or its own error, once."""

    async def main() -> None:
        left = {str(n): list(plan) for n, plan in enumerate(plans)}

        def graph(request: httpx.Request) -> httpx.Response:
            plan = left[request.url.path.rpartition("/")[2]]
            status = plan.pop(0) if plan else 200
            return _named(request) if status == 200 else fault(status, "ErrorItemNotFound" if status == 404 else "ErrorServerBusy")

        async with open_mailbox(graph) as mailbox:
            replies = await ask(mailbox, _asks(len(plans)), Priority.LIVE)
        assert sorted(place for place, _ in replies) == list(range(len(plans)))
        for place, reply in replies:
            first_end = next((s for s in plans[place] if s in {200, 404}), 200)
            if first_end == 200:
                assert reply.read(Named).id == str(place)
            else:
                assert isinstance(reply.error, GraphNotFound)

    trio.run(main, clock=MockClock(autojump_threshold=0))
