"""Many GETs in few HTTP requests: `$batch` as a chain.

A mailbox has four lanes and Graph runs up to four independent items of a batch at once, so items that do not wait for each other refuse
each other (graph-behaviour section 6). Here each item depends on the one before it: the chain takes one lane. The price: when an item
fails, Graph answers all after it with 424. Those were not asked; they are asked again at once, without the one that failed.

                       ┌────────────────────────────────────────────────────────────┐
    to ask ──20──▶ chain ──▶ 200                        ──▶ answered                 │
                       │     424, no answer at all      ──▶ to ask, nothing learned ─┤
                       │     429, 5xx                   ──▶ to ask, last, after a pause; after ATTEMPTS answered with it
                       │     401                        ──▶ to ask, with a new token, once
                       └──▶  anything else              ──▶ answered with the error

What concerns the mailbox as a whole (throttled for long, unauthorized, gone) is raised: it says nothing of the item that met it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

import msgspec
import trio

from connector.errors import AuthError, GraphError, GraphMailboxGone, GraphThrottled, GraphUnauthorized, GraphUnreachable
from connector.graph.answers import read_json
from connector.graph.client import ATTEMPTS, IMMUTABLE, PATIENCE, pause_before

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.graph.client import MailboxClient
    from connector.graph.gate import Priority

__all__ = ["ITEMS", "Ask", "Reply", "ask_all"]

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


class _Item(msgspec.Struct):
    """A response inside the batch's answer."""

    id: str
    status: int
    headers: dict[str, str] = {}
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Answer(msgspec.Struct):
    responses: list[_Item]


@dataclass(slots=True)
class _Open:
    """An ask that is not answered yet."""

    place: int
    ask: Ask
    attempts: int = 0
    is_renewed: bool = False


async def ask_all(client: MailboxClient, asks: Iterable[Ask], priority: Priority, *, abreast: int = 1) -> list[tuple[int, Reply]]:
    """Ask for all of `asks`, in chains; return (place, reply) in the order in which Graph answered them.

    That order is the order of reading, so whoever applies the replies in it never puts something older over something newer; with
    more than one chain `abreast` it is not.
    Raises `GraphThrottled`, `GraphUnauthorized`, `GraphMailboxGone`, and whatever the batch itself fails with.
    """
    waiting = [_Open(place, ask) for place, ask in enumerate(asks)]
    replies: list[tuple[int, Reply]] = []
    if len(waiting) == 1:
        return [(0, await _ask_one(client, waiting[0].ask, priority))]
    if abreast > 1 and len(waiting) > ITEMS:
        return await _ask_abreast(client, waiting, priority, abreast)
    while waiting:
        chain, rest = waiting[:ITEMS], waiting[ITEMS:]
        answered, again, pause = await _ask_chain(client, chain, priority)
        replies += answered
        waiting = again + rest
        if pause:
            await trio.sleep(pause)
    return replies


async def _ask_abreast(client: MailboxClient, waiting: list[_Open], priority: Priority, abreast: int) -> list[tuple[int, Reply]]:
    """Ask in several rows of chains at once."""
    replies: list[tuple[int, Reply]] = []

    failures: list[GraphError | AuthError] = []

    async def row(mine: list[_Open], scope: trio.CancelScope) -> None:
        try:
            for place, reply in await ask_all(client, [one.ask for one in mine], priority):
                replies.append((mine[place].place, reply))
        except (GraphError, AuthError) as error:
            # Raised bare below: a nursery would wrap it.
            failures.append(error)
            scope.cancel()

    async with trio.open_nursery() as nursery:
        for number in range(abreast):
            nursery.start_soon(row, waiting[number::abreast], nursery.cancel_scope)
    if failures:
        raise failures[0]
    return replies


async def _ask_one(client: MailboxClient, ask: Ask, priority: Priority) -> Reply:
    """Ask without a batch: one request the less for Graph to count."""
    try:
        return Reply(await client.get_bytes(ask.path_or_link, priority=priority, params=dict(ask.params), prefer=ask.prefer))
    except (GraphThrottled, GraphUnauthorized, GraphMailboxGone):
        raise
    except GraphError as error:
        return Reply(error=error)


async def _ask_chain(client: MailboxClient, chain: list[_Open], priority: Priority) -> tuple[list[tuple[int, Reply]], list[_Open], float]:
    """Send one chain; return what was answered, what to ask again (in that order), and the seconds to wait before."""
    body = {"requests": [_request(client, number, chain) for number in range(len(chain))]}
    answer = await client.post_batch(body, into=_Answer, priority=priority, cost=len(chain))
    items = {item.id: item for item in answer.responses}
    answered: list[tuple[int, Reply]] = []
    again: list[_Open] = []
    failed: list[_Open] = []
    pause = 0.0
    for number, one in enumerate(chain):
        item = items.get(str(number))
        if item is not None and item.status == 200:
            answered.append((one.place, Reply(bytes(item.body))))
            continue
        if item is not None and item.status == 424:
            again.append(one)
            continue
        error = _judge(client, item)
        one.attempts += 1
        if isinstance(error, GraphUnauthorized) and not one.is_renewed:
            await client.renew(error)
            one.is_renewed = True
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
    if len(again) == len(chain) and not any(one.is_renewed for one in again):
        # Every item waits for another one: Graph said 424 to all of them, which no rule explains.
        raise GraphUnreachable("Graph answered no item of a batch")
    # Those that failed go last: what waits behind them is not to blame.
    return answered, again + failed, pause


def _request(client: MailboxClient, number: int, chain: list[_Open]) -> dict[str, object]:
    ask = chain[number].ask
    url = client.relative(ask.path_or_link)
    if ask.params:
        url = f"{url}?{urlencode(ask.params)}"
    request: dict[str, object] = {
        "id": str(number),
        "method": "GET",
        "url": url,
        "headers": {"Prefer": ", ".join([IMMUTABLE, *ask.prefer])},
    }
    if number:
        request["dependsOn"] = [str(number - 1)]
    return request


def _judge(client: MailboxClient, item: _Item | None) -> GraphError:
    if item is None:
        return GraphUnreachable("Graph's batch has no answer for an item")
    return client.judge(item.status, {name.lower(): value for name, value in item.headers.items()}, bytes(item.body))
