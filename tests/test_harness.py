"""The harness itself: what it refuses, what it sweeps up, and that nothing outlives it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import pytest_runtest_call
from tests.odoo.package import find_odoo
from tests.odoo.process import SetupError, child, wait_until
from tests.odoo.template import _sources, _sweep

if TYPE_CHECKING:
    from pathlib import Path

# Seconds that a process may take to end once it was told to; only a broken harness waits so long.
_PATIENCE = 20

_PARENT = """
import sys, time
from pathlib import Path
from tests.odoo.process import child
with child([sys.executable, "-c", "import time; time.sleep(600)"], log=Path(sys.argv[1])) as process:
    print(process.pid, flush=True)
    time.sleep(600)
"""


def _fake_odoo(folder: Path, says: str) -> None:
    (folder / "odoo-bin").write_text(f"print({says!r})\n")


@pytest.mark.parametrize("says", ["Odoo Server 18.0", "Odoo Server 20.0", ""])
def test_find_odoo_home_of_another_version_is_refused(says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what ODOO_HOME holds, before anything is started on it."""
    _fake_odoo(tmp_path, says)
    monkeypatch.setenv("ODOO_HOME", str(tmp_path))
    monkeypatch.setenv("ODOO_PYTHON", sys.executable)
    with pytest.raises(SetupError, match=f"is not Odoo 19 .{says or 'it says nothing'}"):
        find_odoo()


def test_find_odoo_home_of_19_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source tree is run by its own odoo-bin, with its own addons."""
    _fake_odoo(tmp_path, "Odoo Server 19.0")
    monkeypatch.setenv("ODOO_HOME", str(tmp_path))
    monkeypatch.setenv("ODOO_PYTHON", sys.executable)
    install = find_odoo()
    assert install.command == (sys.executable, str(tmp_path / "odoo-bin"))
    assert install.addons == tmp_path / "addons"


def test_find_odoo_home_without_odoo_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is no Odoo is named."""
    monkeypatch.setenv("ODOO_HOME", str(tmp_path))
    with pytest.raises(SetupError, match="is no Odoo"):
        find_odoo()


def test_sweep_removes_runs_of_dead_processes_only(tmp_path: Path) -> None:
    """What a killed run left goes; a running one, the template and the development Odoo stay."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stays = {f"tests-{os.getpid()}", "template-123456789012", "dev"}
    for name in (*stays, f"tests-{ended.pid}", f"demo-{ended.pid}"):
        (tmp_path / name / "pg").mkdir(parents=True)
    _sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == stays


def test_sources_caches_and_unit_tests_make_no_new_template(tmp_path: Path) -> None:
    """Only what Odoo loads counts: not what linters, Python and editors leave, nor the app's unit tests."""
    counts = {"maildesk/models/account.py", "maildesk/static/src/app.js"}
    leaves = {
        "maildesk/.ruff_cache/0.17/1",
        ".mypy_cache/x.json",
        "maildesk/models/__pycache__/account.cpython-311.pyc",
        "maildesk/models/.account.py.swp",
        "maildesk/static/tests/app.test.js",
    }
    for name in counts | leaves:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {str(path.relative_to(tmp_path)) for path in _sources(tmp_path)} == counts


def test_child_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """SIGKILL leaves the parent no time to clean up; the kernel tells the child."""
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE)  # noqa: S603 - ourselves
    assert parent.stdout is not None
    with parent.stdout:
        grandchild = os.pidfd_open(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    ended, _, _ = select.select([grandchild], [], [], _PATIENCE)
    os.close(grandchild)
    assert ended


def test_child_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    """After its grace a program that ignores the signal is killed."""
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    log = tmp_path / "log"
    with child([sys.executable, "-c", deaf], log=log, grace=0.1) as process:
        wait_until(lambda: "deaf" in log.read_text(), process, "the program", log)
    assert process.returncode == -signal.SIGKILL


def test_wait_until_process_ended_tells_the_end_of_its_log(tmp_path: Path) -> None:
    """A program that ends instead of getting ready is told with its last words."""
    log = tmp_path / "log"
    with child([sys.executable, "-c", "raise SystemExit('port taken')"], log=log) as process, pytest.raises(SetupError, match="port taken"):
        wait_until(lambda: False, process, "the program", log)


def test_interrupt_in_a_nursery_ends_the_session() -> None:
    """Pytest sees KeyboardInterrupt itself, not the group that it would take for a failed test."""
    hook = pytest_runtest_call()
    next(hook)
    with pytest.raises(KeyboardInterrupt):
        hook.throw(BaseExceptionGroup("nursery", [KeyboardInterrupt()]))


def test_failure_in_a_nursery_stays_a_failure() -> None:
    """Any other group passes as it is."""
    hook = pytest_runtest_call()
    next(hook)
    with pytest.raises(ExceptionGroup):
        hook.throw(ExceptionGroup("nursery", [ValueError()]))
