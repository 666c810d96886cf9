"""What is disconnected is wiped, to the last byte of the file, and stays disconnected whatever a backup brings back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from connector.odoo.wire import Account, SealedToken
from connector.state.journal import Journal, Letter
from connector.state.ledger import Audit, Handover, Ledger, Trial
from connector.state.store import TABLES, Cursor, Store, open_store
from connector.state.tombstones import Sifted, sift

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

EMAIL = "anna@pier.example"


def _account(account_id: int = 7, state: str = "connected", seq: int = 3, **given: Any) -> Account:
    """Return an account as Odoo tells it."""
    token = SealedToken("s", seq) if state not in {"draft", "disconnected"} else None
    values: dict[str, Any] = {"email": EMAIL, "provider": "outlook", "state": state, "active": state != "disconnected", "token": token}
    return Account(account_id, **{**values, "token_seq": seq, **given})


async def _fill(store: Store, account_id: int, secret: str, seq: int = 3) -> None:
    """Put something into every table that holds something of an account; long and short, again and again, as a year would."""
    ledger = Ledger(store, account_id)
    for turn in range(12):
        await store.save_token(account_id, f"TOKEN-{secret}-" * (1 + 90 * (turn % 3)), seq - 12 + turn + 1)
        for folder in range(6):
            name = f"F{folder}"
            link = f"https://graph.example/{secret}/" * (1 + (turn + folder) % 40)
            await store.save_cursors(account_id, {name: Cursor(turn, link)})
            await ledger.keep_handover(name, Handover(link, 1.0), {f"{secret}-{turn}-{i}": "2026" for i in range(9)}, [])
    await ledger.keep_trials({f"trial-{secret}": Trial("F0", 1, "shape")}, [])
    await ledger.keep_audit("F0", Audit(recent_at=1.0))
    await ledger.count("drift", 1.0, 3, forget_before=0.0)
    await store.save_challenge(account_id, f"CLAIMS-{secret}")
    await Journal(store).begin(account_id, [f"{secret}-action"], 1.0)
    await Journal(store).note(account_id, {f"{secret}-letter": Letter("asked", f"{secret}-draft")}, 1.0)


def _held(db: sqlite3.Connection) -> dict[str, set[int]]:
    """Return the accounts that each table of the file has something of, by the schema: no list of ours is believed."""
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    of_accounts = [t for t in tables if "account_id" in {column[1] for column in db.execute(f"PRAGMA table_info({t})")}]
    return {t: {row[0] for row in db.execute(f"SELECT account_id FROM {t}")} for t in of_accounts}  # noqa: S608 - names from the schema


async def _bytes(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder, byte by byte."""
    return {file.name: await file.read_bytes() for file in await trio.Path(folder).iterdir()}


async def test_sift_every_table_that_has_something_of_an_account_is_wiped(store: Store) -> None:
    """Sign-ins under way end by themselves; a table that is new and not on the list fails here."""
    tables = await store.do(_held)
    assert set(TABLES) == tables.keys() - {"flow", "tombstone"}


@pytest.mark.parametrize("ending", ["disconnected", "deleted", "deleted meanwhile"])
async def test_sift_disconnected_account_is_not_legible_in_any_file(tmp_path: Path, ending: str) -> None:
    """No byte of its token, its links or its ids is left in the file, its write-ahead log or its lock; another account keeps all."""
    path = tmp_path / "state.sqlite3"
    async with open_store(path) as store:
        await sift(store, [_account(7), _account(8)], 0.0)
        for number in range(3):
            await _fill(store, 7, "PLANTED-SEVEN", seq=20 + 12 * number)
            await _fill(store, 8, "PLANTED-EIGHT", seq=20 + 12 * number)
        assert b"PLANTED-SEVEN" in b"".join((await _bytes(tmp_path)).values())
        if ending == "disconnected":
            found = await sift(store, [_account(7, "disconnected")], 5.0)
        elif ending == "deleted":
            found = await sift(store, [Account(7, "", "outlook", "disconnected", active=False)], 5.0)
        else:
            found = await sift(store, [_account(8)], 5.0, is_whole=True, last_id=8)
        assert found.wiped == {7}
        # While the connector runs, not when it ends.
        found_in = await _bytes(tmp_path)
        assert found_in.keys() >= {"state.sqlite3", "state.sqlite3-wal", "state.sqlite3.lock"}
        assert [name for name, content in found_in.items() if b"SEVEN" in content or EMAIL.encode() in content] == []
        assert {7 in accounts for table, accounts in (await store.do(_held)).items() if table != "tombstone"} == {False}
        assert all(8 in accounts for table, accounts in (await store.do(_held)).items() if table in TABLES)


async def test_sift_row_that_comes_late_is_not_taken(store: Store) -> None:
    """Whoever was still at work for it writes nothing any more; a sign-in under way, and what it has to prove, is its next life."""
    await sift(store, [_account()], 0.0)
    await sift(store, [_account(state="disconnected")], 1.0)
    await _fill(store, 7, "late")
    await store.put_flow("state", 7, "sealed", 100.0)
    held = await store.do(_held)
    assert {table for table, accounts in held.items() if 7 in accounts} == {"tombstone", "flow", "challenge"}


