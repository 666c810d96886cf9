"""The outbox of one mailbox between Graph and an Odoo that is slow to hear: what builds on an outcome waits until Odoo knows it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from msgspec import UNSET

from connector.odoo.wire import Action, DraftContent, Outcome
from connector.outbox.courier import Courier
from connector.outbox.queue import Outbox
from tests.outbox.alone import ACCOUNT, open_alone
from tests.sync.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from trio.testing import MockClock

    from tests.graph_simulator.model import Mailbox as Truth

TAG = "tag-1"


class _Odoo:
    """One mail that is being written; it takes seconds until an outcome is noted."""

    def __init__(self) -> None:
        self.remote_id: str | None = None
        self.change_key: str | None = None
        self.told: list[Outcome] = []

    async def draft(self, account_id: int, uuid: str, *, database: str | None) -> DraftContent:
        del account_id, uuid, database
        return DraftContent("new", None, TAG, self.remote_id, self.change_key, 1, None, [], [], [], "Hello", "<p>…</p>", "normal", [])

    async def outcomes(self, account_id: int, outcomes: Sequence[Outcome], *, database: str | None, fence: str | None) -> int:
        del account_id, database, fence
        await trio.sleep(5.0)
        for one in outcomes:
            self.told.append(one)
            if one.draft is not UNSET:
                self.remote_id, self.change_key = str(one.draft.remote_id), str(one.draft.change_key)
        return len(outcomes)


def _save(number: int) -> Action:
    values = {"tag": TAG, "draft_remote_id": None}
    return Action(number, f"u{number}", ACCOUNT, "draft_save", None, None, values, {}, 0, is_again=False)


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[tuple[Truth, _Odoo, Outbox, Courier]]:
    """Make a mailbox, an Odoo with a mail of it, and who carries that between them."""
    odoo: Any = _Odoo()
    async with open_alone(folder, "Mail.ReadWrite", "Mail.Send") as (truth, mailbox, journal):
        outbox = Outbox(journal, World.now)
        yield truth, odoo, outbox, Courier(mailbox, outbox, odoo, World.now)


async def test_courier_second_save_waits_until_odoo_knows_of_the_first(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A mail that is saved again while Odoo is being told of its draft becomes no second draft, and is no change of somebody else's."""
    del autojump_clock
    async with _open(tmp_path) as (truth, odoo, outbox, courier):
        await outbox.take([_save(1), _save(2), _save(3)], is_whole=False)
        with trio.move_on_after(120):
            await courier.run()
    assert [(one.uuid, one.outcome) for one in odoo.told] == [("u1", "done"), ("u2", "done"), ("u3", "done")]
    assert sum(message.data["isDraft"] for message in truth.messages.values() if message.data["subject"] == "Hello") == 1


@pytest.mark.parametrize(("folder", "is_draft", "error"), [("deleteditems", True, "deleted"), ("sentitems", False, "sent")])
async def test_courier_save_says_what_became_of_the_draft(
    tmp_path: Path, autojump_clock: MockClock, folder: str, error: str, *, is_draft: bool
) -> None:
    """Deleted in Outlook, or sent from there: the author of what is written here has to know which."""
    del autojump_clock
    async with _open(tmp_path) as (truth, odoo, outbox, courier):
        await outbox.take([_save(1)], is_whole=False)
        with trio.move_on_after(60):
            await courier.run()
        (draft,) = [message for message in truth.messages.values() if message.data["subject"] == "Hello"]
        draft.data["isDraft"] = is_draft
        truth.move(draft.immutable_id, truth.folder_id(folder))
        await outbox.take([_save(2)], is_whole=False)
        with trio.move_on_after(60):
            await courier.run()
    assert [(one.outcome, one.error) for one in odoo.told] == [("done", UNSET), ("gone", error)]
