"""`/subscriptions`: who wants to be told of changes, and the handshake by which an endpoint agrees (graph-behaviour section 8)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import trio

from connector.http import HTTPError, open_client
from tests.graph_simulator.bodies import checked, json_of
from tests.graph_simulator.call import Answer
from tests.graph_simulator.model import NotThere, iso
from tests.graph_simulator.odata import GraphFault, wants_immutable
from tests.graph_simulator.paths import no_method, no_segment

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.server import World

__all__ = ["Subscription", "Subscriptions"]

# Minutes: a shorter life is made as long as this; seconds that an endpoint has to answer the handshake; characters of a clientState.
_SHORTEST = 45
_HANDSHAKE = 10.0
_CLIENT_STATE = 128
_SETTABLE = {
    *("changeType", "notificationUrl", "lifecycleNotificationUrl", "resource", "expirationDateTime", "clientState"),
    *("latestSupportedTlsVersion", "includeResourceData"),
}
_KINDS = {"created", "updated", "deleted"}
_RESOURCE = re.compile(
    r"/?(?:me|users/(?P<user>[^/]+))(?:/mailfolders(?:\('(?P<quoted>[^']+)'\)|/(?P<folder>[^/]+)))?/messages/?(?:\?(?P<query>.*))?",
    re.IGNORECASE,
)
_UNREAD = re.compile(r"\$filter=isRead\s+eq\s+(true|false)", re.IGNORECASE)


@dataclass(slots=True)
class Subscription:
    """What was asked for; `folder_id` is '' for the whole mailbox, `is_read` the state that a filter wants."""

    id: str
    mailbox: Mailbox
    app_id: str
    kinds: frozenset[str]
    asked: dict[str, Any]
    expires_at: datetime
    folder_id: str = ""
    is_read: bool | None = None
    is_immutable: bool = False
    # Nothing is told from reauthorizationRequired until the app has done it.
    is_held: bool = False

    @property
    def url(self) -> str:
        """Where changes are told."""
        return str(self.asked["notificationUrl"])

    @property
    def lifecycle_url(self) -> str:
        """Where it is told what becomes of the subscription, or ''."""
        return str(self.asked.get("lifecycleNotificationUrl") or "")

    def shown(self) -> dict[str, Any]:
        """Return its JSON."""
        return {
            "id": self.id,
            "applicationId": self.app_id,
            "creatorId": self.mailbox.oid,
            "resource": self.asked["resource"],
            "changeType": self.asked["changeType"],
            "clientState": self.asked.get("clientState"),
            "notificationUrl": self.url,
            "lifecycleNotificationUrl": self.lifecycle_url or None,
            "expirationDateTime": iso(self.expires_at),
            "latestSupportedTlsVersion": self.asked.get("latestSupportedTlsVersion") or "v1_2",
            "includeResourceData": False,
            "notificationQueryOptions": None,
            "notificationUrlAppId": None,
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
        }


class Subscriptions:
    """All subscriptions of the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: dict[str, Subscription] = {}

    def of(self, mailbox: Mailbox) -> list[Subscription]:
        """Return those of a mailbox that live."""
        if not self._all:
            return []
        now = self._world.time()
        self._all = {i: s for i, s in self._all.items() if s.expires_at > now}
        return [s for s in self._all.values() if s.mailbox is mailbox]

    def remove(self, subscription: Subscription) -> None:
        """Take one away."""
        self._all.pop(subscription.id, None)

    def is_alive(self, subscription: Subscription) -> bool:
        """Tell whether one is still there."""
        return subscription.id in self._all and subscription.expires_at > self._world.time()

    async def answer(self, call: Call, mailbox: Mailbox, segments: list[str]) -> Answer:
        """Answer a call below `/subscriptions`."""
        match call.method, segments:
            case "GET", []:
                context = "https://graph.microsoft.com/v1.0/$metadata#subscriptions"
                return Answer(200, {"@odata.context": context, "value": [s.shown() for s in self.of(mailbox)]})
            case "POST", []:
                return await self._create(call, mailbox)
            case "GET", [key]:
                return self._entity(self._find(mailbox, key), 200)
            case "PATCH", [key]:
                return self._renew(call, self._find(mailbox, key))
            case "DELETE", [key]:
                self.remove(self._find(mailbox, key))
                return Answer(204)
            case "POST", [key, "reauthorize"]:
                self._find(mailbox, key).is_held = False
                return Answer(204)
            case _, [] | [_] | [_, "reauthorize"]:
                raise no_method(call.method)
            case _:
                raise no_segment(segments)

    def _find(self, mailbox: Mailbox, key: str) -> Subscription:
        for subscription in self.of(mailbox):
            if subscription.id == key:
                return subscription
        raise GraphFault(404, "ResourceNotFound", "The object was not found.")

    @staticmethod
    def _entity(subscription: Subscription, status: int) -> Answer:
        context = "https://graph.microsoft.com/v1.0/$metadata#subscriptions/$entity"
        return Answer(status, {"@odata.context": context, **subscription.shown()})

    async def _create(self, call: Call, mailbox: Mailbox) -> Answer:
        asked = checked(json_of(call), "subscription", _SETTABLE)
        for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
            if not asked.get(name):
                raise _invalid(f"{name} is missing.")
        kinds = frozenset(kind.strip().lower() for kind in asked["changeType"].split(","))
        if not kinds <= _KINDS:
            raise _invalid("The changeType is not one of created, updated, deleted, or some of them with commas between.")
        if asked.get("includeResourceData"):
            raise _invalid("Resource data is not simulated: notifications come without.")
        if len(asked.get("clientState") or "") > _CLIENT_STATE:
            raise _invalid(f"clientState is longer than {_CLIENT_STATE} characters.")
        folder_id, is_read = self._resource(asked["resource"], mailbox)
        expires = self._until(asked["expirationDateTime"])
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            if asked.get(name):
                await self._shake_hands(asked[name], name)
        made = Subscription(str(uuid.uuid4()), mailbox, self._world.entra.app.client_id, kinds, asked, expires, folder_id, is_read)
        made.is_immutable = wants_immutable(call)
        self._all[made.id] = made
        return self._entity(made, 201)

    def _renew(self, call: Call, subscription: Subscription) -> Answer:
        asked = checked(json_of(call), "subscription", {"expirationDateTime"})
        if "expirationDateTime" not in asked:
            raise _invalid("expirationDateTime is missing.")
        subscription.expires_at = self._until(asked["expirationDateTime"])
        subscription.is_held = False
        return self._entity(subscription, 200)

    def _until(self, text: str) -> datetime:
        """Return when a subscription ends that is to end then."""
        now, asked, longest = self._world.now(), datetime.fromisoformat(text), self._world.quirks.subscription_minutes
        if asked <= now:
            raise _invalid("expirationDateTime is in the past.")
        if asked > now + timedelta(minutes=longest, seconds=1):
            raise GraphFault(400, "ExtensionError", f"Subscription expiration can only be {longest} minutes in the future.")
        return max(asked, now + timedelta(minutes=min(_SHORTEST, longest)))

    @staticmethod
    def _resource(text: str, mailbox: Mailbox) -> tuple[str, bool | None]:
        match = _RESOURCE.fullmatch(text)
        if match is None:
            raise _invalid(f"The resource '{text}' is not supported.")
        if match["user"] is not None and match["user"].lower() not in {mailbox.address.lower(), mailbox.oid}:
            raise GraphFault(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        state = _UNREAD.fullmatch(match["query"]) if match["query"] is not None else None
        if match["query"] is not None and state is None:
            raise _invalid("Only $filter=isRead eq true or false is simulated in a resource.")
        name = match["quoted"] or match["folder"]
        try:
            folder_id = mailbox.find_folder(name).id if name else ""
        except NotThere:
            raise GraphFault(404, "ResourceNotFound", "The folder of the resource was not found.") from None
        return folder_id, state[1].lower() == "true" if state else None

    async def _shake_hands(self, url: str, name: str) -> None:
        """Ask an endpoint whether it wants notifications: it answers with the token, decoded, as plain text, in time."""
        if not _is_ours(url):
            raise _invalid(f"{name} has to be a URL on this machine.")
        token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid.uuid4()} +&=%"
        asked = f"{url}{'&' if urlsplit(url).query else '?'}validationToken={quote(token, safe='')}"
        failed, problem = "Subscription validation request failed.", ""
        with trio.move_on_after(_HANDSHAKE):
            try:
                async with open_client(transport=self._world.hooks()) as http:
                    answer = await http.post(asked, content=b"", headers={"Content-Type": "text/plain; charset=utf-8"}, timeout=None)
            except HTTPError:
                problem = f"{failed} The endpoint cannot be reached."
            else:
                kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                if answer.status_code != 200:
                    problem = f"{failed} Notification endpoint must respond with 200 OK to validation request."
                elif kind != "text/plain" or answer.content.decode("utf-8", "replace") != token:
                    problem = f"{failed} The response must be the validation token, decoded, as text/plain."
            if not problem:
                return
        raise GraphFault(400, "ValidationError", problem or "Subscription validation request timed out.")


def _is_ours(url: str) -> bool:
    """Tell whether a URL is on this machine: a simulator writes to nobody else's."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.hostname in {"127.0.0.1", "localhost", "::1"} and port != 0


def _invalid(text: str) -> GraphFault:
    return GraphFault(400, "InvalidRequest", text)
