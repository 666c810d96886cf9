"""The queue to Odoo: batches, cursors with their data, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector.odoo.wire import FolderUpdate, Refused, Removed
from connector.state.store import Cursor
from connector.sync.applier import BATCH, Applier, NotConnectedInOdoo, Superseded
from tests.sync.fakes import FakeAddon

if TYPE_CHECKING:
    from connector.state.store import Store


def _whole(remote_id: str, folder: str = "F") -> dict[str, Any]:
    return {"remote_id": remote_id, "folder": folder, "received_at": "2026-11-23T10:00:00Z", "subject": "x", "is_read": False}


async def _never(_: str) -> dict[str, Any] | None:
    raise AssertionError("asked")


async def test_apply_cursor_goes_with_the_last_batch_and_into_the_file(store: Store) -> None:
    """A long list goes ahead in batches; the cursor comes with the end of its data, never before."""
    addon = FakeAddon()
    applier = Applier(7, addon, store, _never)
    applied = await applier.apply(
        messages=[_whole(f"m{n}") for n in range(BATCH + 1)], folders=[FolderUpdate("F", revision=0, cursor="link")]
    )
    assert [(len(c.messages), len(c.folders)) for c in addon.calls] == [(BATCH, 0), (1, 1)]
    assert applied.new == BATCH + 1
    assert await store.load_cursors(7) == {"F": Cursor(1, "link")}


async def test_apply_unknown_partial_is_asked_for_whole(store: Store) -> None:
    """A patch for an unknown id is completed; one whose message is gone is dropped; nothing is lost of the rest."""
    addon = FakeAddon()
    asked: list[str] = []

    async def fetch(remote_id: str) -> dict[str, Any] | None:
        asked.append(remote_id)
        return None if remote_id == "gone" else _whole(remote_id)

    applier = Applier(7, addon, store, fetch)
    await applier.apply(messages=[{"remote_id": "part", "is_read": True}, {"remote_id": "gone", "is_read": True}, _whole("m")])
    assert sorted(asked) == ["gone", "part"]
    assert sorted(addon.rows) == ["m", "part"]


async def test_apply_other_writer_is_told_and_nothing_is_saved(store: Store) -> None:
    """A refused revision means somebody else: the file keeps what it had."""
    addon = FakeAddon(revisions={"F": 5})
    applier = Applier(7, addon, store, _never)
    with pytest.raises(Superseded):
        await applier.apply(messages=[_whole("m")], folders=[FolderUpdate("F", revision=4, cursor="link")])
    assert addon.rows == {}
    assert await store.load_cursors(7) == {}


@pytest.mark.parametrize(("reason", "error"), [("account", NotConnectedInOdoo), ("folder", Superseded), ("revision", Superseded)])
async def test_apply_each_refusal_has_its_meaning(store: Store, reason: str, error: type[Exception]) -> None:
    """Disconnected, a folder that is newer than the tree, another writer."""
    applier = Applier(7, FakeAddon(refusals=[Refused(reason)]), store, _never)
    with pytest.raises(error):
        await applier.apply(messages=[_whole("m")])


async def test_apply_removed_speaks_of_one_folder_only(store: Store) -> None:
    """A message that is in another folder by now is not touched by its old folder's removal."""
    addon = FakeAddon()
    applier = Applier(7, addon, store, _never)
    await applier.apply(messages=[_whole("m", "B")], removed=[Removed("A", "m")])
    assert addon.pending == set()
    applied = await applier.apply(removed=[Removed("B", "m")])
    assert applied.pending == ["m"]
