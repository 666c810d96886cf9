"""Carries out the actions of one mailbox, beside its sync, through the same gate and ahead of it: a person waits.

    ready: the first of each lane ──doubtful?──▶ ask Graph ──▶ done, changed, gone, or:
         │                                                        │
         └──▶ journal "about to" ──▶ chains of 20, three abreast ◀┘
                                           │
              journal the outcomes ◀── DONE, REFUSED      NOT_DONE ──▶ again, after a pause, for as long as it takes
                      │                                   UNKNOWN  ──▶ doubtful, after a pause; failed after `_TRIES`
                      ▼
              tell Odoo, with what Graph said unless the sync wrote that message since ──▶ a round soon, which ends the covering

Between a request and the journal's note of its outcome the process may die: then the action is doubtful. Nothing is sent twice because an
answer was lost. A throttled mailbox, or one that needs a sign-in, keeps its actions; what stops the mailbox is the runner's to judge.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import structlog
import trio

from connector.errors import (
    AuthError,
    ConnectorError,
    GraphError,
    GraphMailboxGone,
    GraphNotFound,
    GraphThrottled,
    GraphUnauthorized,
)
from connector.graph.batch import ask_each
from connector.graph.folders import list_tree
from connector.graph.gate import LANES, Priority
from connector.graph.messages import whole_ask
from connector.graph.types import GraphMessage
from connector.graph.writes import CHAIN, Fate, delete_message, send_chain, update_message
from connector.odoo.wire import Outcome
from connector.outbox.carry import (
    FOLDER_WIDE,
    LETTERS,
    Verdict,
    failure_of,
    folder_verdict,
    is_known,
    is_open_question,
    lane_of,
    message_verdict,
    name_aside,
    next_step,
    said,
    write_of,
)
from connector.outbox.send import Post
from connector.outbox.telling import Teller
from connector.sync.listing import list_states
from connector.sync.merge import to_patch
from connector.sync.plan import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from connector.graph.client import MailboxClient
    from connector.graph.folders import Folder
    from connector.graph.writes import Receipt
    from connector.odoo.port import OdooPort
    from connector.outbox.queue import Outbox, Queue, Task
    from connector.sync.mailbox import Mailbox

__all__ = ["Courier"]

# Chains at once: a lane is left for whoever opens a message.
_ABREAST = LANES[Priority.PERSON] - 1
# Mails that are carried at once.
_LETTERS = 2
# Times that one action is tried whose fate stays unknown, asked for in between: a quarter of an hour, with the pauses below.
_TRIES = 20
# Seconds: the longest pause before something is tried again.
_CEILING = 60.0
# Seconds for which a message is left alone after a move: a write right behind one may meet an id that is not there yet.
_AFTER_MOVE = 2.0
# Seconds from the last outcome to the round that proves it: several clicks make one round.
_PROOF = 3.0
# Seconds: what stops the whole mailbox is waited for so long; the runner judges it meanwhile.
_STOPPED = 30.0

_log = structlog.get_logger(__name__)


class Courier:
    """Works off the queue of the mailbox that `mailbox` syncs."""

    def __init__(
        self,
        mailbox: Mailbox,
        outbox: Outbox,
        odoo: OdooPort,
        now: Callable[[], datetime],
        *,
        on_trouble: Callable[[], None] = lambda: None,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_trouble` hears that something stops the mailbox, `on_done` that a round of the sync is wanted."""
        self.on_trouble = on_trouble
        self.on_done = on_done
        self._mailbox = mailbox
        self._client: MailboxClient = mailbox.client
        self._account_id = mailbox.account_id
        self._outbox = outbox
        self._odoo = odoo
        self._now = now
        self._teller = Teller(mailbox, odoo)
        self.post = Post(
            self._client, self._account_id, odoo, outbox.journal, now, lambda: mailbox.store.database, on_trouble=self._has_trouble
        )
        self._failures = 0
        self._proof_at = float("inf")
        # Mails that are under way now.
        self._posting = 0

    def _has_trouble(self) -> None:
        self.on_trouble()

    @property
    def _queue(self) -> Queue:
        return self._outbox.queue(self._account_id)

    async def run(self) -> None:
        """Work for ever; an error that nobody judged is logged, and what it met stays in the queue, doubtful."""
        for task in self._queue.tasks.values():
            # Of an earlier task of this mailbox, that was cancelled at any await.
            task.is_doubtful = task.is_doubtful or task.is_under_way
            task.is_under_way = False
        async with trio.open_nursery() as nursery:
            await self._work_for_ever(nursery)

    async def _work_for_ever(self, nursery: trio.Nursery) -> None:
        while True:
            try:
                await self._step(nursery)
            except Exception as error:  # noqa: BLE001 - the wall between this outbox and the sync of its mailbox
                _log.error("outbox failed", account=self._account_id, error=type(error).__name__, exc_info=error)
                for task in self._queue.tasks.values():
                    if task.action.kind not in LETTERS:
                        task.is_doubtful, task.is_under_way = task.is_doubtful or task.is_under_way, False
                await trio.sleep(_STOPPED)

    async def _step(self, nursery: trio.Nursery) -> None:
        """Do what is ready, tell what is untold, or wait."""
        changed = self._queue.changed
        self._recall()
        # What came of a mail's last action has to be in Odoo before its next one asks there how the draft stands.
        for task in self._queue.ready(max(0, _LETTERS - self._posting), letters=True, without=self._teller.letters):
            # Beside all else: a large file takes minutes.
            task.is_under_way = True
            self._posting += 1
            nursery.start_soon(self._carry_letter, task)
        tasks = self._queue.ready(_ABREAST * CHAIN)
        if self._teller.is_due(is_busy=bool(tasks)):
            if await self._teller.tell():
                self._proof_at = trio.current_time() + _PROOF
            return
        if trio.current_time() >= self._proof_at and not self._teller:
            self._proof_at = float("inf")
            self.on_done()
        if tasks:
            await self._work(tasks)
            return
        until = min(self._queue.next_at(), self._proof_at, self._teller.next_at)
        with trio.move_on_at(until):
            await changed.wait()

    def _recall(self) -> None:
        """Take over outcomes that the journal had: Graph's answer is not known any more."""
        queue = self._queue
        for action, outcome in queue.ended.values():
            self._teller.add(action, outcome)
        queue.ended.clear()
        self._teller.forget_but(queue.tasks)

    # ---------------------------------------------------------------- mails

    async def _carry_letter(self, task: Task) -> None:
        """Carry a mail as far as it goes now; an error that nobody judged is logged, and it is gone on with from what was noted."""
        try:
            outcome = await self.post.run(task) if is_known(task.action) else Outcome(task.action.uuid, "failed", error="unknown")
            if outcome is not None and task.action.uuid in self._queue.tasks:
                await self._end([task], [outcome])
        except Exception as error:  # noqa: BLE001 - the wall between this mail and all others
            _log.error("a mail failed", account=self._account_id, error=type(error).__name__, exc_info=error)
            task.not_before = trio.current_time() + _STOPPED
        finally:
            task.is_under_way = False
            self._posting -= 1
            self._queue.wake()

    # ---------------------------------------------------------------- doing

    async def _work(self, tasks: Sequence[Task]) -> None:
        """Carry out tasks of different lanes; what stops all of them leaves them where they are."""
        for task in tasks:
            task.is_under_way = True
        try:
            single: list[Task] = []
            for task in await self._proved(tasks):
                if task.action.kind not in FOLDER_WIDE:
                    single.append(task)
                    continue
                # What was done after it must not be overtaken by it.
                await self._send(single)
                single = []
                await self._work_off_folder(task)
            await self._send(single)
            self._failures = 0
        except (ConnectorError, ExceptionGroup) as error:
            self._put_off(tasks, error)
        finally:
            for task in tasks:
                task.is_under_way = False

    async def _send(self, tasks: Sequence[Task]) -> None:
        """Send tasks in chains, side by side."""
        size = max(1, min(CHAIN, -(-len(tasks) // _ABREAST)))
        chains = [tasks[start : start + size] for start in range(0, len(tasks), size)]
        async with trio.open_nursery() as nursery:
            for chain in chains:
                nursery.start_soon(self._send_chain, chain)

    async def _send_chain(self, tasks: Sequence[Task]) -> None:
        await self._outbox.journal.begin(self._account_id, [task.action.uuid for task in tasks], self._clock())
        for task in tasks:
            task.was_sent = task.is_doubtful = True
            self._teller.watch(task.action)
        try:
            receipts = await send_chain(self._client, [write_of(task.action) for task in tasks], Priority.PERSON)
        except (GraphError, AuthError):
            # All were refused, and Graph looked at none.
            for task in tasks:
                task.is_doubtful = False
            raise
        acked = self._clock()
        ended: list[Outcome] = []
        unclear: list[tuple[Task, GraphError]] = []
        for task, receipt in zip(tasks, receipts, strict=True):
            self._judge(task, receipt, acked, ended, unclear)
        for task, error in unclear:
            answer = await (self._missed(task) if task.action.remote_id is not None else self._look_at_folder(task, error))
            if answer is not None:
                ended.append(_outcome(task, *answer, acked))
        await self._end(tasks, ended)

    def _judge(self, task: Task, receipt: Receipt, acked: float, ended: list[Outcome], unclear: list[tuple[Task, GraphError]]) -> None:
        """Note what became of one write; about those that are `unclear` Graph has to be asked."""
        action, error = task.action, receipt.error
        match receipt.fate:
            case Fate.DONE if (step := next_step(action, receipt.body)) is not None:
                action.values["step"] = step
                task.is_doubtful = False
            case Fate.DONE:
                patch = said(action, receipt.body)
                done = Outcome(action.uuid, "done", acked=acked)
                ended.append(done if patch is None else Outcome(action.uuid, "done", acked=acked, said=patch))
                if "folder" in action.values:
                    self._queue.blocked[lane_of(action)] = trio.current_time() + _AFTER_MOVE
            case Fate.NOT_DONE:
                task.is_doubtful = False
                if error is not None:
                    pause = backoff(1, ceiling=_CEILING, jitter=random.random())  # noqa: S311 - spreads load
                    task.not_before = trio.current_time() + max(pause, error.retry_after or 0.0)
            case Fate.UNKNOWN:
                self._try_later(task, ended)
            case Fate.REFUSED if isinstance(error, GraphMailboxGone) and error.code.lower() != "erroraccessdenied":
                # Of the mailbox as a whole: it says nothing of this action, and Graph did not look at it.
                task.is_doubtful = False
                task.not_before = trio.current_time() + _STOPPED
                self.on_trouble()
            case Fate.REFUSED if isinstance(error, GraphNotFound) and "folder" in action.values:
                unclear.append((task, error))
            case Fate.REFUSED if error is not None and is_open_question(action, error):
                unclear.append((task, error))
            case Fate.REFUSED if error is not None:
                ended.append(_outcome(task, *failure_of(action, error), acked))

    def _try_later(self, task: Task, ended: list[Outcome]) -> None:
        """Ask about a task after a pause; give up when that led nowhere for long."""
        task.attempts += 1
        if task.attempts >= _TRIES:
            ended.append(Outcome(task.action.uuid, "failed", error="unavailable"))
            return
        task.is_doubtful = True
        task.not_before = trio.current_time() + backoff(task.attempts, ceiling=_CEILING, jitter=random.random())  # noqa: S311 - spreads load

    async def _missed(self, task: Task) -> tuple[str, str | None]:
        """Tell what a move missed: the message, then it is done with; or the folder."""
        ((_, reply),) = await ask_each(self._client, [whole_ask(task.action.remote_id or "")], Priority.PERSON)
        if isinstance(reply.error, GraphNotFound):
            return "done", None
        return "failed", "folder_gone"

    async def _look_at_folder(self, task: Task, error: GraphError) -> tuple[str, str | None] | None:
        """Tell what came of a folder that Graph would not move; None: another step is to be tried."""
        tree, trash = await self._tree()
        if task.action.kind == "folder_move":
            verdict = folder_verdict(task.action, tree, trash, may_be_ours=True)
            if verdict is Verdict.RENAME and task.action.values.get("step") != "name":
                task.action.values["step"], task.is_doubtful = "name", False
                return None
            return ("done", None) if verdict is Verdict.DONE else failure_of(task.action, error)
        name = name_aside(task.action, tree, trash, attempt=task.attempts)
        if name is None:
            return "done", None
        task.attempts += 1
        if task.attempts >= _TRIES:
            return failure_of(task.action, error)
        task.action.values.update(aside=name, base=task.action.values.get("base", tree[task.action.folder or ""].name), step="name")
        task.is_doubtful = False
        return None

    async def _tree(self) -> tuple[dict[str, Folder], str | None]:
        """Return the folders of the mailbox by id, and which of them is Deleted Items."""
        tree = await list_tree(self._client, priority=Priority.PERSON)
        return {f.id: f for f in tree.folders}, next((f.id for f in tree.folders if f.role == "trash"), None)

    # ---------------------------------------------------------------- doubt

    async def _proved(self, tasks: Sequence[Task]) -> list[Task]:
        """Return the tasks that may run; Graph is asked about those that are doubtful, and they end if it says so."""
        strange = [t for t in tasks if not is_known(t.action)]
        doubtful = [t for t in tasks if t.needs_proof and t not in strange]
        ended = [Outcome(t.action.uuid, "failed", error="unknown") for t in strange]
        wide = [t for t in doubtful if t.action.kind in FOLDER_WIDE]
        # What this file has begun is gone on with: it speaks of no message that came later.
        ended += [Outcome(t.action.uuid, "failed", error="doubtful") for t in wide if not t.was_sent]
        messages = [t for t in doubtful if t not in wide and t.action.remote_id is not None]
        folders = [t for t in doubtful if t not in wide and t.action.remote_id is None]
        acked = self._clock()
        for place, reply in (
            await ask_each(self._client, [whole_ask(t.action.remote_id or "") for t in messages], Priority.PERSON) if messages else ()
        ):
            task = messages[place]
            try:
                state = to_patch(reply.read(GraphMessage))
            except GraphNotFound:
                self._settle_doubt(task, message_verdict(task.action, None), acked, ended)
            except GraphError:
                self._try_later(task, ended)
                task.not_before = max(task.not_before, trio.current_time() + 1.0)
            else:
                self._settle_doubt(task, message_verdict(task.action, state), acked, ended)
        if folders:
            known, trash = await self._tree()
            for task in folders:
                may_be_ours = task.was_sent or task.action.is_again
                self._settle_doubt(task, folder_verdict(task.action, known, trash, may_be_ours=may_be_ours), acked, ended)
        over = {one.uuid for one in ended}
        if ended:
            await self._end(tasks, ended)
        now = trio.current_time()
        return [t for t in tasks if t.action.uuid not in over and t.not_before <= now and t.action.uuid in self._queue.tasks]

    def _settle_doubt(self, task: Task, verdict: Verdict, acked: float, ended: list[Outcome]) -> None:
        match verdict:
            case Verdict.DONE:
                ended.append(Outcome(task.action.uuid, "done", acked=acked))
            case Verdict.CHANGED:
                ended.append(Outcome(task.action.uuid, "failed", error="changed"))
            case Verdict.GONE:
                is_message = task.action.remote_id is not None
                ended.append(Outcome(task.action.uuid, "gone") if is_message else Outcome(task.action.uuid, "failed", error="folder_gone"))
            case Verdict.RUN | Verdict.RENAME:
                task.is_doubtful, task.proved_at = False, trio.current_time()
                task.action.values.pop("step", None)
                if verdict is Verdict.RENAME:
                    task.action.values["step"] = "name"

    # ---------------------------------------------------------------- a whole folder

    async def _work_off_folder(self, task: Task) -> None:
        """Do something with every message of a folder that was there; each chain is a step that may be done again."""
        action = task.action
        await self._outbox.journal.begin(self._account_id, [action.uuid], self._clock())
        task.was_sent = True
        try:
            entries = await list_states(self._client, action.folder or "", None, action.values.get("until"), Priority.PERSON)
        except GraphNotFound:
            await self._end([task], [Outcome(action.uuid, "failed", error="folder_gone")])
            return
        is_emptying = action.kind == "empty_folder"
        waiting = [e.id for e in entries if is_emptying or e.is_read is False]
        writes = {i: delete_message(i) if is_emptying else update_message(i, {"isRead": True}) for i in waiting}
        error: GraphError | None = None
        while waiting:
            chain, waiting = waiting[:CHAIN], waiting[CHAIN:]
            receipts = await send_chain(self._client, [writes[i] for i in chain], Priority.PERSON)
            again = [i for i, r in zip(chain, receipts, strict=True) if r.fate in {Fate.NOT_DONE, Fate.UNKNOWN}]
            refused = [r.error for r in receipts if r.fate is Fate.REFUSED and not isinstance(r.error, GraphNotFound)]
            error = next((one for one in refused if one is not None), error)
            if any(isinstance(one, GraphMailboxGone) for one in refused):
                break
            # Read and deleted stay so however often they are said: no doubt to settle here.
            waiting += again
            if len(again) == len(chain) or any(r.fate is Fate.UNKNOWN for r in receipts):
                task.attempts += 1
                if task.attempts >= _TRIES:
                    break
                await trio.sleep(backoff(task.attempts, ceiling=_CEILING, jitter=random.random()))  # noqa: S311 - spreads load
        outcome = Outcome(action.uuid, "done", acked=self._clock())
        if error is not None:
            outcome = _outcome(task, *failure_of(action, error), 0.0)
        elif waiting:
            outcome = Outcome(action.uuid, "failed", error="unavailable")
        # What it changed is for the next round to tell: nothing of it is known here message by message.
        await self._end([task], [outcome])

    # ---------------------------------------------------------------- ending and telling

    async def _end(self, tasks: Sequence[Task], ended: Sequence[Outcome]) -> None:
        """Journal outcomes and take their tasks out of the queue; what builds on a failed one fails with it."""
        by_uuid = {task.action.uuid: task for task in tasks}
        dependants = [
            Outcome(t.action.uuid, "failed", error="earlier")
            for one in ended
            if one.outcome == "failed"
            for t in self._queue.after(by_uuid[one.uuid])
        ]
        by_uuid |= {one.uuid: self._queue.tasks[one.uuid] for one in dependants}
        every = {one.uuid: one for one in (*dependants, *ended)}
        await self._outbox.journal.end(self._account_id, every.values(), self._clock())
        for uuid, outcome in every.items():
            self._teller.add(by_uuid[uuid].action, outcome)
            self._queue.tasks.pop(uuid, None)

    def _put_off(self, tasks: Sequence[Task], error: Exception) -> None:
        """Leave tasks where they are for a while: the mailbox is throttled, or out of reach."""
        first = _first(error)
        if not isinstance(first, ConnectorError):
            raise error
        self._failures += 1
        pause = backoff(self._failures, ceiling=_CEILING, jitter=random.random())  # noqa: S311 - spreads load
        if isinstance(first, GraphThrottled):
            pause = max(pause, first.retry_after or 0.0)
        elif isinstance(first, GraphUnauthorized | GraphMailboxGone | AuthError):
            pause = _STOPPED
            self.on_trouble()
        for task in tasks:
            task.not_before = max(task.not_before, trio.current_time() + pause)
        _log.warning("actions wait", account=self._account_id, number=len(tasks), reason=type(first).__name__)

    def _clock(self) -> float:
        return self._now().timestamp()


def _outcome(task: Task, outcome: str, code: str | None, acked: float) -> Outcome:
    if outcome == "done":
        return Outcome(task.action.uuid, outcome, acked=acked)
    return Outcome(task.action.uuid, outcome) if code is None else Outcome(task.action.uuid, outcome, error=code)


def _first(error: Exception) -> Exception:
    """Return the first error of a group: what several chains side by side met."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
