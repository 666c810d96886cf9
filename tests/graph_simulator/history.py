"""What happened in a mailbox, in order: from this deltas are made.

Each folder keeps the events of its messages; folders themselves have events of their own. All share one sequence of numbers, and a delta
link remembers the number up to which its round has told.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["Event", "FolderEvent", "History"]


@dataclass(frozen=True, slots=True)
class Event:
    """A change in one folder: `kind` is added, moved (came by a move), removed, read (only the read state) or changed.

    The mutable id is that before a removal, the time that of the message's arrival, for filters.
    """

    number: int
    kind: str
    message_id: str
    mutable_id: str
    received: str


@dataclass(frozen=True, slots=True)
class FolderEvent:
    """A change of a folder itself: `kind` is changed or removed."""

    number: int
    kind: str
    folder_id: str


_Any = TypeVar("_Any", Event, FolderEvent)


class History:
    """Events by folder, and when they happened."""

    def __init__(self) -> None:
        self.number = 0
        self._events: dict[str, list[Event]] = {}
        self._folder_events: list[FolderEvent] = []
        # When each number was given, as a timestamp.
        self._times: list[float] = []

    def tell(self, folder_id: str, kind: str, ids: tuple[str, str], received: str, at: datetime) -> Event:
        """Write down what happened to a message of a folder; `ids` are its immutable and its mutable one."""
        event = Event(self._next(at), kind, *ids, received)
        self._events.setdefault(folder_id, []).append(event)
        return event

    def tell_folder(self, folder_id: str, kind: str, at: datetime) -> None:
        """Write down what happened to a folder."""
        self._folder_events.append(FolderEvent(self._next(at), kind, folder_id))

    def since(self, folder_id: str, number: int, until: int | None = None) -> Iterator[Event]:
        """Yield the events of a folder after `number`, up to `until`."""
        return _between(self._events.get(folder_id, []), number, self.number if until is None else until)

    def folders_since(self, number: int, until: int) -> Iterator[FolderEvent]:
        """Yield the events of folders themselves."""
        return _between(self._folder_events, number, until)

    def until(self, at: datetime) -> int:
        """Return the number that was the last one at that time."""
        return bisect_right(self._times, at.timestamp())

    def age(self) -> None:
        """Let all that happened so far be long ago."""
        self._times = [0.0] * self.number

    def _next(self, at: datetime) -> int:
        self.number += 1
        self._times.append(at.timestamp())
        return self.number


def _between(events: list[_Any], number: int, until: int) -> Iterator[_Any]:
    return islice(events, bisect_right(events, number, key=_number), bisect_right(events, until, key=_number))


def _number(event: Event | FolderEvent) -> int:
    return event.number
