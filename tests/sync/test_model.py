"""The engine against any history: changes, faults, deaths at any request and call, lost files, restored backups.

After quiet Odoo equals the mailbox, message by message. Hypothesis makes the histories; time is the test's own. Reconcile is off in nine of
ten of them: the engine must be right by itself; where it is on, it may repair only what Graph is documented to lose.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
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
from tests.graph_simulator.model import ROLES
from tests.graph_simulator.quirks import Quirks
from tests.sync.world import ACCOUNT, World, open_world

if TYPE_CHECKING:
    from collections.abc import Callable

# Hundreds of histories in `make test`, ten thousand in `make drill`.
_EXAMPLES = int(os.environ.get("MAILDESK_EXAMPLES", "200"))

# Seconds of the test's clock after which everything must be right, with no change and no fault any more: the longest backoff and then some.
_QUIET = 5000.0

_DAY = 86_400.0

# Real seconds that a test of many histories may take on a busy machine (in the drill: as long as it takes).
_PATIENCE = 600 if _EXAMPLES <= 200 else 6 * 3600


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens; numbers choose among what there is then."""

    kind: str
    a: int = 0
    b: int = 0

    def __repr__(self) -> str:
        return f"{self.kind}({self.a},{self.b})"


_CHANGES = [
    "deliver",
    "deliver_old",
    "read",
    "flag",
    "categorize",
    "move",
    "move",
    "there_and_back",
    "chain",
    "delete",
    "trash",
    "empty",
    "add_folder",
    "rename_folder",
    "move_folder",
    "delete_folder",
    "archive_folder",
]
_HAPPENINGS = ["run", "run", "run", "die", "die", "die_anywhere", "lose_call", "lose_answer", "late_call", "cut", "storm", "forget_links"]
_DISASTERS = ["lose_file", "keep_file", "restore_file", "dump", "restore"]

_number = st.integers(0, 1000)
_step = st.builds(Step, st.sampled_from(_CHANGES * 3 + _HAPPENINGS * 2 + _DISASTERS), _number, _number)

# What Graph is documented or reported to do, and any correct client can live with for ever.
_SWITCHES = (
    "partial_read_updates",
    "out_of_filter_events",
    "aba_loss",
    "empty_pages",
    "duplicates",
    "shuffle",
    "control_characters",
    "forget_page_size",
    "same_link",
    "removed_in_first_round",
    "moved_twice",
    "deleted_stays",
    "retry_after",
)
_SYNC_ERRORS = ("410 SyncStateNotFound", "410 syncStateInvalid", "400 ResyncRequired", "404 SYNCSTATENOTFOUND", "400 InvalidSyncStateData")
_quirks = st.fixed_dictionaries(
    {name: st.booleans() for name in _SWITCHES}
    | {
        "delta_generations": st.integers(1, 20),
        "nextlink_dies": st.sampled_from([0, 0, 41]),
        "read_as_removed": st.sampled_from([0, 0, 2]),
        "batch_missing": st.sampled_from([0, 0, 7]),
        "delay": st.sampled_from([0.0, 0.0, 40.0]),
        "sync_error": st.sampled_from(_SYNC_ERRORS),
        "absent_folder_code": st.sampled_from(["404 ErrorItemNotFound", "404 ErrorFolderNotFound", "400 ErrorInvalidIdMalformed"]),
    }
)
# What it is reported to lose: only a reconcile finds it.
_losses = st.fixed_dictionaries({"move_without_add": st.sampled_from([0, 2])})


