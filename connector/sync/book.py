"""What the connector knows of one mailbox's folders: Odoo's snapshot, made fresher by the working copy.

With equal revisions the file's cursor is used: a quiet round moves the cursor in the file only. With different ones Odoo wins, because
its cursor was committed together with the data it covers (design, rules 2 and 3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connector.odoo.wire import TreeFolder
from connector.sync.merge import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.graph.folders import Folder
    from connector.odoo.wire import FolderSnapshot, MailboxSnapshot
    from connector.state.store import Cursor

__all__ = ["Book", "FolderView", "open_book", "to_tree"]

# What a folder is called whose name is empty, or was nothing but control characters.
_NAMELESS = "(no name)"

# Roles in the order in which a person misses them (design: "newest 50 of the Inbox first ..., then Sent, Drafts, the rest").
_ROLE_ORDER = ("inbox", "sent", "drafts", "archive", "other", "trash", "junk")


@dataclass(slots=True)
class FolderView:
    """One folder; `cursor` None means that it has to be bootstrapped.

    `anchor`: from when a filtered cursor sees (None: it sees the whole folder); `told`: items that came through it.
    `backfill_before`: messages received until then are still to be fetched (None: none are).
    """

    remote_id: str
    name: str
    role: str
    sync_enabled: bool = True
    revision: int = 0
    cursor: str | None = None
    is_bootstrapped: bool = False
    anchor: str | None = None
    told: int = 0
    backfill_before: str | None = None
    is_backfilled: bool = False
    unread: int = 0
    total: int = 0
    indexed: int = 0
    is_resetting: bool = False
    # Rounds in a row in which Graph did not know the folder by its cursor, and its tree did.
    missed: int = 0
    # Wall clock, seconds since 1970: a reset among many waits until then.
    not_before: float = 0.0
    # Wall clock: what failed between two cycles is not tried again before.
    put_off_until: float = 0.0
    # The cursor as Odoo has it, and since when it has that one: one that aged is written back.
    written: str | None = None
    written_at: float = 0.0

    @property
    def is_large(self) -> bool:
        """The backlog of this folder is not done: its cursor sees a part only, or there is none that saw all."""
        return self.is_bootstrapped and not self.is_backfilled


@dataclass(slots=True)
class Book:
    """All folders of a mailbox, the messages whose removal is not resolved yet, and those that were set aside."""

    folders: dict[str, FolderView] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    tree: list[TreeFolder] | None = None

    def get_synced(self, remote_id: str | None) -> FolderView | None:
        """Return a folder if its mail is wanted."""
        folder = self.folders.get(remote_id) if remote_id is not None else None
        return folder if folder is not None and folder.sync_enabled else None

    def synced(self, first: str | None = None) -> list[FolderView]:
        """Return the folders to sync: the one a person looks at, then by role, then by name."""

        def rank(folder: FolderView) -> tuple[bool, int, str, str]:
            return (folder.remote_id != first, _ROLE_ORDER.index(folder.role), folder.name.casefold(), folder.remote_id)

        return sorted((f for f in self.folders.values() if f.sync_enabled), key=rank)

    @property
    def is_bootstrapped(self) -> bool:
        """Every synced folder has been listed once."""
        return all(f.is_bootstrapped for f in self.folders.values() if f.sync_enabled)

    @property
    def is_backfilled(self) -> bool:
        """Nothing older is left to fetch in any synced folder."""
        return all(f.is_backfilled for f in self.folders.values() if f.sync_enabled)

    @property
    def is_resetting(self) -> bool:
        """A folder is being listed again because its cursor died."""
        return any(f.is_resetting for f in self.folders.values() if f.sync_enabled)

    def progress(self) -> tuple[int, int]:
        """Return (messages in the index, messages at Graph) of the synced folders."""
        folders = [f for f in self.folders.values() if f.sync_enabled]
        total = sum(f.total for f in folders)
        done = sum(f.total if f.is_backfilled else min(f.indexed, f.total) for f in folders)
        return done, total

    def is_new_tree(self, tree: list[TreeFolder]) -> bool:
        """Tell whether Graph's tree differs from what was last written to Odoo."""
        return self.tree is None or {t.remote_id: t for t in self.tree} != {t.remote_id: t for t in tree}


def open_book(snapshot: MailboxSnapshot, stored: Mapping[str, Cursor], now: float, tree: list[TreeFolder] | None = None) -> Book:
    """Make the book of a mailbox from Odoo's `snapshot` and the working copy's cursors; `now` in seconds since 1970."""
    book = Book(pending=set(snapshot.pending), unreadable=set(snapshot.unreadable), tree=tree)
    for folder in snapshot.folders:
        view = _view(folder)
        view.written, view.written_at = view.cursor, now
        copy = stored.get(folder.remote_id)
        if copy is not None and copy.revision == folder.revision and copy.cursor:
            view.cursor = copy.cursor
        view.is_bootstrapped = folder.is_bootstrapped and view.cursor is not None
        book.folders[folder.remote_id] = view
    return book


def to_tree(folders: list[Folder]) -> list[TreeFolder]:
    """Return Graph's folders as the addon takes them: names fit for PostgreSQL, and never empty."""
    return [TreeFolder(remote_id=f.id, parent_remote_id=f.parent_id, name=clean(f.name) or _NAMELESS, role=f.role) for f in folders]


def _view(folder: FolderSnapshot) -> FolderView:
    return FolderView(
        remote_id=folder.remote_id,
        name=folder.name,
        role=folder.role,
        sync_enabled=folder.sync_enabled,
        revision=folder.revision,
        cursor=folder.cursor,
        anchor=folder.anchor,
        told=folder.told,
        backfill_before=folder.backfill_before,
        is_backfilled=folder.is_backfilled,
        unread=folder.unread,
        total=folder.total,
        indexed=folder.indexed,
        is_resetting=folder.sync_state == "resync",
    )
