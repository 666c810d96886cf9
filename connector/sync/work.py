"""What every step of a mailbox's sync works with, and the few things that all of them do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
import trio
from msgspec import UnsetType

from connector.odoo.wire import FolderUpdate, Removed
from connector.sync.book import Book
from connector.sync.merge import to_patch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from connector.graph.client import MailboxClient
    from connector.graph.pages import Page
    from connector.graph.types import GraphMessage
    from connector.odoo.port import OdooPort
    from connector.odoo.wire import Applied
    from connector.state.ledger import Ledger
    from connector.state.store import Store
    from connector.sync.applier import Applier
    from connector.sync.book import FolderView
    from connector.sync.trials import Trials

__all__ = ["REANCHOR", "Work", "oldest"]

_log = structlog.get_logger(__name__)

# Items through one filtered cursor: Graph tells no more than 5,000 (contrib:concepts/delta-query-messages.md).
REANCHOR = 4000


@dataclass(slots=True)
class Work:
    """One mailbox at work.

    `now` is the wall clock in UTC; `breathe` lets a cycle that is due go ahead of what takes long; `reanchor` is after how many items a
    filtered cursor is replaced; `outside` are folders known to be in no list (Recoverable Items); `refused` are messages that do not get
    into Odoo in the call that is under way.
    """

    account_id: int
    client: MailboxClient
    odoo: OdooPort
    store: Store
    ledger: Ledger
    applier: Applier
    trials: Trials
    bootstrap_messages: int
    now: Callable[[], datetime]
    breathe: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
    reanchor: int = REANCHOR
    book: Book = field(default_factory=Book)
    outside: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def sort(self, folder: FolderView, page: Page) -> tuple[list[dict[str, Any]], list[str]]:
        """Return (patches, ids that left `folder`) of a page of `folder`; what nobody can read is noted.

        A message that says it is in a folder whose mail is not wanted, or that is not known, has left this one.
        """
        patches: list[dict[str, Any]] = []
        left = list(page.removed)
        for message in page.changed:
            patch = to_patch(message, folder.remote_id)
            if self.book.get_synced(patch["folder"]) is None:
                left.append(message.id)
            else:
                patches.append(patch)
        if page.nameless:
            # Nobody can ask for what has no id: this line is all that is ever known of it.
            _log.warning("messages without an id", account=self.account_id, folder=folder.remote_id, number=page.nameless)
        for remote_id in page.unreadable:
            if remote_id not in self.book.unreadable:
                self.trials.note(remote_id, folder.remote_id, "shape")
        return patches, left

    async def apply(
        self,
        *,
        messages: Sequence[dict[str, Any]] = (),
        removed: Iterable[tuple[str, str]] = (),
        gone: Sequence[str] = (),
        folders: Sequence[FolderUpdate] = (),
    ) -> Applied | None:
        """Send changes to Odoo and take over what follows from them; nothing to say makes no call. `removed`: (folder, message)."""
        left = [Removed(folder=folder, remote_id=remote_id) for folder, remote_id in removed]
        if not messages and not left and not gone and not folders:
            return None
        # What was met and not read is noted before a cursor moves past it.
        await self.trials.save()
        applied = await self.applier.apply(messages=messages, removed=left, gone=gone, folders=folders)
        now = self.now().timestamp()
        for update in folders:
            view = self.book.folders[update.folder]
            view.revision = applied.revisions.get(update.folder, view.revision)
            _take_over(view, update, now)
        self.book.pending = set(applied.pending)
        refused, self.refused = self.refused, set()
        read = {patch["remote_id"] for patch in messages} - refused
        self.book.unreadable.difference_update(read, gone)
        self.trials.end(read.union(gone))
        return applied


def oldest(messages: Iterable[GraphMessage]) -> str | None:
    """Return the earliest receivedDateTime; ISO 8601 in UTC sorts as text."""
    return min((m.received for m in messages if isinstance(m.received, str)), default=None)


def _take_over(view: FolderView, update: FolderUpdate, now: float) -> None:
    """Let a view say what Odoo now has."""
    if not isinstance(update.cursor, UnsetType):
        view.cursor = view.written = update.cursor
        view.written_at = now
    for name in ("is_bootstrapped", "anchor", "told", "backfill_before", "is_backfilled", "unread", "total"):
        value = getattr(update, name)
        if not isinstance(value, UnsetType):
            setattr(view, name, value)
    if not isinstance(update.sync_state, UnsetType):
        view.is_resetting = update.sync_state == "resync"
