"""JSON-RPC by odoorpc, for Odoo before JSON-2 (and wherever the admin wants it).

odoorpc blocks, so it runs in a worker thread with its I/O in trio (`BlockingBridge`). Only `execute_kw` is used: one call of ours is one
call to Odoo. odoorpc writes the key to its DEBUG log; `logs` keeps that logger at WARNING.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import odoorpc
import trio

from connector.errors import OdooRefused
from connector.http import BlockingBridge, HTTPError, HTTPStatusError, in_thread
from connector.odoo import meaning
from connector.odoo.calls import MODEL
from connector.odoo.json2 import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.config import OdooConfig
    from connector.errors import OdooError
    from connector.http import AsyncClient

__all__ = ["JsonRpc"]

# Given so that odoorpc asks nothing when it is constructed; Odoo's real version comes with `connector_hello`.
_PROTOCOL_VERSION = "19.0"

_T = TypeVar("_T")


class JsonRpc:
    """A transport: `execute_kw` of odoorpc, logged in at the first call."""

    def __init__(self, client: AsyncClient, config: OdooConfig) -> None:
        self._config = config
        self._bridge = BlockingBridge(client)
        self._odoo: Any = None
        self._logging_in = trio.Lock()

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call `mailbox.account.method` with named `params`."""
        async with self._logging_in:
            if self._odoo is None:
                self._odoo = await in_thread(self._guarded, self._connect)
            odoo = self._odoo
        try:
            return await in_thread(self._guarded, lambda: odoo.execute_kw(MODEL, method, [], params))
        except OdooRefused:
            # After a restore the user may have another id: log in anew next time.
            self._odoo = None
            raise

    def _connect(self) -> Any:
        config = self._config
        parts = urlsplit(config.url)
        odoo = odoorpc.ODOO(
            parts.hostname,
            protocol="jsonrpc+ssl" if parts.scheme == "https" else "jsonrpc",
            port=parts.port or (443 if parts.scheme == "https" else 80),
            timeout=TIMEOUT.read,
            version=_PROTOCOL_VERSION,
            opener=self._bridge,
        )
        odoo.login(config.database, config.login, config.api_key.get_secret_value())
        return odoo

    def _guarded(self, function: Callable[[], _T]) -> _T:
        """Map odoorpc's errors, and those of the bridge below it, to ours."""
        url = self._config.url
        try:
            return function()
        except odoorpc.error.RPCError as error:
            raise self._error(error) from error
        except HTTPStatusError as error:
            status = f"HTTP {error.response.status_code}"
            raise (meaning.unreachable if error.response.status_code in meaning.BUSY else meaning.not_odoo)(url, status) from error
        except HTTPError as error:
            raise meaning.unreachable(url, type(error).__name__) from error
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError) as error:
            # KeyError: odoorpc reads `error.data` and `result` unasked.
            raise meaning.not_odoo(url, "its answer is not JSON-RPC") from error

    def _error(self, error: Any) -> OdooError:
        """Tell what an exception of Odoo means; one without `info` is odoorpc's own, and it has but one: the login failed."""
        config = self._config
        data = error.info.get("data", {}) if isinstance(error.info, dict) else None
        name, message = (str(data.get("name", "")), str(data.get("message", ""))) if data is not None else ("AccessDenied", "")
        if name.endswith("AccessDenied") or (name.endswith("MissingError") and "res.users(" in message):
            return meaning.key_refused()
        if name.endswith("AccessError"):
            return meaning.not_in_group()
        if name.endswith("OperationalError") and "does not exist" in message:
            return meaning.no_database(config.url, config.database)
        is_unknown = MODEL in message and ("doesn't exist" in message or "does not exist" in message)
        if is_unknown or (name.endswith("TypeError") and "connector_" in message):
            return meaning.addon_missing(config.database)
        return meaning.fault(config.url, name, message)
