"""The queue to Odoo: batches, cursors with their data, refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from connector.errors import OdooFault
from connector.odoo.wire import Applied, ApplyRequest, ApplyResult, FolderUpdate, Refused, Removed
from connector.state.store import Cursor
from connector.sync.applier import BATCH, Applier, NotConnectedInOdoo, Superseded
from connector.sync.turn import Turn
from tests.sync.fakes import FakeAddon

if TYPE_CHECKING:
    from connector.state.store import Store


def _whole(remote_id: str, folder: str = "F") -> dict[str, Any]:
    return {"remote_id": remote_id, "folder": folder, "received_at": "2026-11-23T10:00:00Z", "subject": "x", "is_read": False}


async def _never(_: list[str]) -> list[dict[str, Any]]:
    raise AssertionError("asked")


async def _fine(patch: dict[str, Any]) -> None:
    raise AssertionError(f"{patch['remote_id']} refused")


async def test_apply_cursor_goes_with_the_last_batch_and_into_the_file(store: Store) -> None:
    """A long list goes ahead in batches; the cursor comes with the end of its data, never before."""
    addon = FakeAddon()
    applier = Applier(7, addon, store, _never, _fine, Turn("fence"))
    applied = await applier.apply(
        messages=[_whole(f"m{n}") for n in range(BATCH + 1)], folders=[FolderUpdate("F", revision=0, cursor="link")]
    )
    assert [(len(c.messages), len(c.folders)) for c in addon.calls] == [(BATCH, 0), (1, 1)]
    assert applied.new == BATCH + 1
    assert await store.load_cursors(7) == {"F": Cursor(1, "link")}


async def test_apply_removals_go_in_batches_after_the_messages(store: Store) -> None:
    """Ten thousand of them in one transaction would hold its locks for longer than 0.25 s; the cursor comes with the last of them."""
    addon = FakeAddon()
    applier = Applier(7, addon, store, _never, _fine, Turn("fence"))
    ids = [f"m{n}" for n in range(2 * BATCH + 1)]
    await applier.apply(messages=[_whole(i) for i in ids])
    addon.calls.clear()
    applied = await applier.apply(
        messages=[_whole("new")], removed=[Removed("F", i) for i in ids], folders=[FolderUpdate("F", revision=0, cursor="link")]
    )
    assert [(len(c.messages), len(c.removed), len(c.folders)) for c in addon.calls] == [(1, BATCH, 0), (0, BATCH, 0), (0, 1, 1)]
    assert (applied.new, applied.pending) == (1, sorted(ids))
    assert await store.load_cursors(7) == {"F": Cursor(1, "link")}


async def test_apply_strangers_of_all_batches_are_asked_about_to_one_limit(store: Store) -> None:
    """The emptying of a folder in many batches asks Graph no more than one in a single call would."""
    ids = [f"m{n:04}" for n in range(2 * BATCH)]
    addon = FakeAddon(refusals=[Refused("unknown", unknown=ids[:300]), Refused("unknown", unknown=ids[BATCH:])])
    asked: list[str] = []

    async def fetch(remote_ids: list[str]) -> list[dict[str, Any]]:
        asked.extend(remote_ids)
        return []

    # The first refusal is of the first call, the second of the one that follows its repetition.
    addon.refusals.insert(1, Applied({}, 0, 0, []))
    await Applier(7, addon, store, fetch, _fine, Turn("fence")).apply(removed=[Removed("F", i) for i in ids])
    assert asked == [*ids[:300], *ids[BATCH : BATCH + 100]]


async def test_apply_names_the_database_of_the_file(store: Store) -> None:
    """Where it was swapped under the connector, nothing is written into another one."""
    await store.remember_database("d-1")
    addon = FakeAddon()
    applier = Applier(7, addon, store, _never, _fine, Turn("fence"))
    await applier.apply(messages=[_whole("m")])
    assert addon.calls[0].database == "d-1"


async def test_apply_unknown_partial_is_asked_for_whole(store: Store) -> None:
    """A patch for an unknown id is completed; one whose message is gone is dropped; nothing is lost of the rest."""
    addon = FakeAddon()
    asked: list[str] = []

    async def fetch(remote_ids: list[str]) -> list[dict[str, Any]]:
        asked.extend(remote_ids)
        return [_whole(i) for i in remote_ids if i != "gone"]

    applier = Applier(7, addon, store, fetch, _fine, Turn("fence"))
    await applier.apply(messages=[{"remote_id": "part", "is_read": True}, {"remote_id": "gone", "is_read": True}, _whole("m")])
    assert sorted(asked) == ["gone", "part"]
    assert sorted(addon.rows) == ["m", "part"]


async def test_apply_removals_of_strangers_are_asked_about(store: Store) -> None:
    """Each may be a message that came, went and came back, told as removed and never again; what is not there is dropped from the call.

    The emptying of a folder whose older mail was never fetched is not asked about to its end: there is nothing to hide.
    """
    addon = FakeAddon(refusals=[Refused("unknown", unknown=[f"m{n:03}" for n in range(450)])])
    asked: list[str] = []

    async def fetch(remote_ids: list[str]) -> list[dict[str, Any]]:
        asked.extend(remote_ids)
        return [_whole(i) for i in remote_ids if i in {"m000", "m007", "m399"}]

    applier = Applier(7, addon, store, fetch, _fine, Turn("fence"))
    removed = [Removed("F", f"m{n:03}") for n in range(450)]
    await applier.apply(removed=removed, folders=[FolderUpdate("F", revision=0, cursor="link")])
    assert asked == [f"m{n:03}" for n in range(400)]
    assert sorted(addon.rows) == ["m000", "m007", "m399"]
    assert (addon.calls[-1].removed, addon.pending, addon.cursors) == ([], set(), {"F": "link"})


async def test_apply_other_writer_is_told_and_nothing_is_saved(store: Store) -> None:
    """A refused revision means somebody else: the file keeps what it had."""
    addon = FakeAddon(revisions={"F": 5})
    applier = Applier(7, addon, store, _never, _fine, Turn("fence"))
    with pytest.raises(Superseded):
        await applier.apply(messages=[_whole("m")], folders=[FolderUpdate("F", revision=4, cursor="link")])
    assert addon.rows == {}
    assert await store.load_cursors(7) == {}


@pytest.mark.parametrize(
    ("reason", "error"),
    [("account", NotConnectedInOdoo), ("database", Superseded), ("folder", Superseded), ("revision", Superseded)],
)
async def test_apply_each_refusal_has_its_meaning(store: Store, reason: str, error: type[Exception]) -> None:
    """Disconnected, a folder that is newer than the tree, another writer."""
    applier = Applier(7, FakeAddon(refusals=[Refused(reason)]), store, _never, _fine, Turn("fence"))
    with pytest.raises(error):
        await applier.apply(messages=[_whole("m")])


async def test_apply_removed_speaks_of_one_folder_only(store: Store) -> None:
    """A message that is in another folder by now is not touched by its old folder's removal."""
    addon = FakeAddon()
    applier = Applier(7, addon, store, _never, _fine, Turn("fence"))
    await applier.apply(messages=[_whole("m", "B")], removed=[Removed("A", "m")])
    assert addon.pending == set()
    applied = await applier.apply(removed=[Removed("B", "m")])
    assert applied.pending == ["m"]


