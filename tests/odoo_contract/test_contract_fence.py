"""Calls that outlived their time, over both transports and in memory: what was sent before a take-up is in it, or refused."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
import trio
from msgspec import UNSET

from connector.errors import OdooFault
from connector.odoo.wire import Applied, FolderUpdate, Outcome, Refused
from tests.odoo_contract.conftest import message

if TYPE_CHECKING:
    from tests.odoo_contract.conftest import Mailbox

_INSTANCE = "11111111-2222-3333-4444-555555555555"


async def _fence(mailbox: Mailbox) -> str:
    fence = (await mailbox.snapshot()).fence
    assert fence
    return fence


async def test_fence_older_apply_changes_nothing(mailbox: Mailbox) -> None:
    """An older state would get over a newer one: a page that was read before the take-up, of which no cursor speaks."""
    before = await _fence(mailbox)
    assert isinstance(await mailbox.apply(message("m", subject="older"), fence=before), Applied)
    now = await _fence(mailbox)
    assert now != before
    assert isinstance(await mailbox.apply({"remote_id": "m", "subject": "newer"}, fence=now), Applied)
    update = FolderUpdate("F-inbox", revision=UNSET, unread=7, total=7)
    assert await mailbox.apply({"remote_id": "m", "subject": "older"}, message("n"), folders=[update], fence=before) == Refused("fence")
    assert {remote_id: row[1] for remote_id, row in (await mailbox.rows()).items()} == {"m": "newer"}
    # As often as it is called, until the next take-up.
    assert isinstance(await mailbox.apply(message("n"), fence=now), Applied)
    assert isinstance(await mailbox.apply(fence=now), Applied)


async def test_fence_older_outcome_is_not_heard(mailbox: Mailbox) -> None:
    """Neither its end nor what Graph said: whoever took the mailbox up asks Graph itself."""
    await mailbox.apply(message("m"))
    before, now = await _fence(mailbox), await _fence(mailbox)
    await mailbox.behind.act(mailbox.id, "read", "m")
    given = await mailbox.odoo.exchange(instance=_INSTANCE, run=str(uuid.uuid4()), serial=None, since=None, reports=[], actions=200)
    (action,) = [one for one in given.actions if one.account_id == mailbox.id]
    done = Outcome(action.uuid, "done", acked=1_000.0, said={"remote_id": "m", "is_read": True})
    assert await mailbox.odoo.outcomes(mailbox.id, [done], fence=before) == Refused("fence")
    assert (await mailbox.snapshot()).unsettled is None
    assert await mailbox.odoo.outcomes(mailbox.id, [done], fence=now) == Refused("fence"), "taken up once more"
    assert await mailbox.odoo.outcomes(mailbox.id, [done], fence=await _fence(mailbox)) == 1


async def test_fence_of_one_mailbox_is_no_others(mailbox: Mailbox) -> None:
    """Taking up one keeps no other from being written; one that Odoo never gave is refused, and one that is no text is a fault."""
    fence = await _fence(mailbox)
    other = await mailbox.behind.new_account()
    await mailbox.odoo.take_up([other[0]])
    assert isinstance(await mailbox.apply(message("m"), fence=fence), Applied)
    assert await mailbox.apply(message("n"), fence=str(uuid.uuid4())) == Refused("fence")
    no_text: Any = 5
    with pytest.raises(OdooFault, match="fence: not a text"):
        await mailbox.apply(message("n"), fence=no_text)


async def test_fence_apply_under_way_is_in_the_take_up_or_refused(mailbox: Mailbox) -> None:
    """Ten times at once: what a take-up does not tell of was not done, and is not done after it."""
    for number in range(10):
        base, fence = (await mailbox.snapshot()).folders, await _fence(mailbox)
        revision = next(one.revision for one in base if one.remote_id == "F-inbox")
        results: list[Any] = []

        async def apply(number: int = number, revision: int = revision, fence: str = fence, results: list[Any] = results) -> None:
            update = FolderUpdate("F-inbox", revision=revision, cursor=f"link {number}")
            results.append(await mailbox.apply(message(f"m{number}"), folders=[update], fence=fence))

        snapshots: list[Any] = []

        async def take_up(snapshots: list[Any] = snapshots) -> None:
            snapshots.append(await mailbox.snapshot())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(apply)
            nursery.start_soon(take_up)
        told = next(one.cursor for one in snapshots[0].folders if one.remote_id == "F-inbox") == f"link {number}"
        assert told == isinstance(results[0], Applied), results
        assert told == (f"m{number}" in await mailbox.rows())
