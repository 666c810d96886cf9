"""The JSON objects of docs/protocol.md, section 1: one frozen Struct each.

Absent and null are different things on this wire: a field that may be absent is `UNSET` and is left out when encoded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

__all__ = [
    "Account",
    "AccountReport",
    "Action",
    "Applied",
    "ApplyRequest",
    "ApplyResult",
    "Checkup",
    "Comparison",
    "ConnectorSeen",
    "CursorReport",
    "DraftContent",
    "DraftFile",
    "DraftMade",
    "Exchange",
    "FolderSnapshot",
    "FolderUpdate",
    "Foreign",
    "Held",
    "Hello",
    "Listed",
    "MailboxSnapshot",
    "Outcome",
    "Person",
    "Refused",
    "Removed",
    "SealedToken",
    "SetAside",
    "TreeFolder",
    "Trouble",
    "to_apply_result",
]


class Hello(Struct, frozen=True):
    """Who Odoo is."""

    addon_version: str
    odoo_version: str
    database_uuid: str
    now: str
    # When the key that we came with ends; None: never, or not known.
    key_expires_at: str | None = None


class ConnectorSeen(Struct, frozen=True):
    """What Odoo met when it asked the connector that it is set up for.

    `outcome`: `ok`, `not_configured`, `unreachable`, `untrusted` (its certificate), `unauthorized` (the secret), `not_connector`.
    """

    outcome: str
    url: str
    instance: str | None = None
    detail: str = ""


class Checkup(Hello, frozen=True, kw_only=True):
    """What `doctor` hears: who Odoo is, what it met when it asked the connector, and what has to be registered at Microsoft."""

    connector: ConnectorSeen
    redirect_uri: str


class SealedToken(Struct, frozen=True):
    """A token cache, sealed; the higher `seq` is the newer one."""

    sealed: str
    seq: int

    def __repr__(self) -> str:
        return f"SealedToken(seq={self.seq})"


class CursorReport(Struct, frozen=True):
    """A cursor that moved without news, written back when it has aged."""

    folder: str
    revision: int
    cursor: str


class AccountReport(Struct, frozen=True, omit_defaults=True):
    """What the connector tells about one account; absent is unchanged."""

    account_id: int
    last_sync_at: str | UnsetType = UNSET
    sync_phase: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    state_message: str | UnsetType = UNSET
    backfill_done: int | UnsetType = UNSET
    backfill_total: int | UnsetType = UNSET
    token: SealedToken | UnsetType = UNSET
    cursors: list[CursorReport] | UnsetType = UNSET


class Account(Struct, frozen=True):
    """An account as Odoo has it."""

    id: int
    email: str
    provider: str
    state: str
    active: bool
    token: SealedToken | None = None
    config_changed_at: str | None = None
    refresh_requested_at: str | None = None
    # The tenant that this account signs in to, instead of the configured one; and Microsoft's own name of the mailbox behind it.
    tenant: str | None = None
    mailbox_id: str | None = None
    # The highest sequence that Odoo ever had of a token of this account; it outlives a disconnect.
    token_seq: int = 0

    @property
    def newest_seq(self) -> int:
        """The highest sequence of a token that Odoo knows of."""
        return max(self.token_seq, self.token.seq if self.token is not None else 0)


class Held(Struct, frozen=True):
    """Another connector serves this database."""

    instance: str
    seen_at: str


class Foreign(Struct, frozen=True):
    """This is another database than the one that the connector belongs to."""

    database_uuid: str


class Trouble(Struct, frozen=True):
    """What is wrong with the connector as a whole; `code` says which of its parts, `message` what an administrator has to do."""

    code: str
    message: str


class Action(Struct, frozen=True):
    """What a user did and Outlook has to hear (docs/protocol.md, `connector_exchange`).

    `values` is what it wants and `seen` what Graph has when its turn comes; `age` is in seconds, by Odoo's clock; `is_again`: a connector
    was given it before; `is_asked`: and may have asked Graph to send it. `claim` names this giving.
    """

    id: int
    uuid: str
    account_id: int
    kind: str
    remote_id: str | None
    folder: str | None
    values: dict[str, Any]
    seen: dict[str, Any]
    age: float
    is_again: bool = False
    is_asked: bool = False
    claim: str | None = None


class DraftMade(Struct, frozen=True, omit_defaults=True):
    """What is known of a draft in Outlook, with an outcome; `attachments` are pairs of Odoo's and Graph's ids."""

    remote_id: str | UnsetType = UNSET
    change_key: str | UnsetType = UNSET
    internet_message_id: str | UnsetType = UNSET
    revision: int | UnsetType = UNSET
    attachments: list[dict[str, Any]] | UnsetType = UNSET


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What came of an action: `done`, `failed`, `gone` (there is nothing any more that it speaks of), or `unconfirmed` (a send).

    `acked` is when Graph acknowledged it, in seconds by our clock; `said` a patch of what Graph answered; `error` a code.
    """

    uuid: str
    outcome: str
    acked: float | UnsetType = UNSET
    said: dict[str, Any] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    draft: DraftMade | UnsetType = UNSET


class Person(Struct, frozen=True):
    """Somebody whom a mail goes to."""

    name: str
    address: str


class DraftFile(Struct, frozen=True):
    """Something attached: `is_here` in Odoo, or (with `remote_id`, or a negative `id`) in Outlook."""

    id: int
    name: str
    content_type: str
    size: int
    content_id: str | None
    remote_id: str | None
    is_inline: bool
    is_here: bool


