"""Entra ID: discovery, codes, and the token endpoint; its pages are in `authorize`. MSAL (the real one) is its judge."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from tests.graph_simulator.cae import Challenges
from tests.graph_simulator.call import Call
from tests.graph_simulator.policies import Policies, Policy
from tests.graph_simulator.quirks import listed

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.graph_simulator.credentials import AppCredentials
    from tests.graph_simulator.server import World

__all__ = ["Entra", "Grant", "claims_in"]

# Seconds (graph-behaviour 9.1): a code about ten minutes, an access token about an hour.
_CODE_TTL = 600
_TOKEN_TTL = 3599

# Scopes that belong to no resource.
_OPENID = frozenset({"openid", "profile", "offline_access", "email"})


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
    app: AppCredentials
    redirect_uris: tuple[str, ...] = ()
    codes: dict[str, _Code] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    # What the sign-in behind a refresh token has proved.
    proved: dict[str, dict[str, Any]] = field(default_factory=dict)
    challenges: Challenges = field(default_factory=Challenges)
    tokens_given: int = 0
    policies: Policies = field(init=False)

    def __post_init__(self) -> None:
        self.policies = Policies(self.world)

    def grant_of(self, token: str) -> Grant | None:
        """Return what a living access token opens."""
        grant = self.grants.get(token)
        return (
            grant
            if grant is not None and grant.expires_at > self.world.time().timestamp() and grant.address in self.world.mailboxes
            else None
        )

    def challenge(
        self, address: str, claims: dict[str, Any] | None = None, *, has_pop: bool = False, is_interactive: bool = False
    ) -> dict[str, Any]:
        """Let Graph refuse the access tokens of a mailbox until one with `claims` comes: as after a change of the password.

        `is_interactive`: no refresh brings one, only a sign-in by the person.
        """
        moment = str(int(self.world.time().timestamp()))
        wanted = claims or {"access_token": {"nbf": {"essential": True, "value": moment}}}
        self.challenges.begin(address, wanted, self.tokens_given, has_pop=has_pop)
        if is_interactive:
            self.policies.of[address] = Policy(wanted)
        return wanted

    def revoke(self, address: str) -> None:
        """Void every token of a mailbox, as "revoke sessions" does."""
        self.grants = {t: g for t, g in self.grants.items() if g.address != address}
        self.refresh = {t: g for t, g in self.refresh.items() if g[0] != address}

    # ---------------------------------------------------------------- discovery

    async def discovery(self, request: Request) -> Response:
        """`/{tenant}/v2.0/.well-known/openid-configuration`, with this host's endpoints."""
        tenant = request.path_params["tenant"]
        if not self.policies.knows(tenant):
            return self._error("invalid_tenant", 90002, f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.")
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

    # ---------------------------------------------------------------- tokens

    def new_code(self, address: str, params: dict[str, str]) -> dict[str, str]:
        """Make the code that answers an authorize request, with what comes beside it."""
        code = "M.C5" + secrets.token_urlsafe(48)
        self.codes[code] = _Code(address, params, self.world.time().timestamp() + _CODE_TTL)
        return {"code": code, "session_state": str(uuid.uuid4()), "client_info": self._client_info(address)}

    async def token(self, request: Request) -> Response:
        """The token endpoint: authorization_code and refresh_token."""
        call = await Call.of(request)
        entry = self.world.log(call)
        form = {k: v[0] for k, v in parse_qs(call.body.decode()).items()}
        answer = self._token(form, str(request.path_params["tenant"]), str(request.url))
        entry["status"] = answer.status_code
        return answer

    def _token(self, form: dict[str, str], tenant: str, endpoint: str) -> Response:  # noqa: PLR0911 - one return a row of the table of errors
        fail = self._injected()
        if fail.isdecimal():
            return JSONResponse({"error": "temporarily_unavailable"}, int(fail), headers={"Retry-After": "1"} if fail == "429" else {})
        if fail:
            number = {"invalid_client": 7000222, "invalid_grant": 50173, "interaction_required": 50076}.get(fail, 90000)
            return self._error(fail, number, "Injected by the test.")
        if not self.policies.knows(tenant):
            return self._error("invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("client_id") != self.app.client_id:
            return self._error("unauthorized_client", 700016, "Application was not found in the directory.")
        if (problem := self.app.problem(form, endpoint, self.world.time())) is not None:
            return self._error("invalid_client", *problem)
        claims = claims_in(form)
        if claims is None:
            # A client that sends the base64 of a challenge as it came.
            return self._error("invalid_request", 90013, "Invalid input received from the user: claims is no JSON.")
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(form, claims)
            case "refresh_token":
                return self._refresh(form, claims, tenant)
            case other:
                return self._error("unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{other}'.")

    def _injected(self) -> str:
        """Return the fault that is switched on, and count it."""
        quirks = self.world.quirks
        fail = quirks.fail_token
        if fail and quirks.fail_token_count:
            quirks.fail_token_count -= 1
            if quirks.fail_token_count == 0:
                quirks.fail_token = ""
        return fail

    def _unproved(self, address: str, proved: dict[str, Any]) -> Response | None:
        """Refuse an account that conditional access blocks, or that has something to prove yet."""
        if self.policies.is_blocked(address):
            text = "Access has been blocked by Conditional Access policies."
            return self._error("invalid_grant", 53003, text, suberror="message_only")
        wanted = self.policies.unproved(address, proved)
        if wanted is None:
            return None
        text = "Due to a configuration change made by your administrator, you must use multi-factor authentication."
        return self._error("interaction_required", 50076, text, suberror="basic_action", claims=json.dumps(wanted))

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
        proved = claims_in(code.params) or {}
        if (refused := self._unproved(code.address, proved)) is not None:
            return refused
        return self._tokens(code.address, self._granted(code.params["scope"].split()), code.params.get("nonce"), claims, proved)

    def _granted(self, asked: list[str]) -> tuple[str, ...]:
        """Return what consent gives: what was asked for, or what the switch says."""
        if not self.world.quirks.consent_scopes:
            return tuple(asked)
        given = listed(self.world.quirks.consent_scopes)
        return (
            *(s for s in asked if s in {"openid", "profile"}),
            *(s if s in _OPENID else f"https://graph.microsoft.com/{s}" for s in given),
        )

    def _refresh(self, form: dict[str, str], claims: dict[str, Any], tenant: str) -> Response:
        token = form.get("refresh_token", "")
        known = self.refresh.get(token)
        if known is None or known[0] not in self.world.mailboxes:
            return self._error("invalid_grant", 50173, "The provided grant has expired due to it being revoked.", suberror="bad_token")
        if (problem := self.policies.problem_in(tenant, self.world.mailboxes[known[0]])) is not None:
            return self._error("invalid_grant", 50020, problem)
        consented = {_name(scope) for scope in known[1]} | _OPENID
        if not {_name(scope) for scope in form.get("scope", "").split()} <= consented:
            text = "The user or administrator has not consented to use the application. Send an interactive authorization request."
            return self._error("invalid_grant", 65001, text, suberror="consent_required")
        proved = self.proved.get(token, {})
        if (refused := self._unproved(known[0], proved)) is not None:
            return refused
        # The old refresh token is not revoked by its use (graph-behaviour 9.1).
        return self._tokens(known[0], known[1], None, claims, proved)

    def _tokens(self, address: str, scopes: tuple[str, ...], nonce: str | None, claims: dict[str, Any], proved: dict[str, Any]) -> Response:
        mailbox = self.world.mailboxes[address]
        access, refresh = "EwB4" + secrets.token_urlsafe(180), "0.AX" + secrets.token_urlsafe(180)
        self.tokens_given += 1
        resource = tuple(s for s in scopes if s not in _OPENID)
        self.grants[access] = Grant(address, resource, self.world.time().timestamp() + _TOKEN_TTL, claims, self.tokens_given)
        self.refresh[refresh] = (address, scopes)
        self.proved[refresh] = proved
        shown = tuple(s.rpartition("/")[2] for s in resource) if self.world.quirks.scope_restamp else resource
        now = int(self.world.time().timestamp())
        id_claims = {
            "aud": self.app.client_id,
            "iss": f"https://login.microsoftonline.com/{mailbox.tid}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + _TOKEN_TTL,
            "name": mailbox.name,
            "oid": mailbox.oid,
            "preferred_username": mailbox.upn,
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

    def _error(self, error: str, number: int, text: str, *, suberror: str | None = None, claims: str | None = None) -> Response:
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
        if claims:
            body["claims"] = claims
        return JSONResponse(body, 401 if error == "invalid_client" else 400, headers={"Cache-Control": "no-store, no-cache"})


def claims_in(params: dict[str, str]) -> dict[str, Any] | None:
    """Return the `claims` of a request, empty where there are none; None where they are no JSON object."""
    try:
        claims = json.loads(params.get("claims", "{}"))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def _name(scope: str) -> str:
    return scope.rpartition("/")[2].lower()


def _b64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
