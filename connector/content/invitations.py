"""Pure: what a mail says of a meeting, for a card above its text (docs/protocol.md, 2.3).

Exchange makes an `eventMessage` of an invitation; one that it does not understand stays a file of type text/calendar. Whether this mailbox
has answered already lies in its calendar, which MailDesk has no permission to read, so only a file tells it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar import Calendar

if TYPE_CHECKING:
    from connector.graph.types import EventMessage, Moment, Recipient

__all__ = ["from_event", "from_file", "is_calendar"]

# Characters of a text, and people that are told; more belongs into a calendar.
_TEXT = 500
_PEOPLE = 20

_KINDS = {
    "meetingrequest": "request",
    "meetingcancelled": "cancelled",
    "meetingaccepted": "accepted",
    # Graph's own spelling, and the one that it should be.
    "meetingtenativelyaccepted": "tentative",
    "meetingtentativelyaccepted": "tentative",
    "meetingdeclined": "declined",
}
_METHODS = {"REQUEST": "request", "CANCEL": "cancelled", "PUBLISH": "event", "ADD": "request", "COUNTER": "counter"}
_ANSWERS = {"ACCEPTED": "accepted", "TENTATIVE": "tentative", "DECLINED": "declined"}


def is_calendar(name: str, content_type: str) -> bool:
    """Tell whether a file may hold an invitation."""
    return content_type.lower().partition(";")[0].strip() in {"text/calendar", "application/ics"} or name.lower().endswith(".ics")


def from_event(event: EventMessage) -> dict[str, Any] | None:
    """Return the card of a message that Graph knows as one about a meeting."""
    kind = _KINDS.get((event.meeting_message_type or "").lower())
    if kind is None:
        return None
    sender = _person(event.from_ or event.sender)
    is_ours = kind in {"request", "cancelled"}
    return {
        "kind": kind,
        "title": _short(event.subject),
        "start": _moment(event.start, is_day=bool(event.is_all_day)),
        "end": _moment(event.end, is_day=bool(event.is_all_day)),
        "is_all_day": bool(event.is_all_day),
        "where": _short(event.location.display_name if event.location else ""),
        # An answer comes from who was asked, so its organizer is who gets it.
        "organizer": sender if is_ours else None,
        "attendees": [_person(r) for r in (event.to_recipients or [])[:_PEOPLE]] if is_ours else [sender],
        "is_recurring": event.recurrence is not None,
        "is_out_of_date": bool(event.is_out_of_date),
        "answer": "requested" if kind == "request" and event.response_requested else None,
    }


def from_file(content: bytes, address: str) -> dict[str, Any] | None:
    """Return the card of a calendar file for the mailbox `address`; None of what is no calendar, or holds no event."""
    try:
        calendar = Calendar.from_ical(content)
        events = calendar.walk("VEVENT")
        return _card(calendar, events[0], address) if events else None
    except Exception:  # noqa: BLE001 - a parser of many layers, given what strangers sent: whatever it stumbles over, the mail is still shown
        return None


def _card(calendar: Any, event: Any, address: str) -> dict[str, Any]:
    start, end = _of(event, "DTSTART"), _of(event, "DTEND")
    method = str(calendar.get("METHOD", "PUBLISH")).upper()
    attendees = event.get("ATTENDEE") or []
    attendees = attendees if isinstance(attendees, list) else [attendees]
    answers = {_mailbox(one): str(one.params.get("PARTSTAT", "NEEDS-ACTION")).upper() for one in attendees}
    kind = _METHODS.get(method, "event")
    if method == "REPLY":
        kind = next((_ANSWERS[answer] for answer in answers.values() if answer in _ANSWERS), "event")
    mine = answers.get(address.lower())
    answer = _ANSWERS.get(mine or "", "requested" if mine == "NEEDS-ACTION" and kind == "request" else None)
    return {
        "kind": kind,
        "title": _short(str(event.get("SUMMARY", ""))),
        "start": _iso(start),
        "end": _iso(end),
        "is_all_day": isinstance(start, date) and not isinstance(start, datetime),
        "where": _short(str(event.get("LOCATION", ""))),
        "organizer": _calendar_person(event["ORGANIZER"]) if "ORGANIZER" in event else None,
        "attendees": [_calendar_person(one) for one in attendees[:_PEOPLE]],
        "is_recurring": "RRULE" in event,
        "is_out_of_date": False,
        "answer": answer,
    }


def _of(event: Any, name: str) -> date | datetime | None:
    return event.decoded(name) if name in event else None


def _iso(moment: date | datetime | None) -> str | None:
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return moment.isoformat() if moment is not None else None


def _moment(moment: Moment | None, *, is_day: bool) -> str | None:
    if moment is None or not moment.date_time:
        return None
    try:
        # Seven digits of seconds, of which Python takes six.
        local = datetime.fromisoformat(moment.date_time.partition(".")[0].rstrip("Z"))
    except ValueError:
        return None
    if is_day:
        return local.date().isoformat()
    return _iso(local.replace(tzinfo=_zone(moment.time_zone)))


def _zone(name: str | None) -> Any:
    try:
        # Graph tells UTC unless it is asked for another one.
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _mailbox(one: Any) -> str:
    return str(one).partition(":")[2].strip().lower()


def _calendar_person(one: Any) -> dict[str, str]:
    address = str(one).partition(":")[2].strip()
    return {"name": _short(str(one.params.get("CN", ""))) or address, "address": _short(address)}


def _person(recipient: Recipient | None) -> dict[str, str]:
    found = recipient.email_address if recipient is not None else None
    return {"name": _short(found.name if found else ""), "address": _short(found.address if found else "")}


def _short(text: str | None) -> str:
    return " ".join((text or "").split())[:_TEXT]
