"""Run the demo: `python -m tests.demo [--detach] [--stop] [--real] [--no-simulator] [--transport json2|jsonrpc]`.

Everything lies in `var/` and `.demo/` of the clone, listens on this machine only, and ends with this process.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.config import load_config
from connector.errors import ConfigError
from tests.demo.stage import start_connector, start_simulator, write_config
from tests.graph_simulator.seed import DEMO_MAILBOXES, FREE_MAILBOX
from tests.odoo.person import Person
from tests.odoo.process import SetupError, free_port
from tests.odoo.template import CLONE, open_run

if TYPE_CHECKING:
    from tests.odoo.server import OdooServer
    from tests.odoo.template import Logins

FOLDER = CLONE / ".demo"
INFO = FOLDER / "info.json"
PID = FOLDER / "pid"
REAL_CONFIG = CLONE / "config" / "maildesk.yaml"

# The newest messages of each Inbox that are there when the demo says ready (contract).
NEWEST = 50


@click.command()
@click.option("--detach", is_flag=True, help="Return when ready.")
@click.option("--stop", is_flag=True, help="End a demo that was started with --detach.")
@click.option("--real", is_flag=True, help="Use config/maildesk.yaml and Microsoft.")
@click.option("--no-simulator", is_flag=True, help="Start no simulator: OAuth is not configured.")
@click.option("--transport", type=click.Choice(["auto", "json2", "jsonrpc"]), default="auto")
@click.option("--port", default=8069, help="Odoo's port; a free one is taken if it is not free.")
def main(*, detach: bool, stop: bool, real: bool, no_simulator: bool, transport: str, port: int) -> None:
    """Run the demo until Ctrl-C."""
    FOLDER.mkdir(exist_ok=True)
    if stop:
        _stop()
        return
    if _running() is not None:
        raise click.ClickException("a demo is running already; end it with: make demo-stop")
    if detach:
        _detach([a for a in sys.argv[1:] if a != "--detach"])
        return
    INFO.unlink(missing_ok=True)
    PID.write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A shell that starts us in the background makes us ignore Ctrl-C; whoever sends it means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _run(real=real, simulator=not (no_simulator or real), transport=transport, port=port)
    except (SetupError, ConfigError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        _say("stopping")
    finally:
        INFO.unlink(missing_ok=True)
        PID.unlink(missing_ok=True)


def _run(*, real: bool, simulator: bool, transport: str, port: int) -> None:
    started = time.monotonic()
    with ExitStack() as stack:
        run = stack.enter_context(open_run("demo"))
        environ = dict(os.environ)
        simulator_url = start_simulator(stack, run.folder, "--mailboxes", str(len(DEMO_MAILBOXES) + 1)) if simulator else None
        listen, secret, config = f"127.0.0.1:{free_port()}", secrets.token_urlsafe(24), FOLDER / "maildesk.yaml"
        odoo_port = port if _is_free(port) else free_port()
        settings = {
            "url": f"http://localhost:{odoo_port}",
            "database": "maildesk",
            "login": run.logins.connector,
            "api_key": run.logins.connector_key,
            "transport": transport,
        }
        if real:
            environ |= {f"MAILDESK__ODOO__{key.upper()}": value for key, value in settings.items()}
            loaded = load_config(REAL_CONFIG, environ)
            listen, secret, config = loaded.server.listen, loaded.server.secret.get_secret_value(), REAL_CONFIG
        else:
            write_config(config, settings, listen, secret, simulator_url)
        odoo = stack.enter_context(run.odoo("maildesk", connector_url=f"http://{listen}", secret=secret, port=odoo_port))
        log = FOLDER / "connector.log"
        process = start_connector(stack, config, listen, log, environ)
        mailboxes = [address for address, *_ in DEMO_MAILBOXES] if simulator else []
        _connect(odoo, run.logins, mailboxes)
        info = _info(odoo, run.logins, f"http://{listen}", simulator_url, mailboxes, config)
        _publish(info)
        _announce(info, time.monotonic() - started)
        while process.poll() is None:
            time.sleep(0.5)
        raise SetupError(f"the connector ended by itself; see {log}")


def _connect(odoo: OdooServer, logins: Logins, addresses: list[str]) -> None:
    """Connect the mailboxes as a person does, and wait for the newest mail of each."""
    if not addresses:
        return
    with Person.logged_in(odoo, logins.user, logins.user_password) as person:
        for address, name in zip(addresses, ("Work Outlook", "Personal"), strict=False):
            account = person.new_account(address, name)
            answer = person.sign_in(account, address)
            if not answer.headers.get("location", "").endswith("/odoo/maildesk"):
                raise SetupError(f"{address} could not be connected (HTTP {answer.status_code})")
        deadline = time.monotonic() + 60
        while not _is_filled(person):
            if time.monotonic() > deadline:
                raise SetupError(f"the newest mail did not come within a minute; see {FOLDER / 'connector.log'}")
            time.sleep(0.2)


def _is_filled(person: Person) -> bool:
    accounts = person.call("mailbox.account", "maildesk_overview")["accounts"]
    for account in accounts:
        inboxes = [f for f in account["folders"] if f["role"] == "inbox"]
        if account["sync_phase"] not in {"backfilling", "up_to_date"} or not inboxes:
            return False
        if len(person.call("mailbox.message_index", "maildesk_list", inboxes[0]["id"], NEWEST)["rows"]) < NEWEST:
            return False
    return True


def _info(
    odoo: OdooServer, logins: Logins, connector_url: str, simulator_url: str | None, mailboxes: list[str], config: Path
) -> dict[str, Any]:
    return {
        "odoo_url": odoo.url,
        "database": odoo.database,
        "login": logins.user,
        "password": logins.user_password,
        "empty_login": logins.empty,
        "empty_password": logins.empty_password,
        "admin_login": logins.admin,
        "admin_password": logins.admin_password,
        "database_dsn": odoo.cluster.dsn(odoo.database),
        "connector_url": connector_url,
        "simulator_url": simulator_url,
        "mailboxes": mailboxes,
        "empty_mailbox": FREE_MAILBOX[0] if simulator_url else None,
        "config": str(config),
    }


def _publish(info: dict[str, Any]) -> None:
    """Write info.json whole and readable by us alone: whoever waits for it reads it at once."""
    new = INFO.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(info, indent=2))
    new.replace(INFO)


def _announce(info: dict[str, Any], seconds: float) -> None:
    to_connect = f", who may connect {info['empty_mailbox']}" if info["empty_mailbox"] else ""
    simulator = f"\n  Graph simulator    {info['simulator_url']}/_sim/mailboxes" if info["simulator_url"] else ""
    _say(
        f"ready after {seconds:.0f} s\n"
        f"\n  MailDesk           {info['odoo_url']}/odoo/maildesk"
        f"\n  with mailboxes     {info['login']} / {info['password']}"
        f"\n  without mailbox    {info['empty_login']} / {info['empty_password']}{to_connect}"
        f"\n  administrator      {info['admin_login']} / {info['admin_password']}"
        f"\n  connector          {info['connector_url']}{simulator}"
        f"\n  all of it          {INFO}\n\nCtrl-C (or make demo-stop) ends it."
    )


def _detach(arguments: list[str]) -> None:
    """Start the demo as a process of its own and return when it is ready."""
    log = FOLDER / "demo.log"
    INFO.unlink(missing_ok=True)  # one that was killed leaves it behind
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "tests.demo", *arguments],
            cwd=CLONE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    while not INFO.exists() or "ready after" not in log.read_text():
        if process.poll() is not None:
            raise click.ClickException(f"the demo did not start:\n{log.read_text()}")
        time.sleep(0.1)
    click.echo(log.read_text())


def _stop() -> None:
    pid = _running()
    if pid is None:
        click.echo("no demo is running")
        return
    os.kill(pid, signal.SIGTERM)
    for _ in range(300):
        if _running() is None:
            click.echo("stopped")
            return
        time.sleep(0.1)
    raise click.ClickException(f"the demo (process {pid}) did not end within 30 s")


def _running() -> int | None:
    """Return the process id of a running demo of this clone."""
    with suppress(OSError, ValueError):
        pid = int(PID.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"tests.demo" in command:
            return pid
    return None


def _is_free(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def _say(text: str) -> None:
    click.echo(f"[demo] {text}")


if __name__ == "__main__":
    main()
