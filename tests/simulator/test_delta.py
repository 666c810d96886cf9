"""The delta of a folder: generations, moves, and each awkwardness that breaks naive clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector.graph.messages import SELECT
from tests.graph_simulator.quirks import Quirks
from tests.simulator.conftest import open_graph

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph

DELTA = "/me/mailFolders/inbox/messages/delta"


async def _ids(graph: Graph, path: str, **given: Any) -> tuple[list[str], str]:
    items, link = await graph.rounds(path, **given)
    return [i["id"] for i in items], link


async def test_delta_first_round_brings_the_folder(graph: Graph) -> None:
    """Every message of the folder, ten a page unless Prefer asks for more; then nothing."""
    ids, link = await _ids(graph, DELTA)
    assert set(ids) == {m.immutable_id for m in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))}
    assert len((await graph.get(DELTA))["value"]) == 10
    assert len((await graph.get(DELTA, prefer="odata.maxpagesize=17"))["value"]) == 17
    assert (await _ids(graph, link))[0] == []


async def test_delta_move_is_removed_here_and_added_there_with_one_id(graph: Graph) -> None:
    """With immutable ids a move is the same id twice: removed in one folder, whole in the other."""
    _, inbox = await _ids(graph, DELTA)
    _, archive = await _ids(graph, DELTA.replace("inbox", "archive"))
    moved = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[0].immutable_id
    graph.mailbox.move(moved, graph.mailbox.folder_id("archive"))
    left, _ = await graph.rounds(inbox)
    came, _ = await graph.rounds(archive)
    assert [(i["id"], "@removed" in i) for i in left] == [(moved, True)]
    assert [(i["id"], "@removed" in i) for i in came] == [(moved, False)]


@pytest.mark.parametrize("loses", [True, False])
async def test_delta_away_and_back_is_a_removal_where_graph_loses_it(*, loses: bool) -> None:
    """Moved away and back between two polls: only the removal is reported (contrib#72), or the message, by switch."""
    async with open_graph(Quirks(aba_loss=loses)) as graph:
        _, link = await _ids(graph, DELTA)
        inbox, archive = graph.mailbox.folder_id("inbox"), graph.mailbox.folder_id("archive")
        moved = graph.mailbox.in_folder(inbox)[0].immutable_id
        graph.mailbox.move(moved, archive)
        graph.mailbox.move(moved, inbox)
        items, _ = await graph.rounds(link)
        assert [("@removed" in i) for i in items] == [loses]


@pytest.mark.parametrize("partial", [True, False])
async def test_delta_read_toggle_is_partial(*, partial: bool) -> None:
    """A read toggle brings id, isRead and parentFolderId alone (docs#7776), by switch."""
    async with open_graph(Quirks(partial_read_updates=partial)) as graph:
        _, link = await _ids(graph, DELTA, **{"$select": SELECT})
        message = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[0]
        graph.mailbox.set_read(message.immutable_id, is_read=not message.data["isRead"])
        (item,), _ = await graph.rounds(link)
        assert ("subject" in item) is not partial
        assert item["isRead"] == message.data["isRead"]


async def test_delta_old_generation_is_gone() -> None:
    """A link older than the generations that live is 410 SyncStateNotFound; garbage is 400; a deleted folder 404."""
    async with open_graph(Quirks(delta_generations=2)) as graph:
        _, first = await _ids(graph, DELTA)
        link = first
        for _ in range(2):
            _, link = await _ids(graph, link)
        answer = await graph.raw(first)
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "SyncStateNotFound")
        garbage = await graph.raw(first.partition("$deltatoken=")[0] + "$deltatoken=nonsense")
        assert (garbage.status_code, "Badly formed token" in garbage.text) == (400, True)
        projects = next(f for f in graph.mailbox.folders.values() if f.name == "Projekte")
        _, link = await _ids(graph, f"/me/mailFolders/{projects.id}/messages/delta")
        graph.mailbox.delete_folder(projects.id)
        gone = await graph.raw(link)
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "ErrorSyncFolderNotFound")


async def test_delta_filter_is_capped_and_lets_older_events_through() -> None:
    """A filtered round stops at the cap, and tells of older messages all the same when they change."""
    async with open_graph(Quirks(filter_cap=5)) as graph:
        inbox = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))
        since = inbox[20].data["receivedDateTime"]
        ids, link = await _ids(graph, DELTA, **{"$filter": f"receivedDateTime ge {since}"})
        assert len(ids) == 5
        graph.mailbox.set_flag(inbox[-1].immutable_id, "flagged")
        assert (await _ids(graph, link))[0] == [inbox[-1].immutable_id]


async def test_delta_top_caps_the_round(graph: Graph) -> None:
    """$top on a delta is a trap: the round ends there."""
    ids, _ = await _ids(graph, DELTA, **{"$top": "3"})
    assert len(ids) == 3


async def test_delta_hostile_pages_lose_nothing() -> None:
    """Empty pages, duplicates and disorder: all is there for who goes on to the delta link."""
    async with open_graph(Quirks(empty_pages=True, duplicates=True, shuffle=True)) as graph:
        first = await graph.get(DELTA)
        assert first["value"] == []
        assert "@odata.nextLink" in first
        ids, _ = await _ids(graph, DELTA)
        wanted = [m.immutable_id for m in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))]
        assert set(ids) == set(wanted)
        assert len(ids) > len(wanted)
        assert list(dict.fromkeys(ids)) != wanted
