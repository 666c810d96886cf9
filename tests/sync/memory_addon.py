"""The addon in memory, true to docs/protocol.md, for tests that run the engine thousands of times.

It keeps the same promises as the real one, in particular: a call is one transaction, done or not done. The contract suite
(tests/odoo_contract) runs against both, so that this one cannot drift. A test gets in between by `on_call`, which is awaited before and
after each call: what it raises there loses the call, or its answer, or kills whoever called.
"""

from __future__ import annotations

import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
import trio
from msgspec import UNSET, UnsetType

from connector.errors import OdooFault, OdooUnreachable
from connector.odoo.wire import (
    Account,
    Checkup,
    Comparison,
    ConnectorSeen,
    DraftContent,
    Exchange,
    Foreign,
    Held,
    Hello,
    MailboxSnapshot,
    Outcome,
    Refused,
    SealedToken,
    Trouble,
)
from tests.sync import memory_addon_letters as letters
from tests.sync.memory_addon_actions import act, claim, take_outcomes, undo
from tests.sync.memory_addon_answers import account, compare, snapshot
from tests.sync.memory_addon_apply import Apply
from tests.sync.memory_addon_reports import DISCONNECTED, read_report, read_trouble, write_report
from tests.sync.memory_addon_tables import MemoryFolder, MemoryMailbox
from tests.sync.memory_addon_wire import iso, key, moment, number, objects, text, wrong

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from connector.odoo.wire import AccountReport, ApplyRequest, ApplyResult, Listed

__all__ = ["MemoryAddon", "MemoryFolder", "MemoryMailbox"]

_LEASE = timedelta(seconds=60)
_OVERLAP = timedelta(minutes=5)
_REFRESH_KEPT = timedelta(minutes=10)

# States in which a person's refresh asks for anything.
_REFRESHED = frozenset({"connected", "error", "admin_required"})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Lease:
    """The connector that serves this database."""

    instance: str
    run: str
    serial: str
    seen_at: datetime
    # What it gave this run before: one that did not hear the last answer still says this.
    previous: str | None = None


@dataclass(slots=True)
class _Database:
    """All that a backup holds."""

    mailboxes: dict[int, MemoryMailbox] = field(default_factory=dict)
    lease: _Lease | None = None
    refreshes: list[tuple[int, datetime]] = field(default_factory=list)
    last_account: int = 0
    last_row: int = 0
    trouble: Trouble | None = None
    last_action: int = 0

    def copy(self) -> _Database:
        boxes = {account_id: box.copy() for account_id, box in self.mailboxes.items()}
        return _Database(boxes, self.lease, list(self.refreshes), self.last_account, self.last_row, self.trouble, self.last_action)

    def action_numbers(self) -> Iterator[int]:
        """Give new actions their ids."""
        while True:
            self.last_action += 1
            yield self.last_action

    def numbers(self) -> Iterator[int]:
        """Give new rows their ids."""
        while True:
            self.last_row += 1
            yield self.last_row


