"""What acknowledged actions of a mailbox cover still, and what is looked at before they cover no more.

    Graph acknowledged ──▶ Odoo was told ──▶ a round that began later is complete ──▶ looked at: messages, folders ──▶ settled

Mostly the round itself tells what came of an action. It does not where Graph's answer was lost, or may be older than what the sync wrote,
and below the anchor of a filtered cursor. Such messages are asked for one by one; of a folder that was acted on as a whole what is below
the anchor is compared, a small step at a time between the rounds.

What cannot be looked at holds up nothing for ever: a message that nobody can read is set aside, and a folder that cannot be listed is left
to the hourly comparison after an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connector.graph.gate import Priority
from connector.sync.audit import TRUE_UP_EVERY, true_up
from connector.sync.removals import AT_ONCE, look_into

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from connector.odoo.wire import MailboxSnapshot
    from connector.sync.book import FolderView
    from connector.sync.work import Work

__all__ = ["Settling"]


@dataclass(slots=True)
class Settling:
    """What is to be looked at, by remote ids: `messages`, and `folders` with the time since when they are wanted.

    `untold` are the actions whose outcome Odoo has not heard; `acked` is when Graph acknowledged the newest action that covers still, None
    where nothing covers. Times are by our clock, `now`, in seconds since 1970.
    """

    now: Callable[[], datetime]
    messages: set[str] = field(default_factory=set)
    folders: dict[str, float] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)
    acked: float | None = None
    # The folder whose comparison is under way: rounds go ahead of its next step.
    _compared: str | None = None

    def acknowledged(self, times: Iterable[float]) -> None:
        """Note when Graph acknowledged actions: a round that begins later ends what they cover."""
        self.acked = max([self.acked or 0.0, *times]) if (times := list(times)) else self.acked

    def want(self, folders: Iterable[str]) -> None:
        """Let folders be compared below their anchors: all of their messages were acted on."""
        now = self.now().timestamp()
        self.folders |= {folder: now for folder in folders if folder not in self.folders}

    def take_up(self, snapshot: MailboxSnapshot) -> None:
        """Take over what an earlier process may not have lived to look at."""
        if snapshot.unsettled is not None:
            # Not "some time ago": were our clock set back, a first round would not end it, and no later one would be told to.
            self.acknowledged([snapshot.unsettled])
        self.messages.update(snapshot.covered)
        self.want(snapshot.covered_folders)

    async def look(self, work: Work) -> None:
        """Look at as many messages as one round may ask for. Raises the `GraphError` family: then they are looked at in the next one."""
        self.messages -= work.book.unreadable
        asked = sorted(self.messages)[:AT_ONCE]
        # Now, not afterwards: what is told of them meanwhile is for another look.
        self.messages.difference_update(asked)
        try:
            findings = await look_into(work, asked, None, Priority.LIVE)
        except BaseException:
            self.messages.update(asked)
            raise
        self.messages.update(set(findings.open) - work.book.unreadable)

    async def compare(self, work: Work, folder: FolderView) -> None:
        """Compare a folder below its anchor; what is done to it from now on is for another comparison."""
        since = self.folders.pop(folder.remote_id, None)
        self._compared = None if since is None else folder.remote_id
        try:
            await true_up(work, folder)
        except BaseException:
            if since is not None:
                self.folders[folder.remote_id] = since
            raise
        finally:
            self._compared = None

    async def end(self, work: Work, began: float) -> None:
        """Let what Graph acknowledged before this round cover no more, if nothing is left to be told or looked at."""
        filtered = {f.remote_id for f in work.book.synced() if f.anchor is not None}
        # An unfiltered cursor tells all that came of a folder.
        self.folders = {i: since for i, since in self.folders.items() if i in filtered and began - since < TRUE_UP_EVERY}
        if self.acked is None or self.untold or self.messages or self.folders or self._compared is not None:
            return
        applied = await work.applier.apply(settled=began)
        work.book.pending = set(applied.pending)
        if self.acked < began:
            self.acked = None
