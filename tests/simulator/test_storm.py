"""Storms: what strikes is what was seen on the wire, in the share that was asked for, and the same again with the same seed."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from connector.http import HTTPError
from tests.graph_simulator.quirks import STORM_KINDS, WIRE_KINDS, Quirks
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import trio_clock
from tests.simulator.conftest import ADDRESS, open_graph, open_in_process

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.simulator.conftest import Graph

LIST = "/me/mailFolders/inbox/messages"
NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)


def _all_of(kind: str) -> Quirks:
    return Quirks(storm=1.0, storm_kinds=kind)


def _opened(quirks: Quirks, *, has_sockets: bool) -> AbstractAsyncContextManager[Graph]:
    return open_graph(quirks) if has_sockets else open_in_process(quirks)


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry_after"),
    [
        ("429", 429, "TooManyRequests", "2"),
        ("429_bare", 429, "TooManyRequests", None),
        ("429_float", 429, "TooManyRequests", "1.5"),
        ("500", 500, "ErrorInternalServerError", None),
        ("503", 503, "ErrorServerBusy", "2"),
        ("503_bare", 503, "ServiceNotAvailable", None),
        ("504", 504, "UnknownError", None),
    ],
)
async def test_storm_refusals_have_graphs_error(kind: str, status: int, code: str, retry_after: str | None) -> None:
    """As a request of its own and as an item of a batch."""
    async with open_in_process(_all_of(kind)) as graph:
        answer = await graph.raw(LIST)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert answer.headers.get("retry-after") == retry_after
        graph.world.quirks.storm_mailboxes = "nobody@x.example"
        graph.world.quirks.storm = 0
        assert (await graph.raw(LIST)).status_code == 200
    async with open_in_process(_all_of(kind)) as graph:
        item = await _item(graph)
        assert (item["status"], item["body"]["error"]["code"]) == (status, code)
        assert item["headers"].get("Retry-After") == retry_after


async def _item(graph: Graph) -> dict[str, Any]:
    """Ask by a batch until the storm lets the batch itself through."""
    graph.world.quirks.storm = 0.5
    headers = {"Authorization": f"Bearer {graph.token}"}
    for _ in range(200):
        body = {"requests": [{"id": "1", "method": "GET", "url": LIST}]}
        answer = await graph.http.post(f"{graph.url}/v1.0/$batch", json=body, headers=headers)
        if answer.status_code == 200 and answer.json()["responses"][0]["status"] != 200:
            found: dict[str, Any] = answer.json()["responses"][0]
            return found
    raise AssertionError("nothing struck an item")


async def test_storm_time_as_a_date_is_two_seconds_from_now() -> None:
    """Retry-After as HTTP allows it, by the world's clock."""
    async with open_in_process(_all_of("429_date"), clock=lambda: NOON) as graph:
        at = parsedate_to_datetime((await graph.raw(LIST)).headers["retry-after"])
        assert (at - NOON).total_seconds() == 2


async def test_storm_gateway_speaks_html_and_a_busy_server_nothing() -> None:
    """No JSON at all, alone and in a batch."""
    async with open_in_process(_all_of("502")) as graph:
        answer = await graph.raw(LIST)
        assert (answer.status_code, answer.headers["content-type"], answer.text[:6]) == (502, "text/html", "<html>")
        assert (await _item(graph))["headers"]["Content-Type"] == "text/html"
    async with open_in_process(_all_of("503_empty")) as graph:
        answer = await graph.raw(LIST)
        assert (answer.status_code, answer.content) == (503, b"")
        assert "body" not in await _item(graph)


async def test_storm_410_strikes_delta_links_alone() -> None:
    """A first round and a list are out of its reach; a delta link is gone, and good again with the next request."""
    async with open_in_process(Quirks(storm_kinds="410")) as graph:
        _, link = await graph.rounds(f"{LIST}/delta")
        graph.world.quirks.storm = 1.0
        assert (await graph.raw(LIST)).status_code == 200
        await graph.rounds(f"{LIST}/delta")
        answer = await graph.raw(link)
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "SyncStateNotFound")
        graph.world.quirks.storm = 0
        assert (await graph.raw(link)).status_code == 200


# ---------------------------------------------------------------- the wire


@pytest.mark.parametrize("has_sockets", [True, False])
@pytest.mark.parametrize("kind", ["cut", "cut_body"])
async def test_storm_broken_connection_is_an_error_of_the_client(kind: str, *, has_sockets: bool) -> None:
    """Before the answer or in the midst of it, over sockets and without; the next request has a connection that works."""
    async with _opened(_all_of(kind), has_sockets=has_sockets) as graph:
        for path in (LIST, "/$batch"):
            with pytest.raises(HTTPError):
                await (graph.batch({"url": "/me"}) if path == "/$batch" else graph.raw(path))
        graph.world.quirks.storm = 0
        assert (await graph.raw(LIST)).status_code == 200
        assert graph.mailbox.in_flight == 0


@pytest.mark.parametrize("has_sockets", [True, False])
@pytest.mark.parametrize(("kind", "says"), [("truncated", None), ("control", "control character")])
async def test_storm_broken_json_comes_with_200(kind: str, says: str | None, *, has_sockets: bool) -> None:
    """All headers as they should be, and no JSON."""
    async with _opened(_all_of(kind), has_sockets=has_sockets) as graph:
        answer = await graph.raw(LIST)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        with pytest.raises(json.JSONDecodeError, match=says):
            answer.json()


