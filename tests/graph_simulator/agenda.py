"""What is to happen later in the world's time: mail that is under way, notifications that are due.

Acts change the mailboxes and happen at their time, at the latest when somebody asks; errands go out over the network and need `run`.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

__all__ = ["Agenda"]

# Seconds: what is due so soon is due now (a clock of datetimes goes by microseconds).
_SOON = 0.001


@dataclass(order=True, slots=True)
class _Entry:
    at: float
    number: int
    what: Callable[[], Any] = field(compare=False)


class Agenda:
    """Acts and errands in the order of their times; `time` is the world's."""

    def __init__(self, time: Callable[[], datetime]) -> None:
        self._time = time
        self._numbers = count()
        self._acts: list[_Entry] = []
        self._errands: list[_Entry] = []
        # Several may run it: each client that leads into the world without sockets brings one.
        self._sleepers: set[trio.Event] = set()

    def act(self, seconds: float, what: Callable[[], None]) -> None:
        """Let something happen in so many seconds."""
        self._enter(self._acts, seconds, what)

    def errand(self, seconds: float, what: Callable[[], Awaitable[None]]) -> None:
        """Let something be sent in so many seconds."""
        self._enter(self._errands, seconds, what)

    def settle(self) -> None:
        """Let all acts happen whose time has come."""
        while (due := self._due(self._acts)) is not None:
            due.what()

    async def run(self) -> None:
        """Go by the agenda until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self.settle()
                while (due := self._due(self._errands)) is not None:
                    nursery.start_soon(self._sent, due)
                at = min((entries[0].at for entries in (self._acts, self._errands) if entries), default=math.inf)
                waker = trio.Event()
                self._sleepers.add(waker)
                try:
                    with trio.move_on_after(max(0.0, at - self._time().timestamp()) if at < math.inf else math.inf):
                        await waker.wait()
                finally:
                    self._sleepers.discard(waker)

    async def _sent(self, entry: _Entry) -> None:
        is_done = False
        try:
            await entry.what()
            is_done = True
        finally:
            if not is_done:
                # Whoever ran this has gone away: the errand is there for the next one.
                heapq.heappush(self._errands, entry)

    def _enter(self, entries: list[_Entry], seconds: float, what: Callable[[], Any]) -> None:
        heapq.heappush(entries, _Entry(self._time().timestamp() + seconds, next(self._numbers), what))
        for waker in self._sleepers:
            waker.set()

    def _due(self, entries: list[_Entry]) -> _Entry | None:
        is_due = bool(entries) and entries[0].at <= self._time().timestamp() + _SOON
        return heapq.heappop(entries) if is_due else None
