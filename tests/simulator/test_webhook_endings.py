"""Webhooks that meet an endpoint which fails, lifecycle events, and all of it over real sockets (graph-behaviour section 8)."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.wire import InProcess
from tests.simulator.conftest import ADDRESS, Hook, open_graph
from tests.simulator.hooked import (
    LIFECYCLE,
    changes_told,
    events_told,
    open_hooked,
    subscribe,
    subscription_body,
)

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph


@pytest.mark.parametrize(("status", "seconds"), [(500, 0.0), (404, 0.0), (202, 3.5)])
async def test_failed_post_is_tried_again_until_it_is_taken(autojump_clock: trio.testing.MockClock, status: int, seconds: float) -> None:
    """After 10 seconds, 20, 40, ...; each time the same; slower than three seconds is as good as failed."""
    async with open_hooked() as (graph, hook):
        await subscribe(graph)
        hook.status, hook.seconds = status, seconds
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(60)
        sent = list(graph.world.notifications.sent)
        assert [s["status"] for s in sent] == [0 if seconds else status] * 3
        hook.status, hook.seconds = 202, 0.0
        await trio.sleep(100)
        assert [s["status"] for s in graph.world.notifications.sent][3:] == [202]
        assert len({json.dumps(s["value"]) for s in graph.world.notifications.sent}) == 1
        await trio.sleep(20_000)
        assert len(graph.world.notifications.sent) == 4


async def test_notify_patience_ends_and_what_is_left_is_missed(autojump_clock: trio.testing.MockClock) -> None:
    """Four hours of attempts, then the notification is dropped; the lifecycle URL, which works, hears of it."""
    assert Quirks().notify_patience == 4 * 3600
    async with open_hooked(notify_patience=100) as (graph, hook):
        broken = Hook()
        await subscribe(graph, lifecycleNotificationUrl=LIFECYCLE)
        broken.status = 503
        graph.world.hooks = lambda: _By({"/hook": broken, "/lifecycle": hook})
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(500)
        assert len(broken.posts) == 4
        assert (changes_told(hook), events_told(hook)) == ([], ["missed"])


class _By(InProcess):
    """Leads to another application for each path."""

    def __init__(self, apps: dict[str, Any]) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await apps[scope["path"]](scope, receive, send)

        super().__init__(app)


async def test_notify_slow_endpoint_is_shut_for_ten_minutes(autojump_clock: trio.testing.MockClock) -> None:
    """A tenth of its answers, of so many, took more than 2.9 seconds: what comes then is dropped."""
    assert Quirks().notify_slow == 100
    async with open_hooked(notify_slow=10) as (graph, hook):
        await subscribe(graph, lifecycleNotificationUrl=LIFECYCLE)
        for number in range(10):
            hook.seconds = 2.95 if number == 9 else 0.0
            graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
            await trio.sleep(6)
        hook.seconds = 0.0
        assert len(changes_told(hook)) == 10
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(6)
        assert (len(changes_told(hook)), events_told(hook)) == (10, ["missed"])
        await trio.sleep(600)
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(6)
        assert len(changes_told(hook)) == 11


async def test_ended_subscription_is_told_nothing_more(autojump_clock: trio.testing.MockClock) -> None:
    """Also not what was under way."""
    async with open_hooked() as (graph, hook):
        made = await subscribe(graph)
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await graph.write("DELETE", f"/subscriptions/{made['id']}", status=204)
        graph.mailbox.set_flag(graph.newest().immutable_id, "complete")
        await trio.sleep(5)
        assert hook.posts == []


async def _lifecycle(graph: Graph, event: str, **more: str) -> Any:
    return await graph.http.post(f"{graph.url}/_sim/mailboxes/{ADDRESS}/lifecycle", json={"event": event, **more})


async def test_lifecycle_events_are_injected(autojump_clock: trio.testing.MockClock) -> None:
    """To all of the mailbox or to one, if it has a URL for them; with the clientState."""
    async with open_hooked() as (graph, hook):
        one = await subscribe(graph, lifecycleNotificationUrl=LIFECYCLE)
        other = await subscribe(graph, lifecycleNotificationUrl=LIFECYCLE)
        await subscribe(graph)
        assert (await _lifecycle(graph, "missed")).json() == {"told": 2}
        await trio.sleep(2)
        (post,) = hook.posts
        assert post["path"] == "/lifecycle"
        assert [n["subscriptionId"] for n in post["value"]] == [one["id"], other["id"]]
        assert {(n["lifecycleEvent"], n["clientState"], n["tenantId"]) for n in post["value"]} == {("missed", "secret", graph.mailbox.tid)}
        assert (await _lifecycle(graph, "missed", subscription=other["id"])).json() == {"told": 1}
        for wrong, status in (({"event": "lost"}, 400), ({"event": "missed", "subscription": "x"}, 404)):
            answer = await graph.http.post(f"{graph.url}/_sim/mailboxes/{ADDRESS}/lifecycle", json=wrong)
            assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


async def test_lifecycle_removal_ends_the_subscription(autojump_clock: trio.testing.MockClock) -> None:
    """By the control API, and by a revocation of the user's sessions."""
    async with open_hooked() as (graph, hook):
        made = await subscribe(graph, lifecycleNotificationUrl=LIFECYCLE)
        await _lifecycle(graph, "subscriptionRemoved")
        assert await graph.refused("GET", f"/subscriptions/{made['id']}") == (404, "ResourceNotFound")
        await subscribe(graph, lifecycleNotificationUrl=LIFECYCLE)
        await graph.http.post(f"{graph.url}/_sim/mailboxes/{ADDRESS}/revoke")
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(2)
        assert (changes_told(hook), events_told(hook)) == ([], ["subscriptionRemoved"] * 2)


