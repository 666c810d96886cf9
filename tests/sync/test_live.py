"""The live round: a folder's cursor goes with the last of its data, whatever becomes of the pages and of the call that carries them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connector.errors import GraphUnreachable
from connector.odoo.wire import FolderUpdate, Refused, Removed
from connector.state.ledger import Handover
from connector.sync.applier import Applier
from connector.sync.book import Book, FolderView
from connector.sync.live import live_round
from connector.sync.turn import Turn
from tests.graph.conftest import BASE, open_mailbox, page
from tests.sync.fakes import FakeAddon, work_of

if TYPE_CHECKING:
    import httpx

    from connector.odoo.wire import ApplyRequest, ApplyResult
    from connector.state.store import Store

_DELTA = f"{BASE}/me/mailFolders/F/messages/delta"
_OLD, _NEXT, _NEW = f"{_DELTA}?$deltatoken=1", f"{_DELTA}?$skiptoken=1", f"{_DELTA}?$deltatoken=2"


def _folder(**given: Any) -> FolderView:
    return FolderView("F", "F", "inbox", cursor=_OLD, is_bootstrapped=True, is_backfilled=True, **given)


def _item(remote_id: str) -> dict[str, Any]:
    return {"id": remote_id, "parentFolderId": "F", "subject": "x", "isRead": False, "receivedDateTime": "2026-11-23T10:00:00Z"}


def _gone(remote_id: str) -> dict[str, Any]:
    return {"id": remote_id, "@removed": {"reason": "deleted"}}


async def test_live_round_that_could_not_be_written_moves_no_cursor(store: Store) -> None:
    """A message has to be asked for before Odoo takes the news, and Graph does not answer: neither memory nor file may be ahead of Odoo.

    No error of Graph's makes the connector take up Odoo's cursors again, so the next round would begin behind news that nobody has.
    """
    addon = FakeAddon(refusals=[Refused("unknown", unknown=["m"])])

    async def cut(_: list[str]) -> list[dict[str, Any]]:
        raise GraphUnreachable("cut")

    async def fine(patch: dict[str, Any]) -> None:
        raise AssertionError(f"{patch['remote_id']} refused")

    async with open_mailbox(lambda _: page(_item("m"), delta=_NEW)) as client:
        work = work_of(client, addon, store)
        folder = _folder()
        work.book = Book({"F": folder})
        work.applier = Applier(7, addon, store, cut, fine, Turn("fence"))
        with pytest.raises(GraphUnreachable):
            await live_round(work, [folder], with_tree=False)
        assert (addon.rows, addon.cursors, await store.load_cursors(7)) == ({}, {}, {})
        assert folder.cursor == _OLD
        await live_round(work, [folder], with_tree=False)
    assert list(addon.rows) == ["m"]
    assert folder.cursor == addon.cursors["F"] == (await store.load_cursors(7))["F"].cursor == _NEW


async def test_live_round_tells_the_removals_of_all_its_pages(store: Store) -> None:
    """They wait for the end of the round, and none of an earlier page is forgotten over it: Graph does not name them again."""

    def graph(request: httpx.Request) -> httpx.Response:
        return page(_gone("b"), delta=_NEW) if "skiptoken" in str(request.url) else page(_gone("a"), _item("m"), next=_NEXT)

    addon = FakeAddon(rows={i: {"remote_id": i, "folder": "F"} for i in "ab"})
    async with open_mailbox(graph) as client:
        work = work_of(client, addon, store)
        work.book = Book({"F": _folder(indexed=2)})
        await live_round(work, work.book.synced(), with_tree=False)
    assert [call.removed for call in addon.calls] == [[], [Removed("F", "a"), Removed("F", "b")]]
    assert work.book.pending == {"a", "b"}


async def test_live_round_with_an_empty_last_page_is_no_quiet_one(store: Store) -> None:
    """Graph often ends with a page that holds the link alone: the cursor goes to Odoo with its data, and what came counts as told.

    A filtered cursor that told more than anybody counted would be used beyond the number at which Graph stops telling.
    """

    def graph(request: httpx.Request) -> httpx.Response:
        return page(delta=_NEW) if "skiptoken" in str(request.url) else page(_item("a"), _item("b"), next=_NEXT)

    addon = FakeAddon()
    async with open_mailbox(graph) as client:
        work = work_of(client, addon, store)
        folder = _folder(anchor="2026-11-01T00:00:00Z", told=5)
        work.book = Book({"F": folder})
        await live_round(work, [folder], with_tree=False)
    assert [call.folders for call in addon.calls] == [[], [FolderUpdate("F", revision=0, cursor=_NEW, told=7)]]
    assert folder.told == 7


async def test_live_round_message_that_lies_where_no_mail_is_wanted_has_left(store: Store) -> None:
    """Graph names it in this folder, but says that it is in another one: its row must not stay as if nothing had happened."""
    addon = FakeAddon(rows={"m": {"remote_id": "m", "folder": "F"}})
    async with open_mailbox(lambda _: page(_item("m") | {"parentFolderId": "J"}, delta=_NEW)) as client:
        work = work_of(client, addon, store)
        work.book = Book({"F": _folder(indexed=1), "J": FolderView("J", "J", "junk", sync_enabled=False)})
        await live_round(work, [work.book.folders["F"]], with_tree=False)
    assert [(call.messages, call.removed) for call in addon.calls] == [([], [Removed("F", "m")])]
    assert work.book.pending == {"m"}


async def test_live_round_notes_what_it_cannot_read_before_its_cursor_moves(store: Store) -> None:
    """A death in between would leave a message behind that nobody asks for again."""
    noted: list[set[str]] = []

    class Watching(FakeAddon):
        async def apply(self, request: ApplyRequest) -> ApplyResult:
            noted.append(set(await work.ledger.trials()))
            return await FakeAddon.apply(self, request)

    addon = Watching()
    async with open_mailbox(lambda _: page(_item("m"), {"id": "odd", "subject": 7}, delta=_NEW)) as client:
        work = work_of(client, addon, store)
        work.book = Book({"F": _folder()})
        await live_round(work, work.book.synced(), with_tree=False)
    assert (noted, addon.cursors, list(addon.rows)) == ([{"odd"}], {"F": _NEW}, ["m"])


async def test_live_round_beside_a_hand_over_tells_it_what_came_and_went(store: Store) -> None:
    """Else every mail that came since the hand-over began would be taken for one that it lacks, and be asked for by its id."""

    def graph(_: httpx.Request) -> httpx.Response:
        return page(_item("new"), _gone("left"), delta=_NEW)

    addon = FakeAddon(rows={"left": {"remote_id": "left", "folder": "F"}})
    async with open_mailbox(graph) as client:
        work = work_of(client, addon, store)
        folder = replace(_folder(), is_backfilled=False)
        work.book = Book({"F": folder})
        await work.ledger.keep_handover("F", Handover(_NEXT, 0.0), {"left": "2026-11-20T10:00:00Z"}, [])
        await live_round(work, [folder], with_tree=False)
        assert await work.ledger.seen("F") == [("new", "2026-11-23T10:00:00Z")]
