"""Pages of messages: one that nobody can read does not spoil the others."""

from __future__ import annotations

import msgspec
import pytest

from connector.errors import GraphError, GraphNotFound, GraphUnreachable, GraphUnreadable
from connector.graph.batch import Reply
from connector.graph.pages import read_page


def _reply(*items: object, **links: str) -> Reply:
    return Reply(msgspec.json.encode({"value": list(items), **links}))


def test_read_page_sets_damaged_items_apart() -> None:
    """Wrong types anywhere in an item: the others are read, its id is told; one without an id is counted."""
    page = read_page(
        _reply(
            {"id": "good", "subject": "x"},
            {"id": "number", "subject": 7},
            {"id": "object", "toRecipients": {"a": 1}},
            {"subject": "nameless"},
            {"id": "gone", "@removed": {"reason": "deleted"}},
            **{"@odata.deltaLink": "link"},
        )
    )
    assert [m.id for m in page.changed] == ["good"]
    assert (page.removed, page.unreadable, page.nameless) == (["gone"], ["number", "object"], 1)
    assert (page.delta_link, page.items) == ("link", 5)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(b'{"value": 1}'), GraphUnreadable),
        (Reply(b'{"value": [{"id": "a"'), GraphUnreachable),
        (Reply(error=GraphNotFound("no")), GraphNotFound),
        (Reply(error=GraphUnreadable("no")), GraphUnreadable),
    ],
)
def test_read_page_that_is_none_is_an_error(reply: Reply, error: type[GraphError]) -> None:
    """No page, half a page, or the error that came instead."""
    with pytest.raises(error):
        read_page(reply)
