"""The pictures of docs/: `python -m tests.e2e.gallery` (`make pictures`) lets the browser tests take them anew, and makes them small.

Which pictures there are, the documentation says: those that it shows are kept, all others go. A test that shows another screen calls
`look(page, name)`; the page that shows the picture is docs/screens.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import click
from PIL import Image

from tests.odoo.template import CLONE

__all__ = ["FOLDER", "LARGEST", "PAGES", "named", "shrunk"]

FOLDER = CLONE / "docs" / "pictures"
PAGES = (CLONE / "README.md", *sorted((CLONE / "docs").glob("*.md")))

# Bytes of a picture in docs/, so that a clone stays small.
LARGEST = 120_000

# A screen has flat colours: as many look the same as all of them, in a third of the bytes. Fewer where that is too much. By octree,
# which keeps a colour of few pixels (a flag, a dot) as it is; the median cut gives it that of its neighbours.
_COLOURS = (256, 128, 64)

_TAKEN = CLONE / "var" / "pictures"

_NAMES = re.compile(r"\((?:docs/)?pictures/([\w-]+\.png)\)")


def named() -> set[str]:
    """Return the names of all pictures that the documentation shows."""
    return {name for page in PAGES for name in _NAMES.findall(page.read_text(encoding="utf-8"))}


def shrunk(picture: bytes) -> bytes:
    """Return a screen in as many colours as fit into `LARGEST`. Raises `ValueError` if none does."""
    with Image.open(BytesIO(picture)) as opened:
        screen = opened.convert("RGB")
    for colours in _COLOURS:
        small = BytesIO()
        screen.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() <= LARGEST:
            return small.getvalue()
    raise ValueError(f"not under {LARGEST} bytes in {_COLOURS[-1]} colours")


def keep(taken: Path) -> None:
    """Put what the documentation shows into its folder, out of a folder of fresh pictures, and delete what it does not show."""
    names = named()
    if missing := sorted(name for name in names if not (taken / name).is_file()):
        raise click.ClickException(f"no test took {', '.join(missing)}: look(page, name) in tests/e2e takes name-width-scheme.png")
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        try:
            (FOLDER / name).write_bytes(shrunk((taken / name).read_bytes()))
        except ValueError as error:
            raise click.ClickException(f"{name}: {error}") from error
    for old in FOLDER.glob("*.png"):
        if old.name not in names:
            old.unlink()


@click.command()
@click.option("--taken", type=click.Path(exists=True, path_type=Path), help="A folder of pictures; none are taken anew.")
def main(taken: Path | None) -> None:
    """Take the pictures of docs/ anew."""
    if taken is None:
        _TAKEN.mkdir(parents=True, exist_ok=True)
        tests = sorted(path for path in Path(__file__).parent.glob("test_*.py") if "look(" in path.read_text(encoding="utf-8"))
        command = [sys.executable, "-m", "pytest", "-p", "no:randomly", *map(str, tests)]
        if subprocess.run(command, env=os.environ | {"MAILDESK_PICTURES": str(_TAKEN)}, cwd=CLONE, check=False).returncode:  # noqa: S603 - our own tests
            raise click.ClickException("a test failed: what it shows is not as it should be")
    keep(taken or _TAKEN)


if __name__ == "__main__":
    main()
