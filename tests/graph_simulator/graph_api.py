"""Graph v1.0, the part about mail: parses paths as liberally as Graph does, answers as strictly.

Accepts `/me` and `/users/{id or address}`, `mailFolders/{id}` and `mailFolders('id')`, any case of segment names, `delta` and `delta()`,
double slashes. A request and an item of a batch go the same way: `GraphApi.answer`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import trio
from starlette.responses import Response

from tests.graph_simulator.batch import Batches
from tests.graph_simulator.budget import RequestBudget
from tests.graph_simulator.call import Answer, Call
from tests.graph_simulator.delta import Deltas
from tests.graph_simulator.folder_delta import FolderDeltas
from tests.graph_simulator.folders import Folders
from tests.graph_simulator.messages import Messages
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import GraphFault, fault_answer, no_property, selected, wants_immutable
from tests.graph_simulator.storm import Storm, WiredResponse, struck
from tests.graph_simulator.tokens import Tokens

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.server import World
    from tests.graph_simulator.storm import Strike

__all__ = ["GraphApi"]

_SEGMENT = re.compile(r"^([A-Za-z.$]+)\('(.*)'\)$")
_NAMES = {"mailfolders", "messages", "childfolders", "attachments", "delta", "$value", "microsoft.graph.delta"}


class GraphApi:
    """Answers requests below `/v1.0`."""

    def __init__(self, world: World) -> None:
        self._world = world
        tokens = self._tokens = Tokens(world.seed)
        self._folders = Folders(world)
        self._messages = Messages(world, tokens)
        self._deltas = Deltas(world, tokens, self._messages)
        self._folder_deltas = FolderDeltas(world, tokens, self._folders)
        self._batches = Batches(world, self.answer)
        self._budget = RequestBudget()
        self._storm = Storm(lambda: world.quirks)

    def forget_links(self, mailbox: Mailbox) -> None:
        """Let every delta link of a mailbox die, as maintenance at Graph does (1.5)."""
        for links in mailbox.delta_links.values():
            for token in links:
                self._tokens.forget(token)
        mailbox.delta_links.clear()

    async def handle(self, request: Request) -> Response:
        """Answer an HTTP request: a batch, or one call."""
        call = await Call.of(request)
        is_batch = call.path.lower().rstrip("/") == "/v1.0/$batch"
        return self._response(await (self._batch(call) if is_batch else self.answer(call)))

    async def answer(self, call: Call) -> Answer:
        """Answer one call: who asks, is there a lane, what is asked."""
        world = self._world
        entry = world.log(call)
        try:
            mailbox = self._authenticate(call)
            mailbox.requests += 1
            entry["mailbox"] = mailbox.address
            self._budget.spend(mailbox.address, world.time(), world.quirks)
            self._injected(mailbox)
            self._check_lanes(mailbox)
            mailbox.in_flight += 1
            try:
                await trio.sleep(world.quirks.latency)
                answer = self._weathered(call, mailbox, entry)
            finally:
                mailbox.in_flight -= 1
        except NotThere:
            answer = self._refused(call, GraphFault(404, "ErrorItemNotFound", "The specified object was not found in the store."))
        except GraphFault as fault:
            answer = self._refused(call, fault)
        else:
            self._finish(call, answer)
        entry["status"] = answer.status
        return answer

    async def _batch(self, call: Call) -> Answer:
        """Answer a batch: it costs no lane itself, its items do."""
        entry = self._world.log(call)
        try:
            mailbox = self._authenticate(call)
            entry["mailbox"] = mailbox.address
            items = Batches.parse(call)
            entry["items"] = len(items)
            strike = self._drawn(call, mailbox, entry)
            if strike is None:
                answer = await self._batches.run(items)
            else:
                answer = struck(strike, call, await self._batches.run(items) if strike.is_late else None, self._world.now())
        except GraphFault as fault:
            answer = self._refused(call, fault)
        else:
            answer.headers |= {"request-id": call.request_id, "client-request-id": call.client_request_id}
        entry["status"] = answer.status
        return answer

    def _weathered(self, call: Call, mailbox: Mailbox, entry: dict[str, Any]) -> Answer:
        """Do what is asked, unless something comes between."""
        strike = self._drawn(call, mailbox, entry)
        if strike is None:
            return self._route(call, mailbox)
        return struck(strike, call, self._route(call, mailbox) if strike.is_late else None, self._world.now())

    def _drawn(self, call: Call, mailbox: Mailbox, entry: dict[str, Any]) -> Strike | None:
        strike = self._storm.draw(call, mailbox.address)
        if strike is not None:
            entry["storm"] = strike.kind
        return strike

    # ---------------------------------------------------------------- the frame

    def _authenticate(self, call: Call) -> Mailbox:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        grant = self._world.entra.grant_of(token) if scheme.lower() == "bearer" else None
        if not token:
            raise GraphFault(401, "InvalidAuthenticationToken", "Access token is empty.")
        if grant is None:
            raise GraphFault(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        self._world.entra.challenges.check(grant)
        mailbox = self._world.mailboxes[grant.address]
        if not any(s.rpartition("/")[2].lower().startswith("mail.") for s in grant.scopes):
            raise GraphFault(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return mailbox

    def _check_lanes(self, mailbox: Mailbox) -> None:
        quirks = self._world.quirks
        if quirks.lanes and mailbox.in_flight >= quirks.lanes:
            headers = {"Retry-After": "1"} if quirks.retry_after else {}
            raise GraphFault(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", headers)

    def _injected(self, mailbox: Mailbox) -> None:
        quirks = self._world.quirks
        if not quirks.fail_graph or (quirks.fail_mailbox and quirks.fail_mailbox != mailbox.address):
            return
        status, _, code = quirks.fail_graph.partition(" ")
        if quirks.fail_count:
            quirks.fail_count -= 1
            if quirks.fail_count == 0:
                quirks.fail_graph = ""
        headers = {"Retry-After": "1"} if status in {"429", "503"} and quirks.retry_after else {}
        raise GraphFault(int(status), code, "Injected by the test.", headers)

    @staticmethod
    def _finish(call: Call, answer: Answer) -> None:
        answer.headers |= {"request-id": call.request_id, "client-request-id": call.client_request_id}
        if wants_immutable(call):
            applied = ("IdType=ImmutableId", answer.headers.get("Preference-Applied"))
            answer.headers["Preference-Applied"] = ", ".join(p for p in applied if p)

    def _refused(self, call: Call, fault: GraphFault) -> Answer:
        return fault_answer(fault, call, self._world.now())

    def _response(self, answer: Answer) -> Response:
        body = b"" if answer.body is None else answer.body
        if not isinstance(body, bytes):
            text = json.dumps(body, ensure_ascii=False)
            if self._world.quirks.control_characters:
                text = text.replace('"subject": "', '"subject": "\x0b\t\x01', 1)
            body = text.encode("utf-8", "replace")
            answer.headers["Content-Type"] = "application/json"
        if answer.wire:
            return WiredResponse(answer, body)
        return Response(body, status_code=answer.status, headers=answer.headers)

    # ---------------------------------------------------------------- routes

    def _route(self, call: Call, mailbox: Mailbox) -> Answer:
        segments = self._segments(call, mailbox)
        if call.method != "GET":
            raise GraphFault(405, "Request_BadRequest", f"Specified HTTP method is not allowed for the request target: {call.method}.")
        match segments:
            case []:
                return Answer(200, self._user(mailbox, selected(call)))
            case ["mailfolders", *rest]:
                return self._route_folders(call, mailbox, rest)
            case ["messages", *rest]:
                return self._route_messages(call, mailbox, rest)
            case _:
                raise _no_segment(segments)

    def _route_folders(self, call: Call, mailbox: Mailbox, segments: list[str]) -> Answer:
        match segments:
            case []:
                return self._folders.children(call, mailbox, mailbox.folder_id("msgfolderroot"))
            case ["delta"]:
                return self._folder_deltas.page(call, mailbox)
            case [folder]:
                return Answer(200, self._folders.shown(mailbox, self._folders.open(mailbox, folder), selected(call)))
            case [folder, "childfolders"]:
                return self._folders.children(call, mailbox, self._folders.open(mailbox, folder).id)
            case [folder, "messages"]:
                return self._messages.listed(call, mailbox, self._folders.open(mailbox, folder))
            case [folder, "messages", "delta"]:
                return self._deltas.page(call, mailbox, folder)
            case _:
                raise _no_segment(segments)

    def _route_messages(self, call: Call, mailbox: Mailbox, segments: list[str]) -> Answer:
        if segments == ["delta"]:
            raise GraphFault(400, "BadRequest", "Unsupported request: Change tracking is not supported against 'microsoft.graph.message'.")
        if not segments:
            raise _no_segment(["messages"])
        message = self._messages.open(mailbox, segments[0])
        match segments[1:]:
            case []:
                return Answer(200, self._messages.shown(call, mailbox, message, selected(call)))
            case ["$value"]:
                return Answer(200, message.mime, {"Content-Type": "text/plain"})
            case ["attachments"]:
                return self._messages.attachments(call, message)
            case ["attachments", place]:
                return self._messages.attachment(call, message, place)
            case ["attachments", place, "$value"]:
                return self._messages.content(call, message, place)
            case _:
                raise _no_segment(segments)

    @staticmethod
    def _segments(call: Call, mailbox: Mailbox) -> list[str]:
        """Split the raw path below /v1.0, names lowered, keys kept, `me` or `users/x` taken off the front."""
        parts: list[str] = []
        for piece in call.raw_path.split("/")[2:]:
            if not piece:
                continue
            text = unquote(piece)
            if match := _SEGMENT.match(text):
                parts += [match[1], match[2]]
            else:
                parts.append(text.removesuffix("()"))
        if parts and parts[0].lower() == "me":
            parts = parts[1:]
        elif len(parts) > 1 and parts[0].lower() == "users":
            if parts[1].lower() not in {mailbox.address.lower(), mailbox.user_id, "me-token-to-replace"}:
                raise GraphFault(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
            parts = parts[2:]
        else:
            raise GraphFault(400, "BadRequest", "Resource not found for the segment.")
        lowered = [p.lower() if p.lower() in _NAMES else p for p in parts]
        return ["delta" if p == "microsoft.graph.delta" else p for p in lowered]

    @staticmethod
    def _user(mailbox: Mailbox, names: tuple[str, ...]) -> dict[str, Any]:
        """Return the signed-in user; `proxyAddresses` comes on $select only, as most properties do."""
        known = {
            "id": mailbox.user_id,
            "displayName": mailbox.name,
            "mail": None if mailbox.personal else mailbox.address,
            "userPrincipalName": mailbox.upn,
        }
        more = {"proxyAddresses": mailbox.proxy_addresses()}
        for name in names:
            if name not in known | more:
                raise no_property(name, "user")
        context = "https://graph.microsoft.com/v1.0/$metadata#users" + (f"({','.join(names)})/$entity" if names else "/$entity")
        # An unusual $select brings no id by itself.
        return {"@odata.context": context, **{n: v for n, v in (known | more).items() if n in (names or known)}}


def _no_segment(segments: list[str]) -> GraphFault:
    return GraphFault(400, "BadRequest", f"Resource not found for the segment '{segments[-1]}'.")
