"""What happens below HTTP: connections that break, over sockets and without them.

An answer that has to break off calls `scope["simulator.cut"]` and sends no more; both ways of serving put it there.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, Self

import httpx  # noqa: ASYNC127 - the connector's own client
import trio
from hypercorn.protocol.events import StreamClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["InProcess", "cuttable"]


def cuttable(app: ASGIApp) -> ASGIApp:
    """Let an application that hypercorn serves break its connection."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        async def cut() -> None:
            # Hypercorn closes the connection of a stream that ends before its answer does; ASGI itself has no word for it.
            stream: Any = send.__self__  # type: ignore[attr-defined]
            await stream.send(StreamClosed(stream_id=stream.stream_id))

        scope["simulator.cut"] = cut
        await app(scope, receive, send)

    return served


class InProcess(httpx.AsyncBaseTransport):
    """Leads a client straight into an application: streams, broken connections and read timeouts are as over sockets.

    The application runs beside the client, who may give up while it goes on, so this is opened with the client that it belongs to.
    """

    def __init__(self, app: ASGIApp, *, beside: Callable[[], Awaitable[None]] | None = None) -> None:
        """`beside` runs as long as the client is open."""
        self._app = app
        self._beside = beside
        self._running = trio.open_nursery()
        self._nursery: trio.Nursery | None = None

    async def __aenter__(self) -> Self:
        self._nursery = await self._running.__aenter__()
        if self._beside is not None:
            self._nursery.start_soon(self._beside)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()
            await self._running.__aexit__(None, None, None)  # noqa: ASYNC102 - cancelled above; a shield would hide a mistake of the simulator

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request as soon as its answer begins."""
        if self._nursery is None:
            raise RuntimeError("open the client with `async with`: it opens its transport too")
        body = await request.aread()
        to_client, from_app = trio.open_memory_channel["Message | Exception"](math.inf)
        self._nursery.start_soon(self._run, request, body, to_client)
        stream = _Stream(from_app, request)
        start = await stream.next()
        return httpx.Response(start["status"], headers=start["headers"], stream=stream)

    async def _run(self, request: httpx.Request, body: bytes, to_client: trio.MemorySendChannel[Message | Exception]) -> None:
        async def receive() -> Message:
            await trio.lowlevel.checkpoint()
            return {"type": "http.request", "body": body, "more_body": False}

        is_begun = False

        async def send(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            # After a cut, or with a client that has gone, there is nobody to hear it.
            with contextlib.suppress(trio.ClosedResourceError, trio.BrokenResourceError):
                await to_client.send(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "query_string": request.url.query,
            "server": (request.url.host, request.url.port),
            "client": ("127.0.0.1", 1),
            "root_path": "",
            "simulator.cut": to_client.aclose,
        }
        # Closed without a checkpoint, at which a cancellation would take the place of the mistake.
        with to_client:
            try:
                await self._app(scope, receive, send)
            except Exception as error:
                # A mistake of the simulator's has to reach the test that made it, also where Starlette made a 500 of it first.
                if is_begun:
                    raise
                with contextlib.suppress(trio.ClosedResourceError, trio.BrokenResourceError):
                    await to_client.send(error)


class _Stream(httpx.AsyncByteStream):
    """The rest of an answer, piece by piece, each within the read timeout."""

    def __init__(self, from_app: trio.MemoryReceiveChannel[Message | Exception], request: httpx.Request) -> None:
        self._from_app = from_app
        self._request = request
        self._is_complete = False
        self._patience = request.extensions.get("timeout", {}).get("read")

    async def next(self) -> Message:
        """Return the next message of the application."""
        with trio.move_on_after(math.inf if self._patience is None else self._patience):
            try:
                message = await self._from_app.receive()
            except trio.EndOfChannel:
                raise httpx.RemoteProtocolError("the connection broke before the answer was complete", request=self._request) from None
            if isinstance(message, Exception):
                raise message
            return message
        raise httpx.ReadTimeout("the answer did not come in time", request=self._request)

    # An iterator and no generator, which trio would warn about when a client leaves early.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._is_complete:
            raise StopAsyncIteration
        message = await self.next()
        self._is_complete = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    async def aclose(self) -> None:
        await self._from_app.aclose()
