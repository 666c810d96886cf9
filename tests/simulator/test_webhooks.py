"""Webhooks: subscriptions with their handshake, notifications that are hints and no more, lifecycle events (graph-behaviour section 8)."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.entra import Grant
from tests.graph_simulator.model import iso
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.seed import grow, make_mailbox
from tests.graph_simulator.server import trio_clock
from tests.graph_simulator.wire import InProcess
from tests.simulator.conftest import ADDRESS, Hook, open_graph, open_in_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.simulator.conftest import Graph

START = datetime(2031, 5, 6, 12, tzinfo=UTC)
SCHEMA = load_schema()
URL, LIFECYCLE = "http://127.0.0.1:9/hook", "http://localhost:9/lifecycle?a=b"
INBOX = "me/mailFolders('inbox')/messages"
ALL = {"changeType": "created,updated,deleted", "notificationUrl": URL, "resource": "/me/messages", "clientState": "secret"}


@asynccontextmanager
async def _opened(**switches: Any) -> AsyncIterator[tuple[Graph, Hook]]:
    async with open_in_process(Quirks().changed(switches), clock=trio_clock(START)) as graph:
        hook = Hook()
        graph.world.hooks = lambda: InProcess(hook)
        yield graph, hook


def _body(graph: Graph, *, minutes: float = 4000, **more: Any) -> dict[str, Any]:
    return {**ALL, "expirationDateTime": iso(graph.world.now() + timedelta(minutes=minutes)), **more}


async def _subscribed(graph: Graph, *, immutable: bool = True, **more: Any) -> dict[str, Any]:
    answer = await graph.write("POST", "/subscriptions", _body(graph, **more), status=201, immutable=immutable)
    made: dict[str, Any] = answer.json()
    assert not SCHEMA.problems(made, "subscription")
    return made


def _told(hook: Hook) -> list[tuple[str, str]]:
    return [(n["changeType"], n["resourceData"]["id"]) for n in hook.notices if "changeType" in n]


def _events(hook: Hook) -> list[str]:
    return [n["lifecycleEvent"] for n in hook.notices if "lifecycleEvent" in n]


# ---------------------------------------------------------------- the subscription


async def test_subscription_is_made_shown_renewed_and_deleted(autojump_clock: trio.testing.MockClock) -> None:
    """Both endpoints are asked; what was asked for comes back; it ends at its time."""
    async with _opened() as (graph, hook):
        made = await _subscribed(graph, lifecycleNotificationUrl=LIFECYCLE, minutes=60)
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
        other = await _subscribed(graph)
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
    async with _opened() as (graph, hook):
        good = Hook()
        hook.handshake, hook.seconds = handshake, seconds
        hooks = iter([hook] if which == "notificationUrl" else [good, hook])
        graph.world.hooks = lambda: InProcess(next(hooks))
        expected = (400, "ValidationError")
        assert await graph.refused("POST", "/subscriptions", _body(graph, lifecycleNotificationUrl=LIFECYCLE)) == expected
        assert (await graph.get("/subscriptions"))["value"] == []


async def test_handshake_wants_plain_text_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """JSON is not taken, nine seconds are; the token is not taken as it stands in the URL."""
    async with _opened() as (graph, hook):

        async def quoting(scope: Any, receive: Any, send: Any) -> None:
            text = scope["query_string"].partition(b"=")[2]
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": text})

        graph.world.hooks = lambda: InProcess(quoting)
        assert await graph.refused("POST", "/subscriptions", _body(graph)) == (400, "ValidationError")

        async def as_json(scope: Any, receive: Any, send: Any) -> None:
            async def other(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [(b"content-type", b"application/json")]
                await send(message)

            await hook(scope, receive, other)

        graph.world.hooks = lambda: InProcess(as_json)
        assert await graph.refused("POST", "/subscriptions", _body(graph)) == (400, "ValidationError")
        graph.world.hooks = lambda: InProcess(hook)
        hook.seconds = 9
        await _subscribed(graph)


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
    async with _opened() as (graph, _):
        asked = _body(graph, minutes=more.pop("minutes", 60)) | more
        assert await graph.refused("POST", "/subscriptions", asked) == expected
        made = await _subscribed(graph)
        changes = {"notificationUrl": URL, "expirationDateTime": made["expirationDateTime"]}
        assert await graph.refused("PATCH", f"/subscriptions/{made['id']}", changes) == (400, "ErrorInvalidPropertySet")
        assert await graph.refused("PATCH", f"/subscriptions/{made['id']}", {}) == (400, "InvalidRequest")


@pytest.mark.parametrize("longest", [4230, 10_080])
async def test_subscription_minutes_are_a_switch(autojump_clock: trio.testing.MockClock, longest: int) -> None:
    """As long as that and no longer, also when renewed; less than 45 minutes become 45."""
    async with _opened(subscription_minutes=longest) as (graph, _):
        made = await _subscribed(graph, minutes=longest)
        too_late = {"expirationDateTime": iso(graph.world.now() + timedelta(minutes=longest + 1))}
        assert await graph.refused("PATCH", f"/subscriptions/{made['id']}", too_late) == (400, "ExtensionError")
        assert (await _subscribed(graph, minutes=1))["expirationDateTime"] == "2031-05-06T12:45:00Z"


@pytest.mark.parametrize("needs", [True, False])
async def test_subscribe_needs_read_by_switch(autojump_clock: trio.testing.MockClock, *, needs: bool) -> None:
    """Mail.ReadWrite alone is enough or not; Mail.Read always is, Mail.Send never."""
    async with _opened(subscribe_needs_read=needs) as (graph, _):
        for name, is_enough in (("Mail.ReadWrite", not needs), ("Mail.Read", True), ("Mail.Send", False)):
            graph.world.entra.grants[name] = Grant(ADDRESS, (name,), START.timestamp() + 60)
            status = (await graph.write("POST", "/subscriptions", _body(graph), token=name)).status_code
            assert status == (201 if is_enough else 403)


async def test_subscription_is_each_mailboxs_own(autojump_clock: trio.testing.MockClock) -> None:
    """Another mailbox neither sees it nor is told of."""
    async with _opened() as (graph, hook):
        made = await _subscribed(graph)
        other = make_mailbox("b@x.example", "Bo", now=graph.world.now())
        graph.world.mailboxes[other.address] = other
        graph.world.entra.grants["other"] = Grant(other.address, ("Mail.ReadWrite",), START.timestamp() + 60)
        assert await graph.refused("GET", f"/subscriptions/{made['id']}", token="other") == (404, "ResourceNotFound")
        other.set_flag(next(iter(other.messages)), "flagged")
        await trio.sleep(5)
        assert hook.posts == []


# ---------------------------------------------------------------- what is told


@pytest.mark.parametrize("immutable", [True, False])
async def test_changes_are_told_with_the_ids_that_the_create_asked_for(autojump_clock: trio.testing.MockClock, *, immutable: bool) -> None:
    """New, changed, read, moved (deleted and created), deleted: together in one POST, by Graph's schema; whoever changed it."""
    async with _opened() as (graph, hook):
        made = await _subscribed(graph, immutable=immutable)
        box = graph.mailbox
        grow(box, 1)
        new = box.messages[next(reversed(box.messages))]
        changed, read, moved, deleted = (graph.newest(place=n) for n in range(4))
        is_read = read.data["isRead"]
        old = {m.immutable_id: m.mutable_id for m in (new, changed, read, moved, deleted)}
        await graph.write("PATCH", f"/me/messages/{changed.immutable_id}", {"categories": ["a"]}, status=200)
        await graph.write("PATCH", f"/me/messages/{read.immutable_id}", {"isRead": not is_read}, status=200)
        await graph.write("POST", f"/me/messages/{moved.immutable_id}/move", {"destinationId": "archive"}, status=201)
        box.delete(deleted.immutable_id)
        await trio.sleep(2)
        (post,) = hook.posts
        for notice in post["value"]:
            data = dict(notice["resourceData"])
            assert data.pop("@odata.type") == "#Microsoft.Graph.Message"
            assert not SCHEMA.problems(notice | {"resourceData": data}, "changeNotification")
            assert (notice["subscriptionId"], notice["clientState"], notice["tenantId"]) == (made["id"], "secret", box.tid)
            assert notice["resource"] == f"Users/{box.oid}@{box.tid}/Messages/{data['id']}"

        def named(key: Any, now: str = "") -> str:
            return str(key.immutable_id if immutable else now or old[key.immutable_id])

        assert _told(hook) == [
            ("created", named(new)),
            ("updated", named(changed)),
            ("updated", named(read)),
            ("deleted", named(moved)),
            ("created", named(moved, moved.mutable_id)),
            ("deleted", named(deleted)),
        ]


