"""Mutable and immutable ids: which one comes is said by each request, and only one of them survives a move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.graph_simulator.model import Message
    from tests.simulator.conftest import Graph

DELTA = "/me/mailFolders/inbox/messages/delta"


def _newest(graph: Graph, place: int = 0) -> Message:
    return graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[place]


async def test_ids_follow_the_header_of_each_request(graph: Graph) -> None:
    """The same message has a mutable id without the header and an immutable one with it, whichever opened it."""
    message = _newest(graph)
    mutable = (await graph.get(f"/me/messages/{message.immutable_id}", immutable=False))["id"]
    assert mutable not in graph.mailbox.messages
    assert (await graph.get(f"/me/messages/{mutable}"))["id"] == message.immutable_id
    assert (await graph.get(f"/me/messages/{mutable}", immutable=False))["id"] == mutable


@pytest.mark.parametrize("path", ["/me/mailFolders/inbox/messages", DELTA])
async def test_ids_header_forgotten_on_a_link_mixes_them(graph: Graph, path: str) -> None:
    """A link works with both, but the ids on its page follow the header that this request has (graph-behaviour 2)."""
    first = await graph.get(path, **({} if path == DELTA else {"$top": "10"}))
    link = first["@odata.nextLink"]
    immutable = [m["id"] for m in (await graph.get(link))["value"]]
    mutable = [m["id"] for m in (await graph.get(link, immutable=False))["value"]]
    assert set(immutable) <= set(graph.mailbox.messages)
    assert [graph.mailbox.find(i).immutable_id for i in mutable] == immutable
    assert not set(mutable) & set(graph.mailbox.messages)


@pytest.mark.parametrize(
    ("prefer", "is_immutable"),
    [
        ('IdType="ImmutableId"', True),
        ('idtype="immutableid"', True),
        ('odata.maxpagesize=3, IdType="ImmutableId"', True),
        ('IdType="RestId"', False),
        ("odata.maxpagesize=3", False),
    ],
)
async def test_ids_preference_is_applied_and_said(graph: Graph, prefer: str, *, is_immutable: bool) -> None:
    """Alone or beside another preference, in any case; Preference-Applied says what was done."""
    answer = await graph.raw(DELTA, immutable=False, prefer=prefer)
    assert (answer.json()["value"][0]["id"] in graph.mailbox.messages) is is_immutable
    assert ("IdType=ImmutableId" in answer.headers["preference-applied"]) is is_immutable
    assert "odata.track-changes" in answer.headers["preference-applied"]


async def test_ids_move_changes_the_mutable_one_alone(graph: Graph) -> None:
    """After each move the old mutable id is not found, the immutable one goes on; moved back, the first mutable id stays dead."""
    message = _newest(graph)
    seen = []
    for folder in ("archive", "deleteditems", "inbox"):
        seen.append((await graph.get(f"/me/messages/{message.immutable_id}", immutable=False))["id"])
        graph.mailbox.move(message.immutable_id, graph.mailbox.folder_id(folder))
        answer = await graph.raw(f"/me/messages/{seen[-1]}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ErrorItemNotFound")
        found = await graph.get(f"/me/messages/{message.immutable_id}")
        assert (found["id"], found["parentFolderId"]) == (message.immutable_id, graph.mailbox.folder_id(folder))
    assert len(set(seen)) == 3
    assert [(await graph.raw(f"/me/messages/{i}")).status_code for i in seen] == [404, 404, 404]


async def test_ids_reading_and_flagging_change_no_id(graph: Graph) -> None:
    """Only a move makes a new mutable id."""
    message = _newest(graph)
    before = message.mutable_id
    graph.mailbox.set_read(message.immutable_id, is_read=not message.data["isRead"])
    graph.mailbox.set_flag(message.immutable_id, "complete")
    assert (await graph.get(f"/me/messages/{message.immutable_id}", immutable=False))["id"] == before


async def test_ids_move_is_told_in_the_format_of_the_request(graph: Graph) -> None:
    """Without the header a moved message leaves by the mutable id that the client knew, and comes by another."""
    message = _newest(graph)
    known = message.mutable_id
    _, left = await graph.rounds(DELTA)
    _, came = await graph.rounds(DELTA.replace("inbox", "archive"))
    graph.mailbox.move(message.immutable_id, graph.mailbox.folder_id("archive"))
    (gone,) = (await graph.get(left, immutable=False))["value"]
    (new,) = (await graph.get(came, immutable=False))["value"]
    assert (gone["id"], "@removed" in gone) == (known, True)
    assert new["id"] not in {known, message.immutable_id}


async def test_ids_deleted_message_leaves_by_the_id_the_client_knew(graph: Graph) -> None:
    """The same for a deletion, in both formats."""
    first, second = _newest(graph), _newest(graph, 1)
    known = first.mutable_id
    _, link = await graph.rounds(DELTA)
    graph.mailbox.delete(first.immutable_id)
    graph.mailbox.move(second.immutable_id, graph.mailbox.folder_id("archive"))
    assert known in [i["id"] for i in (await graph.get(link, immutable=False))["value"]]
    assert {i["id"] for i in (await graph.get(link))["value"]} == {first.immutable_id, second.immutable_id}


@pytest.mark.parametrize("immutable", [True, False])
async def test_ids_case_matters(graph: Graph, *, immutable: bool) -> None:
    """An id that differs in case alone is another id."""
    message = _newest(graph)
    known = message.immutable_id if immutable else message.mutable_id
    other = known[:8] + known[8:].swapcase()
    assert (await graph.raw(f"/me/messages/{known}")).status_code == 200
    answer = await graph.raw(f"/me/messages/{other}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ErrorItemNotFound")


async def test_ids_folder_has_one_in_both_formats(graph: Graph) -> None:
    """Folder ids are constant, with and without the header, and parentFolderId is an id, never a name."""
    with_header, without = [await graph.get("/me/mailFolders/inbox", immutable=i) for i in (True, False)]
    assert with_header["id"] == without["id"] == graph.mailbox.folder_id("inbox")
    assert with_header["parentFolderId"] == graph.mailbox.folder_id("msgfolderroot")


async def test_ids_percent_encoded_are_the_same(graph: Graph) -> None:
    """A client may write the = at the end of an id as %3D."""
    message = _newest(graph)
    assert message.immutable_id.endswith("=")
    for path in (f"/me/messages/{message.immutable_id.replace('=', '%3D')}", f"/me/messages('{message.immutable_id.replace('=', '%3d')}')"):
        assert (await graph.get(path))["id"] == message.immutable_id


async def test_ids_attachment_has_both_kinds_too(graph: Graph) -> None:
    """The id of an attachment follows the header; after a move its immutable one holds, and another message's is not found."""
    message, other = [m for m in graph.mailbox.messages.values() if m.attachments][:2]
    path = f"/me/messages/{message.immutable_id}/attachments"
    immutable = (await graph.get(path))["value"][0]["id"]
    mutable = (await graph.get(path, immutable=False))["value"][0]["id"]
    assert mutable != immutable
    assert (await graph.get(f"{path}/{mutable}"))["id"] == immutable
    graph.mailbox.move(message.immutable_id, graph.mailbox.folder_id("outbox"))
    assert (await graph.get(f"{path}/{immutable}"))["id"] == immutable
    assert (await graph.raw(f"{path}/{mutable}")).status_code == 404
    assert (await graph.raw(f"/me/messages/{other.immutable_id}/attachments/{immutable}")).status_code == 404
