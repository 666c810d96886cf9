"""`$search`: alone in a request, newest sent first, 1,000 at most, behind the truth."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.graph_simulator.model import utc_now
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.seed import grow
from tests.simulator.conftest import open_in_process

if TYPE_CHECKING:
    from tests.graph_simulator.model import Message
    from tests.simulator.conftest import Graph


def marked(graph: Graph, place: int, subject: str, **more: object) -> Message:
    """Give a message of the Inbox another subject."""
    return graph.mailbox.change(graph.newest(place=place).immutable_id, {"subject": subject, **more})


async def subjects(graph: Graph, kql: str, path: str = "/me/messages", **given: str) -> list[str]:
    """Return the subjects of what is found."""
    escaped = kql.replace("\\", "\\\\").replace('"', '\\"')
    page = await graph.get(path, **{"$search": f'"{escaped}"', "$select": "subject", "$top": "50", **given})
    return [m["subject"] for m in page["value"]]


@pytest.mark.parametrize(
    ("kql", "is_found"),
    [
        ("zebrafish", True),
        ("zebra", False),
        ("zebra*", True),
        ("ZEBRAFISH grüsse", True),
        ("zebrafish AND nothing", False),
        ("nothing OR zebrafish", True),
        ("NOT zebrafish", False),
        ('subject:"zebrafish grüsse"', True),
        ("subject:zebra*", True),
        ("from:zebrafish", False),
        ("from:quentin", True),
        ("recipients:rosalind", True),
        ("rosalind", False),
        ("(to:rosalind OR cc:rosalind) AND hasAttachments:true", True),
        ("hasAttachments:false AND zebrafish", False),
        ("zebrafish AND received>=2026-01-01 AND received<2026-01-02", True),
        ("zebrafish AND received<2026-01-01", False),
        ("bodyword", True),
    ],
)
async def test_search_words(graph: Graph, kql: str, is_found: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Words are whole unless they end in a star; without a property they are of sender, subject and body."""
    person = {"emailAddress": {"name": "Rosalind", "address": "ros@pier.example"}}
    sender = {"emailAddress": {"name": "Quentin", "address": "q@pier.example"}}
    data = {"toRecipients": [person], "from": sender, "hasAttachments": True, "receivedDateTime": "2026-01-01T10:00:00Z"}
    marked(graph, 0, "Zebrafish Grüsse", **data, body={"contentType": "html", "content": "<p>a bodyword</p>"})
    assert ("Zebrafish Grüsse" in await subjects(graph, kql)) is is_found


async def test_search_order_folder_and_ids(graph: Graph) -> None:
    """The newest sent comes first, whatever was received when; a folder is searched alone; ids are immutable if that is asked for."""
    first = marked(graph, 0, "zebrafish one", sentDateTime="2020-01-01T00:00:00Z")
    marked(graph, 1, "zebrafish two", sentDateTime="2021-01-01T00:00:00Z")
    assert await subjects(graph, "zebrafish") == ["zebrafish two", "zebrafish one"]
    assert await subjects(graph, "zebrafish", "/me/mailFolders/sentitems/messages") == []
    page = await graph.get("/me/messages", **{"$search": '"subject:one AND zebrafish"'})
    assert [m["id"] for m in page["value"]] == [first.immutable_id]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"$search": '"a"', "$filter": "isRead eq true"}, "SearchWithFilter"),
        ({"$search": '"a"', "$orderby": "receivedDateTime desc"}, "SearchWithOrderBy"),
        ({"$search": "a b"}, "BadRequest"),
        ({"$search": '"a'}, "BadRequest"),
        ({"$search": '"(a"'}, "BadRequest"),
        ({"$search": '"a AND"'}, "BadRequest"),
        ({"$search": '"received>=yesterday"'}, "BadRequest"),
    ],
)
async def test_search_refused(graph: Graph, params: dict[str, str], code: str) -> None:
    """Beside a filter or an order it is refused, and so is what is no KQL."""
    answer = await graph.raw(f"/me/messages?{urlencode(params)}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_search_ends_at_a_thousand(graph: Graph) -> None:
    """However many match, a thousand are all that the pages give."""
    marked(graph, 0, "zebrafish")
    for message in list(graph.mailbox.messages.values()):
        graph.mailbox.change(message.immutable_id, {"subject": "zebrafish"})
    grow(graph.mailbox, 1100)
    graph.mailbox.history.age()
    page = await graph.get("/me/messages", **{"$search": '"subject:zebrafish"', "$top": "400", "$select": "id"})
    count = len(page["value"])
    while "@odata.nextLink" in page:
        page = await graph.get(page["@odata.nextLink"])
        count += len(page["value"])
    assert count == 1000


async def test_search_is_behind_the_truth() -> None:
    """A message that was delivered just now is not found, and is some seconds later."""
    now = utc_now()
    async with open_in_process(Quirks(search_delay=30.0), clock=lambda: now) as graph:
        old = graph.newest()
        graph.mailbox.add(old.folder_id, old.data | {"subject": "zebrafish"}, old.mime, [])
        assert await subjects(graph, "zebrafish") == []
        now += timedelta(seconds=31)
        assert await subjects(graph, "zebrafish") == ["zebrafish"]
