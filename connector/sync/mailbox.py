"""One mailbox: what a cycle does, and what is done between two cycles.

    take up (once, or after somebody else wrote)
        ──▶ live round: all deltas and the tree ──▶ tree and counts to Odoo
        ──▶ folders without a cursor: new ones, dead ones (reset), filtered ones that told enough (re-anchor)
        ──▶ removals that no folder explained ──▶ report

    between: older mail, hand-over, true-up, reconcile - one small step at a time (`jobs`)

A cycle may die at any line; the next one does what is left. Who runs cycles, when, and what an error means for the mailbox is the
business of `runner`. One task runs all of this, and whatever is read is written before the next thing is read: so nothing older is ever
put over something newer.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
import trio
from msgspec import UNSET

from connector.errors import (
    GraphDeltaRefused,
    GraphError,
    GraphMailboxGone,
    GraphNotFound,
    GraphSyncStateGone,
    GraphThrottled,
    GraphUnauthorized,
    GraphUnreachable,
    OdooFault,
)
from connector.graph.folders import list_tree
from connector.graph.gate import Priority
from connector.odoo.wire import CursorReport, FolderUpdate
from connector.state.ledger import Ledger
from connector.sync import audit
from connector.sync.applier import Applier, NotConnectedInOdoo
from connector.sync.backfill import fetch_window, hand_over
from connector.sync.book import open_book, to_tree
from connector.sync.bootstrap import bootstrap, reset
from connector.sync.fetching import fetch_whole, note_refused
from connector.sync.live import live_round
from connector.sync.machine import phase_of
from connector.sync.plan import reset_delay
from connector.sync.removals import AT_ONCE, look_into, resolve_pending, waiting_of
from connector.sync.settling import Settling
from connector.sync.trials import Trials
from connector.sync.turn import Turn
from connector.sync.work import REANCHOR, Work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from datetime import datetime

    from connector.graph.client import MailboxClient
    from connector.graph.folders import Tree
    from connector.odoo.port import OdooPort
    from connector.state.store import Store
    from connector.sync.book import FolderView
    from connector.sync.live import LiveOutcome
    from connector.sync.machine import Phase
    from connector.sync.plan import Surge

__all__ = ["Mailbox", "Progress"]

# Seconds: a cursor that moved without news for so long is written back to Odoo, so that losing the working copy costs half a day at most.
_CURSOR_AGE = 12 * 3600.0

# Seconds: what one folder failed with between two cycles is tried again after so long; the others have their turn meanwhile.
_PUT_OFF = 60.0

# Cycles in a row in which the tree has a folder whose cursor leads nowhere (404): then it is the cursor that is dead, not the folder.
_MISSED_UNTIL_DEAD = 2

# What concerns the mailbox as a whole: no folder is judged by it.
_WHOLE = (GraphThrottled, GraphUnauthorized, GraphMailboxGone)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a mailbox stands after a step; `synced` is true when every synced folder succeeded in this round.

    `failure` is what the first folder that did not succeed failed with.
    """

    phase: Phase
    done: int
    total: int
    resetting: bool
    synced: bool = False
    unreadable: int = 0
    drift: int = 0
    failure: GraphError | None = None


