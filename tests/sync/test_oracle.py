"""The oracle finds every kind of difference, and none between the engine's work and real mail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from connector.odoo.wire import Applied, ApplyRequest, FolderUpdate, Removed, SetAside, TreeFolder
from tests.graph_simulator.model import Mailbox as Truth
from tests.graph_simulator.seed import make_mailbox
from tests.sync.memory_addon import MemoryAddon
from tests.sync.oracle import differences, expected_folders, expected_messages
from tests.sync.world import ACCOUNT, open_world

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Pair:
    """A mailbox of three messages, and an addon that has it as it is."""

    def __init__(self) -> None:
        self.truth = Truth("anna@pier.example", "Anna")
        self.inbox = self.truth.folder_id("inbox")
        self.archive = self.truth.folder_id("archive")
        self.ids = [self._add(number) for number in range(3)]
        self.addon = MemoryAddon(lambda: NOW)
        self.account = self.addon.new_account("anna@pier.example")
        self.addon.configure(self.account, state="connected")

    def _add(self, number: int) -> str:
        person = {"emailAddress": {"name": "Ben", "address": "ben@pier.example"}}
        data = {
            "subject": f"Mail {number}",
            "from": person,
            "toRecipients": [person] * (60 if number == 2 else 1),
            "ccRecipients": [person],
            "bodyPreview": "…",
            "receivedDateTime": f"2026-11-2{number}T10:00:00Z",
            "sentDateTime": f"2026-11-2{number}T09:59:00Z",
            "internetMessageId": f"<{number}@pier.example>",
            "conversationId": "c",
            "isRead": False,
            "flag": {"flagStatus": "notFlagged"},
            "importance": "normal",
            "hasAttachments": False,
            "isDraft": False,
            "categories": ["Blue"],
        }
        return self.truth.add(self.inbox, data, b"", []).immutable_id

    async def sync(self) -> None:
        """Write the truth into the addon."""
        folders = expected_folders(self.truth)
        tree = [TreeFolder(name, f["parent"], f["name"], f["role"]) for name, f in folders.items()]
        updates = [FolderUpdate(name, unread=f["unread"], total=f["total"]) for name, f in folders.items()]
        wanted = expected_messages(self.truth, {self.inbox, self.archive})
        patches = [{"remote_id": name, **{k: v for k, v in row.items() if k != "pending"}} for name, row in wanted.items()]
        await self.apply(tree=tree, messages=patches, folders=updates)

    async def apply(self, **parts: Any) -> None:
        """Change the addon alone."""
        empty: dict[str, Any] = {"tree": None, "messages": [], "removed": [], "gone": [], "folders": []}
        answer = await self.addon.apply(ApplyRequest(self.account, **(empty | parts)))
        assert isinstance(answer, Applied), answer

    def differences(self) -> list[str]:
        """Compare."""
        return differences(self.addon, self.truth, self.account)


@pytest.fixture
async def pair() -> Pair:
    """Return a pair that is equal."""
    pair = Pair()
    await pair.sync()
    assert pair.differences() == []
    return pair


_NOBODY = {"total": 0, "list": []}
_OTHERWISE = {
    "subject": "Else",
    "from_name": "Else",
    "from_email": "else@pier.example",
    "to_recipients": _NOBODY,
    "cc_recipients": _NOBODY,
    "preview": "Else",
    "received_at": "2026-11-01T00:00:00Z",
    "sent_at": "2026-11-01T00:00:00Z",
    "is_read": True,
    "is_flagged": True,
    "importance": "high",
    "has_attachments": True,
    "is_draft": True,
    "categories": [],
    "conversation_id": "else",
    "internet_message_id": "<else>",
}


@pytest.mark.parametrize("key", sorted(_OTHERWISE))
async def test_differences_names_the_value_that_differs(pair: Pair, key: str) -> None:
    """Each of them, and nothing else."""
    await pair.apply(messages=[{"remote_id": pair.ids[1], key: _OTHERWISE[key]}])
    (line,) = pair.differences()
    assert f": {key} is " in line
    assert pair.ids[1][-8:] in line


async def test_differences_wrong_folder_and_hidden_row(pair: Pair) -> None:
    """A row where its message is not, and one that people do not see."""
    await pair.apply(messages=[{"remote_id": pair.ids[0], "folder": pair.archive}], removed=[Removed(pair.inbox, pair.ids[1])])
    assert sorted(line.split("): ")[1].split(" is ")[0] for line in pair.differences()) == ["folder", "pending"]


async def test_differences_missing_and_too_many(pair: Pair) -> None:
    """A message that Odoo lacks, and one that Outlook has no more; its folder's counts are told too."""
    pair._add(3)
    pair.truth.delete(pair.ids[0])
    pair.truth.set_read(pair.ids[1], is_read=True)
    kinds = [line.split(":")[0] for line in pair.differences()]
    assert kinds[1:3] == ["missing in Odoo", "only in Odoo"]
    assert "'unread': 3" in pair.differences()[0]


@pytest.mark.parametrize("change", ["name", "parent_id"])
async def test_differences_tree(pair: Pair, change: str) -> None:
    """A folder that was renamed, or moved."""
    folder = pair.truth.add_folder("Work", pair.inbox)
    (line,) = pair.differences()
    assert line.startswith(f"folder {folder.id[-8:]}: None, should be")
    await pair.sync()
    assert pair.differences() == []
    pair.truth.change_folder(folder.id, **{change: pair.archive})
    (line,) = pair.differences()
    assert line.startswith(f"folder {folder.id[-8:]}: ")


async def test_differences_folders_that_nobody_sees(pair: Pair) -> None:
    """Hidden ones, search folders, and what is below them, are not expected."""
    hidden = pair.truth.add_folder("Hidden", pair.truth.folder_id("msgfolderroot"), is_hidden=True)
    pair.truth.add_folder("Below", hidden.id)
    pair.truth.add_folder("Search", pair.inbox, is_search=True)
    assert pair.differences() == []


async def test_differences_folder_that_is_switched_off(pair: Pair) -> None:
    """Its mail is not wanted; that it is shown is."""
    pair.addon.maildesk_set_sync(pair.account, [pair.inbox], enabled=False)
    assert pair.addon.rows(pair.account) == {}
    assert pair.differences() == []


async def test_differences_message_that_cannot_be_read(pair: Pair) -> None:
    """It must be set aside; without that it is missing."""
    poisoned = pair._add(4)
    pair.truth.messages[poisoned].poison = "corrupt"
    await pair.apply(folders=[FolderUpdate(pair.inbox, unread=4, total=4)])
    assert [line.split(":")[0] for line in pair.differences()] == ["missing in Odoo"]
    await pair.apply(set_aside=[SetAside(poisoned, pair.inbox, "shape")])
    assert pair.differences() == []


async def test_differences_real_mail_through_the_engine(tmp_path: Path, autojump_clock: MockClock) -> None:
    """What the engine makes of every real mail is what the oracle expects of it."""
    async with open_world(tmp_path) as world:
        truth = make_mailbox("anna@pier.example", "Anna", now=world.now())
        truth.live_by(world.now)
        world.simulator.mailboxes["anna@pier.example"] = truth
        await world.run(3600)
        assert len(world.addon.rows(ACCOUNT)) > 50
        assert differences(world.addon, truth, ACCOUNT) == []
