"""`$search`: what Exchange finds in a mailbox, by its own index of whole mails (learn.microsoft.com/graph/search-query-parameter).

It knows neither `$filter` nor `$orderby` beside it, gives the newest sent first, 1,000 results at most, and what came a moment ago may be
missing. The text of the query is KQL within quotes, in which a quote and a backslash are escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from connector.graph.batch import Ask, ask_all
from connector.graph.messages import SELECT
from connector.graph.pages import read_page

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient
    from connector.graph.gate import Priority
    from connector.graph.types import GraphMessage

__all__ = ["search_messages"]


async def search_messages(mailbox: MailboxClient, kql: str, folder_id: str | None, count: int, priority: Priority) -> list[GraphMessage]:
    """Return at most `count` messages that match, newest first; in one folder or in all. Items of no shape that we know are left out.

    One page: whoever searches wants the first results, and narrows the words for others. Raises `GraphError` and `AuthError`.
    """
    path = "/me/messages" if folder_id is None else f"/me/mailFolders/{quote(folder_id, safe='')}/messages"
    escaped = kql.replace("\\", "\\\\").replace('"', '\\"')
    ask = Ask(path, (("$search", f'"{escaped}"'), ("$select", SELECT), ("$top", str(count))))
    ((_, reply),) = await ask_all(mailbox, [ask], priority)
    return read_page(reply).changed[:count]
