"""`$batch`: what is one call on the wire is many to Graph, and each may fail by itself (graph-behaviour section 6)."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from tests.graph_simulator.quirks import Quirks
from tests.simulator.conftest import ADDRESS, open_graph, open_in_process

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph

IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}
DELTA = "/me/mailFolders/inbox/messages/delta"


def _chain(count: int, url: str = "/me") -> list[dict[str, Any]]:
    return [{"url": url, "dependsOn": [str(n)] if n else []} for n in range(count)]


# ---------------------------------------------------------------- what is answered


@pytest.mark.parametrize(
    "form", ["/me/mailFolders/{}", "me/mailFolders/{}", "//me/mailfolders('{}')", "/me/mailFolders/{}?$select=id,isHidden"]
)
async def test_batch_url_is_relative_to_the_version(graph: Graph, form: str) -> None:
    """With or without a slash in front, with a query."""
    inbox = graph.mailbox.folder_id("inbox")
    item = (await graph.batch({"url": form.format(inbox)}))["1"]
    assert (item["status"], item["body"]["id"]) == (200, inbox)
    assert ("displayName" in item["body"]) is ("$select" not in form)


async def test_batch_item_is_what_the_request_is(graph: Graph) -> None:
    """The same JSON, and the headers that matter."""
    item = (await graph.batch({"url": DELTA, "headers": {**IMMUTABLE, "client-request-id": "mine"}}))["1"]
    alone = await graph.get(DELTA)
    assert [i["id"] for i in item["body"]["value"]] == [i["id"] for i in alone["value"]]
    assert item["headers"]["Preference-Applied"] == "IdType=ImmutableId, odata.track-changes"
    assert item["headers"]["Content-Type"] == "application/json"
    assert item["headers"]["client-request-id"] == "mine"


async def test_batch_ids_follow_the_items_own_headers(graph: Graph) -> None:
    """The batch's own Prefer means nothing for its items."""
    body = {"requests": [{"id": "a", "method": "GET", "url": DELTA}, {"id": "b", "method": "get", "url": DELTA, "headers": IMMUTABLE}]}
    headers = {"Authorization": f"Bearer {graph.token}", **IMMUTABLE}
    answer = await graph.http.post(f"{graph.url}/v1.0/$batch", json=body, headers=headers)
    ids = {r["id"]: {m["id"] for m in r["body"]["value"]} for r in answer.json()["responses"]}
    assert ids["b"] <= set(graph.mailbox.messages)
    assert not ids["a"] & set(graph.mailbox.messages)
    assert "preference-applied" not in answer.headers


async def test_batch_next_link_is_absolute_and_works_outside(graph: Graph) -> None:
    """Links in bodies are those of a plain request, for lists, folders and deltas."""
    paths = ["/me/mailFolders/inbox/messages?$top=5", DELTA, "/me/mailFolders?$top=3"]
    for item in (await graph.batch(*({"url": path} for path in paths))).values():
        link = item["body"]["@odata.nextLink"]
        assert link.startswith(f"{graph.url}/v1.0/me/")
        assert (await graph.get(link))["value"]


async def test_batch_body_that_is_no_json_is_base64(graph: Graph) -> None:
    """MIME and attachments."""
    message = next(m for m in graph.mailbox.messages.values() if m.attachments)
    path = f"/me/messages/{message.immutable_id}"
    items = await graph.batch({"url": f"{path}/$value"}, {"url": f"{path}/attachments/{message.immutable_id}-0/$value"})
    assert base64.b64decode(items["1"]["body"]) == message.mime
    assert base64.b64decode(items["2"]["body"]) == message.attachments[0]["content"]
    assert items["1"]["headers"]["Content-Type"] == "text/plain"


async def test_batch_hides_failed_items_behind_200(graph: Graph) -> None:
    """Each has its own status and Graph's error."""
    items = await graph.batch(
        {"url": "/me"}, {"url": "/me/mailFolders/clutter"}, {"url": "/me/messages/nonsense"}, {"url": "/$batch", "method": "POST"}
    )
    assert [items[i]["status"] for i in "1234"] == [200, 404, 400, 400]
    error = items["2"]["body"]["error"]
    assert (error["code"], error["innerError"]["request-id"]) == ("ErrorItemNotFound", items["2"]["headers"]["request-id"])


async def test_batch_item_method_that_is_not_allowed_is_its_own_405(graph: Graph) -> None:
    """Only the item fails."""
    item = {"method": "PUT", "url": "/me/mailFolders", "headers": {"content-type": "application/json"}, "body": {}}
    items = await graph.batch({"url": "/me"}, item)
    assert [items[i]["status"] for i in "12"] == [200, 405]


