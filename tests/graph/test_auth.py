"""Entra through the real MSAL, against the simulator over real HTTP."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from connector.config import GraphConfig
from connector.errors import AppRefused, AuthError, ConfigError, EntraUnreachable, NeedsAdmin, NeedsSignIn, StateError
from connector.graph.auth import AccountTokens, Entra, Granted
from connector.graph.refusals import SignInRefused
from connector.http import AsyncClient, open_client
from tests.graph_simulator.policies import Policy
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import CLIENT_ID, CLIENT_SECRET, Simulator, open_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ADDRESS = "anna@pier.example"
REDIRECT = "http://localhost:8069/maildesk/outlook/callback"
SCOPES = GraphConfig().scopes


@dataclass(frozen=True, slots=True)
class Settings:
    """An app registration."""

    authority: str
    tenant: str = "common"
    client_id: str = CLIENT_ID
    client_secret: SecretStr | None = field(default_factory=lambda: SecretStr(CLIENT_SECRET))
    certificate: Path | None = None


@asynccontextmanager
async def _open(permissions: Literal["full", "read_only"] = "full") -> AsyncIterator[tuple[Simulator, AsyncClient, Entra]]:
    async with open_simulator(demo=False) as simulator, open_client() as http:
        simulator.world.mailboxes[ADDRESS] = make_mailbox(ADDRESS, "Anna", mails=())
        yield simulator, http, Entra(Settings(simulator.url), GraphConfig(permissions=permissions).scopes, http)


async def _consent(http: AsyncClient, url: str, step: str = "accept") -> dict[str, str]:
    """Go through Microsoft's pages; return what the browser would post to the redirect URI."""
    page = await http.post(url, data={"step": step, "account": ADDRESS})
    return {k: unescape(v) for k, v in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)}


async def _granted(http: AsyncClient, entra: Entra) -> Granted:
    url, _, flow = await entra.start(ADDRESS, REDIRECT)
    return await entra.finish(flow, await _consent(http, url))


async def test_sign_in_code_flow_gives_a_lasting_token() -> None:
    """PKCE, state, nonce and form_post are in the URL; what is granted opens Graph; nothing secret is in a repr."""
    async with _open() as (simulator, http, entra):
        url, state, flow = await entra.start(ADDRESS, REDIRECT)
        asked = parse_qs(urlsplit(url).query)
        assert urlsplit(url).scheme == "http"
        assert asked["response_mode"] == ["form_post"]
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["state"] == [state]
        assert asked["login_hint"] == [ADDRESS]
        assert asked["prompt"] == ["select_account"]
        granted = await entra.finish(flow, await _consent(http, url))
        assert granted.claims["preferred_username"] == ADDRESS
        assert set(SCOPES) <= set(granted.scopes)
        assert granted.cache_blob.decode()[20:60] not in repr(granted)

        async def keep(_: bytes) -> None:
            raise AssertionError("nothing changed")

        token = await AccountTokens(entra, granted.cache_blob, keep).token()
        assert simulator.world.entra.grant_of(token) is not None


async def test_sign_in_restamped_scopes_are_known_by_their_last_part() -> None:
    """Entra may echo scopes in another form; they are the same permissions."""
    async with _open() as (simulator, http, entra):
        simulator.world.quirks.scope_restamp = True
        granted = await _granted(http, entra)
        assert set(granted.scopes) == set(SCOPES)
        token, _, blob = await entra.silent(granted.cache_blob, claims=None, force=True)
        assert simulator.world.entra.grant_of(token) is not None
        assert blob != granted.cache_blob


@pytest.mark.parametrize(
    ("permissions", "consented", "names"),
    [
        ("full", "Mail.Read,User.Read,offline_access", {"Mail.Read", "User.Read"}),
        ("full", "Mail.ReadWrite,offline_access", {"Mail.ReadWrite"}),
        ("read_only", "Mail.ReadWrite,Mail.Send,User.Read,offline_access", {"Mail.Read", "User.Read"}),
    ],
)
async def test_sign_in_that_grants_less_is_refreshed_with_less(
    permissions: Literal["full", "read_only"], consented: str, names: set[str]
) -> None:
    """What was granted is told, never more than was asked for; and Entra, which refuses a refresh for one scope too many, refreshes."""
    async with _open(permissions) as (simulator, http, entra):
        simulator.world.quirks.consent_scopes = consented
        granted = await _granted(http, entra)
        assert {scope.rpartition("/")[2] for scope in granted.scopes} == names
        token, _, _ = await entra.silent(granted.cache_blob, claims=None, force=True)
        assert simulator.world.entra.grant_of(token) is not None


