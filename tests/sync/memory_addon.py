"""The addon in memory, true to docs/protocol.md, for tests that run the engine thousands of times.

It keeps the same promises as the real one, in particular: a call is one transaction, done or not done. `fuse` is asked before and after
each call, so that a test can lose the call, or its answer, or kill whoever called.
"""

from __future__ import annotations

import copy
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from connector.errors import OdooFault
from connector.odoo.wire import (
    Account,
    Applied,
    ApplyRequest,
    ApplyResult,
    Comparison,
    Exchange,
    FolderSnapshot,
    Held,
    Hello,
    MailboxSnapshot,
    Refused,
    SealedToken,
)
from connector.sync.merge import combine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from connector.odoo.wire import AccountReport, FolderUpdate, Listed, TreeFolder

__all__ = ["MemoryAddon", "MemoryFolder", "MemoryMailbox"]

_LEASE = timedelta(seconds=60)
_KEYS = frozenset(
    [
        "remote_id",
        "folder",
        "internet_message_id",
        "conversation_id",
        "subject",
        "from_name",
        "from_email",
        "to_recipients",
        "cc_recipients",
        "bcc_recipients",
        "reply_to",
        "preview",
        "received_at",
        "sent_at",
        "is_read",
        "is_flagged",
        "importance",
        "has_attachments",
        "is_draft",
        "categories",
    ]
)
_UPDATED = ("cursor", "is_bootstrapped", "anchor", "told", "backfill_before", "is_backfilled", "unread", "total", "sync_state")


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


@dataclass(slots=True)
class MemoryMailbox:
    """One account: rows by remote id, each with `pending` beside the keys of the wire, and a number for life as its id."""

    folders: dict[str, MemoryFolder] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    state: str = "connected"
    state_message: str = ""
    token: SealedToken | None = None
    phase: str | None = None
    last_sync_at: str | None = None
    changed_at: datetime = field(default_factory=lambda: datetime(2000, 1, 1, tzinfo=UTC))


