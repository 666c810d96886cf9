"""Shared fixtures, markers by folder, and counts per kind at the end.

    folder                              kind         needs
    tests/e2e                           browser      Odoo, PostgreSQL, Chromium
    tests/system, addon, rights,
      odoo_contract                     odoo         Odoo, PostgreSQL, nginx (Chromium once, to build the template's assets)
    tests/simulator                     simulator    nothing
    all others                          unit         nothing

A missing program is an error that names what to install, never a skip.
"""

from __future__ import annotations

import logging
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import structlog

from tests.odoo.process import SetupError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.odoo.template import Run

_KINDS = {"e2e": "browser", "system": "odoo", "addon": "odoo", "rights": "odoo", "odoo_contract": "odoo", "simulator": "simulator"}


def _kind(path: str) -> str:
    parts = path.replace("\\", "/").split("/")
    return _KINDS.get(parts[1], "unit") if len(parts) > 2 and parts[0] == "tests" else "unit"


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers; they are set by folder."""
    config.addinivalue_line("markers", "odoo: needs a real Odoo")
    config.addinivalue_line("markers", "browser: needs a real Odoo and Chromium")
    config.addinivalue_line("markers", "simulator: tests the Graph simulator")
    config.addinivalue_line("markers", "unit: needs nothing")
    config.addinivalue_line("markers", "long: takes ten seconds or so by itself; not part of `make test-fast`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder; slow kinds last, so that a mistake shows early."""
    for item in items:
        item.add_marker(_kind(item.nodeid))
    order = {"unit": 0, "simulator": 1, "odoo": 2, "browser": 3}
    items.sort(key=lambda item: order[_kind(item.nodeid)])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many tests of each kind passed and failed."""
    passed = Counter(_kind(r.nodeid) for r in terminalreporter.stats.get("passed", []))
    failed = Counter(_kind(r.nodeid) for key in ("failed", "error") for r in terminalreporter.stats.get(key, []))
    for kind in ("unit", "simulator", "odoo", "browser"):
        if passed[kind] or failed[kind]:
            terminalreporter.write_line(f"{kind}: {passed[kind]} passed, {failed[kind]} failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Let Ctrl-C end the session: trio's nurseries wrap it in a group, which pytest takes for one failed test."""
    try:
        return (yield)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is not None:
            raise KeyboardInterrupt from group
        raise


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """A PostgreSQL cluster and Odoo of our own for this session."""
    from tests.odoo.template import open_run  # noqa: PLC0415 - only tests that need Odoo pay for it

    # SIGTERM ends a session as Ctrl-C does: by way of the fixtures, so that nothing of it stays behind.
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with open_run("tests") as opened:
            yield opened
    except SetupError as error:
        pytest.exit(f"tests that need Odoo cannot run: {error}", returncode=3)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """Put logging back as it was: it belongs to the process, and a command run by a test sets it up, for errors only, say."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
