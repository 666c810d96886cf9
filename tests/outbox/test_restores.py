"""A backup of Odoo comes back, with and without the connector's file: nothing that was done is done again, over what others did since."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
import trio

from tests.graph_simulator.entra import Grant
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.writes import Writes
from tests.sync.world import ACCOUNT, World, open_world

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from tests.graph_simulator.call import Answer, Call
    from tests.graph_simulator.model import Mailbox, Message


_TO = "bert@elsewhere.example"


def _lose_file(folder: Path) -> None:
    for file in folder.glob("state-*"):
        file.unlink()


async def _world_with_actions(world: World) -> list[str]:
    inbox = world.truth.folder_id("inbox")
    ids = [world.deliver(inbox, age=number * 100.0) for number in range(100)]
    await world.run(60)
    return ids


@pytest.mark.parametrize("has_file", [True, False], ids=["with the file", "without the file"])
async def test_restore_nothing_is_sent_or_moved_twice(tmp_path: Path, autojump_clock: MockClock, *, has_file: bool) -> None:
    """A dump with 50 open and 50 since-finished actions, 20 of them sends: each is done once, and what others did since stays.

    Without the file nobody knows of the mails that did not go out: they are `unconfirmed`, for their author to decide.
    """
    moves: list[str] = []
    move = Writes.move

    def moved(writes: Writes, call: Call, mailbox: Mailbox, message: Message) -> Answer:
        moves.append(message.immutable_id)
        return move(writes, call, mailbox, message)

    quirks = Quirks(send_rate=0)
    async with open_world(tmp_path, quirks=quirks, outbox=True, bootstrap_messages=200) as world:
        world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
        ids = (await _world_with_actions(world))[:80]
        archive, work = world.truth.folder_id("archive"), world.truth.add_folder("Work", world.truth.folder_id("msgfolderroot")).id
        await world.run(60)
        with patch.object(Writes, "move", moved):
            finished, still_open = ids[:40], ids[40:]
            world.addon.maildesk_do(ACCOUNT, "archive", finished)
            group = world.addon.maildesk_do(ACCOUNT, "archive", still_open)
            sends = [world.addon.maildesk_send(ACCOUNT, f"Letter {number}", _TO) for number in range(20)]
            dump = world.addon.dump()
            # So half of it stays open in the dump alone.
            world.addon.maildesk_undo(ACCOUNT, group)
            box = world.addon.mailboxes[ACCOUNT]
            for uuid in sends[10:]:
                box.actions[uuid] = replace(box.actions[uuid], state="cancelled")
            await world.run(200)
            assert sorted(moves) == sorted(finished)
            assert sorted(mail["subject"] for mail in world.simulator.post.outgoing) == sorted(f"Letter {number}" for number in range(10))
            # Somebody files some of them, and some of the mails that were sent.
            copies = [m.immutable_id for m in world.truth.in_folder(world.truth.folder_id("sentitems")) if m.data["subject"] == "Letter 1"]
            for message in [*finished[:20], *copies]:
                world.truth.move(message, work)
            world.addon.restore(dump)
            if not has_file:
                await trio.to_thread.run_sync(_lose_file, tmp_path)
            await world.run(1000)
        assert sorted(moves) == sorted(ids)
        places = [world.truth.messages[i].folder_id for i in ids]
        assert places == [work] * 20 + [archive] * 60
        box = world.addon.mailboxes[ACCOUNT]
        states = {a.remote_id: (a.state, a.error) for a in box.actions.values() if a.kind != "send"}
        # With the file it is known that they were done; without it, that somebody was there since.
        assert {states[i] for i in finished[:20]} == {("done", None) if has_file else ("failed", "changed")}
        assert {states[i][0] for i in ids[20:]} == {"done"}
        gone = Counter(mail["subject"] for mail in world.simulator.post.outgoing)
        assert gone == Counter(f"Letter {number}" for number in range(20 if has_file else 10))
        letters = [box.letters[box.actions[uuid].group].state for uuid in sends]
        assert letters == ["sent"] * 10 + ["sent" if has_file else "unconfirmed"] * 10
        if has_file:
            shown = {i: row["folder"] for i, row in world.addon.rows(ACCOUNT).items() if not row["pending"]}
            assert shown == {i: m.folder_id for i, m in world.truth.messages.items()}


async def test_restore_with_the_file_even_a_state_that_came_back_is_not_acted_on_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The message is where the user saw it, for another put it back: only the journal knows that the action was done."""
    async with open_world(tmp_path, outbox=True, bootstrap_messages=200) as world:
        ids = await _world_with_actions(world)
        world.addon.maildesk_do(ACCOUNT, "archive", ids[:1])
        dump = world.addon.dump()
        await world.run(120)
        world.truth.move(ids[0], world.truth.folder_id("inbox"))
        world.addon.restore(dump)
        await world.run(400)
        assert world.truth.messages[ids[0]].folder_id == world.truth.folder_id("inbox")
        assert not world.differences()


