"""A cluster with a database in which the addon is installed and its assets are built: made once, copied per run.

The key is a hash of everything that goes into it, so a changed addon makes a new one. A copy starts in seconds and two runs never meet.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.odoo import postgres
from tests.odoo.package import find_odoo
from tests.odoo.process import SetupError, free_port
from tests.odoo.server import ADDONS, OdooServer, environment, run_odoo, write_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.odoo.package import OdooInstall
    from tests.odoo.postgres import Cluster

__all__ = ["CLONE", "TEMPLATE", "Logins", "Run", "copy_template", "open_run", "set_up"]

CLONE = Path(__file__).parents[2]
TEMPLATE = "maildesk_template"

# How the folders of runs begin; what else lies in `var/` is nobody's to sweep.
_KINDS = ("tests-", "demo-", "addon-")


@dataclass(frozen=True, slots=True)
class Logins:
    """Who is in the template: passwords of people, the connector's API key."""

    admin: str
    admin_password: str
    user: str
    user_password: str
    empty: str
    empty_password: str
    connector: str
    connector_key: str


@dataclass(slots=True)
class Run:
    """One run: a cluster of its own, and Odoo servers on clones of the template."""

    folder: Path
    install: OdooInstall
    cluster: Cluster
    logins: Logins
    _count: int = 0

    @contextmanager
    def odoo(
        self,
        name: str | None = None,
        *,
        connector_url: str = "",
        secret: str = "",
        port: int | None = None,
        host: str = "localhost",
        public_url: str | None = None,
    ) -> Iterator[OdooServer]:
        """Run Odoo on a fresh clone of the template, set up for a connector at `connector_url`.

        `public_url` is where browsers see it, if that is not where it listens.
        """
        self._count += 1
        database = name or f"maildesk_{self._count}"
        port = port or free_port()
        data = self.folder / "data"
        self.cluster.clone(TEMPLATE, database)
        store = data / "filestore"
        shutil.copytree(store / TEMPLATE, store / database, copy_function=os.link, dirs_exist_ok=True)
        base = public_url or f"http://{host}:{port}"
        set_up(self.cluster, database, base, connector_url, secret)
        with run_odoo(self.install, self.cluster, database, self.folder, data=data, port=port, host=host) as server:
            yield server


@contextmanager
def open_run(kind: Literal["tests", "demo", "addon"]) -> Iterator[Run]:
    """Start a run; its folder under `var/` goes with it."""
    install = find_odoo()
    work = postgres.work_folder(CLONE)
    _sweep(work)
    folder = work / f"{kind}-{os.getpid()}"
    try:
        copy_template(install, folder)
        secret = json.loads((folder / "logins.json").read_text())
        with postgres.run_cluster(folder / "pg", secret["password"], folder / "postgres.log") as cluster:
            yield Run(folder, install, cluster, Logins(**secret["logins"]))
    finally:
        if os.environ.get("MAILDESK_KEEP_RUN") is None:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(work: Path) -> None:
    """Remove what runs left behind that were killed; a process id ends the name of a run's folder."""
    for folder in work.glob("*-*"):
        _, _, pid = folder.name.rpartition("-")
        if folder.name.startswith(_KINDS) and pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def set_up(cluster: Cluster, database: str, base: str, connector_url: str, secret: str) -> None:
    """Tell a database where browsers see it, and where its connector is."""
    for key, value in {
        "web.base.url": base,
        "web.base.url.freeze": "True",
        "maildesk.redirect_base": base,
        "maildesk.connector_url": connector_url,
        "maildesk.connector_secret": secret,
    }.items():
        cluster.execute(database, "DELETE FROM ir_config_parameter WHERE key = %s", key)
        if value:
            cluster.execute(database, "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)", key, value)


def copy_template(install: OdooInstall, folder: Path) -> None:
    """Copy the template to `folder`; it is made if it is not there."""
    work = postgres.work_folder(CLONE)
    template = work / f"template-{_digest(install)}"
    # Held while copying too: another run of this clone, with another version of the addon, removes this template.
    with (work / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (template / "complete").is_file():
            for old in work.glob("template-*"):
                shutil.rmtree(old, ignore_errors=True)
            _say("making the template database (two minutes, once per version of the addon)")
            _make(install, template)
            (template / "complete").touch()
        shutil.rmtree(folder, ignore_errors=True)
        # `cp -a` keeps owners and takes what the file system has for cheap copies.
        subprocess.run(["cp", "-a", "--reflink=auto", str(template), str(folder)], check=True)  # noqa: S603, S607 - our own folders


def _digest(install: OdooInstall) -> str:
    hashed = hashlib.sha256(install.version.encode())
    for path in sorted([*_sources(ADDONS), *Path(__file__).parent.glob("*.py")]):
        hashed.update(str(path.relative_to(CLONE)).encode())
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:12]


