"""Sign-in: from the person's click in Odoo to a sealed token (docs/protocol.md, 2.2).

The flow (PKCE verifier, nonce, state) rests sealed in the working copy for ten minutes and serves once. What comes back is believed only
after the mailbox itself was asked who it is, in this order; whoever fails one of these connects nothing, and nothing of it is kept:

    the tenant and the domain are admitted           not_allowed
    Graph opens the mailbox                          failed
    the address is one of the mailbox's              wrong_address
    it is the mailbox that the account had before    other_mailbox
    no other account has it                          already_connected
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
import trio

from connector.errors import EntraUnreachable, GraphError, GraphThrottled, GraphUnreachable
from connector.graph.auth import AccountTokens
from connector.graph.profile import CONSUMERS, addresses, aliases, me
from connector.graph.refusals import SignInRefused
from connector.state.sealed import FLOW as _PURPOSE
from connector.web.backend import SignInOutcome, StartedSignIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from connector.graph.auth import Entra, Granted
    from connector.graph.client import MailboxClient, TokenSource
    from connector.graph.types import User
    from connector.odoo.wire import Account
    from connector.state.store import Store
    from connector.state.vault import Vault
    from connector.sync.challenges import Challenges
    from connector.sync.tokens import Tokens

__all__ = ["SignIn"]

# Seconds: as long as Entra lets a code live (graph-behaviour 9.1), so that neither end waits for the other's leftovers.
FLOW_TTL = 600

# Seconds that Microsoft gets for all that it is asked at the end of a sign-in: Odoo waits 20.
_PATIENCE = 18.0

# States of an account in Odoo that hold no mailbox.
_FREE_STATES = frozenset({"draft", "disconnected"})

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SignIn:
    """Starts and finishes sign-ins for any account.

    `client` makes a Graph client for a mailbox's address and a token source, `accounts` is what Odoo has.
    """

    entra: Entra
    tokens: Tokens
    challenges: Challenges
    store: Store
    vault: Vault
    client: Callable[[str, TokenSource], MailboxClient]
    accounts: Callable[[], Iterable[Account]]
    allowed_tenants: Sequence[str]
    allowed_domains: Sequence[str]
    now: Callable[[], datetime]

    async def start(self, account_id: int, email: str, redirect_uri: str, tenant: str | None = None) -> StartedSignIn:
        """Return where to send the browser. Raises `EntraUnreachable`, and `NeedsAdmin` for a tenant that does not exist."""
        claims = await self.challenges.of(account_id)
        url, state, flow = await self.entra.start(email, redirect_uri, tenant=tenant, claims=claims)
        sealed = self.vault.seal(flow, purpose=_PURPOSE, account_id=account_id)
        await self.store.put_flow(state, account_id, sealed, self.now().timestamp() + FLOW_TTL)
        return StartedSignIn(url=url, state=state)

    async def finish(self, account_id: int, email: str, state: str, answer: dict[str, str]) -> SignInOutcome:
        """Redeem what Entra answered. Every ending that a person can cause is an outcome; raises `EntraUnreachable`, `NeedsAdmin`."""
        taken = await self.store.take_flow(state, self.now().timestamp())
        if taken is None or taken[0] != account_id:
            return SignInOutcome("expired", "This sign-in took too long or was already used. Please start it again.")
        flow = self.vault.open(taken[1], purpose=_PURPOSE, account_id=account_id)
        with trio.move_on_after(_PATIENCE):
            return await self._redeem(account_id, email, flow, answer)
        raise EntraUnreachable("Microsoft takes too long")

    async def _redeem(self, account_id: int, email: str, flow: bytes, answer: dict[str, str]) -> SignInOutcome:
        """Ask Entra for the tokens, and the mailbox who it is."""
        try:
            granted = await self.entra.finish(flow, answer)
        except SignInRefused as refused:
            _log.info("sign-in refused", account=account_id, outcome=refused.outcome)
            await self.challenges.note(account_id, refused)
            url = self.entra.admin_consent_url(flow) if refused.lacks_consent else ""
            return SignInOutcome(refused.outcome, refused.message, url=url)
        if (refusal := self._not_allowed(granted, email)) is not None:
            return refusal
        is_personal = granted.claims.get("tid") == CONSUMERS
        tokens = AccountTokens(self.entra, granted.cache_blob, _nowhere, tenant=granted.tenant)
        try:
            person = await me(self.client(email, tokens), is_personal=is_personal)
        except (GraphUnreachable, GraphThrottled) as error:
            raise EntraUnreachable("Graph does not answer at the moment") from error
        except GraphError as error:
            _log.warning("mailbox does not answer after sign-in", account=account_id, graph_code=error.code, status=error.status)
            return SignInOutcome(
                "failed", f"Microsoft signed you in, but does not give access to the mailbox ({error.code or error.status})."
            )
        if (refusal := self._not_this(account_id, email, person, _signed_in(granted) if is_personal else addresses(person))) is not None:
            _log.info("sign-in refused", account=account_id, outcome=refusal.outcome)
            return refusal
        # Shielded: what is kept half would be told as connected by nobody.
        with trio.CancelScope(shield=True):
            token = await self.tokens.save(account_id, granted.cache_blob, at_least=self._known_seq(account_id), email=email)
            # After it was kept: a running mailbox that asks meanwhile would open the old one again.
            self.tokens.drop(account_id)
            await self.challenges.met(account_id)
        _log.info("signed in", account=account_id)
        return SignInOutcome(
            "connected",
            "Connected",
            email=email,
            display_name=person.display_name or "",
            scopes=list(granted.scopes),
            token=token,
            mailbox_id=person.id,
            tenant=str(granted.claims.get("tid", "")),
            aliases=[] if is_personal else aliases(person, email),
        )

    def _not_allowed(self, granted: Granted, email: str) -> SignInOutcome | None:
        """Return why the configuration does not admit this sign-in, or None."""
        tenant = str(granted.claims.get("tid", ""))
        if self.allowed_tenants and tenant.casefold() not in {t.casefold() for t in self.allowed_tenants}:
            return SignInOutcome(
                "not_allowed",
                f"Your organisation at Microsoft ({tenant}) is not on this connector's list (entra.allowed_tenants). "
                "Please ask your administrator.",
            )
        domain = email.rpartition("@")[2]
        if self.allowed_domains and domain.casefold() not in {d.casefold() for d in self.allowed_domains}:
            return SignInOutcome(
                "not_allowed",
                f"Addresses of {domain} are not on this connector's list (entra.allowed_domains). Please ask your administrator.",
            )
        return None

    def _not_this(self, account_id: int, email: str, person: User, known: list[str]) -> SignInOutcome | None:
        """Return why this mailbox is not the one that the account is for, or None."""
        if email.casefold() not in {address.casefold() for address in known}:
            return SignInOutcome(
                "wrong_address",
                "Another mailbox signed in than the one of this account. Nothing was connected.",
                address=known[0] if known else "",
            )
        for account in self.accounts():
            if account.id == account_id and account.mailbox_id not in {None, person.id}:
                return SignInOutcome(
                    "other_mailbox",
                    "At Microsoft this address belongs to another mailbox now than when it was connected here. Nothing was connected.",
                )
        for account in self.accounts():
            if account.id != account_id and account.mailbox_id == person.id and account.state not in _FREE_STATES:
                return SignInOutcome("already_connected", "This Microsoft mailbox is connected already.", other=account.id)
        return None

    def _known_seq(self, account_id: int) -> int:
        """Return the highest sequence of a token that Odoo ever had of an account."""
        return max((a.newest_seq for a in self.accounts() if a.id == account_id), default=0)


def _signed_in(granted: Granted) -> list[str]:
    """Return the address that a personal account signed in with: Graph has no `mail` of it."""
    known = [granted.claims.get("preferred_username"), granted.claims.get("email")]
    return list(dict.fromkeys(a for a in known if isinstance(a, str) and "@" in a))


async def _nowhere(_blob: bytes) -> None:
    """Keep nothing: a token that was not accepted yet is nobody's."""
