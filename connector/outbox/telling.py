"""Tells Odoo what came of the actions of one mailbox, until it has heard it; what a person waits for is told at once.

What Graph answered to a write goes along, as long as nothing newer can be in Odoo, or get there before it (`connector.sync.turn`). Where
that is not known it stays away, and the sync looks at the message in its next round.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import structlog
import trio
from msgspec import UNSET

from connector.errors import OdooError
from connector.odoo.wire import Outcome, Refused
from connector.outbox.carry import FOLDER_WIDE, LETTERS, lane_of
from connector.sync.plan import backoff

if TYPE_CHECKING:
    from collections.abc import Container

    from connector.odoo.port import OdooPort
    from connector.odoo.wire import Action
    from connector.sync.mailbox import Mailbox
    from connector.sync.turn import Sight

__all__ = ["Teller"]

# Outcomes that are told while there is more to do.
_MANY = 200
# Seconds: the longest pause before Odoo is told again.
_CEILING = 60.0

_log = structlog.get_logger(__name__)


class Teller:
    """What Odoo has not heard yet of the mailbox that `mailbox` syncs; `next_at` is when it is to be told (trio's clock)."""

    def __init__(self, mailbox: Mailbox, odoo: OdooPort) -> None:
        """Begin with nothing to tell."""
        self._mailbox = mailbox
        self._odoo = odoo
        self._untold: dict[str, tuple[Action, Outcome]] = {}
        # What is watched of messages since a write was sent, by action.
        self._sights: dict[str, Sight] = {}
        self._failures = 0
        self._at = 0.0

    def __bool__(self) -> bool:
        """There is something to tell."""
        return bool(self._untold)

    @property
    def next_at(self) -> float:
        """When Odoo is to be told; never, where there is nothing."""
        return self._at if self._untold else float("inf")

    @property
    def letters(self) -> set[str]:
        """The lanes of mails of which something is to be told."""
        return {lane_of(action) for action, _ in self._untold.values() if action.kind in LETTERS}

    def is_due(self, *, is_busy: bool) -> bool:
        """Tell whether it is time; hundreds that are on their way are told in a few calls."""
        return trio.current_time() >= self.next_at and (not is_busy or len(self._untold) >= _MANY)

    def watch(self, action: Action) -> None:
        """Watch the message of an action, before it is sent."""
        if action.remote_id is not None and action.uuid not in self._sights:
            self._sights[action.uuid] = self._mailbox.turn.watch(action.remote_id)

    def forget_but(self, open_ones: Container[str]) -> None:
        """Watch no more what nobody works on, and nothing is to be told of: actions that were taken away."""
        for uuid in [uuid for uuid in self._sights if uuid not in open_ones and uuid not in self._untold]:
            self._mailbox.turn.drop(self._sights.pop(uuid))

    def add(self, action: Action, outcome: Outcome) -> None:
        """Take an outcome that is to be told now."""
        self._untold[action.uuid] = (action, outcome)
        self._mailbox.settling.untold.add(action.uuid)
        self._at = trio.current_time()

    async def tell(self) -> bool:
        """Let Odoo know; while that is under way the sync writes nothing. Return False where it did not hear: it is told again later."""
        telling = dict(list(self._untold.items())[: 2 * _MANY])
        mailbox = self._mailbox
        try:
            async with mailbox.turn.lock:
                outcomes = [self._as_of_now(*item) for item in telling.values()]
                fence, database = mailbox.turn.fence, mailbox.store.database
                answer = await self._odoo.outcomes(mailbox.account_id, outcomes, database=database, fence=fence)
                if isinstance(answer, Refused):
                    # A quiet sync writes nothing, and would not find out.
                    mailbox.turn.fence = None
                    return self._put_off(len(telling), answer.reason)
                covering = [one.acked for one in outcomes if telling[one.uuid][0].kind not in LETTERS]
                mailbox.settling.acknowledged(acked for acked in covering if isinstance(acked, float))
        except OdooError as error:
            return self._put_off(len(telling), type(error).__name__)
        self._failures = 0
        for told in outcomes:
            self._end(*self._untold.pop(told.uuid), told)
        _log.info("actions ended", account=mailbox.account_id, number=len(telling), failed=sum(o.outcome == "failed" for o in outcomes))
        return True

    def _put_off(self, number: int, reason: str) -> bool:
        """Tell again later: after a lost answer Odoo may have heard it, and then takes nothing of it twice. Return False."""
        self._failures += 1
        self._at = trio.current_time() + backoff(self._failures, ceiling=_CEILING, jitter=random.random())  # noqa: S311 - spreads load
        _log.warning("outcomes not told", account=self._mailbox.account_id, number=number, reason=reason)
        return False

    def _as_of_now(self, action: Action, outcome: Outcome) -> Outcome:
        """Return an outcome as Odoo may have it: without what Graph said where something newer may be there, or come."""
        sight = self._sights.get(action.uuid)
        is_fenced = self._mailbox.turn.fence is not None
        is_newest = is_fenced and sight is not None and not sight.is_crossed
        if action.kind in LETTERS or outcome.outcome != "done" or is_newest:
            return outcome
        return Outcome(outcome.uuid, outcome.outcome, acked=outcome.acked)

    def _end(self, action: Action, outcome: Outcome, told: Outcome) -> None:
        """Let the sync look at a message of which Odoo did not hear what Graph says; any other is watched until the next round."""
        settling = self._mailbox.settling
        settling.untold.discard(action.uuid)
        if action.kind in FOLDER_WIDE and action.folder is not None:
            # Also of one that failed half way.
            settling.want([action.folder])
        sight = self._sights.pop(action.uuid, None)
        if sight is not None:
            sight.is_told = True
        is_looked_at = action.remote_id is not None and action.kind not in LETTERS and action.kind != "destroy"
        if is_looked_at and outcome.outcome == "done" and told.said is UNSET:
            settling.messages.add(str(action.remote_id))
