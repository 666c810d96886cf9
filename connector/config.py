"""The configuration: one YAML file, overridden by the environment, frozen once read.

    maildesk.yaml  ->  ${NAME} filled in  ->  MAILDESK__SECTION__KEY over it  ->  `Config`, or a `ConfigError` with every problem

Every problem is told at once, with its key and line. What this version cannot do is an unknown key, not a key that is ignored.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from connector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Config", "EntraConfig", "GraphConfig", "OdooConfig", "ServerConfig", "load_config"]

ENV_PREFIX = "MAILDESK__"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

# What Graph's permissions are called in a token request; one form everywhere, or MSAL misses its cache (graph-behaviour 9.2).
_SCOPE = "https://graph.microsoft.com/"
_PERMISSIONS = {"full": ("Mail.ReadWrite", "Mail.Send", "User.Read"), "read_only": ("Mail.Read", "User.Read")}


def _duration(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return float(match[1]) * _SECONDS[match[2]]
    raise ValueError("wants a time such as 30s, 5m, 24h or 7d")


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("wants a URL such as https://odoo.example.com")
    return value.rstrip("/")


def _safe_url(value: str) -> str:
    """Take https anywhere, http only to this machine: a token must not travel in clear."""
    url = _url(value)
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("wants https:// (http:// is taken for this machine only)")
    return url


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Duration = Annotated[float, BeforeValidator(_duration), Field(gt=0)]
Url = Annotated[str, AfterValidator(_url)]
SafeUrl = Annotated[str, AfterValidator(_safe_url)]
Filled = Annotated[str, Field(min_length=1)]
Secret = Annotated[SecretStr, Field(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class OdooConfig(_Section):
    """Where Odoo is and who we are there."""

    url: Url = Field(description="Odoo's base URL, as seen from the connector")
    database: Filled
    login: Filled = Field(description='a user in the group "MailDesk connector"')
    api_key: Secret = Field(description="an API key of that user")
    transport: Literal["auto", "json2", "jsonrpc"] = Field("auto", description="auto: JSON-2 where the server has it, else odoorpc")


class EntraConfig(_Section):
    """The app registration at Microsoft Entra ID."""

    authority: SafeUrl = "https://login.microsoftonline.com"
    tenant: Filled = Field("common", description="common, organizations, consumers, or a tenant's id or domain")
    client_id: Filled
    client_secret: Secret | None = None
    certificate: Path | None = Field(None, description="a PEM file with private key and certificate, instead of a secret")
    allowed_tenants: list[str] = Field([], description="tenant ids that may connect; empty: any")
    allowed_domains: list[str] = Field([], description="domains of addresses that may connect; empty: any")

    @model_validator(mode="after")
    def _one_credential(self) -> EntraConfig:
        if (self.client_secret is None) == (self.certificate is None):
            raise ValueError("wants either client_secret or certificate")
        return self


class GraphConfig(_Section):
    """Microsoft Graph."""

    base_url: SafeUrl = "https://graph.microsoft.com/v1.0"
    permissions: Literal["full", "read_only"] = Field("full", description="full: Mail.ReadWrite and Mail.Send; read_only: Mail.Read")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes to ask for, in their long form; MSAL adds offline_access, openid and profile."""
        return tuple(_SCOPE + name for name in _PERMISSIONS[self.permissions])


class SyncConfig(_Section):
    """How often and how much."""

    interval: Duration = Field(300.0, description="between two cycles of a mailbox")
    bootstrap_messages: int = Field(50, ge=1, le=1000, description="newest messages of each folder that come first")
    backfill_per_hour: int = Field(200, ge=0, description="older messages per mailbox and hour; 0: as fast as Graph allows")


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("wants host:port, such as 127.0.0.1:8071")
    if not is_loopback(host.strip("[]")):
        raise ValueError("wants an address of this machine, such as 127.0.0.1:8071: what passes here is not encrypted")
    return value


