"""What became of messages that left a folder: rule 4 of the design.

`@removed` says that a message is no longer in one folder: moved, deleted, or moved away and back (then Graph never names it again,
contrib#72). So each one that no other folder brought back in the same cycle is asked for by its id:

    200, parent is a synced folder        it is there
    200, parent is anything else          the row goes
    404 ErrorItemNotFound, 400 ErrorInvalidIdMalformed      the row goes
    any other answer                      nothing is known; the row stays hidden, and is asked for again next cycle
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
import trio

from connector.errors import GraphError, GraphMailboxGone, GraphThrottled, GraphUnauthorized
from connector.graph.gate import Priority
from connector.graph.messages import locate

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient
    from connector.sync.applier import Applier
    from connector.sync.book import Book

__all__ = ["resolve_pending"]

# Requests side by side: the four lanes of a mailbox (graph-behaviour section 6).
_LANES = 4

# Messages an apply: what is known after so many is written, so that a long emptying of the Trash shows progress and survives a crash.
_CHUNK = 200

_log = structlog.get_logger(__name__)


async def resolve_pending(mailbox: MailboxClient, applier: Applier, book: Book) -> bool:
    """Ask for every pending message and write what it became; return whether all of them are resolved.

    Raises what concerns the mailbox as a whole (throttling, sign-in, mailbox gone): no conclusion is drawn from it.
    """
    waiting = sorted(book.pending)
    for start in range(0, len(waiting), _CHUNK):
        chunk = waiting[start : start + _CHUNK]
        located: dict[str, str | None] = {}
        limiter = trio.CapacityLimiter(_LANES)
        failures: list[GraphError] = []
        async with trio.open_nursery() as nursery:
            for message_id in chunk:
                nursery.start_soon(partial(_locate, mailbox, message_id, located, failures, limiter))
        for failure in failures:
            if isinstance(failure, GraphThrottled | GraphUnauthorized | GraphMailboxGone):
                raise failure
        patches, gone = _judge(located, book)
        if patches or gone:
            applied = await applier.apply(messages=patches, gone=gone)
            book.pending = set(applied.pending)
            for folder in book.folders.values():
                folder.indexed = min(folder.indexed, folder.total)
            _log.info("removals resolved", account=applier.account_id, gone=len(gone), still_there=len(patches))
        elif failures:
            return False
    return not book.pending


async def _locate(
    mailbox: MailboxClient,
    message_id: str,
    located: dict[str, str | None],
    failures: list[GraphError],
    limiter: trio.CapacityLimiter,
) -> None:
    """Put the parent folder of a message into `located`; one that cannot be asked for now is left out."""
    async with limiter:
        try:
            located[message_id] = await locate(mailbox, message_id, Priority.LIVE)
        except GraphError as error:
            failures.append(error)


def _judge(located: dict[str, str | None], book: Book) -> tuple[list[dict[str, Any]], list[str]]:
    """Split into patches of messages that are still there and ids of rows that go."""
    patches: list[dict[str, Any]] = []
    gone: list[str] = []
    for message_id, parent in located.items():
        folder = book.folders.get(parent) if parent is not None else None
        if folder is not None and folder.sync_enabled:
            patches.append({"remote_id": message_id, "folder": folder.remote_id})
        else:
            gone.append(message_id)
    return patches, gone
