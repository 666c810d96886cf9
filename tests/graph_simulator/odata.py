"""The OData side of a request: preferences, $select, $filter, paging, and errors in Graph's shape."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.graph_simulator.model import Message

__all__ = [
    "COMPARE",
    "CONDITION",
    "MAX_TOP",
    "GraphFault",
    "Paging",
    "above",
    "no_property",
    "page_size",
    "selected",
    "wants_immutable",
    "whole",
]

CONDITION = re.compile(r"^\s*receivedDateTime\s+(ge|gt|le|lt|eq)\s+(\S+?)\s*$")
COMPARE = {"ge": "__ge__", "gt": "__gt__", "le": "__le__", "lt": "__lt__", "eq": "__eq__"}
# Items a plain list returns at most (user-list-messages: $top 1..1000).
MAX_TOP = 1000


class GraphFault(Exception):
    """An error in Graph's shape."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}
        super().__init__(code)


@dataclass(slots=True)
class Paging:
    """What a token stands for: the rest of a list or of a delta round, or a round that has ended.

    `kind` is list, delta or round; `removed` maps to the mutable id that the client knew.
    """

    folder_id: str
    rest: list[str]
    select: tuple[str, ...]
    number: int
    removed: dict[str, str]
    partial: set[str]
    lower: tuple[str, str] | None
    kind: str
    size: int = 0


def wants_immutable(request: Request) -> bool:
    """Tell whether this request asks for immutable ids."""
    return any('idtype="immutableid"' in v.lower() for v in request.headers.getlist("prefer"))


def page_size(request: Request) -> int | None:
    """Return the page size that Prefer asks for."""
    match = re.search(r"odata\.maxpagesize=(\d+)", ",".join(request.headers.getlist("prefer")))
    # Graph caps a delta page; corso uses no more than 500.
    return min(int(match[1]), 500) if match else None


def selected(request: Request, *, message: bool = False) -> tuple[str, ...]:
    """Return the names in $select."""
    text = request.query_params.get("$select", "")
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


def above(message: Message, lower: tuple[str, str] | None) -> bool:
    """Tell whether a message is within the lower bound of a delta filter."""
    return lower is None or bool(getattr(message.data["receivedDateTime"], COMPARE[lower[0]])(lower[1]))
