"""The one door to httpx, and the one door to worker threads.

httpx 0.28 is no longer maintained, so a change of library must be a change of this file. MSAL and odoorpc block: they run in a worker
thread, and their I/O comes back here (`BlockingBridge`), so that it is pooled, cancellable and mockable like all other.
"""

from __future__ import annotations

import io
from contextlib import asynccontextmanager
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack

import httpx  # noqa: ASYNC127 - given by the project; see the module docstring
import trio
from httpx import AsyncClient, ByteStream, HTTPError, HTTPStatusError, MockTransport, Request, Response, Timeout

if TYPE_CHECKING:
    import ssl
    import urllib.request
    from collections.abc import AsyncIterator, Callable, Mapping

    from trio.testing import MockClock

__all__ = [
    "AsyncClient",
    "BlockingBridge",
    "ByteStream",
    "HTTPError",
    "HTTPStatusError",
    "MockTransport",
    "Request",
    "Response",
    "Timeout",
    "in_disk_thread",
    "in_thread",
    "open_client",
    "open_direct_client",
]

# Seconds: Graph answers within some; a body of many MB may take longer between bytes than to connect.
_TIMEOUT = Timeout(30.0, connect=10.0)

# Connections: a mailbox has four lanes (graph-behaviour section 6); 256 serve 64 busy mailboxes, the others wait their turn.
_LIMITS = httpx.Limits(max_connections=256, max_keepalive_connections=64)

# This machine is never asked through the admin's proxy.
_DIRECT: dict[str, httpx.AsyncBaseTransport | None] = {"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None}

# Threads: MSAL and odoorpc wait for the network most of the time.
_THREADS = 16
# A lane of its own for the disk: an Entra that does not answer must not keep a cursor from being saved.
_DISK_THREADS = 4

_T = TypeVar("_T")
_Args = TypeVarTuple("_Args")


@asynccontextmanager
async def open_client(*, transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[AsyncClient]:
    """Open the pooled client: HTTP/1.1 (faster than h2 in Python), no redirects (nobody we ask redirects), the admin's proxies.

    No cookies either: each call says who it is, and Odoo refuses a call that brings both a session and the name of a database.
    """
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    async with AsyncClient(
        timeout=_TIMEOUT, limits=_LIMITS, transport=transport, mounts=_DIRECT, cookies=no_cookies, follow_redirects=False
    ) as client:
        yield client


@asynccontextmanager
async def open_direct_client(trust: ssl.SSLContext | None = None) -> AsyncIterator[AsyncClient]:
    """Open a client that passes by every proxy, for a connector of ours; `trust` says which certificate it must show."""
    async with AsyncClient(timeout=_TIMEOUT, verify=trust or True, trust_env=False, follow_redirects=False) as client:
        yield client


_network_threads: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("connector_network_threads")
_disk_threads: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("connector_disk_threads")
_threads_running: trio.lowlevel.RunVar[int] = trio.lowlevel.RunVar("connector_threads_running", 0)


async def in_thread(function: Callable[[Unpack[_Args]], _T], *args: *_Args) -> _T:
    """Run a function that blocks on the network or the processor in a worker thread.

    An autojump test clock jumps while threads run (trio #456): it is held for as long as one does.
    """
    with _HeldClock():
        return await trio.to_thread.run_sync(function, *args, limiter=_lane(_network_threads, _THREADS))


async def in_disk_thread(function: Callable[[Unpack[_Args]], _T], *args: *_Args) -> _T:
    """Run a function that blocks on the disk in a worker thread, as `in_thread` does."""
    with _HeldClock():
        return await trio.to_thread.run_sync(function, *args, limiter=_lane(_disk_threads, _DISK_THREADS))


def _lane(variable: trio.lowlevel.RunVar[trio.CapacityLimiter], threads: int) -> trio.CapacityLimiter:
    """Return the limiter of this run, made when first asked for."""
    try:
        return variable.get()
    except LookupError:
        limiter = trio.CapacityLimiter(threads)
        variable.set(limiter)
        return limiter


class _HeldClock:
    """Holds an autojump clock of a test while a thread runs; does nothing with the system's clock."""

    def __enter__(self) -> None:
        clock = self._test_clock()
        if clock is not None:
            running = _threads_running.get()
            if running == 0:
                _thresholds.set(clock.autojump_threshold)
                clock.autojump_threshold = float("inf")
            _threads_running.set(running + 1)

    def __exit__(self, *_: object) -> None:
        clock = self._test_clock()
        if clock is not None:
            running = _threads_running.get() - 1
            _threads_running.set(running)
            if running == 0:
                clock.autojump_threshold = _thresholds.get()

    @staticmethod
    def _test_clock() -> MockClock | None:
        clock = trio.lowlevel.current_clock()
        return clock if hasattr(clock, "autojump_threshold") else None  # type: ignore[return-value]  # known by its attribute: product code imports no test tools


_thresholds: trio.lowlevel.RunVar[float] = trio.lowlevel.RunVar("connector_autojump_threshold", float("inf"))


class BlockingBridge:
    """A blocking HTTP client whose I/O runs in trio: for libraries that run in a worker thread started by `in_thread`.

    MSAL wants `get`, `post`, `close`; odoorpc wants an opener with `open(request, timeout=)`.
    `rewrite` may change each URL before it is sent (MSAL: https back to http for a loopback authority).
    """

    def __init__(self, client: AsyncClient, *, rewrite: Callable[[str], str] | None = None) -> None:
        self._client = client
        self._rewrite = rewrite

    def get(self, url: str, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None, **_: Any) -> Response:
        """Send a GET, as MSAL asks for it."""
        return self._send("GET", url, params=params, headers=headers)

    def post(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> Response:
        """Send a POST, as MSAL asks for it; `data` is a form or raw text."""
        if isinstance(data, str | bytes):
            return self._send("POST", url, params=params, content=data, headers=headers)
        # MSAL gives a client assertion as bytes, whose `str` is no assertion.
        form = {k: v.decode() if isinstance(v, bytes) else str(v) for k, v in (data or {}).items() if v is not None}
        return self._send("POST", url, params=params, data=form, headers=headers)

    def close(self) -> None:
        """Do nothing: the client belongs to whoever opened it."""

    def open(self, request: urllib.request.Request, timeout: float | None = None) -> io.BytesIO:
        """Send a urllib request, as odoorpc asks for it. Raises `HTTPStatusError` for 4xx and 5xx."""
        response = self._send(
            request.get_method(),
            request.full_url,
            content=request.data,
            headers=dict(request.header_items()),
            timeout=_TIMEOUT if timeout is None else Timeout(timeout),
        )
        response.raise_for_status()
        return io.BytesIO(response.content)

    def _send(self, method: str, url: str, **kwargs: Any) -> Response:
        if self._rewrite is not None:
            url = self._rewrite(url)
        return trio.from_thread.run(partial(self._client.request, method, url, **kwargs))
