"""Bodies from Graph, with what helps to read them; Graph is a function of the test, or the simulator with real mail."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.content.bodies import fetch_body, shown_html
from connector.errors import GraphNotFound
from connector.graph.messages import MessageBody
from tests.graph.conftest import fault, open_mailbox, page
from tests.graph_simulator.mime import to_graph

_MAILS = sorted((Path(__file__).parents[1] / "graph_simulator" / "data" / "mail").glob("*/*.eml"))

_STATUS = b"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; nobody@example.org\nAction: failed\nStatus: 5.1.1\n"
_INVITATION = (
    b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Review\r\nDTSTART:20261201T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def _graph(
    body: str,
    *attachments: dict[str, Any],
    kind: str = "html",
    contents: dict[str, bytes] | None = None,
    whole: dict[str, Any] | None = None,
    of: str | None = None,
    headers: dict[str, str] | None = None,
) -> Any:
    """Answer as Graph does about one message; `contents` are files by id, `whole` the message where it is asked for whole."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/attachments"):
            names = request.url.params["$select"].split(",")
            return page(*({k: v for k, v in a.items() if k in names or k.startswith("@")} for a in attachments))
        if "/attachments/" in path:
            file = next(a for a in attachments if a["id"] == path.rpartition("/")[2])
            if contents is None:
                return fault(404, "ErrorItemNotFound")
            return httpx.Response(200, json=file | {"contentBytes": base64.b64encode(contents.get(file["id"], b"x")).decode()})
        if "$select" not in request.url.params:
            return httpx.Response(200, json={"id": "m", **(whole or {})})
        lines = [{"name": name, "value": value} for name, value in (headers or {}).items()]
        told = {"id": "m", "body": {"contentType": kind, "content": body}, "internetMessageHeaders": lines}
        return httpx.Response(200, json=told | ({"@odata.type": of} if of else {}))

    return answer


def _file(number: str, kind: str, **keys: Any) -> dict[str, Any]:
    file = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "id": number,
        "name": f"f{number}",
        "contentType": kind,
        "size": 9,
        "isInline": False,
    }
    return file | keys


async def test_fetch_body_names_inline_pictures_that_the_text_shows() -> None:
    """A listing has no content ids, so those that may be meant are asked for one by one."""
    pictures = (
        _file("1", "image/png", isInline=True, contentId="<logo@x>"),
        _file("2", "application/pdf", contentId="other"),
        _file("3", "image/png", contentId="photo", size=50_000_000),
    )
    async with open_mailbox(_graph('<img src="cid:logo@x">', *pictures, contents={})) as mailbox:
        body = await fetch_body(mailbox, "m", keep_seconds=60)
    assert [a["content_id"] for a in body["attachments"]] == ["logo@x", "", ""]
    assert 'data-cid="logo@x"' in body["html"]


