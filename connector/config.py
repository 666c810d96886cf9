"""The configuration: one YAML file, overridden by the environment, frozen once read.

    maildesk.yaml  ->  ${NAME} filled in  ->  MAILDESK__SECTION__KEY over it  ->  `Config`, or a `ConfigError` with every problem

Every problem is told at once, with its key and line. What this version cannot do is an unknown key, not a key that is ignored.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from connector.config_file import read_config_file
from connector.errors import ConfigError
from connector.state.vault import is_key

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "TENANT",
    "Config",
    "EntraConfig",
    "GraphConfig",
    "LogConfig",
    "OdooConfig",
    "ServerConfig",
    "is_loopback",
    "json_schema",
    "load_config",
]

# Seconds: bodies rest in Odoo for seven days at most (the addon holds to it too).
_BODY_TTL_LIMIT = 7 * 86400.0

_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB)?")
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, None: 1}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}

# What Graph's permissions are called in a token request; one form everywhere, or MSAL misses its cache (graph-behaviour 9.2).
_SCOPE = "https://graph.microsoft.com/"
_PERMISSIONS = {"full": ("Mail.ReadWrite", "Mail.Send", "User.Read"), "read_only": ("Mail.Read", "User.Read")}

# A tenant in a URL: common, organizations, consumers, an id, or a domain.
TENANT = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"

# Characters: as many as a secret that a program made has at least; a short word could be guessed by asking.
_SECRET_LENGTH = 16


# What pydantic says too technically for the reader of a configuration.
_WORDINGS = {
    "extra_forbidden": "unknown key, or not supported by this version",
    "missing": "is missing",
    "model_type": "wants keys of its own below it",
    "string_type": "wants a text",
}


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _duration(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return float(match[1]) * _SECONDS[match[2]]
    raise ValueError("wants a time such as 30s, 5m, 24h or 7d")


def _separated(value: object) -> object:
    """Take "a, b" as a list: an environment variable has no other way to give one."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _url(value: str) -> str:
    problem = ValueError("wants a URL such as https://odoo.example.com")
    try:
        parts = urlsplit(value)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as error:
        raise problem from error
    if not fits or parts.username is not None or parts.query or parts.fragment:
        raise problem
    return value.rstrip("/")


def _odoo_url(value: str) -> str:
    """Take no path: Odoo never lives under one, and people paste the address of a page."""
    url = _url(value)
    if path := urlsplit(url).path:
        raise ValueError(f"wants the address of the server alone, without {path}")
    return url


def _safe_url(value: str) -> str:
    """Take https anywhere, http only to this machine: a token must not travel in clear."""
    url = _url(value)
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("wants https:// (http:// is taken for this machine only)")
    return url


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("wants host:port, such as 127.0.0.1:8071")
    return value


def _shared_secret(value: SecretStr) -> SecretStr:
    """Take what fits into a header as it is: another character would be sent differently by Odoo than it is compared here."""
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("wants letters, digits and signs of ASCII, without spaces; maildesk-connector keys new makes a good one")
    return value


def _check_pair(certificate: Path, key: Path) -> None:
    """Load them as the server will. Raises `ValueError` in the words of a person who has to mend it."""

    def no_password() -> str:
        # Without it OpenSSL would ask on the terminal.
        raise ValueError("tls_key has a password; the connector starts by itself, so it wants one without")

    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password=no_password)
    except ssl.SSLError as error:
        why = "tls_key is not the key of tls_certificate" if error.reason == "KEY_VALUES_MISMATCH" else "they want to be PEM files"
        raise ValueError(f"tls_certificate and tls_key cannot be used: {why}") from error
    except OSError as error:
        raise ValueError(f"tls_certificate or tls_key: {error.strerror}") from error


def _vault_key(value: SecretStr) -> SecretStr:
    if not is_key(value.get_secret_value()):
        raise ValueError("is no key; make one with: maildesk-connector keys new")
    return value


def _size(value: object) -> object:
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return int(match[1]) * _BYTES[match[2]]
    return value


def _no_push(value: object) -> object:
    if value is not None:
        raise ValueError("wants null: this version polls, it takes no notifications by Microsoft")
    return value


