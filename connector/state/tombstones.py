"""What was disconnected in Odoo is wiped from the file, and stays disconnected whatever a backup brings back (design, rule 3).

    Odoo says                                        the file                       the account
    draft                                            left alone                     a sign-in may be under way
    disconnected, or deleted                         wiped, tombstone               stops
    not listed, though its number was given out      wiped, tombstone               was deleted while nobody looked
    not listed, its number not given out yet         wiped                          a backup of before it was made came back
    anything else, under a tombstone, no newer token as it is                       reported `disconnected`, never run
    anything else, with a newer token or address     tombstone lifted               runs
    anything else, with another address than before  wiped                          runs: it is another mailbox

A tombstone keeps no address, only a digest. A sign-in lifts it (`Store.add_token`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connector.state.store import TABLES, digest, wipe

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from connector.odoo.wire import Account
    from connector.state.store import Store

__all__ = ["Sifted", "sift"]


@dataclass(slots=True)
class Sifted:
    """Accounts that are as Odoo says, those that a backup brought back, and the ids of which nothing is left here."""

    living: list[Account] = field(default_factory=list)
    buried: list[Account] = field(default_factory=list)
    wiped: set[int] = field(default_factory=set)


async def sift(store: Store, accounts: Sequence[Account], now: float, *, is_whole: bool = False, last_id: int = 0) -> Sifted:
    """Wipe what Odoo does not want any more, and tell who may run; `now` in seconds since 1970.

    `is_whole`: these are all accounts that Odoo has, and `last_id` is the highest number that it ever gave to one.
    """
    if not accounts and not is_whole:
        return Sifted()

    def write(db: sqlite3.Connection) -> Sifted:
        sifting = _Sifting(db, store.instance, now)
        for account in accounts:
            sifting.take(account)
        if is_whole:
            sifting.take_missing({a.id for a in accounts}, last_id)
        return sifting.found

    found = await store.do(write)
    if found.wiped:
        await store.scour()
    return found


class _Sifting:
    """One transaction of `sift`."""

    def __init__(self, db: sqlite3.Connection, instance: str, now: float) -> None:
        self.found = Sifted()
        self._db = db
        self._instance = instance
        self._now = now

    def take(self, account: Account) -> None:
        """Judge one account by the table above."""
        if account.state == "draft":
            self.found.living.append(account)
            return
        known = self._address(account.id)
        # An account that was deleted comes without its address.
        address = digest(self._instance, account.email) if account.email else known or ""
        if account.state == "disconnected":
            self._bury(account.id, address, account.newest_seq)
            self.found.living.append(account)
            return
        stone = self._stone(account.id)
        if stone is not None:
            if stone[0] in {address, ""} and account.newest_seq <= stone[1]:
                self.found.buried.append(account)
                return
            self._db.execute("DELETE FROM tombstone WHERE account_id = ?", (account.id,))
        if known not in {None, address}:
            self._wipe(account.id)
        if known != address:
            self._db.execute("INSERT OR REPLACE INTO account VALUES (?, ?)", (account.id, address))
        self.found.living.append(account)

    def take_missing(self, listed: set[int], last_id: int) -> None:
        """Wipe what Odoo does not list."""
        held = " UNION ".join(f"SELECT account_id FROM {table}" for table in TABLES)  # noqa: S608 - names from the list there
        for account_id in sorted({row[0] for row in self._db.execute(held)} - listed):
            if account_id <= last_id:
                self._bury(account_id, self._address(account_id) or "", 0)
            else:
                self._wipe(account_id)

    def _address(self, account_id: int) -> str | None:
        row = self._db.execute("SELECT address FROM account WHERE account_id = ?", (account_id,)).fetchone()
        return str(row[0]) if row else None

    def _stone(self, account_id: int) -> tuple[str, int] | None:
        row = self._db.execute("SELECT address, seq FROM tombstone WHERE account_id = ?", (account_id,)).fetchone()
        return (row[0], row[1]) if row else None

    def _bury(self, account_id: int, address: str, seq: int) -> None:
        """Wipe an account and remember it; `seq` is the newest token that Odoo ever had of it, 0 where that is not known.

        No backup of Odoo can have a newer one. What the file has may be newer: a sign-in that Odoo is just about to commit.
        """
        was = self._stone(account_id)
        (kept,) = self._db.execute("SELECT max(seq) FROM token WHERE account_id = ?", (account_id,)).fetchone()
        stone = (address or (was[0] if was else ""), max(seq or kept or 0, was[1] if was else 0))
        self._wipe(account_id)
        if stone != was:
            self._db.execute("INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?)", (account_id, *stone, self._now))

    def _wipe(self, account_id: int) -> None:
        before = self._db.total_changes
        wipe(self._db, account_id)
        if self._db.total_changes != before:
            self.found.wiped.add(account_id)
