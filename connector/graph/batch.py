"""Many GETs in few HTTP requests: `$batch`, as a chain or side by side.

A mailbox has four lanes and Graph runs up to four independent items of a batch at once, so items that do not wait for each other refuse
each other (graph-behaviour section 6). Here each item depends on the one before it: the chain takes one lane. The price: when an item
fails, Graph answers all after it with 424. Those were not asked; they are asked again at once, without the one that failed.

                       ┌────────────────────────────────────────────────────────────┐
    to ask ──20──▶ chain ──▶ 200                        ──▶ answered                 │
                       │     424, no answer at all      ──▶ to ask, nothing learned ─┤
                       │     429, 5xx                   ──▶ to ask, last, after a pause; after ATTEMPTS answered with it
                       │     401                        ──▶ to ask, with a new token, once
                       └──▶  anything else              ──▶ answered with the error

Questions by id, of which many may end in 404, go side by side instead (`ask_each`): as many at once as there are lanes for them.

What concerns the mailbox as a whole (throttled for long, unauthorized, gone) is raised: it says nothing of the item that met it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import msgspec
import trio

from connector.errors import GraphError, GraphMailboxGone, GraphThrottled, GraphUnauthorized, GraphUnreachable
from connector.graph.answers import read_json
from connector.graph.client import ATTEMPTS, IMMUTABLE, OVERALL, PATIENCE, pause_before
from connector.graph.gate import LANES

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient
    from connector.graph.gate import Priority

__all__ = ["ITEMS", "Ask", "BatchAnswer", "BatchItem", "Reply", "ask_all", "ask_each", "judge_item"]

_T = TypeVar("_T")

# Items a batch at most (contrib:concepts/json-batching.md).
ITEMS = 20


@dataclass(frozen=True, slots=True)
class Ask:
    """One GET: a path below the base URL, or a link of Graph (then without `params`, which live in the link)."""

    path_or_link: str
    params: tuple[tuple[str, str], ...] = ()
    prefer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one ask: a body, or an error."""

    body: bytes = b""
    error: GraphError | None = None

    def read(self, into: type[_T]) -> _T:
        """Return the body as `into`. Raises the error that came instead, `GraphUnreadable`, or `GraphUnreachable`."""
        if self.error is not None:
            raise self.error
        return read_json(self.body, into)


class BatchItem(msgspec.Struct):
    """A response inside the batch's answer."""

    id: str
    status: int
    # Any values: a number in them must not spoil the answers of all others.
    headers: dict[str, Any] | None = None
    body: msgspec.Raw = msgspec.Raw(b"{}")


class BatchAnswer(msgspec.Struct):
    """The answer of a batch."""

    responses: list[BatchItem]


@dataclass(slots=True)
class _Open:
    """An ask that is not answered yet."""

    place: int
    ask: Ask
    attempts: int = 0
    is_renewed: bool = False


async def ask_all(client: MailboxClient, asks: Iterable[Ask], priority: Priority) -> list[tuple[int, Reply]]:
    """Ask for all of `asks`, in chains; return (place, reply) in the order in which Graph answered them.

    That order is the order of reading, so whoever applies the replies in it never puts something older over something newer.
    Raises `GraphThrottled`, `GraphUnauthorized`, `GraphMailboxGone`, and whatever the batch itself fails with.
    """
    return await _ask(client, asks, priority, ITEMS, _send_chain)


async def ask_each(client: MailboxClient, asks: Iterable[Ask], priority: Priority) -> list[tuple[int, Reply]]:
    """Ask for all of `asks`, side by side in as many lanes as `priority` may take: for questions that often fail, and have no order.

    In a chain each 404 would leave all behind it unanswered. Raises as `ask_all` does.
    """
    return await _ask(client, asks, priority, LANES[priority], _send_abreast)


_Send = Callable[["MailboxClient", list["_Open"], "Priority"], Awaitable["BatchAnswer"]]


