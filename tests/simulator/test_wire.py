"""Paths, methods, errors, tokens and lanes: Graph on the wire, taken as liberally and refused as strictly as by the real one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import trio
import trio.testing

from tests.graph_simulator.entra import Grant
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.seed import make_mailbox
from tests.simulator.conftest import ADDRESS, open_graph, open_in_process

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph


@pytest.mark.parametrize(
    "path",
    [
        "/me/mailFolders/inbox/messages/delta",
        "/me/mailFolders/inbox/messages/delta()",
        "/me/mailFolders/inbox/messages/microsoft.graph.delta()",
        "/me/mailfolders('inbox')/messages/delta",
        "/me/mailFolders('{id}')/messages/microsoft.graph.delta()",
        "/me/mailFolders(%27{id}%27)/messages/delta%28%29",
        "//me/MAILFOLDERS/{id}/Messages/Delta",
        "/Me/mailFolders/INBOX//messages/delta",
        "/users/me-token-to-replace/mailFolders/inbox/messages/delta",
        "/users/anna%40pier.example/mailFolders/inbox/messages/delta",
        "/Users/{oid}/mailFolders/inbox/messages/delta",
    ],
)
async def test_path_every_form_of_the_official_clients_is_taken(graph: Graph, path: str) -> None:
    """All of them open the same folder (graph-behaviour 1.1)."""
    filled = path.format(id=graph.mailbox.folder_id("inbox"), oid=graph.mailbox.oid)
    page = await graph.get(filled, prefer="odata.maxpagesize=100")
    assert {m["id"] for m in page["value"]} == {m.immutable_id for m in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))}


@pytest.mark.parametrize("form", ["/me/messages/{}", "/me/messages('{}')", "/ME//Messages/{}", "/users/{oid}/messages/{}"])
async def test_path_ids_keep_their_case_and_may_be_escaped(graph: Graph, form: str) -> None:
    """Names are taken in any case, keys as they are, with = as itself or as %3D."""
    message = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[0].immutable_id
    for written in (message, quote(message, safe=""), message.replace("=", "%3d")):
        assert (await graph.get(form.replace("{oid}", graph.mailbox.oid).format(written)))["id"] == message


async def test_path_links_are_taken_as_they_are_given(graph: Graph) -> None:
    """A next link has the form mailfolders('ID') that Graph gives, and a client sends it unchanged."""
    page = await graph.get("/me/mailFolders/inbox/messages/delta")
    assert page["@odata.nextLink"].startswith(f"{graph.url}/v1.0/me/mailfolders('")
    assert len((await graph.get(page["@odata.nextLink"]))["value"]) == 10


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/me/messages/delta", 400, "BadRequest"),
        ("/me/mailFolders/inbox/messages/delta?$select=@removed", 400, "RequestBroker--ParseUri"),
        ("/me/mailFolders/inbox/messages/delta?$select=wellKnownName", 400, "RequestBroker--ParseUri"),
        ("/me/mailFolders/inbox/messages/delta?$filter=isRead eq true", 400, "BadRequest"),
        ("/me/mailFolders/inbox/messages/delta?$orderby=subject", 400, "BadRequest"),
        ("/me/mailFolders/inbox/messages?$orderby=subject", 400, "InefficientFilter"),
        ("/me/mailFolders/inbox/messages?$top=0", 400, "BadRequest"),
        ("/me/mailFolders/inbox/messages?$top=1001", 400, "BadRequest"),
        ("/me/mailFolders/inbox/messages?$skiptoken=nonsense", 400, "BadRequest"),
        ("/me/mailFolders/inbox?$select=wellKnownName", 400, "RequestBroker--ParseUri"),
        ("/me/messages/nonsense", 400, "ErrorInvalidIdMalformed"),
        ("/me/messages/AAkALgAA" + "x" * 60, 404, "ErrorItemNotFound"),
        ("/me/mailFolders/clutter", 404, "ErrorItemNotFound"),
        ("/me/mailFolders/clutter/messages/delta", 404, "ErrorSyncFolderNotFound"),
        ("/me/nothing", 400, "BadRequest"),
        ("/nothing", 400, "BadRequest"),
        ("/users/somebody@else.example/messages", 403, "ErrorAccessDenied"),
    ],
)
async def test_wrong_request_has_graphs_error(graph: Graph, path: str, status: int, code: str) -> None:
    """Graph's code, an innerError with a fresh request id and no Z in its date, and the client's own request id (section 7)."""
    headers = {"Authorization": f"Bearer {graph.token}", "client-request-id": "mine"}
    answers = [await graph.http.get(f"{graph.url}/v1.0{path}", headers=headers) for _ in range(2)]
    errors = [a.json()["error"] for a in answers]
    assert (answers[0].status_code, errors[0]["code"]) == (status, code)
    assert errors[0]["message"]
    inner = [e["innerError"] for e in errors]
    assert inner[0]["request-id"] != inner[1]["request-id"]
    assert inner[0]["client-request-id"] == "mine"
    assert not inner[0]["date"].endswith("Z")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/me/messages/{}"),
        ("PUT", "/me/messages/{}"),
        ("PATCH", "/me/messages"),
        ("DELETE", "/me/messages"),
        ("POST", "/me/messages/{}/$value"),
        ("PATCH", "/me/messages/{}/attachments"),
        ("DELETE", "/me/mailFolders"),
        ("PATCH", "/me/mailFolders/inbox/messages"),
        ("PUT", "/me/mailFolders/inbox"),
        ("GET", "/me/sendMail"),
        ("PATCH", "/me"),
        ("PUT", "/subscriptions"),
        ("POST", "/subscriptions/x"),
    ],
)
async def test_method_that_a_path_does_not_have_is_405(graph: Graph, method: str, path: str) -> None:
    """With Graph's code, and nothing changes."""
    truth = graph.mailbox.truth()
    message = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[0].immutable_id
    answer = await graph.raw(path.format(message), method=method)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "Request_BadRequest")
    assert graph.mailbox.truth() == truth


