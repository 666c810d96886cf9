"""What a round of a folder's delta tells, and what it keeps to itself (graph-behaviour 1.2 to 1.5, 12 and 14)."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.graph_simulator.filters import parse_filter
from tests.graph_simulator.messages import expansion
from tests.graph_simulator.odata import MAX_TOP, GraphFault, above, named_fault, page_size, selected, time_bound, wants_immutable, whole
from tests.graph_simulator.tokens import Paging

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.history import Event
    from tests.graph_simulator.model import Folder, Mailbox
    from tests.graph_simulator.quirks import Quirks
    from tests.graph_simulator.server import World
    from tests.graph_simulator.tokens import Tokens

__all__ = ["Rounds", "dead_link", "delta_token", "horizon"]

# Removals of messages that a client never saw, in a first round that has such.
_STRAYS = 3


class Rounds:
    """Makes up rounds."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world = world
        self._tokens = tokens

    def first(self, call: Call, mailbox: Mailbox, folder: Folder) -> Paging:
        """Tell all that is in the folder."""
        query, quirks = call.query_params, self._world.quirks
        select = selected(call, message=True)
        condition = query.get("$filter")
        lower = time_bound(condition) if condition else None
        if condition and (lower is None or lower[0] not in {"ge", "gt"}):
            raise GraphFault(400, "BadRequest", "Only receivedDateTime ge or gt is supported in a delta filter.")
        number = horizon(self._world, mailbox)
        ids = parse_filter(condition or None).ids(mailbox, folder.id)
        if number < mailbox.history.number:
            ids = [i for i in ids if mailbox.messages[i].arrived <= number]
        order = query.get("$orderby", "").lower().strip()
        if order not in {"", "receiveddatetime desc"}:
            raise GraphFault(400, "BadRequest", "The sort order is not supported in a delta.")
        removed = self._strays(mailbox, folder) if quirks.removed_in_first_round else {}
        ids = [*removed, *(i for i in ids if i not in removed)]
        if lower:
            ids = ids[: quirks.filter_cap]
        if quirks.top_caps_delta and (top := query.get("$top")):
            ids = ids[: whole(top, 10, MAX_TOP)]
        if not order and quirks.shuffle:
            self._tokens.random.shuffle(ids)
        size = 0 if quirks.forget_page_size else page_size(call) or 0
        paging = Paging("delta", folder.id, ids, select, number, size=size, removed=removed, lower=lower, told=len(ids))
        paging.expand = expansion(call)
        return paging

    @staticmethod
    def _strays(mailbox: Mailbox, folder: Folder) -> dict[str, str]:
        """Return some removals: of messages that were here once, and of one that nobody knows."""
        gone = {
            event.message_id: event.mutable_id
            for event in mailbox.history.since(folder.id, 0)
            if event.kind == "removed" and not _is_in(mailbox, folder, event.message_id)
        }
        rng = random.Random(folder.id)  # noqa: S311 - test data
        unknown = f"AAkALgAA{rng.getrandbits(360):090x}="
        return dict(list(gone.items())[1 - _STRAYS :]) | {unknown: f"AAMkAGI{unknown[8:]}"}

    def next(self, call: Call, mailbox: Mailbox, folder: Folder, token: str) -> Paging | None:
        """Tell what happened in the folder since the link was given. None if the link lives no more."""
        kept = self._tokens.resume(token, folder.id, "round")
        if kept is None:
            return None
        quirks = self._world.quirks
        number = max(kept.number, horizon(self._world, mailbox))
        seen: dict[str, list[Event]] = {}
        for event in mailbox.history.since(folder.id, kept.number, number):
            seen.setdefault(event.message_id, []).append(event)
        paging = Paging("delta", folder.id, [], kept.select, number, size=kept.size, lower=kept.lower, expand=kept.expand)
        again = []
        for message_id, events in seen.items():
            if quirks.out_of_filter_events or above(events[-1].received, kept.lower):
                self._tell(call, mailbox, paging, events)
                if quirks.moved_twice and any(event.kind == "moved" for event in events):
                    again.append(message_id)
        paging.ids += [i for i in kept.again if i not in seen and _is_in(mailbox, folder, i)]
        if kept.lower:
            # The cap is that of the cursor, not of the round: what is over it is never told, and nothing says so.
            del paging.ids[max(0, quirks.filter_cap - kept.told) :]
        if quirks.shuffle:
            self._tokens.random.shuffle(paging.ids)
        paging.told, paging.again = kept.told + len(paging.ids), tuple(again)
        return paging

    def _tell(self, call: Call, mailbox: Mailbox, paging: Paging, events: list[Event]) -> None:
        """Put what happened to one message into the round."""
        quirks, message_id = self._world.quirks, events[0].message_id
        kinds = [event.kind for event in events]
        removals = [event for event in events if event.kind == "removed"]
        places = [kind for kind in kinds if kind in {"added", "moved", "removed"}]
        if removals and (places[-1] == "removed" or quirks.aba_loss):
            paging.removed[message_id] = removals[0].mutable_id
        elif "moved" in kinds and wants_immutable(call) and _every(quirks.move_without_add, events):
            return
        elif set(kinds) == {"read"}:
            message = mailbox.messages.get(message_id)
            if message is not None and message.data["isRead"] and _every(quirks.read_as_removed, events):
                paging.removed[message_id] = events[-1].mutable_id
            elif quirks.partial_read_updates:
                paging.partial.add(message_id)
        paging.ids.append(message_id)


def _every(nth: int, events: list[Event]) -> bool:
    """Tell whether a switch that strikes every so manyth event strikes the last of these."""
    return bool(nth) and events[-1].number % nth == 0


def _is_in(mailbox: Mailbox, folder: Folder, message_id: str) -> bool:
    message = mailbox.messages.get(message_id)
    return message is not None and message.folder_id == folder.id


def horizon(world: World, mailbox: Mailbox) -> int:
    """Return the number of the last event that deltas know of: they may lag behind."""
    delay = world.quirks.delay
    return mailbox.history.until(world.time() - timedelta(seconds=delay)) if delay else mailbox.history.number


def dead_link(quirks: Quirks, highest: int, url: str) -> GraphFault:
    """Return what a link of the delta at `url` gets that lives no more (1.5)."""
    text = f"The sync state generation is not found; generation={max(0, highest - 8)};[highest={highest}]."
    fault = named_fault(quirks.sync_error, "Badly formed token." if quirks.sync_error.startswith("400") else text)
    if quirks.gone_location and fault.status == 410:
        fault.headers["Location"] = f"{url}?$deltatoken="
    return fault


def delta_token(call: Call, quirks: Quirks) -> str | None:
    """Return the delta token of a request; an empty one, as a Location has it (`gone_location`), is none: the round is a first one."""
    token = call.query_params.get("$deltatoken")
    return None if token == "" and quirks.gone_location else token