class ServerConfig(_Section):
    """The connector's own HTTP, for Odoo."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8071"
    secret: Annotated[SecretStr, Field(min_length=16)] = Field(description="shared with Odoo (Settings, MailDesk); 16 characters or more")


class VaultConfig(_Section):
    """The keys that seal tokens; the first seals, all open."""

    keys: Annotated[list[Secret], Field(min_length=1)] = Field(description="made by: maildesk-connector keys new")


class StateConfig(_Section):
    """The working copy."""

    path: Path = Path("var/maildesk.sqlite3")


class LogConfig(_Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Config(_Section):
    """The whole configuration."""

    odoo: OdooConfig
    entra: EntraConfig | None = Field(None, description='may be absent: then MailDesk says "OAuth Not Configured"')
    graph: GraphConfig = GraphConfig()
    sync: SyncConfig = SyncConfig()
    server: ServerConfig
    vault: VaultConfig
    state: StateConfig = StateConfig()
    log: LogConfig = LogConfig()


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the configuration. Raises `ConfigError` with a line for each problem."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. Copy config/maildesk.example.yaml there and fill it in.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: {getattr(error, 'problem', None) or 'not YAML'}") from error
    problems: list[str] = []
    lines: dict[tuple[str | int, ...], int] = {}
    tree = _build(root, (), lines, environ, problems, str(path)) if root is not None else {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: wants sections such as odoo: and vault:, not a single value")
    overridden = _override(tree, environ, problems)
    if problems:
        raise ConfigError(problems)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError([_describe(e, path, lines, overridden) for e in error.errors(include_input=False, include_url=False)]) from error


def _build(
    node: yaml.Node,
    place: tuple[str | int, ...],
    lines: dict[tuple[str | int, ...], int],
    environ: Mapping[str, str],
    problems: list[str],
    file: str,
) -> Any:
    """Turn YAML nodes into values, noting lines; duplicate keys and unset ${NAME} become problems (PyYAML takes the last, silently)."""
    line = node.start_mark.line + 1
    lines[place] = line
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            lines[(*place, key)] = key_node.start_mark.line + 1
            if key in result:
                problems.append(f"{file}, line {key_node.start_mark.line + 1}: {_dotted((*place, key))}: stands here a second time")
            result[key] = _build(value_node, (*place, key), lines, environ, problems, file)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*place, index), lines, environ, problems, file) for index, item in enumerate(node.value)]
    if node.tag in {"tag:yaml.org,2002:null", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}:
        # Sexagesimal ints and the like stay text: 12:30 is no number to an admin.
        return None if node.tag.endswith("null") else _plain(str(node.value))

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name not in environ:
            problems.append(f"{file}, line {line}: {_dotted(place)}: the environment variable {name} is not set")
        return environ.get(name, "")

    return _REFERENCE.sub(fill, str(node.value))


def _plain(text: str) -> Any:
    """Read an unquoted scalar: whole numbers and true/false; all else stays text."""
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _override(tree: dict[str, Any], environ: Mapping[str, str], problems: list[str]) -> dict[tuple[str, ...], str]:
    """Write MAILDESK__SECTION__KEY over `tree`; lists are separated by commas. Returns which variable set which key."""
    overridden: dict[tuple[str, ...], str] = {}
    for name, value in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX):
            continue
        place = tuple(part.lower() for part in name.removeprefix(ENV_PREFIX).split("__"))
        if len(place) != 2 or not all(place):
            problems.append(f"environment variable {name}: wants the form {ENV_PREFIX}SECTION__KEY")
            continue
        section = tree.get(place[0])
        if section is None:
            section = tree[place[0]] = {}
        if isinstance(section, dict):
            is_list = place in {("vault", "keys"), ("entra", "allowed_tenants"), ("entra", "allowed_domains")}
            section[place[1]] = [part.strip() for part in value.split(",") if part.strip()] if is_list else _plain(value)
            overridden[place] = name
    return overridden


def _describe(error: Any, path: Path, lines: Mapping[tuple[str | int, ...], int], overridden: Mapping[tuple[str, ...], str]) -> str:
    """Tell one problem of validation: where it stands, which key, what is wanted."""
    place = tuple(part for part in error["loc"] if not (isinstance(part, str) and part.startswith("function-")))
    known = place
    while known and known not in lines:
        known = known[:-1]
    where = f"environment variable {overridden[place]}" if place in overridden else f"{path}, line {lines.get(known, 1)}"
    match error["type"]:
        case "extra_forbidden":
            what = "unknown key, or not supported by this version"
        case "missing":
            what = "is missing"
        case "value_error":
            what = str(error["ctx"]["error"])
        case _:
            what = str(error["msg"])
    return f"{where}: {_dotted(place) or 'the file'}: {what}"


def _dotted(place: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in place)
