"""Whole messages for Odoo: what a call needs and has no patch of is asked for one by one, and what cannot be had is noted.

asked ──▶ whole, of a folder that is synced   ──▶ a patch
──▶ not there, or where no mail is wanted ──▶ nothing
──▶ unreadable, or refused for itself     ──▶ a trial (`trials`), so that the cursor may move past it
──▶ bad weather                           ──▶ raised: the page is fetched again
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.errors import GraphError, GraphNotFound, GraphUnreadable
from connector.graph.batch import ask_each
from connector.graph.gate import Priority
from connector.graph.messages import whole_ask
from connector.graph.types import GraphMessage
from connector.sync.merge import is_whole, to_patch
from connector.sync.trials import is_its_own

if TYPE_CHECKING:
    from connector.sync.work import Work

__all__ = ["fetch_whole", "note_refused"]


async def fetch_whole(work: Work, message_ids: list[str]) -> list[dict[str, Any]]:
    """Return whole patches of messages, without those that do not exist, cannot be read, or lie where no mail is wanted.

    Raises `GraphError` in bad weather: what was not heard of must not be left behind.
    """
    patches: list[dict[str, Any]] = []
    for place, reply in await ask_each(work.client, [whole_ask(i) for i in message_ids], Priority.LIVE):
        try:
            patch = to_patch(reply.read(GraphMessage))
        except GraphNotFound:
            continue
        except GraphUnreadable as error:
            await _leave_out(work, message_ids[place], None, error.code or "shape")
            continue
        except GraphError as error:
            if not is_its_own(error):
                raise
            await _leave_out(work, message_ids[place], None, error.code or str(error.status))
            continue
        if work.book.get_synced(patch.get("folder")) is None:
            continue
        if is_whole(patch):
            patches.append(patch)
        else:
            # Odoo has no row of it, and could make none of this: a contact in Deleted Items, say, was never received.
            await _leave_out(work, patch["remote_id"], patch["folder"], "shape")
    return patches


async def note_refused(work: Work, patch: dict[str, Any]) -> None:
    """Note a patch that Odoo does not take, before the cursor moves past it."""
    await _leave_out(work, patch["remote_id"], patch.get("folder"), "refused")


async def _leave_out(work: Work, message_id: str, folder: str | None, reason: str) -> None:
    """Note a message that does not get into Odoo in the call under way, so that its trial does not end with that call."""
    work.refused.add(message_id)
    work.trials.note(message_id, folder, reason)
    await work.trials.save()
