"""Tickets: who has one may fetch one thing, once, for a minute. Odoo gets it, having checked the right, for the proxy that fetches it."""

from __future__ import annotations

import secrets
from typing import Generic, TypeVar

import trio

__all__ = ["TICKET_SECONDS", "Tickets"]

TICKET_SECONDS = 60.0

# Tickets that lie here at once at most; the oldest go. A minute has no more clicks than that.
_MOST = 10_000

_T = TypeVar("_T")


class Tickets(Generic[_T]):
    """Tickets for things of one kind; time is trio's."""

    def __init__(self) -> None:
        # In the order of their ends.
        self._open: dict[str, tuple[float, _T]] = {}

    def issue(self, thing: _T) -> str:
        """Return a ticket for `thing`."""
        now = trio.current_time()
        for ticket, (until, _) in list(self._open.items()):
            if until > now and len(self._open) < _MOST:
                break
            del self._open[ticket]
        ticket = secrets.token_urlsafe(32)
        self._open[ticket] = (now + TICKET_SECONDS, thing)
        return ticket

    def redeem(self, ticket: str) -> _T | None:
        """Return what a ticket is for, and take it in; None of one that is unknown, used or too old."""
        until, thing = self._open.pop(ticket, (0.0, None))
        return thing if until > trio.current_time() else None
