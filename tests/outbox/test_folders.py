"""A folder that is deleted and comes back, through the real courier: names that are taken, deaths between two steps, refusals."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import trio

from connector.odoo.wire import Action, Outcome
from connector.outbox.carry import name_aside
from connector.outbox.courier import Courier
from connector.outbox.queue import Outbox, Queue, Task
from tests.graph_simulator.folder_writes import FolderWrites
from tests.graph_simulator.odata import GraphFault
from tests.outbox.alone import ACCOUNT, open_alone
from tests.sync.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from trio.testing import MockClock

    from connector.state.journal import Journal
    from tests.graph_simulator.call import Answer, Call
    from tests.graph_simulator.model import Folder, Mailbox
    from tests.graph_simulator.model import Mailbox as Truth

pytestmark = pytest.mark.timeout(60)  # seconds


class _Odoo:
    def __init__(self) -> None:
        self.told: list[Outcome] = []

    async def outcomes(self, account_id: int, outcomes: Sequence[Outcome], *, database: str | None, fence: str | None) -> int:
        del account_id, database, fence
        self.told += outcomes
        return len(outcomes)


class Desk:
    """A mailbox at the simulator, and connectors that carry out what Odoo gives them, one life after the other."""

    def __init__(self, mailbox: Any, journal: Journal, truth: Truth) -> None:
        self.mailbox = mailbox
        self.journal = journal
        self.truth = truth
        self.odoo: Any = _Odoo()
        self.work = truth.add_folder("Work", truth.folder_id("msgfolderroot")).id

    async def live(self, *actions: Action, is_whole: bool = False) -> list[tuple[str, str, str | None]]:
        """Let a new connector work for a while; return what it told of the actions."""
        outbox = Outbox(self.journal, World.now)
        await outbox.take(actions, is_whole=is_whole)
        with trio.move_on_after(600):
            await Courier(self.mailbox, outbox, self.odoo, World.now).run()
        told, self.odoo.told = self.odoo.told, []
        return [(one.uuid, one.outcome, one.error if isinstance(one.error, str) else None) for one in told]

    def delete(self, number: int = 1) -> Action:
        """Return what deletes the folder."""
        return self._action(number, "folder_delete", {"for_good": False}, {"parent": None})

    def bring_back(self, number: int = 2) -> Action:
        """Return what takes that back."""
        return self._action(number, "folder_move", {"parent": None, "name": "Work"}, {"parent": self.truth.folder_id("deleteditems")})

    def _action(self, number: int, kind: str, values: dict[str, Any], seen: dict[str, Any]) -> Action:
        return Action(number, f"u{number}", ACCOUNT, kind, None, self.work, values, seen, 0)

    @property
    def place(self) -> tuple[str, str]:
        """Where the folder is, and its name."""
        folder = self.truth.folders[self.work]
        return self.truth.folders[folder.parent_id or ""].well_known or "", folder.name


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[Desk]:
    async with open_alone(folder, "Mail.ReadWrite") as (truth, mailbox, journal):
        yield Desk(mailbox, journal, truth)


async def test_folder_deleted_and_brought_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    """It goes to Deleted Items with what is in it, and back to where it was."""
    del autojump_clock
    async with _open(tmp_path) as desk:
        child = desk.truth.add_folder("Inside", desk.work)
        assert await desk.live(desk.delete()) == [("u1", "done", None)]
        assert desk.place == ("deleteditems", "Work")
        assert await desk.live(desk.bring_back()) == [("u2", "done", None)]
        assert desk.place == ("msgfolderroot", "Work")
        assert desk.truth.folders[child.id].parent_id == desk.work


async def test_folder_deleted_where_its_name_is_taken(tmp_path: Path, autojump_clock: MockClock) -> None:
    """It is never deleted for good for want of a name: it gets another, and its own when it comes back."""
    del autojump_clock
    async with _open(tmp_path) as desk:
        trash = desk.truth.folder_id("deleteditems")
        for name in ("work", "Work (2)"):
            desk.truth.add_folder(name, trash)
        assert await desk.live(desk.delete()) == [("u1", "done", None)]
        assert desk.place == ("deleteditems", "Work (3)")
        assert await desk.live(desk.bring_back()) == [("u2", "done", None)]
        assert desk.place == ("msgfolderroot", "Work")


async def test_folder_name_taken_by_what_nobody_sees(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Where a hidden folder has the name, too, the next number is tried."""
    del autojump_clock
    async with _open(tmp_path) as desk:
        trash = desk.truth.folder_id("deleteditems")
        desk.truth.add_folder("Work", trash)
        desk.truth.add_folder("Work (2)", trash, is_hidden=True)
        assert await desk.live(desk.delete()) == [("u1", "done", None)]
        assert desk.place == ("deleteditems", "Work (3)")


