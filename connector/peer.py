"""Asks the connector that runs on a configuration, as the command line does: by `server.listen`, with `server.secret`."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from connector.errors import ConnectorError
from connector.http import HTTPError, HTTPStatusError, open_direct_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connector.config import ServerConfig
    from connector.http import AsyncClient, Response

__all__ = ["NoConnector", "OtherSecret", "Peer", "open_peer", "peer_url"]

# Where a connector that listens on every address of its machine is asked.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the names of it, not a place to listen


class NoConnector(ConnectorError):
    """Nothing answers on `server.listen`."""


class OtherSecret(ConnectorError):
    """What answers has another secret."""


class Peer:
    """The running connector."""

    def __init__(self, client: AsyncClient, config: ServerConfig) -> None:
        self._client = client
        self._config = config

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask, and return decoded JSON. Raises `ConnectorError`: nobody there, another secret, no connector."""
        listen = self._config.listen
        headers = {"Authorization": f"Bearer {self._config.secret.get_secret_value()}"}
        try:
            response = await self._client.request(method, peer_url(self._config) + path, json=body, headers=headers)
        except HTTPError as error:
            if _is_of_tls(error):
                raise ConnectorError(f"what answers on {listen} does not show the certificate server.tls_certificate") from error
            raise NoConnector(f"no connector answers on {listen}; is it running? (maildesk-connector run)") from error
        if response.status_code == 401:
            raise OtherSecret(f"the connector on {listen} has another server.secret than this configuration")
        if response.status_code == 409:
            raise ConnectorError(_message(response))
        try:
            return response.raise_for_status().json()
        except (HTTPStatusError, ValueError) as error:
            raise ConnectorError(f"what answers on {listen} is no connector (HTTP {response.status_code})") from error


@asynccontextmanager
async def open_peer(config: ServerConfig) -> AsyncIterator[Peer]:
    """Open the way to the connector that runs on this configuration."""
    async with open_direct_client(_trust(config)) as client:
        yield Peer(client, config)


def peer_url(config: ServerConfig) -> str:
    """Return where the connector of this configuration is asked from its own machine."""
    host, _, port = config.listen.rpartition(":")
    host = _EVERYWHERE.get(host.strip("[]"), host.strip("[]"))
    return f"{'https' if config.has_tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _message(response: Response) -> str:
    """Return the sentence that the connector refused with."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"the connector refused (HTTP {response.status_code})"


def _is_of_tls(error: BaseException | None) -> bool:
    """Tell whether TLS is what failed, below whatever libraries made of it."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _trust(config: ServerConfig) -> ssl.SSLContext | None:
    """Trust the very certificate that is configured, whoever issued it and whatever name it is for: we know the file."""
    if config.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cafile=str(config.tls_certificate))
    return context
