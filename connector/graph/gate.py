"""One gate per mailbox, through which every request goes, whatever asks.

Graph's limits are per app and mailbox (contrib:concepts/throttling-limits.md): four requests at once, 10,000 in ten minutes. Measured on a
live mailbox: four lanes are never refused, five are in 13 % of cases. After a 429 the fence holds this mailbox alone.

Who waits is served by priority, then in order of arrival, and holds no lane while it waits. A part of the lanes and of the window is kept
for whoever is more urgent, so that a person never stands behind a backlog:

                lanes   requests in ten minutes
    person        4       9,600
    live          3       9,200
    backfill      2       8,000

A download of an attachment may take minutes, so at most two run at once, whoever waits for them: two lanes stay for all else. While both
run, backfill may share the third lane with sync; the fourth is a person's.
"""

from __future__ import annotations

import heapq
from collections import deque
from contextlib import asynccontextmanager
from enum import IntEnum
from itertools import count
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["DOWNLOADS", "LANES", "WINDOW", "WINDOW_REQUESTS", "Gate", "Gates", "Priority"]


class Priority(IntEnum):
    """Who goes first."""

    PERSON = 0
    LIVE = 1
    BACKFILL = 2


# Requests in flight at once.
LANES = {Priority.PERSON: 4, Priority.LIVE: 3, Priority.BACKFILL: 2}
# Downloads in flight at once.
DOWNLOADS = 2
# Requests in `WINDOW` seconds. Graph grants 10,000; 400 are left to whatever else uses the app on this mailbox (corso takes 9,600 too).
WINDOW_REQUESTS = {Priority.PERSON: 9_600, Priority.LIVE: 9_200, Priority.BACKFILL: 8_000}
WINDOW = 600.0
# Seconds of a day, for the figure in `status`.
_DAY = 86_400.0


class Gate:
    """Lanes, a fence, a sliding window; time is trio's."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._downloads = 0
        # Waited for outside the queue: a third download that stood at its head would stop everybody behind it.
        self._download_slots = trio.Semaphore(DOWNLOADS)
        self._queue: list[tuple[int, int]] = []
        self._order = count()
        self._fence = 0.0
        self._recent: deque[tuple[float, int]] = deque()
        self._spent = 0
        self._hours: deque[tuple[int, int]] = deque()
        self._changed = trio.Event()

    @property
    def requests_24h(self) -> int:
        """Requests of the last day, to the hour."""
        oldest = int((trio.current_time() - _DAY) // 3600)
        return sum(number for hour, number in self._hours if hour > oldest)

    def hold(self, seconds: float) -> None:
        """Let nobody through for `seconds`: Graph said so."""
        self._fence = max(self._fence, trio.current_time() + seconds)

    @asynccontextmanager
    async def lane(self, priority: Priority, cost: int = 1, lanes: int = 1) -> AsyncIterator[None]:
        """Wait for fence, window and lanes, and hold them; Graph will count `cost` requests, and run `lanes` of them at once."""
        place = (int(priority), next(self._order))
        heapq.heappush(self._queue, place)
        try:
            while (until := self._opens_at(place, priority, cost, lanes)) > trio.current_time():
                with trio.move_on_at(until):
                    await self._changed.wait()
        finally:
            self._queue.remove(place)
            heapq.heapify(self._queue)
            self._wake()
        self._in_flight += lanes
        self._count(cost)
        try:
            yield
        finally:
            self._in_flight -= lanes
            self._wake()

    @asynccontextmanager
    async def download(self) -> AsyncIterator[None]:
        """Hold a lane for a download, as a person's, when it is one of the few that may."""
        async with self._download_slots, self.lane(Priority.PERSON):
            self._downloads += 1
            try:
                yield
            finally:
                self._downloads -= 1

    def _opens_at(self, place: tuple[int, int], priority: Priority, cost: int, lanes: int) -> float:
        """Return when this one may pass as things are; infinity while it is not its turn or all its lanes are taken."""
        most = LANES[priority] if priority is not Priority.BACKFILL else max(LANES[priority], self._downloads + 1)
        if self._queue[0] != place or self._in_flight + lanes > most:
            return float("inf")
        now = trio.current_time()
        while self._recent and self._recent[0][0] <= now - WINDOW:
            self._spent -= self._recent.popleft()[1]
        until = self._fence
        excess = self._spent + cost - WINDOW_REQUESTS[priority]
        for moment, number in self._recent:
            if excess <= 0:
                break
            excess -= number
            until = max(until, moment + WINDOW)
        return until

    def _wake(self) -> None:
        """Let everyone who waits look again; a mailbox has a handful of them."""
        if self._queue:
            self._changed.set()
            self._changed = trio.Event()

    def _count(self, cost: int) -> None:
        now = trio.current_time()
        self._recent.append((now, cost))
        self._spent += cost
        hour = int(now // 3600)
        if self._hours and self._hours[-1][0] == hour:
            self._hours[-1] = (hour, self._hours[-1][1] + cost)
        else:
            self._hours.append((hour, cost))
            while self._hours[0][0] <= hour - 25:
                self._hours.popleft()


class Gates:
    """The gates of all mailboxes, by address: what two accounts ask of one mailbox, that two people connected, Graph counts together."""

    def __init__(self) -> None:
        self._gates: dict[str, Gate] = {}

    def of(self, address: str) -> Gate:
        """Return the one gate of a mailbox; it stays when its task ends, with its fence and its window."""
        return self._gates.setdefault(address.casefold(), Gate())