class DraftContent(Struct, frozen=True):
    """What a mail says that is to be saved or sent (`connector_draft`); `change_key` None: whatever Outlook has is written over.

    `html` None: the text stays what it is in Outlook.
    """

    mode: str
    source: str | None
    tag: str
    remote_id: str | None
    change_key: str | None
    revision: int
    from_address: str | None
    to: list[Person]
    cc: list[Person]
    bcc: list[Person]
    subject: str
    html: str | None
    importance: str
    attachments: list[DraftFile]

    def __repr__(self) -> str:
        return f"DraftContent(revision={self.revision})"


class Exchange(Struct, frozen=True):
    """The answer of `connector_exchange`; with `held` or `foreign` nothing else is said, and nothing was taken.

    `last_account_id` is the highest number that Odoo ever gave to an account.
    """

    watermark: str = ""
    accounts: list[Account] = []
    serial: str | None = None
    restored: bool = False
    held: Held | None = None
    foreign: Foreign | None = None
    last_account_id: int = 0
    actions: list[Action] = []
    # Seconds until the next mail is due that waits in Odoo.
    next_send_in: float | None = None


class FolderSnapshot(Struct, frozen=True):
    """A folder as Odoo has it."""

    remote_id: str
    role: str
    name: str
    sync_enabled: bool
    sync_state: str
    revision: int
    cursor: str | None
    is_bootstrapped: bool
    backfill_before: str | None
    is_backfilled: bool
    unread: int
    total: int
    indexed: int
    anchor: str | None = None
    told: int = 0


class MailboxSnapshot(Struct, frozen=True):
    """A mailbox as Odoo has it; `pending` are the rows hidden by a removal that is not resolved, `unreadable` what was set aside.

    `unsettled`: when Graph acknowledged the newest action that still covers what it said, by the connector's clock; None where none does.
    `covered`: the messages that such actions are about, `covered_folders` the folders all of whose messages they are about.
    `fence` goes with what is written from now on, until the next take-up.
    """

    account_id: int
    folders: list[FolderSnapshot]
    pending: list[str]
    fence: str
    unreadable: list[str] = []
    unsettled: float | None = None
    covered: list[str] = []
    covered_folders: list[str] = []


class TreeFolder(Struct, frozen=True):
    """A folder of Graph's tree; `parent_remote_id` None is the top level."""

    remote_id: str
    parent_remote_id: str | None
    name: str
    role: str


class Removed(Struct, frozen=True):
    """A message that left `folder`."""

    folder: str
    remote_id: str


class FolderUpdate(Struct, frozen=True):
    """New facts of a folder; with a `revision` (the one it builds on) the row's revision goes up by one."""

    folder: str
    revision: int | UnsetType = UNSET
    cursor: str | None | UnsetType = UNSET
    is_bootstrapped: bool | UnsetType = UNSET
    anchor: str | None | UnsetType = UNSET
    told: int | UnsetType = UNSET
    backfill_before: str | None | UnsetType = UNSET
    is_backfilled: bool | UnsetType = UNSET
    unread: int | UnsetType = UNSET
    total: int | UnsetType = UNSET
    sync_state: str | UnsetType = UNSET


class SetAside(Struct, frozen=True):
    """A message that could not be read in three tries; `reason` is a code, never text of a mail."""

    remote_id: str
    folder: str | None
    reason: str


class Listed(NamedTuple):
    """A listed message for `connector_compare`, a list on the wire; None is not compared, and categories have no order."""

    remote_id: str
    is_read: bool | None = None
    is_flagged: bool | None = None
    importance: str | None = None
    categories: list[str] | None = None


class Comparison(Struct, frozen=True):
    """Where the index and a complete listing differ."""

    differing: list[str]
    unlisted: list[str]


class ApplyRequest(Struct, frozen=True):
    """One transaction for Odoo's index."""

    account_id: int
    tree: list[TreeFolder] | None
    messages: list[dict[str, Any]]
    removed: list[Removed]
    gone: list[str]
    folders: list[FolderUpdate]
    set_aside: list[SetAside] | UnsetType = UNSET
    # The only database that is meant.
    database: str | None | UnsetType = UNSET
    # When a round began that is complete now: what Graph acknowledged before covers no more.
    settled: float | UnsetType = UNSET
    # What the last take-up gave: a call with an older one outlived its time.
    fence: str | UnsetType = UNSET


class Applied(Struct, frozen=True):
    """The transaction was committed; `pending` is all that is pending in the mailbox now."""

    revisions: dict[str, int]
    new: int
    changed: int
    pending: list[str]


class Refused(Struct, frozen=True):
    """Nothing was changed, for `reason`: `revision`, `unknown`, `folder`, `account`, `database` or `fence`."""

    reason: str
    revisions: dict[str, int] = {}
    unknown: list[str] = []


ApplyResult = Applied | Refused


class Told(Struct, frozen=True):
    """How many actions were open still of which an outcome was told; `reason`: why it was not heard."""

    taken: int
    reason: str | None = None


def to_apply_result(answer: dict[str, Any]) -> ApplyResult:
    """Read the answer of `connector_apply`, told apart by `applied`."""
    if answer.get("applied"):
        return msgspec.convert(answer, Applied)
    return msgspec.convert(answer, Refused)