async def test_changes_of_one_folder_and_some_kinds(autojump_clock: trio.testing.MockClock) -> None:
    """A subscription of a folder hears of that folder, one of a kind of that kind; both may come in one POST."""
    async with _opened() as (graph, hook):
        inbox = await _subscribed(graph, resource=INBOX)
        archive = await _subscribed(graph, resource=f"/users/{ADDRESS}/mailFolders/archive/messages", changeType="created")
        message, other = graph.newest().immutable_id, graph.newest("archive").immutable_id
        graph.mailbox.move(message, graph.mailbox.folder_id("archive"))
        graph.mailbox.set_flag(other, "flagged")
        await trio.sleep(2)
        (post,) = hook.posts
        told = [(n["subscriptionId"], n["changeType"], n["resourceData"]["id"]) for n in post["value"]]
        assert told == [(inbox["id"], "deleted", message), (archive["id"], "created", message)]


async def test_changes_on_the_way_of_a_mail(autojump_clock: trio.testing.MockClock) -> None:
    """The draft comes and goes, the copy in Sent Items comes: a client sees both (5.2)."""
    async with _opened(send_pickup=5, send_transit=5, sent_id_changes=True) as (graph, hook):
        await _subscribed(graph)
        mail = {"message": {"toRecipients": [{"emailAddress": {"address": "bo@far.example"}}]}}
        await graph.write("POST", "/me/sendMail", mail, status=202)
        await trio.sleep(15)
        sent = graph.newest("sentitems").immutable_id
        (draft,) = {message_id for _, message_id in _told(hook)} - {sent}
        assert _told(hook) == [("created", draft), ("deleted", draft), ("created", sent)]


