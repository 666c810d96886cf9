"""Asks Entra and Graph whether they are there, and Entra whether it knows our app; no person has to sign in for it."""

from __future__ import annotations

import base64
import json
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msal

from connector.errors import AuthError, EntraUnreachable, GraphUnreachable, NeedsSignIn
from connector.http import HTTPError

if TYPE_CHECKING:
    from datetime import datetime

    from connector.graph.auth import Entra, EntraSettings
    from connector.http import AsyncClient, Response

__all__ = ["UnknownTenant", "probe_app", "probe_entra", "probe_graph"]

# A refresh token that nobody was ever given.
_NOBODYS = "maildesk-connector-doctor"


class UnknownTenant(AuthError):
    """Entra answers, but not for this tenant."""


async def probe_entra(http: AsyncClient, settings: EntraSettings) -> datetime | None:
    """Fetch the discovery document; return Entra's time. Raises `EntraUnreachable`, `UnknownTenant`."""
    url = f"{settings.authority}/{settings.tenant}/v2.0/.well-known/openid-configuration"
    try:
        response = await http.get(url)
    except HTTPError as error:
        raise EntraUnreachable(f"{settings.authority} cannot be reached ({type(error).__name__})") from error
    if response.status_code in {400, 404}:
        raise UnknownTenant(f"{settings.authority} does not know the tenant {settings.tenant!r}")
    if not response.is_success or "token_endpoint" not in _object(response):
        raise EntraUnreachable(f"what answers at {settings.authority} is not Entra ID (HTTP {response.status_code})")
    return _date(response)


async def probe_app(entra: Entra, settings: EntraSettings) -> None:
    """Let Entra look at client id and secret or certificate: by a refresh token that it must refuse, but for the app only before that.

    Raises `EntraUnreachable`, or the `AuthError` that says what is wrong with the app.
    """
    cache = msal.SerializableTokenCache()
    whose = base64.urlsafe_b64encode(json.dumps({"uid": _NOBODYS, "utid": _NOBODYS}).encode()).decode().rstrip("=")
    cache.add(
        {
            "client_id": settings.client_id,
            "scope": entra.scopes,
            # For the cache alone, where MSAL takes https only: it names the host.
            "token_endpoint": f"https://{urlsplit(settings.authority).netloc}/{settings.tenant}/oauth2/v2.0/token",
            "response": {"refresh_token": _NOBODYS, "client_info": whose, "scope": " ".join(entra.scopes)},
        }
    )
    try:
        await entra.silent(cache.serialize().encode(), claims=None, force=True)
    except NeedsSignIn:
        return
    except AuthError as error:
        # The class itself: Entra complained of the request, as it may of such a token, and of nothing of ours.
        if type(error) is not AuthError:
            raise


async def probe_graph(http: AsyncClient, base_url: str) -> datetime | None:
    """Ask without a token, which Graph refuses as only Graph does; return its time. Raises `GraphUnreachable`."""
    try:
        response = await http.get(f"{base_url}/me")
    except HTTPError as error:
        raise GraphUnreachable(f"{base_url} cannot be reached ({type(error).__name__})") from error
    if response.status_code != 401 or "error" not in _object(response):
        raise GraphUnreachable(f"what answers at {base_url} is not Microsoft Graph (HTTP {response.status_code})")
    return _date(response)


def _object(response: Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _date(response: Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
