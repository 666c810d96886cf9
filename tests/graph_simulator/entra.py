"""Entra ID: discovery, the authorize pages, the token endpoint. MSAL (the real one) is its judge.

authorize -> account picker -> consent (Cancel | Accept) -> form_post or query to the redirect URI -> token
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.graph_simulator.server import World

__all__ = ["Entra", "Grant"]

# Seconds (graph-behaviour 9.1): a code about ten minutes, an access token about an hour.
_CODE_TTL = 600
_TOKEN_TTL = 3599

_DESCRIPTIONS = {
    "mail.readwrite": ("Read and write access to your mail", "Allows the app to create, read, update, and delete email in your mailbox."),
    "mail.read": ("Read your mail", "Allows the app to read email in your mailbox."),
    "mail.send": ("Send mail as you", "Allows the app to send mail as you."),
    "user.read": ("View your basic profile", "Allows you to sign in to the app with your organizational account."),
    "offline_access": (
        "Maintain access to data you have given it access to",
        "Allows the app to see and update the data when you are not using it.",
    ),
}


@dataclass(slots=True)
class Grant:
    """What an access token opens."""

    address: str
    scopes: tuple[str, ...]
    expires_at: float


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

    def grant_of(self, token: str) -> Grant | None:
        """Return what a living access token opens."""
        grant = self.grants.get(token)
        return grant if grant is not None and grant.expires_at > time.time() and grant.address in self.world.mailboxes else None

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
            return HTMLResponse(
                _page("Sign in", f"<h1>Sorry, but we’re having trouble signing you in.</h1><p>{html.escape(problem)}</p>"), 400
            )
        if request.method == "GET":
            return HTMLResponse(self._picker(params))
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        match form.get("step"):
            case "picked":
                return HTMLResponse(self._consent(form.get("account", "")))
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
                return HTMLResponse(self._picker(params, "This account does not exist. Enter a different account."))

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

    def _picker(self, params: dict[str, str], problem: str = "") -> str:
        hint = params.get("login_hint", "").lower()
        addresses = sorted(self.world.mailboxes, key=lambda a: (a.lower() != hint, a))
        tiles = "".join(
            f'<form method="post"><input type="hidden" name="step" value="picked"><input type="hidden" name="account" value="{html.escape(a)}">'
            f'<button class="tile" data-account="{html.escape(a)}"><b>{html.escape(self.world.mailboxes[a].name)}</b><span>{html.escape(a)}</span></button></form>'
            for a in addresses
        )
        other = (
            '<form method="post" class="other"><input type="hidden" name="step" value="picked"><label>Use another account '
            '<input name="account" type="email" placeholder="Email"></label><button>Next</button></form>'
        )
        warning = f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
        return _page("Pick an account", f"<h1>Pick an account</h1>{warning}{tiles}{other}")

    def _consent(self, address: str) -> str:
        if address not in self.world.mailboxes:
            return self._picker({}, "This account does not exist. Enter a different account.")
        rows = "".join(f"<li><b>{t}</b><small>{d}</small></li>" for t, d in (_DESCRIPTIONS[s] for s in _DESCRIPTIONS if s != "mail.read"))
        hidden = f'<input type="hidden" name="account" value="{html.escape(address)}">'
        return _page(
            "Permissions requested",
            f"<p>{html.escape(address)}</p><h1>Permissions requested</h1><p><b>MailDesk</b><br><small>unverified</small></p>"
            f"<p>This app would like to:</p><ul>{rows}</ul>"
            "<p><small>Accepting these permissions means that you allow this app to use your data as specified in their terms of "
            "service and privacy statement.</small></p>"
            f'<form method="post" class="buttons">{hidden}<button name="step" value="cancel">Cancel</button>'
            f'<button name="step" value="accept" class="primary">Accept</button></form>',
        )

    def _new_code(self, address: str, params: dict[str, str]) -> dict[str, str]:
        code = "M.C5" + secrets.token_urlsafe(48)
        self.codes[code] = _Code(address, params, time.time() + _CODE_TTL)
        return {"code": code, "session_state": str(uuid.uuid4()), "client_info": self._client_info(address)}

    @staticmethod
    def _answer(params: dict[str, str], answer: dict[str, str]) -> Response:
        """Send the browser back, by an auto-submitting form or by the query."""
        if "state" in params:
            answer["state"] = params["state"]
        redirect = params["redirect_uri"]
        if params.get("response_mode", "query") == "query":
            return RedirectResponse(f"{redirect}?{urlencode(answer)}", status_code=302)
        fields = "".join(f'<input type="hidden" name="{k}" value="{html.escape(v)}">' for k, v in answer.items())
        return HTMLResponse(
            f'<html><head><title>Working...</title></head><body><form method="POST" name="hiddenform" action="{html.escape(redirect)}">{fields}'
            "<noscript><p>Script is disabled. Click Submit to continue.</p><input type='submit' value='Submit'></noscript></form>"
            "<script>document.forms[0].submit();</script></body></html>"
        )

    # ---------------------------------------------------------------- tokens

    async def token(self, request: Request) -> Response:
        """The token endpoint: authorization_code and refresh_token."""
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        self.world.log(request, "")
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
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(form)
            case "refresh_token":
                return self._refresh(form)
            case other:
                return self._error("unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{other}'.")

    def _redeem(self, form: dict[str, str]) -> Response:
        code = self.codes.get(form.get("code", ""))
        if code is None or code.expires_at < time.time():
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
        return self._tokens(code.address, tuple(code.params["scope"].split()), code.params.get("nonce"))

    def _refresh(self, form: dict[str, str]) -> Response:
        known = self.refresh.get(form.get("refresh_token", ""))
        if known is None or known[0] not in self.world.mailboxes:
            return self._error("invalid_grant", 50173, "The provided grant has expired due to it being revoked.", suberror="bad_token")
        # The old refresh token is not revoked by its use (graph-behaviour 9.1).
        return self._tokens(known[0], known[1], None)

    def _tokens(self, address: str, scopes: tuple[str, ...], nonce: str | None) -> Response:
        mailbox = self.world.mailboxes[address]
        access, refresh = "EwB4" + secrets.token_urlsafe(180), "0.AX" + secrets.token_urlsafe(180)
        resource = tuple(s for s in scopes if s not in {"openid", "profile", "offline_access", "email"})
        self.grants[access] = Grant(address, resource, time.time() + _TOKEN_TTL)
        self.refresh[refresh] = (address, scopes)
        shown = tuple(s.rpartition("/")[2] for s in resource) if self.world.quirks.scope_restamp else resource
        now = int(time.time())
        claims = {
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
            claims["nonce"] = nonce
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": " ".join(shown),
            "expires_in": _TOKEN_TTL,
            "ext_expires_in": _TOKEN_TTL,
            "access_token": access,
            "id_token": f"{_b64({'alg': 'RS256', 'typ': 'JWT'})}.{_b64(claims)}.c2ln",
            "client_info": self._client_info(address),
        }
        if "offline_access" in scopes:
            answer["refresh_token"] = refresh
        return JSONResponse(answer, headers={"Cache-Control": "no-store, no-cache"})

    def _client_info(self, address: str) -> str:
        mailbox = self.world.mailboxes[address]
        return _b64({"uid": mailbox.oid, "utid": mailbox.tid})

    @staticmethod
    def _error(error: str, number: int, text: str, *, suberror: str | None = None) -> Response:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
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


def _page(title: str, content: str) -> str:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body{{font:15px/1.4 "Segoe UI",system-ui,sans-serif;background:#f2f2f2;display:grid;place-items:center;min-height:100vh;margin:0;color:#1b1b1b}}
main{{background:#fff;width:440px;max-width:100%;padding:44px;box-sizing:border-box;box-shadow:0 2px 6px rgba(0,0,0,.2)}}
h1{{font-size:24px;font-weight:600}}.logo{{color:#737373;font-weight:600;font-size:18px}}
.tile{{display:block;width:100%;text-align:left;padding:12px;border:0;border-bottom:1px solid #eee;background:#fff;font:inherit;cursor:pointer}}
.tile:hover{{background:#f2f2f2}}.tile b{{display:block;font-weight:600}}.tile span,small{{color:#616161;display:block}}
.other{{margin-top:16px}}.problem{{color:#c50f1f}}ul{{padding-left:18px}}li{{margin:8px 0}}
.buttons{{display:flex;gap:8px;justify-content:flex-end}}.buttons button{{padding:8px 28px;border:0;background:#e1e1e1;font:inherit;cursor:pointer}}
.buttons .primary{{background:#0067b8;color:#fff}}</style></head>
<body><main><div class="logo">Microsoft (simulated)</div>{content}</main></body></html>"""
