"""Simulator and connector as processes beside an Odoo: what the demo and the browser tests stand on."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import yaml

from connector.state.vault import new_key
from tests.graph_simulator.server import CLIENT_ID, CLIENT_SECRET
from tests.odoo.process import child, free_port, wait_until
from tests.odoo.template import CLONE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack
    from pathlib import Path

__all__ = ["Control", "answers", "start_connector", "start_simulator", "state_files", "write_config"]


@dataclass(frozen=True, slots=True)
class Control:
    """The simulator's control API."""

    url: str

    def ask(self, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> Any:
        """Call `/_sim{path}`; a dict is sent as JSON, bytes as they are."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        with urlopen(Request(f"{self.url}/_sim{path}", data=data, method=method), timeout=30) as answer:  # noqa: S310 - our own http URL
            return json.load(answer)


def start_simulator(stack: ExitStack, folder: Path, *options: str) -> str:
    """Start the simulator; return its URL. It is at another site than Odoo's localhost, as Microsoft is."""
    port = free_port()
    log = folder / "simulator.log"
    log.touch()
    command = [sys.executable, "-m", "tests.graph_simulator", "--port", str(port), *options]
    process = stack.enter_context(child(command, log=log, cwd=CLONE))
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(f"{url}/_sim/mailboxes"), process, "the simulator", log)
    return url


def state_files(state: Path) -> list[Path]:
    """Return the files of a connector's state: its own, its write-ahead log, its lock, and the attachments that it keeps beside them."""
    beside = sorted(state.parent.glob(f"{state.name}*"))
    return [path for start in beside for path in (start, *sorted(start.rglob("*"))) if path.is_file()]


def write_config(path: Path, odoo: dict[str, str], listen: str, secret: str, simulator_url: str | None) -> None:
    """Write a configuration with its secrets in clear: they open nothing but this stage. The state lies beside it, new."""
    state = path.with_name("state.sqlite3")
    for old in state_files(state):
        old.unlink()
    config: dict[str, Any] = {
        "odoo": odoo,
        "server": {"listen": listen, "secret": secret},
        "vault": {"keys": [new_key()]},
        "state": {"path": str(state)},
    }
    if simulator_url is not None:
        config["entra"] = {"authority": simulator_url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        config["graph"] = {"base_url": f"{simulator_url}/v1.0"}
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def start_connector(stack: ExitStack, config: Path, listen: str, log: Path, environ: Mapping[str, str]) -> Any:
    """Start the connector; it is ready when this returns its process."""
    log.write_text("")
    command = [sys.executable, "-m", "connector.cli", "run", "--config", str(config)]
    process = stack.enter_context(child(command, log=log, env=environ, cwd=CLONE))
    wait_until(lambda: answers(f"http://{listen}/readyz"), process, "the connector", log)
    return process


def answers(url: str) -> bool:
    """Tell whether `url` answers 200."""
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
