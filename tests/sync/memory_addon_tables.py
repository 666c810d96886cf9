"""The tables of the addon in memory: accounts with their folders and rows.

Rows are never changed in place, only replaced: so a dump is a shallow copy, and nobody who was given a row sees it change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connector.odoo.wire import FolderSnapshot
from tests.sync.memory_addon_letters import stop

if TYPE_CHECKING:
    from connector.odoo.wire import SealedToken, SetAside
    from tests.sync.memory_addon_actions import MemoryAction
    from tests.sync.memory_addon_letters import MemoryLetter

__all__ = ["CHOSEN_STATES", "MemoryFolder", "MemoryMailbox"]

# What users' actions may cover.
COVERED = ("is_read", "is_flagged", "importance", "categories", "folder", "pending")

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
    # The sequence of the token that was let go.
    last_seq: int = 0
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
    # Users' actions by uuid, and what Graph said last of fields that they cover, by message: rows have what is shown.
    actions: dict[str, MemoryAction] = field(default_factory=dict)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Mails that are being sent, by tag.
    letters: dict[str, MemoryLetter] = field(default_factory=dict)
    # What the last take-up gave: whoever writes with another one is too late.
    fence: str | None = None
    # Rows that Graph's word leaves hidden.
    _hidden: dict[str, int] = field(default_factory=dict)

    def copy(self) -> MemoryMailbox:
        """Return a copy that shares nothing that changes."""
        return replace(
            self,
            folders={name: replace(folder) for name, folder in self.folders.items()},
            rows=dict(self.rows),
            unreadable=dict(self.unreadable),
            bodies=dict(self.bodies),
            actions=dict(self.actions),
            letters=dict(self.letters),
            said={remote_id: dict(values) for remote_id, values in self.said.items()},
            _hidden=dict(self._hidden),
        )

    @property
    def newest_seq(self) -> int:
        """The highest sequence of a token that was ever here."""
        return max(self.last_seq, self.token.seq if self.token is not None else 0)

    def disconnect(self) -> None:
        """Let go of the mailbox: its mail stays, no token and no cursor does."""
        self.last_seq, self.token = self.newest_seq, None
        self.state, self.active = "disconnected", False
        stop(self)
        for remote_id in list(self.said):
            self.show(remote_id, {**self.rows[remote_id], **self.said[remote_id]}, {})
        ended = {"pending": "cancelled", "running": "cancelled"}
        self.actions = {i: replace(a, state=ended.get(a.state, a.state), covers=False) for i, a in self.actions.items()}
        for folder in self.folders.values():
            folder.begin_anew()

    @property
    def takes_tokens(self) -> bool:
        """A newer token of the connector is kept: none comes to where a person let it go, or a copy lost it."""
        return self.state not in CHOSEN_STATES or (self.state == "paused" and self.token is not None)

    @property
    def is_connected(self) -> bool:
        """The connector may write here."""
        return self.active and self.state not in CHOSEN_STATES

    @property
    def pending(self) -> list[str]:
        """Rows that are hidden until it is known where their messages went."""
        return sorted((i for i in self._hidden if not self.rows[i].get("local")), key=self._hidden.__getitem__)

    @property
    def is_worked_on(self) -> bool:
        """Actions are given to a connector."""
        return self.active and self.state in {"connected", "error", "admin_required"}

    def confirmed(self, remote_id: str) -> dict[str, Any]:
        """Return what Graph said last of a message, of the fields that actions may cover."""
        row, said = self.rows[remote_id], self.said.get(remote_id, {})
        return {name: said.get(name, row[name] if row[name] is not None or name != "categories" else []) for name in COVERED}

    def put(self, row: dict[str, Any]) -> None:
        """Write a new row that is not hidden."""
        self.rows[row["remote_id"]] = row

    def take(self, remote_id: str, values: dict[str, Any]) -> bool:
        """Take what Graph says: where an action covers it, beside what is shown; tell whether anything changed."""
        row, said = self.rows[remote_id], self.said.get(remote_id, {})
        if all(said.get(name, row[name]) == value for name, value in values.items()):
            return False
        self.rows[remote_id] = {**row, **{name: value for name, value in values.items() if name not in said}}
        if said:
            self.said[remote_id] = {**said, **{name: value for name, value in values.items() if name in said}}
        self._note_hidden(remote_id)
        return True

    def show(self, remote_id: str, row: dict[str, Any], said: dict[str, Any]) -> None:
        """Let a row show something over what Graph said."""
        self.rows[remote_id] = row
        self.said.pop(remote_id, None)
        if said:
            self.said[remote_id] = said
        self._note_hidden(remote_id)

    def hide(self, remote_id: str, folder: str) -> bool:
        """Hide a row if it is in `folder` and not hidden yet; tell whether it was done."""
        if remote_id not in self.rows:
            return False
        said = self.confirmed(remote_id)
        return not said["pending"] and said["folder"] == folder and self.take(remote_id, {"pending": True})

    def _note_hidden(self, remote_id: str) -> None:
        if self.confirmed(remote_id)["pending"]:
            self._hidden[remote_id] = self.rows[remote_id]["id"]
        else:
            self._hidden.pop(remote_id, None)

    def drop(self, remote_id: str) -> None:
        """Delete a row, and its body with it."""
        del self.rows[remote_id]
        self.said.pop(remote_id, None)
        self._hidden.pop(remote_id, None)
        self.bodies.pop(remote_id, None)

    def forget(self, folder: str) -> None:
        """Delete the rows of a folder, and what of it could not be read."""
        for remote_id in [i for i, row in self.rows.items() if folder in {row["folder"], self.said.get(i, row).get("folder")}]:
            self.drop(remote_id)
        for remote_id in [i for i, aside in self.unreadable.items() if aside.folder == folder]:
            del self.unreadable[remote_id]

    def within(self, folder: str, after: str | None, until: str | None) -> list[str]:
        """Return the messages that a folder shows of a time."""
        return [
            remote_id
            for remote_id, row in self.rows.items()
            if self.confirmed(remote_id)["folder"] == folder
            and not self.confirmed(remote_id)["pending"]
            and (after is None or row["received_at"] > after)
            and (until is None or row["received_at"] <= until)
        ]
