"""The composition root: builds every part, runs them in one nursery, shuts down in order.

    listen (sign-in, wake, bodies)  <-  exchange (who is there)  <-  one task per mailbox

Going down: the mailboxes stop first (an apply is one transaction in Odoo, so it happened or it did not), then what is still to
be told is told, within the ten seconds that SIGTERM grants.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog
import trio

from connector import __version__
from connector.backend import Service
from connector.content.attachments import Attachments
from connector.content.cache import open_cache
from connector.graph.auth import Entra
from connector.graph.client import MailboxClient
from connector.graph.gate import Gates
from connector.http import open_client
from connector.metrics import Metrics
from connector.odoo import open_odoo
from connector.outbox.courier import Courier
from connector.outbox.queue import Outbox
from connector.state.journal import Journal
from connector.state.store import open_store
from connector.state.vault import Vault
from connector.sync.challenges import Challenges
from connector.sync.exchange import Exchange
from connector.sync.mailbox import Mailbox
from connector.sync.plan import Surge
from connector.sync.reports import Reports
from connector.sync.roster import Roster
from connector.sync.runner import Runner
from connector.sync.signin import SignIn
from connector.sync.supervisor import TWIN, Supervisor
from connector.sync.tokens import Tokens
from connector.sync.trouble import Troubles
from connector.web.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from connector.config import Config
    from connector.graph.client import TokenSource
    from connector.odoo.port import OdooPort
    from connector.odoo.wire import Account
    from connector.state.store import Store

__all__ = ["run"]

# Seconds for the last words to Odoo; with the web server's own grace this stays under the ten seconds of SIGTERM.
_LAST_WORDS = 3.0

_log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _Makers:
    """Builds what each mailbox has of its own, from what all of them share."""

    config: Config
    http: httpx.AsyncClient
    odoo: OdooPort
    store: Store
    tokens: Tokens
    reports: Reports
    challenges: Challenges
    metrics: Metrics
    outbox: Outbox
    gates: Gates = field(default_factory=Gates)
    surge: Surge = field(default_factory=Surge)

    def client(self, address: str, source: TokenSource) -> MailboxClient:
        """Return a mailbox at Graph; all clients of one address pass one gate."""
        return MailboxClient(self.http, self.config.graph.base_url, self.gates.of(address), source, on_unknown=self.metrics.unknown_error)

    def runner(self, account: Account) -> Runner:
        """Return what syncs a mailbox and, beside it, carries out what users did."""
        mailbox = Mailbox(
            account_id=account.id,
            client=self.client(account.email, self.tokens.source(account)),
            odoo=self.odoo,
            store=self.store,
            bootstrap_messages=self.config.sync.bootstrap_messages,
            now=_utc_now,
            surge=self.surge,
            on_progress=lambda _progress: None,
        )
        courier = Courier(mailbox, self.outbox, self.odoo, _utc_now)
        runner = Runner(
            mailbox,
            interval=self.config.sync.interval,
            backfill_per_hour=self.config.sync.backfill_per_hour,
            reconcile_interval=self.config.sync.reconcile_interval,
            reports=self.reports,
            now=_utc_now,
            on_refused=self.challenges.note,
            beside=courier.run,
        )
        courier.on_trouble = courier.on_done = runner.wake
        return runner


async def run(
    config: Config, *, reload: Callable[[], Config] | None = None, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run the connector until cancelled; `started` is called with the URL it listens on. `reload` reads the configuration again.

    Raises `StateError` when the state file or the vault cannot be used. Odoo, Entra and Graph may be away: they are waited for.
    """
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(config.state.path))
        http = await stack.enter_async_context(open_client())
        files = config.state.path.with_name(f"{config.state.path.name}.attachments")
        cache = await stack.enter_async_context(open_cache(files, config.content.attachment_cache, config.content.attachment_ttl))

        def refused() -> None:
            """Whichever call Odoo refused: the exchange asks at once, and stops everything if that is refused too."""
            exchange.poke()

        odoo = await stack.enter_async_context(open_odoo(config.odoo, http, on_refused=refused))
        vault = Vault([key.get_secret_value() for key in config.vault.keys])
        metrics = Metrics()
        reports = Reports()
        entra = Entra(config.entra, config.graph.scopes, http) if config.entra is not None else None
        troubles = Troubles()
        tokens = Tokens(store, vault, entra, reports, troubles)
        challenges = Challenges(store, vault)
        outbox = Outbox(Journal(store), _utc_now)
        makers = _Makers(config, http, odoo, store, tokens, reports, challenges, metrics, outbox)

        async with trio.open_nursery() as listening, trio.open_nursery() as working:
            supervisor = Supervisor(
                makers.runner, working, on_twin=lambda account_id: reports.put(account_id, state="error", state_message=TWIN)
            )
            troubles.on_end = supervisor.retry

            def client_of(account_id: int) -> MailboxClient | None:
                runner = supervisor.runner(account_id)
                return None if runner is None else runner.mailbox.client

            attachments = Attachments(cache, client_of)

            def forget(account_id: int | None) -> None:
                attachments.forget(account_id)
                outbox.forget(account_id)

            roster = Roster(store, supervisor, tokens, reports, _utc_now, on_gone=forget)
            exchange = Exchange(odoo, store, reports, roster, troubles, __version__, _utc_now, outbox)

            sign_in = None
            if config.entra is not None and entra is not None:
                sign_in = SignIn(
                    entra=entra,
                    tokens=tokens,
                    challenges=challenges,
                    store=store,
                    vault=vault,
                    client=makers.client,
                    accounts=lambda: supervisor.accounts,
                    allowed_tenants=config.entra.allowed_tenants,
                    allowed_domains=config.entra.allowed_domains,
                    now=_utc_now,
                )
            service = Service(
                odoo=odoo,
                exchange=exchange,
                supervisor=supervisor,
                sign_in=sign_in,
                tokens=tokens,
                store=store,
                reload=reload or (lambda: config),
                nursery=working,
                now=_utc_now,
                body_ttl=config.content.body_ttl,
                attachments=attachments,
            )
            url = await listening.start(partial(serve, service, config.server, metrics=metrics))
            _log.info("listening", url=url)
            working.start_soon(exchange.run)
            task_status.started(url)
            try:
                await trio.sleep_forever()
            finally:
                with trio.move_on_after(_LAST_WORDS, shield=True):
                    await exchange.flush()
