"""A folder's first cursor, or its next one.

    new folder ──▶ newest n at once ──▶ round with a filter from the oldest of them ──▶ anchored cursor, older mail left to backfill
         └── holds no more than n ──▶ round over the whole folder ──▶ cursor that sees all, nothing left
    reset      the same, over rows that stay: what was complete before goes straight to the hand-over, which compares the whole folder
    re-anchor  the same, before so many items came through a filtered cursor that Graph would stop telling (5,000)

A filtered cursor is a stopgap: what lies below its anchor is trued up hourly (`audit`) until the hand-over (`backfill`) replaces it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from connector.graph.batch import ask_all
from connector.graph.delta import DeltaRound, first_ask
from connector.graph.gate import Priority
from connector.graph.messages import newest
from connector.odoo.wire import FolderUpdate
from connector.sync.audit import audit
from connector.sync.listing import Entry, compare, second_before, times_of
from connector.sync.removals import sweep
from connector.sync.work import oldest

if TYPE_CHECKING:
    from connector.sync.book import FolderView
    from connector.sync.work import Work

__all__ = ["bootstrap", "reset"]

_log = structlog.get_logger(__name__)


async def bootstrap(work: Work, folder: FolderView) -> None:
    """Give `folder` a cursor: its first, one after a reset, or a filtered one that begins later. Raises the `GraphError` family."""
    since = None
    if folder.total > work.bootstrap_messages:
        pages = await newest(work.client, folder.remote_id, work.bootstrap_messages, Priority.LIVE)
        for page in pages:
            patches, _ = work.sort(folder, page)
            applied = await work.apply(messages=patches)
            folder.indexed += applied.new if applied is not None else 0
        if sum(page.items for page in pages) >= work.bootstrap_messages:
            since = oldest(m for page in pages for m in page.changed)
    await _round(work, folder, since)


async def reset(work: Work, folder: FolderView) -> None:
    """Drop the dead cursor of `folder`; its rows stay, and are swept only after a complete listing."""
    _log.info("folder starts afresh", account=work.account_id, folder=folder.remote_id)
    await work.ledger.drop_handover(folder.remote_id)
    update = FolderUpdate(
        folder=folder.remote_id,
        revision=folder.revision,
        cursor=None,
        anchor=None,
        told=0,
        is_bootstrapped=False,
        # What was complete has no window left to fetch, only the comparison with the whole.
        is_backfilled=False,
        sync_state="resync",
    )
    await work.apply(folders=[update])


async def _round(work: Work, folder: FolderView, since: str | None) -> None:
    """Run a delta round from the start (of the folder, or of `since`) and take its link as the folder's cursor."""
    was_new = not folder.is_bootstrapped and not folder.is_resetting
    seen: dict[str, str] = {}
    items = 0
    link = ""
    following = DeltaRound(first_ask(folder.remote_id, since))
    while following.ask is not None:
        ((_, reply),) = await ask_all(work.client, [following.ask], Priority.LIVE)
        page = following.take(reply)
        patches, left = work.sort(folder, page)
        seen |= times_of(page)
        for remote_id in left:
            seen.pop(remote_id, None)
        items += page.items
        # In a first round @removed speaks of what was there before: the comparison at the end finds it.
        applied = await work.apply(messages=patches)
        folder.indexed += applied.new if applied is not None else 0
        link = page.delta_link or ""
    # A new folder too: rows may have come from other folders, or from a listing, and left again before the round named them.
    await _sweep(work, folder, seen, since)
    if since is None:
        state = FolderUpdate(folder=folder.remote_id, is_backfilled=True, anchor=None, told=0, backfill_before=None, sync_state="ok")
    elif was_new:
        # So many of one second that the filter cannot tell the rest: the hand-over is next, without windows.
        before = since if items < work.reanchor else None
        state = FolderUpdate(
            folder=folder.remote_id, is_backfilled=False, anchor=since, told=items, backfill_before=before, sync_state="ok"
        )
    else:
        state = FolderUpdate(folder=folder.remote_id, is_backfilled=False, anchor=since, told=items)
    await _finish(work, folder, state, link)


async def _finish(work: Work, folder: FolderView, state: FolderUpdate, link: str) -> None:
    """Write the new cursor; an incomplete folder that was reset is compared below its anchor before it is called in sync."""
    is_half = folder.is_resetting and state.anchor is not None and folder.backfill_before is not None
    if is_half:
        await audit(work, folder, folder.backfill_before, str(state.anchor), Priority.LIVE)
    values = {name: getattr(state, name) for name in ("is_backfilled", "anchor", "told", "backfill_before", "sync_state")}
    if is_half:
        values["sync_state"] = "ok"
    update = FolderUpdate(folder=folder.remote_id, revision=folder.revision, cursor=link, is_bootstrapped=True, **values)
    await work.apply(folders=[update])
    folder.not_before = 0.0


async def _sweep(work: Work, folder: FolderView, seen: dict[str, str], since: str | None) -> None:
    """Compare what was listed with Odoo's rows of that time; each that the listing lacks is asked for by its id."""
    after = second_before(since) if since is not None else None
    entries = [Entry(remote_id, received) for remote_id, received in seen.items()]
    suspects = await compare(work.odoo, work.account_id, folder.remote_id, entries, after=after)
    await sweep(work, folder.remote_id, suspects.unlisted, Priority.LIVE)
