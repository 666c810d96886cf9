"""Folders and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
