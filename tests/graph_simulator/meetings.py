"""What Exchange makes of a calendar part: not a mail with a file, but an `eventMessage` with properties of its own.

That holds for a part that says what it is for (`method=REQUEST`, `CANCEL`, `REPLY`; RFC 6047) and is no attachment; any other calendar
stays a file. Only a plain GET of the message shows the properties: they are the derived type's, and `message` has none of them to $select.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from icalendar import Calendar

if TYPE_CHECKING:
    from email.message import Message as MimeMessage

__all__ = ["PROPERTIES", "is_meeting", "meeting"]

_REQUEST = "#microsoft.graph.eventMessageRequest"
_RESPONSE = "#microsoft.graph.eventMessageResponse"
_CANCELLED = "#microsoft.graph.eventMessage"

# meetingMessageType and responseType by what an attendee answered; "Tenatively" is Graph's own spelling (CSDL).
_ANSWERS = {
    "ACCEPTED": ("meetingAccepted", "accepted"),
    "TENTATIVE": ("meetingTenativelyAccepted", "tentativelyAccepted"),
    "DECLINED": ("meetingDeclined", "declined"),
}

# Names that no plain message has.
PROPERTIES = frozenset(
    {
        *("meetingMessageType", "startDateTime", "endDateTime", "location", "isAllDay", "isOutOfDate", "isDelegated", "type", "recurrence"),
        *("allowNewTimeProposals", "meetingRequestType", "responseRequested"),
        *("previousStartDateTime", "previousEndDateTime", "previousLocation"),
        *("proposedNewTime", "responseType"),
    }
)


def is_meeting(part: MimeMessage) -> bool:
    """Tell whether Exchange takes a part for the mail itself."""
    is_file = str(part.get("Content-Disposition", "")).lower().startswith("attachment")
    return part.get_content_type() == "text/calendar" and not is_file and bool(part.get_param("method"))


def meeting(calendar: bytes) -> dict[str, Any]:
    """Return the properties of the derived type and its name as `@odata.type`; nothing of what Exchange does not understand."""
    try:
        parsed = Calendar.from_ical(calendar)
        (event, *_) = parsed.walk("VEVENT")
        return _shown(str(parsed.get("METHOD", "")).upper(), event)
    except Exception:  # noqa: BLE001 - a parser of many layers; what it stumbles over stays a file
        return {}


def _shown(method: str, event: Any) -> dict[str, Any]:
    start = event.decoded("DTSTART")
    is_day = isinstance(start, date) and not isinstance(start, datetime)
    location = str(event.get("LOCATION", ""))
    common: dict[str, Any] = {
        "startDateTime": _moment(start),
        "endDateTime": _moment(event.decoded("DTEND")) if "DTEND" in event else _moment(start),
        "location": {"displayName": location, "locationType": "default", "uniqueIdType": "unknown"} if location else None,
        "isAllDay": is_day,
        "isOutOfDate": False,
        "isDelegated": False,
        "type": "seriesMaster" if "RRULE" in event else "singleInstance",
        "recurrence": _recurrence(start) if "RRULE" in event else None,
    }
    if method == "REQUEST":
        asked = {"meetingMessageType": "meetingRequest", "meetingRequestType": "newMeetingRequest", "responseRequested": True}
        earlier = {"previousStartDateTime": None, "previousEndDateTime": None, "previousLocation": None}
        return {"@odata.type": _REQUEST, **common, **asked, **earlier, "allowNewTimeProposals": True}
    if method == "CANCEL":
        return {"@odata.type": _CANCELLED, **common, "meetingMessageType": "meetingCancelled"}
    if method == "REPLY":
        attendees = event.get("ATTENDEE")
        (attendee, *_) = attendees if isinstance(attendees, list) else [attendees]
        kind, answer = _ANSWERS[str(attendee.params["PARTSTAT"]).upper()]
        return {"@odata.type": _RESPONSE, **common, "meetingMessageType": kind, "responseType": answer, "proposedNewTime": None}
    return {}


def _moment(moment: date | datetime) -> dict[str, str]:
    """Return a dateTimeTimeZone: UTC where nobody asked for another zone (Prefer: outlook.timezone), seven digits of a second, no Z."""
    if isinstance(moment, datetime) and (offset := moment.utcoffset()) is not None:
        moment = moment.replace(tzinfo=None) - offset
    whole = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - a day has no zone
    return {"dateTime": f"{whole:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


def _recurrence(start: date | datetime) -> dict[str, Any]:
    day = f"{start:%Y-%m-%d}"
    return {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [f"{start:%A}".lower()], "firstDayOfWeek": "sunday", "index": "first"},
        "range": {"type": "noEnd", "startDate": day, "endDate": "0001-01-01", "recurrenceTimeZone": "UTC", "numberOfOccurrences": 0},
    }
