"""Messages that could not be read: three tries, then they are set aside, once, and a restart does not begin to count anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.odoo.wire import SetAside
from connector.state.ledger import Ledger
from connector.sync.trials import Trials

if TYPE_CHECKING:
    from connector.state.store import Store


async def test_trials_third_try_sets_aside(store: Store) -> None:
    """Two bad answers are asked about again, the third one is told; where it was met first is remembered."""
    trials = Trials(Ledger(store, 7))
    trials.note("m", "F", "shape")
    trials.note("m", None, "ErrorCorruptData")
    assert (trials.open, trials.due(set())) == ({"m"}, [])
    trials.note("m", None, "ErrorCorruptData")
    assert trials.open == set()
    assert trials.due(set()) == [SetAside("m", "F", "ErrorCorruptData")]


async def test_trials_survive_a_restart(store: Store) -> None:
    """What was tried is in the file; what ended is not."""
    ledger = Ledger(store, 7)
    trials = Trials(ledger)
    for remote_id in ("m", "n"):
        trials.note(remote_id, "F", "shape")
    await trials.save()
    trials.end(["n"])
    await trials.save()
    again = Trials(ledger, await ledger.trials())
    again.note("m", None, "shape")
    again.note("m", None, "shape")
    assert [one.remote_id for one in again.due(set())] == ["m"]
    assert again.open == set()


async def test_trials_known_to_odoo_are_not_told_again(store: Store) -> None:
    """What is set aside already is only forgotten here."""
    trials = Trials(Ledger(store, 7))
    for _ in range(3):
        trials.note("m", "F", "shape")
    assert trials.due({"m"}) == []
    assert trials.due(set()) == []