@pytest.mark.parametrize("state", ["connected", "error", "reauth_required", "admin_required", "paused"])
@pytest.mark.parametrize("seq", [1, 3])
async def test_sift_account_that_a_backup_brings_back_stays_disconnected(store: Store, state: str, seq: int) -> None:
    """In whatever state the backup has it, with a token no newer than the last one that Odoo had."""
    await sift(store, [_account()], 0.0)
    await sift(store, [_account(state="disconnected")], 1.0)
    for _ in range(2):
        found = await sift(store, [_account(state=state, seq=seq)], 2.0, is_whole=True, last_id=9)
        assert ([a.id for a in found.buried], found.living) == ([7], [])


async def test_sift_tombstone_outlives_the_record(store: Store) -> None:
    """Purged after it was disconnected, so Odoo does not list it at all: a backup of before both brings nothing back either."""
    await sift(store, [_account(email=EMAIL.upper())], 0.0)
    await sift(store, [_account(state="disconnected")], 1.0)
    await sift(store, [Account(7, "", "outlook", "disconnected", active=False)], 2.0)
    await sift(store, [], 3.0, is_whole=True, last_id=7)
    assert [a.id for a in (await sift(store, [_account()], 4.0)).buried] == [7]


async def test_sift_deleted_while_nobody_looked_stays_deleted(store: Store) -> None:
    """The connector was down, the record is gone: that is a disconnect too."""
    await sift(store, [_account()], 0.0)
    await _fill(store, 7, "x", seq=20)
    assert (await sift(store, [], 1.0, is_whole=True, last_id=7)).wiped == {7}
    assert [a.id for a in (await sift(store, [_account(seq=20)], 2.0)).buried] == [7]


async def test_sift_backup_of_before_an_account_was_made_buries_nobody(store: Store) -> None:
    """An old backup came back by mistake, and the right one after it: nobody has to sign in again for that."""
    await sift(store, [_account()], 0.0)
    await _fill(store, 7, "x", seq=20)
    assert (await sift(store, [], 1.0, is_whole=True, last_id=6)).wiped == {7}
    found = await sift(store, [_account(seq=20)], 2.0, is_whole=True, last_id=7)
    assert ([a.id for a in found.living], found.buried) == ([7], [])


async def test_sift_draft_is_left_alone(store: Store) -> None:
    """A sign-in may be under way: its token must not go while Odoo has not committed yet."""
    await store.add_token(7, "sealed", email=EMAIL)
    found = await sift(store, [_account(state="draft", seq=0)], 0.0, is_whole=True, last_id=7)
    assert (len(found.living), found.wiped) == (1, set())
    assert await store.load_token(7) == SealedToken("sealed", 1)


async def test_sift_sign_in_that_odoo_commits_after_we_asked_is_not_buried(store: Store) -> None:
    """Signed in again while the record still says disconnected: the new token is above what the tombstone knows."""
    await sift(store, [_account()], 0.0)
    await sift(store, [_account(state="disconnected")], 1.0)
    seq = await store.add_token(7, "new", at_least=3, email=EMAIL)
    await sift(store, [_account(state="disconnected")], 2.0)
    found = await sift(store, [_account(seq=seq)], 3.0)
    assert ([a.id for a in found.living], found.buried) == ([7], [])


async def test_add_token_of_a_sign_in_lifts_the_tombstone(store: Store) -> None:
    """Its sequence is above all that was, so that no older token is taken for it; a mere refresh lifts nothing."""
    await sift(store, [_account(seq=41)], 0.0)
    await sift(store, [_account(state="disconnected", seq=41)], 1.0)
    await store.add_token(7, "rotated")
    assert await store.load_token(7) is None
    assert await store.add_token(7, "sealed", email=EMAIL) == 42
    assert await store.load_token(7) == SealedToken("sealed", 42)
    assert (await sift(store, [_account(seq=42)], 2.0)).buried == []


async def test_sift_newer_token_lifts_the_tombstone(store: Store) -> None:
    """The person signed in again through another connector's file meanwhile."""
    await sift(store, [_account()], 0.0)
    await sift(store, [_account(state="disconnected")], 1.0)
    assert [a.id for a in (await sift(store, [_account(seq=4)], 2.0)).living] == [7]
    await store.save_token(7, "sealed", 4)
    assert await store.load_token(7) is not None


async def test_sift_same_number_for_another_address_is_another_account(store: Store) -> None:
    """After a restore Odoo gives a number again: neither the tombstone nor what lies in the file is the new one's."""
    await sift(store, [_account()], 0.0)
    await _fill(store, 7, "old", seq=20)
    found = await sift(store, [_account(email="ben@pier.example")], 1.0)
    assert ([a.id for a in found.living], found.wiped) == ([7], {7})
    await sift(store, [_account(state="disconnected")], 2.0)
    assert (await sift(store, [_account(email="ben@pier.example", seq=1)], 3.0)).buried == []


async def test_sift_keeps_no_address(tmp_path: Path) -> None:
    """Digests only, and of another file others: they tell nothing to who has both."""
    digests = set()
    for name in ("a", "b"):
        async with open_store(tmp_path / name) as store:
            await sift(store, [_account()], 0.0)
            await sift(store, [_account(state="disconnected")], 1.0)
            digests.add((await store.do(lambda db: db.execute("SELECT address FROM tombstone").fetchone()))[0])
        assert EMAIL.encode() not in await trio.Path(tmp_path / name).read_bytes()
    assert len(digests) == 2


async def test_sift_quiet_answer_reads_and_writes_nothing(store: Store) -> None:
    """Most exchanges bring no account: they cost the file nothing."""
    store.do = None  # type: ignore[method-assign,assignment]  # whoever touches the file fails
    assert await sift(store, [], 0.0) == Sifted()
