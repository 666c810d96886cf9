"""What an exchange says of the accounts, brought to file, tokens and tasks: the file is clean before anybody runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from connector.odoo.wire import Account, AccountReport, Exchange, SealedToken
from connector.state.store import Cursor
from connector.state.vault import Vault, new_key
from connector.sync.reports import Reports
from connector.sync.roster import Roster
from connector.sync.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.state.store import Store
    from connector.sync.supervisor import Supervisor

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@dataclass
class FakeSupervisor:
    """Notes what it is told, and what lies in the file at that moment."""

    store: Store
    known: dict[int, Account] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)

    @property
    def accounts(self) -> list[Account]:
        """All that it took."""
        return list(self.known.values())

    def take(self, accounts: Iterable[Account]) -> None:
        """Note them."""
        for account in accounts:
            self.known[account.id] = account
            self.taken.append(account.id)

    def stop(self) -> None:
        """Forget all."""
        self.known.clear()

    def drop(self, account_ids: Iterable[int]) -> None:
        """Forget them."""
        for account_id in sorted(account_ids):
            self.known.pop(account_id, None)
            self.dropped.append(account_id)


@dataclass
class Bench:
    """A roster over a real file."""

    store: Store
    supervisor: FakeSupervisor = field(init=False)
    reports: Reports = field(default_factory=Reports)
    roster: Roster = field(init=False)
    tokens: Tokens = field(init=False)

    def __post_init__(self) -> None:
        self.supervisor = FakeSupervisor(self.store)
        self.tokens = Tokens(self.store, Vault([new_key()]), None, self.reports)
        self.roster = Roster(self.store, cast("Supervisor", self.supervisor), self.tokens, self.reports, lambda: NOW)

    async def take(self, *accounts: Account, is_whole: bool = False) -> None:
        """Take an answer of Odoo."""
        await self.roster.take(Exchange("w", list(accounts), last_account_id=9), is_whole=is_whole)


@pytest.fixture
def bench(store: Store) -> Bench:
    """Return a bench."""
    return Bench(store)


def _account(account_id: int, state: str = "connected", **given: Any) -> Account:
    token = SealedToken("sealed", 1) if state not in {"draft", "disconnected"} else None
    values: dict[str, Any] = {"email": f"m{account_id}@x.example", "provider": "outlook", "state": state, "active": True, "token": token}
    return Account(account_id, **{**values, "token_seq": 1, **given})


async def test_roster_disconnected_account_stops_and_nothing_of_it_is_told_any_more(bench: Bench) -> None:
    """Wiped, out of memory, and no report of before comes after."""
    await bench.take(_account(1), _account(2), is_whole=True)
    await bench.store.save_cursors(1, {"inbox": Cursor(1, "link")})
    bench.reports.put(1, state="error", token=SealedToken("rotated", 2))
    bench.reports.put(2, state="error")
    await bench.take(_account(1, "disconnected", active=False))
    assert bench.supervisor.dropped == [1]
    assert bench.supervisor.known[1].state == "disconnected"
    assert (await bench.store.load_token(1), await bench.store.load_cursors(1)) == (None, {})
    assert [r.account_id for r in bench.reports.take()] == [2]


async def test_roster_account_that_a_backup_brings_back_is_reported_and_does_not_run(bench: Bench) -> None:
    """As often as Odoo brings it back; what Odoo says of the others holds."""
    await bench.take(_account(1), _account(2), is_whole=True)
    await bench.take(_account(1, "disconnected", active=False))
    for _ in range(2):
        bench.supervisor.taken.clear()
        await bench.take(_account(1), _account(2), is_whole=True)
        assert bench.supervisor.taken == [2]
        assert 1 not in bench.supervisor.known
        reports = bench.reports.take()
        assert reports == [AccountReport(1, state="disconnected")]
        bench.reports.heard(reports)


async def test_roster_new_sign_in_runs_again(bench: Bench) -> None:
    """The person connects the same mailbox once more: what was disconnected is over, and stays over when the connector asks again."""
    await bench.take(_account(1), is_whole=True)
    await bench.take(_account(1, "disconnected", active=False))
    await bench.take(_account(1, "draft"))
    token = await bench.tokens.save(1, b"cache", at_least=1, email="M1@x.example")
    for _ in range(2):
        bench.supervisor.taken.clear()
        await bench.take(_account(1, token=token, token_seq=token.seq), is_whole=True)
        assert bench.supervisor.taken == [1]
    assert [r for r in bench.reports.take() if r.state == "disconnected"] == []


@pytest.mark.parametrize("is_whole", [False, True])
async def test_roster_deleted_account_is_known_to_nobody(bench: Bench, *, is_whole: bool) -> None:
    """Whether Odoo says so, or does not list it any more: no task, no token, no row in `status`."""
    await bench.take(_account(1), _account(2), is_whole=True)
    gone = () if is_whole else (Account(1, "", "outlook", "disconnected", active=False),)
    await bench.take(*gone, *((_account(2),) if is_whole else ()), is_whole=is_whole)
    assert [a.id for a in bench.supervisor.accounts] == [2]
    assert await bench.store.load_token(1) is None


async def test_roster_draft_goes_on(bench: Bench) -> None:
    """It is known, so that a sign-in finds it, and nothing of it is wiped."""
    await bench.store.add_token(1, "just signed in", email="m1@x.example")
    await bench.take(_account(1, "draft"), is_whole=True)
    assert bench.supervisor.taken == [1]
    assert await bench.store.load_token(1) is not None


async def test_roster_adopt_forgets_all_but_what_was_disconnected(bench: Bench) -> None:
    """Another database: its account of the same number and address that was disconnected here stays so, all others begin anew."""
    await bench.take(_account(1), _account(2), is_whole=True)
    await bench.take(_account(1, "disconnected", active=False))
    await bench.store.put_flow("state", 2, "sealed", 100.0)
    bench.reports.put(2, state="error")
    await bench.roster.adopt("another")
    assert bench.store.database == "another"
    assert (await bench.store.load_token(2), await bench.store.take_flow("state", 0.0), bench.reports.take()) == (None, None, [])
    await bench.take(_account(1), _account(2), is_whole=True)
    assert list(bench.supervisor.known) == [2]
