"""Looks into a working copy without holding it, also while a connector does: for `doctor`."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from connector.errors import StateError
from connector.state.store import SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Peek", "peek"]


@dataclass(frozen=True, slots=True)
class Peek:
    """A working copy: its own name, the UUID of the Odoo database that it belongs to, and its sealed tokens by account."""

    instance: str | None
    database: str | None
    tokens: dict[int, str]


def peek(path: Path) -> Peek | None:
    """Return what is in the working copy; None where there is none yet. Blocks. Raises `StateError` when it cannot be read."""
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise StateError(f"state.path {path}: was written by a newer connector (version {version})")
            if version == 0:
                return None
            names = dict(connection.execute("SELECT key, value FROM meta"))
            tokens = dict(connection.execute("SELECT account_id, sealed FROM token"))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StateError(f"state.path {path}: {error}") from error
    return Peek(names.get("instance"), names.get("database"), tokens)
