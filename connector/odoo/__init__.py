"""Speaks to the addon and knows nothing of Graph: one port, two transports."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from connector.odoo.calls import AddonCalls
from connector.odoo.json2 import Json2
from connector.odoo.jsonrpc import JsonRpc
from connector.odoo.key import key_index
from connector.odoo.probe import ask_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from connector.config import OdooConfig
    from connector.http import AsyncClient
    from connector.odoo.calls import Transport
    from connector.odoo.port import OdooPort

__all__ = ["open_odoo"]

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_odoo(config: OdooConfig, client: AsyncClient, *, on_refused: Callable[[], None] = lambda: None) -> AsyncIterator[OdooPort]:
    """Open the port with the transport that `odoo.transport` names; `auto` asks the server at the first call.

    `on_refused` hears of each call that Odoo refused, whoever made it.
    """
    transports: dict[str, type[Json2 | JsonRpc | _Auto]] = {"json2": Json2, "jsonrpc": JsonRpc, "auto": _Auto}
    yield AddonCalls(
        transports[config.transport](client, config),
        config.url,
        partial(ask_version, client, config.url),
        key_index=key_index(config.api_key.get_secret_value()),
        on_refused=on_refused,
    )


class _Auto:
    """JSON-2 where the server has it, else JSON-RPC; decided once, when the server first answers."""

    def __init__(self, client: AsyncClient, config: OdooConfig) -> None:
        self._client = client
        self._config = config
        self._chosen: Transport | None = None

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call by the transport that this server has."""
        if self._chosen is None:
            version = await ask_version(self._client, self._config.url)
            self._chosen = (Json2 if version.has_json2 else JsonRpc)(self._client, self._config)
            _log.info("transport to Odoo", transport="json2" if version.has_json2 else "jsonrpc", odoo=version.name)
        return await self._chosen.call(method, params)
