"""Entra ID through MSAL: sign-in, and access tokens afterwards.

MSAL blocks, so it runs in a worker thread, with its HTTP coming back to trio (`entra_wire`). What it does by itself that we do not want:

    it remembers a failed request for 5 to 60 s       each attempt gets an application object of its own
    it sends parallel refreshes                       one lock per account (`AccountTokens`)
    it refuses http authorities                       for this machine only: it is shown https, and http is put back on the wire

An invalid_grant says that only the person can help; 5xx and 429 say nothing about the account (`refusals`).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

import msal
import trio
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from connector.errors import ConfigError, EntraUnreachable, NeedsAdmin, NeedsSignIn
from connector.graph.entra_wire import EntraWire, as_http
from connector.graph.refusals import SignInRefused, is_passing, not_ours, redemption_error, refresh_error, refused
from connector.http import HTTPError, in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from pydantic import SecretStr

    from connector.http import AsyncClient

__all__ = ["AccountTokens", "Entra", "EntraSettings", "Granted"]

# Seconds: how long a person who comes back from Microsoft is kept waiting while Entra is only busy. Odoo waits 20 s for all of it.
_PATIENCE = 5.0
# Seconds: the first pause where Entra names none, doubled each time.
_PAUSE = 0.5

# The permissions with which mail can be read at all, the larger one first.
_READING = ("mail.readwrite", "mail.read")

# Tenants that name a kind of account, not an organisation whose administrator could approve anything.
_NOBODYS_TENANTS = frozenset({"common", "consumers"})


class EntraSettings(Protocol):
    """The part of the configuration that this module reads."""

    @property
    def authority(self) -> str: ...  # noqa: D102
    @property
    def tenant(self) -> str: ...  # noqa: D102
    @property
    def client_id(self) -> str: ...  # noqa: D102
    @property
    def client_secret(self) -> SecretStr | None: ...  # noqa: D102
    @property
    def certificate(self) -> Path | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Granted:
    """What a sign-in gave: MSAL's token cache (secret), the scopes that we asked for and got, the claims of the id token.

    `tenant` is where it happened, and where its tokens are refreshed; None is the configured one.
    """

    cache_blob: bytes = field(repr=False)
    scopes: tuple[str, ...]
    claims: dict[str, Any] = field(repr=False)
    tenant: str | None = None


class Entra:
    """The app registration at Entra ID. A `tenant` of None is the configured one."""

    def __init__(self, settings: EntraSettings, scopes: Sequence[str], http: AsyncClient, *, patience: float = _PATIENCE) -> None:
        """`scopes` in their long form. Raises `ConfigError` when the certificate cannot be read."""
        self.scopes = list(scopes)
        self._settings = settings
        self._http = http
        self._patience = patience
        parts = urlsplit(settings.authority)
        self._netloc = parts.netloc
        self._plain_netloc = parts.netloc if parts.scheme == "http" else None
        self._credential = _credential(settings)

    async def start(self, email: str, redirect_uri: str, *, tenant: str | None = None, claims: str | None = None) -> tuple[str, str, bytes]:
        """Begin a sign-in: (URL for the browser, state, flow to keep secret). `claims` is what an earlier refusal asked for.

        Raises `EntraUnreachable`, `NeedsAdmin`.
        """

        def run(wire: EntraWire) -> dict[str, Any]:
            flow: dict[str, Any] = self._application(msal.TokenCache(), wire, tenant).initiate_auth_code_flow(
                self.scopes,
                redirect_uri=redirect_uri,
                login_hint=email,
                prompt="select_account",
                response_mode="form_post",
                claims_challenge=claims,
            )
            return flow

        flow = await self._patiently(run, tenant)
        url = flow["auth_uri"] if self._plain_netloc is None else as_http(flow["auth_uri"], self._plain_netloc)
        return url, flow["state"], json.dumps({"flow": flow, "tenant": tenant}).encode()

    async def finish(self, flow: bytes, answer: dict[str, str]) -> Granted:
        """Redeem the answer of a sign-in. Raises `SignInRefused`, `EntraUnreachable`, `NeedsAdmin`."""
        begun = json.loads(flow)
        kept, tenant = begun["flow"], begun["tenant"]
        if "error" in answer or "code" not in answer:
            raise refused(answer)
        if answer.get("state") != kept["state"]:
            raise not_ours()
        cache = msal.SerializableTokenCache()

        def run(wire: EntraWire) -> dict[str, Any]:
            try:
                # Copies: MSAL takes both apart, and there may be another attempt.
                result: dict[str, Any] = self._application(cache, wire, tenant).acquire_token_by_auth_code_flow(dict(kept), dict(answer))
            except RuntimeError as error:
                # A nonce that is not ours: an answer to somebody else's question. (A ValueError is Entra's fault: `_asked`.)
                raise not_ours() from error
            return result

        result = await self._patiently(run, tenant)
        if "error" in result:
            raise redemption_error(result)
        if not any(cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN)):
            raise SignInRefused(
                "failed", "Microsoft gave no lasting access (offline_access). Please start again and accept all permissions."
            )
        scopes = self._usable(str(result.get("scope", "")).split())
        if not {_last(scope) for scope in scopes} & set(_READING):
            raise SignInRefused("failed", "Microsoft did not grant access to mail. Please start again and accept all permissions.")
        if "mail.readwrite" not in {_last(scope) for scope in self.scopes}:
            # A connector that is set to read only reads only, whatever was granted to the app before.
            scopes = [scope.removesuffix("Write") if _last(scope) == "mail.readwrite" else scope for scope in scopes]
        return Granted(
            cache_blob=cache.serialize().encode(), scopes=tuple(scopes), claims=dict(result.get("id_token_claims") or {}), tenant=tenant
        )

    async def silent(self, blob: bytes, *, claims: str | None, force: bool, tenant: str | None = None) -> tuple[str, float, bytes]:
        """Return (access token, seconds that it is good for, token cache afterwards) from a token cache.

        Raises `NeedsSignIn`, `NeedsAdmin`, `EntraUnreachable`.
        """
        cache = msal.SerializableTokenCache()
        cache.deserialize(blob.decode())
        # Never more than was granted: Entra refuses a refresh as a whole for one scope that lacks consent (AADSTS65001).
        granted = [s for entry in cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN) for s in entry.get("target", "").split()]
        scopes = self._usable(granted) or self.scopes

        def run(wire: EntraWire) -> dict[str, Any] | None:
            application = self._application(cache, wire, tenant)
            accounts = application.get_accounts()
            if not accounts:
                return None
            result: dict[str, Any] | None = application.acquire_token_silent_with_error(
                scopes, account=accounts[0], force_refresh=force, claims_challenge=claims
            )
            return result

        result = await self._asked(run, self._wire(), tenant)
        if result is None:
            raise NeedsSignIn("Microsoft holds no sign-in for this account")
        if "error" in result:
            raise refresh_error(result)
        return str(result["access_token"]), float(result.get("expires_in") or 0), cache.serialize().encode()

    def admin_consent_url(self, flow: bytes) -> str:
        """Return where an administrator of the organisation that a sign-in was for approves the app for everybody in it."""
        begun = json.loads(flow)
        named = begun["tenant"] or self._settings.tenant
        query = {
            "client_id": self._settings.client_id,
            "scope": " ".join(self.scopes),
            "redirect_uri": begun["flow"]["redirect_uri"],
            # Nobody waits for it: the administrator may be anybody, at another browser, next week.
            "state": secrets.token_urlsafe(16),
        }
        where = "organizations" if named in _NOBODYS_TENANTS else named
        return f"{self._settings.authority.rstrip('/')}/{where}/v2.0/adminconsent?{urlencode(query)}"

    def _usable(self, granted: Iterable[str]) -> list[str]:
        """Return what of our scopes was granted; of reading what there is, if the configuration asked for another form of it meanwhile."""
        by_name = {_last(scope): scope for scope in granted}
        usable = [scope for scope in self.scopes if _last(scope) in by_name]
        if not {_last(scope) for scope in usable} & set(_READING):
            usable += [by_name[name] for name in _READING if name in by_name][:1]
        return usable

    def _wire(self) -> EntraWire:
        return EntraWire(self._http, self._plain_netloc)

    def _application(self, cache: Any, wire: EntraWire, tenant: str | None) -> Any:
        authority = self._settings.authority if self._plain_netloc is None else f"https://{self._netloc}"
        return msal.ConfidentialClientApplication(
            self._settings.client_id,
            client_credential=self._credential,
            authority=f"{authority.rstrip('/')}/{tenant or self._settings.tenant}",
            token_cache=cache,
            http_client=wire,
            instance_discovery=False,
            client_capabilities=["CP1"],
        )

    async def _patiently(self, run: Callable[[EntraWire], dict[str, Any]], tenant: str | None) -> dict[str, Any]:
        """Run MSAL while a person waits: again, for some seconds, while Entra is only busy. Raises `EntraUnreachable`, `NeedsAdmin`."""
        deadline = trio.current_time() + self._patience
        for attempt in count():
            wire = self._wire()
            try:
                result: dict[str, Any] = await self._asked(run, wire, tenant)
                if not is_passing(result):
                    return result
                busy = EntraUnreachable(f"{urlsplit(self._settings.authority).hostname} is busy ({result['error']})")
            except EntraUnreachable as error:
                busy = error
            pause = wire.retry_after if wire.retry_after is not None else _PAUSE * 2**attempt
            if trio.current_time() + pause > deadline:
                raise busy
            await trio.sleep(pause)
        raise AssertionError("not reached: the loop has no end")

    async def _asked(self, run: Callable[[EntraWire], Any], wire: EntraWire, tenant: str | None) -> Any:
        """Run MSAL in a thread and map what can go wrong on the way."""
        host = urlsplit(self._settings.authority).hostname
        try:
            return await in_thread(run, wire)
        except msal.exceptions.MsalServiceError as error:
            raise EntraUnreachable(f"{host} does not answer as it should") from error
        except HTTPError as error:
            raise EntraUnreachable(f"{host} cannot be reached ({type(error).__name__})") from error
        except ValueError as error:
            named = tenant or self._settings.tenant
            if wire.is_tenant_unknown:
                raise NeedsAdmin(
                    f"{host} knows no tenant {named!r}. Check the tenant of this mailbox, or entra.tenant in the connector's configuration."
                ) from error
            # MSAL's word for a discovery document that is not one.
            raise EntraUnreachable(f"{host} does not know the tenant {named!r} or is no Entra ID") from error


# Seconds: MSAL itself takes a token for worn five minutes before its end.
_TOKEN_MARGIN = 300.0


class AccountTokens:
    """The access tokens of one account: single flight, and a rotated refresh token is kept before its access token is used."""

    def __init__(self, entra: Entra, blob: bytes, on_change: Callable[[bytes], Awaitable[None]], *, tenant: str | None = None) -> None:
        """`blob` is MSAL's token cache; `on_change` keeps a new one."""
        self._entra = entra
        # May change under the same tokens: a refresh token is bound to person and app, not to where it is refreshed.
        self.tenant = tenant
        self._blob = blob
        self._on_change = on_change
        self._is_kept = True
        self._last: str | None = None
        self._good_until = 0.0
        self._one_at_a_time = trio.Lock()

    @property
    def blob(self) -> bytes:
        """MSAL's token cache as it is now (secret)."""
        return self._blob

    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        """Return an access token; a refresh only if it is needed, or if `reject` is the one that is held.

        The `claims` of a refused token that was replaced meanwhile are met already: asking MSAL with them would refresh once more.
        """
        async with self._one_at_a_time:
            is_refused = reject is not None and self._last in {None, reject}
            if self._last is not None and self._is_kept and not is_refused and trio.current_time() < self._good_until:
                # MSAL would find the same one, in a thread and out of JSON, for every request.
                return self._last
            token, seconds, blob = await self._entra.silent(
                self._blob, claims=claims if is_refused else None, force=is_refused, tenant=self.tenant
            )
            if blob != self._blob:
                self._blob, self._is_kept = blob, not _is_worth_keeping(blob)
            if not self._is_kept:
                # Shielded, and tried again by the next caller if it fails: Entra may have dropped the refresh token before this one.
                with trio.CancelScope(shield=True):
                    await self._on_change(self._blob)
                self._is_kept = True
            self._last, self._good_until = token, trio.current_time() + seconds - _TOKEN_MARGIN
            return token


def _is_worth_keeping(blob: bytes) -> bool:
    return bool(json.loads(blob).get("RefreshToken"))


def _credential(settings: EntraSettings) -> Any:
    """Return the secret, or the certificate, as MSAL takes them. Raises `ConfigError`."""
    if settings.client_secret is not None:
        return settings.client_secret.get_secret_value()
    path = settings.certificate or Path()
    try:
        pem = path.read_bytes()
        load_pem_private_key(pem, password=None)
        load_pem_x509_certificate(pem)
    except OSError as error:
        raise ConfigError(f"entra.certificate {path}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise ConfigError(f"entra.certificate {path}: wants a PEM file with an unencrypted private key and its certificate") from error
    return {"private_key": pem.decode(), "public_certificate": pem.decode()}


def _last(scope: str) -> str:
    """Return the permission a scope ends in: Entra re-stamps the resource before it (graph-behaviour 9.1)."""
    return scope.rpartition("/")[2].lower()
