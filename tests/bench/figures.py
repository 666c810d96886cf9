"""Figures: what was measured, beside what, and whether it meets the target of the design."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Figure", "Figures", "median_ms"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report; `note` says where n is smaller than the target's."""

    name: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str
    ratio: float | None
    target: str
    met: bool
    note: str = ""


@dataclass
class Figures:
    """The report as it grows."""

    quick: bool
    lines: list[Figure] = field(default_factory=list)

    def add(
        self, name: str, unit: str, ours: float, target: str, *, met: bool, peer: float | None = None, peer_name: str = "", note: str = ""
    ) -> None:
        """Add a line, and show it: a run takes minutes."""
        ratio = round(ours / peer, 2) if peer else None
        line = Figure(name, unit, round(ours, 2), None if peer is None else round(peer, 2), peer_name, ratio, target, met, note)
        self.lines.append(line)
        beside = f", {peer_name}: {line.peer:g} (x {ratio:g})" if peer else ""
        print(f"[bench] {'met   ' if met else 'MISSED'} {name}: {line.ours:g} {unit}{beside}; target {target} {note}", flush=True)  # noqa: T201 - a person waits

    def write(self, path: Path) -> None:
        """Write the report."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([asdict(line) for line in self.lines], indent=1) + "\n")


def median_ms(works: Sequence[Callable[[], object]], times: int = 15) -> list[float]:
    """Return the median milliseconds of each work, warmed up; they take turns, so that what else runs here hits all alike."""
    for work in works:
        work()
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for place, work in enumerate(works):
            started = time.perf_counter()
            work()
            taken[place].append(1000 * (time.perf_counter() - started))
    return [statistics.median(each) for each in taken]
