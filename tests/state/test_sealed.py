"""Rotation: every sealed field gets the first key, and one that is forgotten fails here."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import trio
from trio.testing import wait_all_tasks_blocked

from connector.odoo.wire import SealedToken
from connector.state.sealed import FLOW, SEALED, TOKEN, reseal
from connector.state.vault import Vault, new_key

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from connector.state.store import Store

OLD, NEW = new_key(), new_key()


def _columns(db: sqlite3.Connection) -> set[tuple[str, str]]:
    """Return every column of every table."""
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {(table, column[1]) for table in tables for column in db.execute(f"PRAGMA table_info({table})")}


async def _plant(store: Store, vault: Vault) -> None:
    """Put sealed text into every sealed column that we know of, for two accounts; whatever else a row wants is made up by its type."""
    for account_id in (7, 8):
        for one in SEALED:
            sealed = vault.seal(f"{one.purpose} of {account_id}".encode(), purpose=one.purpose, account_id=account_id)

            def insert(
                db: sqlite3.Connection, table: str = one.table, column: str = one.column, sealed: str = sealed, account_id: int = account_id
            ) -> None:
                made_up = {"INTEGER": 1, "REAL": 1.0, "TEXT": f"text {account_id}"}
                row = {name: made_up[kind] for _, name, kind, *_ in db.execute(f"PRAGMA table_info({table})")}
                row |= {"account_id": account_id, column: sealed}
                marks = ", ".join("?" * len(row))
                db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608 - names from the schema

            await store.do(insert)


async def test_sealed_every_column_that_says_so_is_known(store: Store) -> None:
    """Sealed text lies in columns named `sealed`; one that is not in the table of `state.sealed` would be forgotten by `keys rotate`."""
    found = {(table, column) for table, column in await store.do(_columns) if "sealed" in column}
    assert found == {(one.table, one.column) for one in SEALED}
    assert {one.purpose for one in SEALED} >= {TOKEN, FLOW}


async def test_reseal_walks_over_every_field(store: Store) -> None:
    """Nothing in the whole file names the old key any more, each field is what it was, and a second time there is nothing to do."""
    old, new = Vault([OLD]), Vault([NEW, OLD])
    await _plant(store, old)
    done = await reseal(store, new)
    assert (done.count, done.accounts, done.unopened) == (2 * len(SEALED), {7, 8}, 0)

    def everything(db: sqlite3.Connection) -> list[str]:
        return [str(row[0]) for table, column in sorted(_columns(db)) for row in db.execute(f"SELECT {column} FROM {table}")]  # noqa: S608 - names from the schema

    assert not [text for text in await store.do(everything) if text.startswith(f"{old.first}.")]
    alone = Vault([NEW])
    for one in SEALED:
        rows = await store.do(lambda db, one=one: db.execute(f"SELECT account_id, {one.column} FROM {one.table}").fetchall())  # type: ignore[misc]  # noqa: S608 - names from the table
        assert {alone.open(sealed, purpose=one.purpose, account_id=i) for i, sealed in rows} == {
            f"{one.purpose} of {i}".encode() for i in (7, 8)
        }
    again = await reseal(store, new)
    assert (again.count, again.accounts) == (0, set())


async def test_reseal_takes_what_was_sealed_just_before_and_comes_just_after(store: Store) -> None:
    """Whoever sealed with the old key and waited for the same file meanwhile: no blob stays under the key that is about to go."""
    late = Vault([OLD]).seal(b"t", purpose=TOKEN, account_id=7)
    go = threading.Event()
    async with trio.open_nursery() as nursery:
        # One after the other, in this order: somebody who has the file, the rotation, the late one.
        nursery.start_soon(store.do, lambda _db: go.wait(10))
        await wait_all_tasks_blocked()
        nursery.start_soon(reseal, store, Vault([NEW, OLD]))
        await wait_all_tasks_blocked()
        nursery.start_soon(store.save_token, 7, late, 5)
        await wait_all_tasks_blocked()
        go.set()
    stored = await store.load_token(7)
    assert stored is not None
    assert Vault([NEW]).open(stored.sealed, purpose=TOKEN, account_id=7) == b"t"


async def test_reseal_tokens_count_on(store: Store) -> None:
    """A token under the new key is newer than the same one under the old key, so that Odoo takes it."""
    await store.save_token(7, Vault([OLD]).seal(b"t", purpose=TOKEN, account_id=7), 5)
    await reseal(store, Vault([NEW, OLD]))
    token = await store.load_token(7)
    assert isinstance(token, SealedToken)
    assert token.seq == 6


async def test_reseal_what_no_key_opens_stays_as_it_is(store: Store) -> None:
    """A key that was left out, a blob of another account, garbage: counted, and untouched, for whoever finds the key."""
    lost, old = Vault([new_key()]), Vault([OLD])
    planted = {
        7: lost.seal(b"t", purpose=TOKEN, account_id=7),
        8: old.seal(b"t", purpose=TOKEN, account_id=7),
        9: old.seal(b"t", purpose=FLOW, account_id=9),
        10: "garbage",
    }
    for account_id, sealed in planted.items():
        await store.save_token(account_id, sealed, 1)
    done = await reseal(store, Vault([NEW, OLD]))
    assert (done.count, done.unopened) == (0, 4)
    for account_id, sealed in planted.items():
        assert await store.load_token(account_id) == SealedToken(sealed, 1)


async def test_reseal_old_blobs_are_not_legible_any_more(store: Store, tmp_path: Path) -> None:
    """A key is retired because somebody may have it: what it opens must not lie about in the write-ahead log."""
    sealed = Vault([OLD]).seal(b"t" * 3000, purpose=TOKEN, account_id=7)
    await store.save_token(7, sealed, 1)
    await reseal(store, Vault([NEW, OLD]))
    for file in sorted(tmp_path.glob("state.sqlite3*")):  # noqa: ASYNC240 - a test's own small folder
        assert sealed[20:60].encode() not in file.read_bytes(), file.name


def test_sealed_fields_of_the_addon_are_the_token_alone() -> None:
    """What Odoo has sealed follows by the exchange (`Tokens.rotate`), which knows of this one field."""
    from tests.odoo.template import CLONE  # noqa: PLC0415 - this test alone looks at the addon

    models = CLONE / "odoo_stub_module" / "maildesk" / "models"
    named = {(f.name, n) for f in models.glob("*.py") for n in re.findall(r"^    (\w*sealed\w*) = fields\.", f.read_text(), re.MULTILINE)}
    assert named == {("mailbox_account.py", "token_sealed")}