async def _ask(client: MailboxClient, asks: Iterable[Ask], priority: Priority, size: int, send: _Send) -> list[tuple[int, Reply]]:
    waiting = [_Open(place, ask) for place, ask in enumerate(asks)]
    replies: list[tuple[int, Reply]] = []
    if len(waiting) == 1:
        return [(0, await _ask_one(client, waiting[0].ask, priority))]
    until = trio.current_time() + OVERALL
    while waiting:
        batch, rest = waiting[:size], waiting[size:]
        answered, again, pause = await _sort(client, batch, await send(client, batch, priority))
        if answered:
            until = trio.current_time() + OVERALL
        elif trio.current_time() >= until:
            # Weather that is the whole mailbox's: item by item it would be waited out for an hour where there are many.
            raise GraphUnreachable("Graph answers no item of a batch for long")
        replies += answered
        waiting = again + rest
        if pause:
            await trio.sleep(pause)
    return replies


async def _send_chain(client: MailboxClient, batch: list[_Open], priority: Priority) -> BatchAnswer:
    requests = [_request(client, number, one.ask) for number, one in enumerate(batch)]
    for number, request in enumerate(requests[1:]):
        request["dependsOn"] = [str(number)]
    return await client.post_batch({"requests": requests}, into=BatchAnswer, priority=priority, cost=len(batch))


async def _send_abreast(client: MailboxClient, batch: list[_Open], priority: Priority) -> BatchAnswer:
    requests = [_request(client, number, one.ask) for number, one in enumerate(batch)]
    return await client.post_batch({"requests": requests}, into=BatchAnswer, priority=priority, cost=len(batch), lanes=len(batch))


async def _ask_one(client: MailboxClient, ask: Ask, priority: Priority) -> Reply:
    """Ask without a batch: one request the less for Graph to count."""
    try:
        return Reply(await client.get_bytes(ask.path_or_link, priority=priority, params=dict(ask.params), prefer=ask.prefer))
    except (GraphThrottled, GraphUnauthorized, GraphMailboxGone):
        raise
    except GraphError as error:
        return Reply(error=error)


async def _sort(client: MailboxClient, batch: list[_Open], answer: BatchAnswer) -> tuple[list[tuple[int, Reply]], list[_Open], float]:
    """Return what was answered, what to ask again (in that order), and the seconds to wait before."""
    items = {item.id: item for item in answer.responses}
    answered: list[tuple[int, Reply]] = []
    again: list[_Open] = []
    failed: list[_Open] = []
    has_renewed = False
    pause = 0.0
    for number, one in enumerate(batch):
        item = items.get(str(number))
        if item is not None and item.status == 200:
            answered.append((one.place, Reply(bytes(item.body))))
            continue
        if item is not None and item.status == 424:
            again.append(one)
            continue
        error = judge_item(client, item)
        one.attempts += 1
        if isinstance(error, GraphUnauthorized) and not one.is_renewed:
            await client.renew(error)
            one.is_renewed = has_renewed = True
            again.insert(0, one)
        elif isinstance(error, GraphMailboxGone | GraphUnauthorized):
            raise error
        elif not isinstance(error, GraphThrottled | GraphUnreachable):
            answered.append((one.place, Reply(error=error)))
        elif (error.retry_after or 0.0) > PATIENCE or (one.attempts >= ATTEMPTS and isinstance(error, GraphThrottled)):
            raise error
        elif one.attempts >= ATTEMPTS:
            answered.append((one.place, Reply(error=error)))
        else:
            pause = max(pause, pause_before(one.attempts + 1, error))
            failed.append(one)
    if len(again) == len(batch) and not has_renewed:
        # Every item waits for another one: Graph said 424 to all of them, which no rule explains.
        raise GraphUnreachable("Graph answered no item of a batch")
    # Those that failed go last: what waits behind them is not to blame.
    return answered, again + failed, pause


def _request(client: MailboxClient, number: int, ask: Ask) -> dict[str, object]:
    url = client.relative(ask.path_or_link)
    if ask.params:
        url = f"{url}?{urlencode(ask.params)}"
    return {"id": str(number), "method": "GET", "url": url, "headers": {"Prefer": ", ".join([IMMUTABLE, *ask.prefer])}}


def judge_item(client: MailboxClient, item: BatchItem | None) -> GraphError:
    """Return what the answer of an item that is no success means; None is no answer."""
    if item is None:
        return GraphUnreachable("Graph's batch has no answer for an item")
    return client.judge(item.status, {name.lower(): str(value) for name, value in (item.headers or {}).items()}, bytes(item.body))
