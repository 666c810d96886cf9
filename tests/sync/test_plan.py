"""Waiting times and the budget of the backfill."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connector.sync.plan import BACKFILL_WINDOW, Budget, Surge, backoff, reset_delay


@given(st.integers(0, 10_000), st.floats(1, 3600), st.floats(0, 1, exclude_max=True))
def test_backoff_any_failures_stays_in_bounds(failures: int, ceiling: float, jitter: float) -> None:
    """However many failures, the wait is positive and at most the ceiling and an eighth."""
    assert 0 < backoff(failures, ceiling=ceiling, jitter=jitter) <= ceiling * 1.125


def test_backoff_more_failures_wait_longer() -> None:
    """The wait doubles until the ceiling."""
    waits = [backoff(n, ceiling=300, jitter=0.5) for n in range(1, 9)]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


@given(st.integers(1, 500), st.lists(st.floats(0, 2000), min_size=1, max_size=200))
def test_budget_any_use_never_exceeds_the_hour(per_hour: int, pauses: list[float]) -> None:
    """In no window of sixty minutes are more messages spent than allowed."""
    budget = Budget(per_hour)
    now, spent = 0.0, []
    for pause in pauses:
        now += pause
        count = budget.available(now)
        budget.spend(now, count)
        spent.append((now, count))
        assert sum(c for t, c in spent if t > now - 3600) <= per_hour


@given(st.integers(1, 500))
def test_budget_exhausted_comes_back_at_next_at(per_hour: int) -> None:
    """When nothing is available, something is at the time that `next_at` names."""
    budget = Budget(per_hour)
    now = 0.0
    while count := budget.available(now):
        budget.spend(now, count)
        now += 1
    later = budget.next_at(now)
    assert later > now
    assert budget.available(later) > 0


def test_budget_zero_is_no_limit() -> None:
    """`backfill_per_hour: 0` means as fast as Graph allows."""
    budget = Budget(0)
    budget.spend(0, 10**9)
    assert budget.available(0) > BACKFILL_WINDOW


def test_budget_recalled_counts_what_an_earlier_process_spent() -> None:
    """A restart is no way to more than so many an hour."""
    budget = Budget(200)
    budget.recall([(0.0, 150), (1800.0, 50)])
    assert budget.available(1900.0) == 0
    assert budget.next_at(1900.0) == 3600.0
    assert budget.available(3601.0) == BACKFILL_WINDOW


@given(st.integers(0, 10_000), st.floats(0, 0.999))
def test_reset_delay_few_begin_at_once_many_are_spread(resets: int, jitter: float) -> None:
    """A single dead cursor waits for nothing; a thousand are spread over ten minutes at most."""
    delay = reset_delay(resets, jitter)
    assert 0 <= delay <= 600
    assert resets > 4 or delay == 0
    assert reset_delay(1000, 0.5) > 100


def test_surge_counts_the_last_minute_over_all_mailboxes() -> None:
    """What was a minute ago is over."""
    surge = Surge()
    assert [surge.count(t) for t in (0.0, 10.0, 59.0, 60.5, 200.0)] == [1, 2, 3, 3, 1]
