"""Who is there: what an exchange says of the accounts, brought to the file, the tokens and the tasks - in this order.

Whatever Odoo does not want any more is wiped before anybody runs, so that a connector that was down asks Graph nothing before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from connector.state.tombstones import sift

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from connector.odoo.wire import Exchange
    from connector.state.store import Store
    from connector.sync.reports import Reports
    from connector.sync.supervisor import Supervisor
    from connector.sync.tokens import Tokens

__all__ = ["DISCONNECTED", "Roster"]

# The state that is reported of an account that a backup brought back.
DISCONNECTED = "disconnected"

_log = structlog.get_logger(__name__)


class Roster:
    """Takes what Odoo says of the accounts."""

    def __init__(
        self,
        store: Store,
        supervisor: Supervisor,
        tokens: Tokens,
        reports: Reports,
        now: Callable[[], datetime],
        on_gone: Callable[[set[int]], None] = lambda _gone: None,
    ) -> None:
        """`on_gone` hears of accounts that are no more."""
        self._on_gone = on_gone
        self._store = store
        self._supervisor = supervisor
        self._tokens = tokens
        self._reports = reports
        self._now = now

    async def take(self, answer: Exchange, *, is_whole: bool) -> None:
        """Take the accounts of an answer; `is_whole`: these are all that there are. Raises `StateError`."""
        found = await sift(self._store, answer.accounts, self._now().timestamp(), is_whole=is_whole, last_id=answer.last_account_id)
        for account_id in sorted(found.wiped):
            _log.info("account forgotten", account=account_id)
        for account in found.buried:
            _log.warning("a backup brought back an account that was disconnected; it stays disconnected", account=account.id)
        # What was deleted in Odoo comes without an address, or not at all.
        gone = found.wiped | {a.id for a in found.buried} | {a.id for a in found.living if not a.email}
        if is_whole:
            gone |= {a.id for a in self._supervisor.accounts} - {a.id for a in answer.accounts}
        self._supervisor.drop(gone)
        self._on_gone(gone)
        for account_id in gone:
            self._tokens.forget(account_id)
            self._reports.drop(account_id)
        for account in found.buried:
            self._reports.put(account.id, state=DISCONNECTED)
        living = [a for a in found.living if a.email]
        await self._tokens.hear(living)
        self._supervisor.take(living)

    def stop(self) -> None:
        """Stop all mailboxes; nothing is forgotten."""
        self._supervisor.stop()

    def start_over(self) -> None:
        """Let every mailbox forget what it knows of Odoo, and begin with a cycle."""
        self._supervisor.start_over()

    async def adopt(self, database: str) -> None:
        """Forget all accounts: the file belongs to another database from now on."""
        self._supervisor.stop()
        await self._store.adopt(database)
        self._tokens.forget_all()
        self._reports.clear()
