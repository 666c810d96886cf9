"""The delta of one folder: what to ask for, and what is true of every page.

Never `$top` (it caps the whole round), page size by `Prefer` on each request. Options are given once and live in the links, which are sent
back as they came. An empty page with a next link is not the end; a page with no link at all is no page
(contrib:concepts/delta-query-overview.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from connector.errors import GraphError, GraphSyncStateGone
from connector.graph.batch import Ask
from connector.graph.messages import SELECT
from connector.graph.pages import read_page

if TYPE_CHECKING:
    from connector.graph.batch import Reply
    from connector.graph.pages import Page

__all__ = ["PAGE", "DeltaRound", "first_ask", "link_ask"]

# Messages a page: a real client goes up to 500 without time-outs (corso); ten folders of 200 fit into one answer.
PAGE = 200

_PREFER = (f"odata.maxpagesize={PAGE}",)


def first_ask(folder_id: str, since: str | None = None) -> Ask:
    """Return the request that begins a round over the whole folder, or over what was received at `since` (ISO, UTC) or later."""
    params = [("$select", SELECT)]
    if since is not None:
        # The one filter and the one order that delta knows.
        params += [("$filter", f"receivedDateTime ge {since}"), ("$orderby", "receivedDateTime desc")]
    return Ask(f"/me/mailFolders/{quote(folder_id, safe='')}/messages/delta", tuple(params), _PREFER)


def link_ask(link: str) -> Ask:
    """Return the request that follows a next link or a delta link."""
    return Ask(link, (), _PREFER)


@dataclass(slots=True)
class DeltaRound:
    """One round over a folder: `ask` is what comes next, None when the delta link is there."""

    ask: Ask | None
    _walked: set[str] = field(default_factory=set)

    def take(self, reply: Reply) -> Page:
        """Take the reply to `ask` and return its page.

        Raises `GraphSyncStateGone` when the cursor is dead or leads in a circle, `GraphError` when the page is none.
        """
        page = read_page(reply)
        if page.delta_link is not None:
            self.ask = None
        elif page.next_link is None:
            raise GraphError("Graph sent a delta page without a link")
        elif page.next_link in self._walked:
            # The same link twice would never end; the round starts again from the beginning.
            raise GraphSyncStateGone("Graph's delta leads in a circle")
        else:
            self._walked.add(page.next_link)
            self.ask = link_ask(page.next_link)
        return page
