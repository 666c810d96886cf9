"""The corpus of hostile mail (README.md), as its users need it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["LEAK_HOST", "RUN", "Case", "cases"]

LEAK_HOST = "leak.example"
RUN = "top.ran()"

_WORDS = {"⏎": "\n", "⇥": "\t", "␀": "\0", "␌": "\f", "LEAKHOST": LEAK_HOST, "LEAK": f"https://{LEAK_HOST}", "RUN": RUN}


class Case(NamedTuple):
    """One mail; `name` is its file and line."""

    name: str
    source: str
    html: str

    def __str__(self) -> str:
        return self.name


def cases() -> list[Case]:
    """Return the whole corpus."""
    found: list[Case] = []
    for path in sorted(Path(__file__).parent.glob("*.txt")):
        source = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith("# source:"):
                source = line.removeprefix("# source:").strip()
            elif line and not line.startswith("# about:"):
                html = line
                for word, meant in _WORDS.items():
                    html = html.replace(word, meant)
                found.append(Case(f"{path.stem}:{number}", source, html))
    return found
