"""The port's methods in terms of one call: what both transports share.

A transport is a function that calls a method of `mailbox.account` with named parameters and returns decoded JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from connector.errors import OdooFault, OdooRefused, OdooUnsuitable
from connector.odoo import meaning
from connector.odoo.wire import Checkup, Comparison, DraftContent, Exchange, Hello, MailboxSnapshot, Refused, Told, to_apply_result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from connector.odoo.probe import ServerVersion
    from connector.odoo.wire import AccountReport, ApplyRequest, ApplyResult, Listed, Outcome, Trouble

__all__ = ["MODEL", "AddonCalls", "Transport"]

MODEL = "mailbox.account"

# The series that the addon is written for, and its first release that speaks docs/protocol.md as it is now.
_ODOO_NEEDED = 19
_ADDON_NEEDED = (1, 4, 0)

_T = TypeVar("_T")


class Transport(Protocol):
    """Calls one method of the addon; raises the `OdooError` family."""

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call `MODEL.method` with named `params`."""


class AddonCalls:
    """`OdooPort` over any transport."""

    def __init__(
        self,
        transport: Transport,
        url: str,
        ask_version: Callable[[], Awaitable[ServerVersion]],
        *,
        key_index: str | None = None,
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`ask_version` asks the server, not the addon: it is answered before any login. `on_refused` hears of each call refused."""
        self._transport = transport
        self._url = url
        self._ask_version = ask_version
        self._key_index = key_index
        self._on_refused = on_refused

    async def hello(self, version: str) -> Hello:
        """Tell Odoo our version, hear who it is; Odoo's version comes first, since an old one explains all that follows."""
        server = await self._ask_version()
        if server.series < _ODOO_NEEDED:
            raise meaning.too_old(self._url, server.name, _ODOO_NEEDED)
        hello = self._read(Hello, await self._call("connector_hello", connector_version=version, key_index=self._key_index))
        if _addon_release(hello.addon_version) < _ADDON_NEEDED:
            needed = ".".join(map(str, _ADDON_NEEDED))
            raise OdooUnsuitable(f"the addon maildesk is version {hello.addon_version}; this connector needs {needed}: update it in Odoo")
        return hello

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
        """Tell what there is to tell of the accounts, hear which ones changed; holds the lease of `instance` and `run`.

        At most `actions` actions come along.
        """
        told = {} if isinstance(trouble, UnsetType) else {"trouble": trouble}
        answer = await self._call(
            "connector_exchange",
            instance=instance,
            run=run,
            serial=serial,
            since=since,
            reports=list(reports),
            leaving=leaving,
            database=database,
            actions=actions,
            **told,
        )
        return self._read(Exchange, answer)

    async def take_up(self, account_ids: Sequence[int]) -> list[MailboxSnapshot]:
        """Read cursors, revisions and unresolved removals of mailboxes."""
        return self._read(list[MailboxSnapshot], await self._call("connector_take_up", account_ids=list(account_ids)))

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Change Odoo's index in one transaction, or not at all."""
        answer = await self._send("connector_apply", msgspec.to_builtins(request))
        try:
            return to_apply_result(answer)
        except (msgspec.ValidationError, AttributeError) as error:
            raise OdooFault("unexpected answer", str(error)) from error

    async def compare(
        self, account_id: int, folder: str, listed: Sequence[Listed], *, after: str | None = None, until: str | None = None
    ) -> Comparison:
        """Compare a complete listing of a time of `folder` with the index."""
        answer = await self._call("connector_compare", account_id=account_id, folder=folder, listed=list(listed), after=after, until=until)
        return self._read(Comparison, answer)

    async def check(self) -> Checkup:
        """Hear who Odoo is without being noted, and let it ask the connector that it is set up for."""
        return self._read(Checkup, await self._call("connector_check", key_index=self._key_index))

    async def body(self, account_id: int, remote_id: str, body: dict[str, Any], *, database: str | None = None) -> None:
        """Deliver a body that was too late for the request that asked, to `database` and no other."""
        await self._call("connector_body", account_id=account_id, remote_id=remote_id, body=body, database=database)

    async def outcomes(
        self, account_id: int, outcomes: Sequence[Outcome], *, database: str | None = None, fence: str | None = None
    ) -> int | Refused:
        """Tell what came of actions to `database` and no other; refused where the mailbox was taken up anew since `fence` was given."""
        answer = await self._call("connector_outcomes", account_id=account_id, outcomes=list(outcomes), database=database, fence=fence)
        told = self._read(Told, answer)
        return Refused(told.reason) if told.reason is not None else told.taken

    async def draft(self, account_id: int, uuid: str, *, database: str | None = None) -> DraftContent | None:
        """Return what the mail of an open action says; None where there is none any more."""
        answer = await self._call("connector_draft", account_id=account_id, uuid=uuid, database=database)
        return self._read(DraftContent, answer) if answer else None

    async def draft_piece(
        self, account_id: int, uuid: str, attachment_id: int, offset: int, size: int, *, database: str | None = None
    ) -> bytes | None:
        """Return a piece of a file of the mail of an open action; None where there is none any more."""
        where = {"attachment_id": attachment_id, "offset": offset, "size": size}
        answer = await self._call("connector_draft_piece", account_id=account_id, uuid=uuid, database=database, **where)
        return self._read(bytes, answer) if isinstance(answer, str) else None

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
        """Tell that the draft of a mail exists, and by `asking` that it is about to be sent; return whether the mail is wanted still."""
        made = {"remote_id": remote_id, "change_key": change_key, "internet_message_id": internet_message_id, "asking": asking}
        answer = await self._call("connector_draft_made", account_id=account_id, uuid=uuid, database=database, **made)
        return self._read(bool, answer)

    async def _call(self, method: str, **params: Any) -> Any:
        return await self._send(method, msgspec.to_builtins(params))

    async def _send(self, method: str, params: dict[str, Any]) -> Any:
        try:
            return await self._transport.call(method, params)
        except OdooRefused:
            self._on_refused()
            raise

    @staticmethod
    def _read(kind: type[_T], answer: Any) -> _T:
        """Return `answer` as `kind`; an addon that answers otherwise is of another version."""
        try:
            return msgspec.convert(answer, kind)
        except msgspec.ValidationError as error:
            raise OdooFault("unexpected answer", str(error)) from error


def _addon_release(version: str) -> tuple[int, ...]:
    """Return the addon's own part of `19.0.1.2.3`: (1, 2, 3)."""
    return tuple(int(part) for part in version.split(".")[2:] if part.isdecimal())
