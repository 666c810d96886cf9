"""The outbox on the wire: what is given, what is told back, and what shows, the same over both transports and in memory."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from connector.errors import OdooFault
from connector.odoo.wire import Action, FolderUpdate, Listed, Outcome, Removed
from tests.odoo_contract.conftest import message

if TYPE_CHECKING:
    from tests.odoo_contract.conftest import Mailbox

# Seconds by the connector's clock: only their order counts.
_BEGAN, ACKED, _LATER = 1_000.0, 1_001.5, 1_002.0


class Connector:
    """A connector that begins: its exchanges, and the actions of one mailbox in them."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self.run = str(uuid.uuid4())
        self.next_send_in: float | None = None
        self.serial: str | None = None
        self.since: str | None = None

    async def take(self, limit: int = 200) -> list[Action]:
        """Exchange; return what came for the mailbox."""
        found = await self._mailbox.odoo.exchange(
            instance="11111111-2222-3333-4444-555555555555", run=self.run, serial=self.serial, since=self.since, reports=[], actions=limit
        )
        assert found.held is None
        self.serial, self.since, self.next_send_in = found.serial, found.watermark, found.next_send_in
        return [action for action in found.actions if action.account_id == self._mailbox.id]


async def _filled(mailbox: Mailbox) -> Connector:
    await mailbox.apply(message("a"), message("b"), folders=[FolderUpdate(folder="F-inbox", unread=2, total=2)])
    connector = Connector(mailbox)
    await connector.take()
    return connector


async def test_action_is_given_once_told_and_settled(mailbox: Mailbox) -> None:
    """What it wants and what is there now go out; it covers until a round that began after Graph acknowledged it."""
    connector = await _filled(mailbox)
    await mailbox.behind.act(mailbox.id, "read", "a")
    (action,) = await connector.take()
    assert (action.kind, action.remote_id, action.values, action.seen, action.is_again) == (
        "read",
        "a",
        {"is_read": True},
        {"is_read": False},
        False,
    )
    assert await connector.take() == []
    assert (await mailbox.rows())["a"][2]
    done = Outcome(action.uuid, "done", acked=ACKED, said={"remote_id": "a", "is_read": True})
    assert await mailbox.odoo.outcomes(mailbox.id, [done]) == 1
    assert await mailbox.odoo.outcomes(mailbox.id, [done]) == 0
    assert await mailbox.behind.counts(mailbox.id, "F-inbox") == (1, 2)
    # A round that began before tells what was before.
    await mailbox.apply({"remote_id": "a", "is_read": False}, settled=_BEGAN)
    assert (await mailbox.rows())["a"][2]
    snapshot = await mailbox.snapshot()
    assert (snapshot.unsettled, snapshot.covered) == (ACKED, ["a"])
    await mailbox.apply({"remote_id": "a", "is_read": True})
    await mailbox.apply(settled=_LATER)
    assert (await mailbox.rows())["a"][2]
    snapshot = await mailbox.snapshot()
    assert (snapshot.unsettled, snapshot.covered) == (None, [])
    await mailbox.apply({"remote_id": "a", "is_read": False})
    assert not (await mailbox.rows())["a"][2]


async def test_action_that_fails_leaves_what_graph_says(mailbox: Mailbox) -> None:
    """The sync wrote it all the while."""
    connector = await _filled(mailbox)
    await mailbox.behind.act(mailbox.id, "move", "a", folder="F-sub")
    await mailbox.apply({"remote_id": "a", "folder": "F-sent"})
    assert (await mailbox.rows())["a"][0] == "F-sub"
    found = await mailbox.odoo.compare(mailbox.id, "F-sent", [Listed("a", is_read=False, is_flagged=False)])
    assert (found.differing, found.unlisted) == ([], [])
    assert (await mailbox.odoo.compare(mailbox.id, "F-sent", [])).unlisted == ["a"]
    assert (await mailbox.odoo.compare(mailbox.id, "F-sub", [])).unlisted == []
    (action,) = await connector.take()
    await mailbox.odoo.outcomes(mailbox.id, [Outcome(action.uuid, "failed", error="changed")])
    assert (await mailbox.rows())["a"][0] == "F-sent"


