"""Every error that the connector raises on purpose.

    ConnectorError
    ├── ConfigError             wrong configuration or usage; exit code 2
    ├── StateError              the state file: newer schema, not writable, damaged
    │   ├── StateHeld           another connector runs on it
    │   └── VaultError          something sealed cannot be opened: damaged, or of another account or purpose
    │       └── KeyMissing      no key in vault.keys opens it
    ├── ForeignDatabase         what asks, or what Odoo has, is another database than the state file's
    ├── OdooError
    │   ├── OdooUnreachable     no connection, time-out, 502-504: try again
    │   ├── OdooRefused         key or login not accepted
    │   │   └── OdooNotAllowed  accepted, but not in the group "MailDesk connector"
    │   ├── OdooUnsuitable      another version, addon missing or too old
    │   │   └── OdooNoDatabase  database missing, or hidden by dbfilter
    │   └── OdooFault           Odoo answered with an exception of its own (name and message kept)
    ├── GraphError              (status, code, retry_after); connector/graph/catalogue.py says which code is which
    │   ├── GraphUnreachable    no connection, time-out, cut answer, 5xx: try again
    │   ├── GraphThrottled      429, and 503 with Retry-After
    │   ├── GraphNotFound       this item or folder is not there (404 ErrorItemNotFound, 400 ErrorInvalidIdMalformed)
    │   ├── GraphSyncStateGone  any 410 and the sync-state codes at any status: start this folder afresh
    │   ├── GraphDeltaRefused   delta does not work on this mailbox now, plain lists do
    │   ├── GraphUnreadable     this one item cannot be read (ErrorCorruptData, a shape that we do not know)
    │   ├── GraphMailboxGone    mailbox-level 404: says nothing of any single message
    │   │   └── GraphForbidden  mailbox-level 403: a scope, a licence, a policy
    │   └── GraphUnauthorized   401 after one refresh; `claims` where Graph sent a challenge
    ├── ContentError            an attachment cannot be given now
    │   ├── ContentComing       it is on its way, and takes longer than the caller waits
    │   ├── ContentGone         it was dropped while it was read: mailbox disconnected, connector going down
    │   ├── CacheBusy           so many large files are read that no other fits
    │   ├── CacheFull           the disk is full, or cannot be written
    │   └── NoContent           a reference leads elsewhere and has no bytes
    └── AuthError
        ├── EntraUnreachable    5xx, 429, no connection: the account stays connected
        ├── NeedsSignIn         the invalid_grant family: only the person can mend it
        ├── NeedsAdmin          only an administrator can mend it: consent, a resource or scope that is not there
        │   └── AppRefused      the app registration itself is refused (expired or wrong secret, app unknown): concerns every account
        └── NotConfigured       there is no `entra` section

Foreign errors are mapped at the I/O edge by the module that owns the edge; the original stays as `__cause__`.
A message may name hosts and ids, never a token, an address or a subject (design, rule 9).
"""

from __future__ import annotations

__all__ = [
    "AppRefused",
    "AuthError",
    "CacheBusy",
    "CacheFull",
    "ConfigError",
    "ConnectorError",
    "ContentComing",
    "ContentError",
    "ContentGone",
    "EntraUnreachable",
    "ForeignDatabase",
    "GraphDeltaRefused",
    "GraphError",
    "GraphForbidden",
    "GraphMailboxGone",
    "GraphNotFound",
    "GraphSyncStateGone",
    "GraphThrottled",
    "GraphUnauthorized",
    "GraphUnreachable",
    "GraphUnreadable",
    "KeyMissing",
    "NeedsAdmin",
    "NeedsSignIn",
    "NoContent",
    "NotConfigured",
    "OdooError",
    "OdooFault",
    "OdooNoDatabase",
    "OdooNotAllowed",
    "OdooRefused",
    "OdooUnreachable",
    "OdooUnsuitable",
    "StateError",
    "StateHeld",
    "VaultError",
]


class ConnectorError(Exception):
    """Base of all expected errors; `str()` is fit to be shown and logged."""


