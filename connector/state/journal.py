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
    from collections.abc import Iterable, Sequence

    from connector.state.store import Store

__all__ = ["KEPT", "Journal"]

# Seconds that an entry is kept: a backup of Odoo that is older finds its actions by their age (`outbox.queue`).
KEPT = 30 * 86_400.0


class Journal:
    """The entries of all mailboxes; each method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

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
