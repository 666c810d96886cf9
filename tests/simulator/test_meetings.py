"""Mail about meetings: what Exchange makes of a calendar part, and where Graph shows it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.mime import to_graph
from tests.simulator.conftest import Graph, open_in_process

SCHEMA = load_schema()


def mail(method: str, event: str = "", *, part: str = "", start: str = "DTSTART:20261201T090000Z") -> bytes:
    """Return a mail with a calendar part."""
    return (
        "From: Kai <kai@pier.example>\r\nTo: Anna <anna@pier.example>\r\nSubject: Review\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="o"\r\n\r\n--o\r\nContent-Type: text/plain\r\n\r\nPlease come.\r\n'
        f"--o\r\nContent-Type: text/calendar; method={method}\r\n{part}\r\n"
        f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Review\r\n{start}\r\nLOCATION:Room 4\r\n"
        f"{event}END:VEVENT\r\nEND:VCALENDAR\r\n--o--\r\n"
    ).encode()


def put(graph: Graph, mime: bytes) -> str:
    """Put a mail into the Inbox; return its id."""
    data, attachments = to_graph(mime)
    return graph.mailbox.add(graph.mailbox.folder_id("inbox"), data, mime, attachments).immutable_id


@pytest.mark.parametrize(
    ("mime", "says"),
    [
        (
            mail("REQUEST"),
            {"@odata.type": "#microsoft.graph.eventMessageRequest", "meetingMessageType": "meetingRequest", "recurrence": None},
        ),
        (mail("REQUEST", "RRULE:FREQ=WEEKLY\r\n"), {"type": "seriesMaster"}),
        (mail("REQUEST", start="DTSTART;VALUE=DATE:20261201"), {"isAllDay": True}),
        (mail("CANCEL"), {"@odata.type": "#microsoft.graph.eventMessage", "meetingMessageType": "meetingCancelled"}),
        (
            mail("REPLY", "ATTENDEE;PARTSTAT=TENTATIVE:mailto:kai@pier.example\r\n"),
            {
                "@odata.type": "#microsoft.graph.eventMessageResponse",
                "meetingMessageType": "meetingTenativelyAccepted",
                "responseType": "tentativelyAccepted",
            },
        ),
    ],
)
async def test_meeting_is_a_message_of_its_own_type(mime: bytes, says: dict[str, Any]) -> None:
    """As the schema has it, without a file; its properties on a plain GET alone, its type everywhere."""
    async with open_in_process() as graph:
        number = put(graph, mime)
        shown = await graph.get(f"/me/messages/{number}")
        assert not SCHEMA.problems(shown, "message")
        assert says.items() <= shown.items()
        assert (shown["location"]["displayName"], shown["hasAttachments"]) == ("Room 4", False)
        assert shown["startDateTime"]["dateTime"][:10] == "2026-12-01"
        listed = await graph.get("/me/mailFolders/inbox/messages", **{"$select": "subject", "$top": "500"})
        (row,) = [m for m in listed["value"] if m["id"] == number]
        assert (row["@odata.type"], "meetingMessageType" in row) == (shown["@odata.type"], False)
        refused = await graph.raw(f"/me/messages/{number}?$select=subject,meetingMessageType")
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "RequestBroker--ParseUri")


@pytest.mark.parametrize(
    "mime",
    [
        mail("REQUEST", part="Content-Disposition: attachment; filename=invite.ics\r\n"),
        mail("REQUEST", start="DTSTART:whenever"),
        mail("COUNTER"),
    ],
    ids=["attached", "malformed", "no method of Exchange's"],
)
async def test_calendar_that_exchange_does_not_take_stays_a_file(mime: bytes) -> None:
    """It is a mail like any other."""
    async with open_in_process() as graph:
        shown = await graph.get(f"/me/messages/{put(graph, mime)}")
        assert "@odata.type" not in shown
        assert not SCHEMA.problems(shown, "message")
        assert shown["hasAttachments"]
