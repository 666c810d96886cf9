"""Entra ID: discovery, the authorize pages, the token endpoint. MSAL (the real one) is its judge.

authorize -> account picker -> consent (Cancel | Accept) -> form_post or query to the redirect URI -> token
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from tests.graph_simulator import pages
from tests.graph_simulator.cae import Challenges
from tests.graph_simulator.call import Call

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.graph_simulator.server import World

__all__ = ["Entra", "Grant"]

# Seconds (graph-behaviour 9.1): a code about ten minutes, an access token about an hour.
_CODE_TTL = 600
_TOKEN_TTL = 3599


@dataclass(slots=True)
class Grant:
    """What an access token opens."""

    address: str
    scopes: tuple[str, ...]
    expires_at: float
    # What the token request asked for in `claims`, and which token it was.
    claims: dict[str, Any] = field(default_factory=dict)
    number: int = 0


@dataclass(slots=True)
class _Code:
    address: str
    params: dict[str, str]
    expires_at: float
    is_used: bool = False


@dataclass(slots=True)
class Entra:
    """One tenant's worth of Entra, with one app registration."""

    world: World
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    codes: dict[str, _Code] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    challenges: Challenges = field(default_factory=Challenges)
    tokens_given: int = 0

    def grant_of(self, token: str) -> Grant | None:
        """Return what a living access token opens."""
        grant = self.grants.get(token)
        return (
            grant
            if grant is not None and grant.expires_at > self.world.time().timestamp() and grant.address in self.world.mailboxes
            else None
        )

    def challenge(self, address: str, claims: dict[str, Any] | None = None, *, has_pop: bool = False) -> dict[str, Any]:
        """Let Graph refuse the access tokens of a mailbox until one with `claims` comes: as after a change of the password."""
        moment = str(int(self.world.time().timestamp()))
        wanted = claims or {"access_token": {"nbf": {"essential": True, "value": moment}}}
        self.challenges.begin(address, wanted, self.tokens_given, has_pop=has_pop)
        return wanted

    def revoke(self, address: str) -> None:
        """Void every token of a mailbox, as "revoke sessions" does."""
        self.grants = {t: g for t, g in self.grants.items() if g.address != address}
        self.refresh = {t: g for t, g in self.refresh.items() if g[0] != address}

    # ---------------------------------------------------------------- discovery

    async def discovery(self, request: Request) -> Response:
        """`/{tenant}/v2.0/.well-known/openid-configuration`, with this host's endpoints."""
        tenant = request.path_params["tenant"]
        base = f"{request.url.scheme}://{request.url.netloc}/{tenant}"
        return JSONResponse(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "response_types_supported": ["code"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def instance(self, request: Request) -> Response:
        """`/common/discovery/instance`."""
        host = request.url.netloc
        return JSONResponse(
            {
                "tenant_discovery_endpoint": f"{request.url.scheme}://{host}/common/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    # ---------------------------------------------------------------- the pages

    async def authorize(self, request: Request) -> Response:
        """The account picker; after a choice the consent page; after that the answer to the redirect URI."""
        params = {k: str(v) for k, v in request.query_params.items()}
        problem = self._wrong(params)
        if problem is not None:
            return HTMLResponse(pages.trouble(problem), 400)
        if request.method == "GET":
            return HTMLResponse(pages.picker(self._names(), params.get("login_hint", "")))
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        match form.get("step"):
            case "picked" if form.get("account", "") in self.world.mailboxes:
                return HTMLResponse(pages.consent(form["account"], params["scope"].split()))
            case "accept" if form.get("account", "") in self.world.mailboxes:
                return self._answer(params, self._new_code(form["account"], params))
            case "cancel":
                denied = {
                    "error": "access_denied",
                    "error_description": "AADSTS65004: User declined to consent to access the app.",
                    "error_subcode": "cancel",
                }
                return self._answer(params, denied)
            case _:
                problem = "This account does not exist. Enter a different account."
                return HTMLResponse(pages.picker(self._names(), params.get("login_hint", ""), problem))

    def _names(self) -> dict[str, str]:
        return {address: mailbox.name for address, mailbox in self.world.mailboxes.items()}

    def _wrong(self, params: dict[str, str]) -> str | None:
        if params.get("client_id") != self.client_id:
            return f"AADSTS700016: Application with identifier '{params.get('client_id')}' was not found in the directory."
        redirect = params.get("redirect_uri", "")
        parts = urlsplit(redirect)
        is_loopback = parts.hostname in {"localhost", "127.0.0.1"}
        known = redirect in self.redirect_uris if self.redirect_uris else is_loopback and parts.path == "/maildesk/outlook/callback"
        if not known:
            return f"AADSTS50011: The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured."
        if params.get("response_type") != "code":
            return "AADSTS700054: response_type is not enabled for the application."
        if params.get("response_mode", "query") not in {"query", "form_post"}:
            return "AADSTS900144: response_mode is not supported."
        if not params.get("scope"):
            return "AADSTS900144: The request must contain the following parameter: 'scope'."
        return None

    def _new_code(self, address: str, params: dict[str, str]) -> dict[str, str]:
        code = "M.C5" + secrets.token_urlsafe(48)
        self.codes[code] = _Code(address, params, self.world.time().timestamp() + _CODE_TTL)
        return {"code": code, "session_state": str(uuid.uuid4()), "client_info": self._client_info(address)}

    @staticmethod
    def _answer(params: dict[str, str], answer: dict[str, str]) -> Response:
        """Send the browser back, by an auto-submitting form or by the query."""
        if "state" in params:
            answer["state"] = params["state"]
        redirect = params["redirect_uri"]
        if params.get("response_mode", "query") == "query":
            return RedirectResponse(f"{redirect}?{urlencode(answer)}", status_code=302)
        return HTMLResponse(pages.form_post(redirect, answer))

    # ---------------------------------------------------------------- tokens

    async def token(self, request: Request) -> Response:
        """The token endpoint: authorization_code and refresh_token."""
        call = await Call.of(request)
        entry = self.world.log(call)
        answer = self._token({k: v[0] for k, v in parse_qs(call.body.decode()).items()})
        entry["status"] = answer.status_code
        return answer

    def _token(self, form: dict[str, str]) -> Response:  # noqa: PLR0911 - one return a row of the table of errors
        fail = self.world.quirks.fail_token
        if fail.isdecimal():
            return JSONResponse({"error": "temporarily_unavailable"}, int(fail), headers={"Retry-After": "1"} if fail == "429" else {})
        if fail:
            number = {"invalid_client": 7000222, "invalid_grant": 50173, "interaction_required": 50076}.get(fail, 90000)
            return self._error(fail, number, "Injected by the test.")
        if form.get("client_id") != self.client_id:
            return self._error("unauthorized_client", 700016, "Application was not found in the directory.")
        if form.get("client_secret") != self.client_secret and "client_assertion" not in form:
            return self._error("invalid_client", 7000215, "Invalid client secret provided.")
        try:
            claims = json.loads(form.get("claims", "{}"))
        except ValueError:
            claims = None
        if not isinstance(claims, dict):
            # A client that sends the base64 of a challenge as it came.
            return self._error("invalid_request", 90013, "Invalid input received from the user: claims is no JSON.")
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(form, claims)
            case "refresh_token":
                return self._refresh(form, claims)
            case other:
                return self._error("unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{other}'.")

    def _redeem(self, form: dict[str, str], claims: dict[str, Any]) -> Response:
        code = self.codes.get(form.get("code", ""))
        if code is None or code.expires_at < self.world.time().timestamp():
            return self._error("invalid_grant", 70008, "The provided authorization code or refresh token has expired.")
        if code.is_used:
            return self._error("invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.")
        code.is_used = True
        if form.get("redirect_uri") != code.params["redirect_uri"]:
            return self._error("invalid_grant", 500112, "The reply address does not match the one of the authorization request.")
        challenge = code.params.get("code_challenge")
        if challenge is not None:
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
                return self._error("invalid_grant", 501481, "The Code_Verifier does not match the code_challenge.")
        return self._tokens(code.address, tuple(code.params["scope"].split()), code.params.get("nonce"), claims)

    def _refresh(self, form: dict[str, str], claims: dict[str, Any]) -> Response:
        known = self.refresh.get(form.get("refresh_token", ""))
        if known is None or known[0] not in self.world.mailboxes:
            return self._error("invalid_grant", 50173, "The provided grant has expired due to it being revoked.", suberror="bad_token")
        # The old refresh token is not revoked by its use (graph-behaviour 9.1).
        return self._tokens(known[0], known[1], None, claims)

    def _tokens(self, address: str, scopes: tuple[str, ...], nonce: str | None, claims: dict[str, Any]) -> Response:
        mailbox = self.world.mailboxes[address]
        access, refresh = "EwB4" + secrets.token_urlsafe(180), "0.AX" + secrets.token_urlsafe(180)
        self.tokens_given += 1
        resource = tuple(s for s in scopes if s not in {"openid", "profile", "offline_access", "email"})
        self.grants[access] = Grant(address, resource, self.world.time().timestamp() + _TOKEN_TTL, claims, self.tokens_given)
        self.refresh[refresh] = (address, scopes)
        shown = tuple(s.rpartition("/")[2] for s in resource) if self.world.quirks.scope_restamp else resource
        now = int(self.world.time().timestamp())
        id_claims = {
            "aud": self.client_id,
            "iss": f"https://login.microsoftonline.com/{mailbox.tid}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + _TOKEN_TTL,
            "name": mailbox.name,
            "oid": mailbox.oid,
            "preferred_username": address,
            "sub": hashlib.sha256(mailbox.oid.encode()).hexdigest()[:43],
            "tid": mailbox.tid,
            "ver": "2.0",
        }
        if nonce is not None:
            id_claims["nonce"] = nonce
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": " ".join(shown),
            "expires_in": _TOKEN_TTL,
            "ext_expires_in": _TOKEN_TTL,
            "access_token": access,
            "id_token": f"{_b64({'alg': 'RS256', 'typ': 'JWT'})}.{_b64(id_claims)}.c2ln",
            "client_info": self._client_info(address),
        }
        if "offline_access" in scopes:
            answer["refresh_token"] = refresh
        return JSONResponse(answer, headers={"Cache-Control": "no-store, no-cache"})

    def _client_info(self, address: str) -> str:
        mailbox = self.world.mailboxes[address]
        return _b64({"uid": mailbox.oid, "utid": mailbox.tid})

    def _error(self, error: str, number: int, text: str, *, suberror: str | None = None) -> Response:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = self.world.now().strftime("%Y-%m-%d %H:%M:%SZ")
        body: dict[str, Any] = {
            "error": error,
            "error_description": f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}",
            "error_codes": [number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        }
        if suberror:
            body["suberror"] = suberror
        return JSONResponse(body, 401 if error == "invalid_client" else 400, headers={"Cache-Control": "no-store, no-cache"})


def _b64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
