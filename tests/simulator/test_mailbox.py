"""Folders and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph


async def test_folders_are_one_level_ten_a_page_with_search_folders(graph: Graph) -> None:
    """The list is what naive clients trip over: ten a page, one level, search folders in it, hidden ones only on request."""
    root = graph.mailbox.folder_id("msgfolderroot")
    for number in range(5):
        graph.mailbox.add_folder(f"More {number}", root)
    page = await graph.get("/me/mailFolders")
    assert len(page["value"]) == 10
    rest = await graph.get(page["@odata.nextLink"])
    names = [f["displayName"] for f in (*page["value"], *rest["value"])]
    assert "Nordsee/Pier" not in names
    assert "Conversation History" not in names
    assert [f["displayName"] for f in (*page["value"], *rest["value"]) if "@odata.type" in f] == ["Unread Mail"]
    assert not any("wellKnownName" in f for f in page["value"])


async def test_list_order_and_filter(graph: Graph) -> None:
    """Newest first on request, bounded by time; paging by the link that Graph gives."""
    path = "/me/mailFolders/inbox/messages"
    inbox = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))
    bound = inbox[5].data["receivedDateTime"]
    page = await graph.get(path, **{"$filter": f"receivedDateTime le {bound}", "$orderby": "receivedDateTime desc", "$top": "4"})
    ids = [m["id"] for m in page["value"]]
    ids += [m["id"] for m in (await graph.get(page["@odata.nextLink"]))["value"]]
    assert ids == [m.immutable_id for m in inbox[5:13]]
    assert (await graph.raw(f"{path}?$orderby=subject")).json()["error"]["code"] == "InefficientFilter"


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("receivedDateTime ge {}Z", slice(0, 6)),
        ("receivedDateTime gt {}Z", slice(0, 5)),
        ("receivedDateTime le {}Z", slice(5, None)),
        ("receivedDateTime lt {}Z", slice(6, None)),
        ("receivedDateTime eq {}Z", slice(5, 6)),
        ("receivedDateTime ge {}.000Z", slice(0, 6)),
        ("receivedDateTime le {}.000+00:00", slice(5, None)),
        ("receivedDateTime ge {}.5Z", slice(0, 5)),
        ("receivedDateTime eq {}.5Z", slice(0, 0)),
        ("receivedDateTime lt {}.5Z", slice(5, None)),
        ("receivedDateTime ge {}Z and receivedDateTime lt 2999-01-01T00:00:00Z", slice(0, 6)),
        ("receivedDateTime gt {}Z and receivedDateTime le {}Z", slice(0, 0)),
    ],
)
async def test_list_filter_bounds(graph: Graph, condition: str, taken: slice) -> None:
    """Every operator, with fractions of a second and with an offset."""
    inbox = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))
    moment = inbox[5].data["receivedDateTime"].removesuffix("Z")
    page = await graph.get(
        "/me/mailFolders/inbox/messages",
        **{"$filter": condition.format(moment, moment), "$orderby": "receivedDateTime desc", "$top": "100"},
    )
    assert [m["id"] for m in page["value"]] == [m.immutable_id for m in inbox[taken]]


@pytest.mark.parametrize("condition", ["receivedDateTime ge 2026-13-01T00:00:00Z", "receivedDateTime ge now()", "subject eq 'x'", ""])
async def test_list_filter_that_is_none_is_refused(graph: Graph, condition: str) -> None:
    """400, not a list of something else."""
    answer = await graph.raw(f"/me/mailFolders/inbox/messages?$filter={quote(condition)}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
