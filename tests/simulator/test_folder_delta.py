"""The delta of the folders themselves: the whole tree, its changes, and counts by switch (graph-behaviour 1.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.seed import grow
from tests.simulator.conftest import open_in_process

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph

TREE = "/me/mailFolders/delta"
SCHEMA = load_schema()


async def _told(graph: Graph, path: str, **given: Any) -> tuple[dict[str, dict[str, Any]], str]:
    items, link = await graph.rounds(path, **given)
    return {i["id"]: i for i in items}, link


def _visible(graph: Graph) -> set[str]:
    return {f.id for f in graph.mailbox.folders.values() if f.well_known != "msgfolderroot" and not f.is_hidden}


@pytest.mark.parametrize("path", [TREE, "/me/mailfolders/delta()", "/me/mailFolders/microsoft.graph.delta()"])
async def test_tree_first_round_is_the_whole_of_it(path: str) -> None:
    """All levels, search folders too, ten a page; valid by Graph's schema; hidden ones only on request, in later rounds too."""
    async with open_in_process() as graph:
        told, link = await _told(graph, path)
        assert set(told) == _visible(graph)
        assert not [p for item in told.values() for p in SCHEMA.problems(item, "mailFolder")]
        assert len((await graph.get(path))["value"]) == 10
        assert len((await graph.get(path, prefer="odata.maxpagesize=3"))["value"]) == 3
        assert (await _told(graph, link))[0] == {}
        everything, with_hidden = await _told(graph, path, includeHiddenFolders="true")
        (hidden,) = set(everything) - set(told)
        graph.mailbox.change_folder(hidden, name="Still hidden")
        assert (await _told(graph, link))[0] == {}
        assert set((await _told(graph, with_hidden))[0]) == {hidden}


async def test_tree_tells_new_renamed_moved_and_deleted_folders() -> None:
    """Each once, a deleted one with all below it as removals, with what was selected."""
    async with open_in_process() as graph:
        mailbox = graph.mailbox
        _, link = await _told(graph, TREE, **{"$select": "displayName,parentFolderId"})
        projects = next(f for f in mailbox.folders.values() if f.name == "Projekte")
        below = {f.id for f in mailbox.children(projects.id)}
        made = mailbox.add_folder("New", mailbox.folder_id("inbox"))
        mailbox.change_folder(mailbox.folder_id("archive"), name="Archiv")
        mailbox.change_folder(mailbox.folder_id("outbox"), parent_id=made.id)
        mailbox.delete_folder(projects.id)
        told, link = await _told(graph, link)
        assert {i for i, item in told.items() if "@removed" in item} == {projects.id} | below
        assert told[projects.id]["@removed"] == {"reason": "deleted"}
        assert told[made.id] == {"id": made.id, "displayName": "New", "parentFolderId": mailbox.folder_id("inbox")}
        assert told[mailbox.folder_id("archive")]["displayName"] == "Archiv"
        assert told[mailbox.folder_id("outbox")]["parentFolderId"] == made.id
        assert len(told) == 4 + len(below)
        assert (await _told(graph, link))[0] == {}


@pytest.mark.parametrize("counts", [True, False])
async def test_tree_tells_counts_by_switch(*, counts: bool) -> None:
    """New mail alone changes a folder's counts: told or not, as Graph's own documents leave it open."""
    async with open_in_process(Quirks(folder_delta_counts=counts)) as graph:
        _, link = await _told(graph, TREE)
        grow(graph.mailbox, 2, folder="archive")
        told, _ = await _told(graph, link)
        archive = graph.mailbox.folder_id("archive")
        assert {i: item["totalItemCount"] for i, item in told.items()} == ({archive: graph.mailbox.counts(archive)[1]} if counts else {})


async def test_tree_links_die_as_others_do() -> None:
    """Older than the last generations: 410; garbage and tokens of another kind: 400."""
    async with open_in_process(Quirks(delta_generations=1)) as graph:
        page = await graph.get(TREE, prefer="odata.maxpagesize=3")
        _, old = await _told(graph, TREE)
        await _told(graph, old)
        assert (await graph.raw(old)).json()["error"]["code"] == "SyncStateNotFound"
        _, messages = await graph.rounds("/me/mailFolders/inbox/messages/delta")
        for token in (
            "$deltatoken=nonsense",
            "$skiptoken=nonsense",
            messages.partition("?")[2],
            page["@odata.nextLink"].partition("?")[2].replace("skip", "delta"),
        ):
            assert (await graph.raw(f"{TREE}?{token}")).status_code == 400
