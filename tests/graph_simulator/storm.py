"""Bad weather: a share of all answers goes wrong, each in one of the ways that were seen on the wire.

What strikes is drawn from the seed, the mailbox and the number of its request, so a storm is the same again whatever else runs beside.
A refusal (429, 503, 410) comes instead of the work; with other kinds the work may have been done, as with a 504 of a gateway.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import trio
from starlette.responses import Response

from tests.graph_simulator.call import Answer
from tests.graph_simulator.odata import GraphFault, fault_answer
from tests.graph_simulator.quirks import STORM_KINDS, WIRE_KINDS, listed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.types import Receive, Scope, Send

    from tests.graph_simulator.call import Call
    from tests.graph_simulator.quirks import Quirks

__all__ = ["Storm", "Strike", "WiredResponse", "struck"]

_HTML = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n"

# A slow body comes in so many pieces, so many seconds apart: in all less than a client waits for the first byte.
_PIECES = 5
_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Strike:
    """What goes wrong with one answer; `is_late`: only after the work was done."""

    kind: str
    is_late: bool


class Storm:
    """Draws what strikes; `quirks` gives the switches as they are set at the moment."""

    def __init__(self, quirks: Callable[[], Quirks]) -> None:
        self._quirks = quirks
        self._drawn: dict[str, int] = {}

    def draw(self, call: Call, address: str) -> Strike | None:
        """Return what strikes this call, if anything."""
        quirks = self._quirks()
        if not quirks.storm or (quirks.storm_mailboxes and address not in listed(quirks.storm_mailboxes)):
            return None
        self._drawn[address] = number = self._drawn.get(address, 0) + 1
        rng = random.Random(f"{quirks.storm_seed} {address} {number}")  # noqa: S311 - test data
        possible = [k for k in listed(quirks.storm_kinds) or STORM_KINDS if _is_possible(k, call)]
        if rng.random() >= quirks.storm or not possible:
            return None
        kind = rng.choice(possible)
        return Strike(kind, is_late=kind in _ALWAYS_LATE or (kind in _MAYBE_LATE and rng.random() < 0.5))


def _is_possible(kind: str, call: Call) -> bool:
    """Inside a batch there is no wire to break; only a delta link can be gone."""
    if kind == "410":
        return "$deltatoken" in call.query_params
    return not (call.is_batched and kind in WIRE_KINDS)


def struck(strike: Strike, call: Call, answer: Answer | None, at: datetime) -> Answer:
    """Return what the client gets; `answer` is what it should have got, if the work was done."""
    if strike.kind in WIRE_KINDS:
        return replace(answer or Answer(0), wire=strike.kind)
    make = _STATUS_KINDS[strike.kind]
    made = make(call, at)
    made.headers |= {"request-id": call.request_id}
    return made


def _fault(status: int, code: str, message: str) -> Callable[[Call, datetime], Answer]:
    return lambda call, at: fault_answer(GraphFault(status, code, message), call, at)


def _throttled(retry_after: Callable[[datetime], str | None]) -> Callable[[Call, datetime], Answer]:
    def make(call: Call, at: datetime) -> Answer:
        value = retry_after(at)
        headers = {} if value is None else {"Retry-After": value}
        return fault_answer(GraphFault(429, "TooManyRequests", "Please retry again later.", headers), call, at)

    return make


def _busy(call: Call, at: datetime) -> Answer:
    fault = GraphFault(503, "ErrorServerBusy", "The server cannot service this request right now. Try again later.", {"Retry-After": "2"})
    return fault_answer(fault, call, at)


def _in_two_seconds(at: datetime) -> str:
    return format_datetime(at.replace(microsecond=0) + timedelta(seconds=2), usegmt=True)


# Sections 6 and 7: codes, bodies, and Retry-After in every form that HTTP allows, or none.
_STATUS_KINDS: dict[str, Callable[[Call, datetime], Answer]] = {
    "429": _throttled(lambda _: "2"),
    "429_bare": _throttled(lambda _: None),
    "429_float": _throttled(lambda _: "1.5"),
    "429_date": _throttled(_in_two_seconds),
    "500": _fault(500, "ErrorInternalServerError", "An internal server error occurred. The operation failed."),
    "502": lambda _, __: Answer(502, _HTML, {"Content-Type": "text/html"}),
    "503": _busy,
    "503_bare": _fault(503, "ServiceNotAvailable", "The service is unavailable."),
    "503_empty": lambda _, __: Answer(503),
    "504": _fault(504, "UnknownError", ""),
    "410": _fault(410, "SyncStateNotFound", "The sync state generation is not found; generation=149;[highest=157][157][155][156]."),
}
_MAYBE_LATE = {"500", "502", "504", "cut"}
_ALWAYS_LATE = {"cut_body", "truncated", "control", "slow"}


class WiredResponse(Response):
    """An answer that something happens to on its way."""

    def __init__(self, answer: Answer, body: bytes) -> None:
        self._wire = answer.wire
        if self._wire == "truncated":
            body = body[: len(body) * 2 // 3]
        elif self._wire == "control":
            body = body.replace(b'":"', b'":"\x0b\x01', 1).replace(b'": "', b'": "\x0b\x01', 1)
        super().__init__(body, status_code=answer.status, headers=answer.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send as much as arrives, as fast as it arrives."""
        if self._wire in {"truncated", "control"}:
            await super().__call__(scope, receive, send)
            return
        if self._wire != "cut":
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self._wire == "slow":
            await self._trickle(send)
            return
        if self._wire == "cut_body":
            # Content-Length says more than comes.
            await send({"type": "http.response.body", "body": bytes(self.body[: len(self.body) // 2]), "more_body": True})
        await scope["simulator.cut"]()

    async def _trickle(self, send: Send) -> None:
        size = len(self.body) // _PIECES + 1
        for start in range(0, len(self.body), size):
            await trio.sleep(_PAUSE)
            await send({"type": "http.response.body", "body": bytes(self.body[start : start + size]), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
