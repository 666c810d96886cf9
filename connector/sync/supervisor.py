"""All mailboxes in one nursery; one that fails disturbs none.

Odoo says which accounts there are (`take`, from the exchange); each that is to run has one task, and no mailbox has two, even where two
accounts are connected to it. A task that ends by an error nobody judged is logged and started again after a pause, from what Odoo has.
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

__all__ = ["TWIN", "Supervisor"]

# Account states in Odoo that run: `error` and `admin_required` may heal without a person touching the account.
_RUNNING_STATES = frozenset({"connected", "error", "admin_required"})

# What a person reads of an account whose mailbox is synced for another one.
TWIN = "This Microsoft mailbox is connected twice. It is synced for the other account; delete one of the two."

# Seconds before a crashed task is started again.
_COOLDOWN = 30.0

# Seconds between the starts of mailboxes that come in one answer, so that a restart does not stampede (field-notes 2.17).
_STAGGER = 0.02

_log = structlog.get_logger(__name__)


def _is_to_run(account: Account) -> bool:
    return account.active and account.state in _RUNNING_STATES and account.token is not None


@dataclass(slots=True)
class _Task:
    account: Account
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    runner: Runner | None = None


class Supervisor:
    """Keeps a task for every account that runs."""

    def __init__(
        self, make: Callable[[Account], Runner], nursery: trio.Nursery, on_twin: Callable[[int], None] = lambda _account_id: None
    ) -> None:
        """`make` builds the runner of an account, again after a crash; `on_twin` hears of one whose mailbox another account syncs."""
        self._make = make
        self._on_twin = on_twin
        self._nursery = nursery
        self._accounts: dict[int, Account] = {}
        self._tasks: dict[int, _Task] = {}
        # Accounts that are to run, but another one syncs their mailbox.
        self._twins: set[int] = set()

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
        """Start, wake or stop what the changed `accounts` ask for; of several accounts of one mailbox one runs."""
        changed = {account.id: account for account in accounts}
        before = {account_id: self._accounts.get(account_id) for account_id in changed}
        self._accounts.update(changed)
        for account in changed.values():
            if not _is_to_run(account):
                self._cancel(account.id)
        for account_id, account in changed.items():
            task, was = self._tasks.get(account_id), before[account_id]
            if task is not None and was is not None and was != account:
                task.account = account
                self._changed(task, was)
        self._start(changed.keys() | self._twins)

    def drop(self, account_ids: Iterable[int]) -> None:
        """Stop and forget accounts: there is nothing of them any more."""
        for account_id in account_ids:
            self._cancel(account_id)
            self._accounts.pop(account_id, None)
            self._twins.discard(account_id)

    def stop(self) -> None:
        """Stop all mailboxes: another connector serves them."""
        self.drop(list(self._accounts))

    def retry(self) -> None:
        """Wake the mailboxes that wait for an administrator: what concerned all of them was mended."""
        for task in self._tasks.values():
            if task.runner is not None:
                task.runner.retry()

    def start_over(self) -> None:
        """Let every mailbox forget what it knows of Odoo and begin with a cycle."""
        for task in self._tasks.values():
            if task.runner is not None:
                task.runner.start_over()

    def _start(self, account_ids: Iterable[int]) -> None:
        """Start those that are to run and do not; of those that have one mailbox the first, unless one of them runs."""
        served = {task.account.mailbox_id for task in self._tasks.values()}
        place = 0
        for account_id in sorted(account_ids):
            account, is_said = self._accounts.get(account_id), account_id in self._twins
            self._twins.discard(account_id)
            if account is None or account_id in self._tasks or not _is_to_run(account):
                continue
            if account.mailbox_id is not None and account.mailbox_id in served:
                self._twins.add(account_id)
                if not is_said:
                    _log.warning("the mailbox of this account is synced for another one", account=account_id)
                    self._on_twin(account_id)
                continue
            served.add(account.mailbox_id)
            self._tasks[account_id] = task = _Task(account)
            self._nursery.start_soon(self._run, task, place * _STAGGER)
            place += 1

    def _cancel(self, account_id: int) -> None:
        # Out of the table at once: the account may be wanted again before the task has ended.
        if (task := self._tasks.pop(account_id, None)) is not None:
            task.scope.cancel()

    def _changed(self, task: _Task, before: Account) -> None:
        """Tell a running mailbox what changed in its account."""
        runner, account = task.runner, task.account
        if (account.email, account.mailbox_id, account.tenant) != (before.email, before.mailbox_id, before.tenant):
            # Another mailbox under the same account: nothing that is remembered of the old one holds.
            self._cancel(account.id)
            return
        if runner is None:
            return
        before = structs.replace(before, token=account.token, token_seq=account.token_seq)
        if account == before:
            # A token that we rotated ourselves comes back, or a new sign-in's: the newest is taken at the next request.
            return
        if account != structs.replace(before, refresh_requested_at=account.refresh_requested_at):
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
                # One that waited for this mailbox may have it.
                self._start(set(self._twins))
