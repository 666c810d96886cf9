"""Speaks to the addon and knows nothing of Graph: one port, two transports."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

from connector.errors import OdooUnreachable
from connector.http import HTTPError
from connector.odoo.calls import AddonCalls
from connector.odoo.json2 import Json2
from connector.odoo.jsonrpc import JsonRpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connector.config import OdooConfig
    from connector.http import AsyncClient
    from connector.odoo.calls import Transport
    from connector.odoo.port import OdooPort

__all__ = ["open_odoo"]

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_odoo(config: OdooConfig, client: AsyncClient) -> AsyncIterator[OdooPort]:
    """Open the port with the transport that `odoo.transport` names; `auto` asks the server at the first call."""
    yield AddonCalls(_transport(config, client))


def _transport(config: OdooConfig, client: AsyncClient) -> Transport:
    json2 = Json2(client, config.url, config.database, config.api_key)
    if config.transport == "json2":
        return json2
    jsonrpc = JsonRpc(client, config.url, config.database, config.login, config.api_key)
    return jsonrpc if config.transport == "jsonrpc" else _Auto(client, config.url, json2, jsonrpc)


class _Auto:
    """JSON-2 where the server has it, else JSON-RPC; decided once, when the server first answers."""

    def __init__(self, client: AsyncClient, url: str, json2: Json2, jsonrpc: JsonRpc) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._json2 = json2
        self._jsonrpc = jsonrpc
        self._chosen: Transport | None = None

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call by the transport that this server has."""
        if self._chosen is None:
            self._chosen = await self._choose()
        return await self._chosen.call(method, params)

    async def _choose(self) -> Transport:
        """Ask for `/json/version`, which came with JSON-2 (Odoo 19, addons/rpc)."""
        try:
            response = await self._client.get(f"{self._url}/json/version")
        except HTTPError as error:
            raise OdooUnreachable(f"Odoo at {self._url} does not answer ({type(error).__name__})") from error
        if response.status_code >= 500:
            raise OdooUnreachable(f"Odoo at {self._url} is not available now (HTTP {response.status_code})")
        has_json2 = response.is_success and "json" in response.headers.get("content-type", "")
        _log.info("transport to Odoo", transport="json2" if has_json2 else "jsonrpc")
        return self._json2 if has_json2 else self._jsonrpc
