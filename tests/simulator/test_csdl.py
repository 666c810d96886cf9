"""Every response of the simulator against Graph's own schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector.graph.messages import SELECT
from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.model import ROLES
from tests.graph_simulator.quirks import Quirks
from tests.simulator.conftest import open_graph

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph

SCHEMA = load_schema()


FILE = {"@odata.type": "#microsoft.graph.fileAttachment", "id": "x", "isInline": False, "size": 1}


def _assert_valid(value: Any, kind: str) -> None:
    items = value.get("value", [value])
    assert items
    problems = [p for item in items for p in SCHEMA.problems(item, kind)]
    assert not problems, problems[:10]


# ---------------------------------------------------------------- the oracle itself


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        # wrong name
        ({"id": "x", "subjekt": "y"}, "message", "$.subjekt: message has no such property"),
        ({"id": "x", "Subject": "y"}, "message", "$.Subject: message has no such property"),
        ({"id": "x", "from": {"emailAddress": {"mail": "x"}}}, "message", "$.from.emailAddress.mail: emailAddress has no such property"),
        ({"id": "x", "wellKnownName": "inbox"}, "mailFolder", "no such property"),
        ({"id": "x", "contentBytes": "eA=="}, "mailFolder", "no such property"),
        ({**FILE, "item": {}}, "attachment", "fileAttachment has no such property"),
        # wrong type
        ({"id": "x", "isRead": "yes"}, "message", "$.isRead: 'yes' is no Edm.Boolean"),
        ({"id": "x", "isRead": 1}, "message", "Edm.Boolean"),
        ({"id": 5}, "message", "Edm.String"),
        ({"id": "x", "receivedDateTime": "yesterday"}, "message", "Edm.DateTimeOffset"),
        ({"id": "x", "receivedDateTime": "2026-11-01T10:00:00"}, "message", "Edm.DateTimeOffset"),
        ({"id": "x", "totalItemCount": True}, "mailFolder", "Edm.Int32"),
        ({"id": "x", "totalItemCount": 2**31}, "mailFolder", "Edm.Int32"),
        ({"id": "x", "conversationIndex": "not base64"}, "message", "Edm.Binary"),
        ({"id": "x", "body": "text"}, "message", "$.body: is no object"),
        ([], "message", "is no object"),
        # collections
        ({"id": "x", "toRecipients": {}}, "message", "$.toRecipients: is no collection"),
        ({"id": "x", "toRecipients": None}, "message", "$.toRecipients: is no collection"),
        ({"id": "x", "categories": ["a", 5]}, "message", "$.categories[1]: 5 is no Edm.String"),
        ({"id": "x", "subject": ["a"]}, "message", "Edm.String"),
        # enumerations
        ({"id": "x", "importance": "urgent"}, "message", "'urgent' is no importance"),
        ({"id": "x", "importance": "High"}, "message", "'High' is no importance"),
        ({"id": "x", "importance": ["high"]}, "message", "is no importance"),
        ({"id": "x", "flag": {"flagStatus": "red"}}, "message", "$.flag.flagStatus: 'red' is no followupFlagStatus"),
        # null
        ({"id": None}, "message", "$.id: is null, and may not be"),
        ({**FILE, "size": None}, "attachment", "$.size: is null"),
        ({"id": "x", "flag": {"dueDateTime": {"dateTime": None}}}, "message", "$.flag.dueDateTime.dateTime: is null"),
        # inheritance
        ({"@odata.type": "#microsoft.graph.mailFolder", "id": "x"}, "message", "mailFolder is no message"),
        ({"@odata.type": "#microsoft.graph.outlookItem", "id": "x"}, "message", "outlookItem is no message"),
        ({"@odata.type": "#microsoft.graph.letter", "id": "x"}, "message", "unknown type letter"),
        ({"id": "x", "isInline": False, "size": 1}, "attachment", "attachment is abstract"),
    ],
)
def test_schema_wrong_object_is_refused(value: Any, kind: str, says: str) -> None:
    """A wrong name, type, collection, enumeration, null and derived type: each is found, and where."""
    (problem,) = SCHEMA.problems(value, kind)
    assert says in problem


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"id": "x", "subject": None, "from": None, "isDeliveryReceiptRequested": None, "body": None}, "message"),
        ({"id": "x", "categories": [], "changeKey": "c", "createdDateTime": "2026-11-01T10:00:00Z"}, "message"),
        ({"@odata.type": "#microsoft.graph.eventMessage", "id": "x", "meetingMessageType": "meetingRequest", "subject": "y"}, "message"),
        ({"@odata.type": "#microsoft.graph.mailSearchFolder", "id": "x", "isSupported": True, "sourceFolderIds": ["a"]}, "mailFolder"),
        ({"@odata.etag": 'W/"x"', "id": "x", "@removed": {"reason": "deleted"}, "subject@odata.type": 5}, "message"),
        ({**FILE, "contentBytes": "eA=="}, "attachment"),
        ({"@odata.type": "#microsoft.graph.openTypeExtension", "id": "x", "extensionName": "n", "anything": {"at": "all"}}, "extension"),
        ({"id": "x", "displayName": "Anna", "mail": None}, "user"),
    ],
)
def test_schema_right_object_is_taken(value: dict[str, Any], kind: str) -> None:
    """Nulls that may be, inherited and derived properties, annotations, open types."""
    assert SCHEMA.problems(value, kind) == []


# ---------------------------------------------------------------- every response


async def test_user_is_valid(graph: Graph) -> None:
    """/me, of which the extract has what mail uses."""
    _assert_valid(await graph.get("/me"), "user")


@pytest.mark.parametrize("select", [None, "id", "displayName,isHidden,totalItemCount"])
async def test_folders_are_valid(graph: Graph, select: str | None) -> None:
    """Every folder of every level, by its id and by its well-known name, also the search folder and the hidden one."""
    params = {} if select is None else {"$select": select}
    seen: set[str] = set()
    parents = ["/me/mailFolders"]
    while parents:
        page = await graph.get(parents[0], includeHiddenFolders="true", **params)
        while True:
            assert set(page) <= {"@odata.context", "@odata.nextLink", "value"}
            for folder in page["value"]:
                _assert_valid(folder, "mailFolder")
                _assert_valid(await graph.get(f"/me/mailFolders/{folder['id']}", **params), "mailFolder")
                seen.add(folder["id"])
                if graph.mailbox.children(folder["id"]):
                    parents.append(f"/me/mailFolders/{folder['id']}/childFolders")
            if "@odata.nextLink" not in page:
                break
            page = await graph.get(page["@odata.nextLink"])
        del parents[0]
    assert seen == set(graph.mailbox.folders) - {graph.mailbox.folder_id("msgfolderroot")}
    for role in ROLES:
        named = await graph.get(f"/me/mailFolders/{role.title()}", **params)
        _assert_valid(named, "mailFolder")
        assert named["id"] == graph.mailbox.folder_id(role)


@pytest.mark.parametrize("select", [None, SELECT, "id", "subject,uniqueBody,internetMessageHeaders,conversationIndex"])
async def test_messages_are_valid(graph: Graph, select: str | None) -> None:
    """All 78 real mails, in lists and alone, whole and selected: what is selected comes, and nothing else."""
    params = {} if select is None else {"$select": select}
    seen = 0
    for folder in list(graph.mailbox.folders.values()):
        page = await graph.get(f"/me/mailFolders/{folder.id}/messages", **params, **{"$top": "7"})
        while True:
            for message in page["value"]:
                seen += 1
                _assert_valid(message, "message")
                alone = await graph.get(f"/me/messages/{message['id']}", **params)
                _assert_valid(alone, "message")
                assert {k: v for k, v in alone.items() if k != "@odata.context"} == message
                if select is not None:
                    assert {k for k in message if "@" not in k} == {"id", *select.split(",")}
            if "@odata.nextLink" not in page:
                break
            page = await graph.get(page["@odata.nextLink"])
    assert seen == 78


@pytest.mark.parametrize("select", [None, "id,name,contentType,size,isInline"])
async def test_attachments_are_valid(graph: Graph, select: str | None) -> None:
    """Those of all mails, in lists and alone; files, inline ones and mails in mails; contents only where they belong."""
    params = {} if select is None else {"$select": select}
    kinds = set()
    for message in [m for m in graph.mailbox.messages.values() if m.attachments]:
        path = f"/me/messages/{message.immutable_id}/attachments"
        listed = (await graph.get(path, **params))["value"]
        assert len(listed) == len(message.attachments)
        for entry, truth in zip(listed, message.attachments, strict=True):
            _assert_valid(entry, "attachment")
            assert ("contentBytes" in entry) is (select is None and entry["@odata.type"].endswith("fileAttachment"))
            alone = await graph.get(f"{path}/{entry['id']}")
            _assert_valid(alone, "attachment")
            kinds.add((entry["@odata.type"].rpartition(".")[2], entry["isInline"]))
            assert (await graph.raw(f"{path}/{entry['id']}/$value")).content == truth["content"]
    assert kinds == {("fileAttachment", False), ("fileAttachment", True), ("itemAttachment", False)}


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(partial_read_updates=False, empty_pages=True, duplicates=True, shuffle=True)])
@pytest.mark.parametrize("select", [None, SELECT])
async def test_delta_is_valid(quirks: Quirks, select: str | None) -> None:
    """First and next rounds, page by page: new ones, whole and partial updates, removals; each page has one link."""
    async with open_graph(quirks) as graph:
        inbox = graph.mailbox.folder_id("inbox")
        params = {} if select is None else {"$select": select}

        async def crawl(url: str, **params: str) -> tuple[list[dict[str, Any]], str]:
            items: list[dict[str, Any]] = []
            while True:
                page = await graph.get(url, prefer="odata.maxpagesize=7", **params)
                assert ("@odata.nextLink" in page) is not ("@odata.deltaLink" in page)
                assert set(page) - {"@odata.nextLink", "@odata.deltaLink"} == {"@odata.context", "value"}
                if page["value"]:
                    _assert_valid(page, "message")
                items += page["value"]
                if "@odata.deltaLink" in page:
                    return items, page["@odata.deltaLink"]
                url, params = page["@odata.nextLink"], {}

        items, link = await crawl(f"/me/mailFolders/{inbox}/messages/delta", **params)
        assert {i["id"] for i in items} == {m.immutable_id for m in graph.mailbox.in_folder(inbox)}
        read, flagged, deleted, moved = graph.mailbox.in_folder(inbox)[:4]
        graph.mailbox.set_read(read.immutable_id, is_read=not read.data["isRead"])
        graph.mailbox.set_flag(flagged.immutable_id, "flagged")
        graph.mailbox.delete(deleted.immutable_id)
        graph.mailbox.move(moved.immutable_id, graph.mailbox.folder_id("archive"))
        came = graph.mailbox.in_folder(graph.mailbox.folder_id("sentitems"))[0]
        graph.mailbox.move(came.immutable_id, inbox)
        by_id = {i["id"]: i for i in (await crawl(link))[0]}
        assert set(by_id) == {m.immutable_id for m in (read, flagged, deleted, moved, came)}
        names = {"id", *SELECT.split(",")} if select else set(by_id[came.immutable_id])
        assert {k for k in by_id[flagged.immutable_id] if "@" not in k} == {k for k in names if "@" not in k}
        partial = {k for k in by_id[read.immutable_id] if "@" not in k} == {"id", "isRead", "parentFolderId"}
        assert partial is quirks.partial_read_updates
        for gone in (deleted, moved):
            assert by_id[gone.immutable_id] == {
                "@odata.type": "#microsoft.graph.message",
                "id": gone.immutable_id,
                "@removed": {"reason": "deleted"},
            }


MAIL = {"subject": "x", "toRecipients": [{"emailAddress": {"address": "bo@far.example"}}]}
SMALL = {"@odata.type": FILE["@odata.type"], "name": "a", "contentBytes": "eA=="}
LARGE = {"AttachmentItem": {"attachmentType": "file", "name": "a", "size": 4 * 2**20}}


@pytest.mark.parametrize("select", [False, True])
async def test_written_answers_are_valid(graph: Graph, *, select: bool) -> None:
    """What each write answers, for a message with all that one can have, and what lists and deltas say of it afterwards."""
    message = next(m.immutable_id for m in graph.mailbox.messages.values() if m.attachments)
    draft = (await graph.write("POST", "/me/messages", MAIL, status=201)).json()["id"]
    for method, path, body, status, kind in (
        ("PATCH", f"messages/{message}", {"isRead": True, "flag": {"flagStatus": "flagged"}}, 200, "message"),
        ("PATCH", f"messages/{draft}", {"subject": None, "body": {"content": None, "contentType": "html"}}, 200, "message"),
        ("POST", f"messages/{message}/copy", {"destinationId": "inbox"}, 201, "message"),
        ("POST", f"messages/{message}/move", {"destinationId": "archive"}, 201, "message"),
        ("POST", "mailFolders/inbox/messages", {}, 201, "message"),
        ("POST", f"messages/{message}/createReply", {"comment": "x"}, 201, "message"),
        ("POST", f"messages/{message}/createReplyAll", {"message": {"categories": ["a"]}}, 201, "message"),
        ("POST", f"messages/{message}/createForward", None, 201, "message"),
        ("POST", f"messages/{draft}/attachments", SMALL, 201, "attachment"),
        ("POST", f"messages/{draft}/attachments/createUploadSession", LARGE, 201, "uploadSession"),
        ("POST", "mailFolders", {"displayName": "a"}, 201, "mailFolder"),
        ("PATCH", "mailFolders/archive", {"displayName": "b"}, 200, "mailFolder"),
    ):
        _assert_valid((await graph.write(method, f"/me/{path}", body, status=status)).json(), kind)
    params = {"$select": SELECT} if select else {}
    for role in ROLES:
        for path in (f"/me/mailFolders/{role}/messages", f"/me/mailFolders/{role}/messages/delta"):
            page = await graph.get(path, prefer="odata.maxpagesize=500", **params)
            if page["value"]:
                _assert_valid(page, "message")
    _assert_valid(await graph.get(f"/me/messages/{draft}/attachments"), "attachment")
