"""The working copy: what was saved is there after a kill, and one connector at a time uses it."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio

from connector.errors import StateError
from connector.state.store import Cursor, open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the working copy lies: in a folder that does not exist yet."""
    return tmp_path / "var" / "state.sqlite3"


async def test_open_store_keeps_its_name_for_ever(path: Path) -> None:
    """The instance tells Odoo whether it talks to the same file as before."""
    async with open_store(path) as store:
        first = store.instance
    async with open_store(path) as store:
        assert store.instance == first


async def test_open_store_other_file_is_another_instance(tmp_path: Path) -> None:
    """Two files never pass for one."""
    async with open_store(tmp_path / "a") as a, open_store(tmp_path / "b") as b:
        assert a.instance != b.instance


async def test_open_store_is_readable_by_its_owner_alone(path: Path) -> None:
    """Sealed or not: tokens are nobody else's business."""
    async with open_store(path) as store:
        await store.save_token(1, "sealed", 1)
        for file in path.parent.glob("state.sqlite3*"):
            if not file.name.endswith(".lock"):
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


async def test_open_store_closes_a_file_that_lay_open(path: Path) -> None:
    """One that was copied back from a backup may be readable by all."""
    file = trio.Path(path)
    await file.parent.mkdir()
    await file.touch(mode=0o644)
    async with open_store(path):
        assert stat.S_IMODE((await file.stat()).st_mode) == 0o600


async def test_open_store_second_connector_is_refused(path: Path) -> None:
    """Two connectors on one file would overwrite each other's cursors."""
    async with open_store(path):
        with pytest.raises(StateError, match="another connector is running on it"):
            async with open_store(path):
                pass
    async with open_store(path):
        pass


def test_open_store_is_free_after_a_kill(path: Path) -> None:
    """The system lets go of the file however a process ends, and what was committed is there."""
    script = f"""
import os, pathlib, trio
from connector.state.store import Cursor, open_store
async def main():
    async with open_store(pathlib.Path({str(path)!r})) as store:
        await store.save_cursors(1, {{"inbox": Cursor(4, "link")}})
        os.kill(os.getpid(), 9)
trio.run(main)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9  # noqa: S603 - our own script

    async def look() -> dict[str, Cursor]:
        async with open_store(path) as store:
            return await store.load_cursors(1)

    assert trio.run(look) == {"inbox": Cursor(4, "link")}


async def test_open_store_newer_schema_is_refused(path: Path) -> None:
    """An older connector keeps its hands off what it does not understand."""
    async with open_store(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError, match="written by a newer connector"):
        async with open_store(path):
            pass


async def test_open_store_file_that_is_no_database_is_told(path: Path) -> None:
    """A wrong path in the configuration does not destroy what lies there."""
    diary = trio.Path(path)
    await diary.parent.mkdir()
    await diary.write_text("dear diary, " * 100)
    with pytest.raises(StateError, match="not a database"):
        async with open_store(path):
            pass
    assert await diary.read_text() == "dear diary, " * 100


async def test_open_store_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A path through a file is a sentence, not a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"state\.path"):
        async with open_store(tmp_path / "file" / "state.sqlite3"):
            pass


async def test_save_token_higher_sequence_wins(path: Path) -> None:
    """Of two tokens of one account the later one is kept, in whatever order they come."""
    async with open_store(path) as store:
        assert await store.load_token(1) is None
        for name, seq in (("older", 2), ("newest", 3), ("late", 1), ("again", 3)):
            await store.save_token(1, name, seq)
        token = await store.load_token(1)
        assert token is not None
        assert (token.sealed, token.seq) == ("newest", 3)
        assert "newest" not in repr(token)


async def test_save_cursor_replaces_that_folder_only(path: Path) -> None:
    """A folder's cursor is its own; None says that it has none."""
    async with open_store(path) as store:
        await store.save_cursors(1, {"inbox": Cursor(1, "a")})
        await store.save_cursors(1, {"sent": Cursor(5, "b")})
        await store.save_cursors(2, {"inbox": Cursor(9, "c")})
        await store.save_cursors(1, {"inbox": Cursor(2, None)})
        assert await store.load_cursors(1) == {"inbox": Cursor(2, None), "sent": Cursor(5, "b")}
        assert await store.load_cursors(2) == {"inbox": Cursor(9, "c")}


async def test_take_flow_serves_once(path: Path) -> None:
    """An answer that is sent twice is redeemed once."""
    async with open_store(path) as store:
        await store.put_flow("state", 1, "flow", 100.0)
        assert await store.take_flow("state", 99.0) == (1, "flow")
        assert await store.take_flow("state", 99.0) is None


async def test_take_flow_expired_is_none_and_gone(path: Path) -> None:
    """Ten minutes, not a second more; others that expired go with it."""
    async with open_store(path) as store:
        await store.put_flow("old", 1, "flow", 100.0)
        await store.put_flow("older", 2, "flow", 50.0)
        assert await store.take_flow("old", 100.0) is None
        assert await store.take_flow("older", 0.0) is None


async def test_put_flow_replaces_the_accounts_earlier_one(path: Path) -> None:
    """Who starts again is not disturbed by the window that is still open."""
    async with open_store(path) as store:
        await store.put_flow("first", 1, "a", 100.0)
        await store.put_flow("second", 1, "b", 100.0)
        assert await store.take_flow("first", 0.0) is None
        assert await store.take_flow("second", 0.0) == (1, "b")


async def test_take_flow_at_the_same_time_serves_one(path: Path) -> None:
    """Twenty at once: one gets it."""
    served: list[tuple[int, str]] = []
    async with open_store(path) as store:
        await store.put_flow("state", 1, "flow", 100.0)

        async def take() -> None:
            if (flow := await store.take_flow("state", 0.0)) is not None:
                served.append(flow)

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(take)
    assert served == [(1, "flow")]


async def test_store_cancelled_write_is_whole_or_not_there(path: Path) -> None:
    """Cancelling a save leaves the store usable and the value either old or new."""
    async with open_store(path) as store:
        await store.save_cursors(1, {"inbox": Cursor(1, "old")})
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.save_cursors(1, {"inbox": Cursor(2, "new")})
        assert (await store.load_cursors(1))["inbox"] in {Cursor(1, "old"), Cursor(2, "new")}
        await store.save_cursors(1, {"inbox": Cursor(3, "newer")})
        assert (await store.load_cursors(1))["inbox"] == Cursor(3, "newer")
