"""The working copy: one SQLite file, one writer, methods that are whole transactions.

It holds what is fresher than Odoo or none of Odoo's business: cursors that moved without news, sealed tokens, sign-ins under way. Losing it
loses nothing for good: Odoo has the cursors and tokens that matter (design, rule 3).
"""

from __future__ import annotations

import fcntl
import hmac
import sqlite3
import uuid
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, TypeVar

import trio

from connector.errors import StateError, StateHeld
from connector.http import in_disk_thread
from connector.odoo.wire import SealedToken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["SCHEMA_VERSION", "TABLES", "Cursor", "Store", "digest", "open_store", "wipe"]

_T = TypeVar("_T")


def _refuse_buried(*tables: str) -> str:
    """Return SQL that makes the file itself take no row of an account under a tombstone, whoever may still be at work for it."""
    return "".join(
        f"CREATE TRIGGER {table}_of_the_buried BEFORE INSERT ON {table} "  # noqa: S608 - names from the migration below
        "WHEN EXISTS (SELECT 1 FROM tombstone WHERE account_id = NEW.account_id) BEGIN SELECT RAISE(IGNORE); END;"
        for table in tables
    )


# Numbered migrations; `user_version` counts those that were made. Never change one that was released: add the next.
_MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE token (account_id INTEGER PRIMARY KEY, sealed TEXT NOT NULL, seq INTEGER NOT NULL) STRICT;
    CREATE TABLE cursor (
        account_id INTEGER NOT NULL, folder TEXT NOT NULL, revision INTEGER NOT NULL, cursor TEXT,
        PRIMARY KEY (account_id, folder)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE flow (state TEXT PRIMARY KEY, account_id INTEGER NOT NULL, sealed TEXT NOT NULL, expires_at REAL NOT NULL) STRICT;
    """,
    # What the engine notes between two steps (`state.ledger`). Times are seconds since 1970.
    """
    CREATE TABLE handover (
        account_id INTEGER NOT NULL, folder TEXT NOT NULL, link TEXT NOT NULL, started_at REAL NOT NULL,
        PRIMARY KEY (account_id, folder)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE seen (
        account_id INTEGER NOT NULL, folder TEXT NOT NULL, remote_id TEXT NOT NULL, received_at TEXT NOT NULL,
        PRIMARY KEY (account_id, folder, remote_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE trial (
        account_id INTEGER NOT NULL, remote_id TEXT NOT NULL, folder TEXT, tries INTEGER NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (account_id, remote_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE audit (
        account_id INTEGER NOT NULL, folder TEXT NOT NULL, recent_at REAL, whole_at REAL, trued_at REAL, rows INTEGER, total INTEGER,
        PRIMARY KEY (account_id, folder)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tally (account_id INTEGER NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL, count INTEGER NOT NULL) STRICT;
    CREATE INDEX tally_by_account ON tally (account_id, kind, at);
    """,
    # Who an account is, and who it was before it was disconnected (`state.tombstones`); addresses are digests.
    """
    CREATE TABLE account (account_id INTEGER PRIMARY KEY, address TEXT NOT NULL) STRICT;
    CREATE TABLE tombstone (account_id INTEGER PRIMARY KEY, address TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL) STRICT;
    """
    + _refuse_buried("token", "cursor", "handover", "seen", "trial", "audit", "tally", "account"),
    # What Entra asked for when it refused an account last (`claims`), sealed: the next sign-in has to bring it, also one out of the grave.
    """
    CREATE TABLE challenge (account_id INTEGER PRIMARY KEY, sealed TEXT NOT NULL) STRICT;
    """,
    # What was done with users' actions (`state.journal`): before its request, and what came of it.
    """
    CREATE TABLE action (
        account_id INTEGER NOT NULL, uuid TEXT NOT NULL, outcome TEXT, at REAL NOT NULL,
        PRIMARY KEY (account_id, uuid)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX action_by_age ON action (at);
    """
    + _refuse_buried("action"),
    # How far a mail is that is being sent or saved (`state.journal`).
    """
    CREATE TABLE letter (
        account_id INTEGER NOT NULL, uuid TEXT NOT NULL, note TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (account_id, uuid)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX letter_by_age ON letter (at);
    """
    + _refuse_buried("letter"),
)

SCHEMA_VERSION = len(_MIGRATIONS)

# Every table that has something of an account, but for sign-ins under way (they end by themselves, and may be the account's next life).
TABLES = ("token", "cursor", "handover", "seen", "trial", "audit", "tally", "account", "challenge", "action", "letter")

# The name of Odoo's database in `meta`.
_DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A folder's cursor and the revision in Odoo that it belongs to."""

    revision: int
    cursor: str | None


class Store:
    """The open working copy; `instance` names this file for ever, `database` is the UUID of the Odoo database that it belongs to."""

    def __init__(
        self, connection: sqlite3.Connection, instance: str, database: str | None, made_at: float = 0.0, *, is_new: bool = False
    ) -> None:
        """Use `open_store`. `is_new`: the file was not there before; what an earlier one knew is lost. `made_at`: when it was not."""
        self.is_new = is_new
        self.made_at = made_at
        self.instance = instance
        self.database = database
        self._connection = connection
        self._writer = trio.Lock()

    async def do(self, transaction: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run one transaction in a thread, one at a time."""

        def run() -> _T:
            with _transaction(self._connection) as db:
                return transaction(db)

        try:
            async with self._writer:
                return await in_disk_thread(run)
        except sqlite3.Error as error:
            raise StateError(f"the state file cannot be used ({error})") from error

    async def load_token(self, account_id: int) -> SealedToken | None:
        """Return the sealed token of an account."""

        def read(db: sqlite3.Connection) -> SealedToken | None:
            row = db.execute("SELECT sealed, seq FROM token WHERE account_id = ?", (account_id,)).fetchone()
            return SealedToken(*row) if row else None

        return await self.do(read)

    async def save_token(self, account_id: int, sealed: str, seq: int) -> None:
        """Keep a sealed token, unless a newer one is there."""

        def write(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO token VALUES (?, ?, ?) ON CONFLICT (account_id) "
                "DO UPDATE SET sealed = excluded.sealed, seq = excluded.seq WHERE excluded.seq > token.seq",
                (account_id, sealed, seq),
            )

        await self.do(write)

    async def add_missing_tokens(self, tokens: Iterable[tuple[int, SealedToken]]) -> None:
        """Keep sealed tokens, by account, where there is none."""
        rows = [(account_id, token.sealed, token.seq) for account_id, token in tokens]
        if rows:
            await self.do(lambda db: db.executemany("INSERT OR IGNORE INTO token VALUES (?, ?, ?)", rows))

    async def add_token(self, account_id: int, sealed: str, *, at_least: int = 0, email: str | None = None) -> int:
        """Keep a sealed token as the newest of its account; return its sequence: above every one that is known, and `at_least`.

        With `email` it is a new sign-in: it lifts the account's tombstone, and what lies here of another mailbox goes.
        """

        def write(db: sqlite3.Connection) -> int:
            known = db.execute(
                "SELECT max(seq) FROM (SELECT account_id, seq FROM token UNION ALL SELECT account_id, seq FROM tombstone) "
                "WHERE account_id = ?",
                (account_id,),
            ).fetchone()
            if email is not None:
                address = digest(self.instance, email)
                db.execute("DELETE FROM tombstone WHERE account_id = ?", (account_id,))
                if db.execute("SELECT 1 FROM account WHERE account_id = ? AND address != ?", (account_id, address)).fetchone():
                    wipe(db, account_id)
                db.execute("INSERT OR REPLACE INTO account VALUES (?, ?)", (account_id, address))
            seq = max(known[0] or 0, at_least) + 1
            db.execute("INSERT OR REPLACE INTO token VALUES (?, ?, ?)", (account_id, sealed, seq))
            return seq

        return await self.do(write)

    async def load_cursors(self, account_id: int) -> dict[str, Cursor]:
        """Return the cursors of an account by folder."""

        def read(db: sqlite3.Connection) -> dict[str, Cursor]:
            rows = db.execute("SELECT folder, revision, cursor FROM cursor WHERE account_id = ?", (account_id,))
            return {folder: Cursor(revision, cursor) for folder, revision, cursor in rows}

        return await self.do(read)

    async def save_cursors(self, account_id: int, cursors: Mapping[str, Cursor]) -> None:
        """Keep cursors by folder."""

        def write(db: sqlite3.Connection) -> None:
            rows = [(account_id, folder, c.revision, c.cursor) for folder, c in cursors.items()]
            db.executemany("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)", rows)

        await self.do(write)

    async def remember_database(self, database: str) -> None:
        """Note the Odoo database that this file belongs to."""
        await self.do(lambda db: db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_DATABASE, database)))
        self.database = database

    async def adopt(self, database: str) -> None:
        """Belong to another Odoo database: all accounts of the old one are forgotten, what was disconnected stays so."""

        def write(db: sqlite3.Connection) -> None:
            for table in (*TABLES, "flow"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the list above
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_DATABASE, database))

        await self.do(write)
        await self.scour()
        self.database = database

    async def scour(self) -> None:
        """Let nothing that was deleted be legible: `secure_delete` zeroed it in the file, but older pages lie in the write-ahead log."""

        def run() -> None:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        try:
            async with self._writer:
                await in_disk_thread(run)
        except sqlite3.Error as error:
            raise StateError(f"the state file cannot be used ({error})") from error

    async def load_challenge(self, account_id: int) -> str | None:
        """Return the sealed claims that the next sign-in of an account has to bring."""

        def read(db: sqlite3.Connection) -> str | None:
            row = db.execute("SELECT sealed FROM challenge WHERE account_id = ?", (account_id,)).fetchone()
            return str(row[0]) if row else None

        return await self.do(read)

    async def save_challenge(self, account_id: int, sealed: str | None) -> None:
        """Keep sealed claims in place of older ones; None forgets them."""

        def write(db: sqlite3.Connection) -> None:
            if sealed is None:
                db.execute("DELETE FROM challenge WHERE account_id = ?", (account_id,))
            else:
                db.execute("INSERT OR REPLACE INTO challenge VALUES (?, ?)", (account_id, sealed))

        await self.do(write)

    async def put_flow(self, state: str, account_id: int, sealed: str, expires_at: float) -> None:
        """Keep a sign-in under way until `expires_at` (seconds since 1970); a new one of the same account replaces the old."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM flow WHERE account_id = ?", (account_id,))
            db.execute("INSERT INTO flow VALUES (?, ?, ?, ?)", (state, account_id, sealed, expires_at))

        await self.do(write)

    async def take_flow(self, state: str, now: float) -> tuple[int, str] | None:
        """Take the sign-in `state`, once: (account id, sealed flow), or None if unknown, used or expired."""

        def write(db: sqlite3.Connection) -> tuple[int, str] | None:
            row = db.execute("DELETE FROM flow WHERE state = ? RETURNING account_id, sealed, expires_at", (state,)).fetchone()
            db.execute("DELETE FROM flow WHERE expires_at <= ?", (now,))
            return (row[0], row[1]) if row and row[2] > now else None

        return await self.do(write)


def digest(instance: str, email: str) -> str:
    """Return what is kept of an address: enough to know it again, salted with the file's own name."""
    return hmac.new(instance.encode(), email.strip().lower().encode(), "sha256").hexdigest()


def wipe(db: sqlite3.Connection, account_id: int) -> None:
    """Delete everything of an account; `Store.scour` afterwards makes it illegible."""
    for table in TABLES:
        db.execute(f"DELETE FROM {table} WHERE account_id = ?", (account_id,))  # noqa: S608 - names from the list above


@asynccontextmanager
async def open_store(path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> AsyncIterator[Store]:
    """Open the working copy, make or migrate it, and hold it for this process alone; `now` is the wall clock.

    Raises `StateError`: not writable, held by another connector, of a newer version, or no database.
    """
    lock = await in_disk_thread(_lock, path)
    try:
        is_new = not await in_disk_thread(path.exists)
        connection = await in_disk_thread(_open, path)
        try:
            yield Store(connection, *await in_disk_thread(_names, connection, now().timestamp()), is_new=is_new)
        finally:
            connection.close()
    finally:
        lock.close()


def _lock(path: Path) -> IO[bytes]:
    """Hold the file beside `path`; the system lets go of it when this process ends, however it ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("wb")
    except OSError as error:
        raise StateError(f"state.path {path}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StateHeld(f"state.path {path}: another connector is running on it; stop it, or give this one a path of its own") from error
    return lock


def _open(path: Path) -> sqlite3.Connection:
    try:
        # Made with these rights before SQLite writes to it; its WAL gets the same.
        path.touch(mode=0o600)
        path.chmod(0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"state.path {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise StateError(f"state.path {path}: {error}") from error
    except StateError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set the connection up and bring the schema up to date, a transaction a migration."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    # A forgotten account's token must not stay legible in free pages.
    connection.execute("PRAGMA secure_delete = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StateError(f"state.path {path}: was written by a newer connector (version {version}); use that one, or another path")
    for number, script in enumerate(_MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")


def _names(connection: sqlite3.Connection, now: float) -> tuple[str, str | None, float]:
    """Return the file's own name, given to it now if it is new, the database's, and when it was made (0: before that was noted)."""
    with _transaction(connection) as db:
        if db.execute("INSERT OR IGNORE INTO meta VALUES ('instance', ?)", (str(uuid.uuid4()),)).rowcount:
            db.execute("INSERT INTO meta VALUES ('made_at', ?)", (str(now),))
        names = dict(db.execute("SELECT key, value FROM meta"))
        return names["instance"], names.get(_DATABASE), float(names.get("made_at", 0.0))


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Begin at once as a writer, so that a read-modify-write cannot lose an update."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
