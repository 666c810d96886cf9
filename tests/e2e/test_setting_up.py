"""The story of an administrator who connects the sidecar, in Chromium: Settings, the wizard, the YAML, a connector that runs on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from playwright.sync_api import expect

from connector.state.vault import new_key
from tests.demo.stage import start_connector, start_simulator
from tests.odoo.process import free_port
from tests.odoo.template import CLONE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tests.odoo.server import OdooServer
    from tests.odoo.template import Run

SETTINGS = "/odoo/action-maildesk.action_maildesk_settings"


@pytest.fixture
def odoo(run: Run) -> Iterator[OdooServer]:
    """An Odoo with the addon, to which nobody connected anything yet."""
    with run.odoo() as server:
        yield server


@pytest.fixture
def administrator(browser: Browser, odoo: OdooServer, run: Run) -> Iterator[Page]:
    """A page of Odoo's administrator, who may use the clipboard; errors of its scripts fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=odoo.url)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(30_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto("/web/login")
    page.fill("input[name=login]", run.logins.admin)
    page.fill("input[name=password]", run.logins.admin_password)
    page.click("button[type=submit]")
    page.wait_for_selector(".o_main_navbar")
    yield page
    context.close()
    assert not problems, problems


def _settings(page: Page) -> Locator:
    """Open the page of MailDesk in Settings, anew."""
    page.goto("about:blank")
    page.goto(SETTINGS)
    shown = page.locator(".app_settings_block[data-key=maildesk]")
    expect(shown).to_be_visible()
    return shown


def _copied(page: Page) -> str:
    """Press Copy on the last page of the wizard; return what is in the clipboard then."""
    dialog = page.locator(".modal", has_text="Paste This Once")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Copy").click()
    text = str(page.evaluate("navigator.clipboard.readText()"))
    # The same as what is shown, but for the ends of lines.
    assert dialog.locator("[name=yaml]", has_text="api_key").first.inner_text().split() == text.split()
    dialog.get_by_role("button", name="I Have Saved It").click()
    expect(dialog).to_have_count(0)
    return text


def _prove(page: Page, password: str) -> None:
    """Give the password again, as Odoo asks before it makes a key."""
    dialog = page.locator(".modal", has=page.locator("[name=run_check]"))
    dialog.locator("input[type=password]").fill(password)
    dialog.locator("[name=run_check]").click()


def _doctor(config: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "connector.cli", "doctor", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=CLONE, timeout=60)  # noqa: S603 - our own program


@pytest.mark.timeout(300)
def test_setting_up_whole_story(administrator: Page, odoo: OdooServer, run: Run, tmp_path: Path) -> None:
    """From "not set up" to a sidecar that Settings shows as running, by what the wizard shows and nothing else; then a new key."""
    page, port = administrator, free_port()
    config = tmp_path / "maildesk.yaml"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MAILDESK")}
    environ |= {"MAILDESK_VAULT_KEY": new_key(), "MAILDESK__STATE__PATH": str(tmp_path / "state.sqlite3")}

    shown = _settings(page)
    state = shown.locator("[name=maildesk_sidecar_state]")
    expect(state).to_have_text("Not set up yet")
    expect(shown.get_by_role("button", name="New Key")).to_have_count(0)
    shown.get_by_role("button", name="Connect the Sidecar").click()
    wizard = page.locator(".modal")
    wizard.locator("[name=connector_url] input").fill("http://10.0.0.5:8071")
    wizard.locator("[name=connector_url] input").blur()
    expect(wizard.get_by_text("Without https")).to_be_visible()
    wizard.locator("[name=connector_url] input").fill(f"http://127.0.0.1:{port}")
    wizard.locator("[name=connector_url] input").blur()
    expect(wizard.get_by_text("Without https")).to_have_count(0)
    wizard.get_by_role("button", name="Make Key and Show YAML").click()
    _prove(page, run.logins.admin_password)
    config.write_text(_copied(page))

    # The key is nowhere in the page or its address any more, and Settings waits.
    key = str(yaml.safe_load(config.read_text())["odoo"]["api_key"])
    assert key not in page.content() + page.url + str(page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})"))
    expect(state).to_have_text("Never seen")

    with ExitStack() as stack:
        # Microsoft, as far as the doctor looks for it.
        environ["MAILDESK__GRAPH__BASE_URL"] = f"{start_simulator(stack, tmp_path)}/v1.0"
        process = start_connector(stack, config, f"127.0.0.1:{port}", tmp_path / "connector.log", environ)
        shown = _settings(page)
        expect(state).to_have_text("Running")
        expect(shown.locator("[name=maildesk_sidecar_version]")).to_have_text(re.compile(r"\d+\.\d+\.\d+"))
        shown.get_by_role("button", name="Test").click()
        expect(page.locator(".o_notification", has_text="both have the same secret")).to_be_visible()
        found = _doctor(config, environ)
        assert found.returncode == 0, found.stdout + found.stderr

        # Whoever connects again is led to the new key: the whole text, saved over the old file, would lose what that holds.
        shown.get_by_role("button", name="Connect the Sidecar").click()
        expect(wizard.get_by_text("A sidecar has reported to this Odoo before")).to_be_visible()
        # A new key beside the one in use; nothing stops meanwhile.
        wizard.get_by_role("button", name="New Key").click()
        expect(wizard.get_by_text("stays valid until the sidecar has come with the new one")).to_be_visible()
        wizard.locator("[name=validity] input").click()
        page.locator(".o_select_menu_item", has_text="3 months").click()
        expect(wizard.get_by_text("administrators are reminded")).to_be_visible()
        wizard.get_by_role("button", name="Make New Key").click()
        new = yaml.safe_load(_copied(page))["api_key"]
        assert new != key
        expect(_settings(page).get_by_text("the sidecar has not come with it yet")).to_be_visible()
        assert _doctor(config, environ).returncode == 0
        process.terminate()
        process.wait(timeout=20)

    with ExitStack() as stack:
        old = config.read_text()
        config.write_text(old.replace(key, new))
        start_connector(stack, config, f"127.0.0.1:{port}", tmp_path / "connector.log", environ)
        shown = _settings(page)
        expect(state).to_have_text("Running")
        expect(shown.get_by_text("the sidecar has not come with it yet")).to_have_count(0)
        expect(shown.locator("[name=maildesk_key_expires_at]")).not_to_be_empty()
        # The old one is gone.
        config.write_text(old)
        refused = _doctor(config, environ)
        assert refused.returncode == 1
        assert "deleted, expired or mistyped" in refused.stdout
    expect(_settings(page).locator("[name=maildesk_sidecar_state]")).to_have_text("Stopped")
    _told_nobody(odoo, key, new)


def _told_nobody(odoo: OdooServer, *keys: str) -> None:
    """No key stands in Odoo's log, nor in clear in any table."""
    assert not [key for key in keys if key in odoo.log.read_text()]
    columns: list[Any] = odoo.cluster.execute(
        odoo.database,
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type IN ('character varying', 'text', 'jsonb')",
    )
    for table, column in columns:
        query = f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE ANY(%s)'  # noqa: S608 - names of PostgreSQL's own catalogue
        assert odoo.cluster.execute(odoo.database, query, [f"%{key[8:]}%" for key in keys]) == [(0,)], (table, column)
