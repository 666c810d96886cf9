"""Sending: accepted at once, gone some time later, and never quite as the answer said (graph-behaviour 5.2 to 5.5, 12.4, 12.5)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import trio_clock
from tests.simulator.conftest import ADDRESS, open_graph, open_in_process

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.graph_simulator.model import Mailbox
    from tests.simulator.conftest import Graph

START = datetime(2031, 5, 6, 12, tzinfo=UTC)
SCHEMA = load_schema()
TAG = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name OdooMsgId"
BO = "bo@far.example"


def _opened(**switches: Any) -> AbstractAsyncContextManager[Graph]:
    return open_in_process(Quirks().changed({"send_pickup": 10, "send_transit": 30, **switches}), clock=trio_clock(START))


def _mail(*to: str, **more: Any) -> dict[str, Any]:
    return {"subject": "Hello", "toRecipients": [{"emailAddress": {"address": address}} for address in to or (BO,)], **more}


async def _draft(graph: Graph, *to: str, **more: Any) -> dict[str, Any]:
    body = _mail(*to, singleValueExtendedProperties=[{"id": TAG, "value": "1"}], **more)
    made: dict[str, Any] = (await graph.write("POST", "/me/messages", body, status=201)).json()
    return made


async def _outgoing(graph: Graph) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await graph.http.get(f"{graph.url}/_sim/outgoing")).json()
    return found


async def _tagged(graph: Graph) -> list[dict[str, Any]]:
    query = {"$filter": f"singleValueExtendedProperties/Any(ep: ep/id eq '{TAG}' and ep/value eq '1')"}
    found: list[dict[str, Any]] = (await graph.get("/me/messages", **query))["value"]
    return found


def _other(graph: Graph, address: str = BO) -> Mailbox:
    other = make_mailbox(address, "Bo", mails=(), now=graph.world.now())
    graph.world.mailboxes[address] = other
    return other


# ---------------------------------------------------------------- the way of a mail


@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize("keeps", [True, False])
async def test_send_draft_waits_vanishes_and_appears(autojump_clock: trio.testing.MockClock, *, changes: bool, keeps: bool) -> None:
    """In Drafts, then nowhere, then in Sent Items: under its id or another, with its properties or not, always with its Message-ID."""
    async with _opened(sent_id_changes=changes, sent_keeps_properties=keeps) as graph:
        links = [(await graph.rounds(f"/me/mailFolders/{role}/messages/delta"))[1] for role in ("drafts", "sentitems")]
        draft = await _draft(graph)
        path = f"/me/messages/{draft['id']}"
        assert (await graph.write("POST", f"{path}/send", status=202)).content == b""
        await trio.sleep(9)
        assert (await graph.get(path))["isDraft"] is True
        assert [m["id"] for m in await _tagged(graph)] == [draft["id"]]
        assert await _outgoing(graph) == []
        await trio.sleep(2)
        assert (await graph.raw(path)).status_code == 404
        assert await _tagged(graph) == []
        assert len(await _outgoing(graph)) == 1
        await trio.sleep(28)
        assert (await graph.raw(path)).status_code == 404
        await trio.sleep(2)
        sent = graph.newest("sentitems")
        assert (sent.immutable_id != draft["id"], bool(await _tagged(graph))) == (changes, keeps)
        shown = await graph.get(f"/me/messages/{sent.immutable_id}")
        assert not SCHEMA.problems(shown, "message")
        assert shown["internetMessageId"] == draft["internetMessageId"]
        assert (shown["isDraft"], shown["isRead"], shown["from"]["emailAddress"]["address"]) == (False, True, ADDRESS)
        assert shown["sentDateTime"] == "2031-05-06T12:00:10Z"
        assert [(i["id"], "@removed" in i) for i in (await graph.rounds(links[0]))[0]] == [(draft["id"], True)]
        assert [i["id"] for i in (await graph.rounds(links[1]))[0]] == [sent.immutable_id]


async def test_send_happens_at_its_time_though_nobody_asks(autojump_clock: trio.testing.MockClock) -> None:
    """The truth is told by the mailbox itself too."""
    async with _opened() as graph:
        draft = await _draft(graph)
        await graph.write("POST", f"/me/messages/{draft['id']}/send", status=202)
        await trio.sleep(11)
        assert draft["id"] not in graph.mailbox.messages
        await trio.sleep(30)
        assert draft["id"] in graph.in_role("sentitems")


@pytest.mark.parametrize("wrapped", ["message", "Message"])
async def test_send_mail_in_json_shows_a_draft_and_no_id(autojump_clock: trio.testing.MockClock, wrapped: str) -> None:
    """As SDKs write it too; whoever is to get it in this world does, blind copies too, and sees none of them."""
    async with _opened() as graph:
        other = _other(graph)
        third = _other(graph, "cy@far.example")
        body = {"contentType": "html", "content": "<p>Grüße</p>"}
        files = [{"@odata.type": "#microsoft.graph.fileAttachment", "name": "ä.txt", "contentType": "text/plain", "contentBytes": "eHl6"}]
        mail = _mail(BO.upper(), "nobody@far.example", body=body, attachments=files)
        mail["bccRecipients"] = [{"emailAddress": {"address": "cy@far.example"}}]
        before = graph.in_role("drafts")
        assert (await graph.write("POST", "/me/sendMail", {wrapped: mail}, status=202)).content == b""
        assert len(graph.in_role("drafts") - before) == 1
        await trio.sleep(41)
        assert graph.in_role("drafts") == before
        (sent,) = await _outgoing(graph)
        assert (sent["from"], sent["to"], sent["bcc"]) == (ADDRESS, [BO.upper(), "nobody@far.example"], ["cy@far.example"])
        assert (sent["subject"], sent["body"], sent["attachments"]) == ("Hello", body, [{"name": "ä.txt", "size": 3}])
        for mailbox in (other, third):
            (got,) = mailbox.in_folder(mailbox.folder_id("inbox"))
            assert (got.data["subject"], got.data["internetMessageId"]) == ("Hello", sent["internetMessageId"])
            assert (got.data["body"]["content"].strip(), got.data["isRead"], got.data["bccRecipients"]) == ("<p>Grüße</p>", False, [])
            assert got.data["from"]["emailAddress"] == {"name": "Anna Larsen", "address": ADDRESS}
            assert [(a["name"], a["content"]) for a in got.attachments] == [("ä.txt", b"xyz")]
            assert b"cy@far.example" not in got.mime
        assert graph.newest("sentitems").data["bccRecipients"]


async def test_send_mail_in_mime_ignores_its_sender_and_keeps_its_bytes(autojump_clock: trio.testing.MockClock) -> None:
    """The mailbox is the sender; Bcc goes out and is not shown; all else is as it was written, also what no property has."""
    async with _opened() as graph:
        other = _other(graph)
        mime = (
            f"From: Boss <boss@pier.example>\r\nSender: x@y.example\r\nTo: other@far.example\r\nBcc: {BO}\r\nSubject: S\r\n"
            "References: <a@x.example>\r\n <b@x.example>\r\nX-Own: 1\r\nContent-Type: application/x-signed\r\n\r\nbytes\r\nas they are\r\n"
        ).encode()
        await graph.write("POST", "/me/sendMail", base64.b64encode(mime), content_type="text/plain", status=202)
        await trio.sleep(41)
        (sent,) = await _outgoing(graph)
        assert (sent["from"], sent["to"], sent["bcc"]) == (ADDRESS, ["other@far.example"], [BO])
        (got,) = other.in_folder(other.folder_id("inbox"))
        assert got.mime.endswith(b"\r\n\r\nbytes\r\nas they are\r\n")
        assert b"References: <a@x.example>\r\n <b@x.example>\r\n" in got.mime
        for gone in (b"boss@pier", b"Bcc", b"Sender"):
            assert gone not in got.mime


async def test_send_mail_that_is_not_saved_leaves_no_copy(autojump_clock: trio.testing.MockClock) -> None:
    """It goes out all the same."""
    async with _opened() as graph:
        before = graph.in_role("sentitems")
        await graph.write("POST", "/me/sendMail", {"message": _mail(), "SaveToSentItems": False}, status=202)
        await trio.sleep(41)
        assert graph.in_role("sentitems") == before
        assert len(await _outgoing(graph)) == 1


@pytest.mark.parametrize("delete_to", ["recoverable", "deleteditems"])
async def test_send_draft_deleted_before_the_transport_came_goes_nowhere(autojump_clock: trio.testing.MockClock, delete_to: str) -> None:
    """And one that was changed meanwhile goes as it is then."""
    async with _opened(delete_to=delete_to) as graph:
        first, second = await _draft(graph), await _draft(graph)
        for draft in (first, second):
            await graph.write("POST", f"/me/messages/{draft['id']}/send", status=202)
        await graph.write("DELETE", f"/me/messages/{first['id']}", status=204)
        await graph.write("PATCH", f"/me/messages/{second['id']}", {"subject": "Other"}, status=200)
        await trio.sleep(41)
        assert [o["subject"] for o in await _outgoing(graph)] == ["Other"]


@pytest.mark.parametrize("doubles", [True, False])
async def test_resend_doubles_while_the_draft_stands(autojump_clock: trio.testing.MockClock, *, doubles: bool) -> None:
    """Who takes a draft that is there for one that was not sent sends it twice: out twice, delivered twice, in Sent Items twice."""
    async with _opened(resend_doubles=doubles) as graph:
        other, before = _other(graph), graph.in_role("sentitems")
        draft = await _draft(graph)
        for _ in range(2):
            await graph.write("POST", f"/me/messages/{draft['id']}/send", status=202)
            await trio.sleep(4)
        await trio.sleep(40)
        times = 2 if doubles else 1
        assert len(await _outgoing(graph)) == len(graph.in_role("sentitems") - before) == times
        assert other.counts(other.folder_id("inbox"))[1] == times
        assert await graph.refused("POST", f"/me/messages/{draft['id']}/send") == (400, "ErrorInvalidRequest")


@pytest.mark.parametrize("switch", [BO, "@far.example", ""])
async def test_ndr_recipients_bounce_into_the_inbox(autojump_clock: trio.testing.MockClock, switch: str) -> None:
    """By address or domain; the mail went out and is in Sent Items, the report is in its thread."""
    async with _opened(ndr_recipients=switch) as graph:
        _, link = await graph.rounds("/me/mailFolders/inbox/messages/delta")
        draft = await _draft(graph, BO, "cy@near.example")
        await graph.write("POST", f"/me/messages/{draft['id']}/send", status=202)
        await trio.sleep(41)
        assert len(await _outgoing(graph)) == 1
        reports, _ = await graph.rounds(link)
        assert len(reports) == (1 if switch else 0)
        for report in reports:
            assert not SCHEMA.problems(report, "message")
            assert report["subject"] == "Undeliverable: Hello"
            mime = (await graph.raw(f"/me/messages/{report['id']}/$value")).text
            assert f"In-Reply-To: {draft['internetMessageId']}" in mime
            assert f"X-Failed-Recipients: {BO}" in mime
            assert "550 5.1.10" in mime


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"toRecipients": []}, (400, "ErrorInvalidRecipients")),
        ({"toRecipients": [{"emailAddress": {"address": "no address"}}]}, (400, "ErrorInvalidRecipients")),
        ({"ccRecipients": [{"emailAddress": {"name": "x"}}]}, (400, "ErrorInvalidRecipients")),
        ({"from": {"emailAddress": {"address": "boss@pier.example"}}}, (403, "ErrorSendAsDenied")),
        ({"sender": {"emailAddress": {"address": "boss@pier.example"}}}, (403, "ErrorSendAsDenied")),
        ({"subject": 5}, (400, "RequestBodyRead")),
    ],
)
async def test_send_mail_wrong_one_is_refused(graph: Graph, more: dict[str, Any], expected: tuple[int, str]) -> None:
    """And nothing is left of it: no draft, nothing under way."""
    count = len(graph.mailbox.messages)
    assert await graph.refused("POST", "/me/sendMail", {"message": _mail() | more}) == expected
    assert len(graph.mailbox.messages) == count
    assert await _outgoing(graph) == []


@pytest.mark.parametrize("body", [{}, {"message": "x"}, {"message": {}, "saveToSentItems": "no"}, {"mail": {}}])
async def test_send_mail_without_a_mail_is_refused(graph: Graph, body: Any) -> None:
    """400."""
    assert (await graph.refused("POST", "/me/sendMail", body))[0] == 400


async def test_send_as_lets_some_addresses_be_used(autojump_clock: trio.testing.MockClock) -> None:
    """They are the sender's, and only those."""
    async with _opened(send_as="sales@pier.example") as graph:
        for name, status in (("sales", 202), ("boss", 403), ("anna", 202)):
            mail = _mail() | {"from": {"emailAddress": {"address": f"{name}@pier.example"}}}
            await graph.write("POST", "/me/sendMail", {"message": mail}, status=status)
        await trio.sleep(41)
        assert [o["from"] for o in await _outgoing(graph)] == ["sales@pier.example", ADDRESS]


