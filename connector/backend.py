"""What the connector's HTTP asks for (`web.server.Backend`), joined from sign-in, supervisor and bodies."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
import trio

from connector.content.bodies import fetch_body
from connector.content.search import fetch_message, find
from connector.errors import AppRefused, ConnectorError, ForeignDatabase, NeedsSignIn, NotConfigured, OdooError
from connector.sync.exchange import FOREIGN
from connector.web.backend import Adopted, Rotated
from connector.web.server import AccountStatus, SignInOutcome, StartedSignIn, WhoAmI, body_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from connector.config import Config
    from connector.content.search import Asked, Found
    from connector.graph.client import MailboxClient
    from connector.odoo.port import OdooPort
    from connector.odoo.wire import Account, Trouble
    from connector.state.store import Store
    from connector.sync.exchange import Exchange
    from connector.sync.signin import SignIn
    from connector.sync.supervisor import Supervisor
    from connector.sync.tokens import Tokens

__all__ = ["Service"]

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Service:
    """The connector as Odoo and the command line see it; `nursery` carries what outlives a request."""

    odoo: OdooPort
    exchange: Exchange
    supervisor: Supervisor
    sign_in: SignIn | None
    tokens: Tokens
    store: Store
    reload: Callable[[], Config]
    nursery: trio.Nursery
    now: Callable[[], datetime]
    body_ttl: float
    _ticket: int = field(default=0, init=False)

    @property
    def database(self) -> str | None:
        """The Odoo database that this connector belongs to."""
        return self.store.database

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong with the connector as a whole."""
        return self.tokens.troubles.current

    def readiness(self) -> str | None:
        """Return None when ready, else one word of reason."""
        return self.exchange.readiness

    def whoami(self) -> WhoAmI:
        """Return which connector this is, and how it stands with Odoo."""
        exchange = self.exchange
        return WhoAmI(exchange.version, exchange.instance, exchange.readiness or "ok", exchange.key_expires_at)

    def wake(self, accounts: list[int] | None, reason: str, folder: str | None) -> None:
        """Take a hint of Odoo: `refresh` runs a cycle now, anything else asks Odoo what changed."""
        if reason == "refresh":
            for account in self._chosen(accounts):
                if (runner := self.supervisor.runner(account.id)) is not None:
                    runner.wake(folder)
        else:
            self.exchange.poke(accounts)

    async def signin_start(self, account_id: int, email: str, redirect_uri: str, tenant: str | None) -> StartedSignIn:
        """Begin a sign-in. Raises `NotConfigured`, `EntraUnreachable` and `NeedsAdmin`."""
        with self._judging():
            return await self._signing_in().start(account_id, email, redirect_uri, tenant)

    async def signin_finish(self, account_id: int, email: str, state: str, answer: dict[str, str]) -> SignInOutcome:
        """Finish a sign-in. Raises `NotConfigured`, `EntraUnreachable` and `NeedsAdmin`."""
        with self._judging():
            outcome = await self._signing_in().finish(account_id, email, state, answer)
        if outcome.token is not None:
            self.tokens.troubles.accepted()
        return outcome

    async def rotate_keys(self) -> Rotated:
        """Seal everything anew with the first of the `vault.keys` that the configuration has now. Raises `ConfigError`, `StateError`."""
        # Reads a file of some lines.
        done = await self.tokens.rotate([key.get_secret_value() for key in self.reload().vault.keys])
        return Rotated(done.count, self.tokens.key_id, done.unopened)

    async def adopt(self) -> Adopted:
        """Accept the database that Odoo has now. Raises `OdooError`, `StateError`."""
        was, database = await self.exchange.adopt()
        return Adopted(database_uuid=database, was=was)

    async def body(self, account_id: int, remote_id: str, *, patience: float) -> dict[str, Any] | None:
        """Return a cleaned body, or None when it takes longer than `patience` seconds: then Odoo gets it by `connector_body`.

        Raises what went wrong if that is known in time: `GraphNotFound`, `NeedsSignIn`, another `ConnectorError`.
        """
        runner = self.supervisor.runner(account_id)
        if runner is None:
            raise NeedsSignIn("this mailbox is not connected at the moment")
        waiting = _Waiting()
        self.nursery.start_soon(self._fetch_body, runner.mailbox.client, account_id, remote_id, waiting)
        with trio.move_on_after(patience):
            await waiting.done.wait()
        if waiting.done.is_set():
            if waiting.error is not None:
                raise waiting.error
            return waiting.body
        waiting.is_late = True
        return None

    async def search(self, asked: Asked, *, patience: float) -> Found:
        """Search at Microsoft; what takes longer than `patience` seconds has failed."""

        def client_of(account_id: int) -> MailboxClient | None:
            runner = self.supervisor.runner(account_id)
            return runner.mailbox.client if runner is not None else None

        def sentence(error: ConnectorError | None) -> str:
            return body_error(error)["message"]

        return await find(client_of, asked, patience=patience, sentence=sentence)

    async def message(self, account_id: int, remote_id: str, *, patience: float) -> dict[str, Any] | None:
        """Return a message as a patch, or None if it takes longer than `patience` seconds. Raises `ConnectorError`."""
        runner = self.supervisor.runner(account_id)
        if runner is None:
            raise NeedsSignIn("this mailbox is not connected at the moment")
        with trio.move_on_after(patience):
            return await fetch_message(runner.mailbox.client, remote_id)
        return None

    def status(self) -> list[AccountStatus]:
        """Return where every account stands."""
        return [self._status(account) for account in self.supervisor.accounts]

    def request_sync(self, emails: list[str] | None) -> tuple[list[int], int]:
        """Start a cycle of the mailboxes `emails` (all, if None) now; return their ids and a ticket to wait for."""
        self._ticket += 1
        wanted = None if emails is None else {e.casefold() for e in emails}
        ids = []
        for account in self.supervisor.accounts:
            runner = self.supervisor.runner(account.id)
            if runner is not None and (wanted is None or account.email.casefold() in wanted):
                runner.wake(ticket=self._ticket)
                ids.append(account.id)
        return ids, self._ticket

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """Note what Entra says of the app registration when somebody signs in."""
        try:
            yield
        except AppRefused as error:
            self.tokens.troubles.refused(error)
            raise

    def _signing_in(self) -> SignIn:
        if self.exchange.readiness == FOREIGN:
            raise ForeignDatabase("this connector belongs to another Odoo database; an administrator has to look into it")
        if self.sign_in is None:
            raise NotConfigured("OAuth Not Configured")
        return self.sign_in

    def _chosen(self, accounts: list[int] | None) -> list[Account]:
        return [a for a in self.supervisor.accounts if accounts is None or a.id in accounts]

    def _status(self, account: Account) -> AccountStatus:
        runner = self.supervisor.runner(account.id)
        progress = runner.progress if runner else None
        last = runner.last_sync_at if runner else None
        return AccountStatus(
            id=account.id,
            email=account.email,
            state=account.state,
            phase=progress.phase.value if progress else None,
            last_sync_at=last.strftime("%Y-%m-%dT%H:%M:%SZ") if last else None,
            lag_seconds=(self.now() - last).total_seconds() if last else None,
            backfill_done=progress.done if progress else 0,
            backfill_total=progress.total if progress else 0,
            requests_24h=runner.mailbox.client.gate.requests_24h if runner else 0,
            drift=progress.drift if progress else 0,
            unreadable=progress.unreadable if progress else 0,
            message=runner.message if runner else "",
            # A mailbox that does not run, or whose task was made again since, owes nothing to anybody who waits.
            served_ticket=runner.served_ticket if runner and runner.asked_ticket > runner.served_ticket else self._ticket,
        )

    async def _fetch_body(self, client: MailboxClient, account_id: int, remote_id: str, waiting: _Waiting) -> None:
        """Fetch one body; whoever waits gets it, and if nobody waits any more, Odoo is told."""
        try:
            waiting.body = await fetch_body(client, remote_id, keep_seconds=self.body_ttl)
        except ConnectorError as error:
            waiting.error = error
        waiting.done.set()
        if waiting.is_late:
            body = waiting.body if waiting.body is not None else body_error(waiting.error)
            try:
                await self.odoo.body(account_id, remote_id, body)
            except OdooError as error:
                _log.warning("late body not delivered", account=account_id, reason=str(error))


@dataclass(slots=True)
class _Waiting:
    done: trio.Event = field(default_factory=trio.Event)
    body: dict[str, Any] | None = None
    error: ConnectorError | None = None
    is_late: bool = False
