"""Graph v1.0, the part about mail: who asks, what it costs, what comes between; `routes` has what is asked.

A request and an item of a batch go the same way: `GraphApi.answer`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import trio
from starlette.responses import Response

from tests.graph_simulator.batch import Batches
from tests.graph_simulator.budget import ByteBudget, RequestBudget
from tests.graph_simulator.call import Answer, Call
from tests.graph_simulator.filler import FillerResponse, Piece
from tests.graph_simulator.guards import Writers, check_scopes, check_size
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import GraphFault, fault_answer, wants_immutable
from tests.graph_simulator.paths import segments_of
from tests.graph_simulator.routes import Routes
from tests.graph_simulator.storm import Storm, WiredResponse, struck
from tests.graph_simulator.tokens import Tokens

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.graph_simulator.entra import Grant
    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.server import World
    from tests.graph_simulator.storm import Strike

__all__ = ["GraphApi"]


class GraphApi:
    """Answers requests below `/v1.0`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens = Tokens(world.seed)
        self._routes = Routes(world, self._tokens)
        self._batches = Batches(world, self.answer)
        self._budget = RequestBudget()
        self._bytes = ByteBudget()
        self._writers = Writers()
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
        world.agenda.settle()
        entry = world.log(call)
        try:
            mailbox, grant = self._authenticate(call)
            mailbox.requests += 1
            entry["mailbox"] = mailbox.address
            self._budget.spend(mailbox.address, world.time(), world.quirks)
            self._injected(mailbox)
            self._check_lanes(mailbox)
            segments = segments_of(call, mailbox)
            check_scopes(call, segments, grant.scopes, world.quirks)
            if call.method != "GET":
                check_size(call, world.quirks)
                self._bytes.spend(mailbox.address, len(call.body), world.time(), world.quirks)
            mailbox.in_flight += 1
            try:
                with self._writers.alone(call, mailbox, segments, world.quirks):
                    await trio.sleep(world.quirks.latency)
                    answer = await self._weathered(call, mailbox, entry)
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
            mailbox, _ = self._authenticate(call)
            entry["mailbox"] = mailbox.address
            check_size(call, self._world.quirks)
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

    async def upload(self, request: Request) -> Response:
        """Answer a request to an upload session: its URL says who asks, and it takes no lane."""
        world = self._world
        call = await Call.of(request)
        world.agenda.settle()
        entry = world.log(call)
        uploads = self._routes.uploads
        try:
            session = uploads.find(call)
            entry["mailbox"] = session.mailbox.address
            check_size(call, world.quirks)
            self._bytes.spend(session.mailbox.address, len(call.body), world.time(), world.quirks)
            strike = self._drawn(call, session.mailbox, entry)
            if strike is None:
                answer = uploads.answer(call, session)
            else:
                answer = struck(strike, call, uploads.answer(call, session) if strike.is_late else None, world.now())
        except GraphFault as fault:
            answer = self._refused(call, fault)
        else:
            self._finish(call, answer)
        entry["status"] = answer.status
        return self._response(answer)

    async def _weathered(self, call: Call, mailbox: Mailbox, entry: dict[str, Any]) -> Answer:
        """Do what is asked, unless something comes between."""
        strike = self._drawn(call, mailbox, entry)
        if strike is None:
            return await self._route(call, mailbox)
        return struck(strike, call, await self._route(call, mailbox) if strike.is_late else None, self._world.now())

    def _drawn(self, call: Call, mailbox: Mailbox, entry: dict[str, Any]) -> Strike | None:
        strike = self._storm.draw(call, mailbox.address)
        if strike is not None:
            entry["storm"] = strike.kind
        return strike

    # ---------------------------------------------------------------- the frame

    def _authenticate(self, call: Call) -> tuple[Mailbox, Grant]:
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
        return mailbox, grant

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
        raise GraphFault(int(status), code, quirks.fail_message or "Injected by the test.", headers)

    @staticmethod
    def _finish(call: Call, answer: Answer) -> None:
        answer.headers |= {"request-id": call.request_id, "client-request-id": call.client_request_id}
        if wants_immutable(call):
            applied = ("IdType=ImmutableId", answer.headers.get("Preference-Applied"))
            answer.headers["Preference-Applied"] = ", ".join(p for p in applied if p)

    def _refused(self, call: Call, fault: GraphFault) -> Answer:
        return fault_answer(fault, call, self._world.now())

    def _response(self, answer: Answer) -> Response:
        if isinstance(answer.body, Piece):
            if not answer.wire:
                return FillerResponse(answer, answer.body)
            answer.body = answer.body.read(answer.body.first, len(answer.body.content))
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

    async def _route(self, call: Call, mailbox: Mailbox) -> Answer:
        return await self._routes.answer(call, mailbox)
