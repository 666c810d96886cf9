"""Continuous access evaluation: a token refused before its time, and what gets the client in again (graph-behaviour 7)."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from connector.graph.answers import claims_of
from tests.graph_simulator.entra import Grant
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import CLIENT_ID, CLIENT_SECRET
from tests.simulator.conftest import ADDRESS, open_in_process

if TYPE_CHECKING:
    from connector.http import Response
    from tests.simulator.conftest import Graph

CP1 = {"access_token": {"xms_cc": {"values": ["CP1"]}}}
URL = f"/_sim/mailboxes/{ADDRESS}/challenge"


async def _refresh(graph: Graph, refresh: str, claims: Any) -> Response:
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "refresh_token", "refresh_token": refresh}
    given = {} if claims is None else {"claims": claims if isinstance(claims, str) else json.dumps(claims)}
    return await graph.http.post(f"{graph.url}/common/oauth2/v2.0/token", data=form | given)


async def _signed_in(graph: Graph, claims: Any = CP1) -> str:
    """Take up a token of a client that is capable of challenges; its refresh token."""
    graph.world.entra.refresh["first"] = (ADDRESS, ("https://graph.microsoft.com/Mail.Read", "offline_access"))
    answer = (await _refresh(graph, "first", claims)).json()
    graph.token = answer["access_token"]
    return str(answer["refresh_token"])


def _with(challenge: dict[str, Any]) -> dict[str, Any]:
    """Merge as MSAL does."""
    return {"access_token": challenge["access_token"] | CP1["access_token"]}


@pytest.mark.parametrize("pop", [True, False])
async def test_challenge_is_met_by_a_token_with_its_claims(*, pop: bool) -> None:
    """401 with the claims in base64, for requests and batches; a refresh without them helps nothing, one with them opens the mailbox."""
    async with open_in_process() as graph:
        refresh = await _signed_in(graph)
        assert (await graph.raw("/me")).status_code == 200
        wanted = (await graph.http.post(f"{graph.url}{URL}", json={"pop": pop})).json()
        assert wanted["access_token"]["nbf"]["essential"] is True
        answer = await graph.raw("/me")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
        assert "TokenIssuedBeforeRevocationTimestamp" in answer.json()["error"]["message"]
        header = answer.headers["www-authenticate"]
        assert header.startswith("PoP " if pop else "Bearer ")
        assert 'error="insufficient_claims"' in header
        found = re.search(r'claims="([^"]+)"', header)
        assert found is not None
        assert json.loads(base64.b64decode(found[1])) == wanted
        assert json.loads(claims_of(header) or "") == wanted
        assert (await graph.batch({"url": "/me"}, status=401))["error"]["code"] == "InvalidAuthenticationToken"
        old = graph.token
        for claims, status in ((CP1, 401), (_with(wanted), 200), (CP1, 200)):
            graph.token = (await _refresh(graph, refresh, claims)).json()["access_token"]
            assert (await graph.raw("/me")).status_code == status
        graph.token = old
        assert (await graph.raw("/me")).status_code == 401


async def test_challenge_of_chosen_claims_is_of_one_mailbox(graph: Graph) -> None:
    """Any claims may be asked for; another mailbox goes on."""
    refresh = await _signed_in(graph)
    other = make_mailbox("b@x.example", "Bo", mails=())
    graph.world.mailboxes[other.address] = other
    graph.world.entra.grants["other"] = Grant(other.address, ("Mail.Read",), graph.world.time().timestamp() + 60)
    wanted = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}
    assert (await graph.http.post(f"{graph.url}{URL}", json={"claims": wanted})).json() == wanted
    assert (await graph.raw("/me")).status_code == 401
    mine, graph.token = graph.token, "other"
    assert (await graph.raw("/me")).status_code == 200
    graph.token = mine
    graph.token = (await _refresh(graph, refresh, _with(wanted))).json()["access_token"]
    assert (await graph.raw("/me")).status_code == 200


async def test_challenge_of_a_client_that_knows_none_is_403(graph: Graph) -> None:
    """Without CP1 there is no challenge to meet: 403 insufficient_claims."""
    await _signed_in(graph, None)
    await graph.http.post(f"{graph.url}{URL}", json={})
    answer = await graph.raw("/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_claims")
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("claims", ["eyJhY2Nlc3NfdG9rZW4iOnt9fQ==", "[]", "5"])
async def test_token_request_with_claims_that_are_no_json_is_refused(graph: Graph, claims: str) -> None:
    """Such as the base64 of the header, sent on as it came."""
    refresh = await _signed_in(graph)
    answer = await _refresh(graph, refresh, claims)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "body", [{"claims": {}}, {"claims": {"access_token": {}}}, {"claims": {"access_token": 5}}, {"claims": 5}, {"x": 1}]
)
async def test_challenge_bad_input_gets_a_sentence(graph: Graph, body: dict[str, Any]) -> None:
    """And challenges nobody."""
    answer = await graph.http.post(f"{graph.url}{URL}", json=body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert (await graph.raw("/me")).status_code == 200
