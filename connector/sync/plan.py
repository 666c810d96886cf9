"""Pure: how much, how soon. Waiting times, and the sliding budget of the backfill."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BACKFILL_WINDOW", "HOUR", "Budget", "Surge", "backoff", "reset_delay"]

# Seconds: the first wait after a failure, doubled with each further one.
_BACKOFF_FIRST = 5.0
# The exponent is clamped: 2**7 * 5 s is over ten minutes, more than any interval in use.
_BACKOFF_STEPS = 7

# Messages a backfill window: small enough to yield quickly to whatever a person asks for.
BACKFILL_WINDOW = 50

# Messages a window where there is no budget: one page of a plain list that does not time out with full rows.
_UNLIMITED_WINDOW = 500

HOUR = 3600.0  # seconds


def backoff(failures: int, *, ceiling: float, jitter: float) -> float:
    """Return the seconds to wait after `failures` failures in a row, at most `ceiling`; `jitter` in [0, 1) spreads it by a quarter."""
    base = min(ceiling, _BACKOFF_FIRST * 2.0 ** min(max(failures - 1, 0), _BACKOFF_STEPS))
    return base * (0.875 + 0.25 * jitter)


# Resets of one minute that begin at once, whatever mailboxes they are of; more of them are spread.
_RESETS_AT_ONCE = 4
# Seconds of spreading for each further reset, and at most: maintenance at Graph kills thousands of cursors in a minute (1.5).
_RESET_SPREAD = 2.0
_RESET_SPREAD_LIMIT = 600.0
_MINUTE = 60.0  # seconds


def reset_delay(resets: int, jitter: float) -> float:
    """Return the seconds that a reset waits when it is the `resets`-th within a minute; `jitter` in [0, 1)."""
    excess = max(0, resets - _RESETS_AT_ONCE)
    return jitter * min(_RESET_SPREAD_LIMIT, excess * _RESET_SPREAD)


@dataclass(slots=True)
class Surge:
    """Resets of the last minute, over all mailboxes."""

    _recent: deque[float] = field(default_factory=deque)

    def count(self, now: float) -> int:
        """Note one more reset at `now` (seconds of any steady clock) and return how many there were within a minute."""
        while self._recent and self._recent[0] <= now - _MINUTE:
            self._recent.popleft()
        self._recent.append(now)
        return len(self._recent)


@dataclass(slots=True)
class Budget:
    """At most `per_hour` messages in any sixty minutes; 0 is no limit (contract: `backfill_per_hour`)."""

    per_hour: int
    _spent: deque[tuple[float, int]] = field(default_factory=deque)

    def recall(self, spent: Iterable[tuple[float, int]]) -> None:
        """Take over what was spent before this process began: (time, count), oldest first."""
        self._spent = deque(spent)

    def available(self, now: float) -> int:
        """Return how many messages may be fetched at `now` (seconds of any steady clock), at most one window."""
        if self.per_hour == 0:
            return _UNLIMITED_WINDOW
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
        return self._spent[0][0] + HOUR

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0][0] + HOUR <= now:
            self._spent.popleft()
