"""The configuration: every wrong file is told by key and line, nothing is taken silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config import load_config
from connector.errors import ConfigError
from connector.state.vault import new_key
from tests.certificate import make_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from connector.config import Config

KEY = new_key()
ENVIRON = {"ODOO_KEY": "k", "SHARED": "0123456789abcdef", "VAULT": KEY}

SMALLEST = """\
odoo:
  url: http://127.0.0.1:8069
  database: maildesk
  login: connector
  api_key: ${ODOO_KEY}
server:
  secret: ${SHARED}
vault:
  keys: ["${VAULT}"]
"""


def load(tmp_path: Path, text: str, **environ: str) -> Config:
    """Load `text` as the file maildesk.yaml."""
    path = tmp_path / "maildesk.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, ENVIRON | environ)


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    """Return what is told of a wrong file, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **environ)
    return [line.replace(f"{tmp_path}/", "") for line in caught.value.problems]


def test_load_config_smallest_has_the_contracts_defaults(tmp_path: Path) -> None:
    """Only odoo, vault and server.secret must be filled in."""
    config = load(tmp_path, SMALLEST)
    assert config.entra is None
    assert config.odoo.transport == "auto"
    assert config.odoo.api_key.get_secret_value() == "k"
    assert config.graph.base_url == "https://graph.microsoft.com/v1.0"
    assert (config.sync.interval, config.sync.bootstrap_messages, config.sync.backfill_per_hour) == (300.0, 50, 200)
    assert config.server.listen == "127.0.0.1:8071"
    assert str(config.state.path) == "var/maildesk.sqlite3"
    assert (config.log.level, config.log.format) == ("info", "console")


@pytest.mark.parametrize(
    ("permissions", "names"), [("full", ["Mail.ReadWrite", "Mail.Send", "User.Read"]), ("read_only", ["Mail.Read", "User.Read"])]
)
def test_graph_scopes_are_in_their_long_form(tmp_path: Path, permissions: str, names: list[str]) -> None:
    """One form of each scope everywhere."""
    config = load(tmp_path, f"{SMALLEST}graph:\n  permissions: {permissions}\n")
    assert list(config.graph.scopes) == [f"https://graph.microsoft.com/{name}" for name in names]


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("sync:\n  intervall: 5m\n", "maildesk.yaml, line 11: sync.intervall: unknown key, or not supported by this version"),
        ("sync:\n\n  interval: soon\n", "maildesk.yaml, line 12: sync.interval: wants a time such as 30s, 5m, 24h or 7d"),
        ("sync:\n  interval: 0s\n", "maildesk.yaml, line 11: sync.interval: Input should be greater than 0"),
        ("sync:\n  bootstrap_messages: many\n", "maildesk.yaml, line 11: sync.bootstrap_messages: Input should be a valid integer"),
        ("sync: 5\n", "maildesk.yaml, line 10: sync: wants keys of its own below it"),
        ("log:\n  level: info\n  level: debug\n", "maildesk.yaml, line 12: log.level: stands here a second time (first in line 11)"),
        ("log:\n  level: ${NOT_SET}\n", "maildesk.yaml, line 11: log.level: the environment variable NOT_SET is not set"),
        ("graph:\n  base_url: http://graph.example\n", "maildesk.yaml, line 11: graph.base_url: wants https://"),
        ("entra:\n  client_id: x\n", "maildesk.yaml, line 10: entra: wants either client_secret or certificate"),
        ("entra:\n  client_id: x\n  certificate: none.pem\n", "maildesk.yaml, line 12: entra.certificate: Path does not point to a file"),
        ("nonsense: 1\n", "maildesk.yaml, line 10: nonsense: unknown key"),
        ("log:\n  level: {a: {b: {c: {d: 1}}}}\n", "maildesk.yaml, line 11: log.level: is nested too deeply"),
        ("log: &l\n  level: *l\n", "maildesk.yaml, line 11: log.level: is nested too deeply"),
        ("- 1\n", "maildesk.yaml, line 10: not YAML"),
        ("log:\n\tlevel: info\n", "maildesk.yaml, line 11: not YAML"),
    ],
)
def test_load_config_wrong_is_told_by_key_and_line(tmp_path: Path, added: str, told: str) -> None:
    """What is wrong is said once, where it stands."""
    found = problems(tmp_path, SMALLEST + added)
    assert len(found) == 1
    assert found[0].startswith(told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("http://127.0.0.1:8069", "127.0.0.1:8069", "line 2: odoo.url: wants a URL such as https://odoo.example.com"),
        ("http://127.0.0.1:8069", "http://x:8069/odoo", "line 2: odoo.url: wants the address of the server alone, without /odoo"),
        ("http://127.0.0.1:8069", "http://me:pw@x", "line 2: odoo.url: wants a URL"),
        ("http://127.0.0.1:8069", "http://x:port", "line 2: odoo.url: wants a URL"),
        ("database: maildesk", "database:", "line 3: odoo.database: wants a text"),
        ("database: maildesk", 'database: ""', "line 3: odoo.database: must not be empty"),
        ("  login: connector\n", "", "line 1: odoo.login: is missing"),
        ("server:\n", "server:\n  listen: 0.0.0.0:8071\n", "line 6: server: listen 0.0.0.0:8071 is no address of this machine alone"),
        ("server:\n", "server:\n  listen: connector:8071\n", "line 6: server: listen connector:8071 is no address of this machine alone"),
        ("server:\n", "server:\n  tls_key: none.pem\n", "line 7: server.tls_key: Path does not point to a file"),
        ("server:\n", "server:\n  listen: ':8071'\n", "line 7: server.listen: wants host:port"),
        ("server:\n", "server:\n  listen: localhost\n", "line 7: server.listen: wants host:port"),
        ("${SHARED}", "sechzehn Zeichen und mehr", "line 7: server.secret: wants letters, digits and signs of ASCII, without spaces"),
        ("${SHARED}", "short", "line 7: server.secret: wants 16 characters or more"),
        ("${VAULT}", "short", "line 9: vault.keys.0: is no key; make one with: maildesk-connector keys new"),
        ('["${VAULT}"]', "[]", "line 9: vault.keys: must not be empty"),
    ],
)
def test_load_config_required_part_wrong_is_told_by_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    """What must be filled in is checked as far as it can be without asking anybody."""
    found = problems(tmp_path, SMALLEST.replace(old, new))
    assert len(found) == 1
    assert found[0].startswith(f"maildesk.yaml, {told}")


