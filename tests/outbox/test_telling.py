"""Telling Odoo: with the fence of the last take-up, never beside an apply, and without what may be older than what Odoo has."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from msgspec import UNSET

from connector.errors import OdooUnreachable
from connector.odoo.wire import Action, Outcome, Refused, Removed
from connector.outbox.telling import Teller
from connector.sync.applier import Applier
from tests.outbox.alone import ACCOUNT, open_alone
from tests.sync.fakes import FakeAddon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from trio.testing import MockClock

    from connector.odoo.wire import ApplyRequest, ApplyResult


class _Odoo(FakeAddon):
    """Takes seconds for a call, one at a time; `answers` are given before it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str | None, list[Outcome]]] = []
        self.answers: list[Refused | OdooUnreachable] = []
        self._calls = 0

    async def _slowly(self) -> None:
        self._calls += 1
        assert self._calls == 1, "two calls that write at once"
        await trio.sleep(5)
        self._calls -= 1

    async def apply(self, request: ApplyRequest) -> ApplyResult:
        """Take it."""
        await self._slowly()
        return await FakeAddon.apply(self, request)

    async def outcomes(
        self, account_id: int, outcomes: Sequence[Outcome], *, database: str | None = None, fence: str | None = None
    ) -> int | Refused:
        """Hear them, or not."""
        del account_id, database
        await self._slowly()
        self.heard.append((fence, list(outcomes)))
        answer = self.answers.pop(0) if self.answers else len(outcomes)
        if isinstance(answer, OdooUnreachable):
            raise answer
        return answer


def _action(kind: str, remote_id: str | None = "m", folder: str | None = None) -> Action:
    values = {"importance": "high"} if kind == "importance" else {}
    return Action(1, f"u-{kind}", ACCOUNT, kind, remote_id, folder, values, {}, 0, is_again=False)


def _done(action: Action) -> Outcome:
    return Outcome(action.uuid, "done", acked=1.0, said={"remote_id": "m", "importance": "high"})


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[tuple[Any, _Odoo, Teller]]:
    """Yield a mailbox, its Odoo, and who tells it."""
    async with open_alone(folder, "Mail.ReadWrite") as (_, mailbox, _journal):
        odoo = _Odoo()
        yield mailbox, odoo, Teller(mailbox, odoo)


async def test_telling_says_what_graph_said(tmp_path: Path, autojump_clock: MockClock) -> None:
    """With the fence; nothing is to be looked at then."""
    del autojump_clock
    async with _open(tmp_path) as (mailbox, odoo, teller):
        action = _action("importance")
        teller.watch(action)
        teller.add(action, _done(action))
        assert mailbox.settling.untold == {action.uuid}
        assert await teller.tell()
        assert odoo.heard == [("fence", [_done(action)])]
        assert not teller
        assert (mailbox.settling.untold, mailbox.settling.messages, mailbox.settling.acked) == (set(), set(), 1.0)


@pytest.mark.parametrize("written", ["messages", "removed", "gone"])
async def test_telling_leaves_out_what_the_sync_wrote_meanwhile(tmp_path: Path, autojump_clock: MockClock, written: str) -> None:
    """A patch, a removal, an end: nobody knows which of both is newer. The two calls go one after the other."""
    del autojump_clock

    async def never(*_: Any) -> Any:
        raise AssertionError

    async with _open(tmp_path) as (mailbox, odoo, teller):
        odoo.rows["m"] = {"remote_id": "m"}
        applier = Applier(ACCOUNT, odoo, mailbox.store, never, never, mailbox.turn)
        parts: dict[str, Any] = {"messages": [{"remote_id": "m", "importance": "low"}], "removed": [Removed("F", "m")], "gone": ["m"]}
        action = _action("importance")
        teller.watch(action)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: applier.apply(**{written: parts[written]}))
            await trio.sleep(1)
            teller.add(action, _done(action))
            nursery.start_soon(teller.tell)
        assert odoo.heard == [("fence", [Outcome(action.uuid, "done", acked=1.0)])]
        assert mailbox.settling.messages == {"m"}


async def test_telling_before_a_take_up_says_no_state(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Without a fence the call may come late; that the action is over is true whenever it comes."""
    del autojump_clock
    async with _open(tmp_path) as (mailbox, odoo, teller):
        mailbox.turn.fence = None
        action = _action("importance")
        teller.watch(action)
        teller.add(action, _done(action))
        assert await teller.tell()
        assert odoo.heard == [(None, [Outcome(action.uuid, "done", acked=1.0)])]
        assert mailbox.settling.messages == {"m"}


async def test_telling_that_is_refused_is_told_without_the_fence(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A take-up that was given up was carried out late: a quiet sync would not find out, and its user would wait for ever."""
    del autojump_clock
    async with _open(tmp_path) as (mailbox, odoo, teller):
        odoo.answers = [Refused("fence"), OdooUnreachable("cut")]
        action = _action("importance")
        teller.watch(action)
        teller.add(action, _done(action))
        assert not await teller.tell()
        assert mailbox.turn.fence is None
        assert trio.current_time() < teller.next_at < trio.current_time() + 60
        assert not await teller.tell()
        assert mailbox.settling.untold == {action.uuid}
        assert await teller.tell()
        assert [(fence, one.said is UNSET) for fence, (one,) in odoo.heard] == [("fence", False), (None, True), (None, True)]


@pytest.mark.parametrize(
    ("action", "messages", "folders"),
    [
        (_action("importance"), {"m"}, set()),
        (_action("destroy"), set(), set()),
        (_action("send"), set(), set()),
        (_action("mark_folder_read", None, "F"), set(), {"F"}),
    ],
    ids=lambda one: one.kind if isinstance(one, Action) else "",
)
async def test_telling_lets_look_at_what_no_answer_speaks_of(
    tmp_path: Path, autojump_clock: MockClock, action: Action, messages: set[str], folders: set[str]
) -> None:
    """Of a whole folder too; what was destroyed is proved by its removal, and a mail by its copy."""
    del autojump_clock
    async with _open(tmp_path) as (mailbox, odoo, teller):
        teller.add(action, Outcome(action.uuid, "done", acked=1.0))
        assert await teller.tell()
        assert len(odoo.heard) == 1
        assert (mailbox.settling.messages, set(mailbox.settling.folders)) == (messages, folders)
        assert mailbox.settling.acked == (None if action.kind == "send" else 1.0)


async def test_telling_forgets_what_nobody_works_on(tmp_path: Path) -> None:
    """An action that was taken away is watched no more; one that is to be told of is."""
    async with _open(tmp_path) as (mailbox, _, teller):
        gone, told = _action("importance"), _action("flag")
        teller.watch(gone)
        teller.watch(told)
        teller.add(told, _done(told))
        teller.forget_but([])
        sights = mailbox.turn._sights["m"]
        assert len(sights) == 1
