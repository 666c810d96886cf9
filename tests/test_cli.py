"""The command line: what it prints, and how it exits (0 done, 1 failed, 2 wrong configuration or usage)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from click.testing import CliRunner

from connector.cli import main
from connector.state.vault import is_key, new_key
from tests.web.conftest import ANNA, BEN, SECRET, FakeBackend, serving

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from connector.web.server import AccountStatus
    from tests.web.conftest import Odoo


def write_config(folder: Path, *, listen: str = "127.0.0.1:1", secret: str = SECRET, odoo: str = "http://127.0.0.1:1") -> Path:
    """Write a configuration that needs no environment."""
    path = folder / "maildesk.yaml"
    path.write_text(
        f"odoo: {{url: '{odoo}', database: d, login: l, api_key: k}}\n"
        f"server: {{listen: '{listen}', secret: {secret}}}\n"
        f"vault: {{keys: [{new_key()}]}}\n"
        f"state: {{path: '{folder}/var/state.sqlite3'}}\n"
    )
    return path


def invoke(*args: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(arg) for arg in args])


def listen(odoo: Odoo) -> str:
    """Return the address that a test's server listens on."""
    return odoo.url.removeprefix("http://")


def test_check_well_exits_0(tmp_path: Path) -> None:
    """And says what a missing section means."""
    result = invoke("check", "--config", str(write_config(tmp_path)))
    assert result.exit_code == 0
    assert "all well" in result.output
    assert "OAuth Not Configured" in result.output


def test_check_unencrypted_odoo_is_mentioned(tmp_path: Path) -> None:
    """It is allowed inside a network of one's own, but not without a word."""
    result = invoke("check", "--config", str(write_config(tmp_path, odoo="http://odoo.example")))
    assert result.exit_code == 0
    assert "unencrypted" in result.output


@pytest.mark.parametrize("command", ["check", "run", "status", "sync"])
def test_command_wrong_config_exits_2(tmp_path: Path, command: str) -> None:
    """Every command reads the same file with the same care; nothing is started."""
    path = write_config(tmp_path)
    path.write_text(f"{path.read_text()}nonsense: 1\nlog: {{level: loud}}\n")
    result = invoke(command, "--config", str(path))
    assert result.exit_code == 2
    assert "line 5: nonsense: unknown key" in result.stderr
    assert "line 6: log.level" in result.stderr
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("args", [["check", "--config", "/none.yaml"], ["nonsense"], ["check", "--nonsense"], ["keys", "nonsense"]])
def test_command_wrong_usage_exits_2(args: list[str]) -> None:
    """As the contract says."""
    assert invoke(*args).exit_code == 2


def test_keys_new_prints_a_key() -> None:
    """A different one each time, and nothing else: it is piped into a file."""
    first, second = invoke("keys", "new").output, invoke("keys", "new").output
    assert is_key(first)
    assert first != second


@pytest.mark.parametrize("command", ["status", "sync"])
def test_command_without_a_connector_exits_1(tmp_path: Path, command: str) -> None:
    """The likeliest reason is said."""
    result = invoke(command, "--config", str(write_config(tmp_path)))
    assert result.exit_code == 1
    assert "no connector answers on 127.0.0.1:1; is it running?" in result.stderr


async def test_status_shows_every_mailbox(tmp_path: Path) -> None:
    """A table for people, JSON for programs."""
    async with serving(FakeBackend()) as odoo:
        path = str(write_config(tmp_path, listen=listen(odoo)))
        table = await trio.to_thread.run_sync(invoke, "status", "--config", path)
        data = await trio.to_thread.run_sync(invoke, "status", "--json", "--config", path)
    assert table.exit_code == data.exit_code == 0
    for word in ("anna@example.org", "reauth_required", "50 of 120", "321", "2 not readable", "drift: 5"):
        assert word in table.output
    assert [a["email"] for a in json.loads(data.output)] == [ANNA.email, BEN.email]


async def test_status_says_what_ails_the_connector_as_a_whole(tmp_path: Path) -> None:
    """Beside the table, where a program that reads JSON is not disturbed."""
    async with serving(FakeBackend(ready="refused", key_expires_at="2020-01-01T00:00:00Z")) as odoo:
        path = str(write_config(tmp_path, listen=listen(odoo)))
        data = await trio.to_thread.run_sync(invoke, "status", "--json", "--config", path)
    assert "does not accept its API key" in data.stderr
    assert "has expired on 2020-01-01" in data.stderr
    assert len(json.loads(data.stdout)) == 2


async def test_status_other_secret_exits_1(tmp_path: Path) -> None:
    """Two configurations, one connector."""
    async with serving(FakeBackend()) as odoo:
        path = write_config(tmp_path, listen=listen(odoo), secret="another-secret-of-16")
        result = await trio.to_thread.run_sync(invoke, "status", "--config", str(path))
    assert result.exit_code == 1
    assert "has another server.secret than this configuration" in result.stderr


