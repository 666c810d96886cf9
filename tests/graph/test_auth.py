"""Entra through the real MSAL, against the simulator over real HTTP."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING
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
from connector.errors import AppRefused, AuthError, ConfigError, EntraUnreachable, NeedsSignIn, StateError
from connector.graph.auth import AccountTokens, Entra, Granted, SignInRefused
from connector.http import AsyncClient, open_client
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
async def _open() -> AsyncIterator[tuple[Simulator, AsyncClient, Entra]]:
    async with open_simulator(demo=False) as simulator, open_client() as http:
        simulator.world.mailboxes[ADDRESS] = make_mailbox(ADDRESS, "Anna", mails=())
        yield simulator, http, Entra(Settings(simulator.url), SCOPES, http)


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
        assert "Mail.ReadWrite" in (await _granted(http, entra)).scopes


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
                await Entra(Settings(simulator.url), SCOPES, broken).finish(flow, {"code": "c", "state": state})
        with pytest.raises(SignInRefused) as caught:
            await entra.finish(flow, {"state": state})
        assert caught.value.outcome == "failed"


async def test_entra_certificate_signs_the_request_for_a_token(tmp_path: Path) -> None:
    """With a certificate no secret is sent, but an assertion that its key signed."""
    file = tmp_path / "cert.pem"
    file.write_bytes(_certificate())
    sent: list[dict[str, list[str]]] = []

    def login(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            host = "https://login.example/common"
            return httpx.Response(200, json={"authorization_endpoint": f"{host}/authorize", "token_endpoint": f"{host}/token"})
        sent.append(parse_qs(request.content.decode()))
        return httpx.Response(400, json={"error": "invalid_grant"})

    async with open_client(transport=httpx.MockTransport(login)) as http:
        entra = Entra(Settings("https://login.example", client_secret=None, certificate=file), SCOPES, http)
        _, state, flow = await entra.start(ADDRESS, REDIRECT)
        with pytest.raises(SignInRefused):
            await entra.finish(flow, {"code": "c", "state": state})
    assert sent[0]["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert sent[0]["client_assertion"][0].count(".") == 2
    assert "client_secret" not in sent[0]


def _certificate() -> bytes:
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
            await Entra(Settings("https://login.example"), SCOPES, http).start(ADDRESS, REDIRECT)


async def test_entra_not_there_is_unreachable() -> None:
    """No server at all."""
    async with open_client() as http:
        with pytest.raises(EntraUnreachable, match=r"127\.0\.0\.1"):
            await Entra(Settings("http://127.0.0.1:9"), SCOPES, http).start(ADDRESS, REDIRECT)


async def test_entra_certificate_that_is_none_is_a_wrong_config(tmp_path: Path) -> None:
    """A file without key and certificate is told at the start."""
    file = tmp_path / "cert.pem"
    file.write_text(json.dumps({}))
    async with open_client() as http:
        with pytest.raises(ConfigError, match=r"entra\.certificate"):
            Entra(Settings("https://login.microsoftonline.com", client_secret=None, certificate=file), SCOPES, http)
