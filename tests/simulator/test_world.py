"""The world's time and the ways into it: a test's own clock drives all of it, with and without sockets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from connector.http import HTTPError, Request, open_client
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import CLIENT_ID, asgi_transport, make_app, make_world, trio_clock
from tests.graph_simulator.wire import InProcess
from tests.simulator.conftest import ADDRESS, open_in_process

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tests.graph_simulator.entra import Entra

NOON = datetime(2031, 5, 6, 12, 0, 0, 987654, tzinfo=UTC)


async def test_clock_of_the_test_is_the_time_of_everything(autojump_clock: trio.testing.MockClock) -> None:
    """Seeded and delivered mail, errors, the log and tokens: all by the one clock, which stands still unless trio's moves."""
    async with open_in_process(clock=trio_clock(NOON)) as graph:
        newest = max(m.data["receivedDateTime"] for m in graph.mailbox.messages.values())
        assert newest == "2031-05-06T11:59:00Z"
        await trio.sleep(90)
        eml = b"Subject: x\r\n\r\ny"
        delivered = await graph.http.post(f"{graph.url}/_sim/mailboxes/{ADDRESS}/deliver", content=eml)
        assert delivered.json()["received"] == "2031-05-06T12:01:30Z"
        error = (await graph.raw("/me/mailFolders/clutter")).json()["error"]
        assert error["innerError"]["date"] == "2031-05-06T12:01:30"
        assert graph.world.requests[-1]["at"].startswith("2031-05-06T12:01:30.98")


async def test_clock_ends_tokens(autojump_clock: trio.testing.MockClock) -> None:
    """An access token lives about an hour of the world's time, a code ten minutes, a refresh token goes on (9.1)."""
    async with open_in_process(clock=trio_clock(NOON)) as graph:
        entra = graph.world.entra
        graph.token, refresh = _granted(graph.world.entra)
        await trio.sleep(3590)
        assert (await graph.raw("/me")).status_code == 200
        await trio.sleep(20)
        assert (await graph.raw("/me")).status_code == 401
        form = {"client_id": CLIENT_ID, "client_secret": entra.app.secret, "grant_type": "refresh_token", "refresh_token": refresh}
        answer = (await graph.http.post(f"{graph.url}/common/oauth2/v2.0/token", data=form)).json()
        graph.token = answer["access_token"]
        assert (await graph.raw("/me")).status_code == 200
        params = {"scope": "Mail.Read", "redirect_uri": "x"}
        code = entra.new_code(ADDRESS, params)["code"]
        await trio.sleep(601)
        form = {"client_id": CLIENT_ID, "client_secret": entra.app.secret, "grant_type": "authorization_code", "code": code}
        assert (await graph.http.post(f"{graph.url}/common/oauth2/v2.0/token", data=form)).json()["error_codes"] == [70008]


def _granted(entra: Entra) -> tuple[str, str]:
    answer = entra._tokens(ADDRESS, ("https://graph.microsoft.com/Mail.Read", "offline_access"), None, {}, {})
    body = json.loads(bytes(answer.body))
    return body["access_token"], body["refresh_token"]


async def test_clock_reaches_a_mailbox_that_is_put_in() -> None:
    """Whoever made it."""
    world = make_world(demo=False, clock=lambda: NOON)
    world.mailboxes[ADDRESS] = make_mailbox(ADDRESS, "Anna", mails=(), now=world.now())
    assert world.mailboxes[ADDRESS].clock() == NOON


async def test_in_process_worlds_links_are_good_for_every_client(autojump_clock: trio.testing.MockClock) -> None:
    """A second client, as a connector has after a restart, goes on where the first was."""
    async with open_in_process() as graph:
        _, link = await graph.rounds("/me/mailFolders/inbox/messages/delta")
        async with open_client(transport=asgi_transport(graph.world)) as other:
            answer = await other.get(link, headers={"Authorization": f"Bearer {graph.token}"})
            assert (answer.status_code, answer.json()["value"]) == (200, [])


# ---------------------------------------------------------------- the wire


async def test_in_process_answer_too_late_is_a_read_timeout(autojump_clock: trio.testing.MockClock) -> None:
    """As over sockets; and the server goes on with what the client no longer waits for."""
    async with open_in_process(Quirks(latency=31)) as graph:
        with pytest.raises(HTTPError, match="in time"):
            await graph.raw("/me")
        assert graph.mailbox.in_flight == 1
        await trio.sleep(2)
        assert graph.mailbox.in_flight == 0
        assert graph.world.requests[-1]["status"] == 200


async def test_in_process_body_comes_piece_by_piece(autojump_clock: trio.testing.MockClock) -> None:
    """The read timeout is from piece to piece, and a client may leave early."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(5):
            await trio.sleep(20)
            await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"."})

    async with open_client(transport=InProcess(app)) as http:
        started = trio.current_time()
        assert (await http.get("http://x.example")).text == "ababababab."
        assert trio.current_time() - started == pytest.approx(100)
        async with http.stream("GET", "http://x.example") as answer:
            pieces = answer.aiter_raw()
            assert await anext(pieces) == b"ab"
            await pieces.aclose()  # type: ignore[attr-defined]  # an async generator
        assert trio.current_time() - started == pytest.approx(120)


async def test_in_process_mistake_of_the_app_reaches_the_test() -> None:
    """An exception is not a 500 that looks like Graph's: it is raised by the request, or ends the client if an answer had begun."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 500, "headers": []})
        raise ZeroDivisionError

    async with open_client(transport=InProcess(app)) as http:
        with pytest.raises(ZeroDivisionError):
            await http.get("http://x.example")
    with pytest.raises(ExceptionGroup) as raised:
        async with open_client(transport=InProcess(app)) as http:
            await http.get("http://x.example/begun")
    assert raised.group_contains(ZeroDivisionError)


async def test_in_process_needs_a_client_that_was_opened() -> None:
    """It says so, where else nothing would run."""
    with pytest.raises(RuntimeError, match="async with"):
        await InProcess(make_app(make_world(demo=False))).handle_async_request(Request("GET", "http://x.example"))