async def test_fetch_body_asks_for_no_names_where_nothing_is_shown() -> None:
    """A mail with files and no inline picture costs two requests."""
    asked: list[str] = []

    def graph(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answer(request)  # type: ignore[no-any-return]

    answer = _graph("<p>x</p>", _file("1", "image/png"))
    async with open_mailbox(graph) as mailbox:
        body = await fetch_body(mailbox, "m", keep_seconds=60)
    assert len(asked) == 2
    assert body["invitation"] is None


async def test_fetch_body_invitation_of_graph() -> None:
    """What Exchange understood as one is told by the message itself."""
    whole = {
        "meetingMessageType": "meetingRequest",
        "startDateTime": {"dateTime": "2026-12-01T09:00:00.0000000", "timeZone": "UTC"},
        "location": {"displayName": "Room 4"},
    }
    graph = _graph("<p>x</p>", whole=whole, of="#microsoft.graph.eventMessageRequest")
    async with open_mailbox(graph) as mailbox:
        body = await fetch_body(mailbox, "m", keep_seconds=60)
    assert body["invitation"]["where"] == "Room 4"


async def test_fetch_body_invitation_as_a_file() -> None:
    """What it did not understand is a file."""
    graph = _graph("<p>x</p>", _file("1", "text/calendar"), contents={"1": _INVITATION})
    async with open_mailbox(graph) as mailbox:
        body = await fetch_body(mailbox, "m", keep_seconds=60)
    assert (body["invitation"]["title"], body["invitation"]["start"]) == ("Review", "2026-12-01T09:00:00Z")


async def test_fetch_body_report_tells_who_did_not_get_it() -> None:
    """The part for machines is read for people."""
    headers = {"In-Reply-To": "<sent@pier.example>"}
    graph = _graph("Sorry", _file("1", "message/delivery-status"), kind="text", contents={"1": _STATUS}, headers=headers)
    async with open_mailbox(graph) as mailbox:
        body = await fetch_body(mailbox, "m", keep_seconds=60)
    assert body["is_text"]
    assert body["undelivered"] == [{"address": "nobody@example.org", "action": "failed", "status": "5.1.1", "reason": ""}]
    assert body["reports_on"] == "<sent@pier.example>"


async def test_fetch_body_without_its_extras_is_shown() -> None:
    """A file that cannot be had takes nothing from the text; a message that is not there is an error."""
    graph = _graph("<p>x</p>", _file("1", "text/calendar"), _file("2", "message/delivery-status"))
    async with open_mailbox(graph) as mailbox:
        body = await fetch_body(mailbox, "m", keep_seconds=60)
    assert (body["html"], body["invitation"], body["undelivered"]) == ("<p>x</p>", None, [])
    async with open_mailbox(lambda _: fault(404, "ErrorItemNotFound")) as mailbox:
        with pytest.raises(GraphNotFound):
            await fetch_body(mailbox, "m", keep_seconds=60)


async def test_shown_html_flows_as_the_mail_says() -> None:
    """The header of a mail that is all text decides, else the lines do."""
    text = "one \ntwo"
    flowed, _ = await shown_html(MessageBody(text, is_html=False, attachments=[], headers={"content-type": 'text/plain; Format="flowed"'}))
    fixed, _ = await shown_html(MessageBody(text, is_html=False, attachments=[], headers={"content-type": "text/plain"}))
    unknown, _ = await shown_html(MessageBody(text, is_html=False, attachments=[]))
    assert "one two" in flowed.html
    assert "one\ntwo" in fixed.html
    assert "one\ntwo" in unknown.html


@pytest.mark.parametrize("path", _MAILS, ids=lambda path: path.stem)
async def test_shown_html_every_real_mail_can_be_read(path: Path) -> None:
    """Words of the mail are on the screen, whatever it is made of."""
    message, _ = to_graph(path.read_bytes())  # noqa: ASYNC240 - some kilobytes, in a test
    source = message["body"]["content"]
    body = MessageBody(source, is_html=message["body"]["contentType"] == "html", attachments=[])
    shown, is_simplified = await shown_html(body)
    assert not is_simplified
    words = [word for word in message["bodyPreview"].split() if word.isalpha() and len(word) > 3]
    missing = [word for word in words if word not in shown.html]
    assert len(missing) <= len(words) // 4, missing


def test_real_mails_are_there() -> None:
    """All 78 of them."""
    assert len(_MAILS) == 78


async def test_body_of_a_draft_brings_what_else_it_says() -> None:
    """Whoever goes on with a draft has all of its recipients, and the key that tells whether it was changed since."""
    people = [{"emailAddress": {"name": "", "address": f"p{n}@example.com"}} for n in range(60)]
    head = {
        "isDraft": True,
        "changeKey": "k7",
        "subject": "Offer",
        "importance": "high",
        "toRecipients": people,
        "bccRecipients": people[:1],
    }

    def graph(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/attachments"):
            return page()
        assert {"isDraft", "changeKey", "toRecipients", "ccRecipients", "bccRecipients"} <= set(request.url.params["$select"].split(","))
        return httpx.Response(200, json={"id": "m", "body": {"contentType": "html", "content": "<p>x"}, **head})

    async with open_mailbox(graph) as mailbox:
        draft = (await fetch_body(mailbox, "m", keep_seconds=60))["draft"]
    assert (len(draft["to"]), draft["cc"], draft["bcc"]) == (60, [], [{"name": "", "address": "p0@example.com"}])
    assert (draft["change_key"], draft["subject"], draft["importance"]) == ("k7", "Offer", "high")


async def test_body_of_a_mail_that_is_no_draft_brings_no_head() -> None:
    """What is read has its recipients in the index."""
    async with open_mailbox(_graph("<p>x")) as mailbox:
        assert (await fetch_body(mailbox, "m", keep_seconds=60))["draft"] is None
