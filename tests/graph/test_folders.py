"""The folder tree: every level and page of it, or an error; never half of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from connector.errors import GraphError, GraphMailboxGone, GraphUnreachable
from connector.graph.folders import ROLES, Folder, Tree, list_tree
from tests.graph.conftest import BASE, fault, open_mailbox, page

if TYPE_CHECKING:
    from trio.testing import MockClock

FOLDERS = "/v1.0/me/mailFolders"
NOTHING = Tree([], {})
NAMES = {f"{FOLDERS}/{name}" for name in ROLES}


async def test_list_tree_goes_down_every_level_and_page() -> None:
    """Children of children, on a second page too; an id with a slash is quoted; below what is hidden nobody looks."""
    asked: list[str] = []
    answers = {
        "": page({"id": "a/=", "displayName": "A", "childFolderCount": 1}, {"id": "H", "isHidden": True, "childFolderCount": 9}),
        "/a%2F%3D/childFolders": page({"id": "B", "displayName": "B"}, next=f"{BASE}/me/mailFolders/a%2F%3D/childFolders?$skip=1"),
        "/a%2F%3D/childFolders?$skip=1": page({"id": "C", "displayName": "C", "childFolderCount": 1}),
        "/C/childFolders": page({"id": "D", "displayName": "D"}),
    }

    def graph(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        asked.append(path)
        if path.partition("?")[0] in NAMES:
            return fault(404, "ErrorItemNotFound")
        path = path.removeprefix(FOLDERS)
        return answers[path if "$skip" in path else path.partition("?")[0]]

    async with open_mailbox(graph) as mailbox:
        tree = await list_tree(mailbox)
        assert [(f.id, f.parent_id) for f in tree.folders] == [("a/=", None), ("B", "a/="), ("C", "a/="), ("D", "C")]
        assert {p.partition("?")[0] for p in asked} >= NAMES
        asked.clear()
        again = await list_tree(mailbox, known=Tree(tree.folders, {"archive": "C"}))
    assert not [p for p in asked if p.partition("?")[0] in NAMES], "well-known ids do not change: they are asked for once"
    assert {f.id: f.role for f in again.folders}["C"] == ROLES["archive"]


async def test_list_tree_well_known_folder_that_was_made_anew_has_its_role() -> None:
    """An Archive that was deleted and made by the next click on "Archive" has another id: it is the Archive all the same."""

    def graph(request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix(FOLDERS).strip("/")
        if name:
            return page_of(name)
        return page({"id": "i", "displayName": "Inbox"}, {"id": "new", "displayName": "Archiv"})

    def page_of(name: str) -> httpx.Response:
        assert name != "inbox", "it is where it was"
        return httpx.Response(200, json={"id": "new"}) if name == "archive" else fault(404, "ErrorItemNotFound")

    known = Tree(
        [Folder("i", None, "Inbox", "inbox", 0, 0), Folder("old", None, "Archiv", "archive", 0, 0)], {"inbox": "i", "archive": "old"}
    )
    async with open_mailbox(graph) as mailbox:
        tree = await list_tree(mailbox, known=known)
    assert {f.id: f.role for f in tree.folders} == {"i": "inbox", "new": "archive"}
    assert tree.well_known == {"inbox": "i", "archive": "new"}


async def test_list_tree_circle_is_an_error() -> None:
    """A next link that comes twice would never end, and half a tree would put folders away."""
    async with open_mailbox(lambda _: page({"id": "a"}, next=f"{BASE}/me/mailFolders?$skip=1")) as mailbox:
        with pytest.raises(GraphError, match="circle"):
            await list_tree(mailbox, known=NOTHING)


@pytest.mark.parametrize(
    ("answer", "error"),
    [(fault(500, "ErrorInternalServerError"), GraphUnreachable), (fault(404, "MailboxNotEnabledForRESTAPI"), GraphMailboxGone)],
)
async def test_list_tree_level_that_fails_is_no_smaller_tree(
    answer: httpx.Response, error: type[GraphError], autojump_clock: MockClock
) -> None:
    """One level that cannot be listed ends the listing: its folders are not gone."""

    def graph(request: httpx.Request) -> httpx.Response:
        return answer if "childFolders" in request.url.path else page({"id": "I", "displayName": "Inbox", "childFolderCount": 1})

    async with open_mailbox(graph) as mailbox:
        with pytest.raises(error):
            await list_tree(mailbox, known=NOTHING)


async def test_list_tree_mailbox_gone_is_not_a_mailbox_without_folders() -> None:
    """While the well-known folders are asked for, too."""
    async with open_mailbox(lambda _: fault(404, "MailboxNotEnabledForRESTAPI")) as mailbox:
        with pytest.raises(GraphMailboxGone):
            await list_tree(mailbox)