async def test_status_of_something_else_exits_1(tmp_path: Path) -> None:
    """Another program on that port is no connector."""

    async def page(stream: trio.SocketStream) -> None:
        await stream.receive_some(65536)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, page, 0)
        path = write_config(tmp_path, listen=f"127.0.0.1:{listeners[0].socket.getsockname()[1]}")
        result = await trio.to_thread.run_sync(invoke, "status", "--config", str(path))
        nursery.cancel_scope.cancel()
    assert result.exit_code == 1
    assert "is no connector (HTTP 200)" in result.stderr


async def test_sync_asks_and_returns(tmp_path: Path) -> None:
    """Without --wait nothing is waited for."""
    backend = FakeBackend()
    async with serving(backend) as odoo:
        result = await trio.to_thread.run_sync(invoke, "sync", ANNA.email, "--config", str(write_config(tmp_path, listen=listen(odoo))))
    assert result.exit_code == 0
    assert backend.asked == [("sync", [ANNA.email])]
    assert "1 mailbox asked to sync" in result.output


async def test_sync_mailbox_that_does_not_run_exits_1(tmp_path: Path) -> None:
    """Unknown or not connected: named, since the person named it."""
    async with serving(FakeBackend()) as odoo:
        result = await trio.to_thread.run_sync(invoke, "sync", BEN.email, "--config", str(write_config(tmp_path, listen=listen(odoo))))
    assert result.exit_code == 1
    assert f"{BEN.email} is not a connected mailbox" in result.stderr


@pytest.mark.parametrize(
    "ending", [msgspec.structs.replace(ANNA, served_ticket=4), msgspec.structs.replace(ANNA, phase=None, served_ticket=0)]
)
async def test_sync_wait_returns_when_the_mailbox_is_idle(tmp_path: Path, ending: AccountStatus) -> None:
    """Its cycle is done, or it does not run any more: then there is nothing to wait for."""
    backend = FakeBackend()
    looks = 0

    def status() -> list[AccountStatus]:
        nonlocal looks
        looks += 1
        return [ANNA if looks < 3 else ending, BEN]

    backend.status = status  # type: ignore[method-assign]
    async with serving(backend) as odoo:
        path = str(write_config(tmp_path, listen=listen(odoo)))
        with trio.fail_after(20):
            result = await trio.to_thread.run_sync(invoke, "sync", "--wait", "--config", path)
    assert result.exit_code == 0
    assert looks == 3
    assert "1 of 1" in result.output


def run_to_its_end(config: Path) -> subprocess.CompletedProcess[str]:
    """Run a connector that cannot start."""
    command = [sys.executable, "-m", "connector.cli", "run", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own program


class Running:
    """`maildesk-connector run` in a process of its own."""

    def __init__(self, folder: Path, **config: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.listen = f"127.0.0.1:{free.getsockname()[1]}"
        self.log = folder / "log"
        environ = {k: v for k, v in os.environ.items() if not k.startswith("MAILDESK")}
        self.config = write_config(folder, listen=self.listen, **config)
        command = [sys.executable, "-m", "connector.cli", "run", "--config", str(self.config)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)  # noqa: S603 - our own program

    def wait_for(self, path: str, status: int) -> str:
        """Return the answer of the running connector as soon as it has `status`."""
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://{self.listen}{path}", timeout=5) as answer:
                    found, text = int(answer.status), str(answer.read(), "utf-8")
            except urllib.error.HTTPError as error:
                with error:
                    found, text = error.code, str(error.read(), "utf-8")
            except OSError:
                found, text = 0, ""
            if found == status:
                return text
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def end(self, number: signal.Signals) -> int:
        """Send a signal; return the exit code, within the ten seconds of the contract."""
        self.process.send_signal(number)
        return self.process.wait(timeout=10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_waits_for_an_odoo_that_is_down_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """It says what is wrong and keeps trying; told to stop it stops, with exit code 0 and no traceback."""
    running = Running(tmp_path)
    try:
        assert running.wait_for("/healthz", 200) == "ok"
        assert running.wait_for("/readyz", 503) in {"odoo", "starting"}
        second = run_to_its_end(running.config)
        assert second.returncode == 1
        assert "another connector is running on it" in second.stderr
        assert running.end(number) == 0
    finally:
        running.process.kill()
        running.process.wait()
    shown = running.log.read_text()
    assert "Odoo at http://127.0.0.1:1 does not answer" in shown
    assert "Traceback" not in shown


def test_run_taken_port_exits_1(tmp_path: Path) -> None:
    """A sentence, not the groups of errors that it came in."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = write_config(tmp_path, listen=f"127.0.0.1:{taken.getsockname()[1]}")
        result = run_to_its_end(path)
    assert result.returncode == 1
    assert result.stderr.strip().endswith("Address already in use")
    assert "Traceback" not in result.stderr
