"""The tables of the addon in memory: accounts with their folders and rows.

Rows are never changed in place, only replaced: so a dump is a shallow copy, and nobody who was given a row sees it change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connector.odoo.wire import FolderSnapshot

if TYPE_CHECKING:
    from connector.odoo.wire import SealedToken, SetAside

__all__ = ["CHOSEN_STATES", "MemoryFolder", "MemoryMailbox"]

# States that a person chose; a report of the connector does not change them.
CHOSEN_STATES = frozenset({"draft", "paused", "disconnected"})

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_SNAPSHOT = tuple(name for name in FolderSnapshot.__struct_fields__ if name != "indexed")


@dataclass(slots=True)
class MemoryFolder:
    """A folder and its row of the connector's own."""

    remote_id: str
    name: str = ""
    role: str = "other"
    parent: str | None = None
    active: bool = True
    sync_enabled: bool = True
    sync_state: str = "ok"
    revision: int = 0
    cursor: str | None = None
    is_bootstrapped: bool = False
    anchor: str | None = None
    told: int = 0
    backfill_before: str | None = None
    is_backfilled: bool = False
    unread: int = 0
    total: int = 0

    def snapshot(self, indexed: int) -> FolderSnapshot:
        """Return the folder as `take_up` tells it."""
        return FolderSnapshot(**{name: getattr(self, name) for name in _SNAPSHOT}, indexed=indexed)

    def begin_anew(self) -> None:
        """Forget the cursor and all that goes with it; whoever still builds on it is refused."""
        self.cursor = self.anchor = self.backfill_before = None
        self.is_bootstrapped = self.is_backfilled = False
        self.told = 0
        self.revision += 1


@dataclass(slots=True)
class MemoryMailbox:
    """One account. Rows by remote id, in the order of their numbers: the keys of the wire, `id`, and `pending` while hidden."""

    email: str = "anna@pier.example"
    state: str = "connected"
    state_message: str = ""
    active: bool = True
    token: SealedToken | None = None
    tenant: str | None = None
    mailbox_id: str | None = None
    sync_phase: str | None = None
    last_sync_at: str | None = None
    backfill_done: int = 0
    backfill_total: int = 0
    config_changed_at: datetime = _LONG_AGO
    folders: dict[str, MemoryFolder] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    unreadable: dict[str, SetAside] = field(default_factory=dict)
    # Bodies that came late, as they came.
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    _hidden: dict[str, int] = field(default_factory=dict)

    def copy(self) -> MemoryMailbox:
        """Return a copy that shares nothing that changes."""
        return replace(
            self,
            folders={name: replace(folder) for name, folder in self.folders.items()},
            rows=dict(self.rows),
            unreadable=dict(self.unreadable),
            bodies=dict(self.bodies),
            _hidden=dict(self._hidden),
        )

    @property
    def is_connected(self) -> bool:
        """The connector may write here."""
        return self.active and self.state not in CHOSEN_STATES

    @property
    def pending(self) -> list[str]:
        """Rows that are hidden until it is known where their messages went."""
        return sorted(self._hidden, key=self._hidden.__getitem__)

    def put(self, row: dict[str, Any]) -> None:
        """Write a row that is not hidden."""
        self.rows[row["remote_id"]] = row
        self._hidden.pop(row["remote_id"], None)

    def hide(self, remote_id: str, folder: str) -> bool:
        """Hide a row if it is in `folder` and not hidden yet; tell whether it was done."""
        row = self.rows.get(remote_id)
        if row is None or row["pending"] or row["folder"] != folder:
            return False
        self.rows[remote_id] = {**row, "pending": True}
        self._hidden[remote_id] = row["id"]
        return True

    def drop(self, remote_id: str) -> None:
        """Delete a row, and its body with it."""
        del self.rows[remote_id]
        self._hidden.pop(remote_id, None)
        self.bodies.pop(remote_id, None)

    def forget(self, folder: str) -> None:
        """Delete the rows of a folder, and what of it could not be read."""
        for remote_id in [i for i, row in self.rows.items() if row["folder"] == folder]:
            self.drop(remote_id)
        for remote_id in [i for i, aside in self.unreadable.items() if aside.folder == folder]:
            del self.unreadable[remote_id]

    def within(self, folder: str, after: str | None, until: str | None) -> list[str]:
        """Return the messages that a folder shows of a time."""
        return [
            remote_id
            for remote_id, row in self.rows.items()
            if row["folder"] == folder
            and not row["pending"]
            and (after is None or row["received_at"] > after)
            and (until is None or row["received_at"] <= until)
        ]
