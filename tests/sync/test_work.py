"""What every step does with a page: patches, what left, and what nobody can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from connector.graph.pages import Page
from connector.sync.book import Book, FolderView
from tests.graph.conftest import fault, open_mailbox
from tests.sync.fakes import FakeAddon, work_of

if TYPE_CHECKING:
    from connector.state.store import Store


async def test_sort_messages_without_an_id_are_told_to_the_log(store: Store) -> None:
    """They cannot be asked for, so they cannot be set aside; they do not vanish without a word, and stop nothing."""
    folder = FolderView("F", "F", "inbox")
    async with open_mailbox(lambda _: fault(404, "ErrorItemNotFound")) as client:
        work = work_of(client, FakeAddon(), store)
        work.book = Book({"F": folder})
        with capture_logs() as logs:
            assert work.sort(folder, Page([], ["left"], None, "link", ["odd"], 2)) == ([], ["left"])
    assert [(entry["event"], entry["number"]) for entry in logs if "number" in entry] == [("messages without an id", 2)]
    assert work.trials.open == {"odd"}
