"""The control API under `/_sim/`: what tests and people do to the mailboxes, and the truth to compare with. Described in README.md."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.graph_simulator.attachments import attach_made
from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.notifications import LIFECYCLE
from tests.graph_simulator.policies import Policy
from tests.graph_simulator.quirks import PROFILES
from tests.graph_simulator.seed import MAILS, grow, make_mailbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.server import World

__all__ = ["control_routes"]

_VERBS = ("move", "read", "unread", "flag", "change", "poison", "attach", "delete")
# Properties of a message that change by a move only.
_FIXED = {"id", "parentFolderId"}


class _Wrong(Exception):
    pass


def control_routes(world: World) -> list[Route]:  # noqa: C901 - a table of small handlers
    """Return the routes, bound to `world`."""
    schema = load_schema()

    def told(handler: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            world.agenda.settle()
            try:
                return JSONResponse(await handler(request))
            except NotThere as error:
                return JSONResponse({"error": f"not there: {error}"}, 404)
            except (_Wrong, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)

        return endpoint

    def mailbox_of(request: Request) -> Mailbox:
        try:
            return world.mailboxes[request.path_params["address"]]
        except KeyError:
            raise NotThere(request.path_params["address"]) from None

    async def mailboxes(request: Request) -> Any:
        if request.method == "POST":
            asked = await _json(request, "address", address=str, name=str, personal=bool, inbox=int, empty=bool, aliases=list, upn=str)
            address = asked["address"]
            if address in world.mailboxes:
                raise _Wrong(f"{address} is there already")
            if asked.get("empty") and asked.get("inbox"):
                raise _Wrong("an empty mailbox has no inbox of that size")
            if not all(isinstance(alias, str) for alias in asked.get("aliases", [])):
                raise _Wrong("aliases wants a list of addresses")
            world.mailboxes[address] = make_mailbox(
                address,
                asked.get("name", address),
                personal=asked.get("personal", False),
                inbox=asked.get("inbox", 0),
                mails=() if asked.get("empty") else MAILS,
                now=world.now(),
                seed=world.seed,
                aliases=asked.get("aliases", ()),
                upn=asked.get("upn"),
            )
        return [
            {"address": m.address, "name": m.name, "personal": m.personal, "messages": len(m.messages), "requests": m.requests}
            for m in world.mailboxes.values()
        ]

    async def messages(request: Request) -> Any:
        return mailbox_of(request).truth()

    async def folders(request: Request) -> Any:
        mailbox = mailbox_of(request)
        if request.method == "POST":
            asked = await _json(request, "name", name=str, parent=str)
            mailbox.add_folder(asked["name"], mailbox.find_folder(asked.get("parent", "msgfolderroot")).id)
        return [
            {
                "id": f.id,
                "name": f.name,
                "parent_id": f.parent_id,
                "well_known": f.well_known,
                "hidden": f.is_hidden,
                "search": f.is_search,
                "unread": mailbox.counts(f.id)[0],
                "total": mailbox.counts(f.id)[1],
            }
            for f in mailbox.folders.values()
        ]

    async def folder(request: Request) -> Any:
        mailbox = mailbox_of(request)
        found = mailbox.find_folder(request.path_params["id"])
        if request.method == "DELETE":
            if found.well_known:
                raise _Wrong(f"{found.well_known} cannot be deleted")
            mailbox.delete_folder(found.id)
            return {}
        asked = await _json(request, name=str, parent=str)
        parent = mailbox.find_folder(asked["parent"]) if "parent" in asked else None
        if parent is not None and (found.well_known == "msgfolderroot" or mailbox.is_within(parent, found)):
            raise _Wrong(f"{found.name} cannot be moved below {parent.name}")
        mailbox.change_folder(found.id, name=asked.get("name"), parent_id=parent.id if parent is not None else None)
        return {"id": found.id, "name": found.name}

    async def deliver(request: Request) -> Any:
        mailbox = mailbox_of(request)
        query = request.query_params
        at = query.get("received")
        received = datetime.fromisoformat(at) if at else world.now()
        data, attachments = to_graph(await request.body(), received)
        target = mailbox.find_folder(query.get("folder", "inbox"))
        return mailbox.truth_of(mailbox.add(target.id, data, await request.body(), attachments))

    async def act(request: Request) -> Any:
        mailbox = mailbox_of(request)
        message = mailbox.find(request.path_params["id"])
        match request.url.path.rpartition("/")[2]:
            case "move":
                asked = await _json(request, "folder", folder=str)
                mailbox.move(message.immutable_id, mailbox.find_folder(asked["folder"]).id)
            case "read":
                mailbox.set_read(message.immutable_id, is_read=True)
            case "unread":
                mailbox.set_read(message.immutable_id, is_read=False)
            case "flag":
                status = (await _json(request, status=str)).get("status", "flagged")
                _check(schema.problems({"flagStatus": status}, "followupFlag"))
                mailbox.set_flag(message.immutable_id, status)
            case "change":
                asked = await _object(request)
                _check([f"{name} changes by a move only" for name in asked if name in _FIXED] or schema.problems(asked, "message"))
                mailbox.change(message.immutable_id, asked)
            case "poison":
                message.poison = _poison((await _json(request, "kind", kind=str))["kind"])
            case "attach":
                asked = await _json(request, "name", name=str, type=str, text=str, size=int, told_size=int, url=str, inline=bool)
                return {"id": f"{message.immutable_id}-{attach_made(mailbox, message, asked)}"}
            case _:
                mailbox.delete(message.immutable_id)
                return {}
        return mailbox.truth_of(message)

    async def grow_mailbox(request: Request) -> Any:
        mailbox = mailbox_of(request)
        asked = await _json(request, count=int, folder=str)
        if not mailbox.messages:
            raise _Wrong(f"{mailbox.address} has no mail to vary: deliver one first")
        grow(mailbox, asked.get("count", 100), folder=asked.get("folder", "inbox"))
        return {"messages": len(mailbox.messages)}

    async def revoke(request: Request) -> Any:
        mailbox = mailbox_of(request)
        world.entra.revoke(mailbox.address)
        for subscription in world.subscriptions.of(mailbox):
            world.notifications.lifecycle(subscription, "subscriptionRemoved")
        return {}

    async def lifecycle(request: Request) -> Any:
        mailbox = mailbox_of(request)
        asked = await _json(request, "event", event=str, subscription=str)
        if asked["event"] not in LIFECYCLE:
            raise _Wrong(f"unknown event {asked['event']!r}; there are: {', '.join(LIFECYCLE)}")
        wanted = [s for s in world.subscriptions.of(mailbox) if asked.get("subscription", s.id) == s.id]
        if not wanted:
            raise NotThere(asked.get("subscription", f"a subscription of {mailbox.address}"))
        return {"told": sum(world.notifications.lifecycle(s, asked["event"]) for s in wanted)}

    async def subscriptions(request: Request) -> Any:
        return [s.shown() | {"immutable": s.is_immutable, "held": s.is_held} for s in world.subscriptions.of(mailbox_of(request))]

    async def challenge(request: Request) -> Any:
        mailbox = mailbox_of(request)
        asked = await _json(request, claims=dict, pop=bool, interactive=bool)
        _check_claims(asked)
        given = {"has_pop": asked.get("pop", False), "is_interactive": asked.get("interactive", False)}
        return world.entra.challenge(mailbox.address, asked.get("claims"), **given)

    async def policy(request: Request) -> Any:
        mailbox = mailbox_of(request)
        asked = await _json(request, claims=dict, blocked=bool)
        _check_claims(asked)
        world.entra.policies.of[mailbox.address] = Policy(asked.get("claims"), asked.get("blocked", False))
        return asked

    async def app(request: Request) -> Any:
        if request.method == "POST":
            asked = await _json(request, "redirect_uris", redirect_uris=list)
            if not all(isinstance(uri, str) for uri in asked["redirect_uris"]):
                raise _Wrong("redirect_uris wants a list of addresses")
            world.entra.redirect_uris = tuple(asked["redirect_uris"])
        return {"client_id": world.entra.app.client_id, "redirect_uris": list(world.entra.redirect_uris)}

    async def faults(request: Request) -> Any:
        if request.method == "DELETE":
            world.quirks = replace(world.start_quirks)
        elif request.method == "POST":
            asked = await _object(request)
            profile = asked.pop("profile", None)
            if profile is not None and profile not in list(PROFILES):
                raise _Wrong(f"unknown profile {profile!r}; there are: {', '.join(PROFILES)}")
            world.quirks = (replace(PROFILES[profile]) if profile else world.quirks).changed(asked)
        return world.quirks.to_json()

    async def latency(request: Request) -> Any:
        asked = await _json(request, "seconds", seconds=float)
        world.quirks = world.quirks.changed({"latency": asked["seconds"]})
        return world.quirks.to_json()

    async def log(_: Request) -> Any:
        return list(world.requests)

    async def outgoing(_: Request) -> Any:
        return world.post.outgoing

    async def notifications(_: Request) -> Any:
        return list(world.notifications.sent)

    async def nothing(request: Request) -> Any:
        raise NotThere(f"{request.method} {request.url.path}; README.md has the calls that are")

    base = "/_sim/mailboxes/{address}"
    return [
        Route("/_sim/mailboxes", told(mailboxes), methods=["GET", "POST"]),
        Route(f"{base}/messages", told(messages)),
        Route(f"{base}/folders", told(folders), methods=["GET", "POST"]),
        Route(f"{base}/folders/{{id}}", told(folder), methods=["PATCH", "DELETE"]),
        Route(f"{base}/deliver", told(deliver), methods=["POST"]),
        *(Route(f"{base}/messages/{{id}}/{verb}", told(act), methods=["POST"]) for verb in _VERBS),
        Route(f"{base}/grow", told(grow_mailbox), methods=["POST"]),
        Route(f"{base}/revoke", told(revoke), methods=["POST"]),
        Route(f"{base}/policy", told(policy), methods=["POST"]),
        Route(f"{base}/challenge", told(challenge), methods=["POST"]),
        Route("/_sim/app", told(app), methods=["GET", "POST"]),
        Route(f"{base}/subscriptions", told(subscriptions)),
        Route(f"{base}/lifecycle", told(lifecycle), methods=["POST"]),
        Route("/_sim/faults", told(faults), methods=["GET", "POST", "DELETE"]),
        Route("/_sim/latency", told(latency), methods=["POST"]),
        Route("/_sim/log", told(log)),
        Route("/_sim/outgoing", told(outgoing)),
        Route("/_sim/notifications", told(notifications)),
        Route("/_sim/{rest:path}", told(nothing), methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]


async def _object(request: Request) -> dict[str, Any]:
    body = await request.body()
    found = json.loads(body) if body else {}
    if not isinstance(found, dict):
        raise _Wrong("wants a JSON object")
    return found


async def _json(request: Request, *needed: str, **kinds: type) -> dict[str, Any]:
    """Return the body's object, with names and types as told and the `needed` ones there."""
    found = await _object(request)
    for name in needed:
        if name not in found:
            raise _Wrong(f"{name} is missing")
    for name, value in found.items():
        kind = kinds.get(name)
        if kind is None:
            raise _Wrong(f"unknown name {name!r}; there are: {', '.join(kinds)}")
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise _Wrong(f"{name} wants {kind.__name__}, not {type(value).__name__}")
        if isinstance(value, int | float) and not 0 <= value < math.inf:
            raise _Wrong(f"{name} is out of bounds")
    return found


def _check_claims(asked: dict[str, Any]) -> None:
    if "claims" in asked and not (asked["claims"].get("access_token") and isinstance(asked["claims"]["access_token"], dict)):
        raise _Wrong("claims wants an access_token with what is asked of it")


def _poison(kind: str) -> str:
    if kind not in {"", "shape", "undated", "corrupt"} and not re.fullmatch(r"[45]\d\d( \S+)?", kind):
        raise _Wrong(f"unknown poison {kind!r}; there are: shape, undated, corrupt, a status with or without a code, and nothing to heal")
    return kind


def _check(problems: list[str]) -> None:
    if problems:
        raise _Wrong("; ".join(problems))