class History:
    """Carries out steps."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.truth = world.truth
        self.file: Path | None = None
        self.backup: Any = None

    async def do(self, step: Step) -> None:
        """Let one step happen."""
        await getattr(self, f"on_{step.kind}", self._change)(step)

    # ---------------------------------------------------------------- what happens to the connector

    async def on_run(self, step: Step) -> None:
        """Run."""
        await self.world.run(1 + step.a * 2)

    async def on_die(self, step: Step) -> None:
        """Die."""
        await self.world.run(3000, die_after=1 + step.a % 40)

    async def on_die_anywhere(self, step: Step) -> None:
        """Die at any await."""
        await self.world.run(3000, die_at_step=1 + (step.a * 31 + step.b) % 1500)

    async def on_storm(self, step: Step) -> None:
        """Run while a fifth of all answers are bad."""
        quirks = self.world.simulator.quirks
        self.world.simulator.quirks = replace(quirks, storm=0.2, storm_seed=step.b)
        await self.world.run(60 + step.a)
        self.world.simulator.quirks = replace(self.world.simulator.quirks, storm=0.0)

    async def on_lose_call(self, step: Step) -> None:
        """Lose call."""
        self.world.lose[("before apply", "before take_up", "before compare")[step.a % 3]] = 1 + step.b % 2

    async def on_lose_answer(self, step: Step) -> None:
        """Lose answer."""
        self.world.lose["after apply"] = 1 + step.b % 2

    async def on_late_call(self, step: Step) -> None:
        """Let a call be carried out long after whoever made it gave it up, or died."""
        self.world.addon.late[("apply", "take_up")[step.a % 2]] = step.b % 12

    async def on_cut(self, step: Step) -> None:
        """Cut."""
        self.world.lose[("before graph", "after graph")[step.a % 2]] = 1 + step.b % 8

    async def on_forget_links(self, _: Step) -> None:
        """All cursors are dead: the server was maintained."""
        self.world.simulator.graph.forget_links(self.truth)

    async def on_lose_file(self, _: Step) -> None:
        """Lose file."""
        for file in self.world.state.parent.glob(f"{self.world.state.name}*"):
            file.unlink()

    async def on_keep_file(self, _: Step) -> None:
        """Keep file."""
        if self.world.state.exists():
            self.file = self.world.state.with_suffix(".kept")
            shutil.copy(self.world.state, self.file)

    async def on_restore_file(self, step: Step) -> None:
        """Restore file."""
        if self.file is not None:
            await self.on_lose_file(step)
            shutil.copy(self.file, self.world.state)

    async def on_dump(self, _: Step) -> None:
        """Dump."""
        self.backup = self.world.addon.dump()

    async def on_restore(self, _: Step) -> None:
        """Restore."""
        if self.backup is not None:
            self.world.addon.restore(self.backup)

    # ---------------------------------------------------------------- what happens to the mailbox

    async def on_archive_folder(self, step: Step) -> None:
        """The Archive goes with its mail, and is made by the next click on "Archive": under a new id, in any language."""
        if archive := [f.id for f in self.truth.folders.values() if f.well_known == "archive"]:
            self.truth.delete_folder(archive[0])
        else:
            self.truth.add_folder(("Archive", "Archiv")[step.a % 2], self.truth.folder_id("msgfolderroot"), well_known="archive")

    async def _change(self, step: Step) -> None:
        truth = self.truth
        folders = [f.id for f in truth.folders.values() if f.well_known not in {"msgfolderroot", "outbox"}]
        messages = sorted(truth.messages)
        folder = folders[step.b % len(folders)]
        message = messages[step.a % len(messages)] if messages else None
        own = [f.id for f in truth.folders.values() if not f.well_known]
        match step.kind:
            case "deliver":
                for _ in range(1 + step.a % 3):
                    self.world.deliver(folder)
            case "deliver_old":
                self.world.deliver(folder, age=step.a * 3600.0)
            case "empty":
                for each in truth.in_folder(folder)[: step.a % 7]:
                    truth.delete(each.immutable_id)
            case "add_folder" if len(own) < 8:
                truth.add_folder(("Work", "Nordsee/Pier", "Work")[step.a % 3], folders[step.b % len(folders)])
            case "rename_folder" if own:
                truth.change_folder(own[step.a % len(own)], name=f"Renamed {step.b % 3}")
            case "move_folder" if own:
                moved = truth.folders[own[step.a % len(own)]]
                if not truth.is_within(truth.folders[folder], moved):
                    truth.change_folder(moved.id, parent_id=folder)
            case "delete_folder" if own:
                truth.delete_folder(own[step.a % len(own)])
        if message is not None and step.kind in _OF_A_MESSAGE:
            _OF_A_MESSAGE[step.kind](self, message, folder, folders[(step.b + 1 + step.a) % len(folders)])

    def _read(self, message: str, *_: str) -> None:
        self.truth.set_read(message, is_read=not self.truth.messages[message].data["isRead"])

    def _flag(self, message: str, *_: str) -> None:
        flagged = self.truth.messages[message].data["flag"]["flagStatus"] == "flagged"
        self.truth.set_flag(message, "notFlagged" if flagged else "flagged")

    def _categorize(self, message: str, folder: str, *_: str) -> None:
        self.truth.change(message, {"categories": [folder[-4:]], "importance": "high"})

    def _move(self, message: str, folder: str, *_: str) -> None:
        self.truth.move(message, folder)

    def _there_and_back(self, message: str, folder: str, *_: str) -> None:
        home = self.truth.messages[message].folder_id
        self.truth.move(message, folder)
        self.truth.move(message, home)

    def _chain(self, message: str, folder: str, other: str) -> None:
        self.truth.move(message, folder)
        self.truth.move(message, other)

    def _delete(self, message: str, *_: str) -> None:
        self.truth.delete(message)

    def _trash(self, message: str, *_: str) -> None:
        self.truth.move(message, self.truth.folder_id("deleteditems"))


_OF_A_MESSAGE: dict[str, Callable[..., None]] = {
    "read": History._read,
    "flag": History._flag,
    "categorize": History._categorize,
    "move": History._move,
    "there_and_back": History._there_and_back,
    "chain": History._chain,
    "delete": History._delete,
    "trash": History._trash,
}


async def _live_through(
    folder: Path, start: int, steps: list[Step], switches: dict[str, Any], *, quiet: float = _QUIET, filter_cap: int = 5000, **given: Any
) -> World:
    """Live through a history, then `quiet` seconds, and compare."""
    quirks = Quirks(**switches, filter_cap=filter_cap)
    # Three a page: whatever is longer comes in several, and may be cut between them.
    # Logs are kept from the terminal: tracebacks of thousands of histories take longer than the histories.
    with patch.object(delta, "_PREFER", ("odata.maxpagesize=3",)), capture_logs():
        async with open_world(folder, quirks=quirks, **given) as world:
            await _check(world, start, steps, quiet)
            return world


async def _check(world: World, start: int, steps: list[Step], quiet: float) -> None:
    history = History(world)
    ids = [world.truth.folder_id(role) for role in ROLES[1:7]]
    for number in range(start):
        world.deliver(ids[number * number % 3], age=number * 7000.0)
    for step in steps:
        await history.do(step)
    world.lose.clear()
    # An answer that is lost at each seventh item, in step with the cycles, is a fault too: where Graph keeps one generation of links
    # it costs the same folder its cursor each time.
    world.simulator.quirks = replace(world.simulator.quirks, batch_missing=0)
    await world.run(quiet)
    found = world.differences()
    assert not found, "\n".join(found)
    assert world.runner is not None
    assert world.runner.progress is not None
    assert world.runner.progress.phase.value == "up_to_date"
    assert world.addon.mailboxes[ACCOUNT].state_message in {"", "Connected"}


def _history(start: int, steps: list[Step], switches: dict[str, Any], **given: Any) -> World:
    folder = Path(tempfile.mkdtemp(prefix="maildesk-model-"))
    try:
        return trio.run(partial(_live_through, folder, start, steps, switches, **given), clock=MockClock(autojump_threshold=0))
    finally:
        shutil.rmtree(folder)


_plain = settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
_few = settings(_plain, max_examples=max(1, _EXAMPLES // 2))


@pytest.mark.timeout(_PATIENCE)
@_plain
@given(st.integers(3, 40), st.lists(_step, min_size=6, max_size=30), _quirks)
def test_engine_any_history_ends_in_equality(start: int, steps: list[Step], switches: dict[str, Any]) -> None:
    """Whatever happened, after quiet Odoo has the mailbox: every message once, in its folder, as it is."""
    _history(start, steps, switches)


@pytest.mark.timeout(_PATIENCE)
@_few
@given(st.integers(20, 60), st.lists(_step, min_size=6, max_size=20), _quirks)
def test_engine_any_history_under_a_filtered_cursor_ends_in_equality(start: int, steps: list[Step], switches: dict[str, Any]) -> None:
    """The same while older mail comes slowly: Graph stops telling through a filter after nine items, so cursors are replaced after six."""
    _history(start, steps, switches, bootstrap_messages=3, reanchor=6, filter_cap=9, backfill_per_hour=25, quiet=5 * 3600.0)


@pytest.mark.timeout(_PATIENCE)
@settings(_plain, max_examples=max(1, _EXAMPLES // 10))
@given(st.integers(3, 30), st.lists(_step, min_size=6, max_size=20), _quirks, _losses)
def test_engine_any_history_with_reconcile_repairs_only_what_graph_loses(
    start: int, steps: list[Step], switches: dict[str, Any], losses: dict[str, Any]
) -> None:
    """Where Graph loses something, the proof finds it within the hour; where it loses nothing, there is nothing to repair."""
    world = _history(start, steps, switches | losses, reconcile_interval=1800, quiet=3 * 3600.0)
    assert world.runner is not None
    # What delta tells late (Graph's "processing delays"), a listing may have earlier: that is repaired, too.
    assert losses["move_without_add"] or switches["delay"] or world.runner.mailbox.drift == 0


_ON = dict.fromkeys(("partial_read_updates", "out_of_filter_events", "aba_loss", "empty_pages", "duplicates", "shuffle"), True)


@pytest.mark.parametrize(
    "steps",
    [
        [Step("run", 100), Step("read", 3)],
        [Step("run", 100), Step("deliver"), Step("there_and_back", 0, 1)],
        [Step("run", 100), Step("there_and_back", 2, 1), Step("there_and_back", 5, 3)],
        [Step("run", 100), Step("delete", 2), Step("lose_file"), Step("forget_links")],
        [Step("run", 100), Step("delete", 2), Step("forget_links"), Step("die", 9), Step("die", 14)],
        [Step("run", 100), Step("dump"), Step("move", 3, 4), Step("delete", 1), Step("run", 300), Step("restore")],
        [Step("run", 100), Step("keep_file"), Step("move", 3, 4), Step("run", 300), Step("restore_file"), Step("deliver", 2, 0)],
        [Step("run", 100), Step("dump"), Step("deliver", 2, 0), Step("run", 400), Step("restore"), Step("lose_file")],
        [Step("run", 100), Step("move", 3, 4), Step("lose_answer"), Step("run", 1), Step("move", 3, 2)],
        [Step("run", 100), Step("add_folder", 0, 1), Step("move", 3, 6), Step("run", 150), Step("delete_folder")],
        [Step("archive_folder"), Step("run", 100), Step("archive_folder"), Step("run", 300), Step("move", 3, 5)],
        [Step("run", 100), Step("archive_folder"), Step("run", 300), Step("archive_folder", 1)],
    ],
    ids=repr,
)
def test_engine_named_history_ends_in_equality(steps: list[Step]) -> None:
    """Histories in which others lost mail, each in a line."""
    _history(20, steps, _ON | {"delta_generations": 20})
