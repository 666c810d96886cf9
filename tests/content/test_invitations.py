"""Invitations, as Graph tells them and as files; and as Exchange makes them of mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from connector.content.bodies import fetch_body
from connector.content.invitations import from_event, from_file, is_calendar
from connector.graph.types import EventMessage
from tests.graph_simulator.mime import to_graph

if TYPE_CHECKING:
    from tests.content.conftest import Shelf

_FILE = """BEGIN:VCALENDAR
METHOD:{method}
VERSION:2.0
BEGIN:VEVENT
UID:1
SUMMARY:Quarterly  review
DTSTART;TZID=W. Europe Standard Time:20261201T100000
DTEND;TZID=W. Europe Standard Time:20261201T113000
LOCATION:Room 4
ORGANIZER;CN=Anna Weber:mailto:anna@example.com
ATTENDEE;CN=Bert;PARTSTAT={state}:mailto:bert@example.com
RRULE:FREQ=WEEKLY
END:VEVENT
END:VCALENDAR
"""


def _file(method: str = "REQUEST", state: str = "NEEDS-ACTION") -> bytes:
    return _FILE.format(method=method, state=state).replace("\n", "\r\n").encode()


def test_from_file_tells_when_where_and_who() -> None:
    """Times are UTC, in whatever zone they were written, Windows' names of zones included."""
    card = from_file(_file(), "Bert@Example.com")
    assert card == {
        "kind": "request",
        "title": "Quarterly review",
        "start": "2026-12-01T09:00:00Z",
        "end": "2026-12-01T10:30:00Z",
        "is_all_day": False,
        "where": "Room 4",
        "organizer": {"name": "Anna Weber", "address": "anna@example.com"},
        "attendees": [{"name": "Bert", "address": "bert@example.com"}],
        "is_recurring": True,
        "is_out_of_date": False,
        "answer": "requested",
    }


@pytest.mark.parametrize(
    ("method", "state", "kind", "answer"),
    [
        ("REQUEST", "ACCEPTED", "request", "accepted"),
        ("CANCEL", "ACCEPTED", "cancelled", "accepted"),
        ("REPLY", "DECLINED", "declined", "declined"),
        ("REPLY", "TENTATIVE", "tentative", "tentative"),
        ("PUBLISH", "NEEDS-ACTION", "event", None),
    ],
)
def test_from_file_kinds_and_answers(method: str, state: str, kind: str, answer: str | None) -> None:
    """What it is, and what this mailbox said."""
    card = from_file(_file(method, state), "bert@example.com")
    assert card is not None
    assert (card["kind"], card["answer"]) == (kind, answer)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR", b"BEGIN:VEVENT", _file().replace(b"20261201", b"2026120")]
)
def test_from_file_nonsense_is_no_invitation(content: bytes) -> None:
    """The mail is shown without a card."""
    card = from_file(content, "bert@example.com")
    assert card is None or card["start"] is None


def _event(**keys: object) -> EventMessage:
    wire = {
        "id": "m",
        "subject": "Review",
        "meetingMessageType": "meetingRequest",
        "startDateTime": {"dateTime": "2026-12-01T09:00:00.0000000", "timeZone": "UTC"},
        "endDateTime": {"dateTime": "2026-12-01T10:30:00.0000000", "timeZone": "UTC"},
        "location": {"displayName": "Room 4"},
        "responseRequested": True,
        "from": {"emailAddress": {"name": "Anna", "address": "anna@example.com"}},
        "toRecipients": [{"emailAddress": {"name": "Bert", "address": "bert@example.com"}}],
        **keys,
    }
    return msgspec.convert(wire, EventMessage)


def test_from_event_tells_when_where_and_who() -> None:
    """As Graph has it on the message, without the calendar."""
    card = from_event(_event())
    assert card is not None
    assert (card["kind"], card["start"], card["end"], card["where"]) == (
        "request",
        "2026-12-01T09:00:00Z",
        "2026-12-01T10:30:00Z",
        "Room 4",
    )
    assert card["organizer"] == {"name": "Anna", "address": "anna@example.com"}
    assert card["answer"] == "requested"


def test_from_event_answers_and_days() -> None:
    """An answer is its sender's; a whole day has no hour and no zone."""
    card = from_event(_event(meetingMessageType="meetingTenativelyAccepted", isAllDay=True, endDateTime=None))
    assert card is not None
    assert (card["kind"], card["start"], card["end"], card["is_all_day"]) == ("tentative", "2026-12-01", None, True)
    assert (card["organizer"], card["attendees"][0]["name"]) == (None, "Anna")
    assert from_event(_event(meetingMessageType="none")) is None


def test_is_calendar_by_type_or_name() -> None:
    """Programs send either."""
    assert is_calendar("x", "text/calendar; method=REQUEST")
    assert is_calendar("Invite.ICS", "application/octet-stream")
    assert not is_calendar("a.txt", "text/plain")


async def test_invitation_of_a_mail_is_what_its_file_says(shelf: Shelf) -> None:
    """Exchange takes the calendar in: no file is left, and the card says the same but for who else was asked."""
    head = "From: Anna Weber <anna@example.com>\r\nTo: Bert <bert@example.com>\r\nSubject: Quarterly review\r\nMIME-Version: 1.0\r\n"
    mime = f"{head}Content-Type: text/calendar; method=REQUEST\r\n\r\n".encode() + _file()
    data, attachments = to_graph(mime)
    message = shelf.mailbox.add(shelf.mailbox.folder_id("inbox"), data, mime, attachments)
    body = await fetch_body(shelf.client, message.immutable_id, keep_seconds=60)
    assert body["attachments"] == []
    assert body["invitation"] == from_file(_file(), "bert@example.com")
