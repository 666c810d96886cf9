"""Run the long forms of the tests: `python -m tests.drill [PART ...]` (`make drill`).

Each part is a pytest of its own; what it says is shown as it comes, and a line of each part comes at the end. The seed is printed first;
MAILDESK_SEED=that number draws the same again, MAILDESK_EXAMPLES sets the number of histories.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import click

from tests.drill.seeds import seed
from tests.odoo.template import CLONE

# Histories of the engine (make test: 200).
_HISTORIES = "10000"
# Seconds that a single test may take; those with a limit of their own keep it.
_TIMEOUT = 6 * 3600
# What pytest answers: all passed.
_PASSED = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the drill; `files` are what pytest is given."""

    name: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """How a part ended; `said` is pytest's last line."""

    part: Part
    passed: bool
    seconds: float
    said: str


def parts() -> list[Part]:
    """Return all parts; every file that draws examples and is in none of the others is in the last one."""
    named = [
        Part("kills", ("tests/system/test_kills.py",)),
        Part("storm", ("tests/system/test_storm.py",)),
        Part("histories", ("tests/sync/test_model.py",)),
    ]
    taken = {file for part in named for file in part.files}
    drawing = [path for path in sorted((CLONE / "tests").rglob("test_*.py")) if "from hypothesis import" in path.read_text()]
    rest = [name for path in drawing if (name := str(path.relative_to(CLONE))) not in taken]
    return [*named, Part("examples", tuple(rest))]


@click.command()
@click.argument("names", nargs=-1, metavar="[PART ...]")
def main(names: tuple[str, ...]) -> None:
    """Run the parts named, or all: kills, storm, histories, examples."""
    known = parts()
    if unknown := set(names) - {part.name for part in known}:
        raise click.UsageError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(part.name for part in known)}")
    drawn = seed()
    chosen = [part for part in known if not names or part.name in names]
    click.echo(f"[drill] MAILDESK_SEED={drawn}; parts: {', '.join(part.name for part in chosen)}")
    results = [_run(part, drawn) for part in chosen]
    click.echo(f"\n[drill] MAILDESK_SEED={drawn}")
    for result in results:
        click.echo(f"[drill] {result.part.name:<10} {'passed' if result.passed else 'FAILED'} after {result.seconds:.0f} s: {result.said}")
    sys.exit(0 if all(result.passed for result in results) else 1)


def _run(part: Part, drawn: int) -> Result:
    """Run one part, its output passed on as it comes."""
    click.echo(f"\n[drill] {part.name}: {' '.join(part.files)}")
    environ = {"MAILDESK_EXAMPLES": _HISTORIES} | os.environ | {"MAILDESK_DRILL": "1", "MAILDESK_SEED": str(drawn)}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:randomly", f"--timeout={_TIMEOUT}"]
    command += ["-p", "tests.drill.profile", "--hypothesis-profile=drill", f"--hypothesis-seed={drawn}", *part.files]
    started = time.monotonic()
    said = ""
    with subprocess.Popen(command, cwd=CLONE, env=environ, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own pytest
        for line in process.stdout or ():
            click.echo(line, nl=False)
            said = line.strip() or said
    return Result(part, process.returncode == _PASSED, time.monotonic() - started, said)


if __name__ == "__main__":
    main()
