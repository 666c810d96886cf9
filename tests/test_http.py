"""The one door to HTTP and to threads."""

from __future__ import annotations

import threading
import time
import urllib.request
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from httpx import ConnectError  # noqa: ASYNC127 - as connector/http.py says
from trio.testing import MockClock

from connector.http import BlockingBridge, HTTPStatusError, MockTransport, Request, Response, in_disk_thread, in_thread, open_client

if TYPE_CHECKING:
    from collections.abc import Callable


def answering(handle: Callable[[Request], Response]) -> tuple[MockTransport, list[Request]]:
    """Return a transport that answers by `handle`, and the list of requests that it saw."""
    seen: list[Request] = []

    def take(request: Request) -> Response:
        seen.append(request)
        return handle(request)

    return MockTransport(take), seen


async def test_open_client_follows_no_redirect() -> None:
    """A token is never carried to where somebody else points."""
    transport, seen = answering(lambda _: Response(302, headers={"location": "https://elsewhere.example/"}))
    async with open_client(transport=transport) as client:
        assert (await client.get("https://graph.example/")).status_code == 302
    assert len(seen) == 1


async def test_open_client_keeps_no_cookie() -> None:
    """Odoo sets a session with every answer and refuses a call that brings one together with a database's name."""
    transport, seen = answering(lambda _: Response(200, headers={"set-cookie": "session_id=abc; Path=/"}))
    async with open_client(transport=transport) as client:
        for _ in range(2):
            await client.get("http://odoo.example/")
    assert ["cookie" in request.headers for request in seen] == [False, False]


async def test_open_client_asks_this_machine_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An admin's HTTP_PROXY is for the world; the connector beside Odoo is reached without it."""
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    # Nothing listens there: what goes through the proxy fails.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some(65536)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")

    async with trio.open_nursery() as nursery, open_client() as client:
        listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        assert (await client.get(f"http://127.0.0.1:{port}/")).text == "hi"
        assert (await client.get(f"http://localhost:{port}/")).text == "hi"
        with pytest.raises(ConnectError):
            await client.get(f"http://odoo.example:{port}/")
        nursery.cancel_scope.cancel()


async def test_blocking_bridge_speaks_as_msal_expects() -> None:
    """GET with parameters, POST of a form: None is left out, and the answer has status, text and headers."""
    transport, seen = answering(lambda _: Response(200, text="ok", headers={"x": "y"}))
    async with open_client(transport=transport) as client:
        bridge = BlockingBridge(client, rewrite=lambda url: url.replace("https://", "http://"))
        got = await in_thread(lambda: bridge.get("https://entra.example/keys", params={"a": "1"}))
        await in_thread(lambda: bridge.post("https://entra.example/token", data={"code": "c", "claims": None}, headers={"h": "v"}))
        await in_thread(lambda: bridge.post("https://entra.example/raw", data="text"))
        await in_thread(bridge.close)
        assert not client.is_closed
    assert (got.status_code, got.text, got.headers["x"]) == (200, "ok", "y")
    assert [str(r.url) for r in seen] == ["http://entra.example/keys?a=1", "http://entra.example/token", "http://entra.example/raw"]
    assert [r.content for r in seen] == [b"", b"code=c", b"text"]
    assert seen[1].headers["h"] == "v"


async def test_blocking_bridge_opens_as_odoorpc_expects() -> None:
    """A urllib request goes out as it is; an error status is raised."""
    transport, seen = answering(lambda r: Response(200 if r.url.path == "/jsonrpc" else 502, content=b"{}"))
    async with open_client(transport=transport) as client:
        bridge = BlockingBridge(client)

        def ask(path: str) -> Any:
            request = urllib.request.Request(f"http://odoo.example{path}", data=b"[]", headers={"Content-Type": "application/json"})
            return bridge.open(request, timeout=5.0).read()

        assert await in_thread(ask, "/jsonrpc") == b"{}"
        with pytest.raises(HTTPStatusError):
            await in_thread(ask, "/other")
    assert (seen[0].method, seen[0].content, seen[0].headers["content-type"]) == ("POST", b"[]", "application/json")


async def test_blocking_bridge_form_takes_what_msal_gives() -> None:
    """Bytes are text (a client assertion), None is left out, numbers are written."""
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(200)

    async with open_client(transport=MockTransport(answer)) as client:
        await in_thread(partial(BlockingBridge(client).post, "http://entra.example/", data={"a": b"e30.x", "b": None, "c": 1}))
    assert seen[0].content == b"a=e30.x&c=1"


async def test_blocking_bridge_cancelled_ends_at_once() -> None:
    """A library that waits for an answer does not hold up a shutdown."""
    ended = threading.Event()

    async def never(_: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    async with open_client(transport=MockTransport(never)) as client:
        bridge = BlockingBridge(client)

        def ask() -> None:
            try:
                bridge.get("http://entra.example/")
            finally:
                ended.set()

        with trio.move_on_after(0.05) as scope:
            await in_thread(ask)
    assert scope.cancelled_caught
    assert ended.is_set()


@pytest.mark.parametrize("run", [in_thread, in_disk_thread])
def test_in_thread_holds_an_autojump_clock(run: Any) -> None:
    """No virtual time passes while a thread works, whichever of several ends first; afterwards the clock jumps again."""

    async def main() -> None:
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                for seconds in (0.01, 0.05, 0.03):
                    nursery.start_soon(run, time.sleep, seconds)
            await trio.sleep(4.9)
        await trio.sleep(3600)

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_in_thread_error_lets_go_of_the_clock() -> None:
    """A thread that fails does not stop a test's time."""

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 / 0)
        await trio.sleep(3600)

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_in_disk_thread_passes_network_threads_that_wait() -> None:
    """An Entra that does not answer keeps no cursor from being saved."""
    release = threading.Event()

    async def wait() -> None:
        await in_thread(release.wait)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(5):
            assert await in_disk_thread(lambda: "saved") == "saved"
        release.set()
