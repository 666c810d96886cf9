"""The proof: what the index and the mailbox do not agree about, found by listing, confirmed by a GET of each message, then repaired.

    true-up    hourly, below the anchor of a filtered cursor, which tells nothing of what happens there: the part that was fetched, as it is
               listed, and below that the rows that came otherwise (moved in, kept over a reset)
    reconcile  every `reconcile_interval`: Graph's counts; daily the last 30 days; the whole folder where the counts differ, or weekly

Listings and questions of large folders take long: between two pages a cycle that is due or asked for goes ahead (`Work.breathe`). What was
listed before it is old then, which costs a question and no truth: nothing is repaired but by what Graph answers then.

Compared are the folder, the read state, the flag, the importance and the categories: what people change of mail that has come.

Whatever delta has not told yet is told first (`tell`): what is repaired after that is drift, counted and shown.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from connector.graph.gate import Priority
from connector.graph.messages import LIST_LIMIT
from connector.state.ledger import Audit
from connector.sync.listing import compare, list_states, second_before
from connector.sync.removals import AT_ONCE, look_into

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.sync.book import FolderView
    from connector.sync.work import Work

__all__ = ["DRIFT", "DRIFT_KEPT", "TRUE_UP_EVERY", "audit", "recent", "reconcile", "true_up"]

# The ledger's name for repaired differences, and for how many seconds they are counted.
DRIFT = "drift"
DRIFT_KEPT = 7 * 86_400.0

# Seconds: what happens below an anchor is right within the hour, the listing itself included.
TRUE_UP_EVERY = 3000.0
# What is compared each day, and how old the comparison of a whole folder may become (seconds).
_RECENT = timedelta(days=30)
_RECENT_EVERY = 86_400.0
_WHOLE_EVERY = 7 * 86_400.0

_log = structlog.get_logger(__name__)


async def audit(
    work: Work,
    folder: FolderView,
    since: str | None,
    until: str | None,
    priority: Priority,
    tell: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Compare the messages of `folder` received from `since` to `until`, repair what differs, and return how many rows that changed.

    `tell` runs the live round before anything is repaired. Raises the `GraphError` family: half a listing is none.
    """
    breathe = work.breathe if priority is Priority.BACKFILL else None
    entries = await list_states(work.client, folder.remote_id, since, until, priority, breathe)
    after = second_before(since) if since is not None else None
    suspects = await compare(work.odoo, work.account_id, folder.remote_id, entries, after=after, until=until)
    if not suspects:
        return 0
    if tell is not None:
        await tell()
    return await _repair(work, folder, [*suspects.differing, *suspects.unlisted], priority)


async def _repair(work: Work, folder: FolderView, suspects: list[str], priority: Priority) -> int:
    """Ask about `suspects` and write what is true; return how many rows that changed."""
    changed = 0
    for start in range(0, len(suspects), AT_ONCE):
        if start and priority is Priority.BACKFILL:
            await work.breathe()
        changed += (await look_into(work, suspects[start : start + AT_ONCE], folder.remote_id, priority)).changed
    return changed


async def true_up(work: Work, folder: FolderView) -> None:
    """Compare what lies below the anchor of `folder`; that is no drift, but what a filtered cursor cannot know."""
    below = folder.backfill_before
    repaired = await audit(work, folder, below, folder.anchor, Priority.BACKFILL)
    if below is not None:
        repaired += await _audit_strays(work, folder, second_before(below))
    kept = (await work.ledger.audits()).get(folder.remote_id, Audit())
    await work.ledger.keep_audit(folder.remote_id, replace(kept, trued_at=work.now().timestamp()))
    _log.debug("folder trued up", account=work.account_id, folder=folder.remote_id, repaired=repaired)


async def _audit_strays(work: Work, folder: FolderView, until: str) -> int:
    """Ask about rows of `folder` from a time whose messages are not fetched yet, and return how many changed.

    What Odoo lacks of that time is no difference, so only the rows are compared: each by a question, or by a listing where that is less.
    """
    rows = (await work.odoo.compare(work.account_id, folder.remote_id, [], until=until)).unlisted
    if len(rows) > 1 + folder.total // LIST_LIMIT:
        strays = set(rows)
        listed = await list_states(work.client, folder.remote_id, None, until, Priority.BACKFILL, work.breathe)
        suspects = await compare(work.odoo, work.account_id, folder.remote_id, [e for e in listed if e.id in strays], until=until)
        rows = [*suspects.differing, *suspects.unlisted]
    return await _repair(work, folder, rows, Priority.BACKFILL)


async def reconcile(work: Work, folder: FolderView, tell: Callable[[], Awaitable[None]]) -> int:
    """Compare as much of `folder` as is due; return the drift, which is noted in the ledger."""
    now = work.now()
    kept = (await work.ledger.audits()).get(folder.remote_id, Audit())
    counted = (folder.indexed, folder.total)
    is_unexplained = folder.is_backfilled and folder.indexed != folder.total and counted != (kept.rows, kept.total)
    if folder.indexed == 0 and folder.total == 0:
        return 0
    if folder.is_backfilled and (is_unexplained or _is_due(kept.whole_at, now.timestamp(), _WHOLE_EVERY)):
        repaired = await audit(work, folder, None, None, Priority.BACKFILL, tell)
        kept = replace(kept, whole_at=now.timestamp(), recent_at=now.timestamp(), rows=folder.indexed, total=folder.total)
    elif _is_due(kept.recent_at, now.timestamp(), _RECENT_EVERY):
        repaired = await audit(work, folder, recent(now, folder), None, Priority.BACKFILL, tell)
        kept = replace(kept, recent_at=now.timestamp())
    else:
        return 0
    await work.ledger.keep_audit(folder.remote_id, kept)
    if repaired:
        _log.warning("drift repaired", account=work.account_id, folder=folder.remote_id, rows=repaired)
        await work.ledger.count(DRIFT, now.timestamp(), repaired, forget_before=now.timestamp() - DRIFT_KEPT)
    return repaired


def recent(now: datetime, folder: FolderView) -> str:
    """Return from when the recent part of `folder` is: what is older than its anchor is not all in Odoo yet, and is trued up."""
    since = (now - _RECENT).strftime("%Y-%m-%dT%H:%M:%SZ")
    return max(since, folder.anchor) if folder.anchor is not None else since


def _is_due(last: float | None, now: float, every: float) -> bool:
    return last is None or now - last >= every
