"""MSAL's HTTP for one attempt: blocking, in a worker thread, over the connector's own client; and what MSAL keeps to itself of the answers.

MSAL refuses http authorities. For one on this machine it thinks https, and http is put back on the wire, also in discovery documents
(contract, Config); no other host, ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connector.graph.answers import parse_retry_after
from connector.http import BlockingBridge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.http import AsyncClient, Response

__all__ = ["EntraWire", "as_http"]

# What discovery says, in a 400, of a tenant that does not exist (AADSTS90002).
_UNKNOWN_TENANT = "invalid_tenant"


@dataclass(frozen=True, slots=True)
class _Shown:
    """An answer as MSAL is shown it."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """MSAL calls this where it does not look at the status itself."""
        if self.status_code >= 400:
            raise ValueError(f"HTTP {self.status_code}")


class EntraWire:
    """`retry_after` is how many seconds the last answer asked to wait; `is_tenant_unknown`: discovery does not know the tenant."""

    def __init__(self, http: AsyncClient, plain_netloc: str | None) -> None:
        """`plain_netloc` is the host and port of an authority that is reached by http."""
        self.retry_after: float | None = None
        self.is_tenant_unknown = False
        self._netloc = plain_netloc
        self._bridge = BlockingBridge(http, rewrite=None if plain_netloc is None else lambda url: as_http(url, plain_netloc))

    def get(self, url: str, **kwargs: Any) -> _Shown:
        """GET, as MSAL asks for it: a discovery document."""
        response = self._bridge.get(url, **kwargs)
        self.is_tenant_unknown = 400 <= response.status_code < 500 and _UNKNOWN_TENANT in response.text
        return self._shown(response)

    def post(self, url: str, **kwargs: Any) -> _Shown:
        """POST, as MSAL asks for it: a token."""
        return self._shown(self._bridge.post(url, **kwargs))

    def close(self) -> None:
        """Do nothing: the client belongs to whoever opened it."""

    def _shown(self, response: Response) -> _Shown:
        self.retry_after = parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
        text = response.text
        if self._netloc is not None:
            text = text.replace(f"http://{self._netloc}/", f"https://{self._netloc}/")
        return _Shown(response.status_code, text, response.headers)


def as_http(url: str, netloc: str) -> str:
    """Return `url` with http, if it leads to the loopback host that is configured with http, and to no other."""
    parts = urlsplit(url)
    return parts._replace(scheme="http").geturl() if parts.netloc == netloc else url
