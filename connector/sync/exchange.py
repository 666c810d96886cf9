"""The one regular call to Odoo, for all mailboxes together: reports go out, changed accounts come back.

It also holds the lease - one connector serves a database - and finds out when the database is not the one that it was:

    held       another connector serves this Odoo: all mailboxes stop here until its lease has run out
    restored   Odoo does not have the serial that it gave us last, so a backup came back: nothing that is remembered holds
    refused    Odoo does not accept our key or our rights: all mailboxes stop, said once; tried again until it is mended
"""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
import trio

from connector.errors import OdooError, OdooFault, OdooRefused
from connector.odoo.key import expiry_warning
from connector.sync.plan import backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.odoo.port import OdooPort
    from connector.odoo.wire import Account, AccountReport
    from connector.odoo.wire import Exchange as Answer
    from connector.sync.reports import Reports

__all__ = ["EVERY", "Exchange"]

# Seconds between two regular calls (design: "every 10 s at most one exchange call for all mailboxes together").
EVERY = 10.0
# Seconds: several wakes and urgent reports within this time make one call.
_GATHER = 0.25
# Times in a row that Odoo answers with an exception of its own before the reports are taken for its cause.
_FAULTS_UNTIL_DROPPED = 3
# The word for `/readyz` while another connector holds the lease.
_STANDBY = "standby"
# The word for `/readyz` while Odoo refuses us.
_REFUSED = "refused"
# Seconds: the longest wait while Odoo is away.
_CEILING = 60.0

_log = structlog.get_logger(__name__)


class Exchange:
    """The loop; `readiness` is None while Odoo answers, else one word for `/readyz`."""

    def __init__(
        self,
        odoo: OdooPort,
        instance: str,
        reports: Reports,
        take: Callable[[list[Account]], None],
        version: str,
        *,
        stop: Callable[[], None],
        start_over: Callable[[], None],
    ) -> None:
        """`take` hears of changed accounts, `stop` that another connector serves them, `start_over` that Odoo was restored."""
        self.readiness: str | None = "starting"
        self.key_expires_at: str | None = None
        self.instance = instance
        self.version = version
        self._odoo = odoo
        self._run = str(uuid.uuid4())
        self._serial: str | None = None
        self._stop = stop
        self._start_over = start_over
        self._reports = reports
        self._take = take
        self._since: str | None = None
        self._poked = trio.Event()

    def poke(self) -> None:
        """Something changed in Odoo: call soon."""
        self._poked.set()

    async def run(self) -> None:
        """Exchange for ever; Odoo away is said once, and tried again with growing pauses."""
        await self._greet()
        failures = 0
        while True:
            self._poked = trio.Event()
            reports = self._reports.take()
            try:
                answer = await self._exchange(reports)
            except OdooError as error:
                failures += 1
                if isinstance(error, OdooFault) and failures >= _FAULTS_UNTIL_DROPPED:
                    # Something in them is what Odoo cannot take; it must not keep all other mailboxes waiting for ever.
                    _log.error("reports dropped", reason=str(error), accounts=[r.account_id for r in reports])
                else:
                    self._reports.put_back(reports)
                self._lost(error, failures)
                await trio.sleep(backoff(failures, ceiling=_CEILING, jitter=random.random()))  # noqa: S311 - spreads load
                if isinstance(error, OdooRefused):
                    await self._greet()
                continue
            except BaseException:
                self._reports.put_back(reports)
                raise
            if failures:
                _log.info("Odoo answers again", after=failures)
            failures = 0
            if self._is_ours(answer):
                self._reports.heard(reports)
                if answer.restored:
                    # Everything is asked for again, and the mailboxes take up what this Odoo has.
                    _log.warning("Odoo's database is not what it was: a backup came back; starting over from what it has")
                    self._since = None
                    self._start_over()
                    continue
                self._since = answer.watermark
                self._take(answer.accounts)
            with trio.move_on_after(EVERY):
                await self._wait_for_news()
                await trio.sleep(_GATHER)

    async def _exchange(self, reports: list[AccountReport], *, leaving: bool = False) -> Answer:
        return await self._odoo.exchange(
            instance=self.instance, since=self._since, reports=reports, run=self._run, serial=self._serial, leaving=leaving
        )

    def _is_ours(self, answer: Answer) -> bool:
        """Tell whether the lease is ours; if it is another's, everything stops here, and that is said once."""
        if answer.held is None:
            if self.readiness == _STANDBY:
                _log.info("the lease is free: this connector serves Odoo now")
            self.readiness = None
            self._serial = answer.serial
            return True
        if self.readiness != _STANDBY:
            _log.error("another connector serves this Odoo; this one waits", other=answer.held.instance, last_seen=answer.held.seen_at)
        self.readiness = _STANDBY
        self._since = self._serial = None
        self._stop()
        return False

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
            except OdooError as error:
                failures += 1
                if isinstance(error, OdooRefused):
                    self._refused(error)
                    said = str(error)
                else:
                    self.readiness = "odoo"
                if str(error) != said:
                    said = str(error)
                    _log.error("Odoo cannot be used yet", reason=said)
                await trio.sleep(backoff(failures, ceiling=_CEILING, jitter=random.random()))  # noqa: S311 - spreads load
            else:
                _log.info("Odoo answers", odoo=hello.odoo_version, addon=hello.addon_version)
                self.key_expires_at = hello.key_expires_at
                if warning := expiry_warning(hello.key_expires_at, datetime.now(UTC)):
                    _log.warning("a new API key is needed soon", reason=warning)
                return

    async def _wait_for_news(self) -> None:
        """Return when somebody poked or something urgent is to be told."""
        async with trio.open_nursery() as nursery:

            async def first(wait: Callable[[], Awaitable[None]]) -> None:
                await wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(first, self._poked.wait)
            nursery.start_soon(first, self._reports.wait_urgent)

    def _refused(self, error: OdooRefused) -> None:
        """One state of the whole connector, whichever call met it: no mailbox is at fault, and none asks Microsoft for nothing."""
        if self.readiness != _REFUSED:
            _log.error("Odoo refuses this connector: all mailboxes wait until that is mended", reason=str(error))
        self.readiness = _REFUSED
        # Whoever is accepted again hears of all accounts anew.
        self._since = None
        self._stop()

    def _lost(self, error: OdooError, failures: int) -> None:
        if isinstance(error, OdooRefused):
            self._refused(error)
            return
        if failures == 1:
            _log.error("Odoo does not answer", reason=str(error))
        self.readiness = "odoo"
