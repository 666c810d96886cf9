"""Webhooks: notifications are hints and no more (graph-behaviour section 8)."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from tests.graph_simulator.seed import grow
from tests.simulator.conftest import ADDRESS
from tests.simulator.hooked import (
    INBOX,
    LIFECYCLE,
    SCHEMA,
    URL,
    changes_told,
    events_told,
    open_hooked,
    subscribe,
)


@pytest.mark.parametrize("immutable", [True, False])
async def test_changes_are_told_with_the_ids_that_the_create_asked_for(autojump_clock: trio.testing.MockClock, *, immutable: bool) -> None:
    """New, changed, read, moved (deleted and created), deleted: together in one POST, by Graph's schema; whoever changed it."""
    async with open_hooked() as (graph, hook):
        made = await subscribe(graph, immutable=immutable)
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

        assert changes_told(hook) == [
            ("created", named(new)),
            ("updated", named(changed)),
            ("updated", named(read)),
            ("deleted", named(moved)),
            ("created", named(moved, moved.mutable_id)),
            ("deleted", named(deleted)),
        ]


async def test_changes_of_one_folder_and_some_kinds(autojump_clock: trio.testing.MockClock) -> None:
    """A subscription of a folder hears of that folder, one of a kind of that kind; both may come in one POST."""
    async with open_hooked() as (graph, hook):
        inbox = await subscribe(graph, resource=INBOX)
        archive = await subscribe(graph, resource=f"/users/{ADDRESS}/mailFolders/archive/messages", changeType="created")
        message, other = graph.newest().immutable_id, graph.newest("archive").immutable_id
        graph.mailbox.move(message, graph.mailbox.folder_id("archive"))
        graph.mailbox.set_flag(other, "flagged")
        await trio.sleep(2)
        (post,) = hook.posts
        told = [(n["subscriptionId"], n["changeType"], n["resourceData"]["id"]) for n in post["value"]]
        assert told == [(inbox["id"], "deleted", message), (archive["id"], "created", message)]


async def test_changes_on_the_way_of_a_mail(autojump_clock: trio.testing.MockClock) -> None:
    """The draft comes and goes, the copy in Sent Items comes: a client sees both (5.2)."""
    async with open_hooked(send_pickup=5, send_transit=5, sent_id_changes=True) as (graph, hook):
        await subscribe(graph)
        mail = {"message": {"toRecipients": [{"emailAddress": {"address": "bo@far.example"}}]}}
        await graph.write("POST", "/me/sendMail", mail, status=202)
        await trio.sleep(15)
        sent = graph.newest("sentitems").immutable_id
        (draft,) = {message_id for _, message_id in changes_told(hook)} - {sent}
        assert changes_told(hook) == [("created", draft), ("deleted", draft), ("created", sent)]


async def test_changes_behind_a_filter(autojump_clock: trio.testing.MockClock) -> None:
    """With `isRead eq false` reading is `deleted`, and unread again `created`; what is read is not heard of."""
    async with open_hooked() as (graph, hook):
        await subscribe(graph, resource=f"{INBOX}?$filter=isRead eq false")
        unread = next(m for m in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox")) if not m.data["isRead"])
        graph.mailbox.set_read(unread.immutable_id, is_read=True)
        graph.mailbox.set_flag(unread.immutable_id, "flagged")
        graph.mailbox.set_read(unread.immutable_id, is_read=False)
        graph.mailbox.set_flag(unread.immutable_id, "complete")
        await trio.sleep(2)
        assert [kind for kind, _ in changes_told(hook)] == ["deleted", "created", "updated"]


async def test_notify_delay_gathers_what_comes_meanwhile(autojump_clock: trio.testing.MockClock) -> None:
    """One POST for all of it, then another; what was sent can be asked for."""
    async with open_hooked(notify_delay=10) as (graph, hook):
        await subscribe(graph)
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
    async with open_hooked(notify_duplicates=True) as (graph, hook):
        await subscribe(graph)
        message = graph.newest().immutable_id
        graph.mailbox.set_flag(message, "flagged")
        await trio.sleep(2)
        assert changes_told(hook) == [("updated", message)] * 2


@pytest.mark.parametrize(("loss", "low", "high"), [(0.0, 100, 100), (0.3, 55, 85), (1.0, 0, 0)])
async def test_notify_loss_is_a_share_and_says_nothing(autojump_clock: trio.testing.MockClock, loss: float, low: int, high: int) -> None:
    """Lost without a word to the lifecycle URL."""
    async with open_hooked(notify_loss=loss) as (graph, hook):
        await subscribe(graph, lifecycleNotificationUrl=LIFECYCLE)
        for _ in range(100):
            graph.mailbox.set_flag(graph.newest().immutable_id, "flagged")
        await trio.sleep(5)
        assert low <= len(changes_told(hook)) <= high
        assert events_told(hook) == []


@pytest.mark.parametrize("limit", [0, 5])
async def test_notify_bulk_moves_are_missed(autojump_clock: trio.testing.MockClock, limit: int) -> None:
    """More than so many moves at once are not told; other changes are, and the lifecycle URL hears that something was missed."""
    async with open_hooked(notify_bulk=limit) as (graph, hook):
        await subscribe(graph, resource=INBOX, lifecycleNotificationUrl=LIFECYCLE)
        messages = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))
        for message in messages[:6]:
            graph.mailbox.move(message.immutable_id, graph.mailbox.folder_id("archive"))
        graph.mailbox.set_flag(messages[8].immutable_id, "flagged")
        await trio.sleep(5)
        assert len(changes_told(hook)) == (1 if limit else 7)
        assert events_told(hook) == (["missed"] if limit else [])
        for message in messages[10:15]:
            graph.mailbox.move(message.immutable_id, graph.mailbox.folder_id("archive"))
        await trio.sleep(5)
        assert len(changes_told(hook)) == (6 if limit else 12)