def _sources(addons: Path) -> list[Path]:
    """Return the files that make an addon what it is: not what tools leave beside them, nor the app's unit tests."""

    def counts(path: Path) -> bool:
        parts = path.relative_to(addons).parts
        return not any(part == "__pycache__" or part.startswith(".") for part in parts) and "static/tests" not in "/".join(parts)

    return [path for path in addons.rglob("*") if path.is_file() and counts(path)]


def _make(install: OdooInstall, folder: Path) -> None:
    folder.mkdir(parents=True)
    data = folder / "data"
    data.mkdir()
    password = postgres.new_password()
    postgres.initdb(folder / "pg", password)
    with postgres.run_cluster(folder / "pg", password, folder / "postgres.log") as cluster:
        postgres.make_role(cluster)
        config = write_config(folder / "make.conf", install, cluster, data, free_port())
        _odoo(install, config, "-i", "maildesk", "--stop-after-init", log=folder / "install.log")
        logins = _make_users(install, config, folder)
        (folder / "logins.json").write_text(json.dumps({"password": password, "logins": asdict(logins)}))
        (folder / "logins.json").chmod(0o600)
        with run_odoo(install, cluster, TEMPLATE, folder, data=data) as server:
            _open_once(server, logins)
    for leftover in ("make.conf", "install.log", "postgres.log", f"odoo-{TEMPLATE}.conf", f"odoo-{TEMPLATE}.log"):
        (folder / leftover).unlink(missing_ok=True)


def _odoo(install: OdooInstall, config: Path, *args: str, log: Path, script: str | None = None) -> str:
    """Run an Odoo command to its end; return what it printed."""
    command = [*install.command, *(["shell"] if script is not None else []), "-c", str(config), "-d", TEMPLATE, *args]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, env=environment(install))  # noqa: S603 - our Odoo
    log.write_text(done.stderr)
    bad = [line for line in done.stderr.splitlines() if " ERROR " in line or " CRITICAL " in line]
    if done.returncode or bad:
        raise SetupError(f"Odoo {' '.join(args)} failed:\n" + "\n".join(done.stderr.splitlines()[-30:]))
    return done.stdout


_USERS_SCRIPT = """
import json, secrets
def user(name, login, *groups):
    password = secrets.token_urlsafe(12)
    record = env["res.users"].create({
        "name": name, "login": login, "email": login, "password": password,
        "group_ids": [(6, 0, [env.ref(g).id for g in groups])],
    })
    return record, password
admin = env.ref("base.user_admin")
admin_password = secrets.token_urlsafe(12)
admin.write({"password": admin_password, "group_ids": [(4, env.ref("maildesk.group_admin").id)]})
# One who may make contacts, and one who may not.
anna, anna_password = user("Anna Larsen", "anna", "base.group_user", "maildesk.group_user", "base.group_partner_manager")
eve, eve_password = user("Erik Sand", "erik", "base.group_user", "maildesk.group_user")
# As Settings makes them: a user that can do nothing else.
key = env["res.users.apikeys"]._maildesk_make(None)
robot = env["res.users"]._maildesk_connector()
# OdooBot greets each new user with a chat that covers a phone's screen.
(admin | anna | eve).write({"odoobot_state": "disabled"})
env["ir.config_parameter"].set_param("web.base.url.freeze", "True")
env.cr.commit()
print("LOGINS " + json.dumps({
    "admin": admin.login, "admin_password": admin_password, "user": anna.login, "user_password": anna_password,
    "empty": eve.login, "empty_password": eve_password, "connector": robot.login, "connector_key": key,
}))
"""


def _make_users(install: OdooInstall, config: Path, folder: Path) -> Logins:
    printed = _odoo(install, config, log=folder / "install.log", script=_USERS_SCRIPT)
    for line in printed.splitlines():
        if "LOGINS " in line:
            return Logins(**json.loads(line.partition("LOGINS ")[2]))
    raise SetupError(f"the users of the template were not made:\n{printed[-2000:]}\n{(folder / 'install.log').read_text()[-3000:]}")


def _open_once(server: OdooServer, logins: Logins) -> None:
    """Open the app in Chromium, so that Odoo builds its assets into the template."""
    from tests.odoo.browser import open_browser  # noqa: PLC0415 - Playwright takes half a second to import

    with open_browser() as browser:
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{server.url}/web/login")
        page.fill("input[name=login]", logins.user)
        page.fill("input[name=password]", logins.user_password)
        page.click("button[type=submit]")
        page.wait_for_selector(".o_main_navbar, .o_home_menu")
        page.goto(f"{server.url}/odoo/maildesk")
        page.wait_for_selector(".o_action_manager > *")
        page.goto(f"{server.url}/odoo/mailbox-accounts/new")
        page.wait_for_selector(".o_form_view")


def _say(text: str) -> None:
    print(f"[odoo] {text}", file=sys.stderr, flush=True)  # noqa: T201 - a person waits for this
