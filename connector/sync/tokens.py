"""The tokens of all accounts: opened in memory only, sealed copies in the working copy and in Odoo.

    two sealed copies of one account, in the file and in Odoo
        the newer one (higher sequence) is used, wherever it lies
            it gave an access token  ──▶ it proved itself: the other copy follows it
            no key opens it, or the invalid_grant family  ──▶ the other copy is tried
                it works   ──▶ it becomes the newest of both
                it doesn't ──▶ the person, or the administrator, is asked

So no copy is overwritten before another one is known to work (design, rule 3). A rotated token rests in the file before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
import trio

from connector.errors import AppRefused, KeyMissing, NeedsSignIn, NotConfigured, VaultError
from connector.graph.auth import AccountTokens
from connector.odoo.wire import SealedToken
from connector.state.sealed import TOKEN as PURPOSE
from connector.state.sealed import reseal
from connector.sync.trouble import Troubles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connector.graph.auth import Entra
    from connector.graph.client import TokenSource
    from connector.odoo.wire import Account
    from connector.state.sealed import Resealed
    from connector.state.store import Store
    from connector.state.vault import Vault
    from connector.sync.reports import Reports

__all__ = ["PURPOSE", "Tokens"]

_log = structlog.get_logger(__name__)


class Tokens:
    """Hands out the token source of an account; the same one as long as its token is the newest."""

    def __init__(self, store: Store, vault: Vault, entra: Entra | None, reports: Reports, troubles: Troubles | None = None) -> None:
        self._store = store
        self._vault = vault
        self._entra = entra
        self._reports = reports
        self.troubles = troubles or Troubles()
        self._open: dict[int, tuple[int, AccountTokens]] = {}
        # What Odoo has, as far as it is known here; and whose opened token gave an access token.
        self._in_odoo: dict[int, SealedToken] = {}
        self._proven: set[int] = set()
        # Whose opened token is the older one, tried because the newest was refused.
        self._standing_in: set[int] = set()
        self._choosing: dict[int, trio.Lock] = {}

    def source(self, account: Account) -> TokenSource:
        """Return the token source of `account`; what is wrong with its token is raised when a token is asked for."""
        return _Lazy(self, account)

    async def hear(self, accounts: Iterable[Account]) -> None:
        """Note what Odoo has; a copy that is missing in the file is made, none is overwritten."""
        with_token = [(a.id, a.token) for a in accounts if a.token is not None]
        await self._store.add_missing_tokens(with_token)
        for account_id, token in with_token:
            self._in_odoo[account_id] = token
            opened = self._open.get(account_id)
            if opened is not None and account_id in self._proven and opened[0] > token.seq:
                # A backup came back: it gets the token that is known to work.
                await self._report(account_id)
            elif not self._vault.is_current(token.sealed) and await self._is_older_seal(account_id, token):
                # The key was rotated while no connector ran.
                await self._report(account_id)

    async def opened(self, account: Account) -> AccountTokens:
        """Return the opened tokens of `account`.

        Raises `NotConfigured`, `VaultError` when nothing opens the token, `NeedsSignIn` when there is none.
        """
        self._configured()
        if (source := self._newest_open(account)) is not None:
            source.tenant = account.tenant
            return source
        async with self._choosing.setdefault(account.id, trio.Lock()):
            if (source := self._newest_open(account)) is not None:
                return source
            copies = await self._copies(account)
            if not copies:
                raise NeedsSignIn("there is no token for this account")
            return self._open_first(account, copies)

    async def instead(self, account: Account, refused: AccountTokens) -> AccountTokens | None:
        """Return other opened tokens than `refused`, which Entra does not take any more; None where there are none."""
        async with self._choosing.setdefault(account.id, trio.Lock()):
            opened = self._open.get(account.id)
            if opened is not None and opened[1] is not refused:
                return opened[1]
            for copy in await self._copies(account):
                try:
                    blob = self._unseal(account.id, copy)
                except VaultError:
                    continue
                if blob != refused.blob:
                    # Under the sequence of the one that it stands in for: the next use does not go back to that one.
                    source = self._serve(account, opened[0] if opened is not None else copy.seq, blob)
                    self._standing_in.add(account.id)
                    return source
            return None

    async def proved(self, account: Account, source: AccountTokens) -> None:
        """Note that `source` gave an access token: the copies that are not of it follow it."""
        opened = self._open.get(account.id)
        if opened is None or opened[1] is not source or account.id in self._proven:
            return
        self._proven.add(account.id)
        if account.id in self._standing_in:
            self._standing_in.discard(account.id)
            _log.warning("the newest token was refused, an older one works", account=account.id)
            await self.save(account.id, source.blob, at_least=opened[0])
            return
        stored, in_odoo = await self._store.load_token(account.id), self._in_odoo.get(account.id, account.token)
        if stored is not None and (in_odoo is None or stored.seq > in_odoo.seq):
            await self._report(account.id)
        elif in_odoo is not None and (stored is None or in_odoo.seq > stored.seq):
            await self._store.save_token(account.id, in_odoo.sealed, in_odoo.seq)

    async def save(self, account_id: int, blob: bytes, *, at_least: int = 0, email: str | None = None) -> SealedToken:
        """Seal `blob` as the newest token of an account (sequence above `at_least`), keep it, and tell Odoo.

        With `email` it is a new sign-in, which lifts a tombstone.
        """
        sealed = self._vault.seal(blob, purpose=PURPOSE, account_id=account_id)
        token = SealedToken(sealed, await self._store.add_token(account_id, sealed, at_least=at_least, email=email))
        if account_id in self._open:
            self._open[account_id] = (token.seq, self._open[account_id][1])
        self._tell(account_id, token)
        return token

    @property
    def key_id(self) -> str:
        """The id of the key that seals."""
        return self._vault.first

    def drop(self, account_id: int) -> None:
        """Forget the opened token of an account: a new sign-in replaced it."""
        self._open.pop(account_id, None)
        self._proven.discard(account_id)
        self._standing_in.discard(account_id)

    def forget(self, account_id: int) -> None:
        """Forget everything of an account that is no more."""
        self.drop(account_id)
        self._in_odoo.pop(account_id, None)
        self._choosing.pop(account_id, None)
        self.troubles.key_found(account_id)

    def forget_all(self) -> None:
        """Forget everything of all accounts."""
        for account_id in {*self._open, *self._in_odoo, *self._choosing}:
            self.forget(account_id)

    async def rotate(self, keys: Sequence[str]) -> Resealed:
        """Seal every token, here and in Odoo, with the first of `keys`, while the mailboxes go on. Raises `ConfigError`."""
        self._vault.renew(keys)
        done = await reseal(self._store, self._vault)
        for account_id in done.accounts:
            stored, opened = await self._store.load_token(account_id), self._open.get(account_id)
            if stored is not None and opened is not None:
                # The same token under another key: what is open goes on.
                self._open[account_id] = (max(opened[0], stored.seq), opened[1])
        for account_id, token in list(self._in_odoo.items()):
            if not self._vault.is_current(token.sealed):
                await self._reseal_in_odoo(account_id, token, done)
        return done

    # ---------------------------------------------------------------- inside

    def _configured(self) -> Entra:
        if self._entra is None:
            raise NotConfigured("OAuth Not Configured")
        return self._entra

    def _newest_open(self, account: Account) -> AccountTokens | None:
        """Return what is open, unless Odoo has a newer one."""
        opened, in_odoo = self._open.get(account.id), self._in_odoo.get(account.id, account.token)
        return opened[1] if opened is not None and (in_odoo is None or opened[0] >= in_odoo.seq) else None

    async def _copies(self, account: Account) -> list[SealedToken]:
        """Return the sealed copies, the newest first."""
        stored, in_odoo = await self._store.load_token(account.id), self._in_odoo.get(account.id, account.token)
        # Of two with one sequence Odoo's is used: a file that came back from a backup may have counted on from there.
        return sorted((copy for copy in (in_odoo, stored) if copy is not None), key=lambda copy: -copy.seq)

    def _open_first(self, account: Account, copies: list[SealedToken]) -> AccountTokens:
        """Open the newest copy that a key opens; what is wrong with the newest is what is said."""
        wrong: list[VaultError] = []
        for copy in copies:
            try:
                blob = self._unseal(account.id, copy)
            except VaultError as error:
                wrong.append(error)
                continue
            self.troubles.key_found(account.id)
            return self._serve(account, copies[0].seq, blob)
        if isinstance(wrong[0], KeyMissing):
            self.troubles.key_missing(account.id, wrong[0])
        raise wrong[0]

    def _unseal(self, account_id: int, token: SealedToken) -> bytes:
        return self._vault.open(token.sealed, purpose=PURPOSE, account_id=account_id)

    def _serve(self, account: Account, seq: int, blob: bytes) -> AccountTokens:
        account_id = account.id

        async def keep(changed: bytes) -> None:
            # Entra gave something new, so it accepted us.
            self.troubles.accepted()
            # A refresh that was under way when another sign-in came must not take that one's place.
            opened = self._open.get(account_id)
            if opened is not None and opened[1] is source:
                await self.save(account_id, changed, at_least=opened[0])

        source = AccountTokens(self._configured(), blob, keep, tenant=account.tenant)
        self.drop(account_id)
        self._open[account_id] = (seq, source)
        return source

    async def _is_older_seal(self, account_id: int, token: SealedToken) -> bool:
        """Tell whether Odoo's `token` is what the file has under a newer sequence, sealed with another key."""
        stored = await self._store.load_token(account_id)
        try:
            return stored is not None and stored.seq > token.seq and self._unseal(account_id, stored) == self._unseal(account_id, token)
        except VaultError:
            return False

    async def _reseal_in_odoo(self, account_id: int, token: SealedToken, done: Resealed) -> None:
        """Let Odoo's copy follow the first key: as the file's if that is the same token, else as it is."""
        if await self._is_older_seal(account_id, token):
            await self._report(account_id)
            return
        try:
            blob = self._unseal(account_id, token)
        except VaultError:
            done.unopened += 1
            return
        stored, opened = await self._store.load_token(account_id), self._open.get(account_id)
        if stored is None or stored.seq != token.seq + 1:
            if opened is not None and opened[0] == token.seq:
                self._open[account_id] = (token.seq + 1, opened[1])
            self._tell(account_id, SealedToken(self._vault.seal(blob, purpose=PURPOSE, account_id=account_id), token.seq + 1))
            done.count += 1

    async def _report(self, account_id: int) -> None:
        """Tell Odoo the file's copy, whatever it heard before."""
        if (stored := await self._store.load_token(account_id)) is not None:
            self._reports.forget(account_id)
            self._tell(account_id, stored)

    def _tell(self, account_id: int, token: SealedToken) -> None:
        self._reports.put(account_id, token=token)
        self._in_odoo[account_id] = token


class _Lazy:
    """The tokens of an account, opened at the first use and whenever another copy became the newest."""

    def __init__(self, tokens: Tokens, account: Account) -> None:
        self._tokens = tokens
        self._account = account

    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        """Return an access token."""
        try:
            return await self._token(claims, reject)
        except AppRefused as error:
            self._tokens.troubles.refused(error)
            raise

    async def _token(self, claims: str | None, reject: str | None) -> str:
        """Return an access token of the newest copy that gives one."""
        source = await self._tokens.opened(self._account)
        try:
            token = await source.token(claims=claims, reject=reject)
        except NeedsSignIn:
            other = await self._tokens.instead(self._account, source)
            if other is None:
                raise
            source = other
            try:
                token = await source.token(claims=claims, reject=reject)
            except NeedsSignIn:
                # Both are dead. Whoever comes next begins with the newest again: only a sign-in makes one that works.
                self._tokens.drop(self._account.id)
                raise
        await self._tokens.proved(self._account, source)
        return token
