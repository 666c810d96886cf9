"""Whom Entra lets in, and where: tenants, kinds of accounts, consent by administrators, conditional access, the app's own proof."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import load_pem_x509_certificate

from tests.graph.test_auth import make_certificate
from tests.graph_simulator.credentials import AppCredentials
from tests.graph_simulator.policies import Policy
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import CLIENT_ID
from tests.simulator.test_entra import ADDRESS, MAIL, OTHER, REDIRECT, Browser, answer_of, browser

if TYPE_CHECKING:
    from connector.http import Response

__all__ = ["browser"]

ENDPOINT = "http://127.0.0.1:1/common/oauth2/v2.0/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLAIMS: dict[str, Any] = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}


async def _pick(browser: Browser, tenant: str, address: str) -> Response:
    """Pick an account on the page of a tenant."""
    url = browser.url.replace("/common/", f"/{tenant}/")
    return await browser.http.post(url, data={"step": "picked", "account": address})


@pytest.mark.parametrize(
    ("tenant", "address", "said"),
    [
        ("common", ADDRESS, "Permissions requested"),
        ("common", OTHER, "Permissions requested"),
        ("organizations", ADDRESS, "Permissions requested"),
        ("organizations", OTHER, "Use your work or school account instead"),
        ("consumers", OTHER, "Permissions requested"),
        ("consumers", ADDRESS, "Use your personal account instead"),
        ("pier.example", ADDRESS, "Permissions requested"),
        ("PIER.example", ADDRESS, "Permissions requested"),
        ("pier.example", OTHER, "AADSTS50020"),
    ],
)
async def test_tenant_of_the_url_says_who_may_sign_in(browser: Browser, tenant: str, address: str, said: str) -> None:
    """Kinds of accounts, and organisations by their domain; what is refused stays at Entra."""
    page = await _pick(browser, tenant, address)
    assert said in page.text.replace("&#x27;", "'")
    assert not browser.simulator.world.entra.codes


async def test_tenant_is_known_by_its_id_and_unknown_ones_are_told(browser: Browser) -> None:
    """Discovery answers for tenants that are there (AADSTS90002 otherwise), as the real one does before any sign-in."""
    tid = browser.simulator.world.mailboxes[ADDRESS].tid
    for tenant, error in ((tid, None), ("pier.example", None), ("peer.example", "invalid_tenant")):
        answer = await browser.http.get(f"{browser.simulator.url}/{tenant}/v2.0/.well-known/openid-configuration")
        assert (answer.status_code, answer.json().get("error")) == (400 if error else 200, error)


async def test_refresh_at_another_tenant_is_refused(browser: Browser) -> None:
    """A refresh token is good at the tenants that the account is in."""
    token = (await browser.redeem((await browser.accept())["code"])).json()["refresh_token"]
    form = {
        "client_id": CLIENT_ID,
        "client_secret": browser.simulator.world.entra.app.secret,
        "grant_type": "refresh_token",
        "refresh_token": token,
    }
    for tenant, status in (("pier.example", 200), ("consumers", 400), ("peer.example", 400)):
        assert (await browser.http.post(f"{browser.simulator.url}/{tenant}/oauth2/v2.0/token", data=form)).status_code == status


async def test_refresh_for_more_than_was_granted_is_refused_as_a_whole(browser: Browser) -> None:
    """One scope without consent is enough (AADSTS65001); what was granted comes, in either form."""
    browser.simulator.world.quirks.consent_scopes = "Mail.Read,offline_access"
    tokens = (await browser.redeem((await browser.accept())["code"])).json()
    assert tokens["scope"] == MAIL
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    more = f"{MAIL} https://graph.microsoft.com/Mail.Send"
    for scope, suberror in ((f"{MAIL} offline_access openid", None), ("Mail.Read", None), (more, "consent_required")):
        answer = await browser.redeem("", **again, scope=scope)
        assert (answer.status_code, answer.json().get("suberror")) == (400 if suberror else 200, suberror)


# ---------------------------------------------------------------- administrators


def _admin_url(browser: Browser, tenant: str = "organizations", **changed: str) -> str:
    query = {"client_id": CLIENT_ID, "scope": MAIL, "redirect_uri": REDIRECT, "state": "s1", **changed}
    return f"{browser.simulator.url}/{tenant}/v2.0/adminconsent?{urlencode(query)}"


async def test_admin_consent_is_needed_until_it_is_given(browser: Browser) -> None:
    """Organisations may keep consent to administrators; personal accounts have none."""
    browser.simulator.world.quirks.admin_consent = True
    assert "Need admin approval" in (await browser.click(step="picked", account=ADDRESS)).text
    assert "Need admin approval" in (await browser.click(step="accept", account=ADDRESS)).text
    answer = answer_of(await browser.click(step="no_approval", account=ADDRESS))
    assert (answer["error"], answer["error_description"][:12]) == ("access_denied", "AADSTS90094:")
    assert "code" in await browser.accept(OTHER)
    url = _admin_url(browser)
    assert "Accept for your organization" in (await browser.http.post(url, data={"step": "picked", "account": ADDRESS})).text
    given = parse_qs(urlsplit((await browser.http.post(url, data={"step": "accept", "account": ADDRESS})).headers["location"]).query)
    tid = browser.simulator.world.mailboxes[ADDRESS].tid
    assert {k: v[0] for k, v in given.items()} == {"admin_consent": "True", "tenant": tid, "scope": MAIL, "state": "s1"}
    # No page of consent any more: the answer comes at once.
    assert "code" in answer_of(await browser.click(step="picked", account=ADDRESS))


async def test_admin_consent_refused_or_asked_wrongly(browser: Browser) -> None:
    """Cancel comes back as an error; personal accounts approve nothing; a wrong request stays at Entra."""
    url = _admin_url(browser)
    assert "Pick an account" in (await browser.http.get(url)).text
    denied = parse_qs(urlsplit((await browser.http.post(url, data={"step": "cancel", "account": ADDRESS})).headers["location"]).query)
    assert (denied["error"], denied["admin_consent"]) == (["consent_required"], ["True"])
    assert "personal account" in (await browser.http.post(url, data={"step": "picked", "account": OTHER})).text
    for wrong in (_admin_url(browser, redirect_uri="https://evil.example/"), _admin_url(browser, "peer.example")):
        assert (await browser.http.get(wrong)).status_code == 400
    assert not browser.simulator.world.entra.policies.approved


# ---------------------------------------------------------------- conditional access


async def test_policy_claims_are_asked_for_until_a_sign_in_brings_them(browser: Browser) -> None:
    """Code and refresh are refused with the claims; a request that brings them leads to one more proof, and its tokens last."""
    old = (await browser.redeem((await browser.accept())["code"])).json()["refresh_token"]
    answer = await browser.http.post(f"{browser.simulator.url}/_sim/mailboxes/{ADDRESS}/policy", json={"claims": CLAIMS})
    assert answer.status_code == 200
    for refused in (
        await browser.redeem((await browser.accept())["code"]),
        await browser.redeem("", grant_type="refresh_token", refresh_token=old),
    ):
        body = refused.json()
        assert (body["error"], body["suberror"], body["error_codes"]) == ("interaction_required", "basic_action", [50076])
        assert json.loads(body["claims"]) == CLAIMS
    browser.asked["claims"] = json.dumps(CLAIMS)
    assert "Approve sign in request" in (await browser.click(step="picked", account=ADDRESS)).text
    assert "Permissions requested" in (await browser.click(step="proved", account=ADDRESS)).text
    code = answer_of(await browser.click(step="accept", account=ADDRESS))["code"]
    new = (await browser.redeem(code)).json()["refresh_token"]
    for _ in range(2):
        new = (await browser.redeem("", grant_type="refresh_token", refresh_token=new)).json()["refresh_token"]
    assert (await browser.redeem("", grant_type="refresh_token", refresh_token=old)).status_code == 400


async def test_policy_that_blocks_ends_at_entra(browser: Browser) -> None:
    """No answer comes back to the app; a refresh is refused as one that a person cannot mend."""
    token = (await browser.redeem((await browser.accept())["code"])).json()["refresh_token"]
    browser.simulator.world.entra.policies.of[ADDRESS] = Policy(is_blocked=True)
    assert "AADSTS53003" in (await browser.click(step="picked", account=ADDRESS)).text
    body = (await browser.redeem("", grant_type="refresh_token", refresh_token=token)).json()
    assert (body["error"], body["suberror"]) == ("invalid_grant", "message_only")
    assert "Permissions requested" in (await browser.click(step="picked", account=OTHER)).text


async def test_challenge_may_want_the_person(browser: Browser) -> None:
    """CAE that no refresh meets, with the claims of the challenge, and a request with claims that are no JSON."""
    token = (await browser.redeem((await browser.accept())["code"])).json()["refresh_token"]
    url = f"{browser.simulator.url}/_sim/mailboxes/{ADDRESS}/challenge"
    wanted = (await browser.http.post(url, json={"interactive": True})).json()
    body = (await browser.redeem("", grant_type="refresh_token", refresh_token=token, claims=json.dumps(wanted))).json()
    assert json.loads(body["claims"]) == wanted
    browser.asked["claims"] = "eyJ9"
    assert "AADSTS90013" in (await browser.open()).text


@pytest.mark.parametrize("body", [{"claims": {}}, {"claims": {"id_token": {}}}, {"blocked": 1}, {"x": True}])
async def test_policy_bad_input_gets_a_sentence(browser: Browser, body: dict[str, Any]) -> None:
    """And changes nothing."""
    answer = await browser.http.post(f"{browser.simulator.url}/_sim/mailboxes/{ADDRESS}/policy", json=body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert not browser.simulator.world.entra.policies.of


async def test_app_registration_can_be_changed(browser: Browser) -> None:
    """The registered redirect URIs are the only ones; with none this machine's are taken."""
    url = f"{browser.simulator.url}/_sim/app"
    for uris, status in ((["https://odoo.example/maildesk/outlook/callback"], 400), ([REDIRECT], 200), ([], 200)):
        answer = await browser.http.post(url, json={"redirect_uris": uris})
        assert answer.json() == (await browser.http.get(url)).json() == {"client_id": CLIENT_ID, "redirect_uris": uris}
        assert (await browser.open()).status_code == status
    for wrong in ({}, {"redirect_uris": [5]}, {"redirect_uris": "x"}):
        assert (await browser.http.post(url, json=wrong)).status_code == 400


