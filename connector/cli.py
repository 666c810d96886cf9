"""The command line: `maildesk-connector run | check | doctor | status | sync | keys new | keys rotate | adopt`.

Exit codes: 0 done, 1 failed, 2 wrong configuration or usage (contract).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec
from urllib.parse import urlsplit

import click
import msgspec
import trio
from msgspec import to_builtins
from rich.progress import BarColumn, Progress, TextColumn

from connector import __version__, logs
from connector.config import LogConfig, is_loopback, load_config
from connector.errors import ConfigError, ConnectorError, StateHeld
from connector.http import open_client
from connector.odoo.key import expiry_warning
from connector.peer import open_peer
from connector.state.vault import Vault, new_key
from connector.status_table import status_lines
from connector.web.backend import Adopted, Rotated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from msgspec import Struct

    from connector.config import Config
    from connector.doctor import Finding
    from connector.state.store import Store

__all__ = ["main"]

# Seconds that SIGTERM grants (contract).
_SHUTDOWN = 10.0
# Seconds between two looks at a running connector while waiting for a sync.
_LOOK = 0.3

# The words of `/readyz`, for people.
_NOT_READY = {
    "starting": "it is starting",
    "odoo": "Odoo does not answer",
    "refused": "Odoo does not accept its API key or its rights; maildesk-connector doctor says what to do",
    "standby": "another connector serves this Odoo",
    "foreign": "this Odoo is another database than the one it belongs to; maildesk-connector doctor says what to do",
    "state": "its state file cannot be written; its log says why",
}

_P = ParamSpec("_P")

_config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("config/maildesk.yaml"),
    show_default=True,
    help="The configuration file.",
)


def _told(function: Callable[_P, None]) -> Callable[_P, None]:
    """Say expected errors in a sentence instead of a traceback, with the right exit code."""

    @wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except (ConnectorError, BaseExceptionGroup) as error:
            expected = _expected(error)
            if expected is None:
                raise
            for line in expected.problems if isinstance(expected, ConfigError) else [f"Error: {expected}"]:
                click.echo(line, err=True)
            sys.exit(2 if isinstance(expected, ConfigError) else 1)

    return wrapper


def _expected(error: BaseException) -> ConnectorError | None:
    """Return the expected error, out of the groups that nurseries put round it; None if there is another one beside it."""
    if isinstance(error, BaseExceptionGroup):
        found = [_expected(inner) for inner in error.exceptions]
        return None if None in found else found[0]
    return error if isinstance(error, ConnectorError) else None


@click.group()
@click.version_option(__version__, prog_name="maildesk-connector")
def main() -> None:
    """Outlook mail inside Odoo: the sidecar."""


@main.command()
@_config_option
@_told
def run(path: Path) -> None:
    """Run the connector until SIGTERM or Ctrl-C."""
    from connector.app import run as run_app  # noqa: PLC0415 - the other commands start in half the time without it

    config = load_config(path, os.environ)
    logs.configure(config.log)
    trio.run(partial(_until_signal, partial(run_app, config, reload=lambda: load_config(path, os.environ))))


@main.command()
@_config_option
@_told
def check(path: Path) -> None:
    """Check the configuration, and nothing else."""
    config = load_config(path, os.environ)
    click.echo(f"{path}: all well")
    if config.entra is None:
        click.echo("There is no entra section: MailDesk will say “OAuth Not Configured”.")
    odoo = urlsplit(config.odoo.url)
    if odoo.scheme == "http" and not is_loopback(odoo.hostname or ""):
        click.echo("odoo.url is http:// to another machine: the API key and all mail pass unencrypted.")


@main.command()
@_config_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_told
def doctor(path: Path, *, as_json: bool) -> None:
    """Ask every link of the chain, from this file to Odoo and Microsoft, and say what to do."""
    from connector.doctor import Finding, Status, examine  # noqa: PLC0415 - MSAL takes its time to import

    logs.configure(LogConfig(level="error"))
    try:
        config = load_config(path, os.environ)
    except ConfigError as error:
        findings = [Finding("config", Status.WRONG, line, "mend it, and ask again") for line in error.problems]
        code = 2
    else:
        findings = trio.run(examine, config, path)
        code = 1 if any(finding.status is Status.WRONG for finding in findings) else 0
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"ok": code == 0, "checks": findings})).decode())
    else:
        _print_findings(findings)
    sys.exit(code)


@main.command()
@_config_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_told
def status(path: Path, *, as_json: bool) -> None:
    """Show where every mailbox stands, as the running connector sees it."""
    answer = trio.run(_ask_connector, load_config(path, os.environ), "GET", "/status", None)
    accounts, connector, trouble = answer["accounts"], answer["connector"], answer.get("trouble")
    # On standard error: what programs read stays a list of mailboxes.
    if connector["ready"] != "ok":
        click.echo(f"The connector does not sync now: {_NOT_READY.get(connector['ready'], connector['ready'])}.", err=True)
    if warning := expiry_warning(connector["key_expires_at"], datetime.now(UTC)):
        click.echo(f"Attention: {warning}.", err=True)
    if as_json:
        click.echo(json.dumps(accounts, indent=2))
        return
    if trouble is not None:
        click.echo(f"All mailboxes: {trouble['message']}")
    for line in status_lines(accounts, shutil.get_terminal_size().columns):
        click.echo(line)


@main.command()
@_config_option
@click.argument("emails", nargs=-1)
@click.option("--wait", is_flag=True, help="Return when the cycle is done.")
@_told
def sync(path: Path, emails: tuple[str, ...], *, wait: bool) -> None:
    """Run a cycle now, of the mailboxes EMAILS or of all."""
    trio.run(_sync, load_config(path, os.environ), list(emails) or None, wait)


@main.group()
def keys() -> None:
    """Keys of the vault."""


@keys.command("new")
def keys_new() -> None:
    """Print a new key for `vault.keys`."""
    click.echo(new_key())


@keys.command("rotate")
@_config_option
@_told
def keys_rotate(path: Path) -> None:
    """Seal everything with the first of `vault.keys`, in the running connector or in its file.

    Put the new key in front of the others in `vault.keys`, rotate, and take the old key away when the connector was restarted since.
    """
    config = load_config(path, os.environ)
    done, is_running = trio.run(_in_connector_or_file, config, "/keys/rotate", _rotate_file)
    count = done["resealed"]
    click.echo(f"{count} sealed {'value has' if count == 1 else 'values have'} the key {done['key']} now")
    if not is_running:
        click.echo("No connector is running: Odoo gets its copies when it is started. Leave the old key in vault.keys until then.")
    if done["unopened"]:
        raise ConnectorError(
            f"{done['unopened']} sealed values were left as they are: no key in vault.keys opens them. "
            "Put the key back that they were sealed with, behind the first one, and rotate again"
        )


@main.command()
@_config_option
@_told
def adopt(path: Path) -> None:
    """Accept the database that Odoo has now: what is known of the old one's mailboxes is forgotten."""
    done, _ = trio.run(_in_connector_or_file, load_config(path, os.environ), "/adopt", _adopt_in_file)
    if done["was"] in {None, done["database_uuid"]}:
        click.echo(f"The database {done['database_uuid']} is this connector's own; there was nothing to adopt.")
    else:
        click.echo(f"This connector belongs to the database {done['database_uuid']} now. It belonged to {done['was']}.")


