"""One gate per mailbox, through which every request goes, whatever asks.

Graph's limits are per app and mailbox (contrib:concepts/throttling-limits.md): four requests at once, 10,000 in ten minutes. Measured on a
live mailbox: four lanes are never refused, five are in 13 % of cases. After a 429 the fence holds this mailbox alone.

Who waits is served by priority, then in order of arrival: what a person waits for goes first, backfill last.
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

__all__ = ["LANES", "WINDOW", "WINDOW_REQUESTS", "Gate", "Priority"]

# Requests in flight at once.
LANES = 4
# Requests in `WINDOW` seconds. Graph grants 10,000; 400 are left to whatever else uses the app on this mailbox (corso takes 9,600 too).
WINDOW_REQUESTS = 9_600
WINDOW = 600.0
# Seconds of a day, for the figure in `status`.
_DAY = 86_400.0


class Priority(IntEnum):
    """Who goes first."""

    PERSON = 0
    LIVE = 1
    BACKFILL = 2


class Gate:
    """Four lanes, a fence, a sliding window; time is trio's."""

    def __init__(self) -> None:
        self._free = LANES
        self._queue: list[tuple[int, int, trio.Event]] = []
        self._order = count()
        self._fence = 0.0
        self._recent: deque[float] = deque()
        self._hours: deque[tuple[int, int]] = deque()

    @property
    def requests_24h(self) -> int:
        """Requests of the last day, to the hour."""
        oldest = int((trio.current_time() - _DAY) // 3600)
        return sum(number for hour, number in self._hours if hour > oldest)

    def hold(self, seconds: float) -> None:
        """Let nobody through for `seconds`: Graph said so."""
        self._fence = max(self._fence, trio.current_time() + seconds)

    @asynccontextmanager
    async def lane(self, priority: Priority) -> AsyncIterator[None]:
        """Wait for a lane, the fence and the window, and hold the lane."""
        await self._enter(priority)
        try:
            await self._pass()
            yield
        finally:
            self._leave()

    async def _enter(self, priority: Priority) -> None:
        if self._free and not self._queue:
            self._free -= 1
            return
        turn = trio.Event()
        place = (int(priority), next(self._order), turn)
        heapq.heappush(self._queue, place)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self._leave()
            else:
                self._queue.remove(place)
                heapq.heapify(self._queue)
            raise

    def _leave(self) -> None:
        """Give the lane to the next in the queue, or back."""
        if self._queue:
            heapq.heappop(self._queue)[2].set()
        else:
            self._free += 1

    async def _pass(self) -> None:
        """Wait until fence and window allow a request, and count it."""
        while True:
            now = trio.current_time()
            while self._recent and self._recent[0] <= now - WINDOW:
                self._recent.popleft()
            until = self._fence
            if len(self._recent) >= WINDOW_REQUESTS:
                until = max(until, self._recent[0] + WINDOW)
            if until <= now:
                break
            await trio.sleep_until(until)
        self._recent.append(now)
        hour = int(now // 3600)
        if self._hours and self._hours[-1][0] == hour:
            self._hours[-1] = (hour, self._hours[-1][1] + 1)
        else:
            self._hours.append((hour, 1))
            while self._hours[0][0] <= hour - 25:
                self._hours.popleft()
