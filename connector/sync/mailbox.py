"""One mailbox: what a cycle does.

    take up (once, or after somebody else wrote)  ->  folder tree  ->  each folder: bootstrap or live round
        ->  removals that no folder explained  ->  counts  ->  report

A cycle may die at any line; the next one does what is left. Who runs cycles, when, and what an error means for the mailbox is the
business of `runner`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import UNSET

from connector.errors import GraphError, GraphMailboxGone, GraphNotFound, GraphThrottled, GraphUnauthorized
from connector.graph.folders import list_tree
from connector.graph.gate import Priority
from connector.graph.messages import get_message
from connector.odoo.wire import FolderUpdate
from connector.sync.applier import Applier, NotConnectedInOdoo
from connector.sync.book import Book, open_book, to_tree
from connector.sync.machine import phase_of
from connector.sync.merge import to_patch
from connector.sync.removals import resolve_pending
from connector.sync.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.graph.client import MailboxClient
    from connector.graph.folders import Tree
    from connector.odoo.port import OdooPort
    from connector.state.store import Store
    from connector.sync.book import FolderView
    from connector.sync.machine import Phase

__all__ = ["Mailbox", "Progress"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a mailbox stands after a step; `synced` is true when every synced folder succeeded in this round."""

    phase: Phase
    done: int
    total: int
    resetting: bool
    synced: bool = False


@dataclass(slots=True)
class Mailbox:
    """The engine of the mailbox of `account_id`; not reentrant: one task runs its cycles."""

    account_id: int
    client: MailboxClient
    odoo: OdooPort
    store: Store
    bootstrap_messages: int
    on_progress: Callable[[Progress], None]
    applier: Applier = field(init=False)
    book: Book | None = field(init=False, default=None)
    _well_known: dict[str, str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.applier = Applier(self.account_id, self.odoo, self.store, self._fetch)

    def forget(self) -> None:
        """Trust nothing that is remembered: the next cycle takes up what Odoo has."""
        self.book = None

    async def cycle(self, first: str | None = None) -> Progress:
        """Bring Odoo's index to what Graph says; `first` is the remote id of the folder that a person looks at.

        Raises what concerns the whole mailbox (throttling, sign-in, mailbox gone, Odoo). An error of one folder is logged, leaves
        the other folders alone, and makes the round incomplete.
        """
        book = self.book or await self._take_up()
        tree = await self._read_tree()
        book = await self._write_tree(book, tree)
        await self._write_counts(book, tree)
        self._tell(book)
        rounds = Rounds(self.client, self.odoo, self.applier, self.store, book, self.bootstrap_messages)
        failures: list[GraphError] = []
        changed = False
        for folder in book.synced(first):
            try:
                changed = await self._round(rounds, folder) or changed
            except (GraphThrottled, GraphUnauthorized, GraphMailboxGone):
                raise
            except GraphError as error:
                failures.append(error)
                _log.warning("folder failed", account=self.account_id, folder=folder.remote_id, code=error.code, status=error.status)
            self._tell(book)
        resolved = await resolve_pending(self.client, self.applier, book)
        if changed:
            # Graph's counts as they are after what was just brought in, so that badges and rows tell the same.
            await self._write_counts(book, await self._read_tree())
        progress = self._progress(book, synced=resolved and not failures)
        self.on_progress(progress)
        if failures and not any(isinstance(error, GraphNotFound) for error in failures):
            raise failures[0]
        return progress

    async def backfill(self, count: int) -> int:
        """Fetch the next window of at most `count` older messages of the first folder that lacks some; return how many were listed."""
        book = self.book
        if book is None:
            return 0
        rounds = Rounds(self.client, self.odoo, self.applier, self.store, book, self.bootstrap_messages)
        for folder in book.synced():
            if folder.is_bootstrapped and not folder.is_backfilled:
                listed = await rounds.backfill(folder, count)
                self._tell(book)
                return listed
        return 0

    async def reconcile(self) -> int:
        """List again every complete folder whose number of rows is not Graph's; return how many folders that were.

        Polling loses nothing that we know of, but Graph's delta does (contrib#72, contrib#2866): this is the proof. A row that the
        listing lacks goes only after Graph was asked for that very message, as ever.
        """
        book = await self._take_up()
        await self._write_counts(book, await self._read_tree())
        rounds = Rounds(self.client, self.odoo, self.applier, self.store, book, self.bootstrap_messages)
        drifted = [f for f in book.synced() if f.is_backfilled and f.indexed != f.total]
        for folder in drifted:
            _log.warning("folder differs from Graph's count", account=self.account_id, rows=folder.indexed, counted=folder.total)
            await rounds.list_again(folder)
        if drifted:
            await resolve_pending(self.client, self.applier, book)
        return len(drifted)

    @property
    def has_backlog(self) -> bool:
        """Older messages are left to fetch."""
        return self.book is not None and self.book.is_bootstrapped and not self.book.is_backfilled

    async def _round(self, rounds: Rounds, folder: FolderView) -> bool:
        if folder.is_bootstrapped:
            return await rounds.live(folder)
        await rounds.bootstrap(folder)
        return True

    async def _take_up(self) -> Book:
        """Read what Odoo has of this mailbox."""
        snapshots = await self.odoo.take_up([self.account_id])
        if not snapshots:
            raise NotConnectedInOdoo("the account does not exist in Odoo any more")
        tree = self.book.tree if self.book else None
        self.book = open_book(snapshots[0], await self.store.load_cursors(self.account_id), tree)
        return self.book

    async def _read_tree(self) -> Tree:
        tree = await list_tree(self.client, known=self._well_known)
        self._well_known = dict(tree.well_known)
        return tree

    async def _write_tree(self, book: Book, tree: Tree) -> Book:
        """Write a changed tree to Odoo; what Odoo makes of it (ids, sync switches, pending rows) is read back."""
        folders = to_tree(tree.folders)
        if not book.is_new_tree(folders):
            return book
        await self.applier.apply(tree=folders)
        book.tree = folders
        return await self._take_up()

    async def _write_counts(self, book: Book, tree: Tree) -> None:
        """Write the counts that differ; they build on no revision."""
        updates = []
        for listed in tree.folders:
            folder = book.folders.get(listed.id)
            if folder is None or (folder.unread, folder.total) == (listed.unread, listed.total):
                continue
            folder.unread, folder.total = listed.unread, listed.total
            updates.append(FolderUpdate(folder=folder.remote_id, revision=UNSET, unread=listed.unread, total=listed.total))
        if updates:
            await self.applier.apply(folders=updates)

    async def _fetch(self, message_id: str) -> dict[str, Any] | None:
        try:
            return to_patch(await get_message(self.client, message_id, Priority.LIVE))
        except GraphNotFound:
            return None

    def _progress(self, book: Book, *, synced: bool = False) -> Progress:
        done, total = book.progress()
        phase = phase_of(discovered=bool(book.folders), bootstrapped=book.is_bootstrapped, backfilled=book.is_backfilled)
        return Progress(phase=phase, done=done, total=total, resetting=book.is_resetting, synced=synced)

    def _tell(self, book: Book) -> None:
        self.on_progress(self._progress(book))