# ---------------------------------------------------------------- what is answered


async def test_send_504_comes_after_the_mail_was_taken(autojump_clock: trio.testing.MockClock) -> None:
    """Every so manyth; whoever repeats it sends another mail."""
    async with _opened(send_504=2) as graph:
        body = {"message": _mail()}
        statuses = [(await graph.write("POST", "/me/sendMail", body)).status_code for _ in range(3)]
        draft = await _draft(graph)
        statuses.append((await graph.write("POST", f"/me/messages/{draft['id']}/send")).status_code)
        assert statuses == [202, 504, 202, 504]
        await trio.sleep(41)
        assert len(await _outgoing(graph)) == 4


async def test_send_202_retry_is_a_trap(autojump_clock: trio.testing.MockClock) -> None:
    """An accepted mail with a Retry-After, every so manyth."""
    async with _opened(send_202_retry=2) as graph:
        answers = [await graph.write("POST", "/me/sendMail", {"message": _mail()}, status=202) for _ in range(4)]
        assert [a.headers.get("retry-after") for a in answers] == [None, "5", None, "5"]


@pytest.mark.parametrize("says_when", [True, False])
async def test_send_rate_is_thirty_a_minute(autojump_clock: trio.testing.MockClock, *, says_when: bool) -> None:
    """The thirty-first is refused and did not go; a minute later there is room; 0 lifts it."""
    assert Quirks().send_rate == 30
    async with _opened(send_rate=3, retry_after=says_when) as graph:
        for _ in range(3):
            await graph.write("POST", "/me/sendMail", {"message": _mail()}, status=202)
            await trio.sleep(10)
        draft = await _draft(graph)
        answer = await graph.write("POST", f"/me/messages/{draft['id']}/send", status=429)
        assert answer.json()["error"]["code"] == "ErrorExceededMessageLimit"
        assert answer.headers.get("retry-after") == ("30" if says_when else None)
        await trio.sleep(30)
        await graph.write("POST", f"/me/messages/{draft['id']}/send", status=202)
        graph.world.quirks = graph.world.quirks.changed({"send_rate": 1, "send_rate_code": "503 ErrorServerBusy"})
        assert await graph.refused("POST", "/me/sendMail", {"message": _mail()}) == (503, "ErrorServerBusy")
        graph.world.quirks.send_rate = 0
        await graph.write("POST", "/me/sendMail", {"message": _mail()}, status=202)
        await trio.sleep(60)
        assert len(await _outgoing(graph)) == 5