@pytest.mark.parametrize("way", ["reauthorize", "renew"])
async def test_lifecycle_reauthorization_holds_until_it_is_done(autojump_clock: trio.testing.MockClock, way: str) -> None:
    """Nothing is told meanwhile, and what happened meanwhile is never told."""
    async with open_hooked() as (graph, hook):
        made = await subscribe(graph, lifecycleNotificationUrl=LIFECYCLE)
        await _lifecycle(graph, "reauthorizationRequired")
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(2)
        assert (changes_told(hook), events_told(hook)) == ([], ["reauthorizationRequired"])
        (held,) = (await graph.http.get(f"{graph.url}/_sim/mailboxes/{ADDRESS}/subscriptions")).json()
        assert (held["id"], held["held"], held["immutable"]) == (made["id"], True, True)
        path = f"/subscriptions/{made['id']}"
        if way == "reauthorize":
            await graph.write("POST", f"{path}/reauthorize", status=204)
        else:
            await graph.write("PATCH", path, {"expirationDateTime": made["expirationDateTime"]}, status=200)
        graph.mailbox.set_flag(graph.newest().immutable_id, "complete")
        await trio.sleep(2)
        assert len(changes_told(hook)) == 1


async def test_webhook_over_sockets() -> None:
    """Handshake and notification reach an endpoint on this machine; one that is not there is 400."""
    hook = Hook()
    settings = Config()
    settings.bind, settings.errorlog, settings.graceful_timeout = ["127.0.0.1:0"], None, 0.1
    async with open_graph(Quirks(notify_delay=0.05)) as graph, trio.open_nursery() as nursery:
        # ignored: hypercorn types a scope as a dict of its own, Starlette as any mapping
        (url,) = await nursery.start(partial(serve, Starlette(routes=[Mount("/", hook)]), settings, mode="asgi"))  # type: ignore[arg-type]
        made = await subscribe(graph, notificationUrl=f"{url}/hook")
        message = graph.newest().immutable_id
        await graph.write("PATCH", f"/me/messages/{message}", {"categories": ["a"]}, status=200)
        with trio.fail_after(10):
            for _ in range(1000):
                if hook.posts:
                    break
                await trio.sleep(0.02)
        assert [(n["subscriptionId"], n["resourceData"]["id"]) for n in hook.notices] == [(made["id"], message)]
        nursery.cancel_scope.cancel()
    async with open_graph() as graph:
        assert await graph.refused("POST", "/subscriptions", subscription_body(graph, notificationUrl="http://127.0.0.1:1/x")) == (
            400,
            "ValidationError",
        )
