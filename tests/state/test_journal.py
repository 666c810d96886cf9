"""The journal: what was sent, what came of it, and for how long that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.odoo.wire import Outcome
from connector.state.journal import KEPT, Journal

if TYPE_CHECKING:
    from connector.state.store import Store


async def test_journal_knows_what_was_sent_and_what_came_of_it(store: Store) -> None:
    """Not noted, noted before the request, noted after it; of another account nothing."""
    journal = Journal(store)
    await journal.begin(7, ["a", "b"], 100.0)
    await journal.end(7, [Outcome("a", "done", acked=101.5, said={"remote_id": "m", "is_read": True})], 102.0)
    assert await journal.known(7, ["a", "b", "c"]) == {"a": Outcome("a", "done", acked=101.5), "b": None}
    assert await journal.known(8, ["a"]) == {}


async def test_journal_keeps_an_outcome_that_is_begun_again(store: Store) -> None:
    """What is done stays done."""
    journal = Journal(store)
    await journal.end(7, [Outcome("a", "failed", error="changed")], 100.0)
    await journal.begin(7, ["a"], 110.0)
    assert await journal.known(7, ["a"]) == {"a": Outcome("a", "failed", error="changed")}


async def test_journal_forgets_what_is_old(store: Store) -> None:
    """After a month; a backup that is older finds its actions by their age."""
    journal = Journal(store)
    await journal.begin(7, ["old"], 100.0)
    await journal.begin(7, ["new"], 100.0 + KEPT + 1)
    assert (await journal.known(7, ["old", "new"])).keys() == {"new"}
