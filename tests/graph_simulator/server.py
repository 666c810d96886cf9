"""The simulator's world, and the application round it: Entra, Graph and the control API on one port, served on trio."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.routing import Route

from tests.graph_simulator.agenda import Agenda
from tests.graph_simulator.authorize import EntraPages
from tests.graph_simulator.control import control_routes
from tests.graph_simulator.credentials import AppCredentials
from tests.graph_simulator.entra import Entra
from tests.graph_simulator.graph_api import GraphApi
from tests.graph_simulator.model import Mailbox, utc_now
from tests.graph_simulator.notifications import Notifications
from tests.graph_simulator.post import Post
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.seed import DEMO_MAILBOXES, demo_mailboxes, grow, make_mailbox
from tests.graph_simulator.subscriptions import Subscriptions
from tests.graph_simulator.wire import InProcess, cuttable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from httpx import AsyncBaseTransport

    from tests.graph_simulator.call import Call

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "Simulator",
    "World",
    "asgi_transport",
    "make_app",
    "make_world",
    "open_simulator",
    "serve_world",
    "trio_clock",
]

# The one app registration; a test may choose others.
CLIENT_ID = "3b1f9f1c-0d5a-4c7e-9f10-6f3c1f0a5d11"
CLIENT_SECRET = "simulated~secret/with+signs"

# Requests that `/_sim/log` remembers.
_LOG = 50_000


class Mailboxes(dict[str, Mailbox]):
    """Mailboxes by address; one that is put in lives by the world's time from then on."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def __setitem__(self, address: str, mailbox: Mailbox) -> None:
        mailbox.live_by(self._world.time)
        mailbox.watch = self._world.notifications.heard
        super().__setitem__(address, mailbox)


@dataclass(slots=True)
class World:
    """All that the simulator knows. `clock` is its time, which a test may own; `hooks` makes transports to webhooks (None: sockets)."""

    quirks: Quirks = field(default_factory=Quirks)
    start_quirks: Quirks = field(default_factory=Quirks)
    clock: Callable[[], datetime] = utc_now
    seed: int = 0
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_LOG))
    hooks: Callable[[], AsyncBaseTransport | None] = lambda: None
    mailboxes: Mailboxes = field(init=False)
    entra: Entra = field(init=False)
    agenda: Agenda = field(init=False)
    post: Post = field(init=False)
    subscriptions: Subscriptions = field(init=False)
    notifications: Notifications = field(init=False)
    graph: GraphApi = field(init=False)

    def __post_init__(self) -> None:
        self.agenda = Agenda(self.time)
        self.post = Post(self)
        self.subscriptions = Subscriptions(self)
        self.notifications = Notifications(self)
        self.mailboxes = Mailboxes(self)
        self.graph = GraphApi(self)

    def time(self) -> datetime:
        """Return the time."""
        return self.clock()

    def now(self) -> datetime:
        """Return the time to the second."""
        return self.clock().replace(microsecond=0)

    def log(self, call: Call) -> dict[str, Any]:
        """Remember a request: what and how, never a body or a token. Who asks and the status are filled in when they are known."""
        entry: dict[str, Any] = {
            "at": self.clock().isoformat(),
            "id": call.request_id,
            "method": call.method,
            "path": call.path,
            "query": {k: v for k, v in call.query_params.items() if not k.endswith("token")},
            "mailbox": "",
            "prefer": call.headers.getlist("prefer"),
            "batch": call.is_batched,
            "status": None,
        }
        self.requests.append(entry)
        return entry


@dataclass(slots=True)
class Simulator:
    """A running simulator."""

    world: World
    url: str


def make_world(
    *,
    demo: bool = True,
    mailboxes: int = len(DEMO_MAILBOXES),
    grown: int = 0,
    quirks: Quirks | None = None,
    seed: int = 0,
    client_id: str = CLIENT_ID,
    client_secret: str = CLIENT_SECRET,
    certificate: bytes | None = None,
    redirect_uris: Sequence[str] = (),
    clock: Callable[[], datetime] = utc_now,
) -> World:
    """Make a world. With `demo` it has so many `mailboxes`, each with `grown` messages more; `seed` is for all that is drawn.

    `certificate` (PEM) is registered for the app beside its secret.
    """
    start = quirks or Quirks()
    world = World(replace(start), start, clock, seed)
    world.entra = Entra(world, AppCredentials(client_id, client_secret, certificate), tuple(redirect_uris))
    for address, name, personal, inbox in demo_mailboxes(mailboxes) if demo else ():
        mailbox = make_mailbox(address, name, personal=personal, inbox=inbox, now=world.now(), seed=seed)
        grow(mailbox, grown)
        world.mailboxes[address] = mailbox
    return world


def trio_clock(start: datetime) -> Callable[[], datetime]:
    """Return a clock that begins now at `start` and goes with trio's: under a MockClock the test moves it."""
    begin = trio.current_time()
    return lambda: start + timedelta(seconds=trio.current_time() - begin)


def make_app(world: World) -> Starlette:
    """Build the application. Two of one world are the same Graph: what one gave as a link, the other takes."""
    entra_pages = EntraPages(world)
    every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            *control_routes(world),
            Route("/v1.0/{path:path}", world.graph.handle, methods=every),
            Route("/outlook/{path:path}", world.graph.upload, methods=every),
            Route("/common/discovery/instance", world.entra.instance),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", world.entra.discovery),
            Route("/{tenant}/oauth2/v2.0/authorize", entra_pages.authorize, methods=["GET", "POST"]),
            Route("/{tenant}/v2.0/adminconsent", entra_pages.admin_consent, methods=["GET", "POST"]),
            Route("/{tenant}/oauth2/v2.0/token", world.entra.token, methods=["POST"]),
        ]
    )


def asgi_transport(world: World) -> InProcess:
    """Return a transport for httpx that leads straight into the world: no sockets, so trio's MockClock can drive it."""
    return InProcess(make_app(world), beside=world.agenda.run)


async def serve_world(
    world: World, *, host: str = "127.0.0.1", port: int = 0, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve until cancelled; `started` is called with the URL."""
    settings = Config()
    settings.bind = [f"{host}:{port}"]
    settings.graceful_timeout = 0.1
    settings.accesslog = None
    settings.errorlog = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.agenda.run)
        urls = await nursery.start(partial(serve, cuttable(make_app(world)), settings, mode="asgi"))  # type: ignore[arg-type]
        task_status.started(urls[0])


@asynccontextmanager
async def open_simulator(**given: Any) -> AsyncIterator[Simulator]:
    """Run a simulator beside the test; arguments as for `make_world`."""
    world = make_world(**given)
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve_world, world))
        yield Simulator(world, url)
        nursery.cancel_scope.cancel()
