"""Requests to one mailbox: through its gate, with its token, retried where that is safe, errors named.

Every request asks for immutable ids (a header speaks for that request only). Links that Graph gives are sent back verbatim, and only to the
host that is configured: a token goes nowhere else.
"""

from __future__ import annotations

import random
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog
import trio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from connector.errors import GraphError, GraphThrottled, GraphUnauthorized, GraphUnreachable
from connector.graph.answers import claims_of, parse_retry_after, read_error, read_json
from connector.graph.catalogue import to_error
from connector.graph.gate import Priority
from connector.http import HTTPError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from connector.graph.gate import Gate
    from connector.http import AsyncClient, Response

__all__ = ["ATTEMPTS", "IMMUTABLE", "OVERALL", "PATIENCE", "MailboxClient", "TokenSource", "pause_before"]

_T = TypeVar("_T")

# Attempts of one request; what fails longer is the runner's business, which has the mailbox's own backoff.
ATTEMPTS = 5
# Seconds: the longest Retry-After that is worth holding a request for; a longer one is handed up and the mailbox sleeps.
PATIENCE = 30.0
# Seconds: the overall budget of one request with all its attempts and waits: when it is spent, no pause for another attempt begins.
OVERALL = 120.0
# Seconds: the longest that one answer may take from its first byte asked to its last one read. A read time-out ends a silence only, and a
# body that trickles for ever would hold its lane and its mailbox for ever.
_ANSWER = 90.0
# Seconds: the first pause where Graph names none, doubled each time up to the limit.
_PAUSE_FIRST = 0.5
_PAUSE_LIMIT = 8.0
# Seconds of the fence after a 429 at least, also where it names no time, or one that is past when it is read: MailboxConcurrency, the usual
# one, says 1 where it says anything.
_FENCE = 1.0

# Graph's number of a request, by which Microsoft finds it. Nothing else is taken for one: it is logged.
_REQUEST_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

# Success of a write that stands alone: made, accepted, nothing to say. Batches and reads are answered 200.
_TAKEN = frozenset({201, 202, 204})

# Where Outlook takes large attachments, whatever Graph is called.
_UPLOAD_HOSTS = frozenset({"outlook.office.com", "outlook.office365.com", "outlook.live.com"})
_UPLOAD_DOMAINS = (".outlook.com", ".office.com", ".office365.com")

# What a download may be answered with: all, a part, or that there is no such part.
_READABLE = frozenset({200, 206, 416})

IMMUTABLE = 'IdType="ImmutableId"'

_log = structlog.get_logger(__name__)


class TokenSource(Protocol):
    """Where access tokens of a mailbox come from."""

    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        """Return an access token; not `reject` (Graph refused it), and one that meets the `claims` of a challenge."""


