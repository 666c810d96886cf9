"""Entra as a browser and as MSAL meet it: the pages, what comes back to the app, the token endpoint, and the real MSAL through it all."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msal
import pytest
import time_machine
from httpx import ASGITransport

from connector.http import AsyncClient, BlockingBridge, Response, in_thread, open_client
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import CLIENT_ID, CLIENT_SECRET, Simulator, make_app, open_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ADDRESS = "anna@pier.example"
OTHER = "bjørn@outlook.example"
REDIRECT = "http://127.0.0.1:8069/maildesk/outlook/callback"
MAIL = "https://graph.microsoft.com/Mail.Read"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass(slots=True)
class Browser:
    """A person at the pages of Entra, with the app's request in the address bar."""

    http: AsyncClient
    simulator: Simulator
    asked: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The authorize URL."""
        return f"{self.simulator.url}/common/oauth2/v2.0/authorize?{urlencode(self.asked)}"

    async def open(self) -> Response:
        """Open the page."""
        return await self.http.get(self.url)

    async def click(self, **values: str) -> Response:
        """Send one of the page's forms."""
        return await self.http.post(self.url, data=values)

    async def accept(self, address: str = ADDRESS) -> dict[str, str]:
        """Pick the account, accept, and return what the app gets."""
        page = await self.click(step="picked", account=address)
        assert "Permissions requested" in page.text
        return answer_of(await self.click(step="accept", account=address))

    async def redeem(self, code: str, **changed: str | None) -> Response:
        """Ask for tokens as the app does, with some values changed or (None) left out."""
        values = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            **changed,
        }
        form = {k: v for k, v in values.items() if v is not None}
        return await self.http.post(f"{self.simulator.url}/common/oauth2/v2.0/token", data=form)


