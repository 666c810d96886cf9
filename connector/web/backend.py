"""What the HTTP handlers ask for: the seam between `web` and the parts that do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from connector.odoo.wire import SealedToken, Trouble  # noqa: TC001 - msgspec reads the annotations at run time

if TYPE_CHECKING:
    from connector.content.search import Asked, Found
    from connector.web.attachments import AttachmentSource

__all__ = ["AccountStatus", "Adopted", "Backend", "Rotated", "SignInOutcome", "StartedSignIn", "WhoAmI"]


class StartedSignIn(Struct, frozen=True):
    """Where to send the browser, and the `state` that comes back."""

    url: str
    state: str


class SignInOutcome(Struct, frozen=True, omit_defaults=True):
    """How a sign-in ended: `connected`, or why not, in a sentence for the person."""

    outcome: str
    message: str
    email: str = ""
    display_name: str = ""
    scopes: list[str] = []
    token: SealedToken | None = None
    # Connected: Microsoft's own name of the mailbox, the organisation that it is in, and what else it may be known by.
    mailbox_id: str = ""
    tenant: str = ""
    aliases: list[str] = []
    # Which address signed in instead; which account has the mailbox already; where an administrator approves the app.
    address: str = ""
    other: int = 0
    url: str = ""


class Rotated(Struct, frozen=True):
    """How many sealed values have the key `key` (its id) now, and how many no key opens: those stay as they were."""

    resealed: int
    key: str
    unopened: int = 0


class Adopted(Struct, frozen=True):
    """The database that the connector belongs to now, and the one before (the same, if there was nothing to adopt)."""

    database_uuid: str
    was: str | None


class WhoAmI(Struct, frozen=True):
    """The connector as a whole: which one answers here, and how it stands with Odoo. No secrets, no addresses."""

    version: str
    instance: str
    ready: str
    key_expires_at: str | None


class AccountStatus(Struct, frozen=True):
    """Where one account stands, for the command line."""

    id: int
    email: str
    state: str
    phase: str | None
    last_sync_at: str | None
    lag_seconds: float | None
    backfill_done: int
    backfill_total: int
    requests_24h: int
    drift: int
    unreadable: int
    message: str
    served_ticket: int


class Backend(Protocol):
    """What the handlers ask for."""

    @property
    def database(self) -> str | None:
        """The UUID of the Odoo database that this connector belongs to, None while it does not know."""

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong with the connector as a whole."""

    @property
    def attachments(self) -> AttachmentSource:
        """Attachments of all mailboxes."""

    def readiness(self) -> str | None:
        """Return None when ready, else one word of reason."""

    def whoami(self) -> WhoAmI:
        """Return which connector this is."""

    def wake(self, accounts: list[int] | None, reason: str, folder: str | None) -> None:
        """Take a hint of Odoo."""

    async def signin_start(self, account_id: int, email: str, redirect_uri: str, tenant: str | None) -> StartedSignIn:
        """Begin a sign-in. Raises `AuthError`."""

    async def signin_finish(self, account_id: int, email: str, state: str, answer: dict[str, str]) -> SignInOutcome:
        """Finish a sign-in. Raises `AuthError`."""

    async def rotate_keys(self) -> Rotated:
        """Seal everything anew with the first key. Raises `ConfigError`, `StateError`."""

    async def adopt(self) -> Adopted:
        """Accept the database that Odoo has now. Raises `OdooError`, `StateError`."""

    async def body(self, account_id: int, remote_id: str, *, patience: float) -> dict[str, Any] | None:
        """Return a body, or None if it takes longer than `patience` seconds. Raises `ConnectorError`."""

    async def search(self, asked: Asked, *, patience: float) -> Found:
        """Search at Microsoft; what takes longer than `patience` seconds has failed."""

    async def message(self, account_id: int, remote_id: str, *, patience: float) -> dict[str, Any] | None:
        """Return a message as a patch, or None if it takes longer than `patience` seconds. Raises `ConnectorError`."""

    def status(self) -> list[AccountStatus]:
        """Return where every account stands."""

    def request_sync(self, emails: list[str] | None) -> tuple[list[int], int]:
        """Start a cycle now; return account ids and a ticket."""