class MailboxClient:
    """Graph for one mailbox."""

    def __init__(
        self,
        http: AsyncClient,
        base_url: str,
        gate: Gate,
        token: TokenSource,
        *,
        on_unknown: Callable[[int, str], None] = lambda _status, _code: None,
    ) -> None:
        """`base_url` is Graph's, with the version: `https://graph.microsoft.com/v1.0`; `on_unknown` hears of errors that nobody knows."""
        self.gate = gate
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._on_unknown = on_unknown
        self._used: str | None = None

    async def get(
        self,
        path_or_link: str,
        *,
        into: type[_T],
        priority: Priority,
        params: Mapping[str, str] | None = None,
        prefer: Sequence[str] = (),
    ) -> _T:
        """GET a path below the base URL, or a link of Graph, and read the JSON as `into`.

        Raises the `GraphError` family, and `AuthError` when no token can be had.
        """
        return read_json(await self.get_bytes(path_or_link, priority=priority, params=params, prefer=prefer), into)

    async def get_bytes(
        self, path_or_link: str, *, priority: Priority, params: Mapping[str, str] | None = None, prefer: Sequence[str] = ()
    ) -> bytes:
        """GET as `get` does, and return the body as it came."""
        return await self._retried("GET", path_or_link, priority, params=params, prefer=prefer)

    async def ask_once(
        self, method: str, path: str, priority: Priority, *, body: Any = None, params: Mapping[str, str] | None = None
    ) -> Response:
        """Send one request, never again but where its token was refused; return an answer of success as it came.

        For what must not be done twice: the caller judges what an error says of it. Raises the `GraphError` family and `AuthError`.
        """
        headers = {"Accept": "application/json", "Prefer": IMMUTABLE}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        return await self._once(method, self.url(path), params, headers, content, priority, 1, 1)

    async def put_range(self, url: str, data: bytes, first: int, total: int) -> Response:
        """PUT a range of a file to the URL of an upload session: pre-authenticated, so our token does not go there (5.6)."""
        headers = {"Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}", "Content-Type": "application/octet-stream"}
        return await self._send("PUT", self.upload_url(url), None, headers, data, Priority.LIVE, 1, 1, None)

    def upload_url(self, url: str) -> str:
        """Return the URL of an upload session if it leads to Microsoft, or to where Graph is. Raises `GraphError` if it leads elsewhere."""
        ours = urlsplit(self._base_url)
        try:
            theirs = urlsplit(url)
            same = (theirs.scheme, theirs.hostname, theirs.port) == (ours.scheme, ours.hostname, ours.port)
        except ValueError as error:
            raise GraphError("Graph gave an address to upload to that is none; nothing was sent there") from error
        host = theirs.hostname or ""
        if not same and not (theirs.scheme == "https" and (host in _UPLOAD_HOSTS or host.endswith(_UPLOAD_DOMAINS))):
            raise GraphError(f"Graph gave an address of another host to upload to ({host}); nothing was sent there")
        return url

    async def post_batch(
        self, body: Any, *, into: type[_T], priority: Priority, cost: int, lanes: int = 1, is_repeatable: bool = True
    ) -> _T:
        """POST `body` (JSON) to `/$batch`.

        `cost` is the number of items, `lanes` how many of them Graph runs at once. Items that are not safe to repeat are sent again only
        where Graph refused them all without looking (429, a throttling 503, 401).
        """
        content = msgspec.json.encode(body)
        again = (GraphThrottled, GraphUnreachable) if is_repeatable else (GraphThrottled,)
        return read_json(await self._retried("POST", "/$batch", priority, content=content, cost=cost, lanes=lanes, again=again), into)

    @asynccontextmanager
    async def download(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[Response]:
        """GET once, in a lane of downloads that is held until the caller has read the body: 200, 206 or 416.

        Raises the `GraphError` family for all else, and for a connection that breaks meanwhile; `AuthError` when no token can be had.
        """
        headers = {"Prefer": IMMUTABLE, **headers}
        async with self.gate.download():
            token = self._used = await self._token.token()
            try:
                response = await self._opened(path, headers, token)
            except GraphUnauthorized as refused:
                token = self._used = await self._token.token(claims=refused.claims, reject=token)
                response = await self._opened(path, headers, token)
            try:
                yield response
            except HTTPError as error:
                raise GraphUnreachable(f"Graph's answer broke off ({type(error).__name__})") from error
            finally:
                # Closing a connection does not wait for the other side; unclosed it would be lost to the pool.
                with trio.CancelScope(shield=True):
                    await response.aclose()

    async def renew(self, refused: GraphUnauthorized) -> None:
        """Replace the token that an item of a batch was refused with, unless that happened already."""
        await self._token.token(claims=refused.claims, reject=self._used)

    def url(self, path_or_link: str) -> str:
        """Return the URL of a path, or a link of Graph if it leads to Graph. Raises `GraphError` if it leads elsewhere."""
        if path_or_link.startswith("/"):
            return self._base_url + path_or_link
        ours = urlsplit(self._base_url)
        try:
            theirs = urlsplit(path_or_link)
            is_ours = (theirs.scheme, theirs.hostname, theirs.port) == (ours.scheme, ours.hostname, ours.port)
        except ValueError as error:
            raise GraphError("Graph gave a link that is no address; it was not followed") from error
        if not is_ours or not theirs.path.startswith(f"{ours.path}/"):
            raise GraphError(f"Graph gave a link to another host or path ({theirs.hostname}); it was not followed")
        return path_or_link

    def relative(self, path_or_link: str) -> str:
        """Return a path or link of Graph as an item of a batch names it: without host and version."""
        return self.url(path_or_link).removeprefix(self._base_url)

    def judge(self, status: int, headers: Mapping[str, str], body: bytes) -> GraphError:
        """Return what an answer that is no success means; a 429 raises the fence, an unknown one is counted and logged (codes only)."""
        codes, message = read_error(body)
        retry_after = parse_retry_after(headers.get("retry-after"), _sent_at(headers) or datetime.now(UTC))
        error = to_error(status, codes, retry_after, message)
        if isinstance(error, GraphThrottled):
            self.gate.hold(max(_FENCE, error.retry_after or 0.0))
        if isinstance(error, GraphUnauthorized):
            error.claims = claims_of(headers.get("www-authenticate", ""))
        if error.is_unknown:
            self._on_unknown(status, error.code)
            _log.warning(
                "Graph answered with a code that nobody knows",
                status=status,
                graph_code=error.code,
                inner_codes=error.inner_codes,
                request_id=_request_id(headers),
            )
        return error

    async def _retried(
        self,
        method: str,
        path_or_link: str,
        priority: Priority,
        *,
        params: Mapping[str, str] | None = None,
        prefer: Sequence[str] = (),
        content: bytes | None = None,
        cost: int = 1,
        lanes: int = 1,
        again: tuple[type[GraphError], ...] = (GraphThrottled, GraphUnreachable),
    ) -> bytes:
        headers = {"Accept": "application/json", "Prefer": ", ".join([IMMUTABLE, *prefer])}
        if content is not None:
            headers["Content-Type"] = "application/json"
        url = self.url(path_or_link)
        until = trio.current_time() + OVERALL
        retrying = AsyncRetrying(retry=retry_if_exception_type(again), stop=partial(_stop, until), wait=_wait, reraise=True)
        response: Response = await retrying(self._once, method, url, params or None, headers, content, priority, cost, lanes)
        return response.content

    async def _once(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        content: bytes | None,
        priority: Priority,
        cost: int,
        lanes: int,
    ) -> Response:
        """Send one request; a refused token is replaced once."""
        token = self._used = await self._token.token()
        try:
            return await self._send(method, url, params, headers, content, priority, cost, lanes, token)
        except GraphUnauthorized as refused:
            token = self._used = await self._token.token(claims=refused.claims, reject=token)
            return await self._send(method, url, params, headers, content, priority, cost, lanes, token)

    async def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        content: bytes | None,
        priority: Priority,
        cost: int,
        lanes: int,
        token: str | None,
    ) -> Response:
        authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.gate.lane(priority, cost, lanes):
            try:
                with trio.fail_after(_ANSWER):
                    response = await self._http.request(method, url, params=params, headers={**authorization, **headers}, content=content)
            except (HTTPError, trio.TooSlowError) as error:
                raise GraphUnreachable(f"Graph does not answer ({type(error).__name__})") from error
        if response.status_code == 200:
            # A cut answer shows here, so that it is asked for again: JSON that ends too soon is no JSON.
            if not response.content.rstrip().endswith(b"}"):
                raise GraphUnreachable("Graph's answer is cut or garbled", status=200)
            return response
        if response.status_code in _TAKEN:
            return response
        raise self.judge(response.status_code, response.headers, response.content)

    async def _opened(self, path: str, headers: Mapping[str, str], token: str) -> Response:
        """Return an answer whose body is still to be read."""
        request = self._http.build_request("GET", self.url(path), headers={"Authorization": f"Bearer {token}", **headers})
        try:
            with trio.fail_after(_ANSWER):
                response = await self._http.send(request, stream=True)
                if response.status_code in _READABLE:
                    return response
                body = await response.aread()
        except (HTTPError, trio.TooSlowError) as error:
            raise GraphUnreachable(f"Graph does not answer ({type(error).__name__})") from error
        raise self.judge(response.status_code, response.headers, body)


