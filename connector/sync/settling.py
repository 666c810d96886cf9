"""What acknowledged actions of a mailbox cover still, and what is looked at before they cover no more.

    Graph acknowledged ──▶ Odoo was told ──▶ a round that began later is complete ──▶ looked at: messages, folders ──▶ settled

Mostly the round itself tells what came of an action. It does not where Graph's answer was lost, or may be older than what the sync wrote,
and below the anchor of a filtered cursor. Such messages are asked for one by one; of a folder that was acted on as a whole what is below
the anchor is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connector.graph.gate import Priority
from connector.sync.audit import true_up
from connector.sync.removals import look_into

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.odoo.wire import MailboxSnapshot
    from connector.sync.book import FolderView
    from connector.sync.work import Work

__all__ = ["Settling"]


@dataclass(slots=True)
class Settling:
    """`messages` and `folders` (remote ids) are to be looked at; `acked` is when Graph acknowledged the newest action that covers still.

    That is by our clock, in seconds since 1970; None: nothing covers.
    """

    messages: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    acked: float | None = None

    def acknowledged(self, times: Iterable[float]) -> None:
        """Note when Graph acknowledged actions: a round that begins later ends what they cover."""
        self.acked = max([self.acked or 0.0, *times]) if (times := list(times)) else self.acked

    def take_up(self, snapshot: MailboxSnapshot) -> None:
        """Take over what an earlier process may not have lived to look at."""
        if snapshot.unsettled is not None:
            # Not "some time ago": were our clock set back, a first round would not end it, and no later one would be told to.
            self.acknowledged([snapshot.unsettled])
        self.messages.update(snapshot.covered)
        self.folders.update(snapshot.covered_folders)

    async def look(self, work: Work) -> bool:
        """Look at the messages; return whether Graph told of all of them."""
        asked, self.messages = self.messages, set()
        findings = await look_into(work, sorted(asked), None, Priority.LIVE)
        self.messages.update(findings.open)
        return not findings.open

    async def compare(self, work: Work, folder: FolderView) -> None:
        """Compare a folder below its anchor; what is done to it from now on is for another comparison."""
        was_wanted = folder.remote_id in self.folders
        self.folders.discard(folder.remote_id)
        try:
            await true_up(work, folder)
        except BaseException:
            if was_wanted:
                self.folders.add(folder.remote_id)
            raise

    async def end(self, work: Work, began: float) -> None:
        """Let what Graph acknowledged before this round cover no more, unless a folder is to be compared still."""
        # An unfiltered cursor tells all that came of a folder.
        self.folders &= {f.remote_id for f in work.book.synced() if f.anchor is not None}
        if self.acked is None or self.folders:
            return
        applied = await work.applier.apply(settled=began)
        work.book.pending = set(applied.pending)
        if self.acked < began:
            self.acked = None
