"""Writes in chains: up to twenty in one `$batch`, each depending on the one before, so that a chain takes one lane.

What became of each is told apart by what it means for doing it again (design, rule 6):

    200, 201, 204                      DONE
    424, 429, throttling 503, 401      NOT_DONE    Graph did not look at it: it may be sent again
    409 ErrorIrresolvableConflict      NOT_DONE    another write to the same message was under way
    no answer, time-out, 5xx           UNKNOWN     perhaps it was carried out: ask before it is sent again
    anything else                      REFUSED     the error says why
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from connector.errors import GraphError, GraphSyncStateGone, GraphThrottled, GraphUnauthorized, GraphUnreachable, GraphUnreadable
from connector.graph.batch import ITEMS, BatchAnswer, judge_item
from connector.graph.client import IMMUTABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.graph.batch import BatchItem
    from connector.graph.client import MailboxClient
    from connector.graph.gate import Priority

__all__ = [
    "CHAIN",
    "Fate",
    "Receipt",
    "Write",
    "create_folder",
    "delete_folder",
    "delete_message",
    "move_folder",
    "move_message",
    "rename_folder",
    "send_chain",
    "update_message",
]

# Writes in a chain.
CHAIN = ITEMS
# The folder that all others are below, and the one of deleted mail; Graph knows them by these names in any language.
ROOT = "msgfolderroot"
TRASH = "deleteditems"

_CONFLICT = "errorirresolvableconflict"


class Fate(Enum):
    """What became of a write."""

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Write:
    """One request: a path below the base URL, and its JSON."""

    method: str
    path: str
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a write, with Graph's answer or its error."""

    fate: Fate
    body: bytes = b""
    error: GraphError | None = None


# ---------------------------------------------------------------------- what can be written


def update_message(message_id: str, properties: dict[str, Any]) -> Write:
    """Set properties of a message."""
    return Write("PATCH", _message(message_id), properties)


def move_message(message_id: str, folder_id: str) -> Write:
    """Move a message; with immutable ids it keeps its own."""
    return Write("POST", f"{_message(message_id)}/move", {"destinationId": folder_id})


def delete_message(message_id: str) -> Write:
    """Delete a message for good: what is in Deleted Items goes to where only Outlook's "Recover deleted items" finds it."""
    return Write("DELETE", _message(message_id))


def create_folder(parent_id: str | None, name: str) -> Write:
    """Make a folder, at the top level or below another."""
    path = "/me/mailFolders" if parent_id is None else f"{_folder(parent_id)}/childFolders"
    return Write("POST", path, {"displayName": name})


def rename_folder(folder_id: str, name: str) -> Write:
    """Give a folder another name."""
    return Write("PATCH", _folder(folder_id), {"displayName": name})


def move_folder(folder_id: str, parent_id: str | None) -> Write:
    """Move a folder below another, or to the top level."""
    return Write("POST", f"{_folder(folder_id)}/move", {"destinationId": parent_id or ROOT})


def delete_folder(folder_id: str, *, for_good: bool) -> Write:
    """Move a folder to Deleted Items, or delete it: where Graph's DELETE puts a folder is not documented."""
    return Write("DELETE", _folder(folder_id)) if for_good else move_folder(folder_id, TRASH)


def _message(message_id: str) -> str:
    return f"/me/messages/{quote(message_id, safe='')}"


def _folder(folder_id: str) -> str:
    return f"/me/mailFolders/{quote(folder_id, safe='')}"


# ---------------------------------------------------------------------- sending them


async def send_chain(client: MailboxClient, writes: Sequence[Write], priority: Priority) -> list[Receipt]:
    """Send at most `CHAIN` writes, in this order; return what became of each.

    Raises what Graph refuses all of them with, without having looked at one: a `GraphError` or `AuthError`.
    """
    requests = [_request(number, write) for number, write in enumerate(writes)]
    try:
        answer = await client.post_batch({"requests": requests}, into=BatchAnswer, priority=priority, cost=len(writes), is_repeatable=False)
    except (GraphUnreachable, GraphUnreadable) as error:
        return [Receipt(Fate.UNKNOWN, error=error)] * len(writes)
    items = {item.id: item for item in answer.responses}
    receipts = [_receipt(client, items.get(str(number))) for number in range(len(writes))]
    refused = next((r.error for r in receipts if r.fate is Fate.NOT_DONE and isinstance(r.error, GraphUnauthorized)), None)
    if refused is not None:
        await client.renew(refused)
    return receipts


def _request(number: int, write: Write) -> dict[str, Any]:
    request: dict[str, Any] = {
        "id": str(number),
        "method": write.method,
        "url": write.path,
        "headers": {"Prefer": IMMUTABLE},
    }
    if write.body is not None:
        request["body"] = write.body
        request["headers"] = {"Prefer": IMMUTABLE, "Content-Type": "application/json"}
    if number:
        request["dependsOn"] = [str(number - 1)]
    return request


def _receipt(client: MailboxClient, item: BatchItem | None) -> Receipt:
    if item is not None and item.status in {200, 201, 204}:
        return Receipt(Fate.DONE, bytes(item.body))
    if item is not None and item.status == 424:
        return Receipt(Fate.NOT_DONE)
    error = judge_item(client, item)
    match error:
        case GraphThrottled() | GraphUnauthorized():
            return Receipt(Fate.NOT_DONE, error=error)
        case GraphUnreachable() | GraphSyncStateGone() | GraphUnreadable():
            return Receipt(Fate.UNKNOWN, error=error)
    if error.code.lower() == _CONFLICT:
        return Receipt(Fate.NOT_DONE, error=error)
    return Receipt(Fate.REFUSED, error=error)