class ConfigError(ConnectorError):
    """The configuration or the command line is wrong; `problems` has a line for each finding."""

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class StateError(ConnectorError):
    """The state file cannot be used as it is."""


class StateHeld(StateError):
    """Another connector runs on this state file."""


class VaultError(StateError):
    """Something sealed cannot be opened; it stays as it is."""


class KeyMissing(VaultError):
    """No key in `vault.keys` opens it; `key_id` is the one that it was sealed with."""

    def __init__(self, message: str, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(message)


class ForeignDatabase(ConnectorError):
    """Another Odoo database than the one that the state file belongs to."""


class OdooError(ConnectorError):
    """Something between the connector and Odoo."""


class OdooUnreachable(OdooError):
    """Odoo did not answer; try again later."""


class OdooRefused(OdooError):
    """Odoo does not accept the login, the key or the rights."""


class OdooNotAllowed(OdooRefused):
    """Odoo knows who we are; the group is missing."""


class OdooUnsuitable(OdooError):
    """This Odoo cannot serve: wrong version, no such database, addon missing."""


class OdooNoDatabase(OdooUnsuitable):
    """There is no such database, or Odoo hides it."""


class OdooFault(OdooError):
    """Odoo raised an exception: `name` is its class, e.g. `odoo.exceptions.AccessError`."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        self.message = message
        super().__init__(f"Odoo answered with {name}: {message}")


class GraphError(ConnectorError):
    """Graph's answer, or the lack of one; `retry_after` is in seconds, None where Graph named none.

    `is_unknown`: no row of the catalogue knows it; `inner_codes` are then the codes beside its own. Graph's sentence is never kept: it may
    name a mail.
    """

    is_unknown = False
    inner_codes: tuple[str, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.retry_after = retry_after
        super().__init__(message)


class GraphUnreachable(GraphError):
    """No usable answer; a later one may be."""


class GraphThrottled(GraphError):
    """Graph asks this mailbox to wait."""


class GraphNotFound(GraphError):
    """The item or folder does not exist under this id."""


class GraphSyncStateGone(GraphError):
    """The cursor is dead; the folder starts afresh."""


class GraphDeltaRefused(GraphError):
    """Graph makes no delta of this mailbox now (it is full); plain lists work."""


class GraphUnreadable(GraphError):
    """This one item cannot be read; nothing is said about others."""


class GraphMailboxGone(GraphError):
    """The mailbox as a whole is not reachable; no conclusion about any message."""


class GraphForbidden(GraphMailboxGone):
    """Graph gives this app no access to the mailbox; no conclusion about any message."""


class GraphUnauthorized(GraphError):
    """The token was not accepted; `claims` is the decoded JSON of a challenge, or None."""

    claims: str | None = None


class ContentError(ConnectorError):
    """An attachment cannot be given now."""


class ContentComing(ContentError):
    """It is being fetched, and takes longer than the caller waits; a later call finds it."""


class ContentGone(ContentError):
    """It was dropped while somebody read it."""


class CacheBusy(ContentError):
    """All that is cached is being read, and no other large file fits."""


class CacheFull(ContentError):
    """The disk that attachments are cached on is full, or cannot be written."""


class NoContent(ContentError):
    """There are no bytes: the attachment is a link."""


class AuthError(ConnectorError):
    """Something between the connector and Entra ID."""


class EntraUnreachable(AuthError):
    """Entra did not answer or asked to wait; nothing is said about the account."""


class NeedsSignIn(AuthError):
    """Only a new sign-in by the person helps; `claims` is the JSON of what it has to prove, where Entra said so."""

    def __init__(self, message: str, *, claims: str | None = None) -> None:
        self.claims = claims
        super().__init__(message)


class NeedsAdmin(AuthError):
    """Only an administrator can mend it."""


class AppRefused(NeedsAdmin):
    """Entra does not accept the app registration: no account can be served until an administrator mends it."""


class NotConfigured(AuthError):
    """OAuth Not Configured."""