@dataclass(slots=True)
class Mailbox:
    """The engine of the mailbox of `account_id`; not reentrant: one task runs its cycles and jobs."""

    account_id: int
    client: MailboxClient
    odoo: OdooPort
    store: Store
    bootstrap_messages: int
    now: Callable[[], datetime]
    surge: Surge
    on_progress: Callable[[Progress], None]
    breathe: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
    reanchor: int = REANCHOR
    drift: int = 0
    ledger: Ledger = field(init=False)
    _work: Work | None = field(init=False, default=None)
    _tree: Tree | None = field(init=False, default=None)
    _cursors: list[CursorReport] = field(init=False, default_factory=list)
    _is_stuck: bool = field(init=False, default=False)
    # How often `forget` was called: it may be, while a cycle is under way.
    _forgotten: int = field(init=False, default=0)
    turn: Turn = field(init=False, default_factory=Turn)
    settling: Settling = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.store, self.account_id)
        self.settling = Settling(self.now)

    def forget(self) -> None:
        """Trust nothing that is remembered: the next cycle takes up what Odoo has."""
        self._work = None
        self._forgotten += 1

    @property
    def is_known(self) -> bool:
        """What Odoo has was taken up."""
        return self._work is not None

    # ---------------------------------------------------------------- a cycle

    async def cycle(self, first: str | None = None) -> Progress:
        """Bring Odoo's index to what Graph says; `first` is the remote id of the folder that a person looks at.

        Raises what concerns the whole mailbox (throttling, sign-in, mailbox gone, Odoo). An error of one folder is logged, leaves
        the other folders alone, and makes the round incomplete: the progress has it.
        """
        self.settling.messages |= self.turn.begin_round()
        began = self.now().timestamp()
        work = (self.turn.fence and self._work) or await self._take_up()
        self._is_stuck = False
        outcome = await self._live(work, first)
        failures = list(outcome.failures)
        for folder in outcome.dead:
            folder.not_before = work.now().timestamp() + reset_delay(self.surge.count(work.now().timestamp()), random.random())  # noqa: S311 - spreads load
            await reset(work, folder)
        failures += await self._list_instead(work, outcome.refused)
        failures += await self._give_cursors(work, first)
        is_resolved = await resolve_pending(work, Priority.LIVE)
        await self.settling.look(work)
        self._age(work)
        waits = any(f.cursor is None for f in work.book.synced())
        synced = is_resolved and not failures and not waits
        if synced:
            await self.settling.end(work, began)
        progress = self._progress(work, synced=synced, failure=failures[0] if failures else None)
        self.on_progress(progress)
        return progress

    async def _live(self, work: Work, first: str | None) -> LiveOutcome:
        """Run the live round; where a person waits, the folder that they look at and the Inbox go ahead of all else."""
        if self._tree is None:
            self._tree = await list_tree(self.client)
            await self._write_tree(work, self._tree)
            self._tell(work)
        folders = [f for f in work.book.synced(first) if f.is_bootstrapped]
        ahead = [f for f in folders if f.remote_id == first or f.role == "inbox"] if first is not None else []
        if ahead:
            early = await live_round(work, ahead, with_tree=False)
            outcome = await live_round(work, [f for f in folders if f not in ahead], known=self._tree)
            for name in ("dead", "refused", "missing", "failures"):
                getattr(outcome, name).extend(getattr(early, name))
        else:
            outcome = await live_round(work, folders, known=self._tree)
        if outcome.tree is not None:
            self._tree = outcome.tree
            await self._write_tree(work, outcome.tree)
        for missing, error in outcome.missing:
            # A folder that Graph does not know any more is gone from the tree too; if it is not, its round failed.
            if (folder := work.book.folders.get(missing.remote_id)) is None:
                continue
            folder.missed = missing.missed + (outcome.tree is not None)
            if folder.missed < _MISSED_UNTIL_DEAD:
                outcome.failures.append(error)
            else:
                _log.warning("cursor of a folder that is there is not known", account=self.account_id, folder=folder.remote_id)
                folder.missed = 0
                outcome.dead.append(folder)
        for name in ("dead", "refused"):
            kept = [work.book.folders[f.remote_id] for f in getattr(outcome, name) if f.remote_id in work.book.folders]
            setattr(outcome, name, kept)
        self._tell(work)
        return outcome

    async def _give_cursors(self, work: Work, first: str | None) -> list[GraphError]:
        """Bootstrap folders without a cursor whose time has come, and those whose filtered cursor told enough; return what failed."""
        failures: list[GraphError] = []
        now = work.now().timestamp()
        for folder in work.book.synced(first):
            is_spent = folder.anchor is not None and folder.told >= work.reanchor and folder.backfill_before is not None
            if (folder.is_bootstrapped and not is_spent) or folder.not_before > now:
                continue
            try:
                await bootstrap(work, folder)
            except _WHOLE:
                raise
            except GraphSyncStateGone as error:
                # A next link died before the round gave a cursor: what it brought is there, and the round begins again soon.
                _log.info("first round died", account=self.account_id, folder=folder.remote_id, graph_code=error.code)
                failures.append(GraphUnreachable("a delta round died before its end", status=error.status, code=error.code))
            except GraphDeltaRefused:
                failures += await self._list_instead(work, [folder])
            except GraphNotFound:
                _log.info("folder is gone", account=self.account_id, folder=folder.remote_id)
            except GraphError as error:
                failures.append(error)
                _log.warning("folder failed", account=self.account_id, folder=folder.remote_id, graph_code=error.code, status=error.status)
            self._tell(work)
        return failures

    async def _list_instead(self, work: Work, folders: list[FolderView]) -> list[GraphError]:
        """Compare the recent part of folders whose delta Graph refuses: a full mailbox still receives, and is read."""
        failures: list[GraphError] = []
        for folder in folders:
            try:
                await audit.audit(work, folder, audit.recent(work.now(), folder), None, Priority.LIVE)
            except _WHOLE:
                raise
            except GraphError as error:
                failures.append(error)
        return failures

    # ---------------------------------------------------------------- between cycles

    @property
    def has_backlog(self) -> bool:
        """Older messages are left to fetch within the budget."""
        return self._next(lambda f: f.backfill_before is not None) is not None

    @property
    def has_handover(self) -> bool:
        """A folder's older mail is there, and its filtered cursor is to be replaced; that costs no budget."""
        return self._next(lambda f: f.backfill_before is None) is not None

    async def backfill(self, count: int) -> int:
        """Fetch the next window of at most `count` older messages of the first folder that lacks some; return how many were listed."""
        work, folder = self._work, self._next(lambda f: f.backfill_before is not None)
        if work is None or folder is None:
            return 0
        listed = 0
        with self._alone(work, folder):
            listed = await fetch_window(work, folder, count)
        await work.trials.save()
        self._tell(work)
        return listed

    @property
    def has_removals(self) -> bool:
        """More messages left their folders than one cycle asks for."""
        return self._work is not None and not self._is_stuck and len(waiting_of(self._work)) > AT_ONCE

    async def resolve_more(self) -> None:
        """Ask for some more of the messages that left their folders; where that leads nowhere, the next cycle tries again."""
        if self._work is not None:
            before = len(waiting_of(self._work))
            await resolve_pending(self._work, Priority.BACKFILL)
            self._is_stuck = len(waiting_of(self._work)) >= before
            self._tell(self._work)

    async def hand_over(self) -> None:
        """Read one page of the hand-over of the first folder that is ready for it."""
        work, folder = self._work, self._next(lambda f: f.backfill_before is None)
        if work is not None and folder is not None:
            with self._alone(work, folder):
                await hand_over(work, folder)
            await work.trials.save()
            self._tell(work)

    async def true_up_due(self) -> float | None:
        """Return when the next folder is to be compared below its anchor (seconds since 1970), None when no cursor is filtered."""
        if not (folders := self._filtered()):
            return None
        if any(f.remote_id in self.settling.folders for f in folders):
            return 0.0
        audits = await self.ledger.audits()
        return min(_trued_at(audits, f) for f in folders) + audit.TRUE_UP_EVERY

    async def true_up(self) -> None:
        """Compare a folder below its anchor: one that was acted on as a whole, or else the one that waits longest."""
        audits = await self.ledger.audits()
        if self._work is not None and (folders := self._filtered()):
            folder = min(folders, key=lambda f: (f.remote_id not in self.settling.folders, _trued_at(audits, f)))
            with self._alone(self._work, folder):
                await self.settling.compare(self._work, folder)

    async def reconcile(self) -> bool:
        """Compare with the mailbox what is due, and repair it (`audit`); what was set aside is tried again.

        Return whether every folder could be compared: one that cannot keeps no other from it.
        """
        work = await self._take_up()

        async def tell() -> None:
            await self.cycle()

        failed = 0
        for remote_id in [f.remote_id for f in work.book.synced() if f.is_bootstrapped]:
            await self.breathe()
            folder = (self._work or work).book.get_synced(remote_id)
            if folder is not None:
                failed += 1
                with self._alone(work, folder):
                    await audit.reconcile(self._work or work, folder, tell)
                    failed -= 1
        work = self._work or work
        await look_into(work, sorted(work.book.unreadable), None, Priority.BACKFILL)
        await work.trials.save()
        await resolve_pending(work, Priority.BACKFILL)
        since = work.now().timestamp() - audit.DRIFT_KEPT
        self.drift = sum(count for _, count in await self.ledger.tally(audit.DRIFT, since))
        self._tell(work)
        return not failed

    @property
    def waits_until(self) -> float | None:
        """Until when (seconds since 1970) the next folder that was reset among many waits; None when none does."""
        work = self._work
        waiting = [f.not_before for f in work.book.synced() if f.cursor is None and f.not_before] if work is not None else []
        return min(waiting, default=None)

    def take_aged_cursors(self) -> list[CursorReport]:
        """Return cursors that Odoo should hear of with the next report; each is returned once."""
        aged, self._cursors = self._cursors, []
        return aged

    # ---------------------------------------------------------------- inside

    def _next(self, is_wanted: Callable[[FolderView], bool]) -> FolderView | None:
        return next((f for f in self._in_turn() if f.is_large and is_wanted(f)), None)

    def _filtered(self) -> list[FolderView]:
        """Return the folders whose cursor sees a part only."""
        return [f for f in self._in_turn() if f.anchor is not None and f.is_bootstrapped]

    def _in_turn(self) -> list[FolderView]:
        """Return the folders that something may be done about between two cycles."""
        now = self.now().timestamp()
        return [f for f in self._work.book.synced() if f.put_off_until <= now] if self._work is not None else []

    @contextmanager
    def _alone(self, work: Work, folder: FolderView) -> Iterator[None]:
        """Let what one folder fails with stop that folder alone, for a while."""
        try:
            yield
        except _WHOLE:
            raise
        except (GraphError, OdooFault) as error:
            _log.warning("folder put off", account=self.account_id, folder=folder.remote_id, reason=str(error))
            folder.put_off_until = work.now().timestamp() + _PUT_OFF

    async def _take_up(self) -> Work:
        """Take up what Odoo has of this mailbox; what is forgotten meanwhile is taken up again by the next cycle."""
        forgotten, work = self._forgotten, self._work
        is_anew = work is None or self.turn.fence is None
        if work is None:
            self._tree = None
            work = self._begin(Trials(self.ledger, await self.ledger.trials()))
        await self._read(work, is_anew=is_anew)
        if self._forgotten == forgotten:
            self._work = work
        return work

    def _begin(self, trials: Trials) -> Work:
        # Bound to this work: `forget` may come while it is under way, and what it fetches must not be lost then.
        work = Work(
            account_id=self.account_id,
            client=self.client,
            odoo=self.odoo,
            store=self.store,
            ledger=self.ledger,
            applier=Applier(
                self.account_id,
                self.odoo,
                self.store,
                lambda ids: fetch_whole(work, ids),
                lambda patch: note_refused(work, patch),
                self.turn,
            ),
            trials=trials,
            bootstrap_messages=self.bootstrap_messages,
            now=self.now,
            breathe=self.breathe,
            reanchor=self.reanchor,
        )
        return work

    async def _read(self, work: Work, *, is_anew: bool = False) -> None:
        """Make the book of `work` say what Odoo has; `is_anew`: somebody else may have been at work since."""
        async with self.turn.lock:
            # Whatever becomes of this call, Odoo may have made a new one.
            self.turn.fence = None
            snapshots = await self.odoo.take_up([self.account_id])
            if not snapshots:
                raise NotConnectedInOdoo("the account does not exist in Odoo any more")
            self.turn.fence = snapshots[0].fence
        stored = await self.store.load_cursors(self.account_id)
        now = self.now().timestamp()
        work.book = open_book(snapshots[0], stored, now, work.book.tree)
        if is_anew:
            self.settling.take_up(snapshots[0])
        # A cursor that moved without news before this process began, and that Odoo never heard of.
        for folder in work.book.synced():
            if folder.cursor is not None and folder.cursor != folder.written:
                folder.written_at = now - _CURSOR_AGE

    async def _write_tree(self, work: Work, tree: Tree) -> None:
        """Write a changed tree to Odoo; what Odoo makes of it (ids, sync switches, pending rows) is read back. Then the counts."""
        folders = to_tree(tree.folders)
        if work.book.is_new_tree(folders):
            await work.applier.apply(tree=folders)
            work.book.tree = folders
            await self._read(work)
        updates = []
        for listed in tree.folders:
            folder = work.book.folders.get(listed.id)
            # Graph's answers to actions moved Odoo's counts along, past what is known here.
            if folder is not None and (self.settling.acked is not None or (folder.unread, folder.total) != (listed.unread, listed.total)):
                updates.append(FolderUpdate(folder=folder.remote_id, revision=UNSET, unread=listed.unread, total=listed.total))
        await work.apply(folders=updates)

    def _age(self, work: Work) -> None:
        """Note cursors that Odoo has not heard of for long."""
        now = work.now().timestamp()
        for folder in work.book.synced():
            if folder.cursor is not None and folder.cursor != folder.written and now - folder.written_at >= _CURSOR_AGE:
                self._cursors.append(CursorReport(folder=folder.remote_id, revision=folder.revision, cursor=folder.cursor))
                folder.written, folder.written_at = folder.cursor, now

    def _progress(self, work: Work, *, synced: bool = False, failure: GraphError | None = None) -> Progress:
        book = work.book
        done, total = book.progress()
        phase = phase_of(discovered=bool(book.folders), bootstrapped=book.is_bootstrapped, backfilled=book.is_backfilled)
        return Progress(
            phase=phase,
            done=done,
            total=total,
            resetting=book.is_resetting,
            synced=synced,
            unreadable=len(book.unreadable),
            drift=self.drift,
            failure=failure,
        )

    def _tell(self, work: Work) -> None:
        self.on_progress(self._progress(work))


def _trued_at(audits: dict[str, Any], folder: FolderView) -> float:
    kept = audits.get(folder.remote_id)
    return kept.trued_at if kept is not None and kept.trued_at is not None else 0.0
