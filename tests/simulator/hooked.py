"""A simulator with an endpoint that it tells of changes, for the tests of webhooks."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.model import iso
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.server import trio_clock
from tests.graph_simulator.wire import InProcess
from tests.simulator.conftest import Hook, open_in_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.simulator.conftest import Graph

__all__ = [
    "ALL",
    "INBOX",
    "LIFECYCLE",
    "SCHEMA",
    "START",
    "URL",
    "changes_told",
    "events_told",
    "open_hooked",
    "subscribe",
    "subscription_body",
]

START = datetime(2031, 5, 6, 12, tzinfo=UTC)
SCHEMA = load_schema()
URL, LIFECYCLE = "http://127.0.0.1:9/hook", "http://localhost:9/lifecycle?a=b"
INBOX = "me/mailFolders('inbox')/messages"
ALL = {"changeType": "created,updated,deleted", "notificationUrl": URL, "resource": "/me/messages", "clientState": "secret"}


@asynccontextmanager
async def open_hooked(**switches: Any) -> AsyncIterator[tuple[Graph, Hook]]:
    """Open a simulator and an endpoint that it tells."""
    async with open_in_process(Quirks().changed(switches), clock=trio_clock(START)) as graph:
        hook = Hook()
        graph.world.hooks = lambda: InProcess(hook)
        yield graph, hook


def subscription_body(graph: Graph, *, minutes: float = 4000, **more: Any) -> dict[str, Any]:
    """Return what is posted to subscribe for so many minutes."""
    return {**ALL, "expirationDateTime": iso(graph.world.now() + timedelta(minutes=minutes)), **more}


async def subscribe(graph: Graph, *, immutable: bool = True, **more: Any) -> dict[str, Any]:
    """Subscribe; return what Graph answers."""
    answer = await graph.write("POST", "/subscriptions", subscription_body(graph, **more), status=201, immutable=immutable)
    made: dict[str, Any] = answer.json()
    assert not SCHEMA.problems(made, "subscription")
    return made


def changes_told(hook: Hook) -> list[tuple[str, str]]:
    """Return the changes that were told: kind and message."""
    return [(n["changeType"], n["resourceData"]["id"]) for n in hook.notices if "changeType" in n]


def events_told(hook: Hook) -> list[str]:
    """Return the lifecycle events that were told."""
    return [n["lifecycleEvent"] for n in hook.notices if "lifecycleEvent" in n]