@pytest.mark.parametrize("has_file", [True, False], ids=["with the file", "without the file"])
async def test_restore_mail_that_was_taken_back_and_then_sent_goes_once(
    tmp_path: Path, autojump_clock: MockClock, *, has_file: bool
) -> None:
    """The dump has it scheduled; it went by another action since, so no note speaks of the first: what has its tag does."""
    async with open_world(tmp_path, quirks=Quirks(send_rate=0), outbox=True, bootstrap_messages=50) as world:
        world.simulator.entra.grants["t"] = Grant("anna@pier.example", ("Mail.ReadWrite", "Mail.Send"), 10**12)
        await world.run(60)
        later = world.addon.maildesk_send(ACCOUNT, "Later", _TO, delay=600.0)
        dump = world.addon.dump()
        box = world.addon.mailboxes[ACCOUNT]
        now = replace(
            box.actions[later],
            id=box.actions[later].id + 1000,
            uuid=str(uuid.uuid4()),
            made_at=(moment := world.addon.now()),
            due_at=moment,
        )
        box.actions |= {later: replace(box.actions[later], state="cancelled"), now.uuid: now}
        await world.run(120)
        assert [mail["subject"] for mail in world.simulator.post.outgoing] == ["Later"]
        world.addon.restore(dump)
        if not has_file:
            await trio.to_thread.run_sync(_lose_file, tmp_path)
        await world.run(1500)
        assert [mail["subject"] for mail in world.simulator.post.outgoing] == ["Later"]
        assert [letter.state for letter in world.addon.mailboxes[ACCOUNT].letters.values()] == ["sent"]


async def test_old_actions_are_not_put_over_newer_changes(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The connector was away for an hour; who changed the message in Outlook meanwhile has the last word, and the user is told."""
    async with open_world(tmp_path, outbox=True, bootstrap_messages=200) as world:
        ids = await _world_with_actions(world)
        world.addon.maildesk_do(ACCOUNT, "archive", ids[:2])
        world.addon.maildesk_do(ACCOUNT, "mark_folder_read", folder=world.truth.folder_id("inbox"))
        world.truth.move(ids[0], world.truth.folder_id("deleteditems"))
        autojump_clock.jump(3600)
        await world.run(400)
        folders = [world.truth.messages[i].folder_id for i in ids[:2]]
        assert folders == [world.truth.folder_id("deleteditems"), world.truth.folder_id("archive")]
        told = {a.kind: (a.state, a.error) for a in world.addon.mailboxes[ACCOUNT].actions.values() if a.remote_id != ids[1]}
        assert told == {"archive": ("failed", "changed"), "mark_folder_read": ("failed", "doubtful")}
        assert not world.differences()


async def test_many_at_once_go_in_few_requests(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Three hundred moves are sixteen batches and a few, in three lanes, and a single click goes within a second."""
    async with open_world(tmp_path, outbox=True, bootstrap_messages=400) as world:
        ids = await _world_with_actions(world)
        more = [world.deliver(world.truth.folder_id("inbox"), age=number * 100.0) for number in range(200)]
        await world.run(400)
        before = world.requests
        world.addon.maildesk_do(ACCOUNT, "archive", [*ids, *more])
        for message in more[:3]:
            world.truth.move(message, world.truth.folder_id("archive"))
        await world.run(5)
        archive = world.truth.folder_id("archive")
        assert {m.folder_id for m in world.truth.messages.values()} == {archive}
        # The first answer to a connector that begins is proved message by message; the writes are 15 batches; some are looked at again,
        # of which a round told something while their moves were under way.
        assert world.requests - before < 15 + 75 + 25 + 15
