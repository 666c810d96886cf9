"""The one queue through which all changes of one mailbox go to Odoo.

One call is one transaction in Odoo: data and the cursor that covers it, or nothing (design, rule 2). Because there is one queue, a refused
revision always means somebody else: a second connector, a restored backup. Then Odoo's cursors are taken up (`Superseded`).

A patch that Odoo refuses for what it says is found by halving, told to `on_refused`, and left out: one bad message never stops its mailbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog
import trio
from msgspec import UNSET, UnsetType

from connector.errors import ConnectorError, OdooFault
from connector.odoo.wire import Applied, ApplyRequest, FolderUpdate, Removed, SetAside
from connector.state.store import Cursor
from connector.sync.merge import combine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from connector.odoo.port import OdooPort
    from connector.odoo.wire import ApplyResult, TreeFolder
    from connector.state.store import Store
    from connector.sync.turn import Turn

__all__ = ["Applier", "NotConnectedInOdoo", "Superseded"]

# Rows: 15,000 rows/s were measured, so 500 stay well under the 0.25 s that one transaction may hold its locks (design, rule 2).
BATCH = 500

# Attempts: a patch for an unknown id is asked for whole and sent again; it may be deleted in between, hardly ever twice.
_ATTEMPTS = 3

# Removed messages that nobody knows and that are asked for, of all batches of one `apply`.
_STRANGERS = 400

# Patches of one call that may be refused for what they say; more of them are a fault of the addon, not of the mail.
_REFUSED_LIMIT = 5
# Faults that say nothing of the values sent: Odoo retried them, and so do we, later.
_PASSING = (
    "SerializationFailure",
    "DeadlockDetected",
    "LockNotAvailable",
    "QueryCanceled",
    "OperationalError",
    "ConcurrencyError",
    "MemoryError",
)

_T = TypeVar("_T")

_log = structlog.get_logger(__name__)


class Superseded(ConnectorError):
    """Somebody else wrote this mailbox's cursors, or Odoo has another database; take up what Odoo has."""


class NotConnectedInOdoo(ConnectorError):
    """The account is paused, disconnected or gone in Odoo."""


