"""What Entra or Graph wants an account to prove at its next sign-in (`claims`: MFA, conditional access, CAE), kept sealed until then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from connector.errors import GraphUnauthorized, NeedsSignIn, StateError
from connector.graph.refusals import SignInRefused
from connector.state.sealed import CHALLENGE

if TYPE_CHECKING:
    from connector.state.store import Store
    from connector.state.vault import Vault

__all__ = ["Challenges"]

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Challenges:
    """The last one of each account; a sign-in that succeeds has met it."""

    store: Store
    vault: Vault

    async def note(self, account_id: int, error: Exception) -> None:
        """Keep the claims that `error` asks for, if it asks for any."""
        claims = error.claims if isinstance(error, NeedsSignIn | GraphUnauthorized | SignInRefused) else None
        if claims is not None:
            sealed = self.vault.seal(claims.encode(), purpose=CHALLENGE, account_id=account_id)
            await self.store.save_challenge(account_id, sealed)

    async def of(self, account_id: int) -> str | None:
        """Return the claims that the next sign-in of an account has to bring."""
        sealed = await self.store.load_challenge(account_id)
        if sealed is None:
            return None
        try:
            return self.vault.open(sealed, purpose=CHALLENGE, account_id=account_id).decode()
        except StateError as error:
            # Without them Microsoft refuses once more, and says again what it wants.
            _log.warning("claims cannot be opened; signing in without them", account=account_id, reason=str(error))
            return None

    async def met(self, account_id: int) -> None:
        """Forget what was asked for: it was brought."""
        await self.store.save_challenge(account_id, None)
