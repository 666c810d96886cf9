"""The outbox against any history: what users do, what others do to the mailbox meanwhile, faults, deaths at any await, lost files, backups.

After quiet

    Odoo equals the mailbox, badges too      so a failed, undone or merged action leaves what Graph says
    no action is open                        each was applied or reported
    an action that says "done" was carried out, or the message had that state already, or is nowhere
    no write reached Graph twice for one action   but where the mailbox was put back in between into the very state that the user saw

Users act through the addon in memory; the connector is the real one, with its exchange, journal, courier and sync.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock

from connector.graph import delta
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.writes import Writes
from tests.sync import test_model as sync_model
from tests.sync.world import ACCOUNT, World, open_world

if TYPE_CHECKING:
    from tests.graph_simulator.call import Answer, Call
    from tests.graph_simulator.model import Mailbox, Message
    from tests.sync.memory_addon import MemoryMailbox

_EXAMPLES = int(os.environ.get("MAILDESK_EXAMPLES", "200"))
# Real seconds that many histories may take on a busy machine.
_PATIENCE = 600 if _EXAMPLES <= 200 else 6 * 3600
# Seconds of the test's clock after which everything must be right: the longest that an action is tried, and then a round.
_QUIET = 5000.0

_ACTS = ["read", "unread", "flag", "unflag", "move", "move", "archive", "delete", "destroy", "importance", "categories", "mark_folder_read"]
_CHANGES = ["deliver", "read_there", "flag_there", "move_there", "delete_there", "delete_folder"]
_HAPPENINGS = ["run", "run", "die", "die", "die_anywhere", "lose_call", "lose_answer", "late_call", "cut", "storm", "undo", "undo"]
_DISASTERS = ["lose_file", "keep_file", "restore_file", "dump", "restore"]

Step = sync_model.Step
_number = st.integers(0, 1000)
_step = st.builds(Step, st.sampled_from(_ACTS * 3 + _CHANGES + _HAPPENINGS * 2 + _DISASTERS), _number, _number)
_switches = st.fixed_dictionaries(
    {
        name: st.booleans()
        for name in ("partial_read_updates", "aba_loss", "empty_pages", "duplicates", "shuffle", "moved_twice", "retry_after")
    }
    | {
        "batch_missing": st.sampled_from([0, 0, 7]),
        "delay": st.sampled_from([0.0, 0.0, 40.0]),
        "delete_to": st.sampled_from(["deleteditems", "recoverable"]),
    }
)


@dataclass
class Deeds:
    """What reached the mailbox by Graph, what users asked for, and what others did: by message, field and value (of others: any value)."""

    done: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    asked: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    others: Counter[tuple[str, str]] = field(default_factory=Counter)

    def watch(self) -> ExitStack:
        """Note what the simulator carries out."""
        stack = ExitStack()
        update, move, delete = Writes.update, Writes.move, Writes.delete

        def updated(writes: Writes, call: Call, mailbox: Mailbox, message: Message) -> Answer:
            ((name, value),) = json.loads(call.body).items()
            self.done[message.immutable_id, _FIELDS[name], str(value["flagStatus"] == "flagged" if name == "flag" else value)] += 1
            return update(writes, call, mailbox, message)

        def moved(writes: Writes, call: Call, mailbox: Mailbox, message: Message) -> Answer:
            self.done[message.immutable_id, "folder", json.loads(call.body)["destinationId"]] += 1
            return move(writes, call, mailbox, message)

        def deleted(writes: Writes, mailbox: Mailbox, message: Message) -> Answer:
            self.done[message.immutable_id, "pending", "True"] += 1
            return delete(writes, mailbox, message)

        for name, put in (("update", updated), ("move", moved), ("delete", deleted)):
            stack.enter_context(patch.object(Writes, name, put))
        return stack

    def doubled(self, box: MemoryMailbox) -> list[str]:
        """Return what was done more often than it was asked for, and than others gave reason to."""
        wide = any(action.is_folder_wide for action in box.actions.values())
        return [
            f"{message[-6:]} {name} {value}: {count} times, asked {self.asked[message, name, value]}"
            for (message, name, value), count in self.done.items()
            if count > self.asked[message, name, value] + self.others[message, name] + (name == "is_read" and wide) * count
        ]


_FIELDS = {"isRead": "is_read", "flag": "is_flagged", "importance": "importance", "categories": "categories"}
_CHANGED_BY = {"read_there": "is_read", "flag_there": "is_flagged"}


@dataclass(slots=True)
class History(sync_model.History):
    """Carries out steps; whoever acts sees what the addon shows."""

    world: World
    deeds: Deeds
    groups: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        sync_model.History.__init__(self, self.world)

    async def do(self, step: Step) -> None:
        """Let one step happen."""
        if step.kind in _ACTS:
            self._act(step)
        else:
            await sync_model.History.do(self, step)

    def _act(self, step: Step) -> None:
        box = self.world.addon.mailboxes[ACCOUNT]
        shown = sorted(i for i, row in box.rows.items() if not row["pending"])
        folders = sorted(f.remote_id for f in box.folders.values() if f.active and f.role != "drafts")
        if not shown or not folders:
            return
        some = [shown[(step.a + n) % len(shown)] for n in range(1 + step.b % 4)]
        values: dict[str, Any] = {}
        match step.kind:
            case "move":
                values = {"folder": folders[step.b % len(folders)]}
            case "importance":
                values = {"importance": ("low", "high")[step.b % 2]}
            case "categories":
                values = {"categories": [("Blue", "Red")[step.b % 2]]}
            case "mark_folder_read":
                values = {"folder": folders[step.b % len(folders)]}
            case "archive" if not any(f.role == "archive" and f.active for f in box.folders.values()):
                return
        self.groups.append(self.world.addon.maildesk_do(ACCOUNT, step.kind, some, **values))
        self._asked()

    def _asked(self) -> None:
        """Note the actions that were just made."""
        for uuid, action in self.world.addon.mailboxes[ACCOUNT].actions.items():
            if uuid not in self.known:
                self.known.add(uuid)
                name, value = next(iter(action.vals.items()))
                self.deeds.asked[action.remote_id or "", name, str(value)] += 1

    async def on_undo(self, step: Step) -> None:
        """Take back one of the last things."""
        if self.groups:
            self.world.addon.maildesk_undo(ACCOUNT, self.groups[-1 - step.a % min(3, len(self.groups))])
            self._asked()

    async def on_lose_call(self, step: Step) -> None:
        """Lose a call."""
        self.world.lose[("before apply", "before exchange", "before outcomes")[step.a % 3]] = 1 + step.b % 2

    async def on_lose_answer(self, step: Step) -> None:
        """Lose an answer."""
        self.world.lose[("after apply", "after exchange", "after outcomes")[step.a % 3]] = 1 + step.b % 2

    async def on_late_call(self, step: Step) -> None:
        """Let a call be carried out long after whoever made it gave it up, or died."""
        self.world.addon.late[("apply", "outcomes", "take_up")[step.a % 3]] = step.b % 12

    async def _change(self, step: Step) -> None:
        there = step.kind.removesuffix("_there")
        messages = sorted(self.truth.messages)
        for message in messages[step.a % len(messages) :][:1] if messages else ():
            # Whoever puts a message back into the state that the user saw makes an unknown answer look like a lost request.
            self.deeds.others[message, _CHANGED_BY.get(step.kind, "folder")] += 1
        if step.kind == "delete_folder":
            self.deeds.others.update((message, "folder") for message in messages)
        await sync_model.History._change(self, Step(there, step.a, step.b))


async def _live_through(folder: Path, steps: list[Step], switches: dict[str, Any]) -> World:
    with patch.object(delta, "_PREFER", ("odata.maxpagesize=5",)), capture_logs():
        async with open_world(folder, quirks=Quirks(**switches), outbox=True, bootstrap_messages=50) as world:
            ids = [world.truth.folder_id(name) for name in ("inbox", "archive", "sentitems")]
            for number in range(12):
                world.deliver(ids[number % 3], age=number * 7000.0)
            await world.run(30)
            deeds = Deeds()
            history = History(world, deeds)
            with deeds.watch():
                for step in steps:
                    await history.do(step)
                world.lose.clear()
                world.simulator.quirks = replace(world.simulator.quirks, batch_missing=0)
                await world.run(_QUIET)
            _check(world)
            doubled = deeds.doubled(world.addon.mailboxes[ACCOUNT])
            assert not doubled, "\n".join(doubled)
            return world


def _check(world: World) -> None:
    box = world.addon.mailboxes[ACCOUNT]
    states = Counter(action.state for action in box.actions.values())
    assert not states["pending"], states
    assert not states["running"], states
    assert not box.said, box.said
    assert not [a for a in box.actions.values() if a.covers]
    found = world.differences()
    assert not found, "\n".join(found)


def _history(steps: list[Step], switches: dict[str, Any]) -> World:
    folder = Path(tempfile.mkdtemp(prefix="maildesk-outbox-"))
    try:
        return trio.run(partial(_live_through, folder, steps, switches), clock=MockClock(autojump_threshold=0))
    finally:
        shutil.rmtree(folder)


@pytest.mark.timeout(_PATIENCE)
@settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(_step, min_size=4, max_size=25), _switches)
def test_outbox_any_history_ends_in_equality(steps: list[Step], switches: dict[str, Any]) -> None:
    """Whatever happened, after quiet nothing is open and Odoo shows what the mailbox has."""
    _history(steps, switches)


_RUN = Step("run", 100)


@pytest.mark.parametrize(
    "steps",
    [
        [Step("read", 1, 3), Step("unread", 1, 3)],
        [Step("move", 1, 2), Step("die", 2), Step("die", 5)],
        [Step("move", 1, 2), Step("lose_file"), _RUN],
        [Step("move", 1, 2), Step("lose_answer", 1), _RUN],
        [Step("archive", 1), Step("dump"), _RUN, Step("restore")],
        [Step("archive", 1), Step("dump"), _RUN, Step("move_there", 1, 4), Step("restore"), Step("lose_file")],
        [Step("keep_file"), Step("delete", 1), _RUN, Step("restore_file"), _RUN, Step("undo")],
        [Step("move", 1, 2), Step("read", 1), Step("delete_there", 1), _RUN],
        [Step("destroy", 1, 2), Step("cut", 1, 3), _RUN, Step("undo")],
        [Step("mark_folder_read", 0, 2), Step("unread", 1, 3), Step("storm", 100, 4)],
        [Step("mark_folder_read", 0, 2), Step("undo"), _RUN],
        [Step("mark_folder_read", 0, 2), _RUN, Step("undo"), Step("die_anywhere", 30, 2)],
        [Step("mark_folder_read", 0, 2), Step("move", 1, 1), Step("die_anywhere", 30, 2), Step("undo", 1)],
        [Step("read", 0, 0), Step("move", 280, 200), Step("die_anywhere", 138, 447), Step("read", 0, 0)],
        [Step("read", 0, 0), Step("move", 280, 200), Step("die_anywhere", 138, 427), Step("read", 232, 0)],
    ],
    ids=repr,
)
def test_outbox_named_history_ends_in_equality(steps: list[Step]) -> None:
    """Histories in which others did something twice, each in a line."""
    _history(steps, {"aba_loss": True, "partial_read_updates": True})
