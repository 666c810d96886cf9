"""What became of messages that left a folder: only a clear answer removes a row."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from connector.errors import GraphError, GraphForbidden, GraphMailboxGone, GraphThrottled, GraphUnauthorized
from connector.graph.folders import ROLES
from connector.graph.gate import Priority
from connector.sync.book import Book, FolderView
from connector.sync.removals import resolve_pending
from tests.graph.conftest import fault, open_mailbox, page
from tests.sync.fakes import FakeAddon, work_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

    from connector.state.store import Store
    from connector.sync.work import Work
    from tests.graph.conftest import Handler


def _at(folder: str) -> httpx.Response:
    return httpx.Response(200, json={"id": "m", "parentFolderId": folder})


# Graph's folder list: none of the folders that a message was found in is there, unless a test says so.
TREE = {"mailFolders": page({"id": "F"}, {"id": "A"}, {"id": "B"})} | {name: fault(404, "ErrorItemNotFound") for name in ROLES}


def _answering(answers: dict[str, httpx.Response]) -> Handler:
    def answer(request: httpx.Request) -> httpx.Response:
        given = answers[request.url.path.rpartition("/")[2]]
        # Graph answers about the very message that was asked for.
        if given.status_code == 200 and "parentFolderId" in given.json():
            return httpx.Response(200, json=given.json() | {"id": request.url.path.rpartition("/")[2]})
        return given

    return answer


@asynccontextmanager
async def _work(store: Store, handler: Handler, ids: list[str]) -> AsyncIterator[tuple[Work, FakeAddon]]:
    """Open the work on messages of folder F; A and B are other folders, of which B is not synced."""
    addon = FakeAddon(rows={i: {"remote_id": i, "folder": "F"} for i in ids}, pending=set(ids))
    folders = [FolderView("F", "F", "inbox"), FolderView("A", "A", "other"), FolderView("B", "B", "junk", sync_enabled=False)]
    async with open_mailbox(handler) as client:
        work = work_of(client, addon, store)
        work.book = Book({f.remote_id: f for f in folders}, pending=set(ids))
        yield work, addon


async def _resolve(store: Store, handler: Handler, ids: list[str]) -> tuple[bool, FakeAddon, Work]:
    async with _work(store, handler, ids) as (work, addon):
        return await resolve_pending(work, Priority.LIVE), addon, work


async def test_resolve_each_answer_has_its_end(store: Store) -> None:
    """Moved within what is synced: kept. Moved out of it, or not there: gone."""
    answers = {
        "moved": _at("A"),
        "back": _at("F"),
        "not-synced": _at("B"),
        "unlisted": _at("X"),
        "deleted": fault(404, "ErrorItemNotFound"),
        "malformed": fault(400, "ErrorInvalidIdMalformed"),
    }
    resolved, addon, work = await _resolve(store, _answering({**answers, **TREE}), list(answers))
    assert resolved
    assert {i: row["folder"] for i, row in addon.rows.items()} == {"moved": "A", "back": "F"}
    assert (addon.pending, work.book.pending) == (set(), set())
    assert work.outside == {"X"}


async def test_resolve_message_in_a_folder_that_came_up_since_waits_for_the_tree(store: Store) -> None:
    """Its row is not let go only because the connector has not met the folder yet: links to it survive."""
    tree = {**TREE, "mailFolders": page({"id": "F"}, {"id": "New"})}
    resolved, addon, work = await _resolve(store, _answering({"m": _at("New"), **tree}), ["m"])
    assert not resolved
    assert list(addon.rows) == ["m"]
    assert work.outside == set()


async def test_resolve_message_that_cannot_be_read_is_set_aside_after_three_tries(store: Store) -> None:
    """It is counted and told to Odoo, and no longer in the way of a good round."""
    shape, nowhere = httpx.Response(200, json={"id": "shape", "subject": 7}), httpx.Response(200, json={"id": "nowhere", "subject": "x"})
    handler = _answering({"bad": fault(500, "ErrorCorruptData"), "shape": shape, "nowhere": nowhere, **TREE})
    async with _work(store, handler, ["bad", "shape", "nowhere"]) as (work, addon):
        for _ in range(3):
            assert await resolve_pending(work, Priority.LIVE)
        assert work.book.unreadable == {"bad", "shape", "nowhere"}
        reasons = {"bad": "ErrorCorruptData", "shape": "shape", "nowhere": "shape"}
        assert {a.remote_id: a.reason for a in addon.set_aside} == reasons
        assert await resolve_pending(work, Priority.LIVE)
        assert len(addon.set_aside) == 3
        assert addon.rows.keys() == reasons.keys(), "that Graph names no folder, or says what nobody understands, proves no deletion"


async def test_resolve_what_was_met_in_a_folder_that_is_switched_off_is_forgotten(store: Store) -> None:
    """Odoo takes nothing of a folder whose mail nobody wants: telling it all the same would put off every cycle for ever."""
    handler = _answering({"bad": fault(500, "ErrorCorruptData"), **TREE})
    async with _work(store, handler, []) as (work, addon):
        for _ in range(3):
            work.trials.note("unwanted", "B", "shape")
            work.trials.note("wanted", "F", "shape")
        work.trials.note("bad", "B", "shape")
        assert await resolve_pending(work, Priority.LIVE)
        assert [one.remote_id for one in addon.set_aside] == ["wanted"]
        assert work.trials.open == set()
        assert await work.ledger.trials() == {}


@pytest.mark.parametrize("answer", [fault(503, "ServiceNotAvailable"), fault(502, "")])
async def test_resolve_weather_sets_nobody_aside(answer: httpx.Response, store: Store, autojump_clock: MockClock) -> None:
    """However long the way to a message is blocked: that is not the message's fault."""
    async with _work(store, _answering({"m": answer, **TREE}), ["m"]) as (work, addon):
        for _ in range(5):
            assert not await resolve_pending(work, Priority.LIVE)
        assert (addon.set_aside, work.trials.open) == ([], set())


