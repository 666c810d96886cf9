"""The port to Odoo: what `sync` may ask of the addon, whichever transport carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import UNSET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import UnsetType

    from connector.odoo.wire import (
        AccountReport,
        ApplyRequest,
        ApplyResult,
        Checkup,
        Comparison,
        DraftContent,
        Exchange,
        Hello,
        Listed,
        MailboxSnapshot,
        Outcome,
        Refused,
        Trouble,
    )

__all__ = ["OdooPort"]


class OdooPort(Protocol):
    """The addon's methods for the connector (docs/protocol.md, section 1).

    Every method raises `OdooUnreachable`, `OdooRefused`, `OdooUnsuitable` or `OdooFault`, and nothing else that is expected.
    """

    async def hello(self, version: str) -> Hello:
        """Tell Odoo our version, hear who it is."""

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
        """Tell what there is to tell of the accounts, hear which ones changed; holds the lease of `instance` and `run`, or leaves it.

        `database` is the UUID of the only database that is meant, `trouble` what is wrong with the connector itself (unset: not known yet).
        """

    async def take_up(self, account_ids: Sequence[int]) -> list[MailboxSnapshot]:
        """Read cursors, revisions and unresolved removals of mailboxes."""

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Change Odoo's index in one transaction, or not at all."""

    async def compare(
        self, account_id: int, folder: str, listed: Sequence[Listed], *, after: str | None = None, until: str | None = None
    ) -> Comparison:
        """Compare a complete listing of a time of `folder` with the index (`after` exclusive, `until` inclusive, None is open)."""

    async def check(self) -> Checkup:
        """Hear who Odoo is without being noted, and let it ask the connector that it is set up for."""

    async def body(self, account_id: int, remote_id: str, body: dict[str, Any], *, database: str | None = None) -> None:
        """Deliver a body that was too late for the request that asked, to `database` and no other."""

    async def outcomes(
        self, account_id: int, outcomes: Sequence[Outcome], *, database: str | None = None, fence: str | None = None
    ) -> int | Refused:
        """Tell what came of actions to `database` and no other; return how many of them were still open.

        Refused with the reason "fence": the mailbox was taken up anew since `fence` was given.
        """

    async def draft(self, account_id: int, uuid: str, *, database: str | None = None) -> DraftContent | None:
        """Return what the mail of an open action says; None where there is none any more."""

    async def draft_piece(
        self, account_id: int, uuid: str, attachment_id: int, offset: int, size: int, *, database: str | None = None
    ) -> bytes | None:
        """Return a piece of a file of the mail of an open action; None where there is none any more."""

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
        """Tell that the draft of a mail exists; return whether the mail is wanted still.

        `asking`: the claim of the action, where Graph is about to be asked to send that draft; False: it must not be.
        """
