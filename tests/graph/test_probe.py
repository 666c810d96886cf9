"""What Entra and Graph are asked without a sign-in, and what is made of each answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx  # noqa: ASYNC127 - as connector/http.py says
import pytest
from pydantic import SecretStr

from connector.config import EntraConfig
from connector.errors import AuthError, EntraUnreachable, GraphUnreachable, NeedsAdmin
from connector.graph.auth import Entra
from connector.graph.probe import UnknownTenant, probe_app, probe_entra, probe_graph
from connector.http import open_client
from tests.graph_simulator.server import CLIENT_ID, CLIENT_SECRET, open_simulator

if TYPE_CHECKING:
    import respx

AUTHORITY = "https://entra.example"
GRAPH = "https://graph.example/v1.0"
SETTINGS = EntraConfig(authority=AUTHORITY, tenant="common", client_id="id", client_secret=SecretStr("s"))
DISCOVERY = f"{AUTHORITY}/common/v2.0/.well-known/openid-configuration"
DATE = {"Date": "Mon, 23 Nov 2026 12:00:00 GMT"}


async def test_probe_entra_tells_its_time(respx_mock: respx.MockRouter) -> None:
    """Discovery is for everybody."""
    respx_mock.get(DISCOVERY).respond(json={"token_endpoint": "x"}, headers=DATE)
    async with open_client() as client:
        assert await probe_entra(client, SETTINGS) == datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(400, json={"error": "invalid_tenant"}), UnknownTenant),
        (httpx.Response(404, text="no"), UnknownTenant),
        (httpx.Response(503), EntraUnreachable),
        (httpx.Response(200, text="<html>"), EntraUnreachable),
        (httpx.Response(200, json=[]), EntraUnreachable),
        (httpx.Response(302, headers={"Location": "https://proxy.example/login"}), EntraUnreachable),
        (httpx.ConnectError("no route"), EntraUnreachable),
    ],
)
async def test_probe_entra_what_is_wrong(respx_mock: respx.MockRouter, answer: httpx.Response | Exception, kind: type[Exception]) -> None:
    """The tenant, or the way there: a proxy's login page is no Entra."""
    respx_mock.get(DISCOVERY).mock(side_effect=[answer])
    async with open_client() as client:
        with pytest.raises(kind):
            await probe_entra(client, SETTINGS)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(401, json={"error": {"code": "InvalidAuthenticationToken"}}, headers=DATE), None),
        (httpx.Response(200, json={"error": "x"}), GraphUnreachable),
        (httpx.Response(401, text="proxy"), GraphUnreachable),
        (httpx.Response(503), GraphUnreachable),
        (httpx.ReadTimeout("slow"), GraphUnreachable),
    ],
)
async def test_probe_graph_is_known_by_its_refusal(
    respx_mock: respx.MockRouter, answer: httpx.Response | Exception, kind: type[Exception] | None
) -> None:
    """Only Graph refuses like Graph."""
    respx_mock.get(f"{GRAPH}/me").mock(side_effect=[answer])
    async with open_client() as client:
        if kind is None:
            assert await probe_graph(client, GRAPH) is not None
        else:
            with pytest.raises(kind):
                await probe_graph(client, GRAPH)


@pytest.mark.parametrize(
    ("client_id", "secret", "number"),
    [(CLIENT_ID, CLIENT_SECRET, None), ("other", CLIENT_SECRET, "AADSTS700016"), (CLIENT_ID, "other", "AADSTS7000215")],
)
async def test_probe_app_is_judged_before_the_token(client_id: str, secret: str, number: str | None) -> None:
    """A refresh token that nobody has: Entra refuses it, but looks at the app first."""
    async with open_simulator(demo=False) as simulator, open_client() as client:
        settings = EntraConfig(authority=simulator.url, client_id=client_id, client_secret=SecretStr(secret))
        entra = Entra(settings, ("https://graph.microsoft.com/Mail.Read",), client)
        if number is None:
            await probe_app(entra, settings)
        else:
            with pytest.raises(AuthError, match=number) as caught:
                await probe_app(entra, settings)
            assert isinstance(caught.value, NeedsAdmin)


@pytest.mark.parametrize(("fault", "kind"), [("503", EntraUnreachable), ("invalid_request", None), ("interaction_required", None)])
async def test_probe_app_other_answers(fault: str, kind: type[Exception] | None) -> None:
    """Entra that is busy says nothing of the app; a complaint of the request is none of the app."""
    async with open_simulator(demo=False) as simulator, open_client() as client:
        simulator.world.quirks.fail_token = fault
        settings = EntraConfig(authority=simulator.url, client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))
        entra = Entra(settings, ("https://graph.microsoft.com/Mail.Read",), client)
        if kind is None:
            await probe_app(entra, settings)
        else:
            with pytest.raises(kind):
                await probe_app(entra, settings)
