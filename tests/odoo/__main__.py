"""An Odoo for development, kept between runs: `python -m tests.odoo` (the Procfile starts it beside the connector).

It lies in `var/dev`: a copy of the template, made at the first start; later starts update the addon in it. What the connector needs to
know of it is written to `config/maildesk.yaml` if that file is not there yet.
"""

from __future__ import annotations

import json
import secrets
import signal
import sys
from dataclasses import dataclass

import click
import yaml

from connector.state.vault import new_key
from tests.odoo import postgres
from tests.odoo.package import find_odoo
from tests.odoo.process import SetupError
from tests.odoo.server import run_odoo
from tests.odoo.template import CLONE, TEMPLATE, Logins, copy_template, set_up

CONFIG = CLONE / "config" / "maildesk.yaml"
PORT = 8069
CONNECTOR = "127.0.0.1:8071"


@dataclass(frozen=True, slots=True)
class _Kept:
    password: str
    logins: Logins
    secret: str


@click.command()
@click.option("--port", default=PORT, show_default=True)
def main(*, port: int) -> None:
    """Run the development Odoo until Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _run(port)
    except SetupError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("stopped")


def _run(port: int) -> None:
    install = find_odoo()
    folder = postgres.work_folder(CLONE) / "dev"
    is_new = not (folder / "logins.json").is_file()
    if is_new:
        copy_template(install, folder)
    written = json.loads((folder / "logins.json").read_text())
    kept = _Kept(written["password"], Logins(**written["logins"]), written.get("secret") or secrets.token_urlsafe(24))
    (folder / "logins.json").write_text(json.dumps({**written, "secret": kept.secret}))
    url = f"http://localhost:{port}"
    with postgres.run_cluster(folder / "pg", kept.password, folder / "postgres.log") as cluster:
        set_up(cluster, TEMPLATE, url, f"http://{CONNECTOR}", kept.secret)
        _write_config(url, kept)
        options = () if is_new else ("-u", "maildesk")
        with run_odoo(install, cluster, TEMPLATE, folder, data=folder / "data", port=port, options=options) as server:
            click.echo(f"{server.url}/odoo/maildesk: {kept.logins.user} / {kept.logins.user_password}")
            click.echo(f"administrator: {kept.logins.admin} / {kept.logins.admin_password}; log: {server.log}")
            signal.pause()


def _write_config(url: str, kept: _Kept) -> None:
    if CONFIG.exists():
        return
    config = {
        "odoo": {"url": url, "database": TEMPLATE, "login": kept.logins.connector, "api_key": kept.logins.connector_key},
        "server": {"listen": CONNECTOR, "secret": kept.secret},
        "vault": {"keys": [new_key()]},
    }
    CONFIG.touch(mode=0o600)
    CONFIG.write_text(yaml.safe_dump(config, sort_keys=False))


if __name__ == "__main__":
    main()
