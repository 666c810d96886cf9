"""The pictures of the documentation: each is there, each is shown, and none makes a clone heavy."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from PIL import Image

from tests.e2e.gallery import FOLDER, LARGEST, named, shrunk
from tests.odoo.template import CLONE

# Bytes of all of them.
ALL = 4_000_000

# What there is on a phone only, and dialogs that are there as they are here.
NARROW_ONLY = {"folders"}
WIDE_ONLY = {
    "acting-empty-folder",
    "acting-new-folder",
    "acting-waiting",
    "connector-down",
    "into-lead",
    "into-task",
    "reading-bounce",
    "reading-invitation",
    "state-resync",
    "world-systray",
    "writing-from",
    "writing-later",
}


def test_pictures_are_those_that_are_shown() -> None:
    """Mend with: make pictures."""
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert set(files) == named()
    assert [name for name, size in files.items() if size > LARGEST] == []
    assert sum(files.values()) <= ALL


def test_pictures_show_each_screen_in_every_form() -> None:
    """Wide and on a phone, light and dark; and a picture is as wide as its name says."""
    text = (CLONE / "docs" / "screens.md").read_text(encoding="utf-8")
    forms: dict[str, set[tuple[str, str]]] = {}
    for screen, width, scheme in re.findall(r"\(pictures/([\w-]+)-(\d+)-(light|dark)\.png\)", text):
        forms.setdefault(screen, set()).add((width, scheme))
        with Image.open(FOLDER / f"{screen}-{width}-{scheme}.png") as picture:
            assert picture.width == int(width)
    assert forms
    for screen, found in forms.items():
        widths = {"390"} if screen in NARROW_ONLY else {"1280"} if screen in WIDE_ONLY else {"1280", "390"}
        assert found == {(width, scheme) for width in widths for scheme in ("light", "dark")}, screen


def test_picture_that_is_too_large_has_fewer_colours_or_is_refused() -> None:
    """Flat colours become small, noise does not."""
    screen = BytesIO()
    Image.new("RGB", (40, 40), "white").save(screen, "PNG")
    with Image.open(BytesIO(shrunk(screen.getvalue()))) as small:
        assert (small.mode, small.size) == ("P", (40, 40))
    noise = BytesIO()
    Image.effect_noise((800, 800), 90).save(noise, "PNG")
    with pytest.raises(ValueError, match="not under"):
        shrunk(noise.getvalue())
