"""An addon in memory that keeps the promises of `connector_apply` which the connector builds on, and a bench of small parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from connector.odoo.wire import (
    Applied,
    ApplyRequest,
    ApplyResult,
    Checkup,
    Comparison,
    ConnectorSeen,
    Exchange,
    FolderSnapshot,
    Hello,
    MailboxSnapshot,
    Outcome,
    Refused,
    SetAside,
)
from connector.state.ledger import Ledger
from connector.sync.applier import Applier
from connector.sync.merge import is_whole
from connector.sync.trials import Trials
from connector.sync.turn import Turn
from connector.sync.work import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import UnsetType

    from connector.graph.client import MailboxClient
    from connector.odoo.wire import AccountReport, DraftContent, Listed, Trouble
    from connector.state.store import Store

__all__ = ["FakeAddon", "snapshot_of", "work_of"]


@dataclass(slots=True)
class FakeAddon:
    """One mailbox in Odoo: rows by remote id, revisions and cursors by folder."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    cursors: dict[str, str | None] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    calls: list[ApplyRequest] = field(default_factory=list)
    refusals: list[ApplyResult] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    # The databases that late bodies were meant for.
    meant: list[str | None] = field(default_factory=list)
    state: str = "connected"
    told: list[tuple[int, Outcome]] = field(default_factory=list)

    async def hello(self, version: str) -> Hello:
        """Answer."""
        return Hello("19.0", "19.0", version, "")

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
        """Know of no account, and take every connector for the holder of the lease."""
        return Exchange(watermark=f"{instance}{run}{serial}{since}{leaving}{len(reports)}{database}{trouble}{actions}", accounts=[])

    async def outcomes(
        self,
        account_id: int,
        outcomes: Sequence[Outcome],
        *,
        database: str | None = None,  # noqa: ARG002 - the port's
        fence: str | None = None,  # noqa: ARG002 - the port's
    ) -> int | Refused:
        """Keep what came of actions."""
        self.told += [(account_id, one) for one in outcomes]
        return len(outcomes)

    async def draft(self, account_id: int, uuid: str, *, database: str | None = None) -> DraftContent | None:
        """Know of no mail."""

    async def draft_piece(
        self, account_id: int, uuid: str, attachment_id: int, offset: int, size: int, *, database: str | None = None
    ) -> bytes | None:
        """Know of no file."""

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
        """Want no mail."""
        del account_id, uuid, remote_id, change_key, internet_message_id, database, asking
        return False

    async def take_up(self, account_ids: Sequence[int]) -> list[MailboxSnapshot]:
        """Tell cursors and revisions."""
        folders = [snapshot_of(f, revision=r, cursor=self.cursors.get(f)) for f, r in self.revisions.items()]
        return [MailboxSnapshot(account_id=i, folders=folders, pending=sorted(self.pending), fence="fence") for i in account_ids]

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Do all or nothing, as the addon does."""
        self.calls.append(request)
        self.set_aside += request.set_aside or []
        if self.refusals:
            return self.refusals.pop(0)
        if any(u.revision is not UNSET and u.revision != self.revisions.setdefault(u.folder, 0) for u in request.folders):
            return Refused("revision", dict(self.revisions))
        unknown = [p["remote_id"] for p in request.messages if p["remote_id"] not in self.rows and not is_whole(p)]
        if unknown:
            return Refused("unknown", unknown=unknown)
        new = sum(p["remote_id"] not in self.rows for p in request.messages)
        for patch in request.messages:
            self.rows.setdefault(patch["remote_id"], {}).update(patch)
            self.pending.discard(patch["remote_id"])
        for item in request.removed:
            if self.rows.get(item.remote_id, {}).get("folder") == item.folder:
                self.pending.add(item.remote_id)
        for gone in request.gone:
            if gone in self.pending:
                self.pending.discard(gone)
                del self.rows[gone]
        revisions = {}
        for update in request.folders:
            if update.revision is not UNSET:
                self.revisions[update.folder] += 1
                revisions[update.folder] = self.revisions[update.folder]
                if update.cursor is not UNSET:
                    self.cursors[update.folder] = update.cursor
        return Applied(revisions, new, len(request.messages) - new, sorted(self.pending))

    async def compare(
        self, account_id: int, folder: str, listed: Sequence[Listed], *, after: str | None = None, until: str | None = None
    ) -> Comparison:
        """Compare ids alone; this addon knows no times."""
        assert after is until is None
        ids = [entry[0] for entry in listed]
        differing = [i for i in ids if self.rows.get(i, {}).get("folder") != folder or i in self.pending]
        assert account_id
        unlisted = [i for i, row in self.rows.items() if row["folder"] == folder and i not in ids and i not in self.pending]
        return Comparison(differing, unlisted)

    async def check(self) -> Checkup:
        """Know of no connector."""
        seen = ConnectorSeen("not_configured", "")
        return Checkup("19.0.1.4.0", "19.0", "", "", connector=seen, redirect_uri="")

    async def body(self, account_id: int, remote_id: str, body: dict[str, Any], *, database: str | None = None) -> None:
        """Take a late body."""
        self.meant.append(database)
        self.rows[remote_id]["body"] = (account_id, body)


def work_of(client: MailboxClient, addon: FakeAddon, store: Store) -> Work:
    """Return the work of account 7, whose rows are all known to `addon`, at noon of a fixed day."""

    async def never(asked: list[str]) -> list[dict[str, Any]]:
        raise AssertionError(f"asked for {asked}")

    async def fine(patch: dict[str, Any]) -> None:
        raise AssertionError(f"{patch['remote_id']} refused")

    ledger = Ledger(store, 7)
    return Work(
        account_id=7,
        client=client,
        odoo=addon,
        store=store,
        ledger=ledger,
        applier=Applier(7, addon, store, never, fine, Turn("fence")),
        trials=Trials(ledger),
        bootstrap_messages=50,
        now=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC),
    )


def snapshot_of(remote_id: str, **given: Any) -> FolderSnapshot:
    """Return a folder as Odoo tells it, unremarkable but for `given`."""
    values: dict[str, Any] = {
        "role": "inbox",
        "name": "Inbox",
        "sync_enabled": True,
        "sync_state": "ok",
        "revision": 0,
        "cursor": None,
        "is_bootstrapped": True,
        "backfill_before": None,
        "is_backfilled": True,
        "unread": 0,
        "total": 0,
        "indexed": 0,
    }
    return FolderSnapshot(remote_id=remote_id, **{**values, **given})
