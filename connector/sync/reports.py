"""What the next exchange tells Odoo about the mailboxes: merged, so that a busy mailbox costs no more than a quiet one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from msgspec import UNSET, structs

from connector.odoo.wire import AccountReport

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Reports"]

# Keys whose change a person is waiting to see; all else goes with the next regular exchange.
_URGENT = frozenset({"state", "state_message", "sync_phase", "token"})


class Reports:
    """Pending account reports; later values win, what Odoo already heard is not said again."""

    def __init__(self) -> None:
        self._pending: dict[int, dict[str, Any]] = {}
        self._heard: dict[int, dict[str, Any]] = {}
        self._asked: set[int] = set()
        self._urgent = trio.Event()

    def put(self, account_id: int, **values: Any) -> None:
        """Note `values` (fields of `AccountReport`) of an account."""
        heard = self._heard.get(account_id, {})
        pending = self._pending.setdefault(account_id, {})
        news = {key: value for key, value in values.items() if pending.get(key, heard.get(key)) != value}
        if "cursors" in news:
            # Of several folders: none takes another's place.
            news["cursors"] = [*pending.get("cursors", ()), *news["cursors"]]
        pending.update(news)
        if not pending:
            del self._pending[account_id]
        if _URGENT & news.keys():
            self._urgent.set()

    def heartbeat(self, account_id: int, last_sync_at: str, *, is_awaited: bool) -> None:
        """Note a good round. It is always said, and at once if a person asked for the round and waits for its end."""
        self._pending.setdefault(account_id, {})["last_sync_at"] = last_sync_at
        if is_awaited:
            self._urgent.set()

    def ask(self, account_id: int) -> None:
        """Let Odoo say what it has of an account, with the next exchange: of one that was deleted it says so only to who names it."""
        self._asked.add(account_id)

    def take(self) -> list[AccountReport]:
        """Take all that is pending; whoever takes it confirms it (`heard`) or gives it back (`put_back`)."""
        asked: dict[int, dict[str, Any]] = {account_id: {} for account_id in self._asked}
        self._asked = set()
        reports = [AccountReport(account_id=account_id, **values) for account_id, values in sorted({**asked, **self._pending}.items())]
        for report in reports:
            # While it travels nobody knows what Odoo has: a value that changes back meanwhile is news.
            heard = self._heard.get(report.account_id, {})
            for key in _values(report):
                heard.pop(key, None)
        self._pending = {}
        self._urgent = trio.Event()
        return reports

    def heard(self, reports: Iterable[AccountReport]) -> None:
        """Note that Odoo has these."""
        for report in reports:
            self._heard.setdefault(report.account_id, {}).update(_values(report))

    def put_back(self, reports: Iterable[AccountReport]) -> None:
        """Odoo did not get these: they are pending again, under anything newer."""
        for report in reports:
            if values := _values(report) | self._pending.get(report.account_id, {}):
                self._pending[report.account_id] = values
            else:
                self._asked.add(report.account_id)

    def forget(self, account_id: int) -> None:
        """Say everything of this account again when there is something to say: its record in Odoo was changed by somebody else."""
        self._heard.pop(account_id, None)

    def drop(self, account_id: int) -> None:
        """Say nothing more of an account: it is no more."""
        self._pending.pop(account_id, None)
        self._heard.pop(account_id, None)
        self._asked.discard(account_id)

    def clear(self) -> None:
        """Say nothing more of any account."""
        self._pending.clear()
        self._heard.clear()
        self._asked.clear()

    async def wait_urgent(self) -> None:
        """Wait until something is pending that a person is waiting to see."""
        await self._urgent.wait()


def _values(report: AccountReport) -> dict[str, Any]:
    return {k: v for k, v in structs.asdict(report).items() if k != "account_id" and v is not UNSET}
