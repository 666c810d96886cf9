"""The engine's notes: what is noted comes back, by account and folder, and an account that is forgotten leaves none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.odoo.wire import Account
from connector.state.ledger import Audit, Handover, Ledger, Trial
from connector.state.store import open_store
from connector.state.tombstones import sift

if TYPE_CHECKING:
    from pathlib import Path


async def test_ledger_handover_goes_on_where_it_was(tmp_path: Path) -> None:
    """Link and seen ids, page by page; what the live round takes back is not seen any more; another folder's are its own."""
    async with open_store(tmp_path / "state") as store:
        ledger = Ledger(store, 7)
        await ledger.keep_handover("F", Handover("link1", 5.0), {"a": "2026-11-02", "b": "2026-11-01"}, [])
        await ledger.keep_handover("F", Handover("link2", 5.0), {"c": "2026-11-03", "a": ""}, ["b"])
        await ledger.keep_handover("G", Handover("other", 6.0), {"x": ""}, [])
        await ledger.see("F", {"d": "2026-11-04"}, ["c"])
    async with open_store(tmp_path / "state") as store:
        ledger = Ledger(store, 7)
        assert await ledger.handover("F") == Handover("link2", 5.0)
        assert await ledger.seen("F") == [("a", "2026-11-02"), ("d", "2026-11-04")]
        assert await Ledger(store, 8).handover("F") is None
        await ledger.drop_handover("F")
        assert (await ledger.handover("F"), await ledger.seen("F")) == (None, [])
        assert await ledger.seen("G") == [("x", "")]


async def test_ledger_tallies_forget_what_is_old(tmp_path: Path) -> None:
    """A sliding budget needs the last hour only."""
    async with open_store(tmp_path / "state") as store:
        ledger = Ledger(store, 7)
        for at in (0.0, 100.0, 5000.0):
            await ledger.count("backfill", at, 50, forget_before=at - 3600)
        await ledger.count("drift", 1.0, 3, forget_before=0.0)
        assert await ledger.tally("backfill", 0.0) == [(5000.0, 50)]
        assert await ledger.tally("drift", 0.0) == [(1.0, 3)]


async def test_ledger_of_a_forgotten_account_is_empty(tmp_path: Path) -> None:
    """Nothing of it stays in the file, and nothing of another's goes."""
    async with open_store(tmp_path / "state") as store:
        for account in (7, 8):
            ledger = Ledger(store, account)
            await ledger.keep_handover("F", Handover("link", 5.0), {"a": ""}, [])
            await ledger.keep_trials({"m": Trial("F", 1, "shape")}, [])
            await ledger.keep_audit("F", Audit(recent_at=1.0))
            await ledger.count("drift", 1.0, 3, forget_before=0.0)
        await sift(store, [Account(7, "a@x.example", "outlook", "disconnected", active=False)], 0.0)
        gone, kept = Ledger(store, 7), Ledger(store, 8)
        assert (await gone.handover("F"), await gone.seen("F"), await gone.trials(), await gone.audits()) == (None, [], {}, {})
        assert await gone.tally("drift", 0.0) == []
        assert (await kept.trials(), await kept.audits()) == ({"m": Trial("F", 1, "shape")}, {"F": Audit(recent_at=1.0)})
