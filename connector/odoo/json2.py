"""JSON-2, the transport of Odoo 19 and later: `POST /json/2/<model>/<method>`, named parameters, one call is one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connector.errors import OdooFault, OdooRefused, OdooUnreachable, OdooUnsuitable
from connector.http import HTTPError, Timeout
from connector.odoo.calls import MODEL

if TYPE_CHECKING:
    from pydantic import SecretStr

    from connector.errors import OdooError
    from connector.http import AsyncClient, Response

__all__ = ["Json2"]

# Seconds: an apply takes 0.25 s; Odoo retries a serialization failure for some seconds before it gives up.
TIMEOUT = Timeout(60.0, connect=10.0)


class Json2:
    """A transport: one POST a call, the API key as bearer."""

    def __init__(self, client: AsyncClient, url: str, database: str, key: SecretStr) -> None:
        """`url` is Odoo's base URL."""
        self._client = client
        self._url = url.rstrip("/")
        self._database = database
        self._key = key

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call `mailbox.account.method` with named `params`."""
        headers = {
            "Authorization": f"bearer {self._key.get_secret_value()}",
            "X-Odoo-Database": self._database,
            "Content-Type": "application/json; charset=utf-8",
        }
        try:
            response = await self._client.post(
                f"{self._url}/json/2/{MODEL}/{method}", content=msgspec.json.encode(params), headers=headers, timeout=TIMEOUT
            )
        except HTTPError as error:
            raise OdooUnreachable(f"Odoo at {self._url} does not answer ({type(error).__name__})") from error
        if response.is_success:
            try:
                return msgspec.json.decode(response.content)
            except msgspec.DecodeError as error:
                raise OdooUnsuitable(f"{self._url} answers, but not like Odoo; is odoo.url right?") from error
        raise self._error(response)

    def _error(self, response: Response) -> OdooError:
        """Tell what an answer other than 2xx means for a person who set this up."""
        try:
            body = msgspec.json.decode(response.content)
        except msgspec.DecodeError:
            body = None
        name = str(body.get("name", "")) if isinstance(body, dict) else ""
        message = str(body.get("message", "")) if isinstance(body, dict) else ""
        match response.status_code:
            case 401:
                return OdooRefused("Odoo does not accept odoo.api_key; make a new key for the connector's user")
            case 404 if body is None:
                return OdooUnsuitable(f"Odoo at {self._url} has no database {self._database!r} (odoo.database), or is older than 19")
            case 404:
                return OdooUnsuitable("the addon maildesk is not installed in this database, or is older than this connector")
            case 403:
                return OdooRefused('the connector\'s user is not in the group "MailDesk connector"')
            case 429 | 502 | 503 | 504:
                return OdooUnreachable(f"Odoo at {self._url} is not available now (HTTP {response.status_code})")
            case status:
                return OdooFault(name or f"HTTP {status}", message)