async def test_tokens_outlive_another_set_of_permissions() -> None:
    """An administrator who changes graph.permissions sends nobody back to Microsoft."""
    async with _open("read_only") as (simulator, http, entra):
        granted = await _granted(http, entra)
        for scopes in (SCOPES, GraphConfig(permissions="read_only").scopes):
            token, _, _ = await Entra(Settings(simulator.url), scopes, http).silent(granted.cache_blob, claims=None, force=True)
            assert simulator.world.entra.grant_of(token) is not None


async def test_sign_in_of_a_tenant_goes_there_and_is_refreshed_there() -> None:
    """The account's own tenant is in the URL, at the code's redemption, and at each refresh; the configured one is left alone."""
    async with _open() as (simulator, http, entra):
        url, _, flow = await entra.start(ADDRESS, REDIRECT, tenant="pier.example")
        assert urlsplit(url).path == "/pier.example/oauth2/v2.0/authorize"
        granted = await entra.finish(flow, await _consent(http, url))
        assert granted.tenant == "pier.example"

        async def keep(_: bytes) -> None: ...

        tokens = AccountTokens(entra, granted.cache_blob, keep, tenant=granted.tenant)
        await tokens.token(reject=await tokens.token())
        asked = [r["path"] for r in simulator.world.requests if r["path"].endswith("/token")]
        assert set(asked) == {"/pier.example/oauth2/v2.0/token"}
        assert len(asked) == 2


async def test_sign_in_of_a_tenant_that_does_not_exist_names_the_setting() -> None:
    """A typing error is no weather: somebody has to correct it."""
    async with _open() as (_, _http, entra):
        with pytest.raises(NeedsAdmin, match=r"'peer\.example'.*tenant of this mailbox"):
            await entra.start(ADDRESS, REDIRECT, tenant="peer.example")


async def test_sign_in_brings_the_claims_of_an_earlier_refusal() -> None:
    """In the URL and with the code, beside what MSAL adds (the CP1 capability)."""
    wanted = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}
    async with _open() as (simulator, http, entra):
        simulator.world.entra.policies.of[ADDRESS] = Policy(wanted)
        with pytest.raises(SignInRefused) as caught:
            await _granted(http, entra)
        assert caught.value.outcome == "interaction_required"
        assert json.loads(caught.value.claims or "") == wanted
        url, _, flow = await entra.start(ADDRESS, REDIRECT, claims=caught.value.claims)
        asked = json.loads(parse_qs(urlsplit(url).query)["claims"][0])["access_token"]
        assert asked == wanted["access_token"] | {"xms_cc": {"values": ["CP1"]}}
        assert "Approve sign in request" in (await http.post(url, data={"step": "picked", "account": ADDRESS})).text
        granted = await entra.finish(flow, await _consent(http, url))
        assert (await entra.silent(granted.cache_blob, claims=None, force=True))[0]


@pytest.mark.parametrize("fault", ["503", "429", "temporarily_unavailable"])
async def test_sign_in_waits_while_entra_is_only_busy(fault: str) -> None:
    """A person who comes back from Microsoft does not pay for its hiccup; MSAL's memory of errors is no obstacle."""
    async with _open() as (simulator, http, entra):
        url, _, flow = await entra.start(ADDRESS, REDIRECT)
        answer = await _consent(http, url)
        simulator.world.quirks.fail_token, simulator.world.quirks.fail_token_count = fault, 1
        assert (await entra.finish(flow, answer)).scopes


async def test_sign_in_patience_has_an_end() -> None:
    """Odoo waits for us; what asks for more time than that is told at once."""
    async with _open() as (simulator, http, _):
        entra = Entra(Settings(simulator.url), SCOPES, http, patience=0.9)
        url, _, flow = await entra.start(ADDRESS, REDIRECT)
        answer = await _consent(http, url)
        for fault, requests in (("429", 1), ("503", 2)):
            simulator.world.quirks.fail_token = fault
            simulator.world.requests.clear()
            with pytest.raises(EntraUnreachable):
                await entra.finish(flow, answer)
            assert len([r for r in simulator.world.requests if r["path"].endswith("/token")]) == requests


