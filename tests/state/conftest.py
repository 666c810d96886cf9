"""A working copy of the test's own."""

from __future__ import annotations

from tests.sync.conftest import store

__all__ = ["store"]