def test_load_config_elsewhere_without_tls_wants_the_switch(tmp_path: Path) -> None:
    """Loopback by default; the explicit switch is taken, and TLS needs none."""
    elsewhere = SMALLEST.replace("server:\n", "server:\n  listen: 0.0.0.0:8071\n")
    assert load(tmp_path, elsewhere.replace("server:\n", "server:\n  allow_unencrypted: true\n")).server.allow_unencrypted
    certificate, key = make_certificate(tmp_path)
    pair = f"server:\n  tls_certificate: {certificate}\n  tls_key: {key}\n"
    assert load(tmp_path, elsewhere.replace("server:\n", pair)).server.has_tls


def test_load_config_certificate_and_key_that_do_not_fit_are_told(tmp_path: Path) -> None:
    """One without the other, the key of another certificate, one with a password, and what is no PEM file."""
    certificate, key = make_certificate(tmp_path)
    _, other = make_certificate(tmp_path, "other")
    _, locked = make_certificate(tmp_path, "locked", password=b"pass")
    for pair, told in (
        (f"  tls_certificate: {certificate}\n", "wants tls_certificate and tls_key, or neither"),
        (f"  tls_certificate: {certificate}\n  tls_key: {other}\n", "tls_key is not the key of tls_certificate"),
        (f"  tls_certificate: {certificate}\n  tls_key: {locked}\n", "tls_key has a password"),
        (f"  tls_certificate: {tmp_path}/maildesk.yaml\n  tls_key: {key}\n", "they want to be PEM files"),
    ):
        (found,) = problems(tmp_path, SMALLEST.replace("server:\n", f"server:\n{pair}"))
        assert found.startswith("maildesk.yaml, line 6: server: ")
        assert told in found


def test_load_config_many_problems_are_told_at_once(tmp_path: Path) -> None:
    """An admin mends a file in one go."""
    found = problems(tmp_path, "odoo:\n  url: x\nlog:\n  format: xml\n  level: ${NOPE}\n")
    keys = [line.split(": ")[1] for line in found]
    assert keys == ["log.level", "odoo.url", "odoo.database", "odoo.login", "odoo.api_key", "server", "vault", "log.format"]


