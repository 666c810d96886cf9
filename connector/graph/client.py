"""Requests to one mailbox: through its gate, with its token, retried where that is safe, errors named.

Every request asks for immutable ids (a header speaks for that request only). Links that Graph gives are sent back verbatim, and only to the
host that is configured: a token goes nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from connector.errors import GraphError, GraphThrottled, GraphUnauthorized, GraphUnreachable
from connector.graph.catalogue import to_error
from connector.http import HTTPError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connector.graph.gate import Gate, Priority
    from connector.http import AsyncClient, Response

__all__ = ["MailboxClient", "TokenSource", "claims_of", "parse_retry_after", "repair_json"]

_T = TypeVar("_T")

# Attempts of one GET; what fails longer is the runner's business, which has the mailbox's own backoff.
_ATTEMPTS = 4
# Seconds: the longest Retry-After that is worth holding a request for; a longer one is handed up and the mailbox sleeps.
_PATIENCE = 30.0
# Seconds: no server means more than an hour; clamped so that a wrong date cannot stop a mailbox for years.
_RETRY_AFTER_LIMIT = 3600.0

# Raw control characters in strings are illegal JSON and do come (corso sanitises them too). Outside strings only tab, CR and LF occur.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# Half a surrogate pair, as a preview cut after 255 UTF-16 units may end in; escaped backslashes and whole pairs are stepped over (group 1).
_HALF_PAIR = re.compile(rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_CLAIMS = re.compile(r'claims="?([A-Za-z0-9+/=_-]+)"?')


class TokenSource(Protocol):
    """Where access tokens of a mailbox come from."""

    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        """Return an access token; not `reject` (Graph refused it), and one that meets the `claims` of a challenge."""


class _ErrorBody(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _ErrorEnvelope(msgspec.Struct):
    error: _ErrorBody | None = None


class MailboxClient:
    """Graph for one mailbox."""

    def __init__(self, http: AsyncClient, base_url: str, gate: Gate, token: TokenSource) -> None:
        """`base_url` is Graph's, with the version: `https://graph.microsoft.com/v1.0`."""
        self.gate = gate
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._token = token

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
        url = self._url(path_or_link)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((GraphThrottled, GraphUnreachable)),
            stop=_stop,
            wait=_wait,
            reraise=True,
        )
        response: Response = await retrying(self._get_once, url, params, prefer, priority)
        try:
            return msgspec.json.decode(response.content, type=into)
        except msgspec.ValidationError as error:
            raise GraphError(f"Graph answered in a shape that we do not know ({error})", status=response.status_code) from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            try:
                return msgspec.json.decode(repair_json(response.content), type=into)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise GraphUnreachable("Graph's answer is cut or garbled", status=response.status_code) from error

    async def _get_once(self, url: str, params: Mapping[str, str] | None, prefer: Sequence[str], priority: Priority) -> Response:
        """Send one GET; a refused token is replaced once."""
        token = await self._token.token()
        try:
            return await self._send(url, params, prefer, priority, token)
        except GraphUnauthorized as refused:
            token = await self._token.token(claims=refused.claims, reject=token)
            return await self._send(url, params, prefer, priority, token)

    async def _send(self, url: str, params: Mapping[str, str] | None, prefer: Sequence[str], priority: Priority, token: str) -> Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Prefer": ", ".join(['IdType="ImmutableId"', *prefer])}
        async with self.gate.lane(priority):
            try:
                response = await self._http.get(url, params=params, headers=headers)
            except HTTPError as error:
                raise GraphUnreachable(f"Graph does not answer ({type(error).__name__})") from error
        if response.status_code == 200:
            return response
        raise self._error(response)

    def _error(self, response: Response) -> GraphError:
        try:
            body = msgspec.json.decode(repair_json(response.content), type=_ErrorEnvelope).error or _ErrorBody()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            body = _ErrorBody()
        retry_after = parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
        error = to_error(response.status_code, body.code or "", retry_after, body.message or "")
        if isinstance(error, GraphThrottled):
            self.gate.hold(min(error.retry_after if error.retry_after is not None else 1.0, _RETRY_AFTER_LIMIT))
        if isinstance(error, GraphUnauthorized):
            error.claims = claims_of(response.headers.get("www-authenticate", ""))
        return error

    def _url(self, path_or_link: str) -> str:
        """Return the URL of a path, or a link of Graph if it leads to Graph."""
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


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return seconds from a Retry-After: a whole number, a float, or an HTTP date; None if absent or senseless. Never negative."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    if seconds != seconds:  # noqa: PLR0124 - NaN is the one number unlike itself
        return None
    return min(max(0.0, seconds), _RETRY_AFTER_LIMIT)


def claims_of(header: str) -> str | None:
    """Return the decoded JSON of a claims challenge in `WWW-Authenticate`, as MSAL wants it; None if there is none."""
    match = _CLAIMS.search(header)
    if match is None:
        return None
    try:
        text = base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)).decode()
        msgspec.json.decode(text)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return text


def repair_json(data: bytes) -> bytes:
    """Drop raw control characters, and put U+FFFD for half surrogate pairs and bytes that are no UTF-8. Valid JSON stays as it is.

    Without this one odd subject or preview would keep its whole page, and so its folder, from ever being read.
    """
    text = _CONTROL.sub(b"", data).decode(errors="replace").encode()
    return _HALF_PAIR.sub(lambda found: found[1] or rb"\ufffd", text)


def _stop(state: RetryCallState) -> bool:
    """Stop after some attempts, and at once when Graph asks for more patience than a request should have."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, GraphError) and error.retry_after is not None and error.retry_after > _PATIENCE:
        return True
    return stop_after_attempt(_ATTEMPTS)(state)


_backoff = wait_exponential_jitter(multiplier=0.5, max=8.0, jitter=0.5)


def _wait(state: RetryCallState) -> float:
    """Wait as long as Graph says, else with growing pauses; after a 429 the gate's fence holds the others too."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, GraphError) and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)
