"""Complete listings of a folder, and how they are compared with Odoo's index: a window of time at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from connector.errors import GraphError
from connector.graph.batch import Ask, ask_all
from connector.graph.messages import states_ask
from connector.graph.pages import read_page
from connector.odoo.wire import Listed
from connector.sync.merge import state_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from connector.graph.client import MailboxClient
    from connector.graph.gate import Priority
    from connector.graph.pages import Page
    from connector.graph.types import GraphMessage
    from connector.odoo.port import OdooPort

__all__ = ["WINDOW", "Entry", "Suspects", "Window", "compare", "list_states", "second_before", "times_of", "windows"]

# Messages a window: one call to Odoo each; 5,000 ids and states are about a megabyte.
WINDOW = 5000


@dataclass(frozen=True, slots=True)
class Entry:
    """A listed message; None is not known, and not compared."""

    id: str
    received: str = ""
    is_read: bool | None = None
    is_flagged: bool | None = None
    importance: str | None = None
    categories: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a listing: all messages received after `after` (exclusive) until `until` (inclusive); None is open."""

    entries: list[Entry]
    after: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class Suspects:
    """Where listing and index differ: listed messages that Odoo has otherwise or not, and rows that the listing lacks."""

    differing: list[str]
    unlisted: list[str]

    def __bool__(self) -> bool:
        """There is something to look into."""
        return bool(self.differing or self.unlisted)


async def list_states(
    client: MailboxClient,
    folder_id: str,
    since: str | None,
    until: str | None,
    priority: Priority,
    breathe: Callable[[], Awaitable[None]] | None = None,
) -> list[Entry]:
    """List ids and states of a folder, newest first, received from `since` to `until` (both included, ISO, UTC; None is open).

    `breathe` is awaited before each further page. Raises `GraphError`: half a listing must not be taken for the whole.
    """
    entries: dict[str, Entry] = {}
    walked: set[str] = set()
    ask: Ask | None = states_ask(folder_id, since, until)
    while ask is not None:
        ((_, reply),) = await ask_all(client, [ask], priority)
        page = read_page(reply)
        entries |= {m.id: _entry(m) for m in page.changed} | {i: Entry(i) for i in page.unreadable}
        if page.next_link in walked:
            raise GraphError("Graph's message list leads in a circle")
        ask = None
        if page.next_link is not None:
            walked.add(page.next_link)
            ask = Ask(page.next_link)
            if breathe is not None:
                await breathe()
    return list(entries.values())


def windows(entries: Sequence[Entry], after: str | None, until: str | None, size: int = WINDOW) -> Iterator[Window]:
    """Cut a listing of the time from `after` to `until` into windows without gaps; messages of one second stay together.

    Whatever the listing does not cover between two messages belongs to a window too: rows there are what is looked for.
    """
    batch: list[Entry] = []
    lower = after
    for received, group in groupby(sorted(entries, key=lambda e: e.received), key=lambda e: e.received):
        same = list(group)
        if batch and len(batch) + len(same) > size and batch[-1].received:
            yield Window(batch, lower, batch[-1].received)
            batch, lower = [], batch[-1].received
        batch += same
        del received
    yield Window(batch, lower, until)


async def compare(
    odoo: OdooPort, account_id: int, folder_id: str, entries: Sequence[Entry], *, after: str | None = None, until: str | None = None
) -> Suspects:
    """Compare a complete listing of a time of a folder with Odoo's index."""
    differing: list[str] = []
    unlisted: list[str] = []
    for window in windows(entries, after, until):
        listed = [Listed(e.id, e.is_read, e.is_flagged, e.importance, e.categories) for e in window.entries]
        found = await odoo.compare(account_id, folder_id, listed, after=window.after, until=window.until)
        differing += found.differing
        unlisted += found.unlisted
    # A row whose time is not Graph's stands in another window than its message: it is listed all the same, and may be looked into.
    return Suspects(differing, unlisted)


def times_of(page: Page) -> dict[str, str]:
    """Return the times of the messages of a page, '' where it names none."""
    return {m.id: m.received if isinstance(m.received, str) else "" for m in page.changed} | dict.fromkeys(page.unreadable, "")


def second_before(moment: str) -> str:
    """Return the second before an ISO time: comparisons are exclusive below, Graph's filters are not."""
    return (datetime.fromisoformat(moment) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry(message: GraphMessage) -> Entry:
    return Entry(message.id, message.received if isinstance(message.received, str) else "", **state_of(message))
