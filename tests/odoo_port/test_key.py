"""The API key as far as it is known without Odoo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.odoo.key import expiry_warning, key_index

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "index"),
    [("5ca1ab1e" + "a" * 32, "5ca1ab1e"), ("a-password", None), ("5ca1ab1e" + "a" * 31, None), ("5CA1AB1E" + "A" * 32, None), ("", None)],
)
def test_key_index_is_told_of_a_key_of_odoos_only(key: str, index: str | None) -> None:
    """JSON-RPC takes a password too: not a letter of one is sent by itself."""
    assert key_index(key) == index


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (None, None),
        (timedelta(days=14, seconds=1), None),
        (timedelta(days=14), "expires in 14 days, on 2026-12-07T12:00:00Z"),
        (timedelta(hours=3), "expires in 0 days"),
        (timedelta(0), "has expired on 2026-11-23T12:00:00Z"),
        (-timedelta(days=3), "has expired"),
    ],
)
def test_expiry_warning_begins_fourteen_days_before(left: timedelta | None, said: str | None) -> None:
    """A key without an end is never warned of."""
    warning = expiry_warning(None if left is None else (NOW + left).strftime("%Y-%m-%dT%H:%M:%SZ"), NOW)
    assert (warning is None) == (said is None)
    assert said is None or (warning is not None and said in warning and "New Key" in warning)
