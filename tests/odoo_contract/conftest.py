"""The port over each transport, to an Odoo of this folder's own, and to the addon in memory; a mailbox per test that nobody else has.

What a test has to look at or to arrange behind the port it does by `Behind` (behind.py), which is the same for both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import pytest
from msgspec import UNSET, UnsetType

from connector.odoo.wire import ApplyRequest, FolderUpdate, Removed, SetAside, TreeFolder
from tests.odoo_contract.behind import InMemory, InOdoo, Place
from tests.sync.memory_addon import MemoryAddon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from connector.odoo.port import OdooPort
    from connector.odoo.wire import Account, ApplyResult, MailboxSnapshot
    from tests.odoo.template import Run
    from tests.odoo_contract.behind import Behind

INSTANCE = "11111111-2222-3333-4444-555555555555"
RUN = "66666666-2222-3333-4444-555555555555"
TREE = [
    TreeFolder("F-inbox", None, "Inbox", "inbox"),
    TreeFolder("F-sub", "F-inbox", "Sub", "other"),
    TreeFolder("F-sent", None, "Sent", "sent"),
]


@pytest.fixture(scope="package")
def place(run: Run) -> Iterator[Place]:
    """Run one Odoo for all tests of this folder."""
    with run.odoo() as server:
        yield Place(server, run.logins)


@pytest.fixture(params=["json2", "jsonrpc"])
def transport(request: pytest.FixtureRequest) -> Literal["json2", "jsonrpc"]:
    """Run the test once by each transport."""
    return "json2" if request.param == "json2" else "jsonrpc"


@pytest.fixture(params=["json2", "jsonrpc", "memory"])
def behind(request: pytest.FixtureRequest) -> Behind:
    """Run the test once by each transport to Odoo, and once against the addon in memory."""
    if request.param == "memory":
        return InMemory(MemoryAddon(lambda: datetime.now(UTC)))
    return InOdoo(request.getfixturevalue("place"), request.param)


@dataclass
class Mailbox:
    """A mailbox in Odoo, as the connector works on it."""

    odoo: OdooPort
    behind: Behind
    id: int
    email: str
    revisions: dict[str, int] = field(default_factory=dict)

    async def apply(
        self,
        *messages: dict[str, Any],
        tree: list[TreeFolder] | None = None,
        removed: list[Removed] | None = None,
        gone: list[str] | None = None,
        folders: list[FolderUpdate] | None = None,
        set_aside: list[SetAside] | None = None,
        settled: float | UnsetType = UNSET,
        fence: str | UnsetType = UNSET,
    ) -> ApplyResult:
        """Apply changes."""
        request = ApplyRequest(
            self.id,
            tree,
            list(messages),
            removed or [],
            gone or [],
            folders or [],
            set_aside=set_aside or UNSET,
            settled=settled,
            fence=fence,
        )
        return await self.odoo.apply(request)

    async def snapshot(self) -> MailboxSnapshot:
        """Return what Odoo has."""
        (snapshot,) = await self.odoo.take_up([self.id])
        return snapshot

    async def account(self) -> Account:
        """Return the account as an exchange brings it."""
        found = await self.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=None, reports=[])
        return next(account for account in found.accounts if account.id == self.id)

    async def rows(self) -> dict[str, tuple[Any, ...]]:
        """Return what stands in the index: remote id -> (folder, subject, read, pending)."""
        return await self.behind.rows(self.id)


def message(remote_id: str, folder: str = "F-inbox", **changes: Any) -> dict[str, Any]:
    """Return a whole message as the connector sends it."""
    person = {"total": 1, "list": [{"name": "Ben", "address": "ben@pier.example"}]}
    return {
        "remote_id": remote_id,
        "folder": folder,
        "internet_message_id": f"<{remote_id}@pier.example>",
        "conversation_id": "C",
        "subject": f"About {remote_id}",
        "from_name": "Ben",
        "from_email": "ben@pier.example",
        "to_recipients": person,
        "cc_recipients": {"total": 0, "list": []},
        "bcc_recipients": {"total": 0, "list": []},
        "reply_to": {"total": 0, "list": []},
        "preview": "…",
        "received_at": "2026-11-22T10:00:00Z",
        "sent_at": "2026-11-22T09:59:58Z",
        "is_read": False,
        "is_flagged": False,
        "importance": "normal",
        "has_attachments": False,
        "is_draft": False,
        "categories": [],
    } | changes


@pytest.fixture
async def odoo(behind: Behind) -> AsyncIterator[OdooPort]:
    """Return the port of this test."""
    async with behind.port() as odoo:
        yield odoo


@pytest.fixture
async def mailbox(behind: Behind, odoo: OdooPort) -> Mailbox:
    """Return a connected mailbox with three folders and no mail."""
    account_id, email = await behind.new_account()
    box = Mailbox(odoo, behind, account_id, email)
    await box.apply(tree=TREE)
    box.revisions = {folder.remote_id: folder.revision for folder in (await box.snapshot()).folders}
    return box
