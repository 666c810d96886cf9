"""`POST /v1.0/$batch`: up to twenty calls in one, each answered, throttled and failed by itself (graph-behaviour section 6).

Items that depend on nothing run at once, each in a lane of its mailbox; one that depends on others waits for them, so a chain takes one
lane. A dependant of a failed item is not run: 424.
"""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import trio

from tests.graph_simulator.call import Answer
from tests.graph_simulator.odata import GraphFault, fault_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.graph_simulator.call import Call
    from tests.graph_simulator.server import World

__all__ = ["Batches"]

# Items of a batch at most (json-batching).
MAX_ITEMS = 20

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@dataclass(slots=True)
class _Item:
    id: str
    call: Call
    needs: list[str]
    done: trio.Event = field(default_factory=trio.Event)
    answer: Answer | None = None


class Batches:
    """Runs batches; `answer` is how one call is answered."""

    def __init__(self, world: World, answer: Callable[[Call], Awaitable[Answer]]) -> None:
        self._world = world
        self._answer = answer
        self._random = random.Random(world.seed)  # noqa: S311 - test data
        self._count = 0

    async def run(self, items: list[_Item]) -> Answer:
        """Run all items and collect their answers."""
        by_id = {item.id.lower(): item for item in items}
        async with trio.open_nursery() as nursery:
            for item in items:
                nursery.start_soon(self._run_item, item, [by_id[name] for name in item.needs])
        quirks = self._world.quirks
        responses = [self._response(item) for item in items if not self._is_missing()]
        if quirks.shuffle:
            self._random.shuffle(responses)
        return Answer(200, {"responses": responses})

    async def _run_item(self, item: _Item, needs: list[_Item]) -> None:
        for other in needs:
            await other.done.wait()
        if any(other.answer is None or other.answer.status >= 400 for other in needs):
            fault = GraphFault(424, "FailedDependency", "Request not executed as one of its dependencies failed.")
            item.answer = fault_answer(fault, item.call, self._world.now())
        else:
            item.answer = await self._answer(item.call)
        item.done.set()

    def _is_missing(self) -> bool:
        """Tell whether this item's answer gets lost: it was carried out all the same."""
        self._count += 1
        every = self._world.quirks.batch_missing
        return bool(every) and self._count % every == 0

    @staticmethod
    def _response(item: _Item) -> dict[str, Any]:
        answer = item.answer or Answer(500)
        found: dict[str, Any] = {"id": item.id, "status": answer.status, "headers": answer.headers}
        if isinstance(answer.body, bytes):
            found["body"] = base64.b64encode(answer.body).decode()
        elif answer.body is not None:
            found["headers"] = {**answer.headers, "Content-Type": "application/json"}
            found["body"] = answer.body
        return found

    # ---------------------------------------------------------------- what came

    @staticmethod
    def parse(call: Call) -> list[_Item]:
        """Read the items, or refuse the batch as a whole."""
        if call.method != "POST":
            raise GraphFault(405, "Request_BadRequest", f"Specified HTTP method is not allowed for the request target: {call.method}.")
        try:
            asked = json.loads(call.body)["requests"]
        except (ValueError, KeyError, TypeError):
            raise GraphFault(400, "BadRequest", "Invalid batch payload format.") from None
        if not isinstance(asked, list) or not asked or not all(isinstance(entry, dict) for entry in asked):
            raise GraphFault(400, "BadRequest", "Invalid batch payload format.")
        if len(asked) > MAX_ITEMS:
            raise GraphFault(400, "BadRequest", f"Number of batch request steps exceeds the maximum value of {MAX_ITEMS}.")
        items: list[_Item] = []
        seen: set[str] = set()
        for entry in asked:
            item = _item(call, entry)
            if item.id.lower() in seen:
                raise GraphFault(400, "BadRequest", f"Request Id {item.id} is not unique. All requests in a batch need unique ids.")
            for need in item.needs:
                # Only what stands above may be depended on, so a ring is not possible.
                if need not in seen:
                    raise GraphFault(400, "BadRequest", f"Request {item.id} depends on {need}, which is not above it in the batch.")
            seen.add(item.id.lower())
            items.append(item)
        return items


def _item(call: Call, entry: dict[str, Any]) -> _Item:
    name, url, method = entry.get("id"), entry.get("url"), entry.get("method")
    if not isinstance(name, str) or not name:
        raise GraphFault(400, "BadRequest", "Each request of a batch needs an id, which is a string.")
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise GraphFault(400, "BadRequest", f"Request {name} has no method that is known.")
    if not isinstance(url, str) or not url or urlsplit(url).scheme:
        raise GraphFault(400, "BadRequest", f"Request {name} has no relative url.")
    headers, needs = entry.get("headers") or {}, entry.get("dependsOn") or []
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise GraphFault(400, "BadRequest", f"Request {name} has headers that are no strings.")
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        raise GraphFault(400, "BadRequest", f"Request {name} has a dependsOn that is no list of ids.")
    return _Item(name, call.item(method.upper(), url, headers, _body(name, entry.get("body"), headers)), [n.lower() for n in needs])


def _body(name: str, body: Any, headers: dict[str, str]) -> bytes:
    """Return the bytes of an item's body: JSON as an object, all else as base64."""
    if body is None:
        return b""
    kind = next((v for k, v in headers.items() if k.lower() == "content-type"), "")
    if not kind:
        raise GraphFault(400, "BadRequest", f"Request {name} has a body and no Content-Type header.")
    if kind.partition(";")[0].strip().lower() == "application/json":
        return json.dumps(body).encode()
    try:
        return base64.b64decode(body, validate=True)
    except (ValueError, TypeError):
        raise GraphFault(400, "BadRequest", f"Request {name} has a body that is no base64.") from None