async def _in_connector_or_file(
    config: Config, path: str, work: Callable[[Config, Store], Awaitable[Struct]]
) -> tuple[dict[str, Any], bool]:
    """Let the running connector do something, or do it in its file: whoever holds that is asked. Tell whether one is running."""
    from connector.state.store import open_store  # noqa: PLC0415 - most commands do without

    try:
        async with open_store(config.state.path) as store:
            return to_builtins(await work(config, store)), False
    except StateHeld:
        return dict(await _ask_connector(config, "POST", path, {})), True


async def _rotate_file(config: Config, store: Store) -> Struct:
    """Seal everything in the file with the first key."""
    from connector.state.sealed import reseal  # noqa: PLC0415 - likewise

    vault = Vault([key.get_secret_value() for key in config.vault.keys])
    done = await reseal(store, vault)
    return Rotated(done.count, vault.first, done.unopened)


async def _adopt_in_file(config: Config, store: Store) -> Struct:
    """Ask Odoo who it is, and let the file belong to that."""
    from connector.odoo import open_odoo  # noqa: PLC0415 - likewise

    async with open_client() as client, open_odoo(config.odoo, client) as odoo:
        hello = await odoo.hello(__version__)
    was = store.database
    if was is None:
        await store.remember_database(hello.database_uuid)
    elif was != hello.database_uuid:
        await store.adopt(hello.database_uuid)
    return Adopted(database_uuid=hello.database_uuid, was=was)


# How the doctor's lines begin, and in which colour.
_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "red"), "skipped": ("-", None)}


def _print_findings(findings: list[Finding]) -> None:
    """Print a line a link; what to do stands below it."""
    wide = max(len(finding.check) for finding in findings)
    for finding in findings:
        mark, colour = _MARKS[finding.status.value]
        label = finding.check.replace("_", " ").ljust(wide)
        click.echo(f"{click.style(mark.ljust(5), fg=colour)}  {label}  {finding.said}")
        if finding.to_do:
            click.echo(f"{' ' * (wide + 9)}-> {finding.to_do}")


async def _until_signal(work: Callable[[], Any]) -> None:
    """Run `work` until SIGTERM or SIGINT, then cancel it and give it ten seconds."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                async for _ in signals:
                    nursery.cancel_scope.cancel()
                    signal.setitimer(signal.ITIMER_REAL, _SHUTDOWN)
                    return

            nursery.start_soon(watch)
            await work()
            nursery.cancel_scope.cancel()


async def _ask_connector(config: Config, method: str, path: str, body: dict[str, Any] | None) -> Any:
    """Ask the running connector. Raises `ConnectorError` when there is none, or it has another secret."""
    async with open_peer(config.server) as peer:
        return await peer.ask(method, path, body)


async def _sync(config: Config, emails: list[str] | None, wait: bool) -> None:  # noqa: FBT001 - called by trio.run, which passes no names
    async with open_peer(config.server) as peer:
        asked = await peer.ask("POST", "/sync", {"emails": emails})
        wanted, ticket = set(asked["accounts"]), asked["ticket"]
        known = (await peer.ask("GET", "/status"))["accounts"]
        for email in emails or ():
            if email.casefold() not in {a["email"].casefold() for a in known if a["id"] in wanted}:
                raise ConnectorError(f"{email} is not a connected mailbox")
        click.echo(f"{len(wanted)} {'mailbox' if len(wanted) == 1 else 'mailboxes'} asked to sync")
        if not wait:
            return
        bar = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} of {task.total}"))
        with bar:
            task = bar.add_task("Syncing", total=len(wanted))
            while True:
                accounts = (await peer.ask("GET", "/status"))["accounts"]
                # A mailbox that stopped running in between (signed out, paused) has nothing to wait for.
                behind = {a["id"] for a in accounts if a["phase"] is not None and a["served_ticket"] < ticket}
                done = wanted - behind
                bar.update(task, completed=len(done))
                if done == wanted:
                    return
                await trio.sleep(_LOOK)


if __name__ == "__main__":
    main()
