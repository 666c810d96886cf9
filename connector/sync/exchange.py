"""The one regular call to Odoo, for all mailboxes together: reports go out, changed accounts come back.

It also holds the lease - one connector serves a database - and finds out when the database is not the one that it was:

    held       another connector serves this Odoo: all mailboxes stop here until its lease has run out
    restored   Odoo does not have the serial that it gave us last, so a backup came back: nothing that is remembered holds
    foreign    another database than the one that this connector's file belongs to (a copy): nothing runs until it is adopted
    refused    Odoo does not accept our key or our rights: all mailboxes stop, said once; tried again until it is mended
"""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Protocol

import structlog
import trio

from connector.errors import OdooError, OdooFault, OdooRefused, StateError
from connector.odoo.key import expiry_warning
from connector.sync.plan import backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from connector.odoo.port import OdooPort
    from connector.odoo.wire import AccountReport, Action
    from connector.odoo.wire import Exchange as Answer
    from connector.sync.reports import Reports
    from connector.sync.trouble import Troubles

__all__ = ["EVERY", "FOREIGN", "Exchange", "Identity", "Mailboxes"]

# Seconds between two regular calls (design: "every 10 s at most one exchange call for all mailboxes together").
EVERY = 10.0
# Seconds: several wakes and urgent reports within this time make one call.
_GATHER = 0.25
# Seconds beyond the time at which a mail is due: Odoo counts in whole ones.
_DUE = 0.2
# Times in a row that Odoo answers with an exception of its own before the reports are taken for its cause.
_FAULTS_UNTIL_DROPPED = 3
# Words for `/readyz`: another connector holds the lease; the database is another one; our own file cannot be written.
_STANDBY = "standby"
FOREIGN = "foreign"
_REFUSED = "refused"
_STATE = "state"
# Seconds between two words about a key that comes to its end.
_REMIND_EVERY = 86400.0
# Seconds: the longest wait while Odoo is away.
_CEILING = 60.0

_log = structlog.get_logger(__name__)


class Identity(Protocol):
    """Who the connector is: the name of its file, and of the database that the file belongs to (`state.store.Store`)."""

    instance: str
    database: str | None

    async def remember_database(self, database: str) -> None:
        """Note the database."""


class Mailboxes(Protocol):
    """Who hears of the accounts (`sync.roster.Roster`)."""

    async def take(self, answer: Answer, *, is_whole: bool) -> None:
        """Take changed accounts, or all that there are. Raises `StateError`."""

    def stop(self) -> None:
        """Stop everything."""

    def start_over(self) -> None:
        """Odoo was restored: trust nothing that is remembered of it."""

    async def adopt(self, database: str) -> None:
        """Belong to another database. Raises `StateError`."""


class Actions(Protocol):
    """Who takes users' actions (`outbox.queue.Outbox`)."""

    @property
    def room(self) -> int:
        """How many may come."""

    async def take(self, actions: Sequence[Action], *, is_whole: bool, waited: float = 0.0) -> None:
        """Take what came after so many seconds. Raises `StateError`."""

    def clear(self) -> None:
        """Forget what is not under way: it will be given again."""


