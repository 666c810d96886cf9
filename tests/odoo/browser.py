"""Debian's Chromium under Playwright, offline."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.odoo.process import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

__all__ = ["open_browser"]

# Nothing of Chromium's own goes out; no GPU and no sandbox of its own where tests run as root.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A cookie without SameSite goes along with a cross-site POST while it is under two minutes old. Here all are as old ones:
    # what a test does in its first minutes has to work in a session of an hour, too.
    "--enable-features=SameSiteDefaultChecksMethodRigorously",
)


def chromium() -> str:
    """Return Chromium's program. Raises `SetupError`."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise SetupError("Chromium is missing: apt-get install chromium")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Run a headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