def answer_of(response: Response) -> dict[str, str]:
    """Return what the browser brings to the redirect URI, by the query or by the form that posts itself."""
    if response.status_code == 302:
        target = urlsplit(response.headers["location"])
        assert f"{target.scheme}://{target.netloc}{target.path}" == REDIRECT
        return {k: v[0] for k, v in parse_qs(target.query).items()}
    assert response.status_code == 200
    assert f'action="{REDIRECT}"' in response.text
    assert "submit()" in response.text
    return {k: unescape(v) for k, v in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', response.text)}


def claims_of(id_token: str) -> dict[str, Any]:
    """Decode an id token's claims."""
    payload = id_token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser with a good request, at an Entra with two accounts."""
    async with open_simulator(demo=False) as simulator, open_client() as http:
        for address, personal in ((ADDRESS, False), (OTHER, True)):
            simulator.world.mailboxes[address] = make_mailbox(address, f"<{address[:4]}>", personal=personal, mails=())
        asked = {
            "client_id": CLIENT_ID,
            "response_type": "code",
            "redirect_uri": REDIRECT,
            "scope": f"{MAIL} offline_access openid profile",
            "response_mode": "form_post",
            "state": 'a"b&c',
            "nonce": "n0nce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        yield Browser(http, simulator, asked)


# ---------------------------------------------------------------- the pages


async def test_picker_shows_every_account_the_hinted_one_first(browser: Browser) -> None:
    """Names are escaped, and each tile is a form of its own."""
    browser.asked["login_hint"] = OTHER.upper()
    text = (await browser.open()).text
    assert re.findall(r'data-account="([^"]+)"', text) == [OTHER, ADDRESS]
    assert "<anna>" not in text
    assert "&lt;anna&gt;" in text


async def test_picker_unknown_account_stays_with_a_sentence(browser: Browser) -> None:
    """A typing error goes back to the picker; no code is made."""
    page = await browser.click(step="picked", account="nobody@pier.example")
    assert "This account does not exist" in page.text
    assert "Pick an account" in page.text
    assert not browser.simulator.world.entra.codes


async def test_consent_names_what_is_asked_for(browser: Browser) -> None:
    """Who, and each permission of the request and no other; Cancel stands beside Accept."""
    text = (await browser.click(step="picked", account=ADDRESS)).text
    assert ADDRESS in text
    assert "Read your mail" in text
    assert "Maintain access to data" in text
    assert "Send mail as you" not in text
    assert re.findall(r'name="step" value="([a-z]+)"', text) == ["cancel", "accept"]


@pytest.mark.parametrize("mode", ["form_post", "query", None])
async def test_accept_brings_code_and_state(browser: Browser, mode: str | None) -> None:
    """By a form or by the query; the state comes back as it was, with all its characters."""
    if mode is None:
        del browser.asked["response_mode"]
    else:
        browser.asked["response_mode"] = mode
    page = await browser.click(step="accept", account=ADDRESS)
    assert page.status_code == (200 if mode == "form_post" else 302)
    answer = answer_of(page)
    assert answer["state"] == 'a"b&c'
    assert answer["code"] in browser.simulator.world.entra.codes


@pytest.mark.parametrize("mode", ["form_post", "query"])
async def test_cancel_is_access_denied(browser: Browser, mode: str) -> None:
    """The app hears of it, with the state and without a code."""
    browser.asked["response_mode"] = mode
    answer = answer_of(await browser.click(step="cancel", account=ADDRESS))
    assert (answer["error"], answer["state"]) == ("access_denied", 'a"b&c')
    assert answer["error_description"].startswith("AADSTS65004")
    assert "code" not in answer


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"redirect_uri": "https://evil.example/maildesk/outlook/callback"}, "AADSTS50011"),
        ({"redirect_uri": "http://127.0.0.1:8069/elsewhere"}, "AADSTS50011"),
        ({"redirect_uri": "http://127.0.0.1.evil.example/maildesk/outlook/callback"}, "AADSTS50011"),
        ({"client_id": "another"}, "AADSTS700016"),
        ({"response_type": "token"}, "AADSTS700054"),
        ({"response_mode": "carrier_pigeon"}, "AADSTS900144"),
        ({"scope": ""}, "AADSTS900144"),
    ],
)
async def test_authorize_wrong_request_ends_on_entras_own_page(browser: Browser, changed: dict[str, str], number: str) -> None:
    """Nothing is sent to a redirect URI that is not registered, nor for a request that is none; not even an error."""
    browser.asked |= changed
    for page in (await browser.open(), await browser.click(step="accept", account=ADDRESS)):
        assert page.status_code == 400
        assert number in page.text
        assert "<form" not in page.text
        assert "location" not in page.headers
    assert not browser.simulator.world.entra.codes


async def test_authorize_registered_redirect_uris_are_the_only_ones(browser: Browser) -> None:
    """Once some are registered, this machine's are no longer taken by themselves."""
    browser.simulator.world.entra.redirect_uris = ("https://odoo.example/maildesk/outlook/callback",)
    assert (await browser.open()).status_code == 400
    browser.asked["redirect_uri"] = "https://odoo.example/maildesk/outlook/callback"
    assert (await browser.open()).status_code == 200


# ---------------------------------------------------------------- the token endpoint


async def test_token_code_brings_tokens_that_open_graph(browser: Browser) -> None:
    """Access, refresh and id token; the claims are the account's; Graph takes the access token."""
    tokens = (await browser.redeem((await browser.accept(OTHER))["code"])).json()
    claims = claims_of(tokens["id_token"])
    mailbox = browser.simulator.world.mailboxes[OTHER]
    assert (claims["preferred_username"], claims["oid"], claims["nonce"]) == (OTHER, mailbox.oid, "n0nce")
    # The tenant of all personal accounts (graph-behaviour 9).
    assert claims["tid"] == "9188040d-6c67-4c5b-b112-36a304b66dad"
    assert tokens["scope"] == MAIL
    assert tokens["expires_in"] == 3599
    me = await browser.http.get(f"{browser.simulator.url}/v1.0/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert me.json()["userPrincipalName"] == OTHER


async def test_token_without_offline_access_is_no_lasting_one(browser: Browser) -> None:
    """A refresh token comes only to who asked for it."""
    browser.asked["scope"] = MAIL
    assert "refresh_token" not in (await browser.redeem((await browser.accept())["code"])).json()


@pytest.mark.parametrize(
    ("changed", "status", "error", "number"),
    [
        ({"code_verifier": "w" * 64}, 400, "invalid_grant", 501481),
        ({"code_verifier": None}, 400, "invalid_grant", 501481),
        ({"redirect_uri": "http://127.0.0.1:1/maildesk/outlook/callback"}, 400, "invalid_grant", 500112),
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": None}, 401, "invalid_client", 7000215),
        ({"client_id": "another"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"code": "M.C5nonsense"}, 400, "invalid_grant", 70008),
    ],
)
async def test_token_wrong_request_has_entras_error(
    browser: Browser, changed: dict[str, str | None], status: int, error: str, number: int
) -> None:
    """PKCE, redirect URI, secret, app and code are each checked; the error has the shape of the real one."""
    code = (await browser.accept())["code"]
    answer = await browser.redeem(changed.pop("code", None) or code, **changed)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    assert {"timestamp", "trace_id", "correlation_id", "error_uri"} <= set(body)
    assert answer.headers["cache-control"] == "no-store, no-cache"
    assert not browser.simulator.world.entra.grants


async def test_token_code_serves_once(browser: Browser) -> None:
    """The second time it is 54005, and also after a first time that failed."""
    code = (await browser.accept())["code"]
    assert (await browser.redeem(code)).status_code == 200
    assert (await browser.redeem(code)).json()["error_codes"] == [54005]
    burnt = (await browser.accept())["code"]
    await browser.redeem(burnt, code_verifier="wrong")
    assert (await browser.redeem(burnt)).json()["error_codes"] == [54005]


async def test_token_times_run_out(browser: Browser) -> None:
    """A code lives ten minutes, an access token an hour, a refresh token longer."""
    with time_machine.travel("2026-11-23T10:00:00Z", tick=False) as clock:
        late = (await browser.accept())["code"]
        tokens = (await browser.redeem((await browser.accept())["code"])).json()
        clock.shift(601)
        assert (await browser.redeem(late)).json()["error_codes"] == [70008]
        assert browser.simulator.world.entra.grant_of(tokens["access_token"]) is not None
        clock.shift(3000)
        assert browser.simulator.world.entra.grant_of(tokens["access_token"]) is None
        again = await browser.redeem("", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert browser.simulator.world.entra.grant_of(again.json()["access_token"]) is not None


async def test_token_refresh_rotates_and_the_old_one_lives(browser: Browser) -> None:
    """Each use brings a new refresh token; the old one is not revoked by it, but all are by a revocation."""
    first = (await browser.redeem((await browser.accept())["code"])).json()["refresh_token"]
    second = (await browser.redeem("", grant_type="refresh_token", refresh_token=first)).json()["refresh_token"]
    assert second != first
    assert (await browser.redeem("", grant_type="refresh_token", refresh_token=first)).status_code == 200
    browser.simulator.world.entra.revoke(ADDRESS)
    for token in (first, second):
        body = (await browser.redeem("", grant_type="refresh_token", refresh_token=token)).json()
        assert (body["error"], body["suberror"], body["error_codes"]) == ("invalid_grant", "bad_token", [50173])


# ---------------------------------------------------------------- the real MSAL


class Msal:
    """MSAL as an app has it: at Microsoft's own address over https, which is the simulator in this process."""

    def __init__(self, http: AsyncClient) -> None:
        self._http = http
        self._cache = msal.TokenCache()

    async def call(self, name: str, *args: Any, **given: Any) -> Any:
        """Call a method of a new application: an old one remembers errors for a minute (graph-behaviour 9.2)."""

        def run() -> Any:
            application = msal.ConfidentialClientApplication(
                CLIENT_ID,
                client_credential=CLIENT_SECRET,
                authority="https://login.microsoftonline.com/common",
                instance_discovery=False,
                http_client=BlockingBridge(self._http),
                token_cache=self._cache,
            )
            return getattr(application, name)(*args, **given)

        return await in_thread(run)

    async def begin(self, browser: Browser) -> dict[str, Any]:
        """Begin a sign-in; the browser goes where MSAL says."""
        flow: dict[str, Any] = await self.call("initiate_auth_code_flow", [MAIL], redirect_uri=REDIRECT, response_mode="form_post")
        browser.asked = {k: v[0] for k, v in parse_qs(urlsplit(flow["auth_uri"]).query).items()}
        return flow


@pytest.fixture
async def real_msal(browser: Browser) -> AsyncIterator[Msal]:
    """The real library."""
    async with open_client(transport=ASGITransport(make_app(browser.simulator.world))) as http:
        yield Msal(http)


async def test_msal_completes_the_flow(browser: Browser, real_msal: Msal) -> None:
    """Discovery, PKCE, nonce, code, cache, refresh, and the error of a revoked account."""
    flow = await real_msal.begin(browser)
    result = await real_msal.call("acquire_token_by_auth_code_flow", flow, await browser.accept())
    assert result["id_token_claims"]["preferred_username"] == ADDRESS
    assert browser.simulator.world.entra.grant_of(result["access_token"]) is not None
    (account,) = await real_msal.call("get_accounts")
    mailbox = browser.simulator.world.mailboxes[ADDRESS]
    assert account["home_account_id"] == f"{mailbox.oid}.{mailbox.tid}"

    async def silent(*, force: bool) -> Any:
        return await real_msal.call("acquire_token_silent_with_error", [MAIL], account=account, force_refresh=force)

    assert (await silent(force=False))["access_token"] == result["access_token"]
    fresh = (await silent(force=True))["access_token"]
    assert fresh != result["access_token"]
    assert browser.simulator.world.entra.grant_of(fresh) is not None
    browser.simulator.world.entra.revoke(ADDRESS)
    assert (await silent(force=True))["error"] == "invalid_grant"


async def test_msal_code_used_twice_is_refused(browser: Browser, real_msal: Msal) -> None:
    """MSAL hands the error on as the app will see it."""
    flow = await real_msal.begin(browser)
    answer = await browser.accept()
    assert "error" not in await real_msal.call("acquire_token_by_auth_code_flow", flow, answer)
    assert (await real_msal.call("acquire_token_by_auth_code_flow", flow, answer))["error"] == "invalid_grant"


async def test_msal_cancel_is_access_denied(browser: Browser, real_msal: Msal) -> None:
    """A declined consent is an answer of the flow, not an exception."""
    flow = await real_msal.begin(browser)
    answer = answer_of(await browser.click(step="cancel"))
    assert (await real_msal.call("acquire_token_by_auth_code_flow", flow, answer))["error"] == "access_denied"


async def test_msal_answer_to_another_flow_is_refused(browser: Browser, real_msal: Msal) -> None:
    """A code of somebody else's request has another nonce and another PKCE challenge."""
    first = await real_msal.begin(browser)
    await real_msal.begin(browser)
    answer = await browser.accept() | {"state": first["state"]}
    assert (await real_msal.call("acquire_token_by_auth_code_flow", first, answer))["error"] == "invalid_grant"


@pytest.mark.parametrize(("fault", "error"), [("invalid_client", "invalid_client"), ("interaction_required", "interaction_required")])
async def test_msal_sees_the_fault_that_is_switched_on(browser: Browser, real_msal: Msal, fault: str, error: str) -> None:
    """The switch `fail_token` names an error of the token endpoint."""
    flow = await real_msal.begin(browser)
    browser.simulator.world.quirks.fail_token = fault
    assert (await real_msal.call("acquire_token_by_auth_code_flow", flow, await browser.accept()))["error"] == error


async def test_msal_5xx_of_the_token_endpoint_raises(browser: Browser, real_msal: Msal) -> None:
    """A number as `fail_token` is the HTTP status; MSAL makes an exception of it (graph-behaviour 9.2)."""
    flow = await real_msal.begin(browser)
    answer = await browser.accept()
    browser.simulator.world.quirks.fail_token = "503"
    with pytest.raises(msal.exceptions.MsalServiceError):
        await real_msal.call("acquire_token_by_auth_code_flow", flow, answer)


async def test_scopes_are_restamped_by_switch(browser: Browser) -> None:
    """Entra may echo scopes in their short form (graph-behaviour 9.1)."""
    browser.simulator.world.quirks.scope_restamp = True
    assert (await browser.redeem((await browser.accept())["code"])).json()["scope"] == "Mail.Read"
