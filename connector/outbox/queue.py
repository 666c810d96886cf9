"""What Odoo gave and is not done yet, by mailbox, in the order of making; it outlives the task of a mailbox.

An action comes from the exchange, perhaps twice. The journal knows which were sent. Doubtful - Graph is asked before it runs - is one that

    the journal has without an outcome         this connector died between the request and its answer
    is not new (`FRESH` seconds)               a restored file or database may have forgotten it
    was given to a connector before, or comes with the first answer to one that begins       the same

What the journal has with an outcome is reported, and never run again. Of mails see `_letters`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
import trio
from msgspec.structs import replace

from connector.outbox.carry import LETTERS, key_of, lane_of
from connector.state.journal import Letter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from connector.odoo.wire import Action, Outcome
    from connector.state.journal import Journal

__all__ = ["FRESH", "Outbox", "Queue", "Task"]

# Seconds after which an action is not taken for new any more: longer than any restart, shorter than restoring a backup takes.
FRESH = 60.0

# Actions: how many one exchange brings, and how many may be here; more wait in Odoo.
AT_ONCE = 500
_LIMIT = 4000

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Task:
    """An action that is to be carried out; times are trio's. `proved_at` is when it was known last that it may run."""

    action: Action
    is_doubtful: bool
    proved_at: float
    was_sent: bool = False
    attempts: int = 0
    not_before: float = 0.0
    is_under_way: bool = False
    # Of a mail: how far it is (`state.journal`), and the giving under which it may be sent.
    letter: Letter | None = None
    claim: str | None = None

    @property
    def needs_proof(self) -> bool:
        """Graph is to be asked first."""
        return self.is_doubtful or trio.current_time() - self.proved_at > FRESH


@dataclass(slots=True)
class Queue:
    """The actions of one mailbox; `ended` are outcomes of the journal that Odoo has not heard, with the messages they are of."""

    tasks: dict[str, Task] = field(default_factory=dict)
    ended: dict[str, tuple[Action, Outcome]] = field(default_factory=dict)
    changed: trio.Event = field(default_factory=trio.Event)
    # Until when (trio's time) nothing is sent for a lane: Graph needs a moment after a move.
    blocked: dict[str, float] = field(default_factory=dict)

    def wake(self) -> None:
        """Let whoever waits look again."""
        self.changed.set()
        self.changed = trio.Event()

    def ready(self, limit: int, *, letters: bool = False, without: Collection[str] = ()) -> list[Task]:
        """Return the first task of each lane (but those `without`) whose time has come, in their order: mails, or all others."""
        now = trio.current_time()
        found: list[Task] = []
        lanes: set[str] = set(without)
        waits_for_folder = False
        for task in self.tasks.values() if limit else ():
            lane, kind = lane_of(task.action), task.action.kind
            if (kind in LETTERS) != letters:
                continue
            is_ready = lane not in lanes and not task.is_under_way and max(task.not_before, self.blocked.get(lane, 0.0)) <= now
            lanes.add(lane)
            # Read or unread after a whole folder was marked read is the last word: it may not be said first.
            waits_for_folder = waits_for_folder or (kind == "mark_folder_read" and not is_ready)
            if not is_ready or (waits_for_folder and kind in {"read", "unread"}):
                continue
            found.append(task)
            if len(found) == limit:
                break
        return found

    def next_at(self) -> float:
        """Return when something may be ready that is not now."""
        now = trio.current_time()
        times = [max(t.not_before, self.blocked.get(lane_of(t.action), 0.0)) for t in self.tasks.values() if not t.is_under_way]
        return min((t for t in times if t > now), default=float("inf"))

    def after(self, task: Task) -> list[Task]:
        """Return the later tasks that build on `task`: of the same message and field."""
        key, is_later, found = key_of(task.action), False, []
        for one in self.tasks.values():
            if is_later and key_of(one.action) == key:
                found.append(one)
            is_later = is_later or one is task
        return found