async def test_message_cap_is_that_of_the_whole_mail(autojump_clock: trio.testing.MockClock) -> None:
    """What is too large is refused where it grows and where it is sent."""
    async with _opened(message_cap=1000) as graph:
        file = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a", "contentBytes": base64.b64encode(b"x" * 600).decode()}
        draft = await _draft(graph, attachments=[file])
        expected = (413, "ErrorMessageSizeExceeded")
        assert await graph.refused("POST", f"/me/messages/{draft['id']}/attachments", file) == expected
        assert await graph.refused("POST", "/me/sendMail", {"message": _mail(attachments=[file, file])}) == expected
        await graph.write("POST", f"/me/messages/{draft['id']}/send", status=202)


async def test_send_over_sockets_in_real_time() -> None:
    """The same without a test's clock."""
    async with open_graph(Quirks(send_pickup=0.05, send_transit=0.05)) as graph:
        draft = await _draft(graph)
        await graph.write("POST", f"/me/messages/{draft['id']}/send", status=202)
        with trio.fail_after(10):
            for _ in range(1000):
                if draft["id"] in graph.in_role("sentitems"):
                    break
                await trio.sleep(0.02)
        assert len(await _outgoing(graph)) == 1


# ---------------------------------------------------------------- replies and forwards


async def _original(graph: Graph) -> str:
    mime = (
        b"From: Bo <bo@far.example>\r\nTo: anna@pier.example, cy@far.example\r\nCc: di@far.example, Anna <ANNA@pier.example>\r\n"
        b"Subject: Re: Pier\r\nMessage-ID: <o@far.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\n1 < 2\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: inline\r\n"
        b"Content-ID: <pic>\r\n\r\nP\r\n--b\r\nContent-Type: text/csv\r\n"
        b"Content-Disposition: attachment; filename=a.csv\r\n\r\n1,2\r\n--b--\r\n"
    )
    answer = await graph.http.post(f"{graph.url}/_sim/mailboxes/{ADDRESS}/deliver", content=mime)
    return str(answer.json()["id"])


