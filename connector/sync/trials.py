"""Messages that could not be read: tried three times, then set aside, counted and shown; never in the way of the others.

    met (wrong shape in a page, an error of its own, refused by Odoo) ──▶ tried 1 ── asked for by id, each cycle ──▶ 2 ──▶ 3: set aside
                                                                            └── read, or gone ──▶ forgotten

What is set aside lies in Odoo (`mailbox.unreadable`), where its owner sees it, and is tried again with every reconcile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from connector.errors import GraphUnreachable
from connector.odoo.wire import SetAside
from connector.state.ledger import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.errors import GraphError
    from connector.state.ledger import Ledger

__all__ = ["TRIES", "Trials", "is_its_own"]

# One bad answer may be weather; the third one is the message.
TRIES = 3

_log = structlog.get_logger(__name__)


def is_its_own(error: GraphError) -> bool:
    """Tell whether an error is the message's that was asked for: no answer, and 502 to 504, are weather; a 500 is not."""
    return not isinstance(error, GraphUnreachable) or error.status == 500


class Trials:
    """The trials of one mailbox: in memory for the cycle, in the ledger between processes."""

    def __init__(self, ledger: Ledger, trials: dict[str, Trial] | None = None) -> None:
        """`trials` is what the ledger has."""
        self._ledger = ledger
        self._trials = dict(trials or {})
        self._changed: set[str] = set()
        self._ended: set[str] = set()

    @property
    def open(self) -> set[str]:
        """Ids to ask for again."""
        return {i for i, trial in self._trials.items() if trial.tries < TRIES}

    def note(self, remote_id: str, folder: str | None, reason: str) -> None:
        """Note a failed try; `reason` is a code."""
        before = self._trials.get(remote_id)
        self._trials[remote_id] = Trial(folder or (before.folder if before else None), (before.tries if before else 0) + 1, reason)
        self._changed.add(remote_id)
        _log.warning("message not readable", tries=self._trials[remote_id].tries, reason=reason)

    def end(self, remote_ids: Iterable[str]) -> None:
        """Forget what was read, or is gone."""
        for remote_id in remote_ids:
            if self._trials.pop(remote_id, None) is not None:
                self._changed.discard(remote_id)
                self._ended.add(remote_id)

    def drop(self, folders: set[str]) -> None:
        """Forget what was met in `folders`: nobody wants their mail any more."""
        self.end([i for i, trial in self._trials.items() if trial.folder in folders])

    def due(self, known: set[str]) -> list[SetAside]:
        """Return what has had its tries and is to be set aside; what Odoo knows of already (`known`) is only forgotten."""
        spent = {i: t for i, t in self._trials.items() if t.tries >= TRIES}
        self.end(i for i in spent if i in known)
        return [SetAside(remote_id=i, folder=t.folder, reason=t.reason) for i, t in spent.items() if i not in known]

    async def save(self) -> None:
        """Write what changed to the ledger."""
        if self._changed or self._ended:
            await self._ledger.keep_trials({i: self._trials[i] for i in self._changed}, self._ended - self._trials.keys())
            self._changed, self._ended = set(), set()
