"""The tokens of all accounts: opened in memory only, sealed copies in the working copy and in Odoo.

Of two sealed copies of one account the one with the higher sequence wins, wherever it lies (design, rule 3). A rotated token rests in
the file before it is used, and goes to Odoo with the next exchange.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from connector.errors import NeedsSignIn, NotConfigured
from connector.graph.auth import AccountTokens
from connector.odoo.wire import SealedToken

if TYPE_CHECKING:
    from connector.graph.auth import Entra
    from connector.graph.client import TokenSource
    from connector.odoo.wire import Account
    from connector.state.store import Store
    from connector.state.vault import Vault
    from connector.sync.reports import Reports

__all__ = ["PURPOSE", "Tokens"]

# What a sealed token is bound to, beside its account: a blob of another purpose or account cannot be opened in its place.
PURPOSE = "token"

_log = structlog.get_logger(__name__)


class Tokens:
    """Hands out the token source of an account; the same one as long as its token is the newest."""

    def __init__(self, store: Store, vault: Vault, entra: Entra | None, reports: Reports) -> None:
        self._store = store
        self._vault = vault
        self._entra = entra
        self._reports = reports
        self._open: dict[int, tuple[int, AccountTokens]] = {}

    def source(self, account: Account) -> TokenSource:
        """Return the token source of `account`; what is wrong with its token is raised when a token is asked for."""
        return _Lazy(self, account)

    async def opened(self, account: Account) -> AccountTokens:
        """Return the opened tokens of `account`.

        Raises `NotConfigured`, `StateError` when no key opens the token, `NeedsSignIn` when there is none.
        """
        if self._entra is None:
            raise NotConfigured("OAuth Not Configured")
        opened = self._open.get(account.id)
        if opened is not None and (account.token is None or opened[0] >= account.token.seq):
            opened[1].tenant = account.tenant
            return opened[1]
        newest = await self._newest(account)
        opened = self._open.get(account.id)
        if opened is not None and opened[0] >= newest.seq:
            return opened[1]
        blob = self._vault.open(newest.sealed, purpose=PURPOSE, account_id=account.id)

        async def keep(changed: bytes) -> None:
            # A refresh that was under way when another sign-in came must not take that one's place.
            if self._open.get(account.id, (0, None))[1] is source:
                await self.save(account.id, changed)

        source = AccountTokens(self._entra, blob, keep, tenant=account.tenant)
        self._open[account.id] = (newest.seq, source)
        return source

    async def save(self, account_id: int, blob: bytes, *, at_least: int = 0) -> SealedToken:
        """Seal `blob` as the newest token of an account (sequence above `at_least`), keep it, and tell Odoo."""
        stored = await self._store.load_token(account_id)
        seq = max(stored.seq if stored else 0, at_least) + 1
        token = SealedToken(sealed=self._vault.seal(blob, purpose=PURPOSE, account_id=account_id), seq=seq)
        await self._store.save_token(account_id, token.sealed, token.seq)
        if account_id in self._open:
            self._open[account_id] = (seq, self._open[account_id][1])
        self._reports.put(account_id, token=token)
        return token

    def drop(self, account_id: int) -> None:
        """Forget the opened token of an account: a new sign-in replaced it."""
        self._open.pop(account_id, None)

    async def _newest(self, account: Account) -> SealedToken:
        """Return the newer of the two sealed copies, and make the other one follow."""
        stored = await self._store.load_token(account.id)
        in_odoo = account.token
        if stored is not None and (in_odoo is None or stored.seq > in_odoo.seq):
            self._reports.put(account.id, token=stored)
            return stored
        if in_odoo is None:
            raise NeedsSignIn("there is no token for this account")
        if stored is None or in_odoo.seq > stored.seq:
            await self._store.save_token(account.id, in_odoo.sealed, in_odoo.seq)
        return in_odoo


class _Lazy:
    """The tokens of an account, opened at the first use and whenever another copy became the newest."""

    def __init__(self, tokens: Tokens, account: Account) -> None:
        self._tokens = tokens
        self._account = account

    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        """Return an access token."""
        return await (await self._tokens.opened(self._account)).token(claims=claims, reject=reject)