async def test_action_covers_importance_and_categories_and_leaves_what_graph_said_to_compare(mailbox: Mailbox) -> None:
    """What is shown is the user's; a listing is compared with, and repaired is, what stands beside it, nothing of it included."""
    await _filled(mailbox)
    await mailbox.behind.act(mailbox.id, "importance", "a", importance="high")
    await mailbox.behind.act(mailbox.id, "categories", "a", categories=["Mine"])

    async def differing(importance: str, *categories: str) -> list[str]:
        listed = [Listed("a", importance=importance, categories=list(categories)), Listed("b", importance="normal", categories=[])]
        return (await mailbox.odoo.compare(mailbox.id, "F-inbox", listed)).differing

    assert await differing("normal") == []
    assert await differing("high", "Mine") == ["a"]
    assert await differing("low", "Theirs") == ["a"]
    answer = await mailbox.apply({"remote_id": "a", "importance": "low", "categories": ["Theirs"]})
    assert getattr(answer, "changed", None) == 1
    assert await differing("low", "Theirs") == []
    assert await differing("low", "Mine") == await differing("high", "Theirs") == ["a"]
    answer = await mailbox.apply({"remote_id": "a", "importance": "normal", "categories": []})
    assert getattr(answer, "changed", None) == 1
    assert await differing("normal") == []


async def test_action_moved_message_is_not_hidden_by_its_leaving(mailbox: Mailbox) -> None:
    """It is pending for the connector, and in sight for people."""
    connector = await _filled(mailbox)
    await mailbox.behind.act(mailbox.id, "move", "a", folder="F-sub")
    answer = await mailbox.apply(removed=[Removed("F-inbox", "a"), Removed("F-inbox", "b")])
    assert getattr(answer, "pending", None) == ["a", "b"]
    rows = await mailbox.rows()
    assert (rows["a"][0], rows["a"][3], rows["b"][3]) == ("F-sub", False, True)
    (action,) = await connector.take()
    await mailbox.odoo.outcomes(mailbox.id, [Outcome(action.uuid, "done", acked=ACKED, said={"remote_id": "a", "folder": "F-sub"})])
    assert (await mailbox.snapshot()).pending == ["b"]


async def test_action_answered_about_a_message_that_left_its_folder(mailbox: Mailbox) -> None:
    """Graph's answer to "read" says that it is somewhere; it does not bring it back to where it left."""
    connector = await _filled(mailbox)
    await mailbox.behind.act(mailbox.id, "read", "a")
    (action,) = await connector.take()
    await mailbox.apply(removed=[Removed("F-inbox", "a")])
    await mailbox.odoo.outcomes(mailbox.id, [Outcome(action.uuid, "done", acked=ACKED, said={"remote_id": "a", "is_read": True})])
    assert (await mailbox.snapshot()).pending == ["a"]
    assert (await mailbox.rows())["a"][3]


async def test_action_destroyed_message_waits_for_its_proof(mailbox: Mailbox) -> None:
    """Hidden at once, and not the connector's business until Graph did it."""
    connector = await _filled(mailbox)
    await mailbox.behind.act(mailbox.id, "destroy", "a")
    assert (await mailbox.rows())["a"][3]
    assert (await mailbox.snapshot()).pending == []
    (action,) = await connector.take()
    assert (action.values, action.seen) == ({}, {"folder": "F-inbox"})
    await mailbox.odoo.outcomes(mailbox.id, [Outcome(action.uuid, "done", acked=ACKED)])
    answer = await mailbox.apply(settled=_LATER)
    assert getattr(answer, "pending", None) == ["a"]
    await mailbox.apply(gone=["a"])
    assert "a" not in await mailbox.rows()


async def test_action_merging_and_undo(mailbox: Mailbox) -> None:
    """What nobody took merges; what was taken is followed by its opposite."""
    connector = await _filled(mailbox)
    await mailbox.behind.act(mailbox.id, "read", "a")
    await mailbox.behind.act(mailbox.id, "unread", "a")
    group = await mailbox.behind.act(mailbox.id, "move", "b", folder="F-sub")
    (first,) = await connector.take()
    assert first.values == {"folder": "F-sub"}
    await mailbox.behind.undo(mailbox.id, group)
    (second,) = await connector.take()
    assert (second.kind, second.values, second.seen) == ("move", {"folder": "F-inbox"}, {"folder": "F-sub"})
    assert second.id > first.id
    assert (await mailbox.rows())["b"][0] == "F-inbox"


