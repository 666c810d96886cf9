"""The OData side of a request: preferences, $select, $filter, paging, and errors in Graph's shape."""

from __future__ import annotations

import operator
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.graph_simulator.call import Answer
from tests.graph_simulator.model import iso

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call

__all__ = [
    "MAX_TOP",
    "GraphFault",
    "above",
    "fault_answer",
    "named_fault",
    "no_property",
    "page_size",
    "selected",
    "time_bound",
    "wants_immutable",
    "whole",
]

_CONDITION = re.compile(r"^\s*receivedDateTime\s+(ge|gt|le|lt|eq)\s+([\dT:.Z+-]+?)\s*$")
_ABOVE = {"ge": operator.ge, "gt": operator.gt}
# Items a plain list returns at most (user-list-messages: $top 1..1000).
MAX_TOP = 1000


def named_fault(text: str, message: str) -> GraphFault:
    """Return the fault of a switch that says "STATUS CODE"."""
    status, _, code = text.partition(" ")
    return GraphFault(int(status), code, message)


class GraphFault(Exception):
    """An error in Graph's shape."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}
        super().__init__(code)


def fault_answer(fault: GraphFault, call: Call, at: datetime) -> Answer:
    """Return the answer to a call that was refused (section 7: an innerError with ids, and a date without Z)."""
    ids = {"request-id": call.request_id, "client-request-id": call.client_request_id}
    inner = {"date": at.strftime("%Y-%m-%dT%H:%M:%S"), **ids}
    body = {"error": {"code": fault.code, "message": fault.message, "innerError": inner}}
    return Answer(fault.status, body, fault.headers | ids)


def wants_immutable(call: Call) -> bool:
    """Tell whether this request asks for immutable ids."""
    return any('idtype="immutableid"' in v.lower() for v in call.headers.getlist("prefer"))


def page_size(call: Call) -> int | None:
    """Return the page size that Prefer asks for."""
    match = re.search(r"odata\.maxpagesize=(\d+)", ",".join(call.headers.getlist("prefer")))
    # Graph caps a delta page; corso uses no more than 500.
    return min(int(match[1]), 500) if match else None


def selected(call: Call, *, message: bool = False) -> tuple[str, ...]:
    """Return the names in $select."""
    text = call.query_params.get("$select", "")
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if message and "@removed" in names:
        raise GraphFault(400, "RequestBroker--ParseUri", "Could not find a property named '@removed' on type 'microsoft.graph.message'.")
    return names


def no_property(name: str, kind: str) -> GraphFault:
    """Return the error of a name that the type does not have."""
    return GraphFault(400, "RequestBroker--ParseUri", f"Could not find a property named '{name}' on type 'microsoft.graph.{kind}'.")


def whole(text: str | None, default: int, high: int, *, low: int = 1) -> int:
    """Return a paging option as a whole number within bounds."""
    if text is None:
        return default
    if not text.isdecimal() or not low <= int(text) <= high:
        raise GraphFault(400, "BadRequest", f"Invalid value for a paging option: {text}")
    return int(text)


def time_bound(text: str) -> tuple[str, str] | None:
    """Return (operator, time as Graph writes it) of a condition on receivedDateTime, or None if it is none.

    Mail is kept to the second: a bound between two seconds becomes the second that lets the same messages through.
    """
    match = _CONDITION.match(text)
    if match is None:
        return None
    comparison = match[1]
    try:
        moment = datetime.fromisoformat(match[2])
    except ValueError:
        raise GraphFault(400, "BadRequest", f"Invalid filter clause: {text}") from None
    if moment.microsecond:
        if comparison in {"ge", "gt"}:
            return "ge", iso(moment + timedelta(seconds=1))
        # No message is between two seconds: `eq` finds none.
        return ("eq", f"{iso(moment)}+") if comparison == "eq" else ("le", iso(moment))
    return comparison, iso(moment)


def above(received: str, lower: tuple[str, str] | None) -> bool:
    """Tell whether a message of that time is within the lower bound of a delta filter."""
    return lower is None or bool(_ABOVE[lower[0]](received, lower[1]))
