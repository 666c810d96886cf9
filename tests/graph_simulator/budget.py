"""What an app may use of one mailbox within some time: requests, bytes, mails (graph-behaviour section 6)."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from tests.graph_simulator.odata import GraphFault, named_fault

if TYPE_CHECKING:
    from datetime import datetime

    from tests.graph_simulator.quirks import Quirks

__all__ = ["ByteBudget", "RequestBudget", "SendBudget"]


class _Window:
    """What was used within so many seconds; it slides."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._used: dict[str, deque[tuple[float, int]]] = {}

    def used(self, address: str, now: float) -> int:
        """Return how much was used up to now."""
        entries = self._used.setdefault(address, deque())
        while entries and entries[0][0] <= now - self._seconds:
            entries.popleft()
        return sum(amount for _, amount in entries)

    def add(self, address: str, now: float, amount: int) -> None:
        """Count so much more."""
        self._used.setdefault(address, deque()).append((now, amount))

    def wait(self, address: str, now: float, amount: int) -> int:
        """Return the whole seconds until `amount` has gone out of the window."""
        gone = 0
        for at, one in self._used[address]:
            gone += one
            if gone >= amount:
                return max(1, math.ceil(at + self._seconds - now))
        return math.ceil(self._seconds)


def _limited(limit: str, wait: int, quirks: Quirks) -> GraphFault:
    headers = {"Retry-After": str(wait)} if quirks.retry_after else {}
    return GraphFault(429, "ApplicationThrottled", f"Application is over its {limit} limit.", headers)


class RequestBudget:
    """The requests of each mailbox in the last ten minutes. One that is refused counts like any other."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def spend(self, address: str, at: datetime, quirks: Quirks) -> None:
        """Count a request, and refuse it if the budget is spent."""
        now = at.timestamp()
        times = self._times.setdefault(address, deque())
        while times and times[0] <= now - _REQUEST_SECONDS:
            times.popleft()
        times.append(now)
        if quirks.request_rate and len(times) > quirks.request_rate:
            # When as many have gone out of the window as are too many.
            wait = math.ceil(times[len(times) - quirks.request_rate] + _REQUEST_SECONDS - now)
            raise _limited("RequestRate", max(1, wait), quirks)


class ByteBudget:
    """The bytes that came in bodies for each mailbox in the last five minutes; what is refused does not count."""

    def __init__(self) -> None:
        self._window = _Window(_BYTE_SECONDS)

    def spend(self, address: str, size: int, at: datetime, quirks: Quirks) -> None:
        """Count a body, or refuse it."""
        now = at.timestamp()
        over = self._window.used(address, now) + size - quirks.upload_budget
        if quirks.upload_budget and over > 0:
            raise _limited("IncomingBytes", self._window.wait(address, now, over), quirks)
        self._window.add(address, now, size)


class SendBudget:
    """The mails that each mailbox sent in the last minute; what is refused does not count."""

    def __init__(self) -> None:
        self._window = _Window(_SEND_SECONDS)

    def spend(self, address: str, at: datetime, quirks: Quirks) -> None:
        """Count a mail, or refuse it."""
        now = at.timestamp()
        if quirks.send_rate and self._window.used(address, now) >= quirks.send_rate:
            fault = named_fault(quirks.send_rate_code, "The mailbox has exceeded its message rate limit.")
            if quirks.retry_after:
                fault.headers["Retry-After"] = str(self._window.wait(address, now, 1))
            raise fault
        self._window.add(address, now, 1)


# Seconds of each window (section 6).
_REQUEST_SECONDS = 600
_BYTE_SECONDS = 300
_SEND_SECONDS = 60
