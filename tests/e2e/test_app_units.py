"""The app's own tests (odoo_stub_module/maildesk/static/tests), run by Odoo's Hoot in Chromium."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.odoo.server import ADDONS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage

    from tests.odoo.template import Run

_PASSED = re.compile(r"\[HOOT\] Passed (\d+) tests")

# Milliseconds: the bundle of all test files of Odoo's web client is built first, half a minute on two busy cores.
_SUITE_TIMEOUT = 240_000


def _suite_id(name: str) -> str:
    """Return the id that Hoot gives a suite: its name's 32-bit hash."""
    number = 0
    for char in name:
        number = ((number << 5) - number + ord(char)) & 0xFFFFFFFF
    return f"{number:08x}"


@pytest.mark.timeout(300)
def test_app_hoot_suite(run: Run, browser: Browser) -> None:
    """Every unit test of the app was run, and none failed."""
    tests = (ADDONS / "maildesk" / "static" / "tests").rglob("*.test.js")
    written = sum(len(re.findall(r'^test\("', path.read_text(), re.MULTILINE)) for path in tests)
    log: list[str] = []

    def is_over(message: ConsoleMessage) -> bool:
        log.append(message.text)
        return bool(re.search(r"\[HOOT\] (Passed|Failed) \d+ test", message.text))

    with run.odoo() as odoo:
        page = browser.new_context(viewport={"width": 1366, "height": 768}, base_url=odoo.url).new_page()
        page.goto("/web/login")
        page.fill("input[name=login]", run.logins.admin)
        page.fill("input[name=password]", run.logins.admin_password)
        page.click("button[type=submit]")
        page.wait_for_selector(".o_main_navbar")
        with page.expect_console_message(is_over, timeout=_SUITE_TIMEOUT) as end:
            page.goto(f"/web/tests?headless&loglevel=2&preset=desktop&timeout=15000&id={_suite_id('@maildesk')}")
        passed = _PASSED.search(end.value.text)
        page.context.close()
    failures = "\n".join(text for text in log if "failed:" in text)
    assert passed is not None, failures or end.value.text
    assert int(passed[1]) == written
