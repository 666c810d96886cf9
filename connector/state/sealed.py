"""Every sealed field of the working copy, and sealing all of them anew with the first key of the vault.

A blob names the key that it was sealed with, so rotation needs no bookkeeping: what does not name the first key is due. What no key opens
stays as it is and is counted: with the right key it is worth as much as before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connector.errors import VaultError

if TYPE_CHECKING:
    import sqlite3

    from connector.state.store import Store
    from connector.state.vault import Vault

__all__ = ["CHALLENGE", "FLOW", "SEALED", "TOKEN", "Resealed", "SealedField", "reseal"]

# What sealed things are bound to, beside their account: a blob of another purpose cannot be opened in their place.
TOKEN = "token"  # noqa: S105 - a purpose, not a secret
FLOW = "sign-in flow"
CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True)
class SealedField:
    """A column with sealed text, in a table with `account_id` and a rowid; `is_numbered`: its `seq` rises with each change."""

    table: str
    column: str
    purpose: str
    is_numbered: bool = False


# A new sealed column is named here, or the test that walks over the schema fails.
SEALED = (
    SealedField("token", "sealed", TOKEN, is_numbered=True),
    SealedField("flow", "sealed", FLOW),
    SealedField("challenge", "sealed", CHALLENGE),
)


@dataclass(slots=True)
class Resealed:
    """How many were sealed anew, of which accounts the tokens were, and how many no key opens."""

    count: int = 0
    accounts: set[int] = field(default_factory=set)
    unopened: int = 0


async def reseal(store: Store, vault: Vault) -> Resealed:
    """Seal everything in the file with the vault's first key: one transaction, so that a kill leaves all or nothing."""

    def write(db: sqlite3.Connection) -> Resealed:
        done = Resealed()
        for one in SEALED:
            _reseal_field(db, vault, one, done)
        return done

    done = await store.do(write)
    # Whoever sealed something just before the first key changed, and waited for that transaction, is done by now.
    later = await store.do(write)
    if done.count or later.count:
        # The old blobs are worth as much as the key that is about to be retired.
        await store.scour()
    return Resealed(done.count + later.count, done.accounts | later.accounts, later.unopened)


def _reseal_field(db: sqlite3.Connection, vault: Vault, one: SealedField, done: Resealed) -> None:
    rows = db.execute(f"SELECT rowid, account_id, {one.column} FROM {one.table}").fetchall()  # noqa: S608 - names from the table above
    for row, account_id, sealed in rows:
        if vault.is_current(sealed):
            continue
        try:
            data = vault.open(sealed, purpose=one.purpose, account_id=account_id)
        except VaultError:
            done.unopened += 1
            continue
        numbered = ", seq = seq + 1" if one.is_numbered else ""
        db.execute(
            f"UPDATE {one.table} SET {one.column} = ?{numbered} WHERE rowid = ?",  # noqa: S608 - names from the table above
            (vault.seal(data, purpose=one.purpose, account_id=account_id), row),
        )
        done.count += 1
        if one.purpose == TOKEN:
            done.accounts.add(account_id)
