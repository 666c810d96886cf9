"""Odoo's process: one database, a free port; a threaded server, or a master with HTTP workers."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.odoo.postgres import ROLE
from tests.odoo.process import child, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.odoo.package import OdooInstall
    from tests.odoo.postgres import Cluster

__all__ = ["ADDONS", "OdooServer", "run_odoo", "write_config"]

ADDONS = Path(__file__).parents[2] / "odoo_stub_module"


@dataclass(frozen=True, slots=True)
class OdooServer:
    """A running Odoo."""

    url: str
    database: str
    cluster: Cluster
    log: Path
    pid: int = 0

    def workers(self) -> list[int]:
        """Return the process ids of the HTTP workers: the master's children but the one for websockets."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [int(pid) for pid in children if (command := _command(int(pid))) and b"gevent" not in command]


def write_config(path: Path, install: OdooInstall, cluster: Cluster, data: Path, port: int) -> Path:
    """Write Odoo's configuration, readable by us alone."""
    addons = [str(p) for p in (install.addons, ADDONS) if p is not None]
    path.write_text(
        "[options]\n"
        f"db_host = 127.0.0.1\ndb_port = {cluster.port}\ndb_user = {ROLE}\ndb_password = {cluster.password}\n"
        f"addons_path = {','.join(addons)}\ndata_dir = {data}\n"
        f"http_interface = 127.0.0.1\nhttp_port = {port}\ngevent_port = {free_port()}\n"
        "workers = 0\nmax_cron_threads = 0\nlist_db = False\nwithout_demo = True\n"
        # One line per call of /jsonrpc would bury everything else; muted here, not in the product.
        "log_handler = :INFO,werkzeug:WARNING,odoo.addons.rpc:ERROR\n"
    )
    path.chmod(0o600)
    return path


def environment(install: OdooInstall) -> dict[str, str]:
    """Return the environment of Odoo's process: ours, without what is meant for our own Python."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "MAILDESK"))}
    return ours | install.env


@contextmanager
def run_odoo(
    install: OdooInstall,
    cluster: Cluster,
    database: str,
    folder: Path,
    *,
    data: Path,
    port: int | None = None,
    host: str = "localhost",
    options: Sequence[str] = (),
) -> Iterator[OdooServer]:
    """Run Odoo on `database` until we leave; it is ready when it is yielded. `options` are added to its command."""
    port = port or free_port()
    log = folder / f"odoo-{database}.log"
    log.touch()
    config = write_config(folder / f"odoo-{database}.conf", install, cluster, data, port)
    command = [*install.command, "-c", str(config), "-d", database, "--db-filter", f"^{database}$", *options]
    url = f"http://{host}:{port}"
    with child(command, log=log, env=environment(install), cwd=folder) as process:
        wait_until(lambda: _answers(f"{url}/web/health"), process, "Odoo", log)
        wait_until(lambda: _answers(f"{url}/web/login"), process, "Odoo's database", log)
        yield OdooServer(url, database, cluster, log, process.pid)


def _command(pid: int) -> bytes:
    """Return a process's command line; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