async def test_changes_behind_a_filter(autojump_clock: trio.testing.MockClock) -> None:
    """With `isRead eq false` reading is `deleted`, and unread again `created`; what is read is not heard of."""
    async with _opened() as (graph, hook):
        await _subscribed(graph, resource=f"{INBOX}?$filter=isRead eq false")
        unread = next(m for m in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox")) if not m.data["isRead"])
        graph.mailbox.set_read(unread.immutable_id, is_read=True)
        graph.mailbox.set_flag(unread.immutable_id, "flagged")
        graph.mailbox.set_read(unread.immutable_id, is_read=False)
        graph.mailbox.set_flag(unread.immutable_id, "complete")
        await trio.sleep(2)
        assert [kind for kind, _ in _told(hook)] == ["deleted", "created", "updated"]


async def test_notify_delay_gathers_what_comes_meanwhile(autojump_clock: trio.testing.MockClock) -> None:
    """One POST for all of it, then another; what was sent can be asked for."""
    async with _opened(notify_delay=10) as (graph, hook):
        await _subscribed(graph)
        message = graph.newest().immutable_id
        for _ in range(3):
            graph.mailbox.set_flag(message, "flagged")
            await trio.sleep(4)
        assert [len(p["value"]) for p in hook.posts] == [3]
        graph.mailbox.set_flag(message, "complete")
        await trio.sleep(9)
        assert len(hook.posts) == 1
        await trio.sleep(2)
        assert [len(p["value"]) for p in hook.posts] == [3, 1]
        sent = (await graph.http.get(f"{graph.url}/_sim/notifications")).json()
        assert [(s["url"], s["status"], len(s["value"])) for s in sent] == [(URL, 202, 3), (URL, 202, 1)]


async def test_notify_duplicates_tells_everything_twice(autojump_clock: trio.testing.MockClock) -> None:
    """By switch."""
    async with _opened(notify_duplicates=True) as (graph, hook):
        await _subscribed(graph)
        message = graph.newest().immutable_id
        graph.mailbox.set_flag(message, "flagged")
        await trio.sleep(2)
        assert _told(hook) == [("updated", message)] * 2


@pytest.mark.parametrize(("loss", "low", "high"), [(0.0, 100, 100), (0.3, 55, 85), (1.0, 0, 0)])
async def test_notify_loss_is_a_share_and_says_nothing(autojump_clock: trio.testing.MockClock, loss: float, low: int, high: int) -> None:
    """Lost without a word to the lifecycle URL."""
    async with _opened(notify_loss=loss) as (graph, hook):
        await _subscribed(graph, lifecycleNotificationUrl=LIFECYCLE)
        for _ in range(100):
            graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(5)
        assert low <= len(_told(hook)) <= high
        assert _events(hook) == []


@pytest.mark.parametrize("limit", [0, 5])
async def test_notify_bulk_moves_are_missed(autojump_clock: trio.testing.MockClock, limit: int) -> None:
    """More than so many moves at once are not told; other changes are, and the lifecycle URL hears that something was missed."""
    async with _opened(notify_bulk=limit) as (graph, hook):
        await _subscribed(graph, resource=INBOX, lifecycleNotificationUrl=LIFECYCLE)
        messages = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))
        for message in messages[:6]:
            graph.mailbox.move(message.immutable_id, graph.mailbox.folder_id("archive"))
        graph.mailbox.set_flag(messages[8].immutable_id, "flagged")
        await trio.sleep(5)
        assert len(_told(hook)) == (1 if limit else 7)
        assert _events(hook) == (["missed"] if limit else [])
        for message in messages[10:15]:
            graph.mailbox.move(message.immutable_id, graph.mailbox.folder_id("archive"))
        await trio.sleep(5)
        assert len(_told(hook)) == (6 if limit else 12)