class Exchange:
    """The loop; `readiness` is None while Odoo answers, else one word for `/readyz`."""

    def __init__(
        self,
        odoo: OdooPort,
        identity: Identity,
        reports: Reports,
        mailboxes: Mailboxes,
        troubles: Troubles,
        version: str,
        now: Callable[[], datetime],
        actions: Actions | None = None,
    ) -> None:
        """`now` is the wall clock in UTC."""
        self.readiness: str | None = "starting"
        self.key_expires_at: str | None = None
        self.instance = identity.instance
        self.version = version
        self._odoo = odoo
        self._identity = identity
        self._run = str(uuid.uuid4())
        self._serial: str | None = None
        self._mailboxes = mailboxes
        self._reports = reports
        self._troubles = troubles
        self._actions = actions
        self._since: str | None = None
        self._now = now
        self._remind_at = 0.0
        self._poked = trio.Event()
        # Seconds until the next call: less where a mail is due before.
        self._pause = EVERY
        # Actions that the last call asked for.
        self._asked = 0
        # One call at a time: an adoption must not come between a call and what follows from its answer.
        self._calling = trio.Lock()

    def poke(self, accounts: list[int] | None = None) -> None:
        """Something changed in Odoo, in these accounts for example: call soon. One that was deleted is told as such to who names it."""
        for account_id in accounts or ():
            self._reports.ask(account_id)
        self._poked.set()

    async def run(self) -> None:
        """Exchange for ever; Odoo away is said once, and tried again with growing pauses."""
        await self._greet()
        failures = 0
        while True:
            self._poked = trio.Event()
            try:
                async with self._calling:
                    is_done = await self._call(failures)
            except (OdooError, StateError) as error:
                failures += 1
                self._lost(error, failures)
                await trio.sleep(backoff(failures, ceiling=_CEILING, jitter=random.random()))  # noqa: S311 - spreads load
                if isinstance(error, OdooRefused):
                    await self._greet()
                continue
            if failures:
                _log.info("Odoo answers again", after=failures)
            failures = 0
            self._remind()
            if not is_done:
                continue
            with trio.move_on_after(self._pause):
                await self._wait_for_news()
                await trio.sleep(_GATHER)

    async def _call(self, failures: int) -> bool:
        """Call once and do what follows from the answer; return False when the next call is due at once."""
        reports = self._reports.take()
        self._troubles.heard()
        begun = trio.current_time()
        try:
            answer = await self._exchange(reports)
        except OdooFault as error:
            if failures + 1 < _FAULTS_UNTIL_DROPPED:
                self._reports.put_back(reports)
            else:
                # Something in them is what Odoo cannot take; it must not keep all other mailboxes waiting for ever.
                _log.error("reports dropped", reason=str(error), accounts=[r.account_id for r in reports])
            raise
        except BaseException:
            self._reports.put_back(reports)
            raise
        if answer.foreign is not None:
            self._reports.put_back(reports)
            self._refuse_foreign(answer.foreign.database_uuid)
            return True
        if not self._is_ours(answer):
            return True
        self._reports.heard(reports)
        if answer.restored:
            # Everything is asked for again, and the mailboxes take up what this Odoo has.
            _log.warning("Odoo's database is not what it was: a backup came back; starting over from what it has")
            self._since = None
            self._mailboxes.start_over()
            if self._actions is not None:
                self._actions.clear()
            return False
        is_whole, self._since = self._since is None, None
        await self._mailboxes.take(answer, is_whole=is_whole)
        if self._actions is not None and answer.actions:
            await self._actions.take(answer.actions, is_whole=is_whole, waited=trio.current_time() - begun)
        # Only now: what was not kept of an answer is asked for again.
        self._since = answer.watermark
        self.readiness = None
        self._pause = EVERY if answer.next_send_in is None else min(EVERY, answer.next_send_in + _DUE)
        # A full answer says that there are more.
        return not answer.actions or len(answer.actions) < self._asked

    async def _exchange(self, reports: list[AccountReport], *, leaving: bool = False) -> Answer:
        self._asked = self._actions.room if self._actions is not None and not leaving else 0
        return await self._odoo.exchange(
            instance=self.instance,
            since=self._since,
            reports=reports,
            run=self._run,
            serial=self._serial,
            leaving=leaving,
            database=self._identity.database,
            trouble=self._troubles.told,
            actions=self._asked,
        )

    def _is_ours(self, answer: Answer) -> bool:
        """Tell whether the lease is ours; if it is another's, everything stops here, and that is said once."""
        if answer.held is None:
            if self.readiness == _STANDBY:
                _log.info("the lease is free: this connector serves Odoo now")
            elif self.readiness == FOREIGN:
                _log.info("Odoo's database is this connector's again")
            self._serial = answer.serial
            return True
        if self.readiness != _STANDBY:
            _log.error("another connector serves this Odoo; this one waits", other=answer.held.instance, last_seen=answer.held.seen_at)
        self.readiness = _STANDBY
        self._stop()
        return False

    def _refuse_foreign(self, database: str) -> None:
        """Stop everything: this is not our database; that is said once."""
        if self.readiness != FOREIGN:
            _log.error(
                "Odoo's database is another one than this connector's state file belongs to, a copy perhaps: nothing runs. "
                "If it is to be served from now on: maildesk-connector adopt",
                ours=self._identity.database,
                theirs=database,
            )
        self.readiness = FOREIGN
        self._stop()

    def _stop(self) -> None:
        self._since = self._serial = None
        self._mailboxes.stop()
        if self._actions is not None:
            self._actions.clear()

    async def adopt(self) -> tuple[str | None, str]:
        """Accept the database that Odoo has now; return the one that it was, and the one that it is. Raises `OdooError`, `StateError`."""
        async with self._calling:
            was, hello = self._identity.database, await self._odoo.hello(self.version)
            if was is None:
                await self._identity.remember_database(hello.database_uuid)
            elif was != hello.database_uuid:
                self._stop()
                await self._mailboxes.adopt(hello.database_uuid)
                self.readiness = "starting"
                _log.warning("another database was adopted", was=was, database=hello.database_uuid)
        self.poke()
        return was, hello.database_uuid

    async def flush(self) -> None:
        """Tell what is pending, and give the lease up; used on the way out."""
        if self.readiness is None:
            try:
                await self._exchange(self._reports.take(), leaving=True)
            except OdooError as error:
                _log.warning("last report not delivered", error=str(error))

    async def _greet(self) -> None:
        """Ask Odoo who it is until it answers as it should; what is wrong is said each time it changes."""
        failures = 0
        said = ""
        while True:
            try:
                hello = await self._odoo.hello(self.version)
                if self._identity.database is None:
                    await self._identity.remember_database(hello.database_uuid)
            except (OdooError, StateError) as error:
                failures += 1
                if isinstance(error, OdooRefused):
                    self._refused(error)
                    said = str(error)
                else:
                    self.readiness = "odoo" if isinstance(error, OdooError) else _STATE
                if str(error) != said:
                    said = str(error)
                    _log.error("Odoo cannot be used yet", reason=said)
                await trio.sleep(backoff(failures, ceiling=_CEILING, jitter=random.random()))  # noqa: S311 - spreads load
            else:
                _log.info("Odoo answers", odoo=hello.odoo_version, addon=hello.addon_version)
                self.key_expires_at = hello.key_expires_at
                return

    def _remind(self) -> None:
        """Say, once a day, that the key comes to its end: a connector may run for months."""
        if trio.current_time() >= self._remind_at and (warning := expiry_warning(self.key_expires_at, self._now())):
            self._remind_at = trio.current_time() + _REMIND_EVERY
            _log.warning("a new API key is needed soon", reason=warning)

    async def _wait_for_news(self) -> None:
        """Return when somebody poked or something urgent is to be told."""
        async with trio.open_nursery() as nursery:

            async def first(wait: Callable[[], Awaitable[None]]) -> None:
                await wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(first, self._poked.wait)
            nursery.start_soon(first, self._reports.wait_urgent)
            nursery.start_soon(first, self._troubles.wait_changed)

    def _refused(self, error: OdooRefused) -> None:
        """One state of the whole connector, whichever call met it: no mailbox is at fault, and none asks Microsoft for nothing."""
        if self.readiness != _REFUSED:
            _log.error("Odoo refuses this connector: all mailboxes wait until that is mended", reason=str(error))
        self.readiness = _REFUSED
        # Whoever is accepted again hears of all accounts anew.
        self._since = None
        self._mailboxes.stop()
        if self._actions is not None:
            self._actions.clear()

    def _lost(self, error: OdooError | StateError, failures: int) -> None:
        if isinstance(error, OdooRefused):
            self._refused(error)
            return
        is_odoo = isinstance(error, OdooError)
        if failures == 1:
            _log.error("Odoo does not answer" if is_odoo else "what Odoo says of the accounts cannot be kept", reason=str(error))
        self.readiness = "odoo" if is_odoo else _STATE