async def test_action_of_a_whole_folder_is_held(mailbox: Mailbox) -> None:
    """As long as it can be taken back, or until more is done with a message there. Taken back late, what nobody touched is unread."""
    connector = await _filled(mailbox)
    group = await mailbox.behind.act(mailbox.id, "mark_folder_read", folder="F-inbox")
    assert await connector.take() == []
    assert connector.next_send_in is not None
    assert 0 < connector.next_send_in <= 12
    assert [(await mailbox.rows())[name][2] for name in "ab"] == [True, True]
    await mailbox.behind.undo(mailbox.id, group)
    assert [(await mailbox.rows())[name][2] for name in "ab"] == [False, False]
    group = await mailbox.behind.act(mailbox.id, "mark_folder_read", folder="F-inbox")
    await mailbox.behind.act(mailbox.id, "unread", "a")
    assert [action.kind for action in await connector.take()] == ["mark_folder_read", "unread"]
    await mailbox.behind.act(mailbox.id, "read", "a")
    await mailbox.behind.undo(mailbox.id, group)
    assert [(await mailbox.rows())[name][2] for name in "ab"] == [True, False]
    assert [(action.kind, action.remote_id, action.seen) for action in await connector.take()] == [
        ("read", "a", {"is_read": False}),
        ("unread", "b", {"is_read": True}),
    ]


async def test_action_of_a_whole_folder_covers_until_it_is_settled(mailbox: Mailbox) -> None:
    """A connector that takes the mailbox up hears which folders are to be compared before that."""
    connector = await _filled(mailbox)
    await mailbox.behind.act(mailbox.id, "mark_folder_read", folder="F-inbox")
    await mailbox.behind.act(mailbox.id, "unread", "a")
    wide, unread = await connector.take()
    assert (await mailbox.snapshot()).covered_folders == []
    await mailbox.odoo.outcomes(mailbox.id, [Outcome(one.uuid, "done", acked=ACKED) for one in (wide, unread)])
    snapshot = await mailbox.snapshot()
    assert (snapshot.unsettled, snapshot.covered, snapshot.covered_folders) == (ACKED, ["a"], ["F-inbox"])
    await mailbox.apply(settled=_LATER)
    snapshot = await mailbox.snapshot()
    assert (snapshot.unsettled, snapshot.covered, snapshot.covered_folders) == (None, [], [])


async def test_action_of_a_lost_answer_or_a_new_connector_comes_again(mailbox: Mailbox) -> None:
    """Nothing stays with nobody."""
    connector = await _filled(mailbox)
    await mailbox.behind.act(mailbox.id, "flag", "a")
    serial, since = connector.serial, connector.since
    (first,) = await connector.take()
    connector.serial, connector.since = serial, since
    (again,) = await connector.take()
    assert (again.uuid, again.is_again) == (first.uuid, True)
    assert await connector.take() == []
    (new,) = await Connector(mailbox).take()
    assert (new.uuid, new.is_again) == (first.uuid, True)


async def test_action_of_a_mailbox_that_cannot_be_reached_waits(mailbox: Mailbox) -> None:
    """A sign-in is needed, or somebody paused it: it stays in Odoo."""
    connector = await _filled(mailbox)
    for state in ("reauth_required", "paused"):
        await mailbox.behind.act(mailbox.id, "flag", "a", "b")
        await mailbox.behind.choose(mailbox.id, state)
        assert await connector.take() == []
    await mailbox.behind.choose(mailbox.id, "connected")
    assert len(await connector.take()) == 2


@pytest.mark.parametrize(
    "outcome", [Outcome("u", "eaten"), Outcome("", "done"), Outcome("u", "done", said={"subject": "x"}), Outcome("u", "done", acked=-1)]
)
async def test_outcome_that_makes_no_sense_is_refused(mailbox: Mailbox, outcome: Outcome) -> None:
    """And nothing of the call is taken."""
    with pytest.raises(OdooFault) as raised:
        await mailbox.odoo.outcomes(mailbox.id, [outcome])
    assert raised.value.name.endswith("WireError")