def _to(message: dict[str, Any], name: str = "toRecipients") -> list[str]:
    return [p["emailAddress"]["address"] for p in message[name]]


@pytest.mark.parametrize(
    ("verb", "subject", "to", "cc", "files"),
    [
        ("createReply", "RE: Pier", [BO], [], 1),
        ("createReplyAll", "RE: Pier", [BO, "cy@far.example"], ["di@far.example"], 1),
        ("createForward", "FW: Pier", [], [], 2),
    ],
)
async def test_answer_is_a_draft_in_the_thread(graph: Graph, verb: str, subject: str, to: list[str], cc: list[str], files: int) -> None:
    """201; whom it goes to, what it quotes, what stays attached, and the header lines that keep the thread together."""
    original = await _original(graph)
    made = (await graph.write("POST", f"/me/messages/{original}/{verb}", {"Comment": "a & b"}, status=201)).json()
    assert not SCHEMA.problems(made, "message")
    assert (made["subject"], _to(made), _to(made, "ccRecipients"), made["isDraft"]) == (subject, to, cc, True)
    assert made["conversationId"] == (await graph.get(f"/me/messages/{original}"))["conversationId"]
    assert "a &amp; b" in made["body"]["content"]
    assert "1 &lt; 2" in made["body"]["content"]
    assert len((await graph.get(f"/me/messages/{made['id']}/attachments"))["value"]) == files
    mime = (await graph.raw(f"/me/messages/{made['id']}/$value")).text
    assert "In-Reply-To: <o@far.example>\r\nReferences: <o@far.example>" in mime


