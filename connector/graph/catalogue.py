"""Graph's error codes and what each means. Codes are compared without case: documents write camelCase, the wire PascalCase.

Sources: the tables in Microsoft's contrib:concepts/errors.md and delta-query-overview.md, and what corso, emailengine and
twenty met on the wire.
"""

from __future__ import annotations

from connector.errors import (
    GraphError,
    GraphMailboxGone,
    GraphNotFound,
    GraphSyncStateGone,
    GraphThrottled,
    GraphUnauthorized,
    GraphUnreachable,
)

__all__ = ["to_error"]

_SYNC_STATE = frozenset(
    {
        "syncstatenotfound",  # 410, microsoft-graph-docs#2350
        "syncstateinvalid",  # corso errors.go
        "resyncrequired",  # concepts/errors.md
        "invalidsyncstatedata",  # emailengine
    }
)

_ITEM_GONE = frozenset(
    {
        "erroritemnotfound",  # 404
        "errorinvalididmalformed",  # 400, also for stale and foreign ids
        "errorsyncfoldernotfound",  # 404, delta on a deleted folder (corso)
    }
)

_MAILBOX_GONE = frozenset(
    {
        "mailboxnotenabledforrestapi",  # 404: inactive, soft-deleted, on-premise (twenty)
        "restapinotenabledforcomponentsharedmailbox",  # 404
        "errornonexistentmailbox",  # 404
        "errorinvaliduser",  # 404
        "resourcenotfound",  # 404
        "request_resourcenotfound",  # 404
        "erroraccessdenied",  # 403, missing scope or a transient policy
        "errorinvalidlicense",  # 403 (twenty)
        "errororganizationaccessblocked",  # 403 (twenty)
        "authorization_requestdenied",  # 403 (corso)
    }
)


def to_error(  # noqa: PLR0911 - one return a row of the table
    status: int, code: str, retry_after: float | None, message: str = ""
) -> GraphError:
    """Return the error that an answer of Graph means; an unknown code keeps its code.

    `message` is Graph's text; it is read for the one case that has no code of its own (a garbage token), and never repeated.
    """
    known = code.lower()
    named = f"Graph answered {status} {code}".rstrip()
    if known in _SYNC_STATE or status == 410 or "badly formed token" in message.lower():
        return GraphSyncStateGone(named, status=status, code=code)
    if known in _ITEM_GONE:
        return GraphNotFound(named, status=status, code=code)
    if status == 401:
        return GraphUnauthorized(named, status=status, code=code)
    if status == 429 or (status == 503 and retry_after is not None):
        return GraphThrottled(named, status=status, code=code, retry_after=retry_after)
    if status >= 500:
        return GraphUnreachable(named, status=status, code=code, retry_after=retry_after)
    if known in _MAILBOX_GONE:
        return GraphMailboxGone(named, status=status, code=code)
    return GraphError(named, status=status, code=code, retry_after=retry_after)