def test_load_config_problem_never_tells_a_secret(tmp_path: Path) -> None:
    """A refused value is not repeated: it may be a secret in the wrong place."""
    text = SMALLEST.replace("${SHARED}", "hunter2").replace("${VAULT}", "hunter2").replace("http://127.0.0.1:8069", "http://a:hunter2@b")
    assert "hunter2" not in "\n".join(problems(tmp_path, f"{text}log:\n  level: hunter2\n"))


def test_config_repr_hides_secrets(tmp_path: Path) -> None:
    """A configuration in a log or a traceback tells no secret."""
    shown = repr(load(tmp_path, SMALLEST, ODOO_KEY="hunter2-key"))
    assert "hunter2-key" not in shown
    assert ENVIRON["SHARED"] not in shown
    assert KEY not in shown


def test_load_config_environment_overrides_any_key(tmp_path: Path) -> None:
    """Also keys of a section that the file does not have, lists, and what looks like a number."""
    config = load(
        tmp_path,
        SMALLEST,
        MAILDESK__SYNC__INTERVAL="30s",
        MAILDESK__ODOO__DATABASE="0042",
        MAILDESK__ENTRA__CLIENT_ID="id",
        MAILDESK__ENTRA__CLIENT_SECRET="s",
        MAILDESK__ENTRA__ALLOWED_DOMAINS="a.example, b.example",
        MAILDESK__VAULT__KEYS=f"{KEY},{new_key()}",
        MAILDESK__GRAPH__BASE_URL="http://localhost:1234/v1.0/",
    )
    assert config.sync.interval == 30.0
    assert config.odoo.database == "0042"
    assert config.entra is not None
    assert config.entra.allowed_domains == ["a.example", "b.example"]
    assert len(config.vault.keys) == 2
    assert config.graph.base_url == "http://localhost:1234/v1.0"


def test_load_config_overridden_key_needs_no_variable(tmp_path: Path) -> None:
    """The file's ${NAME} is not asked for where the environment says the value itself."""
    text = SMALLEST.replace("${ODOO_KEY}", "${NOT_SET}").replace("${VAULT}", "${NOT_SET}")
    config = load(tmp_path, text, MAILDESK__ODOO__API_KEY="direct", MAILDESK__VAULT__KEYS=KEY)
    assert config.odoo.api_key.get_secret_value() == "direct"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("MAILDESK__SYNC__INTERVAL", "environment variable MAILDESK__SYNC__INTERVAL: sync.interval: wants a time"),
        ("MAILDESK__SYNC__NOPE", "environment variable MAILDESK__SYNC__NOPE: sync.nope: unknown key"),
        ("MAILDESK__VAULT__KEYS", "environment variable MAILDESK__VAULT__KEYS: vault.keys.0: is no key"),
        ("MAILDESK__SYNC", "environment variable MAILDESK__SYNC: wants the form MAILDESK__SECTION__KEY"),
    ],
)
def test_load_config_wrong_override_names_the_variable(tmp_path: Path, name: str, told: str) -> None:
    """A wrong value from the environment is not blamed on a line of the file."""
    found = problems(tmp_path, SMALLEST, **{name: "x"})
    assert len(found) == 1
    assert found[0].startswith(told)


@pytest.mark.parametrize(("written", "seconds"), [("250ms", 0.25), ("30s", 30), ("5m", 300), ("24h", 86400), ("7d", 604800), ("90", 90)])
def test_durations_are_seconds(tmp_path: Path, written: str, seconds: float) -> None:
    """All units of the contract."""
    assert load(tmp_path, f"{SMALLEST}sync:\n  interval: {written}\n").sync.interval == seconds


def test_load_config_section_of_comments_is_absent(tmp_path: Path) -> None:
    """Commenting out every key of a section is the same as leaving it out."""
    assert load(tmp_path, f"{SMALLEST}sync:\n  # interval: 1m\nentra:\n").entra is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\x00", b"just text", b"a: &x [*x]"])
def test_load_config_no_configuration_at_all_is_told(tmp_path: Path, content: bytes) -> None:
    """Nothing that a file can hold ends in a traceback."""
    path = tmp_path / "maildesk.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_config(path, {})


def test_load_config_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """The first thing that goes wrong for everybody."""
    with pytest.raises(ConfigError, match=r"copy config/maildesk\.example\.yaml"):
        load_config(tmp_path / "none.yaml", {})


@given(st.text())
def test_load_config_any_text_is_a_configuration_or_an_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any file whatever is either taken or told."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(ConfigError):
        load_config(path, {})
