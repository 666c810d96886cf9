"""What is known of a mailbox's folders: which cursor counts, which folder comes first, how far it is."""

from __future__ import annotations

import pytest

from connector.graph.folders import Folder
from connector.odoo.wire import MailboxSnapshot, TreeFolder
from connector.state.store import Cursor
from connector.sync.book import Book, FolderView, open_book, to_tree
from tests.sync.fakes import snapshot_of


@pytest.mark.parametrize(
    ("in_odoo", "in_file", "cursor"),
    [
        ("odoo", None, "odoo"),
        ("odoo", Cursor(4, "file"), "file"),
        ("odoo", Cursor(3, "file"), "odoo"),
        ("odoo", Cursor(5, "file"), "odoo"),
        ("odoo", Cursor(4, None), "odoo"),
        (None, Cursor(3, "file"), None),
    ],
)
def test_open_book_file_counts_at_equal_revision_only(in_odoo: str | None, in_file: Cursor | None, cursor: str | None) -> None:
    """A cursor of another revision, older or newer, covers other data than Odoo has."""
    snapshot = MailboxSnapshot(account_id=7, folders=[snapshot_of("F", revision=4, cursor=in_odoo)], pending=["m"], fence="")
    book = open_book(snapshot, {} if in_file is None else {"F": in_file}, 0.0)
    assert book.folders["F"].cursor == cursor
    assert book.folders["F"].is_bootstrapped is (cursor is not None), "without a cursor it has to be listed again"
    assert book.pending == {"m"}


def test_open_book_folder_being_reset_is_still_being_reset() -> None:
    """A restart in the middle of a reset does not forget that a person was told of it."""
    book = open_book(MailboxSnapshot(account_id=7, folders=[snapshot_of("F", sync_state="resync")], pending=[], fence=""), {}, 0.0)
    assert book.is_resetting


def test_synced_looked_at_first_then_by_role_then_by_name() -> None:
    """The folder on the screen, Inbox, Sent, Drafts, the rest; one that is switched off not at all."""
    folders = [
        FolderView("t", "Trash", "trash"),
        FolderView("b", "beta", "other"),
        FolderView("a", "Alpha", "other"),
        FolderView("d", "Drafts", "drafts"),
        FolderView("j", "Junk", "junk", sync_enabled=False),
        FolderView("s", "Sent", "sent"),
        FolderView("i", "Inbox", "inbox"),
    ]
    book = Book({f.remote_id: f for f in folders})
    assert [f.remote_id for f in book.synced()] == ["i", "s", "d", "a", "b", "t"]
    assert [f.remote_id for f in book.synced("b")] == ["b", "i", "s", "d", "a", "t"]
    assert [f.remote_id for f in book.synced("j")] == ["i", "s", "d", "a", "b", "t"]


def test_progress_counts_synced_folders_and_never_more_than_there_is() -> None:
    """A complete folder counts whole; rows that wait to be removed do not make it more than Graph's count."""
    book = Book(
        {
            "i": FolderView("i", "Inbox", "inbox", is_bootstrapped=True, is_backfilled=True, total=10, indexed=9),
            "s": FolderView("s", "Sent", "sent", is_bootstrapped=True, total=5, indexed=7),
            "a": FolderView("a", "A", "other", is_bootstrapped=True, total=100, indexed=50),
            "j": FolderView("j", "Junk", "junk", sync_enabled=False, total=1000),
        }
    )
    assert book.progress() == (65, 115)
    assert book.is_bootstrapped, "what is not synced holds nothing up"
    assert not book.is_backfilled


def test_is_new_tree_order_does_not_matter() -> None:
    """Graph lists folders in any order: only another name, parent or role, or another folder, is written to Odoo."""
    inbox, child = TreeFolder("I", None, "Inbox", "inbox"), TreeFolder("C", "I", "Child", "other")
    book = Book()
    assert book.is_new_tree([])
    book.tree = [inbox, child]
    assert not book.is_new_tree([child, inbox])
    assert book.is_new_tree([inbox])
    assert book.is_new_tree([inbox, TreeFolder("C", None, "Child", "other")])


@pytest.mark.parametrize(
    ("name", "shown"), [("Nordsee/Pier", "Nordsee/Pier"), ("a\0b\ud800", "ab"), ("", "(no name)"), ("\x07", "(no name)")]
)
def test_to_tree_names_are_fit_for_postgresql_and_never_empty(name: str, shown: str) -> None:
    """One odd name must not keep the whole tree out of Odoo."""
    (folder,) = to_tree([Folder("F", None, name, "other", 0, 0)])
    assert folder.name == shown