_duration_schema = WithJsonSchema(
    {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": rf"^{_DURATION.pattern}$"}]}
)
Duration = Annotated[float, BeforeValidator(_duration), Field(gt=0), _duration_schema]
Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(ge=0),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": rf"^{_SIZE.pattern}$"}]}),
]
NoPush = Annotated[None, BeforeValidator(_no_push)]
SafeUrl = Annotated[str, AfterValidator(_safe_url)]
Filled = Annotated[str, Field(min_length=1)]
Tenant = Annotated[str, Field(pattern=f"^{TENANT}$")]
Secret = Annotated[SecretStr, Field(min_length=1)]
Names = Annotated[list[Filled], BeforeValidator(_separated)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class OdooConfig(_Section):
    """Where Odoo is and who we are there."""

    url: Annotated[str, AfterValidator(_odoo_url)] = Field(description="Odoo's base URL, as seen from the connector")
    database: Filled
    login: Filled = Field(description='a user in the group "MailDesk connector"')
    api_key: Secret = Field(description="an API key of that user")
    transport: Literal["auto", "json2", "jsonrpc"] = Field("auto", description="auto: JSON-2 where the server has it, else odoorpc")


class EntraConfig(_Section):
    """The app registration at Microsoft Entra ID."""

    authority: SafeUrl = "https://login.microsoftonline.com"
    tenant: Tenant = Field("common", description="common, organizations, consumers, or a tenant's id or domain")
    client_id: Filled
    client_secret: Secret | None = None
    certificate: FilePath | None = Field(None, description="a PEM file with private key and certificate, instead of a secret")
    allowed_tenants: Names = Field([], description="tenant ids that may connect; empty: any")
    allowed_domains: Names = Field([], description="domains of addresses that may connect; empty: any")

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
    reconcile_interval: Duration = Field(86400.0, description="between two comparisons of Odoo's folders with Graph's counts")


class ContentConfig(_Section):
    """What is kept of what people open."""

    body_ttl: Annotated[Duration, Field(le=_BODY_TTL_LIMIT)] = Field(_BODY_TTL_LIMIT, description="how long Odoo keeps a body; 7d at most")
    attachment_ttl: Duration = Field(3600.0, description="how long the connector keeps an attachment that was opened")
    attachment_cache: Size = Field(512 * 2**20, description="on the disk beside the state file; one file more may stand over it")


class ServerConfig(_Section):
    """The connector's own HTTP, for Odoo."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8071"
    secret: Annotated[SecretStr, Field(min_length=_SECRET_LENGTH), AfterValidator(_shared_secret)] = Field(
        description=f"shared with Odoo (Settings, MailDesk); {_SECRET_LENGTH} characters or more"
    )
    tls_certificate: FilePath | None = Field(None, description="a PEM file: the certificate, then those that it was issued by")
    tls_key: FilePath | None = Field(None, description="a PEM file with the certificate's private key, without a password")
    allow_unencrypted: bool = Field(
        default=False, description="listen elsewhere than on this machine without TLS: what passes, the secret too, can be read on the way"
    )
    public_listen: NoPush = Field(None, description="notifications by Microsoft are not part of this version: null")
    public_url: NoPush = Field(None, description="likewise")

    @model_validator(mode="after")
    def _encrypted_or_at_home(self) -> ServerConfig:
        host = self.listen.rpartition(":")[0].strip("[]")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("wants tls_certificate and tls_key, or neither")
        if self.tls_certificate is None and not is_loopback(host) and not self.allow_unencrypted:
            raise ValueError(
                f"listen {self.listen} is no address of this machine alone: what passes there wants tls_certificate and tls_key "
                "(or allow_unencrypted: true, where nobody else is on the network)"
            )
        if self.tls_certificate is not None and self.tls_key is not None:
            _check_pair(self.tls_certificate, self.tls_key)
        return self

    @property
    def has_tls(self) -> bool:
        """Tell whether this connector speaks https."""
        return self.tls_certificate is not None


class VaultConfig(_Section):
    """The keys that seal tokens; the first seals, all open."""

    keys: Annotated[list[Annotated[SecretStr, AfterValidator(_vault_key)]], BeforeValidator(_separated), Field(min_length=1)] = Field(
        description="made by: maildesk-connector keys new"
    )


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
    content: ContentConfig = ContentConfig()
    server: ServerConfig
    vault: VaultConfig
    state: StateConfig = StateConfig()
    log: LogConfig = LogConfig()


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the configuration. Raises `ConfigError` with a line for each problem."""
    file = read_config_file(path, environ)
    try:
        config = Config.model_validate(file.values)
    except ValidationError as error:
        # What reading the file found already is not told twice: an unset variable is empty as well.
        found = [e for e in error.errors(include_input=False, include_url=False) if e["loc"] not in file.faulty]
        raise ConfigError([*file.problems, *(file.problem(e["loc"], _wording(e)) for e in found)]) from error
    if file.problems:
        raise ConfigError(file.problems)
    return config


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the file, for editors. `python -m connector.config > config/maildesk.schema.json` writes the copy."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema(), "title": "MailDesk connector"}


def _wording(error: Any) -> str:
    kind = error["type"]
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind in {"string_too_short", "too_short"}:
        length = error["ctx"]["min_length"]
        return "must not be empty" if length == 1 else f"wants {length} characters or more"
    return _WORDINGS.get(kind) or str(error["msg"])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
