"""The hand-over: the filtered cursor goes only when all that an unfiltered round named is in Odoo, and what it lacks was asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from connector.errors import OdooUnreachable
from connector.sync.backfill import hand_over
from connector.sync.book import Book, FolderView
from tests.graph.conftest import BASE, fault, open_mailbox, page
from tests.sync.fakes import FakeAddon, work_of

if TYPE_CHECKING:
    from connector.odoo.wire import ApplyRequest, ApplyResult
    from connector.state.store import Store
    from connector.sync.work import Work
    from tests.graph.conftest import Handler

_DELTA = f"{BASE}/me/mailFolders/F/messages/delta"
_FILTERED, _NEXT, _WHOLE = f"{_DELTA}?$deltatoken=filtered", f"{_DELTA}?$skiptoken=1", f"{_DELTA}?$deltatoken=whole"


def _item(remote_id: str) -> dict[str, Any]:
    return {"id": remote_id, "parentFolderId": "F", "subject": "x", "isRead": False, "receivedDateTime": "2026-11-20T10:00:00Z"}


def _row(remote_id: str) -> dict[str, Any]:
    return {"remote_id": remote_id, "folder": "F", "received_at": "2026-11-20T10:00:00Z", "subject": "x", "is_read": False}


def _open(work: Work) -> FolderView:
    """Put a folder into the book whose older mail is there; its cursor is filtered still."""
    folder = FolderView("F", "F", "inbox", cursor=_FILTERED, is_bootstrapped=True, anchor="2026-11-22T00:00:00Z", told=3)
    work.book = Book({"F": folder})
    return folder


def _two_pages(asked: list[str], others: dict[str, httpx.Response] | None = None) -> Handler:
    """Answer a round of two pages, `a` on the first and `b` on the second, and single messages as `others` say."""

    def graph(request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        if "/me/messages/" in url:
            asked.append(request.url.path.rpartition("/")[2])
            return (others or {})[asked[-1]]
        return page(_item("b"), delta=_WHOLE) if "skiptoken" in url else page(_item("a"), next=_NEXT)

    return graph


async def test_hand_over_asks_for_what_its_round_lacks_then_swaps_the_cursor(store: Store) -> None:
    """Rows that no page named are asked for one by one; whatever was named on any page, or told by the live round meanwhile, is not."""
    asked: list[str] = []
    addon = FakeAddon(rows={i: _row(i) for i in ("a", "fresh", "gone", "there")})
    others = {"gone": fault(404, "ErrorItemNotFound"), "there": httpx.Response(200, json=_item("there"))}
    async with open_mailbox(_two_pages(asked, others)) as client:
        work = work_of(client, addon, store)
        folder = _open(work)
        await hand_over(work, folder)
        assert (folder.cursor, addon.cursors, asked) == (_FILTERED, {}, []), "half a round swaps nothing"
        await work.ledger.see("F", {"fresh": "2026-11-23T10:00:00Z"}, [])
        await hand_over(work, folder)
        assert await work.ledger.handover("F") is None
        assert await work.ledger.seen("F") == []
    assert sorted(asked) == ["gone", "there"]
    assert sorted(addon.rows) == ["a", "b", "fresh", "there"]
    assert (folder.cursor, addon.cursors) == (_WHOLE, {"F": _WHOLE})
    assert (folder.anchor, folder.is_backfilled) == (None, True)


async def test_hand_over_dead_link_begins_again_and_ends_nothing(store: Store) -> None:
    """The filtered cursor stays in use until a whole round came to its end; what the dead one named counts no more."""
    asked: list[str] = []
    addon = FakeAddon(rows={"old": _row("old")})
    answers = [page(_item("a"), _item("old"), next=_NEXT), fault(410, "SyncStateNotFound"), page(_item("a"), delta=_WHOLE)]

    def graph(request: httpx.Request) -> httpx.Response:
        if "/me/messages/" in str(request.url):
            return fault(404, "ErrorItemNotFound")
        asked.append(str(request.url.query))
        return answers.pop(0)

    async with open_mailbox(graph) as client:
        work = work_of(client, addon, store)
        folder = _open(work)
        for _ in range(2):
            await hand_over(work, folder)
        assert (folder.cursor, folder.is_backfilled, addon.cursors) == (_FILTERED, False, {})
        assert folder.anchor is not None
        await hand_over(work, folder)
    assert ["skiptoken" in query for query in asked] == [False, True, False]
    assert list(addon.rows) == ["a"], "named by the dead round only, and deleted since"
    assert folder.cursor == _WHOLE


async def test_hand_over_page_that_odoo_did_not_take_is_read_again(store: Store) -> None:
    """Its link is noted after its data only: else the round would end without these messages, and nothing asks for them again."""
    asked: list[str] = []
    addon = AwayAddon()
    async with open_mailbox(_two_pages(asked)) as client:
        work = work_of(client, addon, store)
        folder = _open(work)
        with pytest.raises(OdooUnreachable):
            await hand_over(work, folder)
        assert await work.ledger.handover("F") is None
        # Taken up anew, as after any call whose fate is not known.
        work = replace(work, applier=work_of(client, addon, store).applier)
        for _ in range(2):
            await hand_over(work, folder)
    assert sorted(addon.rows) == ["a", "b"]
    assert folder.cursor == _WHOLE


async def test_hand_over_of_another_day_begins_again(store: Store) -> None:
    """Its notes may come from a restored file: messages deleted since would pass for seen, and their rows would stay for ever."""
    asked: list[str] = []
    addon = FakeAddon(rows={i: _row(i) for i in ("a", "deleted")})
    async with open_mailbox(_two_pages(asked, {"deleted": fault(404, "ErrorItemNotFound")})) as client:
        work = work_of(client, addon, store)
        folder = _open(work)
        await hand_over(work, folder)
        await work.ledger.see("F", {"deleted": "2026-11-20T10:00:00Z"}, [])
        later = work.now() + timedelta(days=2)
        work = replace(work, now=lambda: later)
        for _ in range(2):
            await hand_over(work, folder)
    assert asked == ["deleted"]
    assert sorted(addon.rows) == ["a", "b"]


class AwayAddon(FakeAddon):
    """An addon that does not answer the first call."""

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Be away once."""
        if not self.calls:
            self.calls.append(request)
            raise OdooUnreachable("away")
        return await FakeAddon.apply(self, request)
