"""The working copy: one SQLite file, one writer, methods that are whole transactions.

It holds what is fresher than Odoo or none of Odoo's business: cursors that moved without news, sealed tokens, sign-ins under way. Losing it
loses nothing for good: Odoo has the cursors and tokens that matter (design, rule 3).
"""

from __future__ import annotations

import fcntl
import sqlite3
import uuid
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeVar

import trio

from connector.errors import StateError
from connector.http import in_disk_thread
from connector.odoo.wire import SealedToken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Cursor", "Store", "open_store"]

_T = TypeVar("_T")

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
    # What Entra asked for when it refused an account last (`claims`), sealed: the next sign-in has to bring it.
    """
    CREATE TABLE challenge (account_id INTEGER PRIMARY KEY, sealed TEXT NOT NULL) STRICT;
    """,
)

# Every table that has something of an account.
_TABLES = ("token", "cursor", "flow", "handover", "seen", "trial", "audit", "tally", "challenge")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A folder's cursor and the revision in Odoo that it belongs to."""

    revision: int
    cursor: str | None


class Store:
    """The open working copy; `instance` names this file for ever."""

    def __init__(self, connection: sqlite3.Connection, instance: str) -> None:
        """Use `open_store`."""
        self.instance = instance
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

    async def forget_account(self, account_id: int) -> None:
        """Wipe everything of an account."""

        def write(db: sqlite3.Connection) -> None:
            for table in _TABLES:
                db.execute(f"DELETE FROM {table} WHERE account_id = ?", (account_id,))  # noqa: S608 - names from the list above

        await self.do(write)

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


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[Store]:
    """Open the working copy, make or migrate it, and hold it for this process alone.

    Raises `StateError`: not writable, held by another connector, of a newer version, or no database.
    """
    lock = await in_disk_thread(_lock, path)
    try:
        connection = await in_disk_thread(_open, path)
        try:
            yield Store(connection, await in_disk_thread(_instance, connection))
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
        raise StateError(f"state.path {path}: another connector is running on it; stop it, or give this one a path of its own") from error
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
    if version > len(_MIGRATIONS):
        raise StateError(f"state.path {path}: was written by a newer connector (version {version}); use that one, or another path")
    for number, script in enumerate(_MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")


def _instance(connection: sqlite3.Connection) -> str:
    with _transaction(connection) as db:
        db.execute("INSERT OR IGNORE INTO meta VALUES ('instance', ?)", (str(uuid.uuid4()),))
        return str(db.execute("SELECT value FROM meta WHERE key = 'instance'").fetchone()[0])


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