@pytest.mark.parametrize(
    ("change", "reason"), [({"refresh_token": None}, "offline_access"), ({"scope": "openid profile User.Read"}, "access to mail")]
)
async def test_sign_in_that_grants_too_little_connects_nothing(change: dict[str, str | None], reason: str) -> None:
    """Without a refresh token it would end within the hour; without mail it would show nothing."""
    async with _open() as (simulator, http, _):

        async def thinner(request: httpx.Request) -> httpx.Response:
            answer = await http.request(request.method, str(request.url), content=request.content, headers=dict(request.headers))
            if not request.url.path.endswith("/token"):
                return httpx.Response(answer.status_code, content=answer.content)
            assert answer.status_code == 200
            return httpx.Response(200, json={k: v for k, v in {**answer.json(), **change}.items() if v is not None})

        async with open_client(transport=httpx.MockTransport(thinner)) as other:
            with pytest.raises(SignInRefused, match="failed") as caught:
                await _granted(http, Entra(Settings(simulator.url), SCOPES, other))
        assert reason in caught.value.message


async def test_sign_in_cancelled_is_denied() -> None:
    """Cancel on the consent page."""
    async with _open() as (_, http, entra):
        url, _, flow = await entra.start(ADDRESS, REDIRECT)
        with pytest.raises(SignInRefused) as caught:
            await entra.finish(flow, await _consent(http, url, "cancel"))
        assert caught.value.outcome == "denied"


async def test_sign_in_code_serves_once_and_only_its_own_flow() -> None:
    """A code that was used, or that belongs to another flow, connects nothing."""
    async with _open() as (_, http, entra):
        url, _, flow = await entra.start(ADDRESS, REDIRECT)
        answer = await _consent(http, url)
        await entra.finish(flow, answer)
        _, _, other = await entra.start(ADDRESS, REDIRECT)
        for wrong in (flow, other):
            with pytest.raises(SignInRefused) as caught:
                await entra.finish(wrong, answer)
            assert caught.value.outcome == "expired"


async def test_tokens_refresh_is_single_flight_and_kept_before_use() -> None:
    """Ten who need a new token at once make one request; the rotated one is kept before anybody gets the new one."""
    async with _open() as (simulator, http, entra):
        granted = await _granted(http, entra)
        kept: list[bytes] = []

        async def keep(blob: bytes) -> None:
            kept.append(blob)

        tokens = AccountTokens(entra, granted.cache_blob, keep)
        old = await tokens.token()
        simulator.world.requests.clear()
        got: list[str] = []

        async def ask() -> None:
            got.append(await tokens.token(reject=old))

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask)
        assert len(set(got)) == 1
        assert got[0] != old
        assert len([r for r in simulator.world.requests if r["path"].endswith("/token")]) == 1
        assert len(kept) == 1
        assert got[0] in kept[0].decode()


async def test_tokens_claims_of_many_requests_are_met_by_one_refresh() -> None:
    """Four lanes get the same challenge at once: the token that answers the first answers all."""
    async with _open() as (simulator, http, entra):
        granted = await _granted(http, entra)

        async def keep(_: bytes) -> None: ...

        tokens = AccountTokens(entra, granted.cache_blob, keep)
        old = await tokens.token()
        simulator.world.requests.clear()
        claims = '{"access_token":{"nbf":{"essential":true,"value":"1726258122"}}}'
        got: list[str] = []

        async def ask() -> None:
            got.append(await tokens.token(reject=old, claims=claims))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(ask)
        assert len(set(got)) == 1
        assert got[0] != old
        assert len([r for r in simulator.world.requests if r["path"].endswith("/token")]) == 1


async def test_tokens_not_kept_is_kept_by_the_next_caller() -> None:
    """A rotated token that the disk did not take is not used, and not forgotten."""
    async with _open() as (_, http, entra):
        granted = await _granted(http, entra)
        kept: list[bytes] = []
        is_full = True

        async def keep(blob: bytes) -> None:
            if is_full:
                raise StateError("the disk is full")
            kept.append(blob)

        tokens = AccountTokens(entra, granted.cache_blob, keep)
        old = await tokens.token()
        with pytest.raises(StateError):
            await tokens.token(reject=old)
        is_full = False
        token = await tokens.token()
        assert token != old
        assert len(kept) == 1
        assert token in kept[0].decode()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("invalid_grant", NeedsSignIn),
        ("interaction_required", NeedsSignIn),
        ("invalid_client", AppRefused),
        ("unauthorized_client", AppRefused),
        ("invalid_scope", NeedsAdmin),
        ("invalid_request", AuthError),
        ("temporarily_unavailable", EntraUnreachable),
        ("503", EntraUnreachable),
        ("429", EntraUnreachable),
    ],
)
async def test_tokens_each_fault_is_whose_it_is(fault: str, kind: type[Exception]) -> None:
    """The person's, the administrator's, or nobody's; and it is over as soon as Entra says so, whatever MSAL remembers."""
    async with _open() as (simulator, http, entra):
        granted = await _granted(http, entra)

        async def keep(_: bytes) -> None: ...

        tokens = AccountTokens(entra, granted.cache_blob, keep)
        old = await tokens.token()
        simulator.world.quirks.fail_token = fault
        with pytest.raises(AuthError) as caught:
            await tokens.token(reject=old)
        assert type(caught.value) is kind
        simulator.world.quirks.fail_token = ""
        assert await tokens.token(reject=old) != old


