"""Pure: a page of messages out of a reply, with the items that nobody can read set apart instead of spoiling the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from connector.errors import GraphUnreadable
from connector.graph.answers import repair_json
from connector.graph.types import GraphMessage, MessagePage, Named, RawPage

if TYPE_CHECKING:
    from connector.graph.batch import Reply

__all__ = ["Page", "read_page"]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says: changed messages (patches), ids that left the folder (deltas only), and its link.

    `unreadable` are ids of items whose shape we do not know; `nameless` counts those that do not even have an id.
    """

    changed: list[GraphMessage]
    removed: list[str]
    next_link: str | None
    delta_link: str | None
    unreadable: list[str] = field(default_factory=list)
    nameless: int = 0

    @property
    def items(self) -> int:
        """How many items came."""
        return len(self.changed) + len(self.removed) + len(self.unreadable) + self.nameless


def read_page(reply: Reply) -> Page:
    """Return the page in `reply`. Raises the error that came instead, `GraphUnreadable` (no page), `GraphUnreachable` (cut)."""
    try:
        page = reply.read(MessagePage)
    except GraphUnreadable:
        if reply.error is not None:
            raise
        return _item_by_item(reply)
    return _sorted(page.value, page.next_link, page.delta_link)


def _item_by_item(reply: Reply) -> Page:
    raw = reply.read(RawPage)
    messages: list[GraphMessage] = []
    unreadable: list[str] = []
    nameless = 0
    for item in raw.value:
        fit = repair_json(bytes(item))
        try:
            messages.append(msgspec.json.decode(fit, type=GraphMessage))
        except msgspec.MsgspecError:
            try:
                unreadable.append(msgspec.json.decode(fit, type=Named).id)
            except msgspec.MsgspecError:
                nameless += 1
    return _sorted(messages, raw.next_link, raw.delta_link, unreadable, nameless)


def _sorted(
    messages: list[GraphMessage], next_link: str | None, delta_link: str | None, unreadable: list[str] | None = None, nameless: int = 0
) -> Page:
    return Page(
        changed=[m for m in messages if m.removed is UNSET],
        removed=[m.id for m in messages if m.removed is not UNSET],
        next_link=next_link,
        delta_link=delta_link,
        unreadable=unreadable or [],
        nameless=nameless,
    )
