"""Runs one mailbox: a cycle when it is due or asked for, small jobs in between, and what each error means.

    between two cycles, one step at a time, the first that is due: removals left over, true-up, hand-over, older mail within the budget

    error                                   state            next attempt
    throttled                               throttled        after Retry-After; silent
    Graph, Entra or Odoo unreachable        unchanged        backoff; silent
    cursors written by somebody else        unchanged        at once, from what Odoo has
    Odoo's answer lost, a fault of its own  unchanged        backoff, from what Odoo has
    Odoo refused our key or rights          unchanged        silent: the exchange stops all mailboxes
    the invalid_grant family, 401           needs sign-in    when Odoo says "connected" again
    consent, mailbox gone                   needs admin      hourly
    invalid_client, no key opens the token  needs admin      hourly, and when the trouble is over (`trouble`, which says it once for all)
    anything else                           failing          backoff; seen after three cycles in a row

What one folder fails with is judged like that of the mailbox, but the other folders go on: older mail, comparisons and all.

Nothing that happens here leaves this mailbox (design, rule 8).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import structlog
import trio

from connector.errors import (
    AppRefused,
    ConnectorError,
    EntraUnreachable,
    GraphMailboxGone,
    GraphThrottled,
    GraphUnauthorized,
    GraphUnreachable,
    NeedsAdmin,
    NeedsSignIn,
    NotConfigured,
    OdooError,
    OdooRefused,
    VaultError,
)
from connector.sync.applier import NotConnectedInOdoo, Superseded
from connector.sync.audit import DRIFT, DRIFT_KEPT
from connector.sync.machine import FAILURES_UNTIL_SEEN, Event, Phase, State, next_state, seen_as
from connector.sync.plan import HOUR, Budget, backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from connector.sync.mailbox import Mailbox, Progress
    from connector.sync.reports import Reports

__all__ = ["Runner"]

# Seconds: Graph names a time in nearly every 429; where it does not, half a minute lets the window move.
_THROTTLED_WAIT = 30.0
# Seconds at least, whatever Graph says: several attempts were refused by then, and "0" or a past date would make a storm of cycles.
_THROTTLED_LEAST = 5.0
# Seconds: an administrator's repair (a licence, a new secret) is noticed within the hour.
_ADMIN_WAIT = 3600.0
# Seconds: after somebody else wrote the cursors; not zero, lest two connectors spin.
_SUPERSEDED_WAIT = 1.0

# What the next attempt means to a mailbox that was put off.
_ON_WAY_BACK = {State.THROTTLED: Event.RESUMED, State.FAILING: Event.RETRIED, State.NEEDS_ADMIN: Event.CONNECTED}

# A mailbox is shown as connected when it got somewhere, and one that was shown as failing when a whole round succeeded: not when it tries.
_AT_WORK = frozenset({State.DISCOVERING, State.BOOTSTRAPPING, State.LIVE})

# Seconds: no job is waited for more often.
_JOB_PAUSE = 1.0

# Names in the ledger: older messages fetched, reconciles made.
_BACKFILL = "backfill"
_RECONCILED = "reconciled"

# What a phase says to the state machine; an event that means nothing in a state changes nothing.
_TOLD_BY_PHASE: dict[Phase, tuple[Event, ...]] = {
    Phase.DISCOVERING: (),
    Phase.BOOTSTRAPPING: (Event.TREE, Event.FOLDER_RESET),
    Phase.BACKFILLING: (Event.TREE, Event.BOOTSTRAPPED),
    Phase.UP_TO_DATE: (Event.TREE, Event.BOOTSTRAPPED),
}

_log = structlog.get_logger(__name__)


class Runner:
    """The endless task of one mailbox."""

    def __init__(
        self,
        mailbox: Mailbox,
        *,
        interval: float,
        backfill_per_hour: int,
        reconcile_interval: float,
        reports: Reports,
        now: Callable[[], datetime],
        on_refused: Callable[[int, Exception], Awaitable[None]] | None = None,
        beside: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`interval` and `reconcile_interval` are in seconds; `now` is the wall clock in UTC.

        `on_refused` hears why a sign-in is needed; `beside` runs for as long as the mailbox does (its outbox).
        """
        self.mailbox = mailbox
        self.state = State.NOT_CONNECTED
        self.progress: Progress | None = None
        self.last_sync_at: datetime | None = None
        self.message = ""
        self.asked_ticket = 0
        self.served_ticket = 0
        self._interval = interval
        self._budget = Budget(backfill_per_hour)
        self._reconcile_interval = reconcile_interval
        self._reconcile_at: float | None = None
        self._reports = reports
        self._now = now
        self._on_refused = on_refused
        self._beside = beside
        self._failures = 0
        self._stumbles = 0
        self._is_fit = False
        self._is_awaited = False
        self._wish: tuple[str | None, int] = (None, 0)
        self._woken = trio.Event()
        # When the next cycle begins at the latest.
        self._due = 0.0
        mailbox.breathe = self._breathe
        mailbox.on_progress = self._on_progress

    @property
    def account_id(self) -> int:
        """The account's id in Odoo."""
        return self.mailbox.account_id

    def wake(self, folder: str | None = None, ticket: int = 0) -> None:
        """Ask for a cycle now, `folder` (remote id) first; `served_ticket` tells when a cycle that began later is done."""
        self.asked_ticket = max(self.asked_ticket, ticket)
        self._wish = (folder or self._wish[0], max(ticket, self._wish[1]))
        self._woken.set()

    def retry(self) -> None:
        """Try at once if an administrator was waited for."""
        if self.state is State.NEEDS_ADMIN:
            self.wake()

    def start_over(self) -> None:
        """Forget what Odoo had and has heard, and begin with a cycle: its database is another one than before."""
        self.mailbox.forget()
        self._reports.forget(self.account_id)
        self.wake()

    async def run(self) -> None:
        """Run until the mailbox needs a person (then Odoo knows it) or Odoo does not want it any more."""
        if self._beside is None:
            await self._sync()
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._beside)
            await self._sync()
            nursery.cancel_scope.cancel()

    async def _sync(self) -> None:
        # Since this mailbox last ran somebody else may have changed what Odoo shows: a sign-in, say, writes "connected".
        self._reports.forget(self.account_id)
        self._event(Event.CONNECTED)
        await self._recall()
        while True:
            if (event := _ON_WAY_BACK.get(self.state)) is not None:
                self._event(event)
            delay = await self._attempt()
            if delay is None:
                return
            await self._idle(delay)

    async def _recall(self) -> None:
        """Take over from the ledger what the last process of this mailbox left."""
        now, ledger = self._clock(), self.mailbox.ledger
        self._budget.recall(await ledger.tally(_BACKFILL, now - HOUR))
        self.mailbox.drift = sum(count for _, count in await ledger.tally(DRIFT, now - DRIFT_KEPT))
        last = await ledger.tally(_RECONCILED, 0.0)
        # The first one at some time within the interval, so that many mailboxes do not compare at once.
        spread = self._reconcile_interval * random.random()  # noqa: S311 - spreads load, guards nothing
        self._reconcile_at = last[-1][0] + self._reconcile_interval if last else now + spread

    async def _cycle(self) -> Progress:
        """Run one cycle, as it was asked for."""
        self._is_awaited = self._woken.is_set()
        (folder, ticket), self._wish = self._wish, (None, 0)
        self._woken = trio.Event()
        try:
            return await self.mailbox.cycle(folder)
        finally:
            self.served_ticket = max(self.served_ticket, ticket)
            self._due = trio.current_time() + self._pause()

    def _pause(self) -> float:
        """Return the seconds until the next cycle after a good one."""
        waits = self.mailbox.waits_until
        return self._interval if waits is None else min(self._interval, max(_JOB_PAUSE, waits - self._clock()))

    async def _breathe(self) -> None:
        """Let a cycle that is due or asked for go ahead while a long comparison is under way."""
        if self._woken.is_set() or trio.current_time() >= self._due:
            await self._cycle()

    async def _attempt(self) -> float | None:
        """Run one cycle; return the seconds until the next one, None when there is to be none."""
        self._is_fit = False
        try:
            progress = await self._cycle()
            await self._reconcile()
        except Exception as error:  # noqa: BLE001 - every error of one mailbox is judged, and stays in it
            delay = self._judge(error)
            if self.state is State.NEEDS_SIGN_IN and self._on_refused is not None:
                await self._on_refused(self.account_id, _first(error))
            return delay
        self._is_fit = True
        if cursors := self.mailbox.take_aged_cursors():
            self._reports.put(self.account_id, cursors=cursors)
        if progress.failure is not None:
            return self._judge(progress.failure)
        self._failures = 0
        self.message = ""
        return self._pause()

    async def _reconcile(self) -> None:
        """Compare with the mailbox if it is time; where a folder could not be compared, again within the hour."""
        if self._reconcile_at is None or self._clock() < self._reconcile_at:
            return
        is_complete = await self.mailbox.reconcile()
        now = self._clock()
        if is_complete:
            self._reconcile_at = now + self._reconcile_interval
            await self.mailbox.ledger.count(_RECONCILED, now, 1, forget_before=now)
        else:
            self._reconcile_at = now + min(self._reconcile_interval, HOUR)

    def _judge(self, error: Exception) -> float | None:  # noqa: PLR0911 - one return a row of the table
        """Turn an error of a cycle into an event and a waiting time (table above)."""
        error = _first(error)
        match error:
            case GraphThrottled():
                self._event(Event.THROTTLED)
                return max(_THROTTLED_LEAST, error.retry_after) if error.retry_after is not None else _THROTTLED_WAIT
            case Superseded():
                self.mailbox.forget()
                return _SUPERSEDED_WAIT
            case NotConnectedInOdoo():
                # Whether it was deleted is told to who asks: then nothing of it may stay here.
                self._reports.ask(self.account_id)
                self._event(Event.STOPPED)
                return None
            case NeedsSignIn() | GraphUnauthorized():
                _log.warning("sign-in needed", account=self.account_id)
                self._event(Event.SIGN_IN_NEEDED)
                return None
            case NeedsAdmin() | NotConfigured() | VaultError():
                return self._needs_admin(str(error), is_said=isinstance(error, AppRefused))
        if isinstance(error, OdooError):
            # It may have done what we asked and lost its answer.
            self.mailbox.forget()
        self._failures += 1
        self.message = str(error) if isinstance(error, ConnectorError) else type(error).__name__
        if isinstance(error, GraphMailboxGone) and self._failures >= FAILURES_UNTIL_SEEN:
            return self._needs_admin(
                f"Microsoft gives no access to this mailbox ({error.code or error.status}). "
                "It may be inactive, without a licence, or hosted elsewhere; an administrator can tell."
            )
        if not isinstance(error, GraphUnreachable | GraphMailboxGone | EntraUnreachable | OdooError):
            _log.error("cycle failed", account=self.account_id, error=type(error).__name__, failures=self._failures, exc_info=error)
            self._event(Event.FAILED)
        elif not isinstance(error, OdooRefused):
            # A key that is refused is the whole connector's trouble: the exchange says it, once.
            _log.warning("cycle put off", account=self.account_id, error=type(error).__name__, failures=self._failures)
        return backoff(self._failures, ceiling=self._interval, jitter=random.random())  # noqa: S311 - spreads load, guards nothing

    def _needs_admin(self, message: str, *, is_said: bool = False) -> float:
        self.message = message
        if not is_said:
            _log.warning("administrator needed", account=self.account_id, message=message)
        self._event(Event.ADMIN_NEEDED)
        return _ADMIN_WAIT

    async def _idle(self, delay: float) -> None:
        """Wait `delay` seconds or for a wake, doing small jobs meanwhile."""
        self._due = trio.current_time() + delay
        while not self._woken.is_set() and (pause := self._due - trio.current_time()) > 0:
            if self._is_fit and self.mailbox.is_known:
                try:
                    pause = min(pause, await self._job())
                except Exception as error:  # noqa: BLE001 - judged like the error of a cycle; the next cycle finds out what it means
                    self._is_fit = False
                    self._stumbles += 1
                    wait = self._judge(error) or _SUPERSEDED_WAIT
                    if self._stumbles > 1 and not isinstance(error, Superseded):
                        # The cycles between may all be good: a job that fails each time must not bring them ever so often.
                        wait = max(wait, backoff(self._stumbles, ceiling=self._interval, jitter=random.random()))  # noqa: S311 - as above
                    self._due = trio.current_time() + wait
                    continue
            with trio.move_on_after(pause):
                await self._woken.wait()

    async def _job(self) -> float:
        """Do the first job that is due; return the seconds until there is another one: 0 after one was done."""
        mailbox, now = self.mailbox, self._clock()
        due = await mailbox.true_up_due()
        if mailbox.has_removals:
            await mailbox.resolve_more()
        elif due is not None and due <= now:
            # Before older mail: without a budget that may take hours, and this is promised hourly.
            await mailbox.true_up()
        elif mailbox.has_handover:
            await mailbox.hand_over()
        elif mailbox.has_backlog and (count := self._budget.available(now)):
            listed = await mailbox.backfill(count)
            self._budget.spend(now, listed)
            if self._budget.per_hour:
                await mailbox.ledger.count(_BACKFILL, now, listed, forget_before=now - HOUR)
        else:
            waits = [due, self._budget.next_at(now) if mailbox.has_backlog else None]
            return max(_JOB_PAUSE, min((at - now for at in waits if at is not None), default=self._interval))
        self._stumbles = 0
        await trio.lowlevel.checkpoint()
        return 0.0

    def _clock(self) -> float:
        """Return the wall clock in seconds since 1970: what the ledger's times are in."""
        return self._now().timestamp()

    def _event(self, event: Event) -> None:
        """Move on in the state machine and tell Odoo what a person should see."""
        self.state = next_state(self.state, event)
        resetting = self.progress.resetting if self.progress else False
        seen = seen_as(self.state, failures=self._failures, resetting=resetting, message=self.message)
        is_unproven = self.state in _AT_WORK and (self.progress is None or self._failures >= FAILURES_UNTIL_SEEN)
        if seen.state is not None and not is_unproven:
            self._reports.put(self.account_id, state=seen.state, state_message=seen.message or "")

    def _on_progress(self, progress: Progress) -> None:
        """Note where the mailbox stands; Odoo hears what changed."""
        self.progress = progress
        if progress.synced:
            self._failures = 0
            self.last_sync_at = self._now()
            self._reports.heartbeat(self.account_id, self.last_sync_at.strftime("%Y-%m-%dT%H:%M:%SZ"), is_awaited=self._is_awaited)
        for event in _TOLD_BY_PHASE[progress.phase]:
            self._event(event)
        self._reports.put(
            self.account_id,
            sync_phase=progress.phase.value,
            backfill_done=progress.done,
            backfill_total=progress.total,
        )


def _first(error: Exception) -> Exception:
    """Return the first error of a group: what several jobs side by side met."""
    if isinstance(error, BaseExceptionGroup) and isinstance(error.exceptions[0], Exception):
        return error.exceptions[0]
    return error
