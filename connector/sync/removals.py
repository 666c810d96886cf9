"""What became of messages that nobody can vouch for: rule 4 of the design.

`@removed` says that a message is no longer in one folder: moved, deleted, or moved away and back (then Graph never names it again,
contrib#72). So each one that no other folder brought back in the same cycle is asked for by its id; and so is every message that a listing
and the index do not agree about, before anything is repaired:

    200, parent is a synced folder        it is there, as Graph tells it now
    200, parent is a folder of the tree   not synced: the row goes; new and not known yet: wait for the next cycle
    200, parent is in no list             Recoverable Items: hard-deleted mail that GET still finds; the row goes
    404 ErrorItemNotFound, 400 ErrorInvalidIdMalformed      the row goes
    cannot be read                        tried three times, then set aside; the row stays as it is
    any other error about that message    the same, and no round is good until then: nothing is known
    no answer, 502 to 504                 nothing is known; asked for again next cycle
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from connector.errors import GraphError, GraphNotFound, GraphUnreadable
from connector.graph.batch import ITEMS, ask_each
from connector.graph.folders import list_tree
from connector.graph.messages import whole_ask
from connector.graph.types import GraphMessage
from connector.sync.merge import to_patch
from connector.sync.trials import is_its_own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.graph.batch import Reply
    from connector.graph.gate import Priority
    from connector.sync.work import Work

__all__ = ["AT_ONCE", "Findings", "look_into", "resolve_pending", "sweep", "waiting_of"]

# Messages an apply: what is known after so many is written, so that a long emptying of the Trash shows progress and survives a crash.
_CHUNK = 10 * ITEMS

# Messages asked for in one go: some seconds of three lanes.
AT_ONCE = 2 * _CHUNK

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Findings:
    """What was found out: patches of messages that are there, ids that are nowhere, that cannot be read, or of which nothing is known yet.

    `changed` counts rows.
    """

    there: list[dict[str, Any]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    changed: int = 0


async def resolve_pending(work: Work, priority: Priority) -> bool:
    """Ask for messages whose removal is pending or that could not be read, and write what they became; return whether no answer is missing.

    `AT_ONCE` of them at most, so that an emptied Trash keeps no news waiting: the rest follows between the cycles, hidden meanwhile.
    Raises what concerns the mailbox as a whole (throttling, sign-in, mailbox gone): no conclusion is drawn from it.
    """
    waiting = sorted(waiting_of(work))[:AT_ONCE]
    findings = await look_into(work, waiting, None, priority)
    work.trials.drop({f.remote_id for f in work.book.folders.values() if not f.sync_enabled})
    if due := work.trials.due(work.book.unreadable):
        await work.applier.apply(set_aside=due)
        work.book.unreadable |= {one.remote_id for one in due}
        work.trials.end(one.remote_id for one in due)
        _log.warning("messages set aside", account=work.account_id, number=len(due))
    await work.trials.save()
    return not (set(findings.open) - work.book.unreadable)


def waiting_of(work: Work) -> set[str]:
    """Return the messages that are to be asked for."""
    return (work.book.pending - work.book.unreadable) | work.trials.open


async def look_into(work: Work, remote_ids: Sequence[str], folder: str | None, priority: Priority) -> Findings:
    """Ask Graph for messages and let Odoo have what it says.

    `folder` is where Odoo may have rows that go; None where they are hidden already.
    """
    findings = Findings()
    for chunk in _chunks(remote_ids):
        part = Findings()
        elsewhere: dict[str, str] = {}
        for place, reply in await ask_each(work.client, [whole_ask(i) for i in chunk], priority):
            _judge(work, chunk[place], reply, part, elsewhere)
        await _judge_elsewhere(work, elsewhere, part, priority)
        removed = [(folder, remote_id) for remote_id in part.gone] if folder is not None else []
        applied = await work.apply(messages=part.there, removed=removed, gone=part.gone)
        if applied is not None:
            findings.changed += applied.new + applied.changed
            _log.info("messages looked into", account=work.account_id, there=len(part.there), gone=len(part.gone), open=len(part.open))
        findings.there += part.there
        findings.gone += part.gone
        findings.unreadable += part.unreadable
        findings.open += part.open
    return findings


async def sweep(work: Work, folder: str, unlisted: Sequence[str], priority: Priority) -> None:
    """Find out what became of rows that a complete listing of `folder` lacks.

    `AT_ONCE` of them now; the others, and those that Graph gave no answer about, wait hidden, as after a removal that delta tells.
    """
    now, later = unlisted[:AT_ONCE], unlisted[AT_ONCE:]
    findings = await look_into(work, now, folder, priority)
    await work.apply(removed=[(folder, remote_id) for remote_id in (*later, *findings.open)])


def _chunks(remote_ids: Sequence[str]) -> list[list[str]]:
    return [list(remote_ids[start : start + _CHUNK]) for start in range(0, len(remote_ids), _CHUNK)]


def _judge(work: Work, remote_id: str, reply: Reply, part: Findings, elsewhere: dict[str, str]) -> None:
    """Put one message where its reply says; `elsewhere` takes those whose folder is not synced."""
    try:
        message = reply.read(GraphMessage)
    except GraphNotFound:
        part.gone.append(remote_id)
        return
    except GraphUnreadable as error:
        work.trials.note(remote_id, None, error.code or "shape")
        part.unreadable.append(remote_id)
        return
    except GraphError as error:
        _log.info("message not asked for", account=work.account_id, graph_code=error.code, status=error.status)
        if is_its_own(error):
            work.trials.note(remote_id, None, error.code or str(error.status))
        part.open.append(remote_id)
        return
    patch = to_patch(message)
    if work.book.get_synced(patch.get("folder")) is not None:
        part.there.append(patch)
    elif patch.get("folder"):
        elsewhere[remote_id] = patch["folder"]
    else:
        # Graph named no folder: that proves nothing.
        work.trials.note(remote_id, None, "shape")
        part.unreadable.append(remote_id)


async def _judge_elsewhere(work: Work, elsewhere: dict[str, str], part: Findings, priority: Priority) -> None:
    """Let go what lies where no mail is wanted; what lies in a folder that came up since the tree was read waits until that is known."""
    unknown = {f for f in elsewhere.values() if f not in work.book.folders} - work.outside
    if unknown:
        listed = {f.id for f in (await list_tree(work.client, priority=priority)).folders}
        work.outside |= unknown - listed
    for remote_id, folder in elsewhere.items():
        is_new = folder not in work.book.folders and folder not in work.outside
        (part.open if is_new else part.gone).append(remote_id)
