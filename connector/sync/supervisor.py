"""All mailboxes in one nursery; one that fails disturbs none.

Odoo says which accounts there are (`take`, from the exchange); each that is to run has one task. A task that ends by an error nobody
judged is logged and started again after a pause, from what Odoo has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
import trio
from msgspec import structs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connector.odoo.wire import Account
    from connector.sync.runner import Runner

__all__ = ["Supervisor"]

# Account states in Odoo that run: `error` and `admin_required` may heal without a person touching the account.
_RUNNING_STATES = frozenset({"connected", "error", "admin_required"})

# Seconds before a crashed task is started again.
_COOLDOWN = 30.0

# Seconds between the starts of mailboxes that come in one answer, so that a restart does not stampede (field-notes 2.17).
_STAGGER = 0.02

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Task:
    account: Account
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    runner: Runner | None = None


class Supervisor:
    """Keeps a task for every account that runs."""

    def __init__(self, make: Callable[[Account], Runner], nursery: trio.Nursery) -> None:
        """`make` builds the runner of an account; it is called again after a crash."""
        self._make = make
        self._nursery = nursery
        self._accounts: dict[int, Account] = {}
        self._tasks: dict[int, _Task] = {}

    @property
    def accounts(self) -> list[Account]:
        """Every account that Odoo ever named, running or not, by id."""
        return [self._accounts[i] for i in sorted(self._accounts)]

    def account(self, account_id: int) -> Account | None:
        """Return what Odoo last said of an account."""
        return self._accounts.get(account_id)

    def runner(self, account_id: int) -> Runner | None:
        """Return the runner of an account, if it runs."""
        task = self._tasks.get(account_id)
        return task.runner if task else None

    def take(self, accounts: Iterable[Account]) -> None:
        """Start, wake or stop what the changed `accounts` ask for."""
        for place, account in enumerate(accounts):
            before = self._accounts.get(account.id)
            self._accounts[account.id] = account
            runs = account.active and account.state in _RUNNING_STATES and account.token is not None
            task = self._tasks.get(account.id)
            if not runs:
                if task is not None:
                    # Out of the table at once: the account may be wanted again before the task has ended.
                    del self._tasks[account.id]
                    task.scope.cancel()
            elif task is None:
                self._tasks[account.id] = task = _Task(account)
                self._nursery.start_soon(self._run, task, place * _STAGGER)
            elif before is not None and before != account:
                task.account = account
                self._changed(task, before)

    def stop(self) -> None:
        """Stop all mailboxes: another connector serves them."""
        for task in self._tasks.values():
            task.scope.cancel()
        self._tasks.clear()
        self._accounts.clear()

    def start_over(self) -> None:
        """Let every mailbox forget what it knows of Odoo and begin with a cycle."""
        for task in self._tasks.values():
            if task.runner is not None:
                task.runner.start_over()

    def _changed(self, task: _Task, before: Account) -> None:
        """Tell a running mailbox what changed in its account."""
        runner, account = task.runner, task.account
        if runner is None:
            return
        if (account.email, account.tenant) != (before.email, before.tenant):
            # Another mailbox under the same account, or another place to refresh at: nothing that is remembered of the old one holds.
            task.scope.cancel()
            self._tasks[account.id] = replacement = _Task(account)
            self._nursery.start_soon(self._run, replacement, 0.0)
            return
        if structs.replace(account, token=before.token) == before:
            # A token that we rotated ourselves comes back, or a new sign-in's: the newest is taken at the next request.
            return
        if structs.replace(account, token=before.token, refresh_requested_at=before.refresh_requested_at) != before:
            # Not a mere wish for news: the sync switch of a folder, say.
            runner.mailbox.forget()
        runner.wake()

    async def _run(self, task: _Task, delay: float) -> None:
        """Run one mailbox until it ends by itself or is cancelled, again and again after crashes."""
        account_id = task.account.id
        try:
            with task.scope:
                await trio.sleep(delay)
                while True:
                    try:
                        task.runner = self._make(task.account)
                        await task.runner.run()
                    except Exception as error:  # noqa: BLE001 - the wall between mailboxes
                        _log.error("mailbox task crashed", account=account_id, error=type(error).__name__, exc_info=error)
                        await trio.sleep(_COOLDOWN)
                    else:
                        return
        finally:
            if self._tasks.get(account_id) is task:
                del self._tasks[account_id]
