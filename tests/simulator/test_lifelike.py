"""A mailbox can be followed through everything the simulator does: a small client that trusts nothing ends with the truth.

It proves that the awkwardness is honest: whoever asks again after each removal and each dead link loses nothing, in any weather.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from connector.http import HTTPError
from tests.graph_simulator.quirks import PROFILES
from tests.graph_simulator.seed import grow
from tests.graph_simulator.server import trio_clock
from tests.simulator.conftest import open_in_process

if TYPE_CHECKING:
    from tests.graph_simulator.model import Mailbox
    from tests.simulator.conftest import Graph

START = datetime(2031, 5, 6, tzinfo=UTC)
ROLES = ("inbox", "archive", "deleteditems", "junkemail", "sentitems", "drafts")
SELECT = "isRead,parentFolderId"


class _Gone(Exception):
    pass


@dataclass(slots=True)
class Follower:
    """Follows some folders by their deltas, and asks for every message that is in doubt."""

    graph: Graph
    folders: tuple[str, ...]
    rows: dict[str, tuple[str, bool]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)

    async def ask(self, path: str, **params: Any) -> Any:
        """Ask until there is an answer that can be read."""
        for _ in range(200):
            try:
                answer = await self.graph.raw(path, prefer="odata.maxpagesize=7", **params)
                if answer.status_code == 200:
                    return json.loads(answer.content, strict=False)
            except (HTTPError, ValueError):
                continue
            if answer.status_code in {404, 410}:
                raise _Gone(path)
            assert answer.status_code >= 429, answer.text
            await trio.sleep(2)
        raise AssertionError("no answer in 200 attempts")

    async def cycle(self) -> None:
        """One round of each folder, then every doubt."""
        for folder in self.folders:
            while not await self.round(folder):
                self.links.pop(folder, None)
        for message in sorted(self.doubtful):
            await self.settle(message)
        self.doubtful.clear()

    async def round(self, folder: str) -> bool:
        """Take in a round; False if a link of it is dead."""
        link = self.links.get(folder)
        seen: set[str] = set()
        try:
            page = await (self.ask(link) if link else self.ask(f"/me/mailFolders/{folder}/messages/delta", **{"$select": SELECT}))
            while True:
                for item in page["value"]:
                    self.take(folder, item)
                    seen.add(item["id"])
                if "@odata.deltaLink" in page:
                    break
                page = await self.ask(page["@odata.nextLink"])
        except _Gone:
            return False
        self.links[folder] = page["@odata.deltaLink"]
        if link is None:
            self.doubtful |= {i for i, (where, _) in self.rows.items() if where == folder and i not in seen}
        return True

    def take(self, folder: str, item: dict[str, Any]) -> None:
        """Believe what is shown, and doubt what is said to be gone."""
        if "@removed" in item:
            if self.rows.get(item["id"], (folder,))[0] == folder:
                self.doubtful.add(item["id"])
            return
        self.rows[item["id"]] = (folder, item["isRead"])
        self.doubtful.discard(item["id"])

    async def settle(self, message: str) -> None:
        """Ask where a message is."""
        try:
            found = await self.ask(f"/me/messages/{message}", **{"$select": SELECT})
        except _Gone:
            self.rows.pop(message, None)
            return
        self.rows.pop(message, None)
        if found["parentFolderId"] in self.folders:
            self.rows[message] = (found["parentFolderId"], found["isRead"])


def _happen(mailbox: Mailbox, rng: random.Random) -> None:
    """Let something happen to some message."""
    message = rng.choice(list(mailbox.messages))
    match rng.randrange(7):
        case 0:
            grow(mailbox, 1, folder=rng.choice(ROLES), rng=rng)
        case 1 | 2:
            mailbox.move(message, mailbox.folder_id(rng.choice(ROLES)))
        case 3:
            mailbox.set_flag(message, "flagged")
        case 4:
            mailbox.delete(message)
        case _:
            mailbox.set_read(message, is_read=rng.random() < 0.5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("profile", sorted(PROFILES))
async def test_follower_ends_with_the_truth(profile: str, seed: int, autojump_clock: trio.testing.MockClock) -> None:
    """Changes between and during its rounds; some seconds after the last one its rows are the mailbox, message by message."""
    quirks = PROFILES[profile].changed({"storm_seed": seed, "latency": 0.05})
    async with open_in_process(quirks, clock=trio_clock(START)) as graph:
        follower = Follower(graph, tuple(graph.mailbox.folder_id(role) for role in ROLES))
        await _follow(follower, seed)
        assert follower.rows == _truth(follower)
        if profile == "storm":
            assert len({entry.get("storm") for entry in graph.world.requests}) > 5


async def test_follower_who_believes_removals_loses_mail(autojump_clock: trio.testing.MockClock) -> None:
    """The other way round: a credulous client lacks mail in the end."""

    class Credulous(Follower):
        def take(self, folder: str, item: dict[str, Any]) -> None:
            if "@removed" in item and self.rows.get(item["id"], ("",))[0] == folder:
                del self.rows[item["id"]]
            elif "@removed" not in item:
                self.rows[item["id"]] = (folder, item["isRead"])

    lost: set[str] = set()
    for seed in range(6):
        async with open_in_process(PROFILES["hostile"].changed({"read_as_removed": 1}), clock=trio_clock(START)) as graph:
            follower = Credulous(graph, tuple(graph.mailbox.folder_id(role) for role in ROLES))
            await _follow(follower, seed)
            lost |= set(_truth(follower)) - set(follower.rows)
    assert lost


async def _follow(follower: Follower, seed: int) -> None:
    """Let it follow while things happen, and come to rest."""
    rng = random.Random(seed)  # noqa: S311 - test data

    async def live() -> None:
        for _ in range(150):
            _happen(follower.graph.mailbox, rng)
            await trio.sleep(rng.random())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(live)
        for _ in range(12):
            await follower.cycle()
            await trio.sleep(3)
    await trio.sleep(5)
    # Twice: what moved between the rounds of two folders is told by the second.
    for _ in range(2):
        await follower.cycle()


def _truth(follower: Follower) -> dict[str, tuple[str, bool]]:
    messages = follower.graph.mailbox.truth()
    return {m["id"]: (m["folder_id"], m["isRead"]) for m in messages if m["folder_id"] in follower.folders}