async def test_answer_has_both_request_ids(graph: Graph) -> None:
    """A good answer carries them as headers, the client's echoed."""
    headers = {"Authorization": f"Bearer {graph.token}", "client-request-id": "mine"}
    answer = await graph.http.get(f"{graph.url}/v1.0/me", headers=headers)
    assert answer.headers["client-request-id"] == "mine"
    assert answer.headers["request-id"]


async def test_answer_may_have_raw_control_characters() -> None:
    """By switch, JSON strings carry characters that strict parsers refuse (section 4.1)."""
    async with open_graph(Quirks(control_characters=True)) as graph:
        assert b'"subject": "\x0b\t\x01' in (await graph.raw("/me/mailFolders/inbox/messages")).content


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic eDp5"])
async def test_token_that_is_none_is_401(graph: Graph, header: str | None) -> None:
    """Whatever stands there instead."""
    headers = {} if header is None else {"Authorization": header}
    answer = await graph.http.get(f"{graph.url}/v1.0/me", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


async def test_token_expired_or_of_another_scope_is_refused(graph: Graph) -> None:
    """401 after its time, 403 without a permission for mail; the scheme may be written in any case."""
    grants = graph.world.entra.grants
    mail = ("https://graph.microsoft.com/Mail.Read",)
    grants["late"] = Grant(ADDRESS, mail, time.time() - 1)
    grants["poor"] = Grant(ADDRESS, ("https://graph.microsoft.com/User.Read",), time.time() + 60)
    grants["good"] = Grant(ADDRESS, mail, time.time() + 60)
    for header, status in (("Bearer late", 401), ("Bearer poor", 403), ("bearer good", 200)):
        assert (await graph.http.get(f"{graph.url}/v1.0/me/mailFolders", headers={"Authorization": header})).status_code == status


async def test_token_opens_its_own_mailbox_only(graph: Graph) -> None:
    """Another mailbox's message and folder are not found with it."""
    other = make_mailbox("b@x.example", "Bo")
    graph.world.mailboxes[other.address] = other
    message = other.in_folder(other.folder_id("inbox"))[0]
    assert (await graph.raw(f"/me/messages/{message.immutable_id}")).status_code == 404
    assert (await graph.raw(f"/me/mailFolders/{other.folder_id('inbox')}")).status_code == 404
    assert (await graph.raw(f"/users/{other.oid}/messages/{message.immutable_id}")).status_code == 403


# ---------------------------------------------------------------- lanes


async def _at_once(graph: Graph, token: str, paths: list[str]) -> list[tuple[int, str | None]]:
    """Send all at once; (status, Retry-After) of each, sorted."""
    found: list[tuple[int, str | None]] = []

    async def ask(path: str) -> None:
        answer = await graph.http.get(f"{graph.url}/v1.0{path}", headers={"Authorization": f"Bearer {token}"})
        found.append((answer.status_code, answer.headers.get("retry-after")))
        if answer.status_code == 429:
            error = answer.json()["error"]
            assert error["code"] == "ApplicationThrottled"
            assert "MailboxConcurrency" in error["message"]

    async with trio.open_nursery() as nursery:
        for path in paths:
            nursery.start_soon(ask, path)
    return sorted(found, key=str)


FAMILIES = ["/me", "/me/mailFolders", "/me/mailFolders/inbox", "/me/mailFolders/inbox/messages", "/me/mailFolders/inbox/messages/delta"]


async def test_lanes_a_fifth_request_at_once_is_throttled(autojump_clock: trio.testing.MockClock) -> None:
    """All kinds of requests share four lanes; the fifth gets 429 with Retry-After 1; afterwards all lanes are free again (section 6)."""
    async with open_in_process(Quirks(latency=5)) as graph:
        for _ in range(2):
            assert await _at_once(graph, graph.token, FAMILIES) == [(200, None)] * 4 + [(429, "1")]
        assert graph.mailbox.in_flight == 0


async def test_latency_is_waited_before_each_answer(autojump_clock: trio.testing.MockClock) -> None:
    """As long as was said, for answers and errors alike; not for calls of the control API."""
    async with open_in_process(Quirks(latency=7)) as graph:
        started = trio.current_time()
        await graph.raw("/me")
        await graph.raw("/me/mailFolders/clutter")
        await graph.http.get(f"{graph.url}/_sim/faults")
        assert trio.current_time() - started == pytest.approx(14)


async def test_lanes_of_failed_requests_are_given_back() -> None:
    """An error frees its lane as an answer does."""
    async with open_graph(Quirks(lanes=1)) as graph:
        for path in ("/me/mailFolders/clutter", "/me/messages/nonsense", "/nothing", "/me"):
            assert (await graph.raw(path)).status_code != 429
        assert graph.mailbox.in_flight == 0


async def test_lanes_may_come_without_retry_after(autojump_clock: trio.testing.MockClock) -> None:
    """By switch (section 6: it may be absent)."""
    async with open_in_process(Quirks(latency=5, retry_after=False)) as graph:
        assert await _at_once(graph, graph.token, FAMILIES) == [(200, None)] * 4 + [(429, None)]


async def test_lanes_are_each_mailboxs_own(autojump_clock: trio.testing.MockClock) -> None:
    """Four at once for one mailbox leave four to another; 0 is no limit."""
    async with open_in_process(Quirks(latency=5)) as graph:
        other = make_mailbox("b@x.example", "Bo", mails=())
        graph.world.mailboxes[other.address] = other
        graph.world.entra.grants["other"] = Grant(other.address, ("Mail.Read",), time.time() + 60)
        results: list[list[tuple[int, str | None]]] = []

        async def four(token: str) -> None:
            results.append(await _at_once(graph, token, FAMILIES[:4]))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(four, graph.token)
            nursery.start_soon(four, "other")
        assert results == [[(200, None)] * 4] * 2
        graph.world.quirks.lanes = 0
        assert await _at_once(graph, graph.token, FAMILIES * 2) == [(200, None)] * 10
