"""JSON-2, the transport of Odoo 19 and later: `POST /json/2/<model>/<method>`, named parameters, one call is one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connector.errors import OdooFault
from connector.http import HTTPError, Timeout
from connector.odoo import meaning
from connector.odoo.calls import MODEL

if TYPE_CHECKING:
    from connector.config import OdooConfig
    from connector.errors import OdooError
    from connector.http import AsyncClient, Response

__all__ = ["Json2"]

# Seconds: an apply takes 0.25 s; Odoo retries a serialization failure for some seconds before it gives up.
TIMEOUT = Timeout(60.0, connect=10.0)


class Json2:
    """A transport: one POST a call, the API key as bearer."""

    def __init__(self, client: AsyncClient, config: OdooConfig) -> None:
        self._client = client
        self._config = config

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call `mailbox.account.method` with named `params`."""
        url = self._config.url
        headers = {
            "Authorization": f"bearer {self._config.api_key.get_secret_value()}",
            "X-Odoo-Database": self._config.database,
            "Content-Type": "application/json; charset=utf-8",
        }
        try:
            content = msgspec.json.encode(params)
        except UnicodeEncodeError as error:
            # What Odoo would say of it over the other transport; the text itself is not repeated.
            raise OdooFault("UnicodeEncodeError", "half a character cannot be sent") from error
        try:
            response = await self._client.post(f"{url}/json/2/{MODEL}/{method}", content=content, headers=headers, timeout=TIMEOUT)
        except HTTPError as error:
            raise meaning.unreachable(url, type(error).__name__) from error
        if not response.is_success:
            raise self._error(response)
        try:
            return msgspec.json.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise meaning.not_odoo(url, "its answer is not JSON") from error

    def _error(self, response: Response) -> OdooError:
        """Tell what an answer other than 2xx means; an error of Odoo is a JSON object with name and message, a page is not."""
        config, status = self._config, response.status_code
        try:
            raised = msgspec.json.decode(response.content, type=_Raised)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raised = None
        if status in meaning.BUSY:
            return meaning.unreachable(config.url, f"HTTP {status}")
        if status == 401:
            return meaning.key_refused()
        if raised is None:
            return meaning.no_database(config.url, config.database) if status == 404 else meaning.not_odoo(config.url, f"HTTP {status}")
        if status == 404 or (status == 422 and raised.name.endswith("UnprocessableEntity")):
            return meaning.addon_missing(config.database)
        if status == 403 and raised.name.endswith("AccessError"):
            return meaning.not_in_group()
        return meaning.fault(config.url, raised.name, raised.message)


class _Raised(msgspec.Struct):
    name: str
    message: str = ""
