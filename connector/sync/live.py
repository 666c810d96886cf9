"""The live round: what came since the cursors, of all folders and of the tree, in as few HTTP requests as it takes.

    to ask: a page of each folder's delta, the tree's levels ──20──▶ one batch ──▶ one apply: data, and the cursors that it ended
                 ▲                                                      │
                 └────────── next links, levels found ──────────────────┘

A folder's cursor goes with the last of its data, never before. Removals of a folder wait for the end of its round: one that would take
away more than a fifth of the folder (and more than 50) is proved by a full listing first (design, rule 4). What a folder's error means is
left to the caller; the other folders go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from connector.errors import GraphDeltaRefused, GraphError, GraphNotFound, GraphSyncStateGone
from connector.graph.batch import ITEMS, ask_all
from connector.graph.delta import DeltaRound, link_ask
from connector.graph.folders import TreeWalk
from connector.graph.gate import Priority
from connector.odoo.wire import FolderUpdate
from connector.state.store import Cursor
from connector.sync.listing import list_states, times_of
from connector.sync.removals import look_into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.graph.batch import Ask, Reply
    from connector.graph.folders import Tree
    from connector.graph.pages import Page
    from connector.sync.book import FolderView
    from connector.sync.work import Work

__all__ = ["LiveOutcome", "live_round"]

# A round that removes more than this share of a folder, and more than so many messages, has to be proved.
_SUSPICIOUS_SHARE = 0.2
_SUSPICIOUS_COUNT = 50

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class LiveOutcome:
    """What a round found beside the news that it applied."""

    tree: Tree | None = None
    changed: bool = False
    dead: list[FolderView] = field(default_factory=list)  # the cursor is gone: reset
    refused: list[FolderView] = field(default_factory=list)  # no delta now: list instead
    missing: list[tuple[FolderView, GraphError]] = field(default_factory=list)  # Graph knows no such folder: deleted, or a dead cursor
    failures: list[GraphError] = field(default_factory=list)


@dataclass(slots=True)
class _Following:
    """The round of one folder under way; removals are held back until its end."""

    folder: FolderView
    round: DeltaRound
    removed: dict[str, None] = field(default_factory=dict)
    items: int = 0


@dataclass(slots=True)
class _News:
    """What one batch of replies brought, in the order of reading."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)
    updates: list[FolderUpdate] = field(default_factory=list)
    quiet: dict[str, Cursor] = field(default_factory=dict)


async def live_round(work: Work, folders: Sequence[FolderView], *, known: Tree | None = None, with_tree: bool = True) -> LiveOutcome:
    """Follow the deltas of `folders` to their ends, and read the tree after them if wanted (`known` is the last one).

    The tree is asked for last, so that its counts are not older than the messages.
    Raises what concerns the whole mailbox, and Odoo's errors.
    """
    outcome = LiveOutcome()
    following = [_Following(f, DeltaRound(link_ask(f.cursor))) for f in folders if f.cursor is not None]
    walk = TreeWalk(known) if with_tree else None
    while True:
        asked = [(f, f.round.ask) for f in following if f.round.ask is not None][:ITEMS]
        levels = walk.asks()[: ITEMS - len(asked)] if walk is not None else []
        asks = [ask for _, ask in asked] + levels
        if not asks:
            break
        news = _News()
        for place, reply in await ask_all(work.client, asks, Priority.LIVE):
            if place < len(asked):
                await _take(work, asked[place][0], reply, news, outcome)
            elif walk is not None and not _take_level(walk, asks[place], reply, outcome):
                walk = None
        await _write(work, news, outcome)
    if walk is not None:
        try:
            outcome.tree = walk.tree()
        except GraphError as error:
            outcome.failures.append(error)
    return outcome


def _take_level(walk: TreeWalk, ask: Ask, reply: Reply, outcome: LiveOutcome) -> bool:
    """Give a reply to the walk; False when the walk is worthless now, and goes on next time."""
    try:
        walk.take(ask, reply)
    except GraphError as error:
        outcome.failures.append(error)
        return False
    return True


async def _take(work: Work, following: _Following, reply: Reply, news: _News, outcome: LiveOutcome) -> None:
    """Take the next page of a folder's round; its end brings the removals and the cursor."""
    folder = following.folder
    try:
        page = following.round.take(reply)
        patches, left = work.sort(folder, page)
        following.removed |= dict.fromkeys(left)
        if page.delta_link is not None:
            await _prove(work, following)
    except GraphError as error:
        following.round.ask = None
        _sort_out(error, folder, outcome)
        return
    folder.missed = 0
    following.items += page.items
    news.messages += patches
    if folder.is_large and page.items:
        await _tell_handover(work, folder, page)
    if page.delta_link is None:
        return
    news.removed += [(folder.remote_id, remote_id) for remote_id in following.removed]
    if following.items:
        told = folder.told + following.items if folder.anchor is not None else 0
        news.updates.append(FolderUpdate(folder=folder.remote_id, revision=folder.revision, cursor=page.delta_link, told=told))
    elif page.delta_link != folder.cursor:
        news.quiet[folder.remote_id] = Cursor(folder.revision, page.delta_link)


def _sort_out(error: GraphError, folder: FolderView, outcome: LiveOutcome) -> None:
    match error:
        case GraphSyncStateGone():
            outcome.dead.append(folder)
        case GraphDeltaRefused():
            outcome.refused.append(folder)
        case GraphNotFound():
            outcome.missing.append((folder, error))
        case _:
            _log.warning("folder failed", folder=folder.remote_id, graph_code=error.code, status=error.status)
            outcome.failures.append(error)


async def _prove(work: Work, following: _Following) -> None:
    """Take out of a suspicious round what a full listing of the folder still has; Graph said something else of it than what is true.

    So it is asked for as it is, before the cursor moves on. Raises `GraphError` if there is no such listing now.
    """
    folder, removed = following.folder, following.removed
    # Graph's count as of the last round; rows are counted only now and then, and are fewer while older mail is still to come.
    size = folder.total if folder.is_backfilled else min(folder.indexed, folder.total)
    if len(removed) <= max(_SUSPICIOUS_COUNT, _SUSPICIOUS_SHARE * size):
        return
    listed = {entry.id for entry in await list_states(work.client, folder.remote_id, None, None, Priority.LIVE)}
    still_there = sorted(removed.keys() & listed)
    _log.warning("many removals", account=work.account_id, folder=folder.remote_id, removed=len(removed), still_there=len(still_there))
    for remote_id in still_there:
        del removed[remote_id]
    await look_into(work, still_there, None, Priority.LIVE)


async def _tell_handover(work: Work, folder: FolderView, page: Page) -> None:
    """Tell a hand-over that is under way what came and went meanwhile."""
    if await work.ledger.handover(folder.remote_id) is not None:
        await work.ledger.see(folder.remote_id, times_of(page), page.removed)


async def _write(work: Work, news: _News, outcome: LiveOutcome) -> None:
    """Bring one batch of news to Odoo; without news the cursors move in the working copy alone."""
    applied = await work.apply(messages=news.messages, removed=news.removed, folders=news.updates)
    outcome.changed = outcome.changed or applied is not None
    if news.quiet:
        await work.store.save_cursors(work.account_id, news.quiet)
        for remote_id, cursor in news.quiet.items():
            work.book.folders[remote_id].cursor = cursor.cursor