# ---------------------------------------------------------------- endpoints that fail


@pytest.mark.parametrize(("status", "seconds"), [(500, 0.0), (404, 0.0), (202, 3.5)])
async def test_failed_post_is_tried_again_until_it_is_taken(autojump_clock: trio.testing.MockClock, status: int, seconds: float) -> None:
    """After 10 seconds, 20, 40, ...; each time the same; slower than three seconds is as good as failed."""
    async with _opened() as (graph, hook):
        await _subscribed(graph)
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
    async with _opened(notify_patience=100) as (graph, hook):
        broken = Hook()
        await _subscribed(graph, lifecycleNotificationUrl=LIFECYCLE)
        broken.status = 503
        graph.world.hooks = lambda: _By({"/hook": broken, "/lifecycle": hook})
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(500)
        assert len(broken.posts) == 4
        assert (_told(hook), _events(hook)) == ([], ["missed"])


class _By(InProcess):
    """Leads to another application for each path."""

    def __init__(self, apps: dict[str, Any]) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await apps[scope["path"]](scope, receive, send)

        super().__init__(app)


async def test_notify_slow_endpoint_is_shut_for_ten_minutes(autojump_clock: trio.testing.MockClock) -> None:
    """A tenth of its answers, of so many, took more than 2.9 seconds: what comes then is dropped."""
    assert Quirks().notify_slow == 100
    async with _opened(notify_slow=10) as (graph, hook):
        await _subscribed(graph, lifecycleNotificationUrl=LIFECYCLE)
        for number in range(10):
            hook.seconds = 2.95 if number == 9 else 0.0
            graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
            await trio.sleep(6)
        hook.seconds = 0.0
        assert len(_told(hook)) == 10
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(6)
        assert (len(_told(hook)), _events(hook)) == (10, ["missed"])
        await trio.sleep(600)
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(6)
        assert len(_told(hook)) == 11


