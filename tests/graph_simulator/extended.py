"""Single-value extended properties: an app's own notes on a message, found by them, shown on request only (graph-behaviour 5.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.bodies import checked
from tests.graph_simulator.odata import GraphFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.graph_simulator.model import Message

__all__ = ["expanded", "tag_filter", "tags_of"]

_GUID = r"\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}"
_KINDS = r"(?:String|Integer|Boolean|Binary|Double|Float|Long|Short|SystemTime|CLSID|Currency|Object|ApplicationTime)"
_ID = re.compile(rf"({_KINDS}) (?:({_GUID}) (Name .+|Id 0x[0-9a-f]+)|(0x[0-9a-f]{{1,4}}))", re.IGNORECASE)
_TEXT = r"'((?:[^']|'')*)'"
_ANY = re.compile(
    rf"\s*singleValueExtendedProperties/any\(\s*(\w+)\s*:\s*\1/id\s+eq\s+{_TEXT}\s+and\s+\1/value\s+eq\s+{_TEXT}\s*\)\s*", re.IGNORECASE
)
_EXPAND = re.compile(r"\s*singleValueExtendedProperties\s*\(\s*\$filter\s*=(.*)\)\s*", re.IGNORECASE | re.DOTALL)
_ID_IS = re.compile(rf"\s*id\s+eq\s+{_TEXT}\s*", re.IGNORECASE)


def _key(name: str) -> str:
    """Return an id as it is kept: the GUID and the number count in any case, the name does not."""
    match = _ID.fullmatch(name.strip())
    if match is None:
        raise GraphFault(
            400, "ErrorInvalidExtendedProperty", f"'{name}' is no id of an extended property, such as 'String {{GUID}} Name X'."
        )
    kind, guid, named, number = match.groups()
    if guid is None:
        return f"{kind.capitalize()} {number.lower()}"
    word, _, rest = named.partition(" ")
    return f"{kind.capitalize()} {guid.lower()} {word.capitalize()} {rest}"


def tags_of(values: Any) -> dict[str, str | None]:
    """Return extended properties that were sent; null takes one away."""
    return {_key(entry.get("id", "")): entry.get("value") for entry in (checked(v, "singleValueLegacyExtendedProperty") for v in values)}


def tag_filter(text: str) -> Callable[[Message], bool] | None:
    """Return the look-up of a $filter on one property, or None if it is none."""
    match = _ANY.fullmatch(text)
    if match is None:
        return None
    key, value = _key(_unquoted(match[2])), _unquoted(match[3])
    return lambda message: message.tags.get(key) == value


def expanded(option: str, message: Message) -> dict[str, Any]:
    """Return what $expand asks to be shown of them: those that are named, and nothing if the message has none of them."""
    match = _EXPAND.fullmatch(option)
    if match is None:
        raise GraphFault(400, "BadRequest", "Expanding singleValueExtendedProperties requires a $filter that names their ids.")
    keys = []
    for part in re.split(r"\s+or\s+(?=id\s)", match[1], flags=re.IGNORECASE):
        named = _ID_IS.fullmatch(part)
        if named is None:
            raise GraphFault(400, "BadRequest", f"Invalid filter clause: {part}")
        keys.append(_key(_unquoted(named[1])))
    found = [{"id": key, "value": message.tags[key]} for key in dict.fromkeys(keys) if key in message.tags]
    return {"singleValueExtendedProperties": found} if found else {}


def _unquoted(text: str) -> str:
    return text.replace("''", "'")