async def test_apply_patch_that_odoo_refuses_is_left_out_and_told(store: Store) -> None:
    """One bad message never stops its mailbox: all others are applied, the cursor moves on, and it is told before that."""
    addon, told = PickyAddon(bad={"m3", "m77"}), []

    async def refused(patch: dict[str, Any]) -> None:
        assert addon.cursors == {}, "noted before the cursor moves past it"
        told.append(patch["remote_id"])

    applier = Applier(7, addon, store, _never, refused, Turn("fence"))
    applied = await applier.apply(messages=[_whole(f"m{n}") for n in range(100)], folders=[FolderUpdate("F", revision=0, cursor="link")])
    assert sorted(told) == ["m3", "m77"]
    assert applied.new == 98
    assert len(addon.rows) == 98
    assert addon.cursors == {"F": "link"}


@pytest.mark.parametrize(
    ("bad", "name"),
    [({f"m{n}" for n in range(50)}, "odoo.exceptions.ValidationError"), ({"m3"}, "psycopg2.errors.SerializationFailure")],
)
async def test_apply_fault_that_is_not_of_one_message_is_raised(store: Store, bad: set[str], name: str) -> None:
    """Where everything is refused the addon is wrong, and a serialization failure says nothing of any message: nobody is set aside."""
    addon = PickyAddon(bad=bad, name=name)
    applier = Applier(7, addon, store, _never, _fine, Turn("fence"))
    with pytest.raises(OdooFault):
        await applier.apply(messages=[_whole(f"m{n}") for n in range(50)], folders=[FolderUpdate("F", revision=0, cursor="link")])
    assert addon.cursors == {}


@dataclass(slots=True)
class PickyAddon(FakeAddon):
    """An addon that cannot take some messages."""

    bad: set[str] = field(default_factory=set)
    name: str = "odoo.exceptions.ValidationError"

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Refuse a call with a bad message as a whole."""
        if self.bad & {p["remote_id"] for p in request.messages}:
            raise OdooFault(self.name, "no")
        return await FakeAddon.apply(self, request)