async def test_storm_slow_body_trickles_and_is_whole(autojump_clock: trio.testing.MockClock) -> None:
    """It takes some seconds, and all of it comes."""
    async with open_in_process() as graph:
        whole = (await graph.raw(LIST)).json()["value"]
        graph.world.quirks = _all_of("slow")
        started = trio.current_time()
        answer = await graph.raw(LIST)
        assert answer.json()["value"] == whole
        assert trio.current_time() - started == pytest.approx(10)


# ---------------------------------------------------------------- how much, whom, and again


async def _weather(graph: Graph, count: int = 300) -> list[str | None]:
    """Ask so many times; what the log says of each."""
    graph.world.requests.clear()
    for _ in range(count):
        with contextlib.suppress(HTTPError):
            await graph.raw("/me")
    return [entry.get("storm") for entry in graph.world.requests]


async def test_storm_strikes_its_share_with_every_kind(autojump_clock: trio.testing.MockClock) -> None:
    """About a third of all, all kinds that a plain request can meet among them; the log has each."""
    async with open_in_process(Quirks(storm=0.3)) as graph:
        seen = Counter(await _weather(graph, 600))
        assert 0.2 < 1 - seen[None] / 600 < 0.4
        assert set(seen) - {None} == set(STORM_KINDS) - {"410"}


async def test_storm_is_the_same_with_the_same_seed(autojump_clock: trio.testing.MockClock) -> None:
    """And another with another."""
    found = []
    for seed in (1, 1, 2):
        async with open_in_process(Quirks(storm=0.5, storm_seed=seed)) as graph:
            found.append(await _weather(graph))
    assert found[0] == found[1] != found[2]


async def test_storm_inside_a_batch_leaves_the_wire_alone(autojump_clock: trio.testing.MockClock) -> None:
    """Items fail by their status, each for itself."""
    async with open_in_process(Quirks(storm=0.5)) as graph:
        for _ in range(60):
            with contextlib.suppress(HTTPError):
                await graph.http.post(
                    f"{graph.url}/v1.0/$batch",
                    json={"requests": [{"id": str(n), "method": "GET", "url": "/me"} for n in range(4)]},
                    headers={"Authorization": f"Bearer {graph.token}"},
                )
        items = Counter(e.get("storm") for e in graph.world.requests if e["batch"])
        whole = Counter(e.get("storm") for e in graph.world.requests if not e["batch"])
        assert items[None]
        assert set(items) - {None} == set(STORM_KINDS) - {"410", *WIRE_KINDS}
        assert set(whole) & set(WIRE_KINDS)


async def test_storm_is_over_some_mailboxes_only() -> None:
    """Those that are named."""
    async with open_in_process(Quirks(storm=1.0, storm_kinds="500", storm_mailboxes=f"b@x.example, {ADDRESS}")) as graph:
        graph.world.mailboxes["c@x.example"] = make_mailbox("c@x.example", "C", mails=())
        assert (await graph.raw("/me")).status_code == 500
        graph.world.quirks.storm_mailboxes = "b@x.example,c@x.example"
        assert (await graph.raw("/me")).status_code == 200


@pytest.mark.parametrize(("kind", "early", "late"), [("504", True, True), ("cut", True, True), ("429", True, False), ("503", True, False)])
async def test_storm_strikes_before_the_work_or_after_it(kind: str, *, early: bool, late: bool) -> None:
    """A refusal is never late; a gateway that gives up, or a connection that breaks, says nothing about the work."""
    async with open_in_process(Quirks(storm=1.0, storm_kinds=kind)) as graph:
        asked: list[bool] = []
        route = graph.world.graph._route

        def worked(call: Any, mailbox: Any) -> Any:
            asked[-1] = True
            return route(call, mailbox)

        graph.world.graph._route = worked  # type: ignore[method-assign]
        for _ in range(40):
            asked.append(False)
            with contextlib.suppress(HTTPError):
                await graph.raw("/me")
        assert (not all(asked), any(asked)) == (early, late)


@pytest.mark.parametrize(
    ("kind", "done"), [("429", {False}), ("503_empty", {False}), ("504", {True, False}), ("cut", {True, False}), ("truncated", {True})]
)
async def test_storm_strikes_writes_before_they_are_done_or_after(kind: str, done: set[bool]) -> None:
    """Of a write that failed nobody knows whether it was carried out; what was refused was not."""
    async with open_in_process() as graph:
        seen = set()
        for number in range(30):
            path = f"/me/messages/{graph.newest().immutable_id}"
            graph.world.quirks = _all_of(kind)
            with contextlib.suppress(HTTPError):
                await graph.write("PATCH", path, {"categories": [str(number)]})
            graph.world.quirks = Quirks()
            seen.add(graph.newest().data["categories"] == [str(number)])
        assert seen == done


@pytest.mark.parametrize("kind", ["504", "cut"])
async def test_storm_over_a_send_may_have_let_it_go(kind: str, autojump_clock: trio.testing.MockClock) -> None:
    """What went out is known from the outgoing mail alone."""
    async with open_in_process(_all_of(kind), clock=trio_clock(NOON)) as graph:
        mail = {"message": {"toRecipients": [{"emailAddress": {"address": "bo@far.example"}}]}}
        for _ in range(20):
            with contextlib.suppress(HTTPError):
                await graph.write("POST", "/me/sendMail", mail)
        await trio.sleep(20)
        assert 0 < len(graph.world.post.outgoing) < 20


@pytest.mark.parametrize(
    ("switches", "says"), [({"storm": 1.5}, "from 0 to 1"), ({"storm_kinds": "429, hail"}, "'hail'"), ({"storm": True}, "float")]
)
def test_storm_switches_that_make_no_sense_are_refused(switches: dict[str, Any], says: str) -> None:
    """With a sentence."""
    with pytest.raises(ValueError, match=says):
        Quirks().changed(switches)