async def test_sign_in_entra_failing_at_the_end_is_not_the_persons_fault() -> None:
    """What is no token answer is told as Entra's failure, not as a sign-in that expired."""
    async with _open() as (simulator, _, entra):
        _, state, flow = await entra.start(ADDRESS, REDIRECT)

        def garbage(_: httpx.Request) -> httpx.Response:
            return httpx.Response(200, text="<html>maintenance</html>")

        async with open_client(transport=httpx.MockTransport(garbage)) as broken:
            with pytest.raises(EntraUnreachable):
                await Entra(Settings(simulator.url), SCOPES, broken, patience=0).finish(flow, {"code": "c", "state": state})
        with pytest.raises(SignInRefused) as caught:
            await entra.finish(flow, {"state": state})
        assert caught.value.outcome == "failed"


async def test_entra_certificate_signs_in_and_refreshes(tmp_path: Path) -> None:
    """With a certificate no secret is sent, but an assertion that Entra verifies: key, thumbprint, audience, times and app."""
    file = tmp_path / "cert.pem"
    file.write_bytes(make_certificate())
    async with open_simulator(demo=False, certificate=file.read_bytes()) as simulator, open_client() as http:
        simulator.world.mailboxes[ADDRESS] = make_mailbox(ADDRESS, "Anna", mails=())
        entra = Entra(Settings(simulator.url, client_secret=None, certificate=file), SCOPES, http)
        granted = await _granted(http, entra)
        token, _, _ = await entra.silent(granted.cache_blob, claims=None, force=True)
        assert simulator.world.entra.grant_of(token) is not None


@pytest.mark.parametrize("registered", [False, True])
async def test_entra_certificate_that_is_not_the_registered_one_is_the_administrators(tmp_path: Path, *, registered: bool) -> None:
    """Expired and exchanged, or never uploaded: nothing that a person could mend by signing in."""
    file = tmp_path / "cert.pem"
    file.write_bytes(make_certificate())
    other = make_certificate() if registered else None
    async with open_simulator(demo=False, certificate=other) as simulator, open_client() as http:
        simulator.world.mailboxes[ADDRESS] = make_mailbox(ADDRESS, "Anna", mails=())
        with pytest.raises(AppRefused, match="AADSTS700027"):
            await _granted(http, Entra(Settings(simulator.url, client_secret=None, certificate=file), SCOPES, http))


def make_certificate() -> bytes:
    """Return a PEM file with a new key and its certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "maildesk")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + certificate.public_bytes(pem)


@pytest.mark.parametrize("status", [404, 200, 500])
async def test_entra_that_is_none_is_unreachable(status: int) -> None:
    """A server that is no Entra: try again later, and the host is named."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text="<html>welcome</html>")

    async with open_client(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(EntraUnreachable, match=r"login\.example"):
            await Entra(Settings("https://login.example"), SCOPES, http, patience=0).start(ADDRESS, REDIRECT)


async def test_entra_not_there_is_unreachable() -> None:
    """No server at all."""
    async with open_client() as http:
        with pytest.raises(EntraUnreachable, match=r"127\.0\.0\.1"):
            await Entra(Settings("http://127.0.0.1:9"), SCOPES, http, patience=0).start(ADDRESS, REDIRECT)


async def test_entra_certificate_that_is_none_is_a_wrong_config(tmp_path: Path) -> None:
    """A file without key and certificate is told at the start."""
    file = tmp_path / "cert.pem"
    file.write_text(json.dumps({}))
    async with open_client() as http:
        with pytest.raises(ConfigError, match=r"entra\.certificate"):
            Entra(Settings("https://login.microsoftonline.com", client_secret=None, certificate=file), SCOPES, http)