async def test_batch_control_characters_come_in_batches_too() -> None:
    """A body of a batch is no cleaner than one by itself."""
    async with open_graph(Quirks(control_characters=True)) as graph:
        body = {"requests": [{"id": "1", "method": "GET", "url": "/me/mailFolders/inbox/messages"}]}
        headers = {"Authorization": f"Bearer {graph.token}"}
        answer = await graph.http.post(f"{graph.url}/v1.0/$batch", json=body, headers=headers)
        with pytest.raises(json.JSONDecodeError, match="control character"):
            answer.json()


# ---------------------------------------------------------------- what is refused as a whole


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([{"url": "/me"}] * 21, "maximum value of 20"),
        ([{"id": "A", "url": "/me"}, {"id": "a", "url": "/me"}], "not unique"),
        ([{"id": 5, "url": "/me"}], "needs an id"),
        ([{"id": "", "url": "/me"}], "needs an id"),
        ([{"method": "FETCH", "url": "/me"}], "no method"),
        ([{}], "no relative url"),
        ([{"url": "https://graph.microsoft.com/v1.0/me"}], "no relative url"),
        ([{"url": "/me", "method": "POST", "body": {}}], "no Content-Type"),
        ([{"url": "/me", "method": "POST", "body": "%", "headers": {"Content-Type": "text/plain"}}], "no base64"),
        ([{"url": "/me", "method": "POST", "body": {}, "headers": {"Content-Type": "text/plain"}}], "no base64"),
        ([{"url": "/me", "headers": {"Prefer": 5}}], "no strings"),
        ([{"url": "/me", "dependsOn": "1"}], "no list of ids"),
        ([{"url": "/me", "dependsOn": ["9"]}], "depends on 9"),
        ([{"url": "/me", "dependsOn": ["2"]}, {"url": "/me"}], "depends on 2"),
        ([], "Invalid batch"),
    ],
)
async def test_batch_wrong_one_is_refused_as_a_whole(graph: Graph, items: list[dict[str, Any]], says: str) -> None:
    """400, and no item is run."""
    error = (await graph.batch(*items, status=400))["error"]
    assert (error["code"], says in error["message"]) == ("BadRequest", True), error
    assert graph.mailbox.requests == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"requests": {}}', b'{"requests": [5]}'])