@pytest.mark.parametrize("reads", [True, False])
async def test_reply_all_reads_the_original(*, reads: bool) -> None:
    """By switch; a plain reply never does."""
    async with open_in_process(Quirks(reply_all_reads=reads)) as graph:
        original = await _original(graph)
        await graph.write("POST", f"/me/messages/{original}/createReply", status=201)
        assert graph.mailbox.find(original).data["isRead"] is False
        await graph.write("POST", f"/me/messages/{original}/createReplyAll", {}, status=201)
        assert graph.mailbox.find(original).data["isRead"] is reads


async def test_answer_with_its_own_message(graph: Graph) -> None:
    """What is given stands in the place of what would be made; tags are kept; comment and body together are 400."""
    path = f"/me/messages/{await _original(graph)}"
    given = {
        "subject": "Own",
        "body": {"contentType": "text", "content": "own"},
        "singleValueExtendedProperties": [{"id": TAG, "value": "1"}],
    }
    made = (await graph.write("POST", f"{path}/createReply", {"message": given}, status=201)).json()
    assert (made["subject"], made["body"], _to(made)) == ("Own", given["body"], [BO])
    assert [m["id"] for m in await _tagged(graph)] == [made["id"]]
    count = len(graph.mailbox.messages)
    for verb in ("createReply", "createReplyAll", "createForward"):
        assert await graph.refused("POST", f"{path}/{verb}", {"message": given, "comment": "x"}) == (400, "ErrorInvalidRequest")
    both = {"message": {"toRecipients": []}, "toRecipients": []}
    assert await graph.refused("POST", f"{path}/createForward", both) == (400, "ErrorInvalidRequest")
    assert await graph.refused("POST", f"{path}/createReply", {"comment": 5}) == (400, "BadRequest")
    assert len(graph.mailbox.messages) == count


async def test_answer_to_ones_own_mail_goes_where_that_went(graph: Graph) -> None:
    """Not to oneself."""
    mime = b"From: anna@pier.example\r\nTo: bo@far.example\r\n\r\nx"
    original = (await graph.http.post(f"{graph.url}/_sim/mailboxes/{ADDRESS}/deliver?folder=sentitems", content=mime)).json()["id"]
    assert _to((await graph.write("POST", f"/me/messages/{original}/createReplyAll", {}, status=201)).json()) == [BO]


@pytest.mark.parametrize("verb", ["reply", "replyAll", "forward"])
async def test_answer_in_one_go_goes_out(autojump_clock: trio.testing.MockClock, verb: str) -> None:
    """202, and a copy in Sent Items; a forward without recipients is refused and leaves nothing."""
    async with _opened() as graph:
        path = f"/me/messages/{await _original(graph)}/{verb}"
        count = len(graph.mailbox.messages)
        if verb == "forward":
            assert await graph.refused("POST", path, {"comment": "x"}) == (400, "ErrorInvalidRecipients")
            assert len(graph.mailbox.messages) == count
        body = {"comment": "x"} | ({"toRecipients": [{"emailAddress": {"address": BO}}]} if verb == "forward" else {})
        await graph.write("POST", path, body, status=202)
        await trio.sleep(41)
        (sent,) = await _outgoing(graph)
        assert sent["to"][0] == BO
        assert sent["headers"]["In-Reply-To"] == "<o@far.example>"
        assert graph.newest("sentitems").data["subject"] == sent["subject"]
