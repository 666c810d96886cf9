"""Change notifications and lifecycle events on their way to the endpoints: late, twice, together, or never (graph-behaviour section 8)."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from connector.http import HTTPError, open_client
from tests.graph_simulator.model import iso

if TYPE_CHECKING:
    from tests.graph_simulator.history import Event
    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.server import World
    from tests.graph_simulator.subscriptions import Subscription

__all__ = ["LIFECYCLE", "Notifications"]

LIFECYCLE = ("missed", "subscriptionRemoved", "reauthorizationRequired")

# Seconds: an endpoint answers within three; one that takes longer than 2.9 is slow, and a tenth of slow ones shuts it for ten minutes.
_PATIENCE, _SLOW, _SHUT = 3.0, 2.9, 600.0
_SLOW_SHARE = 0.1
# Seconds until a POST that failed is tried again, doubled each time up to the second.
_FIRST_PAUSE, _LAST_PAUSE = 10.0, 600.0
# POSTs that are remembered.
_REMEMBERED = 10_000
_KINDS = {"added": "created", "moved": "created", "removed": "deleted", "read": "updated", "changed": "updated"}


@dataclass(slots=True)
class _Notice:
    subscription: Subscription
    value: dict[str, Any]
    is_move: bool = False


class Notifications:
    """Tells the endpoints of subscriptions what happened."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = random.Random(world.seed)  # noqa: S311 - test data
        # What waits for the next POST to each URL.
        self._waiting: dict[str, list[_Notice]] = {}
        # When each endpoint was asked in the last ten minutes, and whether it was slow; and until when it is shut.
        self._speeds: dict[str, deque[tuple[float, bool]]] = {}
        self._shut_until: dict[str, float] = {}
        # Every POST that was tried, and what was answered (0: nothing).
        self.sent: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)

    # ---------------------------------------------------------------- what is told

    def heard(self, mailbox: Mailbox, folder_id: str, event: Event) -> None:
        """Hear of an event in a mailbox."""
        for subscription in self._world.subscriptions.of(mailbox):
            kind = self._kind(subscription, mailbox, folder_id, event)
            if kind is not None and kind in subscription.kinds and not subscription.is_held:
                self._tell(subscription, mailbox, kind, event)

    @staticmethod
    def _kind(subscription: Subscription, mailbox: Mailbox, folder_id: str, event: Event) -> str | None:
        """Return what an event is to a subscription; with a filter, whatever no longer passes it is deleted."""
        if subscription.folder_id not in {"", folder_id}:
            return None
        kind = _KINDS[event.kind]
        if subscription.is_read is None or kind == "deleted":
            return kind
        message = mailbox.messages[event.message_id]
        if message.data["isRead"] is subscription.is_read:
            return "created" if event.kind == "read" else kind
        return "deleted" if event.kind == "read" else None

    def _tell(self, subscription: Subscription, mailbox: Mailbox, kind: str, event: Event) -> None:
        quirks = self._world.quirks
        for _ in range(2 if quirks.notify_duplicates else 1):
            if self._random.random() >= quirks.notify_loss:
                message_id = event.message_id if subscription.is_immutable else event.mutable_id
                value = _change(subscription, mailbox, kind, message_id)
                self._put(subscription.url, _Notice(subscription, value, is_move=event.kind in {"moved", "removed"}))

    def lifecycle(self, subscription: Subscription, event: str) -> bool:
        """Tell what becomes of a subscription; False if it has no URL for that."""
        if event == "subscriptionRemoved":
            self._world.subscriptions.remove(subscription)
        elif event == "reauthorizationRequired":
            subscription.is_held = True
        if not subscription.lifecycle_url:
            return False
        value = {
            "subscriptionId": subscription.id,
            "subscriptionExpirationDateTime": iso(subscription.expires_at),
            "tenantId": subscription.mailbox.tid,
            "clientState": subscription.asked.get("clientState"),
            "lifecycleEvent": event,
        }
        self._put(subscription.lifecycle_url, _Notice(subscription, value))
        return True

    # ---------------------------------------------------------------- on its way

    def _put(self, url: str, notice: _Notice) -> None:
        if url not in self._waiting:
            self._waiting[url] = []
            self._world.agenda.errand(self._world.quirks.notify_delay, partial(self._flush, url))
        self._waiting[url].append(notice)

    async def _flush(self, url: str) -> None:
        """Send what waits for a URL, in one POST."""
        notices = self._without_bulk(self._waiting.pop(url, []))
        if notices:
            # Straight to the agenda: what is cancelled midway there is tried again.
            self._world.agenda.errand(0, partial(self._send, url, notices, self._world.time().timestamp(), _FIRST_PAUSE))
        await trio.lowlevel.checkpoint()

    def _without_bulk(self, notices: list[_Notice]) -> list[_Notice]:
        """Leave out the moves of each subscription that has too many of them, and let its owner know that something was missed."""
        limit = self._world.quirks.notify_bulk
        moves: dict[str, list[_Notice]] = {}
        for notice in notices:
            if notice.is_move:
                moves.setdefault(notice.subscription.id, []).append(notice)
        for many in moves.values():
            if limit and len({n.value["resourceData"]["id"] for n in many}) > limit:
                notices = [n for n in notices if n not in many]
                self.lifecycle(many[0].subscription, "missed")
        return notices

    async def _send(self, url: str, notices: list[_Notice], since: float, pause: float) -> None:
        now = self._world.time().timestamp()
        notices = [n for n in notices if "lifecycleEvent" in n.value or self._world.subscriptions.is_alive(n.subscription)]
        if not notices:
            return
        if self._shut_until.get(url, 0.0) > now:
            self._dropped(notices)
            return
        status = 0
        with trio.move_on_after(_PATIENCE):
            try:
                async with open_client(transport=self._world.hooks()) as http:
                    answer = await http.post(url, json={"value": [n.value for n in notices]}, timeout=None)
                    status = answer.status_code
            except HTTPError:
                status = 0
        after = self._world.time().timestamp()
        self._clock(url, after, is_slow=after - now > _SLOW)
        self.sent.append({"at": iso(self._world.now()), "url": url, "status": status, "value": [n.value for n in notices]})
        if 200 <= status < 300:
            return
        if after + pause - since > self._world.quirks.notify_patience:
            self._dropped(notices)
            return
        self._world.agenda.errand(pause, partial(self._send, url, notices, since, min(pause * 2, _LAST_PAUSE)))

    def _clock(self, url: str, now: float, *, is_slow: bool) -> None:
        """Remember how fast an endpoint is, and shut one that is too slow too often."""
        speeds = self._speeds.setdefault(url, deque())
        speeds.append((now, is_slow))
        while speeds[0][0] <= now - _SHUT:
            speeds.popleft()
        slow = sum(was_slow for _, was_slow in speeds)
        if len(speeds) >= self._world.quirks.notify_slow and slow >= _SLOW_SHARE * len(speeds):
            self._shut_until[url] = now + _SHUT
            speeds.clear()

    def _dropped(self, notices: list[_Notice]) -> None:
        """Give up on notifications; what is left is to say that there were some."""
        for subscription in {n.subscription.id: n.subscription for n in notices if "lifecycleEvent" not in n.value}.values():
            self.lifecycle(subscription, "missed")


def _change(subscription: Subscription, mailbox: Mailbox, kind: str, message_id: str) -> dict[str, Any]:
    resource = f"Users/{mailbox.oid}@{mailbox.tid}/Messages/{message_id}"
    data = {"@odata.type": "#Microsoft.Graph.Message", "@odata.id": resource, "id": message_id}
    message = mailbox.messages.get(message_id)
    if message is not None:
        data["@odata.etag"] = f'W/"{message.data["changeKey"]}"'
    return {
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": iso(subscription.expires_at),
        "clientState": subscription.asked.get("clientState"),
        "changeType": kind,
        "resource": resource,
        "tenantId": mailbox.tid,
        "resourceData": data,
    }