async def test_ended_subscription_is_told_nothing_more(autojump_clock: trio.testing.MockClock) -> None:
    """Also not what was under way."""
    async with _opened() as (graph, hook):
        made = await _subscribed(graph)
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await graph.write("DELETE", f"/subscriptions/{made['id']}", status=204)
        graph.mailbox.set_flag(graph.newest().immutable_id, "complete")
        await trio.sleep(5)
        assert hook.posts == []


# ---------------------------------------------------------------- lifecycle


async def _lifecycle(graph: Graph, event: str, **more: str) -> Any:
    return await graph.http.post(f"{graph.url}/_sim/mailboxes/{ADDRESS}/lifecycle", json={"event": event, **more})


async def test_lifecycle_events_are_injected(autojump_clock: trio.testing.MockClock) -> None:
    """To all of the mailbox or to one, if it has a URL for them; with the clientState."""
    async with _opened() as (graph, hook):
        one = await _subscribed(graph, lifecycleNotificationUrl=LIFECYCLE)
        other = await _subscribed(graph, lifecycleNotificationUrl=LIFECYCLE)
        await _subscribed(graph)
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
    async with _opened() as (graph, hook):
        made = await _subscribed(graph, lifecycleNotificationUrl=LIFECYCLE)
        await _lifecycle(graph, "subscriptionRemoved")
        assert await graph.refused("GET", f"/subscriptions/{made['id']}") == (404, "ResourceNotFound")
        await _subscribed(graph, lifecycleNotificationUrl=LIFECYCLE)
        await graph.http.post(f"{graph.url}/_sim/mailboxes/{ADDRESS}/revoke")
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(2)
        assert (_told(hook), _events(hook)) == ([], ["subscriptionRemoved"] * 2)


@pytest.mark.parametrize("way", ["reauthorize", "renew"])
async def test_lifecycle_reauthorization_holds_until_it_is_done(autojump_clock: trio.testing.MockClock, way: str) -> None:
    """Nothing is told meanwhile, and what happened meanwhile is never told."""
    async with _opened() as (graph, hook):
        made = await _subscribed(graph, lifecycleNotificationUrl=LIFECYCLE)
        await _lifecycle(graph, "reauthorizationRequired")
        graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(2)
        assert (_told(hook), _events(hook)) == ([], ["reauthorizationRequired"])
        (held,) = (await graph.http.get(f"{graph.url}/_sim/mailboxes/{ADDRESS}/subscriptions")).json()
        assert (held["id"], held["held"], held["immutable"]) == (made["id"], True, True)
        path = f"/subscriptions/{made['id']}"
        if way == "reauthorize":
            await graph.write("POST", f"{path}/reauthorize", status=204)
        else:
            await graph.write("PATCH", path, {"expirationDateTime": made["expirationDateTime"]}, status=200)
        graph.mailbox.set_flag(graph.newest().immutable_id, "complete")
        await trio.sleep(2)
        assert len(_told(hook)) == 1


# ---------------------------------------------------------------- over real sockets


async def test_webhook_over_sockets() -> None:
    """Handshake and notification reach an endpoint on this machine; one that is not there is 400."""
    hook = Hook()
    settings = Config()
    settings.bind, settings.errorlog, settings.graceful_timeout = ["127.0.0.1:0"], None, 0.1
    async with open_graph(Quirks(notify_delay=0.05)) as graph, trio.open_nursery() as nursery:
        (url,) = await nursery.start(partial(serve, Starlette(routes=[Mount("/", hook)]), settings, mode="asgi"))  # type: ignore[arg-type]
        made = await _subscribed(graph, notificationUrl=f"{url}/hook")
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
        assert await graph.refused("POST", "/subscriptions", _body(graph, notificationUrl="http://127.0.0.1:1/x")) == (
            400,
            "ValidationError",
        )