async def test_token_faults_can_be_counted(browser: Browser) -> None:
    """So many token requests fail, then it is over."""
    code = (await browser.accept())["code"]
    browser.simulator.world.quirks.fail_token, browser.simulator.world.quirks.fail_token_count = "503", 2
    assert [(await browser.redeem(code)).status_code for _ in range(3)] == [503, 503, 200]


# ---------------------------------------------------------------- /me


async def test_me_has_the_addresses_that_were_asked_for(browser: Browser) -> None:
    """`proxyAddresses` on $select only, with the primary one in capitals and one that is none of mail; a personal account has none."""
    mailbox = make_mailbox(ADDRESS, "Anna", mails=(), aliases=["info@pier.example"], upn="a.l@pier.example")
    browser.simulator.world.mailboxes[ADDRESS] = mailbox
    for address, mail, upn, count in ((ADDRESS, ADDRESS, "a.l@pier.example", 3), (OTHER, None, OTHER, 0)):
        tokens = (await browser.redeem((await browser.accept(address))["code"])).json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        plain = (await browser.http.get(f"{browser.simulator.url}/v1.0/me", headers=headers)).json()
        assert (plain["mail"], plain["userPrincipalName"], "proxyAddresses" in plain) == (mail, upn, False)
        query = "$select=id,mail,proxyAddresses"
        chosen = (await browser.http.get(f"{browser.simulator.url}/v1.0/me?{query}", headers=headers)).json()
        assert set(chosen) == {"@odata.context", "id", "mail", "proxyAddresses"}
        assert len(chosen["proxyAddresses"]) == count
        assert (f"SMTP:{ADDRESS}" in chosen["proxyAddresses"]) is (address == ADDRESS)
        assert (await browser.http.get(f"{browser.simulator.url}/v1.0/me?$select=shoeSize", headers=headers)).status_code == 400


