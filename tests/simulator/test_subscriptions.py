"""Subscriptions: the handshake, what is refused, and how long they last (graph-behaviour section 8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import trio
import trio.testing

from tests.graph_simulator.entra import Grant
from tests.graph_simulator.model import iso
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.wire import InProcess
from tests.simulator.conftest import ADDRESS, Hook
from tests.simulator.hooked import (
    INBOX,
    LIFECYCLE,
    SCHEMA,
    START,
    URL,
    open_hooked,
    subscribe,
    subscription_body,
)


async def test_subscription_is_made_shown_renewed_and_deleted(autojump_clock: trio.testing.MockClock) -> None:
    """Both endpoints are asked; what was asked for comes back; it ends at its time."""
    async with open_hooked() as (graph, hook):
        made = await subscribe(graph, lifecycleNotificationUrl=LIFECYCLE, minutes=60)
        assert hook.handshakes == ["/hook", "/lifecycle"]
        assert (made["clientState"], made["resource"], made["expirationDateTime"]) == ("secret", "/me/messages", "2031-05-06T13:00:00Z")
        path = f"/subscriptions/{made['id']}"
        assert await graph.get(path) == made
        assert [s["id"] for s in (await graph.get("/subscriptions"))["value"]] == [made["id"]]
        until = {"expirationDateTime": "2031-05-07T12:00:00.0000000Z"}
        renewed = (await graph.write("PATCH", path, until, status=200)).json()
        assert renewed["expirationDateTime"] == "2031-05-07T12:00:00Z"
        assert not SCHEMA.problems(renewed, "subscription")
        assert hook.handshakes == ["/hook", "/lifecycle"], "renewing asks nobody"
        other = await subscribe(graph)
        await graph.write("DELETE", f"/subscriptions/{other['id']}", status=204)
        assert await graph.refused("DELETE", f"/subscriptions/{other['id']}") == (404, "ResourceNotFound")
        await trio.sleep(86_400)
        graph.world.entra.grants[graph.token].expires_at += 10**6
        assert (await graph.get("/subscriptions"))["value"] == []
        assert await graph.refused("PATCH", path, until) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("handshake", "seconds"),
    [
        ((400, "x", "text/plain"), 0),
        ((200, "Validation%3A+Testing", "text/plain"), 0),
        ((200, "", "text/plain"), 0),
        (None, 11),
    ],
)
@pytest.mark.parametrize("which", ["notificationUrl", "lifecycleNotificationUrl"])
async def test_handshake_that_fails_is_400_and_no_subscription(
    autojump_clock: trio.testing.MockClock, which: str, handshake: tuple[int, str, str] | None, seconds: float
) -> None:
    """Another status, another text, nothing within ten seconds; either URL."""
    async with open_hooked() as (graph, hook):
        good = Hook()
        hook.handshake, hook.seconds = handshake, seconds
        hooks = iter([hook] if which == "notificationUrl" else [good, hook])
        graph.world.hooks = lambda: InProcess(next(hooks))
        expected = (400, "ValidationError")
        assert await graph.refused("POST", "/subscriptions", subscription_body(graph, lifecycleNotificationUrl=LIFECYCLE)) == expected
        assert (await graph.get("/subscriptions"))["value"] == []


async def test_handshake_wants_plain_text_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """JSON is not taken, nine seconds are; the token is not taken as it stands in the URL."""
    async with open_hooked() as (graph, hook):

        async def quoting(scope: Any, receive: Any, send: Any) -> None:
            text = scope["query_string"].partition(b"=")[2]
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": text})

        graph.world.hooks = lambda: InProcess(quoting)
        assert await graph.refused("POST", "/subscriptions", subscription_body(graph)) == (400, "ValidationError")

        async def as_json(scope: Any, receive: Any, send: Any) -> None:
            async def other(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [(b"content-type", b"application/json")]
                await send(message)

            await hook(scope, receive, other)

        graph.world.hooks = lambda: InProcess(as_json)
        assert await graph.refused("POST", "/subscriptions", subscription_body(graph)) == (400, "ValidationError")
        graph.world.hooks = lambda: InProcess(hook)
        hook.seconds = 9
        await subscribe(graph)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"notificationUrl": "https://hook.example/x"}, (400, "InvalidRequest")),
        ({"notificationUrl": "ftp://127.0.0.1/x"}, (400, "InvalidRequest")),
        ({"notificationUrl": "http://[::1"}, (400, "InvalidRequest")),
        ({"lifecycleNotificationUrl": "https://hook.example/x"}, (400, "InvalidRequest")),
        ({"notificationUrl": ""}, (400, "InvalidRequest")),
        ({"changeType": "created,moved"}, (400, "InvalidRequest")),
        ({"clientState": "x" * 129}, (400, "InvalidRequest")),
        ({"includeResourceData": True}, (400, "InvalidRequest")),
        ({"resource": "me/events"}, (400, "InvalidRequest")),
        ({"resource": f"{INBOX}?$filter=subject eq 'x'"}, (400, "InvalidRequest")),
        ({"resource": "me/mailFolders('clutter')/messages"}, (404, "ResourceNotFound")),
        ({"resource": "users/other@x.example/messages"}, (403, "ErrorAccessDenied")),
        ({"minutes": -1}, (400, "InvalidRequest")),
        ({"minutes": 4231}, (400, "ExtensionError")),
        ({"expirationDateTime": "tomorrow"}, (400, "RequestBodyRead")),
        ({"id": "x"}, (400, "ErrorInvalidPropertySet")),
        ({"lifecycleUrl": "x"}, (400, "RequestBodyRead")),
    ],
)
async def test_subscription_that_makes_no_sense_is_refused(
    autojump_clock: trio.testing.MockClock, more: dict[str, Any], expected: tuple[int, str]
) -> None:
    """And nobody is asked for a handshake who is not on this machine."""
    async with open_hooked() as (graph, _):
        asked = subscription_body(graph, minutes=more.pop("minutes", 60)) | more
        assert await graph.refused("POST", "/subscriptions", asked) == expected
        made = await subscribe(graph)
        changes = {"notificationUrl": URL, "expirationDateTime": made["expirationDateTime"]}
        assert await graph.refused("PATCH", f"/subscriptions/{made['id']}", changes) == (400, "ErrorInvalidPropertySet")
        assert await graph.refused("PATCH", f"/subscriptions/{made['id']}", {}) == (400, "InvalidRequest")


@pytest.mark.parametrize("longest", [4230, 10_080])
async def test_subscription_minutes_are_a_switch(autojump_clock: trio.testing.MockClock, longest: int) -> None:
    """As long as that and no longer, also when renewed; less than 45 minutes become 45."""
    async with open_hooked(subscription_minutes=longest) as (graph, _):
        made = await subscribe(graph, minutes=longest)
        too_late = {"expirationDateTime": iso(graph.world.now() + timedelta(minutes=longest + 1))}
        assert await graph.refused("PATCH", f"/subscriptions/{made['id']}", too_late) == (400, "ExtensionError")
        assert (await subscribe(graph, minutes=1))["expirationDateTime"] == "2031-05-06T12:45:00Z"


@pytest.mark.parametrize("needs", [True, False])
async def test_subscribe_needs_read_by_switch(autojump_clock: trio.testing.MockClock, *, needs: bool) -> None:
    """Mail.ReadWrite alone is enough or not; Mail.Read always is, Mail.Send never."""
    async with open_hooked(subscribe_needs_read=needs) as (graph, _):
        for name, is_enough in (("Mail.ReadWrite", not needs), ("Mail.Read", True), ("Mail.Send", False)):
            graph.world.entra.grants[name] = Grant(ADDRESS, (name,), START.timestamp() + 60)
            status = (await graph.write("POST", "/subscriptions", subscription_body(graph), token=name)).status_code
            assert status == (201 if is_enough else 403)


async def test_subscription_is_each_mailboxs_own(autojump_clock: trio.testing.MockClock) -> None:
    """Another mailbox neither sees it nor is told of."""
    async with open_hooked() as (graph, hook):
        made = await subscribe(graph)
        other = make_mailbox("b@x.example", "Bo", now=graph.world.now())
        graph.world.mailboxes[other.address] = other
        graph.world.entra.grants["other"] = Grant(other.address, ("Mail.ReadWrite",), START.timestamp() + 60)
        assert await graph.refused("GET", f"/subscriptions/{made['id']}", token="other") == (404, "ResourceNotFound")
        other.set_flag(next(iter(other.messages)), "flagged")
        await trio.sleep(5)
        assert hook.posts == []
