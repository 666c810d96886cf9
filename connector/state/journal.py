"""The journal of users' actions: noted before the request that carries one out, and again with what came of it (design, rule 3).

    not noted            this file never sent it
    noted, no outcome    it was sent, or was about to be: Graph is asked before it is sent again
    noted with outcome   that is reported, whoever asks for it again: a connector that died, an Odoo that was restored

It keeps ids and codes only; nothing of a mail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connector.odoo.wire import Outcome

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from connector.state.store import Store

__all__ = ["KEPT", "Journal", "Letter"]

# Seconds that an entry is kept: a backup of Odoo that is older finds its actions by their age (`outbox.queue`).
KEPT = 30 * 86_400.0


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a mail is: noted before each step that cannot be done twice (`outbox.send` draws them).

    `asks` is how often Graph was asked to send it, `asked_at` when last, by our clock in seconds since 1970. `is_told`: Odoo was told, or
    nearly, that Graph is about to be asked.
    """

    step: str
    remote_id: str | None = None
    change_key: str | None = None
    message_id: str | None = None
    asks: int = 0
    asked_at: float = 0.0
    is_told: bool = False


class Journal:
    """The entries of all mailboxes; each method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def is_new(self) -> bool:
        """Whether there was no file before this process: what an earlier one had noted is lost."""
        return self._store.is_new

    @property
    def made_at(self) -> float:
        """When the file was made, in seconds since 1970: of what was begun before it knows nothing."""
        return self._store.made_at

    async def letters(self, account_id: int, uuids: Iterable[str]) -> dict[str, Letter]:
        """Return how far mails are that were begun."""
        wanted = list(uuids)

        def read(db: sqlite3.Connection) -> dict[str, Letter]:
            found = {}
            for uuid in wanted:
                row = db.execute("SELECT note FROM letter WHERE account_id = ? AND uuid = ?", (account_id, uuid)).fetchone()
                if row is not None:
                    found[uuid] = msgspec.json.decode(row[0], type=Letter)
            return found

        return await self._store.do(read)

    async def note(self, account_id: int, letters: Mapping[str, Letter], now: float) -> None:
        """Note how far mails are; forget what is old."""
        rows = [(account_id, uuid, msgspec.json.encode(letter).decode(), now) for uuid, letter in letters.items()]

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM letter WHERE at < ?", (now - KEPT,))
            statement = "INSERT INTO letter VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET note = excluded.note, at = excluded.at"
            db.executemany(statement, rows)

        await self._store.do(write)

    async def known(self, account_id: int, uuids: Iterable[str]) -> dict[str, Outcome | None]:
        """Return what is noted of actions: their outcome, None where there is none yet."""
        wanted = list(uuids)

        def read(db: sqlite3.Connection) -> dict[str, Outcome | None]:
            found: dict[str, Outcome | None] = {}
            for uuid in wanted:
                row = db.execute("SELECT outcome FROM action WHERE account_id = ? AND uuid = ?", (account_id, uuid)).fetchone()
                if row is not None:
                    found[uuid] = None if row[0] is None else msgspec.json.decode(row[0], type=Outcome)
            return found

        return await self._store.do(read)

    async def begin(self, account_id: int, uuids: Sequence[str], now: float) -> None:
        """Note that actions are about to be sent; forget what is old."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM action WHERE at < ?", (now - KEPT,))
            rows = [(account_id, uuid, now) for uuid in uuids]
            db.executemany("INSERT INTO action VALUES (?, ?, NULL, ?) ON CONFLICT DO UPDATE SET at = excluded.at", rows)

        await self._store.do(write)

    async def end(self, account_id: int, outcomes: Iterable[Outcome], now: float) -> None:
        """Note what came of actions; what Graph said of the message is not kept: it is old when this is read again."""
        ended = [
            (account_id, one.uuid, msgspec.json.encode(msgspec.structs.replace(one, said=msgspec.UNSET)).decode(), now) for one in outcomes
        ]

        def write(db: sqlite3.Connection) -> None:
            statement = "INSERT INTO action VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET outcome = excluded.outcome, at = excluded.at"
            db.executemany(statement, ended)

        await self._store.do(write)
