"""The delta of one folder, page by page.

Never `$top` (it caps the whole round), page size by `Prefer`. Options are given once and live in the links, which are sent back
as they came. An
empty page with a next link is not the end; a page with no link at all is no page (contrib:concepts/delta-query-overview.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import UNSET

from connector.errors import GraphError, GraphSyncStateGone
from connector.graph.messages import SELECT
from connector.graph.types import MessagePage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from connector.graph.client import MailboxClient
    from connector.graph.gate import Priority
    from connector.graph.types import GraphMessage

__all__ = ["DeltaPage", "delta_pages"]


@dataclass(frozen=True, slots=True)
class DeltaPage:
    """What one page says: changed messages (patches), ids that left the folder, and one of two links."""

    changed: list[GraphMessage]
    removed: list[str]
    next_link: str | None
    delta_link: str | None


async def delta_pages(
    mailbox: MailboxClient,
    folder_id: str,
    *,
    cursor: str | None,
    since: str | None,
    page_size: int,
    priority: Priority,
) -> AsyncGenerator[DeltaPage, None]:
    """Yield the pages of one round; the last has the delta link. `cursor` None starts afresh, from `since` (ISO, UTC) if given.

    Raises `GraphSyncStateGone` when the cursor is dead, `GraphError` when Graph leads in a circle.
    """
    prefer = (f"odata.maxpagesize={page_size}",)
    if cursor is not None:
        page = await mailbox.get(cursor, into=MessagePage, priority=priority, prefer=prefer)
    else:
        params = {"$select": SELECT}
        if since is not None:
            params["$filter"] = f"receivedDateTime ge {since}"
            params["$orderby"] = "receivedDateTime desc"
        path = f"/me/mailFolders/{quote(folder_id, safe='')}/messages/delta"
        page = await mailbox.get(path, into=MessagePage, priority=priority, params=params, prefer=prefer)
    walked: set[str] = set()
    while True:
        yield DeltaPage(
            changed=[m for m in page.value if m.removed is UNSET],
            removed=[m.id for m in page.value if m.removed is not UNSET],
            next_link=page.next_link,
            delta_link=page.delta_link,
        )
        if page.delta_link is not None:
            return
        if page.next_link is None:
            raise GraphError("Graph sent a delta page without a link")
        if page.next_link in walked:
            # The same link twice would never end; the round starts again from the beginning.
            raise GraphSyncStateGone("Graph's delta leads in a circle")
        walked.add(page.next_link)
        page = await mailbox.get(page.next_link, into=MessagePage, priority=priority, prefer=prefer)
