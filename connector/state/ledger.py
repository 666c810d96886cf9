"""What the engine of one mailbox notes between two steps, in the working copy.

Nothing here is needed for being right, only for not beginning again: without it a hand-over starts afresh and an audit is due.

    handover, seen   how far the unfiltered round of a folder is, and what it has named
    trial            messages that could not be read, and how often that was tried
    audit            when a folder was compared with Graph, and what the count said
    tally            older messages fetched (`backfill`) and differences repaired (`drift`), with their times
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from connector.state.store import Store

__all__ = ["Audit", "Handover", "Ledger", "Trial"]


@dataclass(frozen=True, slots=True)
class Handover:
    """A hand-over under way: the next link, and when its round began (seconds since 1970)."""

    link: str
    started_at: float


@dataclass(frozen=True, slots=True)
class Trial:
    """A message that could not be read: where it was met, how often it was tried, and a code that says why."""

    folder: str | None
    tries: int
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """When a folder was compared (seconds since 1970; None is never): the recent part, the whole, the part below a filtered cursor.

    `rows` and `total` are what Odoo and Graph counted when the whole was compared last: a difference that is known (Graph counts items
    that are no mail) need not be looked into again.
    """

    recent_at: float | None = None
    whole_at: float | None = None
    trued_at: float | None = None
    rows: int | None = None
    total: int | None = None


class Ledger:
    """The notes of the mailbox of `account_id`; each method is one transaction."""

    def __init__(self, store: Store, account_id: int) -> None:
        self._store = store
        self._account_id = account_id

    # ---------------------------------------------------------------- hand-over

    async def handover(self, folder: str) -> Handover | None:
        """Return the hand-over of `folder` that is under way."""

        def read(db: sqlite3.Connection) -> Handover | None:
            row = db.execute(
                "SELECT link, started_at FROM handover WHERE account_id = ? AND folder = ?", (self._account_id, folder)
            ).fetchone()
            return Handover(*row) if row else None

        return await self._store.do(read)

    async def keep_handover(self, folder: str, handover: Handover, seen: Mapping[str, str], unseen: Iterable[str]) -> None:
        """Note one page of a hand-over: its next link, the ids it named with their times, and those it took back."""

        def write(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT OR REPLACE INTO handover VALUES (?, ?, ?, ?)", (self._account_id, folder, handover.link, handover.started_at)
            )
            self._see(db, folder, seen, unseen)

        await self._store.do(write)

    async def see(self, folder: str, seen: Mapping[str, str], unseen: Iterable[str]) -> None:
        """Note what the live round named meanwhile, so that it is not taken for something that the hand-over lacks."""
        await self._store.do(lambda db: self._see(db, folder, seen, unseen))

    async def seen(self, folder: str) -> list[tuple[str, str]]:
        """Return (id, time received) of everything that the hand-over of `folder` named, oldest first."""

        def read(db: sqlite3.Connection) -> list[tuple[str, str]]:
            query = "SELECT remote_id, received_at FROM seen WHERE account_id = ? AND folder = ? ORDER BY received_at"
            return db.execute(query, (self._account_id, folder)).fetchall()

        return await self._store.do(read)

    async def drop_handover(self, folder: str) -> None:
        """Forget the hand-over of `folder`: it is done, or begins again."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM handover WHERE account_id = ? AND folder = ?", (self._account_id, folder))
            db.execute("DELETE FROM seen WHERE account_id = ? AND folder = ?", (self._account_id, folder))

        await self._store.do(write)

    def _see(self, db: sqlite3.Connection, folder: str, seen: Mapping[str, str], unseen: Iterable[str]) -> None:
        rows = [(self._account_id, folder, remote_id, received) for remote_id, received in seen.items()]
        # A partial object names no time; the one noted first stays.
        db.executemany(
            "INSERT INTO seen VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET received_at = max(received_at, excluded.received_at)", rows
        )
        gone = [(self._account_id, folder, remote_id) for remote_id in unseen]
        db.executemany("DELETE FROM seen WHERE account_id = ? AND folder = ? AND remote_id = ?", gone)

    # ---------------------------------------------------------------- trials

    async def trials(self) -> dict[str, Trial]:
        """Return the messages that are being tried, by id."""

        def read(db: sqlite3.Connection) -> dict[str, Trial]:
            rows = db.execute("SELECT remote_id, folder, tries, reason FROM trial WHERE account_id = ?", (self._account_id,))
            return {remote_id: Trial(folder, tries, reason) for remote_id, folder, tries, reason in rows}

        return await self._store.do(read)

    async def keep_trials(self, changed: Mapping[str, Trial], ended: Iterable[str]) -> None:
        """Note trials that changed, and forget those that ended."""

        def write(db: sqlite3.Connection) -> None:
            db.executemany("DELETE FROM trial WHERE account_id = ? AND remote_id = ?", [(self._account_id, i) for i in ended])
            rows = [(self._account_id, remote_id, t.folder, t.tries, t.reason) for remote_id, t in changed.items()]
            db.executemany("INSERT OR REPLACE INTO trial VALUES (?, ?, ?, ?, ?)", rows)

        await self._store.do(write)

    # ---------------------------------------------------------------- audits

    async def audits(self) -> dict[str, Audit]:
        """Return the audits by folder."""

        def read(db: sqlite3.Connection) -> dict[str, Audit]:
            query = "SELECT folder, recent_at, whole_at, trued_at, rows, total FROM audit WHERE account_id = ?"
            return {folder: Audit(*values) for folder, *values in db.execute(query, (self._account_id,))}

        return await self._store.do(read)

    async def keep_audit(self, folder: str, audit: Audit) -> None:
        """Note the audit of `folder`."""
        row = (self._account_id, folder, audit.recent_at, audit.whole_at, audit.trued_at, audit.rows, audit.total)

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", row)

        await self._store.do(write)

    # ---------------------------------------------------------------- tallies

    async def tally(self, kind: str, since: float) -> list[tuple[float, int]]:
        """Return (time, count) of `kind` after `since`, oldest first."""

        def read(db: sqlite3.Connection) -> list[tuple[float, int]]:
            query = "SELECT at, count FROM tally WHERE account_id = ? AND kind = ? AND at > ? ORDER BY at"
            return db.execute(query, (self._account_id, kind, since)).fetchall()

        return await self._store.do(read)

    async def count(self, kind: str, at: float, count: int, *, forget_before: float) -> None:
        """Note `count` of `kind` at a time, and forget what is older than `forget_before`."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM tally WHERE account_id = ? AND kind = ? AND at <= ?", (self._account_id, kind, forget_before))
            db.execute("INSERT INTO tally VALUES (?, ?, ?, ?)", (self._account_id, kind, at, count))

        await self._store.do(write)