class Applier:
    """Sends changes of the mailbox `account_id` to Odoo, one call at a time."""

    def __init__(
        self,
        account_id: int,
        odoo: OdooPort,
        store: Store,
        fetch: Callable[[list[str]], Awaitable[list[dict[str, Any]]]],
        on_refused: Callable[[dict[str, Any]], Awaitable[None]],
        turn: Turn,
    ) -> None:
        """`fetch` gets the whole patches of messages, without those that do not exist; `on_refused` hears of patches that Odoo refuses."""
        self.account_id = account_id
        self._odoo = odoo
        self._store = store
        self._fetch = fetch
        self._on_refused = on_refused
        self._turn = turn
        self._queue = trio.Lock()
        self._strangers = _STRANGERS

    async def apply(
        self,
        *,
        tree: list[TreeFolder] | None = None,
        messages: Sequence[dict[str, Any]] = (),
        removed: Sequence[Removed] = (),
        gone: Sequence[str] = (),
        folders: Sequence[FolderUpdate] = (),
        set_aside: Sequence[SetAside] = (),
        settled: float | UnsetType = UNSET,
    ) -> Applied:
        """Apply all of it in one transaction; large lists of messages and of removals go ahead in batches, the cursor with the last one.

        Raises `Superseded`, `NotConnectedInOdoo`, or an `OdooError`.
        """
        async with self._queue:
            self._strangers = _STRANGERS
            *ahead, (last, last_left) = _in_parts(combine(messages), removed)
            new = changed = 0
            for batch, batch_left in ahead:
                answer = await self._send(ApplyRequest(self.account_id, None, batch, batch_left, [], []))
                new, changed = new + answer.new, changed + answer.changed
            request = ApplyRequest(
                self.account_id,
                tree,
                last,
                last_left,
                list(gone),
                list(folders),
                set_aside=list(set_aside) if set_aside else UNSET,
                settled=settled,
            )
            answer = await self._send(request)
            cursors = {u.folder: Cursor(answer.revisions[u.folder], u.cursor) for u in folders if not isinstance(u.cursor, UnsetType)}
            if cursors:
                await self._store.save_cursors(self.account_id, cursors)
            return Applied(answer.revisions, answer.new + new, answer.changed + changed, answer.pending)

    async def _send(self, request: ApplyRequest) -> Applied:
        """Send one request; if Odoo refuses what its messages say, without those that it refuses."""
        try:
            return await self._place(request)
        except OdooFault as fault:
            if not request.messages or any(name in fault.name for name in _PASSING):
                raise
            _log.warning("Odoo refuses a batch", account=self.account_id, messages=len(request.messages), fault=fault.name)
            refused: list[dict[str, Any]] = []
            done = await self._halve(request.messages, refused, fault)
            for patch in refused:
                await self._on_refused(patch)
            rest = msgspec.structs.replace(request, messages=[])
            answer = await self._place(rest)
            return Applied(answer.revisions, answer.new + done[0], answer.changed + done[1], answer.pending)

    async def _halve(self, messages: list[dict[str, Any]], refused: list[dict[str, Any]], fault: OdooFault) -> tuple[int, int]:
        """Apply the good ones of `messages` by themselves; return (new, changed) and put the others into `refused`."""
        try:
            answer = await self._place(ApplyRequest(self.account_id, None, messages, [], [], []))
        except OdooFault as found:
            if any(name in found.name for name in _PASSING):
                raise
            if len(messages) > 1:
                middle = len(messages) // 2
                first = await self._halve(messages[:middle], refused, found)
                second = await self._halve(messages[middle:], refused, found)
                return first[0] + second[0], first[1] + second[1]
            refused.append(messages[0])
            if len(refused) > _REFUSED_LIMIT:
                raise fault from found
            return 0, 0
        return answer.new, answer.changed

    async def _place(self, request: ApplyRequest) -> Applied:
        """Send one request; patches that Odoo cannot place are asked for whole, and the call is made again."""
        for _ in range(_ATTEMPTS):
            answer = await self._call(request)
            if isinstance(answer, Applied):
                return answer
            match answer.reason:
                case "unknown":
                    request = await self._completed(request, set(answer.unknown))
                case "fence":
                    raise Superseded("this mailbox was taken up anew since")
                case "folder":
                    # A message of a folder that appeared after the tree was listed: the next cycle lists the tree first.
                    raise Superseded("Odoo does not know a folder of this mailbox yet")
                case "account":
                    raise NotConnectedInOdoo("the account is not connected in Odoo")
                case "database":
                    # The next exchange stops all mailboxes, if it is not ours again by then.
                    raise Superseded("Odoo has another database now than the one that this connector serves")
                case _:
                    raise Superseded("the cursors of this mailbox were written by somebody else")
        raise Superseded("messages of this mailbox change faster than they can be read")

    async def _call(self, request: ApplyRequest) -> ApplyResult:
        """Make one call, in turn; one whose fate is not known may be carried out later, and must not get over what is read from now on."""
        turn = self._turn
        async with turn.lock:
            if turn.fence is None:
                raise Superseded("this mailbox is to be taken up first")
            turn.cross([patch["remote_id"] for patch in request.messages])
            turn.cross([item.remote_id for item in request.removed])
            turn.cross(request.gone)
            fence, turn.fence = turn.fence, None
            try:
                # The file may belong to another database than the one that answers now: then nothing is to be written.
                answer = await self._odoo.apply(msgspec.structs.replace(request, database=self._store.database, fence=fence))
            except OdooFault:
                turn.fence = fence
                raise
            turn.fence = fence
            return answer

    async def _completed(self, request: ApplyRequest, unknown: set[str]) -> ApplyRequest:
        """Return `request` without the ids that Odoo cannot place, but with whole messages for those that exist.

        A patch may be partial, and a removal may be all that Graph ever says of a message: one that came, went and came back between two
        polls is told as removed only (contrib#72).
        """
        patched = {patch["remote_id"] for patch in request.messages}
        removed = sorted(unknown - patched)
        # More of them are the emptying of a folder whose older mail was never fetched: nothing to hide, and the hand-over lists the rest.
        asked, self._strangers = removed[: self._strangers], max(0, self._strangers - len(removed))
        whole = await self._fetch(sorted(unknown & patched) + asked)
        _log.debug("unknown messages asked for", account=self.account_id, asked=len(unknown), found=len(whole))
        return msgspec.structs.replace(
            request,
            messages=[patch for patch in request.messages if patch["remote_id"] not in unknown] + whole,
            removed=[item for item in request.removed if item.remote_id not in unknown],
        )


def _in_parts(messages: Sequence[dict[str, Any]], removed: Sequence[Removed]) -> list[tuple[list[dict[str, Any]], list[Removed]]]:
    """Cut both into batches, one or more; a removal never goes before a message: the last of those and the first of these go together."""
    patches, left = _in_batches(messages), _in_batches(removed)
    ahead: list[tuple[list[dict[str, Any]], list[Removed]]] = [(batch, []) for batch in patches[:-1]]
    return [*ahead, (patches[-1], left[0]), *(([], batch) for batch in left[1:])]


def _in_batches(items: Sequence[_T]) -> list[list[_T]]:
    """Cut `items` into lists of at most `BATCH`; nothing is one empty list."""
    return [list(items[start : start + BATCH]) for start in range(0, len(items), BATCH)] or [[]]
