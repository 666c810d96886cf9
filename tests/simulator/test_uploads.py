"""Attachments: small ones in one request, large ones by upload sessions (graph-behaviour 4.3 and 5.6)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from connector.http import HTTPError, Response
from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.server import trio_clock
from tests.simulator.conftest import open_graph, open_in_process

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph

START = datetime(2031, 5, 6, 12, tzinfo=UTC)
SCHEMA = load_schema()
MB = 2**20
SIZE = 5 * MB
ITEM = {"attachmentType": "file", "name": "big.bin", "size": SIZE, "contentType": "application/x-big", "contentId": "c"}
CONTENT = bytes(range(256)) * (SIZE // 256)
HTML = {"contentType": "html", "content": "<p>x</p>"}


def _file(content: bytes = b"xyz", **more: Any) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "a.txt",
        "contentBytes": base64.b64encode(content).decode(),
        **more,
    }


async def _draft(graph: Graph) -> str:
    return f"/me/messages/{(await graph.write('POST', '/me/messages', {'subject': 'x'}, status=201)).json()['id']}"


# ---------------------------------------------------------------- in one request


async def test_attachment_is_201_and_there(graph: Graph) -> None:
    """In the list, by its id, in the MIME; the message says so and has another etag; the delta tells."""
    path = await _draft(graph)
    etag = (await graph.get(path))["@odata.etag"]
    _, link = await graph.rounds("/me/mailFolders/drafts/messages/delta")
    made = (await graph.write("POST", f"{path}/attachments", _file(contentType="text/x-y", contentId="c"), status=201)).json()
    assert not SCHEMA.problems(made, "attachment")
    assert (made["name"], made["size"], made["contentType"], made["contentId"], made["isInline"]) == ("a.txt", 3, "text/x-y", "c", False)
    assert await graph.get(f"{path}/attachments/{made['id']}") == made
    assert (await graph.raw(f"{path}/attachments/{made['id']}/$value")).content == b"xyz"
    assert base64.b64encode(b"xyz") in (await graph.raw(f"{path}/$value")).content
    shown = await graph.get(path)
    assert (shown["hasAttachments"], shown["@odata.etag"] != etag) == (True, True)
    assert [i["hasAttachments"] for i in (await graph.rounds(link))[0]] == [True]


async def test_attachment_ids_hold_when_another_is_removed(graph: Graph) -> None:
    """204; an inline one alone is none to show."""
    path = await _draft(graph)
    ids = [
        (await graph.write("POST", f"{path}/attachments", _file(isInline=i > 0, name=str(i)), status=201)).json()["id"] for i in range(3)
    ]
    await graph.write("DELETE", f"{path}/attachments/{ids[0]}", status=204)
    assert [a["id"] for a in (await graph.get(f"{path}/attachments"))["value"]] == ids[1:]
    assert (await graph.get(f"{path}/attachments/{ids[2]}"))["name"] == "2"
    assert (await graph.get(path))["hasAttachments"] is False
    assert await graph.refused("DELETE", f"{path}/attachments/{ids[0]}") == (404, "ErrorItemNotFound")


async def test_attachment_may_be_a_mail(graph: Graph) -> None:
    """An item, with MIME as its content."""
    path = await _draft(graph)
    item = {"@odata.type": "#microsoft.graph.message", "subject": "inner", "body": HTML}
    body = {"@odata.type": "#microsoft.graph.itemAttachment", "name": "inner", "item": item}
    made = (await graph.write("POST", f"{path}/attachments", body, status=201)).json()
    assert not SCHEMA.problems(made, "attachment")
    assert b"Subject: inner" in (await graph.raw(f"{path}/attachments/{made['id']}/$value")).content
    assert b"message/rfc822" in (await graph.raw(f"{path}/$value")).content


@pytest.mark.parametrize("kind", ["message/delivery-status", "multipart/mixed", "nonsense", ""])
async def test_attachment_of_any_type_can_be_written_as_mime(graph: Graph, kind: str) -> None:
    """Also of those that are no type for a file."""
    path = await _draft(graph)
    await graph.write("POST", f"{path}/attachments", _file(contentType=kind), status=201)
    assert base64.b64encode(b"xyz") in (await graph.raw(f"{path}/$value")).content


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "a"}, "RequestBodyRead"),
        (_file(name=""), "ErrorInvalidArgument"),
        (_file(contentBytes="%"), "RequestBodyRead"),
        ({**_file(), "@odata.type": "#microsoft.graph.referenceAttachment"}, "RequestBodyRead"),
        ({"@odata.type": "#microsoft.graph.referenceAttachment"}, "ErrorInvalidRequest"),
        ({"@odata.type": "#microsoft.graph.itemAttachment", "name": "a"}, "ErrorInvalidRequest"),
    ],
)
async def test_attachment_that_is_none_is_refused(graph: Graph, body: Any, code: str) -> None:
    """400, and nothing is attached."""
    path = await _draft(graph)
    assert await graph.refused("POST", f"{path}/attachments", body) == (400, code)
    assert (await graph.get(f"{path}/attachments"))["value"] == []


async def test_attachment_of_three_mb_is_too_large_for_one_request() -> None:
    """413, below the cap of bodies too."""
    async with open_in_process(Quirks(body_cap=10 * MB)) as graph:
        path = await _draft(graph)
        assert await graph.refused("POST", f"{path}/attachments", _file(bytes(3 * MB))) == (413, "RequestEntityTooLarge")
        await graph.write("POST", f"{path}/attachments", _file(bytes(3 * MB - 1)), status=201)


# ---------------------------------------------------------------- upload sessions


async def _session(graph: Graph, path: str, **item: Any) -> dict[str, Any]:
    answer = await graph.write("POST", f"{path}/attachments/createUploadSession", {"AttachmentItem": ITEM | item}, status=201)
    made: dict[str, Any] = answer.json()
    return made


async def _put(graph: Graph, url: str, first: int, last: int, *, total: int = SIZE, said: str | None = None, **headers: str) -> Response:
    named = {"Content-Range": f"bytes {first}-{last}/{total}" if said is None else said} | headers
    return await graph.http.put(url, content=CONTENT[first : last + 1], headers=named)


@pytest.mark.parametrize("has_sockets", [True, False])
async def test_upload_range_by_range(*, has_sockets: bool) -> None:
    """The URL asks for no token; each range names the next one, without a dash; the last is 201 with the place and nothing else."""
    async with open_graph() if has_sockets else open_in_process() as graph:
        path = await _draft(graph)
        session = await _session(graph, path)
        assert not SCHEMA.problems(session, "uploadSession")
        assert session["nextExpectedRanges"] == ["0-"]
        url = session["uploadUrl"]
        assert url.startswith(f"{graph.url}/outlook/api/gv1.0/Users('{graph.mailbox.oid}@")
        answer = await _put(graph, url, 0, 2 * MB - 1)
        assert (answer.status_code, answer.json()["nextExpectedRanges"]) == (200, [str(2 * MB)])
        assert not SCHEMA.problems(answer.json(), "uploadSession")
        assert (await graph.get(f"{path}/attachments"))["value"] == []
        answer = await _put(graph, url, 2 * MB, SIZE - 1)
        assert (answer.status_code, answer.content) == (201, b"")
        (made,) = (await graph.get(f"{path}/attachments", **{"$select": "id,name,size,contentType"}))["value"]
        assert answer.headers["location"].endswith(f"/Attachments('{made['id']}')")
        assert (made["name"], made["size"], made["contentType"]) == ("big.bin", SIZE, "application/x-big")
        assert (await graph.raw(f"{path}/attachments/{made['id']}/$value")).content == CONTENT
        assert (await _put(graph, url, 0, 9)).status_code == 404, "the session has ended"


@pytest.mark.parametrize(
    ("first", "last", "more", "status"),
    [
        (MB, 2 * MB - 1, {}, 416),
        (0, MB - 1, {"said": ""}, 400),
        (0, MB - 1, {"said": f"bytes 0-{MB}/{SIZE}"}, 400),
        (0, MB - 1, {"said": f"bytes */{SIZE}"}, 400),
        (0, MB - 1, {"total": SIZE + 1}, 400),
        (0, 4 * MB - 1, {}, 413),
        (0, MB - 1, {"Authorization": "Bearer x"}, 401),
    ],
)
async def test_upload_wrong_range_is_refused_and_the_right_one_taken(first: int, last: int, more: dict[str, Any], status: int) -> None:
    """Nothing of it is kept; the same range twice is as wrong as one too far."""
    async with open_in_process() as graph:
        url = (await _session(graph, await _draft(graph)))["uploadUrl"]
        assert (await _put(graph, url, first, last, **more)).status_code == status
        assert (await _put(graph, url, 0, MB - 1)).status_code == 200
        assert (await _put(graph, url, 0, MB - 1)).status_code == 416
        assert (await _put(graph, url, MB, 2 * MB - 1)).status_code == 200


async def test_upload_ttl_ends_a_session(autojump_clock: trio.testing.MockClock) -> None:
    """Its time is in the session; afterwards it is not found; so is one that was given up, and one of a message that went."""
    async with open_in_process(Quirks(upload_ttl=60), clock=trio_clock(START)) as graph:
        path = await _draft(graph)
        first, second, third = [await _session(graph, path) for _ in range(3)]
        assert first["expirationDateTime"] == "2031-05-06T12:01:00Z"
        assert (await graph.http.delete(second["uploadUrl"])).status_code == 204
        assert (await _put(graph, second["uploadUrl"], 0, 9)).status_code == 404
        await trio.sleep(59)
        assert (await _put(graph, first["uploadUrl"], 0, 9)).status_code == 200
        assert (await graph.http.get(first["uploadUrl"])).status_code == 405
        await graph.write("POST", f"{path}/permanentDelete", status=204)
        assert (await _put(graph, third["uploadUrl"], 0, 9)).status_code == 404
        await trio.sleep(2)
        assert (await _put(graph, first["uploadUrl"], 10, 19)).status_code == 404
        assert (await _put(graph, f"{graph.url}/outlook/api?authtoken=x", 0, 9)).status_code == 404


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"size": 3 * MB - 1}, (400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize")),
        ({"size": None}, (400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize")),
        ({"size": 151 * MB}, (413, "ErrorAttachmentSizeLimitExceeded")),
        ({"size": 36 * MB}, (413, "ErrorMessageSizeExceeded")),
        ({"attachmentType": "item"}, (400, "ErrorInvalidRequest")),
        ({"name": ""}, (400, "ErrorInvalidRequest")),
        ({"size": "5"}, (400, "RequestBodyRead")),
    ],
)
async def test_upload_session_that_makes_no_sense_is_refused(graph: Graph, item: dict[str, Any], expected: tuple[int, str]) -> None:
    """Before a byte is sent."""
    path = f"{await _draft(graph)}/attachments/createUploadSession"
    assert await graph.refused("POST", path, {"AttachmentItem": ITEM | item}) == expected
    assert (await graph.refused("POST", path, {}))[0] == 400


async def test_upload_in_a_storm_may_be_kept_though_the_answer_breaks() -> None:
    """The same range again is then not the expected one."""
    async with open_in_process() as graph:
        url = (await _session(graph, await _draft(graph)))["uploadUrl"]
        graph.world.quirks = Quirks(storm=1.0, storm_kinds="cut_body")
        with pytest.raises(HTTPError):
            await _put(graph, url, 0, MB - 1)
        graph.world.quirks = Quirks()
        assert (await _put(graph, url, 0, MB - 1)).status_code == 416
        assert (await _put(graph, url, MB, 2 * MB - 1)).status_code == 200


# ---------------------------------------------------------------- how much


@pytest.mark.parametrize("says_when", [True, False])
async def test_upload_budget_of_five_minutes(autojump_clock: trio.testing.MockClock, *, says_when: bool) -> None:
    """150 MB by all writes and ranges together; what is over it is 429 until there is room; reading costs nothing; 0 lifts it."""
    assert Quirks().upload_budget == 150_000_000
    async with open_in_process(Quirks(upload_budget=MB + 2000, retry_after=says_when), clock=trio_clock(START)) as graph:
        path = await _draft(graph)
        url = (await _session(graph, path))["uploadUrl"]
        assert (await _put(graph, url, 0, MB - 1)).status_code == 200
        await trio.sleep(100)
        answer = await _put(graph, url, MB, MB + 3000)
        assert (answer.status_code, answer.json()["error"]["message"]) == (429, "Application is over its IncomingBytes limit.")
        assert answer.headers.get("retry-after") == ("200" if says_when else None)
        answer = await graph.write("PATCH", path, {"subject": "x" * 2000}, status=429)
        assert answer.json()["error"]["code"] == "ApplicationThrottled"
        assert (await graph.raw(path)).status_code == 200
        await trio.sleep(200)
        await graph.write("PATCH", path, {"subject": "x" * 2000}, status=200)
        graph.world.quirks.upload_budget = 1
        await graph.write("PATCH", path, {"subject": "x"}, status=429)
        graph.world.quirks.upload_budget = 0
        await graph.write("PATCH", path, {"subject": "x"}, status=200)


async def test_body_cap_is_four_mb() -> None:
    """413 for a request, for an item of a batch, and for a batch as a whole."""
    assert Quirks().body_cap == 4 * MB
    async with open_in_process(Quirks(body_cap=1000)) as graph:
        draft = {"subject": "x" * 1000}
        assert await graph.refused("POST", "/me/messages", draft) == (413, "RequestEntityTooLarge")
        item = {"method": "POST", "url": "/me/messages", "headers": {"Content-Type": "application/json"}}
        await graph.batch({**item, "body": draft}, status=413)
        assert (await graph.batch({**item, "body": {"subject": "x" * 500}}))["1"]["status"] == 201