def pause_before(attempt: int, error: GraphError) -> float:
    """Return the seconds to wait before attempt number `attempt` (2 is the first repetition) after `error`.

    As long as Graph says, and never less than pauses that grow: "0" and a date that is past would have us ask without a pause. Spread, so
    that many mailboxes do not come back at once; the exponent is clamped.
    """
    grown = min(_PAUSE_LIMIT, _PAUSE_FIRST * 2.0 ** min(attempt - 2, ATTEMPTS))
    return max(grown, error.retry_after or 0.0) + random.random() * _PAUSE_FIRST  # noqa: S311 - spreads load


def _stop(until: float, state: RetryCallState) -> bool:
    """Stop after some attempts, when the overall budget is spent, and at once when Graph asks for more patience than that."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, GraphError) and error.retry_after is not None and error.retry_after > PATIENCE:
        return True
    return state.attempt_number >= ATTEMPTS or trio.current_time() >= until


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return pause_before(state.attempt_number + 1, error) if isinstance(error, GraphError) else 0.0


def _request_id(headers: Mapping[str, str]) -> str | None:
    given = headers.get("request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else None


def _sent_at(headers: Mapping[str, str]) -> datetime | None:
    """Return when Graph sent an answer, by its own clock: a date in it is measured by that one, since ours may go otherwise."""
    try:
        sent = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return sent if sent.tzinfo is not None else sent.replace(tzinfo=UTC)
