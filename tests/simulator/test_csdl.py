"""Every response of the simulator against Graph's own schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector.graph.messages import SELECT
from tests.graph_simulator.csdl import load_schema

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph

SCHEMA = load_schema()


def _assert_valid(value: Any, kind: str) -> None:
    items = value.get("value", [value])
    assert items
    problems = [p for item in items for p in SCHEMA.problems(item, kind)]
    assert not problems, problems[:10]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"id": "x", "subjekt": "y"}, "message"),
        ({"id": "x", "isRead": "yes"}, "message"),
        ({"id": "x", "importance": "urgent"}, "message"),
        ({"id": "x", "receivedDateTime": "yesterday"}, "message"),
        ({"id": None}, "message"),
        ({"id": "x", "toRecipients": None}, "message"),
        ({"id": "x", "from": {"emailAddress": {"mail": "x"}}}, "message"),
        ({"@odata.type": "#microsoft.graph.mailFolder", "id": "x"}, "message"),
        ({"id": "x", "size": None}, "attachment"),
        ({"id": "x", "totalItemCount": True}, "mailFolder"),
    ],
)
def test_schema_wrong_object_is_refused(value: dict[str, Any], kind: str) -> None:
    """The oracle itself tells a wrong name, type, enumeration, null and derived type."""
    assert SCHEMA.problems(value, kind)


async def test_folders_are_valid(graph: Graph) -> None:
    """Every folder of every level, also by well-known name, also the search folder."""
    _assert_valid(await graph.get("/me/mailFolders", includeHiddenFolders="true", **{"$top": "100"}), "mailFolder")
    for folder in list(graph.mailbox.folders.values()):
        _assert_valid(await graph.get(f"/me/mailFolders/{folder.id}"), "mailFolder")
        if graph.mailbox.children(folder.id):
            _assert_valid(await graph.get(f"/me/mailFolders/{folder.id}/childFolders"), "mailFolder")
    _assert_valid(await graph.get("/me/mailFolders/Inbox"), "mailFolder")


async def test_messages_are_valid(graph: Graph) -> None:
    """All 78 real mails, whole and selected, in lists and alone, with their attachments."""
    seen = 0
    for folder in list(graph.mailbox.folders.values()):
        if not graph.mailbox.in_folder(folder.id):
            continue
        for params in ({"$top": "1000"}, {"$top": "1000", "$select": SELECT}):
            _assert_valid(await graph.get(f"/me/mailFolders/{folder.id}/messages", **params), "message")
    for message in list(graph.mailbox.messages.values()):
        seen += 1
        whole = await graph.get(f"/me/messages/{message.immutable_id}")
        _assert_valid(whole, "message")
        if message.attachments:
            listed = await graph.get(f"/me/messages/{message.immutable_id}/attachments")
            _assert_valid(listed, "attachment")
            for entry in listed["value"]:
                _assert_valid(await graph.get(f"/me/messages/{message.immutable_id}/attachments/{entry['id']}"), "attachment")
    assert seen == 78


async def test_delta_is_valid(graph: Graph) -> None:
    """First and next rounds: whole objects, partial updates, removals."""
    inbox = graph.mailbox.folder_id("inbox")
    items, link = await graph.rounds(f"/me/mailFolders/{inbox}/messages/delta", prefer="odata.maxpagesize=7", **{"$select": SELECT})
    _assert_valid({"value": items}, "message")
    first, second, third = graph.mailbox.in_folder(inbox)[:3]
    graph.mailbox.set_read(first.immutable_id, is_read=not first.data["isRead"])
    graph.mailbox.set_flag(second.immutable_id, "flagged")
    graph.mailbox.delete(third.immutable_id)
    items, _ = await graph.rounds(link)
    _assert_valid({"value": items}, "message")
    assert len(items) == 3
