"""What became of messages that left a folder: only a clear answer removes a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from connector.errors import GraphError, GraphMailboxGone, GraphThrottled, GraphUnauthorized
from connector.sync.applier import Applier
from connector.sync.book import Book, FolderView
from connector.sync.removals import resolve_pending
from tests.graph.conftest import fault, open_mailbox
from tests.sync.fakes import FakeAddon

if TYPE_CHECKING:
    from trio.testing import MockClock

    from connector.state.store import Store
    from tests.graph.conftest import Handler


def _at(folder: str | None) -> httpx.Response:
    return httpx.Response(200, json={"id": "m"} if folder is None else {"id": "m", "parentFolderId": folder})


def _answering(answers: dict[str, httpx.Response]) -> Handler:
    return lambda request: answers[request.url.path.rpartition("/")[2]]


async def _never(_: str) -> dict[str, Any] | None:
    raise AssertionError("every row is known")


async def _resolve(store: Store, handler: Handler, ids: list[str]) -> tuple[bool, FakeAddon, Book]:
    """Resolve messages of folder F; A and B are other folders, of which B is not synced."""
    addon = FakeAddon(rows={i: {"remote_id": i, "folder": "F"} for i in ids}, pending=set(ids))
    folders = [FolderView("F", "F", "inbox"), FolderView("A", "A", "other"), FolderView("B", "B", "junk", sync_enabled=False)]
    book = Book({f.remote_id: f for f in folders}, pending=set(ids))
    async with open_mailbox(handler) as mailbox:
        return await resolve_pending(mailbox, Applier(7, addon, store, _never), book), addon, book


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
    resolved, addon, book = await _resolve(store, _answering(answers), list(answers))
    assert resolved
    assert {i: row["folder"] for i, row in addon.rows.items()} == {"moved": "A", "back": "F"}
    assert (addon.pending, book.pending) == (set(), set())


@pytest.mark.parametrize("answer", [fault(400, "ErrorBrandNew"), fault(404, "ErrorBrandNew"), _at(None)])
async def test_resolve_unclear_answer_keeps_the_row_hidden(answer: httpx.Response, store: Store) -> None:
    """What proves nothing is asked for again next time; the others are resolved all the same."""
    answers = {"unclear": answer, "deleted": fault(404, "ErrorItemNotFound")}
    resolved, addon, book = await _resolve(store, _answering(answers), list(answers))
    assert not resolved
    assert list(addon.rows) == ["unclear"]
    assert (addon.pending, book.pending) == ({"unclear"}, {"unclear"})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (fault(429, "ApplicationThrottled", retry_after="600"), GraphThrottled),
        (fault(404, "MailboxNotEnabledForRESTAPI"), GraphMailboxGone),
        (fault(403, "ErrorAccessDenied"), GraphMailboxGone),
        (fault(401, "InvalidAuthenticationToken"), GraphUnauthorized),
    ],
)
async def test_resolve_mailbox_as_a_whole_concludes_nothing(
    answer: httpx.Response, error: type[GraphError], store: Store, autojump_clock: MockClock
) -> None:
    """A mailbox without a licence must not look like one whose mail was deleted."""
    addon = FakeAddon(rows={"m": {"remote_id": "m", "folder": "F"}}, pending={"m"})
    book = Book({"F": FolderView("F", "F", "inbox")}, pending={"m"})
    async with open_mailbox(lambda _: answer) as mailbox:
        with pytest.raises(error):
            await resolve_pending(mailbox, Applier(7, addon, store, _never), book)
    assert addon.calls == []
    assert book.pending == {"m"}


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
    assert addon.rows == {}
    assert [len(c.gone) for c in addon.calls] == [200, 200, 50]
