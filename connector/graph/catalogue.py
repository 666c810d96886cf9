"""Graph's error codes, what each means, and who said so. Codes are compared without case: documents write camelCase, the wire PascalCase.

    outcome         what is done                                                        raised as
    RETRY_LATER     the same request again, with patience                               GraphUnreachable, GraphThrottled
    RESET_FOLDER    the cursor is dead: that folder starts afresh                       GraphSyncStateGone
    LIST_INSTEAD    delta does not work now, plain lists do                             GraphDeltaRefused
    NOT_THERE       this item or folder does not exist                                  GraphNotFound
    SKIP_ITEM       this item cannot be read; set aside after three tries               GraphUnreadable
    NEEDS_SIGN_IN   the token is not accepted                                           GraphUnauthorized
    NEEDS_ADMIN     a licence, a consent, a policy                                      GraphForbidden
    MAILBOX_GONE    the mailbox as a whole is not there                                 GraphMailboxGone
    BUG             we ask wrongly, or Graph says what we do not know: kept, counted    GraphError (`is_unknown` if no row knows it)

"corso", "emailengine", "twenty" are programs in whose source or issues the code was met on the wire; `errors.md` is Microsoft's
contrib:concepts/errors.md.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from connector.errors import (
    GraphDeltaRefused,
    GraphError,
    GraphForbidden,
    GraphMailboxGone,
    GraphNotFound,
    GraphSyncStateGone,
    GraphThrottled,
    GraphUnauthorized,
    GraphUnreachable,
    GraphUnreadable,
)

__all__ = ["BY_STATUS", "CATALOGUE", "Outcome", "Row", "outcome_of", "to_error"]


class Outcome(Enum):
    """What is done about an error."""

    RETRY_LATER = "retry_later"
    RESET_FOLDER = "reset_folder"
    LIST_INSTEAD = "list_instead"
    NOT_THERE = "not_there"
    SKIP_ITEM = "skip_item"
    NEEDS_SIGN_IN = "needs_sign_in"
    NEEDS_ADMIN = "needs_admin"
    MAILBOX_GONE = "mailbox_gone"
    BUG = "bug"


class Row(NamedTuple):
    """What a code means, and the source of that."""

    outcome: Outcome
    source: str


CATALOGUE: dict[str, Row] = {
    "SyncStateNotFound": Row(Outcome.RESET_FOLDER, "410: microsoft-graph-docs#2350, #2877"),
    "SyncStateInvalid": Row(Outcome.RESET_FOLDER, "410: corso errors.go"),
    "ResyncRequired": Row(Outcome.RESET_FOLDER, "errors.md; corso"),
    "InvalidSyncStateData": Row(Outcome.RESET_FOLDER, "emailengine renewMailboxFolderCache"),
    "ErrorQuotaExceeded": Row(
        Outcome.LIST_INSTEAD, "delta of a full mailbox, lists still work: corso canMakeDeltaQueries; its status is not known"
    ),
    "ErrorItemNotFound": Row(Outcome.NOT_THERE, "404: errors.md"),
    "ErrorInvalidIdMalformed": Row(Outcome.NOT_THERE, "400: also for stale, foreign and truncated ids, met live 2026-08"),
    "ErrorSyncFolderNotFound": Row(Outcome.NOT_THERE, "404 on the delta of a deleted folder: corso errors.go"),
    "ErrorCorruptData": Row(Outcome.SKIP_ITEM, "500: corso errors.go"),
    "ErrorInvalidRecipients": Row(Outcome.SKIP_ITEM, "400 when reading a message: corso errors.go"),
    "ErrorCannotOpenFileAttachment": Row(Outcome.SKIP_ITEM, "OLE conversion failed: corso errors.go"),
    "ErrorTooManyObjectsOpened": Row(Outcome.RETRY_LATER, "corso errors.go"),
    "InvalidAuthenticationToken": Row(Outcome.NEEDS_SIGN_IN, "401: expired, revoked, or a CAE challenge"),
    "AuthenticationError": Row(Outcome.NEEDS_SIGN_IN, "401: corso"),
    "ErrorAccessDenied": Row(Outcome.NEEDS_ADMIN, "403: a missing scope or an access policy, which may be transient for two hours"),
    "Authorization_RequestDenied": Row(Outcome.NEEDS_ADMIN, "403: corso"),
    "ErrorInvalidLicense": Row(Outcome.NEEDS_ADMIN, "403: twenty"),
    "ErrorOrganizationAccessBlocked": Row(Outcome.NEEDS_ADMIN, "403: twenty"),
    "MailboxNotEnabledForRESTAPI": Row(Outcome.MAILBOX_GONE, "404: inactive, soft-deleted or on-premise: twenty"),
    "MailboxNotHostedInExchangeOnline": Row(Outcome.MAILBOX_GONE, "404: not confirmed for Graph"),
    "RESTAPINotEnabledForComponentSharedMailbox": Row(Outcome.MAILBOX_GONE, "404: twenty"),
    "ErrorNonExistentMailbox": Row(Outcome.MAILBOX_GONE, "404: twenty, corso"),
    "ErrorInvalidUser": Row(Outcome.MAILBOX_GONE, "404: twenty"),
    "ResourceNotFound": Row(Outcome.MAILBOX_GONE, "404: corso"),
    "Request_ResourceNotFound": Row(Outcome.MAILBOX_GONE, "404: corso"),
    "ApplicationThrottled": Row(Outcome.RETRY_LATER, "429: over MailboxConcurrency, RequestRate or IncomingBytes"),
    "TooManyRequests": Row(Outcome.RETRY_LATER, "429: the gateway's form"),
    "ActivityLimitReached": Row(Outcome.RETRY_LATER, "429: errors.md"),
    "ErrorServerBusy": Row(Outcome.RETRY_LATER, "503"),
    "ServiceNotAvailable": Row(Outcome.RETRY_LATER, "503: errors.md"),
    "MailboxInfoStale": Row(Outcome.RETRY_LATER, "503: the mailbox is being moved"),
    "MailboxStoreUnavailable": Row(Outcome.RETRY_LATER, "503: known from Exchange's own services only"),
    "ErrorInternalServerError": Row(Outcome.RETRY_LATER, "500: errors.md"),
    "ErrorTimeoutExpired": Row(Outcome.RETRY_LATER, "504"),
    "ErrorExecuteSearchStaleData": Row(Outcome.RETRY_LATER, "a search's cursor is stale: emailengine"),
    "BadRequest": Row(Outcome.BUG, "400: we asked wrongly"),
    "RequestBroker--ParseUri": Row(Outcome.BUG, "400: we asked for a property that does not exist"),
    "InefficientFilter": Row(Outcome.BUG, "400: filter and order do not fit together"),
    "Request_BadRequest": Row(Outcome.BUG, "405: we used the wrong method"),
}
_BY_CODE = {code.lower(): row.outcome for code, row in CATALOGUE.items()}

# What a status says where the code is unknown or missing (bodies may be empty: graph-behaviour section 6).
BY_STATUS = {
    401: Outcome.NEEDS_SIGN_IN,
    408: Outcome.RETRY_LATER,
    410: Outcome.RESET_FOLDER,
    429: Outcome.RETRY_LATER,
    **dict.fromkeys(range(500, 600), Outcome.RETRY_LATER),
}

_RAISED_AS: dict[Outcome, type[GraphError]] = {
    Outcome.RETRY_LATER: GraphUnreachable,
    Outcome.RESET_FOLDER: GraphSyncStateGone,
    Outcome.LIST_INSTEAD: GraphDeltaRefused,
    Outcome.NOT_THERE: GraphNotFound,
    Outcome.SKIP_ITEM: GraphUnreadable,
    Outcome.NEEDS_SIGN_IN: GraphUnauthorized,
    Outcome.NEEDS_ADMIN: GraphForbidden,
    Outcome.MAILBOX_GONE: GraphMailboxGone,
    Outcome.BUG: GraphError,
}

# What a code looks like: it is shown and logged as it came, so no sentence may pass for one.
_CODE = re.compile(r"[\w.-]{1,80}", re.ASCII)
_NO_CODE = "other"


def outcome_of(status: int, codes: tuple[str, ...]) -> Outcome | None:
    """Return what an answer means, None if neither its codes (the most specific first) nor its status is known.

    410 means a dead cursor whatever the code says (delta-query-overview.md).
    """
    if status == 410:
        return Outcome.RESET_FOLDER
    for code in codes:
        if (known := _BY_CODE.get(code.lower())) is not None:
            return known
    return BY_STATUS.get(status)


def to_error(status: int, codes: tuple[str, ...], retry_after: float | None, message: str = "") -> GraphError:
    """Return the error that an answer of Graph means.

    `codes`: the error's code and those of its innerError, the most specific first; `message` is Graph's text: read for the one case that
    has no code of its own (a garbage token), and neither kept nor repeated: no mask could tell the words of a subject from Graph's own.
    """
    given = next((c for c in reversed(codes) if c), "")
    code = given if not given or _CODE.fullmatch(given) else _NO_CODE
    named = f"Graph answered {status} {code}".rstrip()
    outcome = outcome_of(status, codes)
    if "badly formed token" in message.lower():
        outcome = Outcome.RESET_FOLDER
    # A full mailbox is full under whatever status: waiting does not help it, lists do.
    if (status == 429 and outcome is not Outcome.LIST_INSTEAD) or (
        status == 503 and retry_after is not None and outcome is Outcome.RETRY_LATER
    ):
        return GraphThrottled(named, status=status, code=code, retry_after=retry_after)
    error = _RAISED_AS[outcome or Outcome.BUG](named, status=status, code=code, retry_after=retry_after)
    error.is_unknown = outcome is None
    if outcome is None:
        error.inner_codes = tuple(c for c in reversed(codes) if c != code and _CODE.fullmatch(c))
    return error