class Outbox:
    """The queues of all mailboxes."""

    def __init__(self, journal: Journal, now: Callable[[], datetime]) -> None:
        self.journal = journal
        self._now = now
        self._queues: dict[int, Queue] = {}

    def queue(self, account_id: int) -> Queue:
        """Return the queue of a mailbox."""
        return self._queues.setdefault(account_id, Queue())

    @property
    def room(self) -> int:
        """How many actions the next exchange may bring."""
        waiting = sum(len(queue.tasks) for queue in self._queues.values())
        return min(AT_ONCE, max(0, _LIMIT - waiting))

    async def take(self, actions: Sequence[Action], *, is_whole: bool, waited: float = 0.0) -> None:
        """Take what an exchange brought after so many seconds; `is_whole`: the first answer to a connector that begins.

        Raises `StateError`.
        """
        by_account: dict[int, list[Action]] = {}
        for action in actions:
            by_account.setdefault(action.account_id, []).append(action)
        for account_id, given in by_account.items():
            queue = self.queue(account_id)
            for action in given:
                if (task := queue.tasks.get(action.uuid)) is not None:
                    task.claim = action.claim
            new = [a for a in given if a.uuid not in queue.tasks and a.uuid not in queue.ended]
            known = await self.journal.known(account_id, [a.uuid for a in new])
            letters = await self._letters(account_id, [a for a in new if a.kind in LETTERS], waited=waited)
            for action in new:
                outcome = known.get(action.uuid)
                if outcome is not None:
                    queue.ended[action.uuid] = (action, outcome)
                    continue
                if action.kind in LETTERS:
                    letter = letters.get(action.uuid)
                    # Its tag is looked for before anything is made.
                    doubtful = letter is None or action.is_again or action.age > FRESH
                    queue.tasks[action.uuid] = Task(action, doubtful, trio.current_time(), letter=letter, claim=action.claim)
                    continue
                was_sent = action.uuid in known
                doubtful = was_sent or is_whole or action.is_again or action.age > FRESH
                queue.tasks[action.uuid] = Task(action, doubtful, trio.current_time() - action.age, was_sent)
            # Odoo gives them in the order of making; one that is given again may be older than what is here.
            queue.tasks = dict(sorted(queue.tasks.items(), key=lambda item: item[1].action.id))
            queue.wake()
            _log.info("actions taken", account=account_id, number=len(new), known=len(known))

    async def _letters(self, account_id: int, actions: Sequence[Action], *, waited: float) -> dict[str, Letter]:
        """Return how far mails are; what nobody can have sent is noted as taken, the rest has no note: it may have been sent.

        This file notes each mail when it takes it, and before and after it tells Odoo that it is about to ask Graph. Nobody asked for one

            that has no note here, of which Odoo was not told, made after this file       whoever was given it before died too early
            that has a note from before that, and Odoo was not told                       the same

        Where Odoo was told and the note here does not know it, the file is an older state of itself. A mail that is older than the file may
        be one of a backup of Odoo: what was noted of it is lost, here and there.
        """
        found = await self.journal.letters(account_id, [a.uuid for a in actions])
        now = self._now().timestamp()
        for action in actions:
            letter = found.get(action.uuid)
            if action.is_asked and letter is not None and not letter.is_told:
                del found[action.uuid]
            elif action.is_asked and letter is not None and letter.step == "asking":
                found[action.uuid] = replace(letter, step="asked", asks=letter.asks + 1, asked_at=now)
        # Ages are in whole seconds, and as old as the answer.
        age_of_file = now - self.journal.made_at - waited - 1
        new = [a for a in actions if a.uuid not in found and not a.is_asked and a.age < age_of_file]
        if new:
            taken = {a.uuid: Letter("taken") for a in new}
            await self.journal.note(account_id, taken, self._now().timestamp())
            found |= taken
        return found

    def forget(self, account_id: int | None) -> None:
        """Forget what is to be done for an account that is no more; None: for all of them, since Odoo is not what it was."""
        for known, queue in self._queues.items():
            # The queue itself stays: the task of the mailbox may be waiting at it.
            if account_id in {None, known}:
                queue.tasks.clear()
                queue.ended.clear()

    def clear(self) -> None:
        """Forget everything: whoever serves Odoo next is given it again."""
        self.forget(None)
