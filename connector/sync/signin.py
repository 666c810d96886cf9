"""Sign-in: from the person's click in Odoo to a sealed token (docs/protocol.md, 2.2).

The flow (PKCE verifier, nonce, state) rests sealed in the working copy for ten minutes and serves once. What comes back is
believed only after the mailbox itself was asked who it is: never another mailbox silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from connector.errors import GraphError
from connector.graph.auth import AccountTokens, SignInRefused
from connector.graph.profile import me
from connector.state.sealed import FLOW as _PURPOSE
from connector.web.server import SignInOutcome, StartedSignIn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from connector.graph.auth import Entra, Granted
    from connector.graph.client import MailboxClient, TokenSource
    from connector.graph.types import User
    from connector.state.store import Store
    from connector.state.vault import Vault
    from connector.sync.tokens import Tokens

__all__ = ["SignIn"]

# Seconds: as long as Entra lets a code live (graph-behaviour 9.1), so that neither end waits for the other's leftovers.
FLOW_TTL = 600


_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SignIn:
    """Starts and finishes sign-ins for any account; `client` makes a Graph client for a mailbox's address and a token source."""

    entra: Entra
    tokens: Tokens
    store: Store
    vault: Vault
    client: Callable[[str, TokenSource], MailboxClient]
    known_seq: Callable[[int], int]
    allowed_tenants: Sequence[str]
    allowed_domains: Sequence[str]
    now: Callable[[], datetime]

    async def start(self, account_id: int, email: str, redirect_uri: str) -> StartedSignIn:
        """Return where to send the browser. Raises `NotConfigured`, `EntraUnreachable`."""
        url, state, flow = await self.entra.start(email, redirect_uri)
        sealed = self.vault.seal(flow, purpose=_PURPOSE, account_id=account_id)
        await self.store.put_flow(state, account_id, sealed, self.now().timestamp() + FLOW_TTL)
        return StartedSignIn(url=url, state=state)

    async def finish(self, account_id: int, email: str, state: str, answer: dict[str, str]) -> SignInOutcome:
        """Redeem what Entra answered. Every ending that a person can cause is an outcome; raises `EntraUnreachable`, `NeedsAdmin`."""
        taken = await self.store.take_flow(state, self.now().timestamp())
        if taken is None or taken[0] != account_id:
            return SignInOutcome("expired", "This sign-in took too long or was already used. Please start it again.")
        flow = self.vault.open(taken[1], purpose=_PURPOSE, account_id=account_id)
        try:
            granted = await self.entra.finish(flow, answer)
        except SignInRefused as refused:
            _log.info("sign-in refused", account=account_id, outcome=refused.outcome)
            return SignInOutcome(refused.outcome, refused.message)
        if (reason := self._not_allowed(granted, email)) is not None:
            return SignInOutcome("failed", reason)
        try:
            person = await me(self.client(email, AccountTokens(self.entra, granted.cache_blob, _nowhere)))
        except GraphError as error:
            _log.warning("mailbox does not answer after sign-in", account=account_id, graph_code=error.code, status=error.status)
            return SignInOutcome(
                "failed", f"Microsoft signed you in, but does not give access to the mailbox ({error.code or error.status})."
            )
        addresses = _addresses(person, granted)
        if email.casefold() not in {a.casefold() for a in addresses}:
            address = addresses[0] if addresses else ""
            return SignInOutcome(
                "wrong_address", "Another mailbox signed in than the one of this account. Nothing was connected.", address=address
            )
        token = await self.tokens.save(account_id, granted.cache_blob, at_least=self.known_seq(account_id), email=email)
        # After it was kept: a running mailbox that asks meanwhile would open the old one again.
        self.tokens.drop(account_id)
        _log.info("signed in", account=account_id)
        return SignInOutcome(
            "connected",
            "Connected",
            email=email,
            display_name=person.display_name or "",
            scopes=list(granted.scopes),
            token=token,
        )

    def _not_allowed(self, granted: Granted, email: str) -> str | None:
        """Return why the configuration does not admit this sign-in, or None."""
        tenant = str(granted.claims.get("tid", ""))
        if self.allowed_tenants and tenant not in self.allowed_tenants:
            return "Your organisation is not on this connector's list (entra.allowed_tenants). Please ask your administrator."
        if self.allowed_domains and email.rpartition("@")[2].casefold() not in {d.casefold() for d in self.allowed_domains}:
            return "Addresses of this domain are not on this connector's list (entra.allowed_domains). Please ask your administrator."
        return None


def _addresses(person: User, granted: Granted) -> list[str]:
    """Return the addresses that are this mailbox's: what Graph says first, then what signed in (a personal account has no `mail`)."""
    known = [person.mail, person.user_principal_name, granted.claims.get("preferred_username"), granted.claims.get("email")]
    return list(dict.fromkeys(a for a in known if isinstance(a, str) and "@" in a))


async def _nowhere(_blob: bytes) -> None:
    """Keep nothing: a token that was not accepted yet is nobody's."""
