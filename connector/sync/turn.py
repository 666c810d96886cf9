"""Who writes the rows of one mailbox in Odoo: one call at a time, none that outlived its time, and no older state over a newer one.

    take up ──▶ fence ──▶ apply, outcomes, apply, … ──▶ an apply whose answer is lost, or nobody waits for ──▶ no fence ──▶ take up

A call that was given up, or whose caller died, may be carried out long after: a busy server has it in its queue. Odoo refuses it then by
its fencing token (https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html), which each take-up makes anew: whatever was
read before the take-up never gets over what was read after it.

What Graph answers to a write of the outbox is a reading too, beside those of the sync. A `Sight` is open from before the request until
the next round begins: if the sync writes the same message meanwhile, nobody knows which of both is newer, and the message is looked at.

Who tells of a click waits for the apply that is under way: Odoo would let it wait as well, since it takes one call for a mailbox at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Sight", "Turn"]


@dataclass(eq=False, slots=True)
class Sight:
    """What a write to Graph shows of a message; `is_crossed`: the sync wrote that message to Odoo since."""

    remote_id: str
    is_crossed: bool = False
    is_told: bool = False


@dataclass(slots=True)
class Turn:
    """The turn of one mailbox; hold `lock` while a call that writes is under way.

    `fence` is what Odoo gave with the last take-up; None: it is to be taken up first.
    """

    fence: str | None = None
    lock: trio.Lock = field(default_factory=trio.Lock)
    _sights: dict[str, list[Sight]] = field(default_factory=dict)

    def watch(self, remote_id: str) -> Sight:
        """Watch a message from before a write to Graph is sent."""
        sight = Sight(remote_id)
        self._sights.setdefault(remote_id, []).append(sight)
        return sight

    def drop(self, sight: Sight) -> None:
        """Watch no more: the write led to nothing that is told."""
        left = [one for one in self._sights.get(sight.remote_id, ()) if one is not sight]
        if left:
            self._sights[sight.remote_id] = left
        else:
            self._sights.pop(sight.remote_id, None)

    def cross(self, remote_ids: Iterable[str]) -> None:
        """Note that the sync writes messages now, whether or not that succeeds."""
        if self._sights:
            for remote_id in remote_ids:
                for sight in self._sights.get(remote_id, ()):
                    sight.is_crossed = True

    def begin_round(self) -> set[str]:
        """End what is watched of writes that were told; return the messages of which nobody knows which state is the newer one."""
        told = [sight for sights in self._sights.values() for sight in sights if sight.is_told]
        for sight in told:
            self.drop(sight)
        return {sight.remote_id for sight in told if sight.is_crossed}
