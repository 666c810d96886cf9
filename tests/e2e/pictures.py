"""Pictures of the screens that the browser tests pass: for docs/screens.md, and for whoever changes how a screen looks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["NARROW", "WIDE", "look", "settle", "shoot"]

# A small laptop and a phone.
WIDE, NARROW = (1280, 800), (390, 844)

# Nothing fades in any more: a colour half way is nobody's choice. What turns for ever is not waited for.
_SETTLED = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
    document.getAnimations().every((one) => one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity)
))))"""

# Odoo draws popovers and the app its columns anew a moment after the window has another size: milliseconds.
_DRAWN = 400


def settle(page: Page) -> None:
    """Wait until nothing on the page fades or slides any more."""
    page.wait_for_function(_SETTLED)


def shoot(page: Page, name: str, scheme: Literal["light", "dark"]) -> None:
    """Keep a picture of what is shown, as name-width-scheme.png, where a person asked for pictures (MAILDESK_PICTURES is a folder)."""
    folder, size = os.environ.get("MAILDESK_PICTURES"), page.viewport_size
    if folder and size:
        page.wait_for_timeout(_DRAWN)
        page.screenshot(path=str(Path(folder) / f"{name}-{size['width']}-{scheme}.png"))


def look(page: Page, name: str, *sizes: tuple[int, int]) -> None:
    """Take pictures of what is shown, in each form that it comes in (or in `sizes`), and leave the page as it was."""
    before = page.viewport_size
    if not os.environ.get("MAILDESK_PICTURES") or before is None:
        return
    for width, height in sizes or (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="light")
        shoot(page, name, "light")
        page.emulate_media(color_scheme="dark")
        shoot(page, name, "dark")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(before)
    page.wait_for_timeout(_DRAWN)
