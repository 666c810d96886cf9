"""The rounds over one folder: bootstrap, live, backfill, reset.

    bootstrap   newest n at once, then a delta round that ends in the folder's first cursor. A folder that holds no more than n
                starts unfiltered and has nothing to backfill; a larger one starts with a filter from the oldest message listed.
    live        the delta since the cursor.
    backfill    windows of receivedDateTime, newest first, down to the first message; then one unfiltered round beside the
                filtered cursor, whose link replaces it in one apply.
    reset       the cursor died: the folder starts again, its rows stay.

A complete listing is compared with Odoo's rows; what the listing lacks becomes `removed`, which hides it until Graph is asked for
that very message (`removals`). Nothing is ever deleted because it was not listed.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from connector.errors import GraphSyncStateGone
from connector.graph import messages as graph_messages
from connector.graph.delta import delta_pages
from connector.graph.gate import Priority
from connector.odoo.wire import FolderUpdate, Removed
from connector.sync.merge import to_patch

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient
    from connector.graph.types import GraphMessage
    from connector.odoo.port import OdooPort
    from connector.odoo.wire import Applied
    from connector.state.store import Store
    from connector.sync.applier import Applier
    from connector.sync.book import Book, FolderView

__all__ = ["Rounds"]

# Messages a page: the largest that a real client uses without time-outs on full rows (corso caps delta pages at 500).
PAGE = 200

# Messages a window at most: one page of a plain list (Graph takes 1 to 1,000).
WINDOW_LIMIT = 1000

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Rounds:
    """The rounds of one mailbox; each method is safe to repeat after a crash at any point."""

    mailbox: MailboxClient
    odoo: OdooPort
    applier: Applier
    store: Store
    book: Book
    bootstrap_messages: int

    async def bootstrap(self, folder: FolderView) -> None:
        """List `folder` for the first time, or again after a reset, and give it a cursor."""
        since = None
        if folder.total > self.bootstrap_messages:
            newest = await graph_messages.newest(self.mailbox, folder.remote_id, self.bootstrap_messages, Priority.LIVE)
            await self._apply(folder, messages=newest)
            if len(newest) >= self.bootstrap_messages:
                since = _oldest(newest)
        await self._listing_round(folder, since, Priority.LIVE)

    async def live(self, folder: FolderView) -> bool:
        """Follow the delta of `folder` to its end; return whether anything changed. A dead cursor resets the folder."""
        try:
            return await self._delta_round(folder)
        except GraphSyncStateGone:
            await self.reset(folder)
            await self.bootstrap(folder)
            return True

    async def reset(self, folder: FolderView) -> None:
        """Drop the cursor of `folder`; its rows stay and are compared with the next complete listing."""
        _log.info("folder starts afresh", account=self.applier.account_id, folder=folder.remote_id)
        await self._apply(
            folder,
            update=FolderUpdate(
                folder=folder.remote_id,
                revision=folder.revision,
                cursor=None,
                is_bootstrapped=False,
                is_backfilled=False,
                sync_state="resync",
            ),
        )
        folder.cursor, folder.is_bootstrapped, folder.is_backfilled, folder.is_resetting = None, False, False, True

    async def list_again(self, folder: FolderView) -> None:
        """List a complete folder afresh and compare it with Odoo's rows; its cursor stays in force until the listing has its own."""
        await self._listing_round(folder, None, Priority.BACKFILL)

    async def backfill(self, folder: FolderView, count: int) -> int:
        """Fetch the next window of at most `count` older messages of `folder`; return how many Graph listed."""
        before = folder.backfill_before
        if before is None:
            await self.list_again(folder)
            return 0
        window = await graph_messages.older_than(self.mailbox, folder.remote_id, before, count, Priority.BACKFILL)
        is_last = len(window) < count
        oldest = None if is_last else _oldest(window)
        if oldest == before:
            # The whole window carries one time: only a larger one gets past it.
            if count < WINDOW_LIMIT:
                return await self.backfill(folder, min(count * 2, WINDOW_LIMIT))
            # A thousand messages carry one time: the unfiltered round brings them and all older ones.
            await self.list_again(folder)
            return 0
        extra = await self.odoo.unlisted(self.applier.account_id, folder.remote_id, [m.id for m in window], after=oldest, until=before)
        await self._apply(
            folder,
            messages=window,
            removed=extra,
            update=FolderUpdate(folder=folder.remote_id, revision=folder.revision, backfill_before=oldest),
        )
        folder.backfill_before = oldest
        if is_last:
            await self.list_again(folder)
        return len(window)

    async def _listing_round(self, folder: FolderView, since: str | None, priority: Priority) -> None:
        """Run a delta round from the start (of the folder, or of `since`) and take its link as the folder's cursor."""
        seen: list[str] = []
        async with aclosing(
            delta_pages(self.mailbox, folder.remote_id, cursor=None, since=since, page_size=PAGE, priority=priority)
        ) as pages:
            async for page in pages:
                seen += [m.id for m in page.changed]
                if page.delta_link is None:
                    await self._apply(folder, messages=page.changed, removed=page.removed)
                    continue
                # The rows of this last page are in Odoo before it is asked what it has too many of.
                await self._apply(folder, messages=page.changed)
                extra = await self.odoo.unlisted(self.applier.account_id, folder.remote_id, seen, since=since)
                update = FolderUpdate(
                    folder=folder.remote_id,
                    revision=folder.revision,
                    cursor=page.delta_link,
                    is_bootstrapped=True,
                    is_backfilled=since is None,
                    backfill_before=since,
                    sync_state="ok",
                )
                await self._apply(folder, removed=[*page.removed, *extra], update=update)
                folder.cursor, folder.is_bootstrapped = page.delta_link, True
                folder.is_backfilled, folder.backfill_before, folder.is_resetting = since is None, since, False

    async def _delta_round(self, folder: FolderView) -> bool:
        """Apply what came since the cursor; a round without news moves the cursor in the working copy only."""
        changed = False
        async with aclosing(
            delta_pages(self.mailbox, folder.remote_id, cursor=folder.cursor, since=None, page_size=PAGE, priority=Priority.LIVE)
        ) as pages:
            async for page in pages:
                has_news = bool(page.changed or page.removed)
                changed = changed or has_news
                if page.delta_link is None:
                    if has_news:
                        await self._apply(folder, messages=page.changed, removed=page.removed)
                elif changed:
                    update = FolderUpdate(folder=folder.remote_id, revision=folder.revision, cursor=page.delta_link)
                    await self._apply(folder, messages=page.changed, removed=page.removed, update=update)
                    folder.cursor = page.delta_link
                elif page.delta_link != folder.cursor:
                    await self.store.save_cursor(self.applier.account_id, folder.remote_id, folder.revision, page.delta_link)
                    folder.cursor = page.delta_link
        return changed

    async def _apply(
        self,
        folder: FolderView,
        *,
        messages: list[GraphMessage] | None = None,
        removed: list[str] | None = None,
        update: FolderUpdate | None = None,
    ) -> Applied | None:
        """Send what was seen in `folder`; nothing to say makes no call."""
        if not messages and not removed and update is None:
            return None
        applied = await self.applier.apply(
            messages=[to_patch(m, folder.remote_id) for m in messages or ()],
            removed=[Removed(folder=folder.remote_id, remote_id=i) for i in removed or ()],
            folders=[update] if update is not None else (),
        )
        folder.revision = applied.revisions.get(folder.remote_id, folder.revision)
        folder.indexed += applied.new
        self.book.pending = set(applied.pending)
        return applied


def _oldest(messages: list[GraphMessage]) -> str | None:
    """Return the earliest receivedDateTime; ISO 8601 in UTC sorts as text."""
    times = [m.received for m in messages if isinstance(m.received, str)]
    return min(times, default=None)
