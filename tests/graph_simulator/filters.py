"""$filter of lists of messages: bounds of time, states, ids of mails and threads, extended properties."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.graph_simulator.extended import tag_filter
from tests.graph_simulator.odata import GraphFault, time_bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.graph_simulator.model import Mailbox, Message

__all__ = ["Filter", "parse_filter"]

_BOOLEAN = re.compile(r"\s*(isRead|isDraft|hasAttachments)\s+eq\s+(true|false)\s*")
_STRING = re.compile(r"\s*(internetMessageId|conversationId)\s+eq\s+'((?:[^']|'')*)'\s*")
# The `and`s between conditions: none within quotes, none within an any(...).
_PART = re.compile(r"((?:'(?:[^']|'')*'|\((?:'(?:[^']|'')*'|[^')])*\)|(?!\s+and\s)[^'(])+)(?:\s+and\s+|$)")


@dataclass(slots=True)
class Filter:
    """What lets a message through: received from `first` to `last`, not just then (`apart`), and all `tests`."""

    first: str = ""
    last: str = "~"
    apart: set[str] = field(default_factory=set)
    tests: list[Callable[[Message], bool]] = field(default_factory=list)
    is_bounded: bool = False

    def takes(self, message: Message) -> bool:
        """Tell whether a message within the bounds passes."""
        return message.data["receivedDateTime"] not in self.apart and all(test(message) for test in self.tests)

    def ids(self, mailbox: Mailbox, folder_id: str) -> list[str]:
        """Return what it lets through of a folder, newest first."""
        ids = mailbox.ids_in_folder(folder_id, first=self.first, last=self.last)
        return [i for i in ids if self.takes(mailbox.messages[i])] if self.apart or self.tests else ids

    def ids_everywhere(self, mailbox: Mailbox) -> list[str]:
        """Return what it lets through of all folders, newest first."""
        found = [m for m in mailbox.messages.values() if self.first <= m.data["receivedDateTime"] <= self.last and self.takes(m)]
        return [m.immutable_id for m in sorted(found, key=lambda m: m.sort_key, reverse=True)]


def parse_filter(condition: str | None) -> Filter:
    """Read a $filter."""
    made = Filter()
    at = 0
    while condition is not None:
        match = _PART.match(condition, at)
        if match is None:
            raise GraphFault(400, "BadRequest", f"Invalid filter clause: {condition[at:]}")
        _add(made, match[1])
        at = match.end()
        if at >= len(condition):
            break
    return made


def _add(made: Filter, part: str) -> None:
    if found := time_bound(part):
        operator, bound = found
        made.is_bounded = True
        made.first = max(made.first, bound) if operator in {"ge", "gt", "eq"} else made.first
        made.last = min(made.last, bound) if operator in {"le", "lt", "eq"} else made.last
        made.apart |= {bound} if operator in {"gt", "lt"} else set()
    elif match := _BOOLEAN.fullmatch(part):
        name, wanted = match[1], match[2] == "true"
        made.tests.append(lambda message: message.data[name] is wanted)
    elif match := _STRING.fullmatch(part):
        name, text = match[1], match[2].replace("''", "'")
        made.tests.append(lambda message: message.data[name] == text)
    elif test := tag_filter(part):
        made.tests.append(test)
    else:
        raise GraphFault(400, "BadRequest", f"Invalid filter clause: {part}")
