"""The stage of the browser tests: Odoo behind a proxy, the connector, the simulator, a Chromium."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.demo.stage import Control, start_connector, start_simulator, write_config
from tests.e2e.proxy import CuttingProxy, open_proxy
from tests.odoo.browser import open_browser
from tests.odoo.person import Person
from tests.odoo.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.odoo.server import OdooServer
    from tests.odoo.template import Logins, Run

SECRET = "shared-secret-of-the-stage"
READER = "anna.larsen@outlook.example"
# A mailbox that its owner let MailDesk read only (`connect_read_only`).
LOCKED = "lars.locked@outlook.example"


@dataclass(slots=True)
class Connector:
    """The connector's process, which a test may stop, and start with another configuration."""

    folder: Path
    listen: str
    _running: ExitStack = field(default_factory=ExitStack)

    def start(self, *, has_entra: bool = True) -> None:
        """Start it; without `has_entra` it has no app registration. It goes on with the file that it left."""
        config = self.folder / "maildesk.yaml"
        if not has_entra:
            settings = yaml.safe_load(config.read_text())
            del settings["entra"]
            config = self.folder / "no-entra.yaml"
            config.touch(mode=0o600)
            config.write_text(yaml.safe_dump(settings))
        start_connector(self._running, config, self.listen, self.folder / "connector.log", os.environ)

    def stop(self) -> None:
        """Stop it as SIGTERM does."""
        self._running.close()


@dataclass(slots=True)
class Stage:
    """What a story is told on."""

    url: str
    odoo: OdooServer
    logins: Logins
    simulator: Control
    proxy: CuttingProxy
    connector: Connector

    def truth(self, address: str) -> list[dict[str, Any]]:
        """Return the messages of a mailbox as they are, newest first."""
        return sorted(self.simulator.ask("GET", f"/mailboxes/{address}/messages"), key=lambda m: m["received"], reverse=True)

    def act(self, address: str, message_id: str, verb: str, **body: Any) -> None:
        """Do something to a message at Microsoft."""
        self.simulator.ask("POST", f"/mailboxes/{address}/messages/{message_id}/{verb}", body)


@pytest.fixture(scope="module")
def stage(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything up, nothing connected."""
    folder: Path = tmp_path_factory.mktemp("stage")
    with ExitStack() as stack:
        simulator_url = start_simulator(stack, folder)
        listen, port = f"127.0.0.1:{free_port()}", free_port()
        proxy = stack.enter_context(open_proxy(port))
        url = f"http://localhost:{proxy.port}"
        odoo = stack.enter_context(run.odoo(connector_url=f"http://{listen}", secret=SECRET, port=port, public_url=url))
        settings = {
            "url": odoo.url,
            "database": odoo.database,
            "login": run.logins.connector,
            "api_key": run.logins.connector_key,
        }
        write_config(folder / "maildesk.yaml", settings, listen, SECRET, simulator_url)
        connector = Connector(folder, listen)
        stack.callback(connector.stop)
        connector.start()
        yield Stage(url, odoo, run.logins, Control(simulator_url), proxy, connector)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with open_browser() as opened:
        yield opened


@contextmanager
def logged_in(browser: Browser, stage: Stage, login: str, password: str) -> Iterator[Page]:
    """A page of a user, logged in; errors of its scripts fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=stage.url)
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto("/web/login")
    opened.fill("input[name=login]", login)
    opened.fill("input[name=password]", password)
    opened.click("button[type=submit]")
    opened.wait_for_selector(".o_main_navbar")
    yield opened
    context.close()
    assert not problems, problems


@pytest.fixture
def newcomer(browser: Browser, stage: Stage) -> Iterator[Page]:
    """A page of a user who has no mailbox yet."""
    with logged_in(browser, stage, stage.logins.user, stage.logins.user_password) as opened:
        yield opened


@pytest.fixture
def reader(browser: Browser, stage: Stage) -> Iterator[Page]:
    """A page of a user whose mailbox `READER` is connected."""
    with Person.logged_in(stage.odoo, stage.logins.empty, stage.logins.empty_password) as person:
        if not person.call("mailbox.account", "search", [["email", "=", READER]]):
            person.url = stage.url
            answer = person.sign_in(person.new_account(READER), READER)
            assert answer.headers.get("location", "").endswith("/odoo/maildesk"), answer.text[:300]
    with logged_in(browser, stage, stage.logins.empty, stage.logins.empty_password) as opened:
        yield opened


def connect_read_only(stage: Stage) -> None:
    """Let the user connect `LOCKED`, which Microsoft lets MailDesk read, not change."""
    stage.simulator.ask("POST", "/mailboxes", {"address": LOCKED, "name": "Lars Locked", "inbox": 20})
    stage.simulator.ask("POST", "/faults", {"consent_scopes": "Mail.Read,User.Read,offline_access,openid,profile,email"})
    try:
        with Person.logged_in(stage.odoo, stage.logins.user, stage.logins.user_password) as person:
            person.url = stage.url
            answer = person.sign_in(person.new_account(LOCKED), LOCKED)
            assert answer.headers.get("location", "").endswith("/odoo/maildesk"), answer.text[:300]
    finally:
        stage.simulator.ask("DELETE", "/faults")