# ---------------------------------------------------------------- certificates


def _assertion(pem: bytes, now: float, **changed: Any) -> str:
    """Sign an assertion as MSAL does, with some claims changed or (None) left out."""
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    thumbprint = load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    header = {"x5t#S256": jwt.utils.base64url_encode(thumbprint).decode()}
    claims = {"aud": ENDPOINT, "iss": CLIENT_ID, "sub": CLIENT_ID, "exp": now + 300, "jti": "1", **changed}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm="PS256", headers=header)


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({}, None),
        ({"aud": ENDPOINT.replace("http:", "https:")}, None),
        ({"aud": "https://127.0.0.1:1/other/oauth2/v2.0/token"}, 700023),
        ({"iss": "somebody"}, 700021),
        ({"exp": -1}, 700024),
        ({"exp": 3600}, 700024),
        ({"jti": None}, 700027),
    ],
)
async def test_assertion_is_verified(browser: Browser, changed: dict[str, Any], number: int | None) -> None:
    """Who, for whom, until when."""
    pem, now = make_certificate(), browser.simulator.world.time()
    if "exp" in changed:
        changed["exp"] += now.timestamp()
    app = AppCredentials(CLIENT_ID, "secret", pem)
    form = {"client_assertion": _assertion(pem, now.timestamp(), **changed), "client_assertion_type": ASSERTION_TYPE}
    problem = app.problem(form, ENDPOINT, now)
    assert (problem[0] if problem else None) == number


async def test_assertion_of_another_key_or_without_a_certificate(browser: Browser) -> None:
    """The thumbprint alone proves nothing, nor does any signature where no certificate is registered; the secret goes on beside it."""
    pem, other, now = make_certificate(), make_certificate(), browser.simulator.world.time()
    form = {"client_assertion": _assertion(pem, now.timestamp()), "client_assertion_type": ASSERTION_TYPE}
    header, _, rest = form["client_assertion"].partition(".")
    forged = _assertion(other, now.timestamp()).partition(".")[2]
    registered = AppCredentials(CLIENT_ID, "secret", pem)
    for app, sent, number in (
        (registered, {**form, "client_assertion": f"{header}.{forged}"}, 700027),
        (registered, {**form, "client_assertion": "nonsense"}, 700027),
        (registered, {"client_assertion": f"{header}.{rest}"}, 90014),
        (AppCredentials(CLIENT_ID, "secret", other), form, 700027),
        (AppCredentials(CLIENT_ID, "secret"), form, 700027),
        (registered, {"client_secret": "wrong"}, 7000215),
    ):
        problem = app.problem(sent, ENDPOINT, now)
        assert problem is not None
        assert problem[0] == number
    assert registered.problem({"client_secret": "secret"}, ENDPOINT, now) is None
