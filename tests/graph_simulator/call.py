"""One question to Graph and its answer, whether it came as an HTTP request of its own or as an item of a batch."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.datastructures import Headers, QueryParams

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Answer", "Call"]


@dataclass(slots=True)
class Call:
    """What is asked: `raw_path` is percent-encoded and without a query, `base` is scheme and host of links."""

    method: str
    raw_path: str
    query_params: QueryParams
    headers: Headers
    body: bytes
    base: str
    is_batched: bool = False
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    async def of(cls, request: Request) -> Call:
        """Read an HTTP request."""
        raw = request.scope["raw_path"].decode().partition("?")[0]
        base = f"{request.url.scheme}://{request.url.netloc}"
        return cls(request.method, raw, request.query_params, request.headers, await request.body(), base)

    def item(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Call:
        """Make the call of a batch item: its headers are its own, only the authorization is the batch's if it has none."""
        path, _, query = url.partition("?")
        own = {k.lower(): v for k, v in headers.items()}
        for shared in ("authorization", "client-request-id"):
            if shared in self.headers:
                own.setdefault(shared, self.headers[shared])
        return Call(method, f"/v1.0/{path.lstrip('/')}", QueryParams(query), Headers(own), body, self.base, is_batched=True)

    @property
    def client_request_id(self) -> str:
        """The client's own id of the request, or one of ours."""
        return self.headers.get("client-request-id") or self.request_id

    @property
    def path(self) -> str:
        """The path in plain text."""
        return unquote(self.raw_path)


@dataclass(slots=True)
class Answer:
    """What is answered: `body` is JSON, or bytes with a Content-Type among the headers, or None for nothing.

    `wire` says what happens to it on its way (storm.py).
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    wire: str = ""
