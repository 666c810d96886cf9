"""Pure: how much, how soon. Waiting times, and the sliding budget of the backfill."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

__all__ = ["BACKFILL_WINDOW", "Budget", "backoff"]

# Seconds: the first wait after a failure, doubled with each further one.
_BACKOFF_FIRST = 5.0
# The exponent is clamped: 2**7 * 5 s is over ten minutes, more than any interval in use.
_BACKOFF_STEPS = 7

# Messages a backfill window: small enough to yield quickly to whatever a person asks for.
BACKFILL_WINDOW = 50

_HOUR = 3600.0  # seconds


def backoff(failures: int, *, ceiling: float, jitter: float) -> float:
    """Return the seconds to wait after `failures` failures in a row, at most `ceiling`; `jitter` in [0, 1) spreads it by a quarter."""
    base = min(ceiling, _BACKOFF_FIRST * 2.0 ** min(max(failures - 1, 0), _BACKOFF_STEPS))
    return base * (0.875 + 0.25 * jitter)


@dataclass(slots=True)
class Budget:
    """At most `per_hour` messages in any sixty minutes; 0 is no limit (contract: `backfill_per_hour`)."""

    per_hour: int
    _spent: deque[tuple[float, int]] = field(default_factory=deque)

    def available(self, now: float) -> int:
        """Return how many messages may be fetched at `now` (seconds of any steady clock), at most one window."""
        if self.per_hour == 0:
            return BACKFILL_WINDOW
        self._forget(now)
        return max(0, min(BACKFILL_WINDOW, self.per_hour - sum(count for _, count in self._spent)))

    def spend(self, now: float, count: int) -> None:
        """Note that `count` messages were fetched."""
        if self.per_hour and count:
            self._spent.append((now, count))

    def next_at(self, now: float) -> float:
        """Return when something is available again: `now` if it is."""
        if self.available(now) > 0:
            return now
        return self._spent[0][0] + _HOUR

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0][0] + _HOUR <= now:
            self._spent.popleft()