@dataclass(slots=True)
class MemoryAddon:
    """`OdooPort`, with accounts that a test adds.

    `on_call` gets "before" or "after", the method, and what it was called with; `fuse` the first two as one text. `calls` counts those.
    """

    now: Callable[[], datetime]
    fuse: Callable[[str], Awaitable[None]] | None = None
    on_call: Callable[[str, str, object], Awaitable[None]] | None = None
    database_uuid: str = "00000000-0000-4000-8000-000000000000"
    calls: Counter[str] = field(default_factory=Counter)
    # Calls that outlive whoever made them, by method: the next one is carried out when so many others were, and its caller never hears.
    late: dict[str, int] = field(default_factory=dict)
    _under_way: list[tuple[int, Callable[[], object]]] = field(default_factory=list)
    # Codes of troubles that administrators were told of.
    notified: list[str] = field(default_factory=list)
    _db: _Database = field(default_factory=_Database)

    # ---------------------------------------------------------------- the database

    @property
    def mailboxes(self) -> dict[int, MemoryMailbox]:
        """The accounts."""
        return self._db.mailboxes

    def dump(self) -> object:
        """Return a backup of the database, the lease with it."""
        return self._db.copy()

    def restore(self, dump: object) -> None:
        """Put a backup in the database's place; it can be restored again."""
        if not isinstance(dump, _Database):
            raise TypeError("not a dump of this addon")
        self._db = dump.copy()

    def rows(self, account_id: int) -> dict[str, dict[str, Any]]:
        """Return the index of a mailbox: rows by message, hidden ones too, with the keys of the wire, `id` and `pending`."""
        return dict(self.mailboxes[account_id].rows)

    # ---------------------------------------------------------------- what people do

    def new_account(self, email: str) -> int:
        """Make an account that is not connected yet; return its id."""
        self._db.last_account = max([self._db.last_account, *self.mailboxes]) + 1
        self.mailboxes[self._db.last_account] = MemoryMailbox(email, "draft", config_changed_at=self._now())
        return self._db.last_account

    def sign_in(self, account_id: int, token: SealedToken) -> None:
        """Note a finished sign-in."""
        self.configure(account_id, state="connected", state_message="Connected", token=token, active=True)

    def disconnect(self, account_id: int) -> None:
        """Disconnect an account, as a person's Delete does."""
        self.mailboxes[account_id].disconnect()
        self.configure(account_id)

    @property
    def trouble(self) -> Trouble | None:
        """What the connector says is wrong with it."""
        return self._db.trouble

    def configure(self, account_id: int, **values: Any) -> None:
        """Write fields of an account as people's methods do: the connector is to hear of it."""
        box = self.mailboxes[account_id]
        for name, value in values.items():
            setattr(box, name, value)
        box.config_changed_at = self._now()

    def delete_account(self, account_id: int) -> None:
        """Delete an account with all that is its."""
        del self.mailboxes[account_id]
        self._db.refreshes = [(asked, when) for asked, when in self._db.refreshes if asked != account_id]

    def maildesk_refresh(self, account_ids: Sequence[int] = ()) -> None:
        """Ask the connector for a cycle now, of all mailboxes or of some."""
        for account_id in account_ids or list(self.mailboxes):
            box = self.mailboxes[account_id]
            if box.active and box.state in _REFRESHED:
                self._db.refreshes.append((account_id, self._now()))

    def maildesk_set_sync(self, account_id: int, folders: Sequence[str], *, enabled: bool) -> None:
        """Switch folders, named by their remote ids; off, their rows go at once."""
        box = self.mailboxes[account_id]
        for folder in (box.folders[name] for name in folders):
            if not folder.active or folder.sync_enabled == enabled:
                continue
            folder.sync_enabled, folder.sync_state = enabled, "ok"
            folder.begin_anew()
            box.config_changed_at = self._now()
            if not enabled:
                box.forget(folder.remote_id)

    def maildesk_do(self, account_id: int, kind: str, remote_ids: Sequence[str] = (), **values: Any) -> str:
        """Do something with messages, or with a folder; return what undoes it."""
        return act(self.mailboxes[account_id], self._db.action_numbers(), self._now(), kind, remote_ids, **values)

    def maildesk_undo(self, account_id: int, group: str) -> None:
        """Take it back."""
        undo(self.mailboxes[account_id], self._db.action_numbers(), self._now(), group)

    # ---------------------------------------------------------------- the port

    async def hello(self, version: str) -> Hello:
        """Say who is here."""

        def work() -> Hello:
            text(version, "connector_version")
            return Hello("19.0.1.4.0", "19.0", self.database_uuid, iso(self._now()))

        return await self._call("hello", {"connector_version": version}, work)

    async def exchange(
        self,
        *,
        instance: str,
        run: str,
        serial: str | None,
        since: str | None,
        reports: Sequence[AccountReport],
        leaving: bool = False,
        database: str | None = None,
        trouble: Trouble | None | UnsetType = UNSET,
        actions: int = 0,
    ) -> Exchange:
        """Take reports, hold the lease, tell accounts."""
        request: dict[str, Any] = {"instance": instance, "run": run, "serial": serial, "since": since, "reports": list(reports)}
        request |= {"leaving": leaving, "database": database, "actions": actions}
        if not isinstance(trouble, UnsetType):
            request["trouble"] = trouble
        return await self._call("exchange", request, lambda: self._exchange(**msgspec.to_builtins(request)))

    async def take_up(self, account_ids: Sequence[int]) -> list[MailboxSnapshot]:
        """Tell what is there."""

        def work() -> list[MailboxSnapshot]:
            wanted = {number(one, "account_ids") for one in account_ids}
            for account_id in wanted & self.mailboxes.keys():
                self.mailboxes[account_id].fence = str(uuid.uuid4())
            return [snapshot(i, self.mailboxes[i]) for i in sorted(wanted & self.mailboxes.keys())]

        return await self._call("take_up", {"account_ids": list(account_ids)}, work)

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Do all of it or nothing."""

        def work() -> ApplyResult:
            if not self._is_meant(None if isinstance(request.database, UnsetType) else request.database):
                return Refused("database")
            box = self.mailboxes.get(number(request.account_id, "account_id"))
            if box is None or not box.is_connected:
                return Refused("account")
            if not _is_in_time(box, None if isinstance(request.fence, UnsetType) else request.fence):
                return Refused("fence")
            values = msgspec.to_builtins(msgspec.structs.replace(request, database=UNSET, fence=UNSET))
            return Apply(box, values, self._db.numbers()).run()

        return await self._call("apply", request, work)

    async def compare(
        self, account_id: int, folder: str, listed: Sequence[Listed], *, after: str | None = None, until: str | None = None
    ) -> Comparison:
        """Compare a listing with the rows."""
        request = {"account_id": account_id, "folder": folder, "listed": list(listed), "after": after, "until": until}

        def work() -> Comparison:
            box = self.mailboxes.get(number(account_id, "account_id"), MemoryMailbox())
            return compare(box, folder, listed, after, until)

        return await self._call("compare", request, work)

    async def outcomes(
        self, account_id: int, outcomes: Sequence[Outcome], *, database: str | None = None, fence: str | None = None
    ) -> int | Refused:
        """Note what came of actions."""

        def work() -> int | Refused:
            if not self._is_meant(database):
                return 0
            box = self.mailboxes.get(number(account_id, "account_id"))
            if box is not None and not _is_in_time(box, fence):
                return Refused("fence")
            found = objects(msgspec.to_builtins(list(outcomes)), "outcomes")
            return take_outcomes(box, found, letters.end) if box is not None else 0

        request = {"account_id": account_id, "outcomes": list(outcomes), "database": database, "fence": fence}
        return await self._call("outcomes", request, work)

    def maildesk_send(
        self, account_id: int, subject: str, to: str, *, delay: float = 0.0, files: tuple[tuple[int, str, bytes], ...] = ()
    ) -> str:
        """Let a mail be sent; return its action."""
        due = self._now() + timedelta(seconds=delay)
        return letters.send(self.mailboxes[account_id], self._db.action_numbers(), due, subject, to, files)

    async def draft(self, account_id: int, uuid: str, *, database: str | None = None) -> DraftContent | None:
        """Tell what a mail says."""

        def work() -> DraftContent | None:
            box = self.mailboxes.get(number(account_id, "account_id"))
            return letters.content_of(box, uuid) if box is not None and self._is_meant(database) else None

        return await self._call("draft", {"account_id": account_id, "uuid": uuid, "database": database}, work)

    async def draft_piece(
        self, account_id: int, uuid: str, attachment_id: int, offset: int, size: int, *, database: str | None = None
    ) -> bytes | None:
        """Give a piece of a file."""

        def work() -> bytes | None:
            box = self.mailboxes.get(number(account_id, "account_id"))
            letters.check_piece(attachment_id, offset, size)
            is_here = box is not None and self._is_meant(database)
            return letters.piece_of(box, uuid, attachment_id, offset, size) if box is not None and is_here else None

        request = {"account_id": account_id, "uuid": uuid, "attachment_id": attachment_id, "database": database}
        return await self._call("draft_piece", request, work)

    async def draft_made(
        self,
        account_id: int,
        uuid: str,
        remote_id: str,
        change_key: str | None,
        internet_message_id: str | None,
        *,
        database: str | None = None,
        asking: str | None = None,
    ) -> bool:
        """Note that the draft of a mail exists."""

        def work() -> bool:
            box = self.mailboxes.get(number(account_id, "account_id"))
            if not self._is_meant(database):
                return False
            return letters.made(box, uuid, remote_id, change_key, internet_message_id, asking)

        request = {"account_id": account_id, "uuid": uuid, "remote_id": remote_id, "database": database, "asking": asking}
        return await self._call("draft_made", request, work)

    async def check(self) -> Checkup:
        """Know of no connector."""
        seen = ConnectorSeen("not_configured", "")
        return Checkup("19.0.1.4.0", "19.0", "", "", connector=seen, redirect_uri="")

    async def body(self, account_id: int, remote_id: str, body: dict[str, Any], *, database: str | None = None) -> None:
        """Take a late body; the first one stays."""

        def work() -> None:
            if not self._is_meant(database):
                return
            box = self.mailboxes.get(number(account_id, "account_id"))
            known = key(remote_id, "remote_id") in box.rows if box is not None else False
            if box is not None and known and not body.get("error"):
                box.bodies.setdefault(remote_id, body)

        await self._call("body", {"account_id": account_id, "remote_id": remote_id, "body": body, "database": database}, work)

    # ---------------------------------------------------------------- inside

    def _now(self) -> datetime:
        """Return the time as Odoo keeps it."""
        return self.now().astimezone(UTC).replace(microsecond=0)

    async def _call(self, method: str, request: object, work: Callable[[], _T]) -> _T:
        """Carry one call: there it may be lost, or its answer; `work` itself has no step in between."""
        await self._step("before", method, request)
        self._carry_late()
        if method in self.late:
            self._under_way.append((self.late.pop(method), work))
            raise OdooUnreachable("cut")
        answer = work()
        await self._step("after", method, request)
        return answer

    def _carry_late(self) -> None:
        """Carry out calls whose time has come, as a server does that was busy when their callers went."""
        waiting, self._under_way = self._under_way, []
        for others, work in waiting:
            if others > 0:
                self._under_way.append((others - 1, work))
                continue
            with suppress(OdooFault):
                work()

    async def _step(self, phase: str, method: str, request: object) -> None:
        self.calls[f"{phase} {method}"] += 1
        await trio.lowlevel.checkpoint()
        if self.fuse is not None:
            await self.fuse(f"{phase} {method}")
        if self.on_call is not None:
            await self.on_call(phase, method, request)

    def _is_meant(self, database: str | None) -> bool:
        return text(database, "database") in {None, self.database_uuid}

    def _exchange(
        self,
        instance: str,
        run: str,
        serial: str | None,
        since: str | None,
        reports: list[dict[str, Any]],
        *,
        leaving: bool,
        database: str | None,
        trouble: dict[str, Any] | None | Literal[False] = False,
        actions: int = 0,
    ) -> Exchange:
        if not self._is_meant(database):
            return Exchange(foreign=Foreign(self.database_uuid))
        now, lease = self._now(), self._db.lease
        mine = _Lease(key(instance, "instance"), key(run, "run"), str(uuid.uuid4()), now)
        text(serial, "serial")
        if lease is not None and now - lease.seen_at < _LEASE and not _is_same(lease, mine, serial):
            return Exchange(held=Held(lease.instance, iso(lease.seen_at)))
        bound = None if since is None else _time(since, "since") - _OVERLAP
        taken = [(self.mailboxes.get(number(r.get("account_id"), "account_id")), r) for r in objects(reports, "reports")]
        written = [(box, *read_report(box, report)) for box, report in taken if box is not None]
        told = read_trouble(trouble) if trouble is not False else self._db.trouble
        # Nothing fails from here on.
        restored = serial is not None and (lease is None or serial not in {lease.serial, lease.previous})
        previous = lease.serial if lease is not None and lease.run == run else None
        self._db.lease = None if leaving else replace(mine, previous=previous)
        if told is not None and (self._db.trouble is None or self._db.trouble.code != told.code):
            self.notified.append(told.code)
        self._db.trouble = told
        for box, values, cursors in written:
            if values.get("state") == DISCONNECTED:
                box.disconnect()
                box.config_changed_at = now
            else:
                write_report(box, values, cursors)
        asked = self._refreshes(now)
        accounts = [
            account(i, self.mailboxes[i], asked.get(i))
            for i in sorted(self.mailboxes)
            if bound is None or self.mailboxes[i].config_changed_at >= bound or (i in asked and asked[i] >= bound)
        ]
        accounts += [Account(r["account_id"], "", "outlook", DISCONNECTED, active=False) for box, r in taken if box is None]
        given = []
        if not restored and not leaving:
            previous = lease.serial if lease is not None and lease.run == mine.run else None
            for box in self.mailboxes.values():
                if box.is_worked_on and actions:
                    letters.start(box, self._db.numbers(), now)
            given = claim(self.mailboxes, number(actions, "actions"), serial, since, (mine.serial, previous), now)
        return Exchange(
            iso(now), accounts, mine.serial, restored, last_account_id=self._db.last_account, actions=given, next_send_in=self._next(now)
        )

    def _next(self, now: datetime) -> float | None:
        actions = [action for box in self.mailboxes.values() if box.is_worked_on for action in box.actions.values()]
        due = [a.due_at for a in actions if a.state == "scheduled" or (a.state == "pending" and a.due_at > now)]
        soon = [(one - now).total_seconds() for one in due if one - now <= timedelta(hours=1)]
        return max(0.0, min(soon)) if soon else None

    def _refreshes(self, now: datetime) -> dict[int, datetime]:
        """Return the newest request to refresh by account, and forget old ones."""
        self._db.refreshes = [(i, when) for i, when in self._db.refreshes if now - when <= _REFRESH_KEPT]
        return dict(sorted(self._db.refreshes, key=lambda asked: asked[1]))


def _is_in_time(box: MemoryMailbox, fence: str | None) -> bool:
    return text(fence, "fence") in {None, box.fence}


def _is_same(lease: _Lease, mine: _Lease, serial: str | None) -> bool:
    """A run that has a serial but is not the holder was replaced by a newer one of the same file."""
    return lease.instance == mine.instance and (lease.run == mine.run or serial is None)


def _time(value: str, where: str) -> datetime:
    found = moment(value, where)
    if found is None:
        raise wrong(f"{where}: not an ISO 8601 time")
    return datetime.fromisoformat(found)
