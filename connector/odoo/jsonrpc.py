"""JSON-RPC by odoorpc, for Odoo before JSON-2 (and wherever the admin wants it).

odoorpc blocks, so it runs in a worker thread with its I/O in trio (`BlockingBridge`). Only `execute_kw` is used: one call of ours is one
call to Odoo. odoorpc writes the key to its DEBUG log; `logs` keeps that logger at WARNING.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import odoorpc
import trio

from connector.errors import OdooFault, OdooRefused, OdooUnreachable, OdooUnsuitable
from connector.http import BlockingBridge, HTTPError, HTTPStatusError, in_thread
from connector.odoo.calls import MODEL
from connector.odoo.json2 import TIMEOUT

if TYPE_CHECKING:
    from pydantic import SecretStr

    from connector.errors import OdooError
    from connector.http import AsyncClient

__all__ = ["JsonRpc"]

# Given so that odoorpc asks nothing when it is constructed; Odoo's real version comes with `connector_hello`.
_PROTOCOL_VERSION = "19.0"


class JsonRpc:
    """A transport: `execute_kw` of odoorpc, logged in at the first call."""

    def __init__(self, client: AsyncClient, url: str, database: str, login: str, key: SecretStr) -> None:
        """`url` is Odoo's base URL, without a path: odoorpc knows none."""
        self._url = url.rstrip("/")
        self._database = database
        self._login = login
        self._key = key
        self._bridge = BlockingBridge(client)
        self._odoo: Any = None
        self._logging_in = trio.Lock()

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call `mailbox.account.method` with named `params`."""
        async with self._logging_in:
            if self._odoo is None:
                self._odoo = await in_thread(self._guarded, self._connect)
        odoo = self._odoo
        return await in_thread(self._guarded, lambda: odoo.execute_kw(MODEL, method, [], params))

    def _connect(self) -> Any:
        parts = urlsplit(self._url)
        odoo = odoorpc.ODOO(
            parts.hostname,
            protocol="jsonrpc+ssl" if parts.scheme == "https" else "jsonrpc",
            port=parts.port or (443 if parts.scheme == "https" else 80),
            timeout=TIMEOUT.read,
            version=_PROTOCOL_VERSION,
            opener=self._bridge,
        )
        odoo.login(self._database, self._login, self._key.get_secret_value())
        return odoo

    def _guarded(self, function: Any) -> Any:
        """Map odoorpc's two families of errors (its own, and those of the opener) to ours."""
        try:
            return function()
        except odoorpc.error.RPCError as error:
            raise self._rpc_error(error) from error
        except odoorpc.error.InternalError as error:
            raise OdooRefused("Odoo does not accept odoo.login and odoo.api_key") from error
        except HTTPStatusError as error:
            status = error.response.status_code
            if status in {429, 502, 503, 504}:
                raise OdooUnreachable(f"Odoo at {self._url} is not available now (HTTP {status})") from error
            raise OdooUnsuitable(f"{self._url} answers, but not like Odoo (HTTP {status}); is odoo.url right?") from error
        except HTTPError as error:
            raise OdooUnreachable(f"Odoo at {self._url} does not answer ({type(error).__name__})") from error
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError) as error:
            raise OdooUnsuitable(f"{self._url} answers, but not like Odoo; is odoo.url right?") from error

    def _rpc_error(self, error: Any) -> OdooError:
        """Tell what Odoo's exception means for a person who set this up."""
        data = (error.info or {}).get("data") or {} if isinstance(error.info, dict) else {}
        name = str(data.get("name", "")) or "RPCError"
        message = str(data.get("message", "")) or str(error)
        if name.endswith("AccessDenied"):
            return OdooRefused("Odoo does not accept odoo.login and odoo.api_key")
        if name.endswith("AccessError"):
            return OdooRefused('the connector\'s user is not in the group "MailDesk connector"')
        if name.endswith("OperationalError") or ("does not exist" in message and self._database in message):
            return OdooUnsuitable(f"Odoo at {self._url} has no database {self._database!r} (odoo.database)")
        if (name.endswith(("KeyError", "AttributeError")) or "doesn't exist" in message) and (MODEL in message or "connector_" in message):
            return OdooUnsuitable("the addon maildesk is not installed in this database, or is older than this connector")
        return OdooFault(name, message)
