"""A simulator in the test's own loop, and a client with a token of one mailbox."""

from __future__ import annotations

import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from connector.http import AsyncClient, Response, open_client
from tests.graph_simulator.entra import Grant
from tests.graph_simulator.model import utc_now
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import asgi_transport, make_world, open_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from starlette.types import Receive, Scope, Send

    from tests.graph_simulator.model import Mailbox, Message
    from tests.graph_simulator.quirks import Quirks
    from tests.graph_simulator.server import World

ADDRESS = "anna@pier.example"


@dataclass(slots=True)
class Graph:
    """Graph as one mailbox's app sees it."""

    http: AsyncClient
    url: str
    world: World
    mailbox: Mailbox
    token: str

    async def raw(self, path: str, *, immutable: bool = True, prefer: str = "", method: str = "GET", **params: str) -> Response:
        """Send a request below /v1.0, or to a link."""
        prefers = [p for p in ('IdType="ImmutableId"' if immutable else "", prefer) if p]
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Prefer": ", ".join(prefers)} if prefers else {})
        url = path if path.startswith("http") else f"{self.url}/v1.0{path}"
        return await self.http.request(method, url, params=params or None, headers=headers)

    async def write(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int | None = None,
        immutable: bool = True,
        token: str | None = None,
        **headers: str,
    ) -> Response:
        """Send a write with a JSON body, or with bytes as they are; `status` is what has to come. `if_match` is the header If-Match."""
        given: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {"Authorization": f"Bearer {token or self.token}"} | ({"Prefer": 'IdType="ImmutableId"'} if immutable else {})
        answer = await self.http.request(method, f"{self.url}/v1.0{path}", headers=named, **given)
        assert status is None or answer.status_code == status, f"{answer.status_code} {answer.text}"
        return answer

    async def refused(self, method: str, path: str, body: Any = None, **given: Any) -> tuple[int, str]:
        """Send a write that is refused: its status and code."""
        answer = await self.write(method, path, body, **given)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]["code"]

    def newest(self, role: str = "inbox", place: int = 0) -> Message:
        """Return the newest message of a folder, or one further down."""
        return self.mailbox.in_folder(self.mailbox.folder_id(role))[place]

    def in_role(self, role: str) -> set[str]:
        """Return the ids in a folder."""
        return set(self.mailbox.ids_in_folder(self.mailbox.folder_id(role)))

    async def get(self, path: str, **given: Any) -> Any:
        """GET JSON; anything but 200 fails the test."""
        answer = await self.raw(path, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def batch(self, *items: dict[str, Any], status: int = 200) -> dict[str, dict[str, Any]]:
        """Send a batch of items (method GET, ids 1, 2, ... unless they say otherwise); its responses by id, or its error."""
        requests = [{"id": str(number), "method": "GET", **item} for number, item in enumerate(items, 1)]
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = await self.http.post(f"{self.url}/v1.0/$batch", json={"requests": requests}, headers=headers)
        assert answer.status_code == status, answer.text
        return {r["id"]: r for r in answer.json()["responses"]} if status == 200 else {"error": answer.json()["error"]}

    async def rounds(self, path: str, **given: Any) -> tuple[list[dict[str, Any]], str]:
        """Follow a delta to its end: all items, and the delta link."""
        items: list[dict[str, Any]] = []
        page = await self.get(path, **given)
        for _ in range(1000):
            items += page["value"]
            if "@odata.deltaLink" in page:
                return items, page["@odata.deltaLink"]
            page = await self.get(page["@odata.nextLink"], prefer=given.get("prefer", ""))
        raise AssertionError("the delta does not end")


def _opened(http: AsyncClient, url: str, world: World, *, inbox: int) -> Graph:
    mailbox = make_mailbox(ADDRESS, "Anna Larsen", inbox=inbox, now=world.now())
    world.mailboxes[ADDRESS] = mailbox
    token = secrets.token_urlsafe(16)
    names = ("Mail.ReadWrite", "Mail.Send", "User.Read")
    scopes = tuple(f"https://graph.microsoft.com/{name}" for name in names)
    world.entra.grants[token] = Grant(ADDRESS, scopes, world.time().timestamp() + 3600)
    return Graph(http, url, world, mailbox, token)


@dataclass(slots=True)
class Hook:
    """A webhook: agrees to handshakes, takes notifications, and is as slow or as broken as a test wants."""

    status: int = 202
    seconds: float = 0.0
    posts: list[dict[str, Any]] = field(default_factory=list)
    handshakes: list[str] = field(default_factory=list)
    # How it answers a handshake, if not as it should.
    handshake: tuple[int, str, str] | None = None

    @property
    def notices(self) -> list[dict[str, Any]]:
        """All that was told, in order."""
        return [notice for post in self.posts for notice in post["value"]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        body = await request.body()
        await trio.sleep(self.seconds)
        token = request.query_params.get("validationToken")
        if token is None:
            self.posts.append({"path": request.url.path, **json.loads(body)})
            answer = PlainTextResponse("", self.status)
        else:
            self.handshakes.append(request.url.path)
            status, text, kind = self.handshake or (200, token, "text/plain")
            answer = PlainTextResponse(text, status, media_type=kind)
        await answer(scope, receive, send)


@asynccontextmanager
async def open_graph(quirks: Quirks | None = None, *, inbox: int = 0) -> AsyncIterator[Graph]:
    """Run a simulator with one mailbox of real mail, and hold a token for it."""
    async with open_simulator(demo=False, quirks=quirks) as simulator, open_client() as http:
        yield _opened(http, simulator.url, simulator.world, inbox=inbox)


@asynccontextmanager
async def open_in_process(quirks: Quirks | None = None, *, clock: Callable[[], datetime] = utc_now) -> AsyncIterator[Graph]:
    """The same without sockets, so that a test's own clock runs: latency takes no time."""
    world = make_world(demo=False, quirks=quirks, clock=clock)
    async with open_client(transport=asgi_transport(world)) as http:
        yield _opened(http, "http://graph.example", world, inbox=0)


@pytest.fixture
async def graph() -> AsyncIterator[Graph]:
    """Graph on a good day."""
    async with open_graph() as opened:
        yield opened