@pytest.mark.parametrize(
    "answer", [fault(400, "ErrorBrandNew"), fault(404, "ErrorBrandNew"), fault(500, "ErrorInternalServerError"), fault(504, "")]
)
async def test_resolve_unclear_answer_keeps_the_row_hidden(answer: httpx.Response, store: Store, autojump_clock: MockClock) -> None:
    """What proves nothing is asked for again next time, a server that fails again and again included; the others are resolved."""
    answers = {"unclear": answer, "deleted": fault(404, "ErrorItemNotFound")}
    resolved, addon, work = await _resolve(store, _answering(answers), list(answers))
    assert not resolved
    assert list(addon.rows) == ["unclear"]
    assert (addon.pending, work.book.pending) == ({"unclear"}, {"unclear"})


@pytest.mark.parametrize(
    "answer", [fault(400, "ErrorBrandNew"), httpx.Response(404), fault(500, "ErrorInternalServerError"), fault(410, "SyncStateNotFound")]
)
async def test_resolve_unclear_answer_for_the_third_time_sets_aside(
    answer: httpx.Response, store: Store, autojump_clock: MockClock
) -> None:
    """One message that Graph fails over, whatever it says, keeps no mailbox from good rounds; its row stays, hidden."""
    async with _work(store, _answering({"m": answer, **TREE}), ["m"]) as (work, addon):
        assert [await resolve_pending(work, Priority.LIVE) for _ in range(4)] == [False, False, True, True]
        assert [one.remote_id for one in addon.set_aside] == ["m"]
        assert (work.book.unreadable, list(addon.rows)) == ({"m"}, ["m"])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (fault(429, "ApplicationThrottled", retry_after="600"), GraphThrottled),
        (fault(404, "MailboxNotEnabledForRESTAPI"), GraphMailboxGone),
        (fault(403, "ErrorAccessDenied"), GraphForbidden),
        (fault(401, "InvalidAuthenticationToken"), GraphUnauthorized),
    ],
)
async def test_resolve_mailbox_as_a_whole_concludes_nothing(
    answer: httpx.Response, error: type[GraphError], store: Store, autojump_clock: MockClock
) -> None:
    """A mailbox without a licence must not look like one whose mail was deleted."""
    async with _work(store, lambda _: answer, ["m", "n"]) as (work, addon):
        with pytest.raises(error):
            await resolve_pending(work, Priority.LIVE)
        assert addon.calls == []
        assert work.book.pending == {"m", "n"}


async def test_resolve_nothing_pending_asks_nobody(store: Store) -> None:
    """A quiet cycle costs no request and no call."""

    def graph(_: httpx.Request) -> httpx.Response:
        raise AssertionError("asked")

    resolved, addon, _ = await _resolve(store, graph, [])
    assert resolved
    assert addon.calls == []


async def test_resolve_many_are_written_in_steps(store: Store) -> None:
    """The emptying of a Trash survives a crash in its middle: what is known after 200 is written."""
    ids = [f"m{n:03}" for n in range(450)]
    resolved, addon, _ = await _resolve(store, lambda _: fault(404, "ErrorItemNotFound"), ids)
    assert resolved
    assert len(addon.rows) == 50, "the rest follows between the cycles"
    assert [len(c.gone) for c in addon.calls] == [200, 200]