async def test_folder_back_where_its_name_is_taken(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Whoever made a new one meanwhile keeps the name; the old one stays where it is, and its owner hears."""
    del autojump_clock
    async with _open(tmp_path) as desk:
        await desk.live(desk.delete())
        desk.truth.add_folder("Work", desk.truth.folder_id("msgfolderroot"))
        assert await desk.live(desk.bring_back()) == [("u2", "failed", "folder_exists")]
        assert desk.place == ("deleteditems", "Work")


@pytest.mark.parametrize("step", ["move", "update"])
async def test_folder_deaths_between_the_steps(tmp_path: Path, autojump_clock: MockClock, step: str) -> None:
    """Whatever a connector did before it died, the next one looks and does what is left."""
    del autojump_clock
    write = getattr(FolderWrites, step)

    def lost(writes: FolderWrites, call: Call, mailbox: Mailbox, folder: Folder) -> Answer:
        """Carry it out, and lose the answer."""
        write(writes, call, mailbox, folder)
        raise GraphFault(504, "GatewayTimeout", "No answer.")

    async with _open(tmp_path) as desk:
        desk.truth.add_folder("Work", desk.truth.folder_id("deleteditems"))
        for number, (action, place) in enumerate(
            [(desk.delete(), ("deleteditems", "Work (2)")), (desk.bring_back(), ("msgfolderroot", "Work"))]
        ):
            with patch.object(FolderWrites, step, lost), patch("connector.outbox.courier._TRIES", 10**6), trio.move_on_after(2):
                await desk.live(action)
            action.values.pop("step", None)
            action.values.pop("aside", None)
            assert await desk.live(action, is_whole=True) == [(f"u{number + 1}", "done", None)]
            assert desk.place == place


async def test_folder_that_never_left_is_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Graph refused the deletion, its owner took it back: a refusal to move it where it is, is no failure."""
    del autojump_clock

    def refuse(*_args: object) -> Answer:
        raise GraphFault(403, "ErrorAccessDenied", "No.")

    def stays(*_args: object) -> Answer:
        raise GraphFault(400, "ErrorMoveCopyFailed", "It is there.")

    async with _open(tmp_path) as desk:
        with patch.object(FolderWrites, "move", refuse):
            assert await desk.live(desk.delete()) == [("u1", "failed", "forbidden")]
        with patch.object(FolderWrites, "move", stays):
            assert await desk.live(desk.bring_back()) == [("u2", "done", None)]
            assert desk.place == ("msgfolderroot", "Work")
            # It had got another name for its way.
            desk.truth.change_folder(desk.work, name="Work (2)")
            assert await desk.live(desk.bring_back(3)) == [("u3", "done", None)]
        assert desk.place == ("msgfolderroot", "Work")


async def test_folder_gone_meanwhile(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Deleted by somebody else, it is deleted; there is no way back."""
    del autojump_clock
    async with _open(tmp_path) as desk:
        desk.truth.delete_folder(desk.work)
        assert await desk.live(desk.delete(), desk.bring_back()) == [("u1", "done", None), ("u2", "failed", "folder_gone")]


def test_name_aside_is_no_longer_than_a_name() -> None:
    """A number takes the place of the end of a long name."""
    from connector.graph.folders import Folder as Known  # noqa: PLC0415 - the simulator's has the name here

    action = Action(1, "u", ACCOUNT, "folder_delete", None, "f", {}, {}, 0)
    folders = {"f": Known("f", None, "x" * 255, "other", 0, 0), "t": Known("t", None, "Trash", "trash", 0, 0)}
    assert name_aside(action, folders, "t", attempt=0) == "x" * 251 + " (2)"
    assert name_aside(action, {}, "t", attempt=0) is None


@pytest.mark.parametrize(("not_before", "ready"), [(0.0, ["u1", "u2", "u3"]), (60.0, ["u3"])])
async def test_read_waits_for_a_folder_marked_read_before(not_before: float, ready: list[str]) -> None:
    """What was said of one message after the whole folder stays the last word, also when the folder is put off."""
    folder = Action(1, "u1", ACCOUNT, "mark_folder_read", None, "f", {"until": "2026-01-01T00:00:00Z"}, {}, 0)
    unread = Action(2, "u2", ACCOUNT, "unread", "m/1", None, {"is_read": False}, {}, 0)
    flag = Action(3, "u3", ACCOUNT, "flag", "m/2", None, {"is_flagged": True}, {}, 0)
    now = trio.current_time()
    tasks = [Task(action, is_doubtful=False, proved_at=now) for action in (folder, unread, flag)]
    tasks[0].not_before = now + not_before
    queue = Queue({task.action.uuid: task for task in tasks})
    assert [task.action.uuid for task in queue.ready(10)] == ready
