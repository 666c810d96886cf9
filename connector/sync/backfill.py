"""Older mail, newest first, and the hand-over to a cursor that sees the whole folder.

    windows of receivedDateTime, newest first ── first message reached ──▶ hand-over: one unfiltered round beside the filtered cursor
                                                                              │  link and seen ids noted page by page
                                                                              ├─ link dead ──▶ from the beginning
                                                                              ▼
                                      rows that it lacks are asked for by id; one apply swaps the cursor

Each step is one page, so that whatever a person asks for waits for one page at most, and a crash costs one page at most. No step needs
anything that Graph remembers but the hand-over's link, and that one may die.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from connector.errors import GraphSyncStateGone
from connector.graph.batch import ask_all
from connector.graph.delta import DeltaRound, first_ask, link_ask
from connector.graph.gate import Priority
from connector.graph.messages import LIST_LIMIT, older_than
from connector.odoo.wire import FolderUpdate
from connector.state.ledger import Handover
from connector.sync.listing import Entry, compare, times_of
from connector.sync.removals import sweep
from connector.sync.work import oldest

if TYPE_CHECKING:
    from connector.graph.pages import Page
    from connector.sync.book import FolderView
    from connector.sync.work import Work

__all__ = ["fetch_window", "hand_over"]

# Seconds: an older round is begun again: its file may be a restored one, and what it has seen long gone.
_HANDOVER_AGE = 86_400.0

_log = structlog.get_logger(__name__)


async def fetch_window(work: Work, folder: FolderView, count: int) -> int:
    """Fetch the next `count` older messages of `folder`; return how many Graph listed. The last window leaves the hand-over to do."""
    before = folder.backfill_before
    if before is None:
        return 0
    pages = await older_than(work.client, folder.remote_id, before, count, Priority.BACKFILL)
    listed = sum(page.items for page in pages)
    lowest = oldest(m for page in pages for m in page.changed)
    if listed < count:
        lowest = None
    elif lowest == before and count < LIST_LIMIT:
        # The whole window carries one time: only a larger one gets past it.
        return await fetch_window(work, folder, min(count * 2, LIST_LIMIT))
    elif lowest == before:
        # A thousand messages carry one time: the hand-over brings them and all older ones.
        lowest = None
    patches = [patch for page in pages for patch in work.sort(folder, page)[0]]
    # With the cursor: it may have moved without news, and with another revision the file's copy of it counts for nothing.
    update = FolderUpdate(folder=folder.remote_id, revision=folder.revision, cursor=folder.cursor, backfill_before=lowest)
    applied = await work.apply(messages=patches, folders=[update])
    folder.indexed += applied.new if applied is not None else 0
    return listed


async def hand_over(work: Work, folder: FolderView) -> None:
    """Read the next page of the unfiltered round of `folder`; the last one swaps the cursor."""
    now = work.now().timestamp()
    under_way = await work.ledger.handover(folder.remote_id)
    if under_way is not None and now - under_way.started_at > _HANDOVER_AGE:
        await work.ledger.drop_handover(folder.remote_id)
        under_way = None
    ask = link_ask(under_way.link) if under_way is not None else first_ask(folder.remote_id)
    following = DeltaRound(ask)
    ((_, reply),) = await ask_all(work.client, [ask], Priority.BACKFILL)
    try:
        page = following.take(reply)
    except GraphSyncStateGone:
        if under_way is None:
            raise
        _log.info("hand-over begins again", account=work.account_id, folder=folder.remote_id)
        await work.ledger.drop_handover(folder.remote_id)
        return
    patches, left = work.sort(folder, page)
    applied = await work.apply(messages=patches)
    folder.indexed += applied.new if applied is not None else 0
    if page.delta_link is None and following.ask is not None:
        handover = Handover(following.ask.path_or_link, under_way.started_at if under_way is not None else now)
        await work.ledger.keep_handover(folder.remote_id, handover, times_of(page), left)
        return
    await _swap(work, folder, page, left)


async def _swap(work: Work, folder: FolderView, page: Page, left: list[str]) -> None:
    """End the hand-over: rows that the round did not name are asked for, then its link becomes the folder's cursor."""
    seen = {**dict(await work.ledger.seen(folder.remote_id)), **times_of(page)}
    for remote_id in left:
        seen.pop(remote_id, None)
    entries = [Entry(remote_id, received) for remote_id, received in seen.items()]
    suspects = await compare(work.odoo, work.account_id, folder.remote_id, entries)
    await sweep(work, folder.remote_id, suspects.unlisted, Priority.BACKFILL)
    update = FolderUpdate(
        folder=folder.remote_id,
        revision=folder.revision,
        cursor=page.delta_link,
        anchor=None,
        told=0,
        backfill_before=None,
        is_backfilled=True,
        sync_state="ok",
    )
    await work.apply(folders=[update])
    await work.ledger.drop_handover(folder.remote_id)
    _log.info("older mail complete", account=work.account_id, folder=folder.remote_id, messages=len(seen))
