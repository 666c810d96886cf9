"""Writes to folders (graph-behaviour section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.quirks import Quirks
from tests.simulator.conftest import open_in_process

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph

SCHEMA = load_schema()


async def _made(graph: Graph, name: str, parent: str = "", **more: Any) -> str:
    path = f"/me/mailFolders/{parent}/childFolders" if parent else "/me/mailFolders"
    folder = (await graph.write("POST", path, {"displayName": name, **more}, status=201)).json()
    assert not SCHEMA.problems(folder, "mailFolder")
    assert (folder["displayName"], folder["totalItemCount"]) == (name, 0)
    return str(folder["id"])


async def test_folder_is_made_renamed_moved_and_told(graph: Graph) -> None:
    """201 at the top or below another, hidden if it says so; the delta of folders tells each of it."""
    _, link = await graph.rounds("/me/mailFolders/delta")
    top, below = await _made(graph, "A/B"), await _made(graph, "Below", "inbox")
    hidden = await _made(graph, "Hidden", isHidden=True)
    assert graph.mailbox.folders[top].parent_id == graph.mailbox.folder_id("msgfolderroot")
    assert graph.mailbox.folders[below].parent_id == graph.mailbox.folder_id("inbox")
    assert graph.mailbox.folders[hidden].is_hidden
    told, link = await graph.rounds(link)
    assert {f["id"] for f in told} == {top, below}
    renamed = (await graph.write("PATCH", f"/me/mailFolders/{top}", {"displayName": "C"}, status=200)).json()
    assert (renamed["id"], renamed["displayName"]) == (top, "C")
    moved = (await graph.write("POST", f"/me/mailFolders/{top}/move", {"DestinationId": below}, status=200)).json()
    assert not SCHEMA.problems(moved, "mailFolder")
    assert moved["parentFolderId"] == below
    told, link = await graph.rounds(link)
    assert [(f["id"], f["displayName"], f["parentFolderId"]) for f in told] == [(top, "C", below)]


@pytest.mark.parametrize("status", ["409", "400"])
async def test_folder_exists_status_is_a_switch(status: str) -> None:
    """A name that a sibling has, in any case, for a new one, a rename and a move; elsewhere the name is free."""
    async with open_in_process(Quirks(folder_exists_status=status)) as graph:
        one, other = await _made(graph, "One"), await _made(graph, "Other")
        expected = (int(status), "ErrorFolderExists")
        assert await graph.refused("POST", "/me/mailFolders", {"displayName": "oNE"}) == expected
        assert await graph.refused("PATCH", f"/me/mailFolders/{other}", {"displayName": "One"}) == expected
        below = await _made(graph, "One", other)
        assert await graph.refused("POST", f"/me/mailFolders/{below}/move", {"destinationId": "msgfolderroot"}) == expected
        await graph.write("PATCH", f"/me/mailFolders/{one}", {"displayName": "ONE"}, status=200)


@pytest.mark.parametrize(("switch", "stays"), [("deleteditems", True), ("recoverable", False)])
async def test_delete_to_is_for_folders_too(switch: str, *, stays: bool) -> None:
    """204: below Deleted Items with its mail, or gone with it; from there it is gone always."""
    async with open_in_process(Quirks(delete_to=switch)) as graph:
        folder, second = await _made(graph, "One"), await _made(graph, "Two")
        message = graph.newest().immutable_id
        await graph.write("POST", f"/me/messages/{message}/move", {"destinationId": folder}, status=201)
        await graph.write("DELETE", f"/me/mailFolders/{folder}", status=204)
        assert ((await graph.raw(f"/me/mailFolders/{folder}")).status_code == 200) is stays
        assert (message in graph.mailbox.messages) is stays
        if stays:
            assert graph.mailbox.folders[folder].parent_id == graph.mailbox.folder_id("deleteditems")
            await graph.write("DELETE", f"/me/mailFolders/{folder}", status=204)
        await graph.write("POST", f"/me/mailFolders/{second}/permanentDelete", status=204)
        for gone in (folder, second):
            assert await graph.refused("DELETE", f"/me/mailFolders/{gone}") == (404, "ErrorItemNotFound")
        assert message not in graph.mailbox.messages


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "", {}, "ErrorInvalidRequest"),
        ("POST", "", {"displayName": "  "}, "ErrorInvalidRequest"),
        ("POST", "", {"displayName": 5}, "RequestBodyRead"),
        ("POST", "", {"displayName": "x", "totalItemCount": 5}, "ErrorInvalidPropertySet"),
        ("POST", "", {"name": "x"}, "RequestBodyRead"),
        ("PATCH", "/inbox", {"isHidden": True}, "ErrorInvalidPropertySet"),
        ("PATCH", "/inbox", {}, "ErrorInvalidRequest"),
        ("PATCH", "/msgfolderroot", {"displayName": "x"}, "ErrorInvalidRequest"),
        ("DELETE", "/inbox", None, "ErrorDeleteDistinguishedFolder"),
        ("POST", "/inbox/permanentDelete", None, "ErrorDeleteDistinguishedFolder"),
        ("POST", "/inbox/move", {"destinationId": "archive"}, "ErrorMoveDistinguishedFolder"),
        ("POST", "/{projects}/move", {"destinationId": "{projects}"}, "ErrorMoveCopyFailed"),
        ("POST", "/{projects}/move", {}, "ErrorInvalidRequest"),
    ],
)
async def test_folder_write_that_makes_no_sense_is_refused(graph: Graph, method: str, path: str, body: Any, code: str) -> None:
    """400, and the tree is as before."""
    tree = [(f.id, f.parent_id, f.name) for f in graph.mailbox.folders.values()]
    projects = next(f.id for f in graph.mailbox.folders.values() if f.name == "Projekte")
    body = {k: v.replace("{projects}", projects) if isinstance(v, str) else v for k, v in body.items()} if body else body
    assert await graph.refused(method, f"/me/mailFolders{path.replace('{projects}', projects)}", body) == (400, code)
    assert [(f.id, f.parent_id, f.name) for f in graph.mailbox.folders.values()] == tree
