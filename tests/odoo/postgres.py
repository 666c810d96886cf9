"""A private PostgreSQL cluster on a free port of this machine, with passwords, without sockets."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import sql

from tests.odoo.process import Program, SetupError, child, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Cluster", "initdb", "programs", "run_cluster", "unprivileged_user", "work_folder"]

ROLE = "maildesk_odoo"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster; `password` is the same for the superuser `postgres` and for Odoo's role."""

    port: int
    password: str
    program: Program
    log: Path

    def start(self) -> None:
        """Start it, after a stop on the same port again, and wait until it answers."""
        wait_until(lambda: _answers(self), self.program.start(), "PostgreSQL", self.log, seconds=30)

    def stop_at_once(self) -> None:
        """Stop it as a crash would: connections are cut, nothing is written any more; it recovers from its log at the next start."""
        self.program.kill(signal.SIGQUIT)

    def dsn(self, database: str, user: str = ROLE) -> str:
        """Return a connection URL."""
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, database: str, statement: str, *params: object) -> list[tuple[object, ...]]:
        """Run one statement, committed at once; return its rows."""
        connection = psycopg2.connect(self.dsn(database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, params or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def checkpoint(self) -> None:
        """Write down what is only in the log yet.

        A sequence that was cloned counts on without a word in the log until it used up what its original had announced there, or until
        the next checkpoint: a crash before both would set it back, below ids that are taken.
        """
        connection = psycopg2.connect(self.dsn("postgres", "postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("CHECKPOINT")
        finally:
            connection.close()

    def clone(self, template: str, database: str) -> None:
        """Make a database from another one that nobody is connected to."""
        connection = psycopg2.connect(self.dsn("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                cursor.execute(statement.format(sql.Identifier(database), sql.Identifier(template)))
        finally:
            connection.close()


def programs() -> Path:
    """Return the folder of PostgreSQL's programs. Raises `SetupError`."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]) if p.parts[-3].isdecimal() else 0)
    if found:
        return found[-1].parent
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise SetupError("PostgreSQL's programs are missing: apt-get install postgresql")


def unprivileged_user() -> str | None:
    """Return whom to run PostgreSQL as: None is ourselves; it refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None


def work_folder(clone: Path) -> Path:
    """Return where clusters lie: `var/` of the clone, or a folder of its own where PostgreSQL's user cannot get at the clone."""
    folder = clone / "var"
    folder.mkdir(exist_ok=True)
    user = unprivileged_user()
    if user is None:
        return folder
    reach = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "test", "-x", str(folder)]
    if subprocess.run(reach, check=False).returncode == 0:  # noqa: S603 - a path of ours
        return folder
    other = Path(tempfile.gettempdir()) / f"maildesk-connector-{clone.name}-{hashlib.sha256(str(clone).encode()).hexdigest()[:8]}"
    other.mkdir(mode=0o755, exist_ok=True)
    if other.is_symlink() or other.stat().st_uid != os.geteuid():  # its name can be guessed by others on this machine
        raise SetupError(f"{other} belongs to somebody else: remove it, or let PostgreSQL's user {user} reach {folder}")
    return other


def initdb(data: Path, password: str) -> None:
    """Make a cluster in `data`."""
    user = unprivileged_user()
    data.mkdir(parents=True)
    if user is not None:
        shutil.chown(data, user, user)
    with tempfile.NamedTemporaryFile("w", suffix=".pw") as file:
        file.write(password)
        file.flush()
        Path(file.name).chmod(0o644 if user else 0o600)
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [
                str(programs() / "initdb"),
                *("-D", str(data), "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={file.name}"),
                *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            check=False,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd="/",
        )
    if done.returncode:
        raise SetupError(f"initdb failed:\n{done.stderr[-1500:]}")


@contextmanager
def run_cluster(data: Path, password: str, log: Path) -> Iterator[Cluster]:
    """Run the cluster in `data` on a free port until we leave."""
    port = free_port()
    user = unprivileged_user()
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        # The data of a test need not survive a power cut. A commit is with the system before it is answered all the same: a server that is
        # stopped at once must not forget what it has said, which no PostgreSQL does that is set up as it comes.
        "fsync": "off",
        "full_page_writes": "off",
        "shared_buffers": "256MB",
        "max_connections": 100,
    }
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    log.touch()
    command = [str(programs() / "postgres"), "-D", str(data), *options]
    program = Program(partial(child, command, log=log, user=user, stop=signal.SIGINT, cwd=Path("/")))
    cluster = Cluster(port, password, program, log)
    try:
        cluster.start()
        yield cluster
    finally:
        program.close()


def make_role(cluster: Cluster) -> None:
    """Make Odoo's role: may make databases, is no superuser."""
    connection = psycopg2.connect(cluster.dsn("postgres", "postgres"))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD %s").format(sql.Identifier(ROLE)), [cluster.password])
    finally:
        connection.close()


def new_password() -> str:
    """Return a password for a cluster."""
    return secrets.token_urlsafe(24)


def _answers(cluster: Cluster) -> bool:
    try:
        psycopg2.connect(cluster.dsn("postgres", "postgres"), connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True
