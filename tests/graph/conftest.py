"""A mailbox client whose Graph is a function of the test."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from connector.graph.client import MailboxClient
from connector.graph.gate import Gate
from connector.http import open_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BASE = "https://graph.example/v1.0"
Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


@dataclass(slots=True)
class FakeTokens:
    """Tokens t1, t2, ...: a refused one is followed by the next."""

    number: int = 1
    claims: list[str | None] = field(default_factory=list)

    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        """Return the present token, the next one if that was refused."""
        if reject is not None:
            self.claims.append(claims)
            self.number += 1
        return f"t{self.number}"


@asynccontextmanager
async def open_mailbox(handler: Handler, gate: Gate | None = None, tokens: FakeTokens | None = None) -> AsyncIterator[MailboxClient]:
    """Open a client whose requests `handler` answers, those inside batches too."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/$batch"):
            return await chained(request, handler)
        given = handler(request)
        return given if isinstance(given, httpx.Response) else await given

    async with open_client(transport=httpx.MockTransport(answer)) as http:
        yield MailboxClient(http, BASE, gate or Gate(), tokens or FakeTokens())


async def chained(batch: httpx.Request, handler: Handler) -> httpx.Response:
    """Answer a batch as Graph does: item by item, 424 to whatever depends on an item that failed."""
    responses: dict[str, dict[str, Any]] = {}
    for item in json.loads(batch.content)["requests"]:
        if any(responses[i]["status"] >= 400 for i in item.get("dependsOn", ())):
            responses[item["id"]] = {"id": item["id"], "status": 424, "body": {"error": {"code": "FailedDependency", "message": ""}}}
            continue
        headers = {"Authorization": batch.headers["authorization"], **item["headers"]}
        given = handler(httpx.Request(item["method"], BASE + item["url"], headers=headers))
        response = given if isinstance(given, httpx.Response) else await given
        body = {} if not response.content.startswith(b"{") else json.loads(response.content)
        responses[item["id"]] = {"id": item["id"], "status": response.status_code, "headers": dict(response.headers), "body": body}
    return httpx.Response(200, json={"responses": list(reversed(responses.values()))})


def fault(status: int, code: str, **headers: str) -> httpx.Response:
    """Return an error in Graph's shape."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return httpx.Response(status, headers=named, content=json.dumps({"error": {"code": code, "message": "no"}}))


def page(*items: dict[str, Any], **links: str) -> httpx.Response:
    """Return a page of a collection; `next` or `delta` name its link."""
    names = {"next": "@odata.nextLink", "delta": "@odata.deltaLink"}
    return httpx.Response(200, json={"value": list(items), **{names[k]: v for k, v in links.items()}})
