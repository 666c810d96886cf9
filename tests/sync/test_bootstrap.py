"""A folder's next cursor: rows that its first round does not name are asked for, whatever was lost between two cursors is compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from connector.odoo.wire import Comparison
from connector.state.ledger import Handover
from connector.sync.book import Book, FolderView
from connector.sync.bootstrap import bootstrap, reset
from tests.graph.conftest import BASE, fault, open_mailbox, page
from tests.sync.fakes import FakeAddon, work_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.odoo.wire import Listed
    from connector.state.store import Store

_LINK = f"{BASE}/me/mailFolders/F/messages/delta?$deltatoken=new"
_OLD, _NEW = "2026-11-01T10:00:00Z", "2026-11-20T10:00:00Z"


def _item(remote_id: str, received: str = _NEW) -> dict[str, Any]:
    return {"id": remote_id, "parentFolderId": "F", "subject": "x", "isRead": False, "receivedDateTime": received}


def _rows(*remote_ids: str) -> dict[str, dict[str, Any]]:
    return {i: {"remote_id": i, "folder": "F", "received_at": _NEW, "subject": "x", "is_read": False} for i in remote_ids}


@dataclass(slots=True)
class ComparingAddon(FakeAddon):
    """An addon whose comparisons say what the test says, time by time; what it was asked is kept."""

    unlisted: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    times: list[tuple[str | None, str | None]] = field(default_factory=list)

    async def compare(
        self, account_id: int, folder: str, listed: Sequence[Listed], *, after: str | None = None, until: str | None = None
    ) -> Comparison:
        """Answer each first question, and no later one."""
        assert account_id
        assert folder
        self.times.append((after, until))
        ids = {entry[0] for entry in listed}
        unlisted, self.unlisted = [i for i in self.unlisted if i not in ids], []
        differing = [i for i in self.differing if i in ids]
        return Comparison(differing, unlisted)


async def test_bootstrap_after_a_reset_asks_for_each_row_that_its_round_lacks(store: Store) -> None:
    """A message that went while there was no cursor is told by nobody; one that only moved keeps its row, and what is linked to it."""
    addon, asked = FakeAddon(rows=_rows("a", "gone", "moved")), list[str]()

    def graph(request: httpx.Request) -> httpx.Response:
        if "/me/messages/" not in str(request.url):
            return page(_item("a"), delta=_LINK)
        asked.append(request.url.path.rpartition("/")[2])
        return (
            fault(404, "ErrorItemNotFound") if asked[-1] == "gone" else httpx.Response(200, json=_item("moved") | {"parentFolderId": "A"})
        )

    async with open_mailbox(graph) as client:
        work = work_of(client, addon, store)
        folder = FolderView("F", "F", "inbox", indexed=3, total=1, is_resetting=True)
        work.book = Book({"F": folder, "A": FolderView("A", "A", "archive")})
        await bootstrap(work, folder)
    assert sorted(asked) == ["gone", "moved"]
    assert {i: row["folder"] for i, row in addon.rows.items()} == {"a": "F", "moved": "A"}
    assert (folder.cursor, folder.is_backfilled, folder.is_resetting) == (_LINK, True, False)


async def test_bootstrap_later_filter_asks_for_each_row_that_its_round_lacks(store: Store) -> None:
    """What the old filtered cursor had not told yet when it was replaced, the new one never tells."""
    addon = ComparingAddon(rows=_rows("a", "gone"), unlisted=["gone"])

    def graph(request: httpx.Request) -> httpx.Response:
        if "/me/messages/" in str(request.url):
            return fault(404, "ErrorItemNotFound")
        return page(_item("a"), delta=_LINK) if "delta" in str(request.url) else page(_item("a"))

    async with open_mailbox(graph) as client:
        work = work_of(client, addon, store)
        work.bootstrap_messages = 1
        folder = FolderView("F", "F", "inbox", cursor="old", is_bootstrapped=True, indexed=2, total=60, anchor=_OLD, backfill_before=_OLD)
        work.book = Book({"F": folder})
        await bootstrap(work, folder)
    assert list(addon.rows) == ["a"]
    assert addon.times == [("2026-11-20T09:59:59Z", None)]
    assert (folder.cursor, folder.anchor, folder.backfill_before, folder.is_backfilled) == (_LINK, _NEW, _OLD, False)


async def test_bootstrap_of_a_half_folder_after_a_reset_compares_below_its_anchor(store: Store) -> None:
    """Between the older mail that is still to come and the new filter nobody would see what changed while there was no cursor."""
    addon = ComparingAddon(rows=_rows("a", "old"), differing=["old"])

    def graph(request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        if "/me/messages/" in url:
            return httpx.Response(200, json=_item("old", _OLD) | {"isRead": True})
        if "delta" in url:
            return page(_item("a"), delta=_LINK)
        return (
            page(_item("old", _OLD))
            if request.url.params.get("$filter") == f"receivedDateTime ge {_OLD} and receivedDateTime le {_NEW}"
            else page(_item("a"))
        )

    async with open_mailbox(graph) as client:
        work = work_of(client, addon, store)
        work.bootstrap_messages = 1
        folder = FolderView("F", "F", "inbox", indexed=2, total=60, is_resetting=True, backfill_before=_OLD)
        work.book = Book({"F": folder})
        await bootstrap(work, folder)
    assert addon.rows["old"]["is_read"] is True
    assert (folder.cursor, folder.backfill_before, folder.is_resetting) == (_LINK, _OLD, False)


async def test_reset_keeps_what_is_left_to_fetch_and_forgets_what_a_dead_round_saw(store: Store) -> None:
    """Rows stay; nothing counts as complete any more, and the older mail that is still to come is not forgotten over it."""
    addon = FakeAddon(rows=_rows("a"))
    async with open_mailbox(lambda _: page()) as client:
        work = work_of(client, addon, store)
        folder = FolderView("F", "F", "inbox", cursor="dead", is_bootstrapped=True, anchor=_NEW, told=7, backfill_before=_OLD)
        done = FolderView("D", "D", "other", cursor="dead", is_bootstrapped=True, is_backfilled=True)
        work.book = Book({"F": folder, "D": done})
        await work.ledger.keep_handover("F", Handover("link", 0.0), {"a": _NEW}, [])
        for each in (folder, done):
            await reset(work, each)
        assert (await work.ledger.handover("F"), await work.ledger.seen("F")) == (None, [])
    assert (folder.cursor, folder.anchor, folder.told, folder.backfill_before) == (None, None, 0, _OLD)
    assert (done.is_bootstrapped, done.is_backfilled) == (False, False)
    assert work.book.is_resetting
    assert list(addon.rows) == ["a"]
