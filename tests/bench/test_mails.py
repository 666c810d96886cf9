"""What the benchmarks fill the index with is as large, and as various, as real mail; and what they report."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

from tests.bench.figures import Figures, median_ms
from tests.bench.mails import Mails

if TYPE_CHECKING:
    from pathlib import Path


def test_mails_are_as_long_as_graphs() -> None:
    """Ids of the lengths that Graph gives, previews near its 255 characters, none twice, and many words that are in few mails."""
    patches = list(Mails().patches(2000, "F"))
    assert len({p["remote_id"] for p in patches}) == len(patches)
    assert {len(p["remote_id"]) for p in patches} == {152}
    assert {len(p["conversation_id"]) for p in patches} == {108}
    assert sum(len(p["preview"]) for p in patches) / len(patches) > 200
    words = [word for p in patches for word in set(p["preview"].split())]
    assert len(set(words)) > 10_000
    assert [p["received_at"] for p in patches] == sorted((p["received_at"] for p in patches), reverse=True)


def test_mails_are_the_same_for_a_seed() -> None:
    """Two runs are filled alike."""
    assert list(islice(Mails(seed=4).patches(9, "F"), 9)) == list(Mails(seed=4).patches(9, "F"))


def test_figures_are_written(tmp_path: Path) -> None:
    """The report is a list with the keys that others rely on; the ratio is ours by the peer's."""
    figures = Figures(quick=True)
    figures.add("list", "ms", 5.0, "50", met=True, peer=4.0, peer_name="small", note="n = 1")
    figures.add("open", "ms", 70.0, "50", met=False)
    figures.write(tmp_path / "deep" / "latest.json")
    first, second = json.loads((tmp_path / "deep" / "latest.json").read_text())
    assert {"name", "unit", "ours", "peer", "peer_name", "ratio", "target", "met"} <= first.keys()
    assert (first["ratio"], first["met"], second["ratio"], second["met"]) == (1.25, True, None, False)


def test_median_takes_turns() -> None:
    """Works are measured by turns, each of them once before that."""
    calls: list[str] = []
    assert len(median_ms([lambda: calls.append("a"), lambda: calls.append("b")], 2)) == 2
    assert calls == ["a", "b", "a", "b", "a", "b"]
