"""A working copy of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connector.state.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from connector.state.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A working copy."""
    async with open_store(tmp_path / "state.sqlite3") as opened:
        yield opened
