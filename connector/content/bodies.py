"""A message's body for the reading pane: from Graph, cleaned (docs/protocol.md, 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.content.clean import clean_html, text_to_html
from connector.graph.gate import Priority
from connector.graph.messages import get_body
from connector.http import in_thread
from connector.sync.merge import clean

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient

__all__ = ["fetch_body"]

# Characters: a name that long is no name; file systems take 255 bytes.
_NAME_KEPT = 255


async def fetch_body(mailbox: MailboxClient, remote_id: str, *, keep_seconds: float) -> dict[str, Any]:
    """Return BODY of the message `remote_id`, which Odoo may keep for `keep_seconds`. Raises `GraphError` and `AuthError`."""
    body = await get_body(mailbox, remote_id, Priority.PERSON)
    cleaned = await in_thread(clean_html if body.is_html else text_to_html, body.html_or_text)
    return {
        "html": cleaned.html,
        "has_remote": cleaned.has_remote,
        "keep_seconds": int(keep_seconds),
        "attachments": [
            {
                "remote_id": a.id,
                "name": clean(a.name, _NAME_KEPT) or "attachment",
                "content_type": clean(a.content_type, _NAME_KEPT),
                "size": a.size,
                "is_inline": a.is_inline,
                "kind": a.kind,
            }
            for a in body.attachments
        ],
    }
