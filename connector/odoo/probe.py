"""Asks an Odoo for its version, before any login: every version answers this, however old."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from connector.http import HTTPError
from connector.odoo.meaning import BUSY, not_odoo, unreachable

if TYPE_CHECKING:
    from connector.http import AsyncClient

__all__ = ["ServerVersion", "ask_version"]

# JSON-2 came with this series.
_JSON2_SINCE = 19


class ServerVersion(Struct, frozen=True):
    """An Odoo's version: `name` as it says it (`19.0`, `saas~19.2`), `series` the number before the point."""

    name: str
    series: int

    @property
    def has_json2(self) -> bool:
        """Tell whether this server speaks JSON-2."""
        return self.series >= _JSON2_SINCE


class _Result(Struct):
    server_version: str


class _Answer(Struct):
    result: _Result


async def ask_version(client: AsyncClient, url: str) -> ServerVersion:
    """Return the version of the Odoo at `url`. Raises `OdooUnreachable`, or `OdooUnsuitable` when it is no Odoo."""
    try:
        response = await client.post(f"{url}/web/webclient/version_info", json={"jsonrpc": "2.0", "method": "call", "params": {}})
    except HTTPError as error:
        raise unreachable(url, type(error).__name__) from error
    if response.status_code in BUSY:
        raise unreachable(url, f"HTTP {response.status_code}")
    if not response.is_success:
        raise not_odoo(url, f"HTTP {response.status_code}")
    try:
        name = msgspec.json.decode(response.content, type=_Answer).result.server_version
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_odoo(url, "it does not know the question for Odoo's version") from error
    match = re.search(r"\d+", name)
    if match is None:
        raise not_odoo(url, "it names no version")
    return ServerVersion(name, int(match[0]))
