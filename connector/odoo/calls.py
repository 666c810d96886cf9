"""The port's methods in terms of one call: what both transports share.

A transport is a function that calls a method of `mailbox.account` with named parameters and returns decoded JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from connector.errors import OdooFault
from connector.odoo.wire import Exchange, Hello, MailboxSnapshot, to_apply_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.odoo.wire import AccountReport, ApplyRequest, ApplyResult

__all__ = ["MODEL", "AddonCalls", "Transport"]

MODEL = "mailbox.account"

_T = TypeVar("_T")


class Transport(Protocol):
    """Calls one method of the addon; raises the `OdooError` family."""

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call `MODEL.method` with named `params`."""


class AddonCalls:
    """`OdooPort` over any transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def hello(self, version: str) -> Hello:
        """Tell Odoo our version, hear who it is."""
        return self._read(Hello, await self._call("connector_hello", connector_version=version))

    async def exchange(self, *, instance: str, since: str | None, reports: Sequence[AccountReport]) -> Exchange:
        """Tell what there is to tell of the accounts, hear which ones changed."""
        return self._read(Exchange, await self._call("connector_exchange", instance=instance, since=since, reports=list(reports)))

    async def take_up(self, account_ids: Sequence[int]) -> list[MailboxSnapshot]:
        """Read cursors, revisions and unresolved removals of mailboxes."""
        return self._read(list[MailboxSnapshot], await self._call("connector_take_up", account_ids=list(account_ids)))

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Change Odoo's index in one transaction, or not at all."""
        answer = await self._transport.call("connector_apply", msgspec.to_builtins(request))
        try:
            return to_apply_result(answer)
        except (msgspec.ValidationError, AttributeError) as error:
            raise OdooFault("unexpected answer", str(error)) from error

    async def unlisted(
        self,
        account_id: int,
        folder: str,
        listed: Sequence[str],
        *,
        since: str | None = None,
        after: str | None = None,
        until: str | None = None,
    ) -> list[str]:
        """Return the rows of `folder` in that time that a complete listing does not have."""
        answer = await self._call(
            "connector_unlisted", account_id=account_id, folder=folder, listed=list(listed), since=since, after=after, until=until
        )
        return self._read(dict[str, list[str]], answer)["unlisted"]

    async def body(self, account_id: int, remote_id: str, body: dict[str, Any]) -> None:
        """Deliver a body that was too late for the request that asked."""
        await self._call("connector_body", account_id=account_id, remote_id=remote_id, body=body)

    async def _call(self, method: str, **params: Any) -> Any:
        return await self._transport.call(method, msgspec.to_builtins(params))

    @staticmethod
    def _read(kind: type[_T], answer: Any) -> _T:
        """Return `answer` as `kind`; an addon that answers otherwise is of another version."""
        try:
            return msgspec.convert(answer, kind)
        except msgspec.ValidationError as error:
            raise OdooFault("unexpected answer", str(error)) from error
