"""How many requests an app may make for one mailbox within ten minutes (graph-behaviour section 6)."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from tests.graph_simulator.odata import GraphFault

if TYPE_CHECKING:
    from datetime import datetime

    from tests.graph_simulator.quirks import Quirks

__all__ = ["RequestBudget"]

# Seconds that the budget of `request_rate` requests is for; it slides.
WINDOW = 600


class RequestBudget:
    """The requests of each mailbox in the last ten minutes. One that is refused counts like any other."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def spend(self, address: str, at: datetime, quirks: Quirks) -> None:
        """Count a request, and refuse it if the budget is spent."""
        now = at.timestamp()
        times = self._times.setdefault(address, deque())
        while times and times[0] <= now - WINDOW:
            times.popleft()
        times.append(now)
        if quirks.request_rate and len(times) > quirks.request_rate:
            # When as many have gone out of the window as are too many.
            wait = math.ceil(times[len(times) - quirks.request_rate] + WINDOW - now)
            headers = {"Retry-After": str(max(1, wait))} if quirks.retry_after else {}
            raise GraphFault(429, "ApplicationThrottled", "Application is over its RequestRate limit.", headers)
