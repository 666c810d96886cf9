"""The control API under `/_sim/`: what tests and people do to the mailboxes, and the truth to compare with. Described in README.md."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.quirks import PROFILES
from tests.graph_simulator.seed import grow, make_mailbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.server import World

__all__ = ["control_routes"]


class _Wrong(Exception):
    pass


def control_routes(world: World) -> list[Route]:  # noqa: C901 - a table of small handlers
    """Return the routes, bound to `world`."""

    def told(handler: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                return JSONResponse(await handler(request))
            except NotThere as error:
                return JSONResponse({"error": f"not there: {error}"}, 404)
            except (_Wrong, ValueError, KeyError) as error:
                return JSONResponse({"error": str(error)}, 400)

        return endpoint

    def mailbox_of(request: Request) -> Mailbox:
        try:
            return world.mailboxes[request.path_params["address"]]
        except KeyError:
            raise NotThere(request.path_params["address"]) from None

    async def mailboxes(request: Request) -> Any:
        if request.method == "POST":
            asked = await _json(request)
            address = asked["address"]
            if address in world.mailboxes:
                raise _Wrong(f"{address} is there already")
            mails = () if asked.get("empty") else None
            given = {} if mails is None else {"mails": mails}
            world.mailboxes[address] = make_mailbox(
                address, asked.get("name", address), personal=bool(asked.get("personal")), inbox=int(asked.get("inbox", 0)), **given
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
            asked = await _json(request)
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
            mailbox.delete_folder(found.id)
            return {}
        asked = await _json(request)
        found.name = asked.get("name", found.name)
        if "parent" in asked:
            found.parent_id = mailbox.find_folder(asked["parent"]).id
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
        asked = await _json(request)
        match request.path_params["verb"]:
            case "move":
                mailbox.move(message.immutable_id, mailbox.find_folder(asked["folder"]).id)
            case "read":
                mailbox.set_read(message.immutable_id, is_read=True)
            case "unread":
                mailbox.set_read(message.immutable_id, is_read=False)
            case "flag":
                mailbox.set_flag(message.immutable_id, asked.get("status", "flagged"))
            case "change":
                mailbox.change(message.immutable_id, asked)
            case "delete":
                mailbox.delete(message.immutable_id)
                return {}
            case verb:
                raise _Wrong(f"unknown verb {verb!r}")
        return mailbox.truth_of(message)

    async def grow_mailbox(request: Request) -> Any:
        asked = await _json(request)
        mailbox = mailbox_of(request)
        grow(mailbox, int(asked.get("count", 100)), folder=asked.get("folder", "inbox"))
        return {"messages": len(mailbox.messages)}

    async def revoke(request: Request) -> Any:
        world.entra.revoke(mailbox_of(request).address)
        return {}

    async def faults(request: Request) -> Any:
        if request.method == "DELETE":
            world.quirks = replace(world.start_quirks)
        elif request.method == "POST":
            asked = await _json(request)
            profile = asked.pop("profile", None)
            if profile is not None and profile not in PROFILES:
                raise _Wrong(f"unknown profile {profile!r}; there are: {', '.join(PROFILES)}")
            world.quirks = (replace(PROFILES[profile]) if profile else world.quirks).changed(asked)
        return world.quirks.to_json()

    async def latency(request: Request) -> Any:
        asked = await _json(request)
        world.quirks = world.quirks.changed({"latency": float(asked["seconds"])})
        return world.quirks.to_json()

    async def log(_: Request) -> Any:
        return list(world.requests)

    async def outgoing(_: Request) -> Any:
        return []

    base = "/_sim/mailboxes/{address}"
    return [
        Route("/_sim/mailboxes", told(mailboxes), methods=["GET", "POST"]),
        Route(f"{base}/messages", told(messages)),
        Route(f"{base}/folders", told(folders), methods=["GET", "POST"]),
        Route(f"{base}/folders/{{id}}", told(folder), methods=["PATCH", "DELETE"]),
        Route(f"{base}/deliver", told(deliver), methods=["POST"]),
        Route(f"{base}/messages/{{id}}/{{verb}}", told(act), methods=["POST"]),
        Route(f"{base}/grow", told(grow_mailbox), methods=["POST"]),
        Route(f"{base}/revoke", told(revoke), methods=["POST"]),
        Route("/_sim/faults", told(faults), methods=["GET", "POST", "DELETE"]),
        Route("/_sim/latency", told(latency), methods=["POST"]),
        Route("/_sim/log", told(log)),
        Route("/_sim/outgoing", told(outgoing)),
    ]


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    if not body:
        return {}
    found = json.loads(body)
    if not isinstance(found, dict):
        raise _Wrong("wants a JSON object")
    return found
