"""The links on this machine: the configuration, the state file and its rights, the keys of the vault, the certificate."""

from __future__ import annotations

import stat
import tempfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.x509 import load_pem_x509_certificate

from connector.config import is_loopback
from connector.doctor.finding import Finding, note, ok, skipped, wrong
from connector.errors import StateError
from connector.http import in_disk_thread
from connector.state.peek import Peek, peek
from connector.state.vault import Vault
from connector.sync.tokens import PURPOSE

if TYPE_CHECKING:
    from pathlib import Path

    from connector.config import Config

__all__ = ["examine_files"]

# Before its end a certificate is spoken of as long as an API key is.
_WARNING = timedelta(days=14)


async def examine_files(config: Config, path: Path) -> tuple[Peek | None, list[Finding]]:
    """Look at the files; return what is in the state file too."""
    return await in_disk_thread(_examine, config, path)


def _examine(config: Config, path: Path) -> tuple[Peek | None, list[Finding]]:
    seen: Peek | None = None
    state: list[Finding] = []
    try:
        seen = peek(config.state.path)
    except StateError as error:
        state = [
            wrong("state", str(error), "move the file away (nothing is lost for good: Odoo has what matters), or give another state.path"),
            skipped("vault", "the state file cannot be read"),
        ]
    found = [_config(config, path), *(state or [_state(config.state.path, seen), _vault(config, seen)])]
    if config.server.tls_certificate is not None:
        found.append(_certificate(config.server.tls_certificate))
    return seen, found


def _config(config: Config, path: Path) -> Finding:
    said = f"{path}: all well"
    odoo = urlsplit(config.odoo.url)
    if odoo.scheme == "http" and not is_loopback(odoo.hostname or ""):
        return note("config", f"{said}; odoo.url is http:// to another machine", "use https: the API key and all mail pass unencrypted")
    if not config.server.has_tls and config.server.allow_unencrypted:
        return note(
            "config", f"{said}; server.allow_unencrypted is on", "set tls_certificate and tls_key unless nobody else is on that network"
        )
    return ok("config", said)


def _state(path: Path, seen: Peek | None) -> Finding:
    """Try what the connector does: write beside the file, and into it."""
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        if path.exists():
            with path.open("r+b"):
                pass
            rights = stat.S_IMODE(path.stat().st_mode)
        else:
            rights = 0o600
    except OSError as error:
        to_do = "let the connector's user write there, or give another state.path"
        return wrong("state", f"state.path {path}: cannot be written ({error.strerror})", to_do)
    if rights & 0o077:
        return wrong("state", f"state.path {path}: others than its owner can read or write it ({rights:o})", f"chmod 600 {path}")
    return ok("state", f"{path}: can be written" if seen is not None else f"{path}: is made at the first start")


def _vault(config: Config, seen: Peek | None) -> Finding:
    vault = Vault([key.get_secret_value() for key in config.vault.keys])
    tokens = seen.tokens if seen is not None else {}
    closed = []
    for account_id, sealed in tokens.items():
        try:
            vault.open(sealed, purpose=PURPOSE, account_id=account_id)
        except StateError as error:
            closed.append(str(error))
    if closed:
        return wrong(
            "vault",
            f"{len(closed)} of {len(tokens)} sealed sign-ins cannot be opened: {closed[0]}",
            "put the key that they were sealed with back into vault.keys (behind the first); without it everybody signs in again",
        )
    return ok("vault", f"vault.keys opens all {len(tokens)} sealed sign-ins" if tokens else "vault.keys has a key; nothing is sealed yet")


def _certificate(path: Path) -> Finding:
    """Look when the certificate ends; that it fits its key was seen when the configuration was read."""
    certificate = load_pem_x509_certificate(path.read_bytes())
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    to_do = "put a new one in its place and start the connector again"
    if left <= timedelta(0):
        return wrong("certificate", f"server.tls_certificate has expired on {until}", to_do)
    if left <= _WARNING:
        return note("certificate", f"server.tls_certificate expires on {until}", to_do)
    return ok("certificate", f"server.tls_certificate is good until {until}")