async def test_batch_payload_that_is_none_is_refused(graph: Graph, body: bytes) -> None:
    """Whatever was sent instead of an object with a list of items."""
    answer = await graph.http.post(f"{graph.url}/v1.0/$batch", content=body, headers={"Authorization": f"Bearer {graph.token}"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Invalid batch payload format.")


async def test_batch_needs_post_and_a_token(graph: Graph) -> None:
    """405 and 401, as other routes."""
    assert (await graph.raw("/$batch")).status_code == 405
    graph.token = "stale"
    assert (await graph.batch({"url": "/me"}, status=401))["error"]["code"] == "InvalidAuthenticationToken"


async def test_batch_of_twenty_is_taken(graph: Graph) -> None:
    """Twenty in a chain, all answered."""
    items = await graph.batch(*_chain(20))
    assert [items[str(n)]["status"] for n in range(1, 21)] == [200] * 20


# ---------------------------------------------------------------- order and lanes


async def test_batch_chain_takes_one_lane_and_its_latency_adds_up(autojump_clock: trio.testing.MockClock) -> None:
    """Three other requests have lanes beside a chain of six, which takes six times the latency."""
    async with open_in_process(Quirks(latency=4)) as graph:
        seen: list[int] = []

        async def alone() -> None:
            seen.append((await graph.raw("/me")).status_code)

        started = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(alone)
            items = await graph.batch(*_chain(6))
        assert [i["status"] for i in items.values()] == [200] * 6
        assert seen == [200] * 3
        assert trio.current_time() - started == pytest.approx(24)
        assert graph.mailbox.in_flight == 0


@pytest.mark.parametrize("says_when", [True, False])
async def test_batch_independent_items_share_four_lanes(autojump_clock: trio.testing.MockClock, *, says_when: bool) -> None:
    """Of six at once two are throttled inside the 200, with Retry-After in the item's own headers unless that is switched off."""
    async with open_in_process(Quirks(latency=5, retry_after=says_when)) as graph:
        started = trio.current_time()
        items = await graph.batch(*({"url": "/me"} for _ in range(6)))
        assert trio.current_time() - started == pytest.approx(5)
        assert sorted(i["status"] for i in items.values()) == [200] * 4 + [429] * 2
        for item in items.values():
            assert ("Retry-After" in item["headers"]) is (item["status"] == 429 and says_when)
        throttled = next(i for i in items.values() if i["status"] == 429)
        assert throttled["body"]["error"]["message"] == "Application is over its MailboxConcurrency limit."


async def test_batch_dependants_of_a_failed_item_are_not_run(graph: Graph) -> None:
    """424 down the chain; what depends on a good one runs; ids are matched in any case."""
    items = await graph.batch(
        {"id": "Good", "url": "/me"},
        {"id": "bad", "url": "/me/mailFolders/clutter", "dependsOn": ["GOOD"]},
        {"id": "next", "url": "/me", "dependsOn": ["bad"]},
        {"id": "last", "url": "/me", "dependsOn": ["good", "next"]},
        {"id": "free", "url": "/me", "dependsOn": ["good"]},
    )
    assert {i: r["status"] for i, r in items.items()} == {"Good": 200, "bad": 404, "next": 424, "last": 424, "free": 200}
    assert items["next"]["body"]["error"]["code"] == "FailedDependency"
    assert graph.mailbox.requests == 3


async def test_batch_faults_hit_items_one_by_one(graph: Graph) -> None:
    """Two of three fail; the batch itself does not."""
    graph.world.quirks.fail_graph, graph.world.quirks.fail_count = "503 ErrorServerBusy", 2
    items = await graph.batch(*({"url": "/me"} for _ in range(3)))
    assert sorted(i["status"] for i in items.values()) == [200, 503, 503]
    assert all(i["headers"]["Retry-After"] == "1" for i in items.values() if i["status"] == 503)


# ---------------------------------------------------------------- what gets lost on the way


async def test_batch_answers_are_shuffled_by_switch() -> None:
    """In order on a good day, in any order else, each with its id."""
    async with open_graph() as graph:
        assert list(await graph.batch(*_chain(20))) == [str(n) for n in range(1, 21)]
        graph.world.quirks.shuffle = True
        items = await graph.batch(*_chain(20))
        assert list(items) != [str(n) for n in range(1, 21)]
        assert sorted(items, key=int) == [str(n) for n in range(1, 21)]


async def test_batch_every_nth_answer_is_missing_by_switch(graph: Graph) -> None:
    """The item was carried out all the same; the count goes on from batch to batch."""
    graph.world.quirks.batch_missing = 4
    assert list(await graph.batch(*_chain(6))) == ["1", "2", "3", "5", "6"]
    assert list(await graph.batch(*_chain(3))) == ["1", "3"]
    assert graph.mailbox.requests == 9


# ---------------------------------------------------------------- the log


async def test_log_has_the_batch_and_its_items(graph: Graph) -> None:
    """The batch with its number of items, each item marked, with status and request-id; only items count as requests."""
    first = {"url": "/me/mailFolders/inbox?$select=id", "headers": IMMUTABLE}
    items = await graph.batch(first, {"url": "/me/mailFolders/clutter", "dependsOn": ["1"]})
    batch, *logged = list(graph.world.requests)
    assert (batch["method"], batch["path"], batch["items"], batch["status"]) == ("POST", "/v1.0/$batch", 2, 200)
    assert (batch["batch"], batch["mailbox"]) == (False, ADDRESS)
    assert [(e["path"], e["batch"], e["status"], e["mailbox"]) for e in logged] == [
        ("/v1.0/me/mailFolders/inbox", True, 200, ADDRESS),
        ("/v1.0/me/mailFolders/clutter", True, 404, ADDRESS),
    ]
    assert (logged[0]["query"], logged[0]["prefer"]) == ({"$select": "id"}, list(IMMUTABLE.values()))
    assert [e["id"] for e in logged] == [items[i]["headers"]["request-id"] for i in "12"]
    assert graph.mailbox.requests == 2


async def test_log_has_status_and_id_of_plain_requests(graph: Graph) -> None:
    """Those of the answer, for good ones, refused ones and such without a token; no token stands anywhere in it."""
    answers = [await graph.raw("/me"), await graph.raw("/me/mailFolders/clutter"), await graph.http.get(f"{graph.url}/v1.0/me")]
    logged = (await graph.http.get(f"{graph.url}/_sim/log")).json()
    assert [(e["status"], e["id"]) for e in logged] == [(a.status_code, a.headers["request-id"]) for a in answers]
    assert [e["mailbox"] for e in logged] == [ADDRESS, ADDRESS, ""]
    assert graph.token not in json.dumps(logged)
