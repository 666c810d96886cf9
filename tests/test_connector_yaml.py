"""The YAML that Odoo's wizard shows is one that the connector takes, as it is pasted."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.config import load_config
from connector.config_file import read_config_file
from connector.errors import ConfigError
from connector.state.vault import new_key
from tests.certificate import make_certificate
from tests.odoo.template import CLONE

if TYPE_CHECKING:
    from pathlib import Path

GIVEN = {
    "odoo_url": "http://127.0.0.1:8069/",
    "database": "maildesk",
    "login": "maildesk_connector",
    "api_key": "5ca1ab1e" + "0" * 32,
    "secret": "Zk3-_shared-secret-of-both",
    "redirect_uri": "https://odoo.example/maildesk/outlook/callback",
}
ENVIRON = {"MAILDESK_VAULT_KEY": new_key()}


def _addon() -> Any:
    """Load the addon's module; it needs nothing of Odoo."""
    path = CLONE / "odoo_stub_module" / "maildesk" / "connector_yaml.py"
    spec = importlib.util.spec_from_file_location("connector_yaml", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ADDON = _addon()


@pytest.mark.parametrize(
    ("url", "listen"),
    [
        ("http://127.0.0.1:8071", "127.0.0.1:8071"),
        ("http://localhost:9000/", "localhost:9000"),
        ("http://[::1]:8071", "[::1]:8071"),
        ("https://connector.example:8443", "0.0.0.0:8443"),
        ("http://connector:8071", "0.0.0.0:8071"),
    ],
)
def test_yaml_is_taken_as_it_is_pasted(tmp_path: Path, url: str, listen: str) -> None:
    """Wherever the connector is; only the vault key, and the certificate where there is to be one, are the admin's part."""
    text = ADDON.whole_configuration(connector_url=url, **GIVEN)
    certificate, key = make_certificate(tmp_path)
    text = text.replace("/etc/maildesk/connector.crt", str(certificate)).replace("/etc/maildesk/connector.key", str(key))
    path = tmp_path / "maildesk.yaml"
    path.write_text(text)
    config = load_config(path, ENVIRON)
    assert (config.odoo.url, config.odoo.database, config.odoo.login) == ("http://127.0.0.1:8069", "maildesk", "maildesk_connector")
    assert config.odoo.api_key.get_secret_value() == GIVEN["api_key"]
    assert config.server.secret.get_secret_value() == GIVEN["secret"]
    assert config.server.listen == listen
    assert config.server.has_tls is url.startswith("https")
    assert config.entra is None


def test_yaml_for_a_connector_that_has_a_file_says_what_to_take(tmp_path: Path) -> None:
    """Saved over that file it would drop `entra` and move the state: its first lines say so, and it is still a whole configuration."""
    fresh = ADDON.whole_configuration(connector_url="http://127.0.0.1:8071", **GIVEN)
    again = ADDON.whole_configuration(connector_url="http://127.0.0.1:8071", is_known=True, **GIVEN)
    assert "do not replace" not in fresh
    assert "do not replace that one" in again.splitlines()[0]
    assert "only the sections odoo and server" in again.splitlines()[1]
    assert again.partition("\nodoo:")[2] == fresh.partition("\nodoo:")[2]
    path = tmp_path / "maildesk.yaml"
    path.write_text(again)
    assert load_config(path, ENVIRON).odoo.database == "maildesk"


def test_yaml_without_the_vault_key_says_what_is_missing(tmp_path: Path) -> None:
    """The one thing that is left to do is named by the connector as well."""
    path = tmp_path / "maildesk.yaml"
    path.write_text(ADDON.whole_configuration(connector_url="http://127.0.0.1:8071", **GIVEN))
    with pytest.raises(ConfigError, match="the environment variable MAILDESK_VAULT_KEY is not set"):
        load_config(path, {})


def test_yaml_entra_section_is_one_once_it_is_no_comment(tmp_path: Path) -> None:
    """Taking the marks away is all that there is to do."""
    text = ADDON.whole_configuration(connector_url="http://127.0.0.1:8071", **GIVEN)
    path = tmp_path / "maildesk.yaml"
    path.write_text(text.replace("#entra:", "entra:").replace("#  ", "  "))
    config = load_config(path, ENVIRON | {"MAILDESK_ENTRA_CLIENT_SECRET": "s"})
    assert config.entra is not None
    assert config.entra.tenant == "common"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(database=st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: "${" not in name))
def test_yaml_quotes_any_name(tmp_path: Path, database: str) -> None:
    """A database may be called `no`, `12:30` or worse."""
    path = tmp_path / "maildesk.yaml"
    given_values = GIVEN | {"database": database}
    path.write_text(ADDON.whole_configuration(connector_url="http://127.0.0.1:8071", **given_values), encoding="utf-8")
    assert read_config_file(path, ENVIRON).values["odoo"]["database"] == database


def test_new_key_lines_fit_into_the_section(tmp_path: Path) -> None:
    """What "New Key" shows replaces the line of the old key."""
    path = tmp_path / "maildesk.yaml"
    text = ADDON.whole_configuration(connector_url="http://127.0.0.1:8071", **GIVEN)
    old = next(line for line in text.splitlines() if "api_key" in line)
    path.write_text(text.replace(old, ADDON.new_key_lines("new-key").rstrip("\n")))
    assert load_config(path, ENVIRON).odoo.api_key.get_secret_value() == "new-key"
