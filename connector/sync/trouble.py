"""What is wrong with the connector as a whole, said once and not by every account (docs/protocol.md, `connector_exchange`).

    entra_credentials   Entra refuses the app registration: until it accepts it again, for whichever account
    vault_key           no key in vault.keys opens some tokens: until each account that said so was served, or is no more

Until Entra was asked, nothing is known, and Odoo keeps what it was told by the process before this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
import trio
from msgspec import UNSET

from connector.odoo.wire import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import UnsetType

    from connector.errors import AppRefused, KeyMissing

__all__ = ["ENTRA_CREDENTIALS", "VAULT_KEY", "Troubles"]

ENTRA_CREDENTIALS = "entra_credentials"
VAULT_KEY = "vault_key"

# What Entra says of an app that it does not know - or that one organisation has removed, which is no other's trouble.
_IN_ONE_ORGANISATION = "unauthorized_client"
# Seconds: a token lives for an hour. While Entra accepts the app for others, one organisation's refusal is its own.
_ACCEPTED_LATELY = 3600.0

_log = structlog.get_logger(__name__)


class Troubles:
    """Collects what the accounts meet; `on_end` is called when the connector works again."""

    def __init__(self, on_end: Callable[[], None] = lambda: None) -> None:
        self.on_end = on_end
        self._is_known = False
        self._accepted_at = -_ACCEPTED_LATELY
        self._entra: str | None = None
        self._vault: dict[int, str] = {}
        self._changed = trio.Event()

    @property
    def current(self) -> Trouble | None:
        """The trouble to show: the vault's first, since without a token nobody gets as far as Entra."""
        if self._vault:
            return Trouble(VAULT_KEY, next(iter(self._vault.values())))
        return Trouble(ENTRA_CREDENTIALS, self._entra) if self._entra is not None else None

    @property
    def told(self) -> Trouble | None | UnsetType:
        """What the exchange tells."""
        current = self.current
        return UNSET if current is None and not self._is_known else current

    async def wait_changed(self) -> None:
        """Wait until something else is to be told than before."""
        await self._changed.wait()

    def heard(self) -> None:
        """Forget that something changed: it is being told."""
        self._changed = trio.Event()

    def accepted(self) -> None:
        """Note that Entra accepted the app registration."""
        before = self.told
        self._is_known, self._entra, self._accepted_at = True, None, trio.current_time()
        self._note(before)

    def refused(self, error: AppRefused) -> None:
        """Note that Entra refused the app registration."""
        is_about_one = _IN_ONE_ORGANISATION in str(error) and trio.current_time() - self._accepted_at < _ACCEPTED_LATELY
        if is_about_one:
            return
        before = self.told
        self._is_known, self._entra = True, str(error)
        self._note(before)

    def key_missing(self, account_id: int, error: KeyMissing) -> None:
        """Note that the token of an account cannot be opened."""
        before = self.told
        # Without the account: it is said of all of them.
        self._vault[account_id] = (
            f"No key in vault.keys opens the sealed tokens (they were sealed with key {error.key_id}). "
            "Put that key back into vault.keys, behind the one in use, and restart the connector; no token was changed."
        )
        self._note(before)

    def key_found(self, account_id: int) -> None:
        """Note that the token of an account was opened, or that nobody needs it any more."""
        if account_id in self._vault:
            before = self.told
            del self._vault[account_id]
            self._note(before)

    def _note(self, before: Trouble | None | UnsetType) -> None:
        now = self.told
        if now == before:
            return
        self._changed.set()
        if isinstance(now, Trouble):
            _log.error("the connector is in trouble", trouble=now.code, reason=now.message)
        elif isinstance(before, Trouble):
            _log.info("the connector is out of trouble", trouble=before.code)
            self.on_end()