@dataclass(slots=True)
class MemoryAddon:
    """`OdooPort`, with accounts that a test adds."""

    now: Callable[[], datetime]
    fuse: Callable[[str], Awaitable[None]] | None = None
    mailboxes: dict[int, MemoryMailbox] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    lease: tuple[str, str, str, datetime] | None = None
    _next_row: int = 1

    # ---------------------------------------------------------------- what tests do

    def dump(self) -> Any:
        """Return a backup of the database."""
        return copy.deepcopy((self.mailboxes, self.lease, self._next_row))

    def restore(self, dump: Any) -> None:
        """Put a backup in the database's place."""
        self.mailboxes, self.lease, self._next_row = copy.deepcopy(dump)

    # ---------------------------------------------------------------- the port

    async def hello(self, version: str) -> Hello:
        """Answer."""
        await self._fuse("before hello")
        return Hello("19.0.1.1.0", "19.0", "00000000-0000-0000-0000-000000000000", version)

    async def exchange(
        self,
        *,
        instance: str,
        run: str,
        serial: str | None,
        since: str | None,
        reports: Sequence[AccountReport],
        leaving: bool = False,
    ) -> Exchange:
        """Take reports, hold the lease, tell accounts."""
        await self._fuse("before exchange")
        now = self.now()
        if self.lease is not None:
            holder, its_run, _, seen = self.lease
            if (holder != instance or (its_run != run and serial is not None)) and now - seen < _LEASE:
                return Exchange(held=Held(holder, seen.isoformat()))
        restored = serial is not None and (self.lease is None or self.lease[2] != serial)
        new_serial = str(uuid.uuid4())
        self.lease = None if leaving else (instance, run, new_serial, now)
        for report in reports:
            self._report(report)
        changed = {
            i: m for i, m in self.mailboxes.items() if since is None or m.changed_at >= datetime.fromisoformat(since) - timedelta(minutes=5)
        }
        accounts = [
            Account(i, f"{i}@pier.example", "outlook", m.state, True, m.token, config_changed_at=m.changed_at.isoformat())  # noqa: FBT003 - active
            for i, m in changed.items()
        ]
        await self._fuse("after exchange")
        return Exchange(now.isoformat(), accounts, new_serial, restored)

    async def take_up(self, account_ids: Sequence[int]) -> list[MailboxSnapshot]:
        """Tell what is there."""
        await self._fuse("before take_up")
        found = []
        for account_id in account_ids:
            if (box := self.mailboxes.get(account_id)) is None:
                continue
            rows = Counter(r["folder"] for r in box.rows.values() if not r["pending"])
            folders = [_snapshot(f, rows[f.remote_id]) for f in box.folders.values() if f.active]
            pending = [i for i, r in box.rows.items() if r["pending"]]
            found.append(MailboxSnapshot(account_id, folders, pending, sorted(box.unreadable)))
        await self._fuse("after take_up")
        return found

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Do all of it or nothing."""
        await self._fuse("before apply")
        answer = self._apply(request)
        await self._fuse("after apply")
        return answer

    async def compare(
        self, account_id: int, folder: str, listed: Sequence[Listed], *, after: str | None = None, until: str | None = None
    ) -> Comparison:
        """Compare a listing with the rows."""
        await self._fuse("before compare")
        box = self.mailboxes[account_id]
        rows = _within(box, folder, after, until)
        differing = []
        for remote_id, is_read, is_flagged in listed:
            row = box.rows.get(remote_id)
            if row is None:
                if remote_id not in box.unreadable:
                    differing.append(remote_id)
            elif (
                row["pending"]
                or row["folder"] != folder
                or (is_read is not None and row.get("is_read", False) != is_read)
                or (is_flagged is not None and row.get("is_flagged", False) != is_flagged)
            ):
                differing.append(remote_id)
        names = {entry[0] for entry in listed}
        return Comparison(differing, [i for i in rows if i not in names])

    async def body(self, account_id: int, remote_id: str, body: dict[str, Any]) -> None:
        """Take a late body."""
        assert account_id in self.mailboxes
        assert remote_id
        assert body

    # ---------------------------------------------------------------- inside

    async def _fuse(self, where: str) -> None:
        self.calls[where] += 1
        if self.fuse is not None:
            await self.fuse(where)

    def _report(self, report: AccountReport) -> None:
        box = self.mailboxes.get(report.account_id)
        if box is None:
            return
        if report.last_sync_at is not UNSET:
            box.last_sync_at = str(report.last_sync_at)
        if report.sync_phase is not UNSET:
            box.phase = str(report.sync_phase)
        if report.state is not UNSET and box.state not in {"draft", "paused", "disconnected"}:
            box.state = str(report.state)
        if report.state_message is not UNSET:
            box.state_message = str(report.state_message)
        if isinstance(report.token, SealedToken) and (box.token is None or report.token.seq > box.token.seq):
            box.token = report.token
        for cursor in report.cursors or ():
            folder = box.folders.get(cursor.folder)
            if folder is not None and folder.revision == cursor.revision:
                folder.cursor = cursor.cursor

    def _apply(self, request: ApplyRequest) -> ApplyResult:
        box = self.mailboxes.get(request.account_id)
        if box is None or box.state in {"draft", "paused", "disconnected"}:
            return Refused("account")
        for patch in request.messages:
            _check(patch)
        known = {f.remote_id for f in box.folders.values() if f.active}
        if request.tree is not None:
            known = {t.remote_id for t in request.tree}
        wanted = {i for i in known if i not in box.folders or box.folders[i].sync_enabled}
        strange = {u.folder for u in request.folders} - known | {p["folder"] for p in request.messages if "folder" in p} - wanted
        if strange:
            return Refused("folder", unknown=sorted(strange))
        current = {u.folder: box.folders[u.folder].revision if u.folder in box.folders else 0 for u in request.folders}
        if any(u.revision is not UNSET and u.revision != current[u.folder] for u in request.folders):
            return Refused("revision", current)
        merged = {p["remote_id"]: p for p in combine(request.messages)}
        unknown = [i for i, p in merged.items() if i not in box.rows and not p.keys() >= {"folder", "received_at"}]
        unknown += [r.remote_id for r in request.removed if r.remote_id not in box.rows and r.remote_id not in merged]
        if unknown:
            return Refused("unknown", unknown=unknown)
        if request.tree is not None:
            _apply_tree(box, request.tree)
        new, changed = self._apply_messages(box, merged)
        changed |= _apply_removed(box, request)
        for aside in request.set_aside or ():
            box.unreadable[aside.remote_id] = aside.reason
        used = {r["folder"] for r in box.rows.values()}
        for name in [i for i, f in box.folders.items() if not f.active and i not in used]:
            del box.folders[name]
        revisions = {u.folder: _update(box.folders[u.folder], u) for u in request.folders}
        return Applied(revisions, new, len(changed), [i for i, r in box.rows.items() if r["pending"]])

    def _apply_messages(self, box: MemoryMailbox, merged: dict[str, dict[str, Any]]) -> tuple[int, set[str]]:
        new, changed = 0, set()
        for remote_id, patch in merged.items():
            box.unreadable.pop(remote_id, None)
            row = box.rows.get(remote_id)
            if row is None:
                box.rows[remote_id] = {"id": self._next_row, "pending": False, **patch}
                self._next_row += 1
                new += 1
            elif row["pending"] or any(row.get(k) != v for k, v in patch.items()):
                row.update(patch)
                row["pending"] = False
                changed.add(remote_id)
        return new, changed


def _apply_tree(box: MemoryMailbox, tree: list[TreeFolder]) -> None:
    for item in tree:
        folder = box.folders.get(item.remote_id)
        if folder is None:
            folder = box.folders[item.remote_id] = MemoryFolder(item.remote_id, sync_enabled=item.role != "junk")
        folder.name, folder.role, folder.parent, folder.active = item.name, item.role, item.parent_remote_id, True
    listed = {t.remote_id for t in tree}
    for folder in box.folders.values():
        if folder.remote_id not in listed and folder.active:
            folder.active, folder.parent, folder.cursor, folder.is_bootstrapped = False, None, None, False
            folder.revision += 1
            for row in box.rows.values():
                if row["folder"] == folder.remote_id:
                    row["pending"] = True


def _apply_removed(box: MemoryMailbox, request: ApplyRequest) -> set[str]:
    changed = set()
    for item in request.removed:
        row = box.rows.get(item.remote_id)
        if row is not None and row["folder"] == item.folder and not row["pending"]:
            row["pending"] = True
            changed.add(item.remote_id)
    for gone in request.gone:
        box.unreadable.pop(gone, None)
        if gone in box.rows and box.rows[gone]["pending"]:
            del box.rows[gone]
            changed.add(gone)
    return changed


def _update(folder: MemoryFolder, update: FolderUpdate) -> int:
    for name in _UPDATED:
        value = getattr(update, name)
        if value is not UNSET:
            assert update.revision is not UNSET or name in {"unread", "total"}, "without a revision only counts may be given"
            setattr(folder, name, value)
    if update.revision is not UNSET:
        folder.revision += 1
    return folder.revision


def _within(box: MemoryMailbox, folder: str, after: str | None, until: str | None) -> dict[str, dict[str, Any]]:
    return {
        i: r
        for i, r in box.rows.items()
        if r["folder"] == folder
        and not r["pending"]
        and (after is None or r["received_at"] > after)
        and (until is None or r["received_at"] <= until)
    }


def _snapshot(folder: MemoryFolder, indexed: int) -> FolderSnapshot:
    names = ("remote_id", "role", "name", "sync_enabled", "sync_state", "revision", "cursor", "is_bootstrapped", "anchor", "told")
    values = {name: getattr(folder, name) for name in (*names, "backfill_before", "is_backfilled", "unread", "total")}
    return FolderSnapshot(**values, indexed=indexed)


def _check(patch: dict[str, Any]) -> None:
    """Refuse what the real addon refuses: unknown keys, NUL, lone surrogates."""
    for name, value in patch.items():
        if name not in _KEYS:
            raise OdooFault("odoo.exceptions.ValidationError", "messages: an unknown key")
        if isinstance(value, str):
            if "\0" in value:
                raise OdooFault("odoo.exceptions.ValidationError", f"messages.{name}: a NUL character")
            try:
                value.encode()
            except UnicodeEncodeError:
                raise OdooFault("odoo.exceptions.ValidationError", f"messages.{name}: a lone surrogate") from None
