"""The tests that the addon brings (odoo_stub_module/maildesk/tests), run by Odoo's own runner on a clone of the template.

They need what only Odoo's runner gives: a transaction that is rolled back after each test, users of each group, a browser's session.
"""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.odoo.process import free_port
from tests.odoo.server import ADDONS, environment, write_config
from tests.odoo.template import TEMPLATE, open_run

_RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")
TESTS = ADDONS / "maildesk" / "tests"


def _run(name: str, *args: str) -> int:
    """Run tests of the addon on a clone of the template, none of which may fail; return how many ran."""
    with open_run("addon") as run:
        run.cluster.clone(TEMPLATE, name)
        config = write_config(run.folder / f"{name}.conf", run.install, run.cluster, run.folder / "data", free_port())
        command = [*run.install.command, "-c", str(config), "-d", name, *args, "--stop-after-init"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(run.install))  # noqa: S603 - our Odoo
    result = _RESULT.search(done.stderr)
    assert result is not None, done.stderr[-4000:]
    failed, errors, ran = map(int, result.groups())
    assert (failed, errors) == (0, 0), "\n".join(line for line in done.stderr.splitlines() if "FAIL" in line or "ERROR" in line)
    return ran


@pytest.mark.timeout(600)  # seconds: the template may have to be made first
def test_addon_in_odoos_runner() -> None:
    """Every test of the addon was run, and none failed."""
    written = sum(path.read_text().count("    def test_") for path in TESTS.glob("test_*.py"))
    assert _run("addon", "-u", "maildesk", "--test-tags", "/maildesk") == written


@pytest.mark.timeout(600)  # seconds: as above, and two apps
def test_addon_beside_crm_and_project() -> None:
    """Leads and tasks of mails, where those apps are installed."""
    written = (TESTS / "test_into_odoo.py").read_text().partition("class TestIntoApps")[2].count("    def test_")
    assert _run("apps", "-i", "crm,project", "-u", "maildesk", "--test-tags", "/maildesk:TestIntoApps") == written > 0
