"""Entra ID through MSAL: sign-in, and access tokens afterwards.

MSAL blocks, so it runs in a worker thread, with its HTTP coming back to trio (`BlockingBridge`). What it does by itself that we do
not want:

    it remembers a failed request for 5 to 60 s       each attempt gets an application object of its own
    it sends parallel refreshes                       one lock per account (`AccountTokens`)
    it refuses http authorities                       for this machine only: it is shown https, and http is put back on the wire

An invalid_grant says that only the person can help; 5xx and 429 say nothing about the account (graph-behaviour section 9).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import msal
import trio
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from connector.errors import AppRefused, AuthError, ConfigError, EntraUnreachable, NeedsAdmin, NeedsSignIn
from connector.http import BlockingBridge, HTTPError, in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pydantic import SecretStr

    from connector.http import AsyncClient, Response

__all__ = ["AccountTokens", "Entra", "EntraSettings", "Granted", "SignInRefused"]

# Error values of a token answer that an administrator has to mend (graph-behaviour 9.1: invalid_client is an expired or wrong secret).
_ADMIN_ERRORS = frozenset({"invalid_client", "unauthorized_client", "invalid_resource", "invalid_scope"})
# Those of them that speak of the app registration itself, whoever signs in.
_APP_ERRORS = frozenset({"invalid_client", "unauthorized_client"})
# Error values that only the person can mend (section 9.1, the invalid_grant family).
_PERSON_ERRORS = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required", "access_denied"})
# Consent by an administrator, told by its number only.
_ADMIN_CONSENT_CODES = frozenset({90094, 90095})
_AGAIN_ERRORS = frozenset({"temporarily_unavailable", "server_error", "service_unavailable"})


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


class SignInRefused(AuthError):
    """A sign-in that did not connect, for a reason that a person can understand."""

    def __init__(self, outcome: str, message: str) -> None:
        self.outcome = outcome
        self.message = message
        super().__init__(f"sign-in refused: {outcome}")


@dataclass(frozen=True, slots=True)
class Granted:
    """What a sign-in gave: MSAL's token cache (secret), the scopes, the claims of the id token."""

    cache_blob: bytes = field(repr=False)
    scopes: tuple[str, ...]
    claims: dict[str, Any] = field(repr=False)


class Entra:
    """The app registration at Entra ID."""

    def __init__(self, settings: EntraSettings, scopes: Sequence[str], http: AsyncClient) -> None:
        """`scopes` in their long form. Raises `ConfigError` when the certificate cannot be read."""
        self.scopes = list(scopes)
        self._settings = settings
        parts = urlsplit(settings.authority)
        self._is_plain = parts.scheme == "http"
        self._netloc = parts.netloc
        self._bridge = _Loopback(http, self._netloc) if self._is_plain else BlockingBridge(http)
        self._credential = _credential(settings)

    async def start(self, email: str, redirect_uri: str) -> tuple[str, str, bytes]:
        """Begin a sign-in: (URL for the browser, state, flow to keep secret). Raises `EntraUnreachable`, `NeedsAdmin`."""

        def run() -> dict[str, Any]:
            flow: dict[str, Any] = self._application(msal.TokenCache()).initiate_auth_code_flow(
                self.scopes, redirect_uri=redirect_uri, login_hint=email, prompt="select_account", response_mode="form_post"
            )
            return flow

        flow = await self._asked(run)
        return self._on_the_wire(flow["auth_uri"]), flow["state"], json.dumps(flow).encode()

    async def finish(self, flow: bytes, answer: dict[str, str]) -> Granted:
        """Redeem the answer of a sign-in. Raises `SignInRefused`, `EntraUnreachable`, `NeedsAdmin`."""
        kept = json.loads(flow)
        if "error" in answer or "code" not in answer:
            raise _refused(answer)
        if answer.get("state") != kept["state"]:
            raise _not_ours()
        cache = msal.SerializableTokenCache()

        def run() -> dict[str, Any]:
            try:
                result: dict[str, Any] = self._application(cache).acquire_token_by_auth_code_flow(kept, answer)
            except RuntimeError as error:
                # A nonce that is not ours: an answer to somebody else's question. (A ValueError is Entra's fault: `_asked`.)
                raise _not_ours() from error
            return result

        result = await self._asked(run)
        if "error" in result:
            if result["error"] in _ADMIN_ERRORS:
                raise _admin_error(result)
            raise _refused(result)
        if not any(cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN)):
            raise SignInRefused(
                "failed", "Microsoft gave no lasting access (offline_access). Please start again and accept all permissions."
            )
        scopes = tuple(sorted(str(result.get("scope", "")).split()))
        missing = [s for s in self.scopes if _last(s) not in {_last(g) for g in scopes} and _last(s).startswith("mail.")]
        if missing:
            raise SignInRefused("failed", "Microsoft did not grant access to mail. Please start again and accept all permissions.")
        return Granted(cache_blob=cache.serialize().encode(), scopes=scopes, claims=dict(result.get("id_token_claims") or {}))

    async def silent(self, blob: bytes, *, claims: str | None, force: bool) -> tuple[str, float, bytes]:
        """Return (access token, seconds that it is good for, token cache afterwards) from a token cache.

        Raises `NeedsSignIn`, `NeedsAdmin`, `EntraUnreachable`.
        """
        cache = msal.SerializableTokenCache()
        cache.deserialize(blob.decode())

        def run() -> dict[str, Any] | None:
            application = self._application(cache)
            accounts = application.get_accounts()
            if not accounts:
                return None
            result: dict[str, Any] | None = application.acquire_token_silent_with_error(
                self.scopes, account=accounts[0], force_refresh=force, claims_challenge=claims
            )
            return result

        result = await self._asked(run)
        if result is None:
            raise NeedsSignIn("Microsoft holds no sign-in for this account")
        if "error" in result:
            raise _token_error(result)
        return str(result["access_token"]), float(result.get("expires_in") or 0), cache.serialize().encode()

    def _application(self, cache: Any) -> Any:
        authority = f"https://{self._netloc}" if self._is_plain else self._settings.authority
        return msal.ConfidentialClientApplication(
            self._settings.client_id,
            client_credential=self._credential,
            authority=f"{authority.rstrip('/')}/{self._settings.tenant}",
            token_cache=cache,
            http_client=self._bridge,
            instance_discovery=False,
            client_capabilities=["CP1"],
        )

    def _on_the_wire(self, url: str) -> str:
        """Put http back into the URL for the browser, where MSAL was shown https."""
        return _as_http(url, self._netloc) if self._is_plain else url

    async def _asked(self, run: Callable[[], Any]) -> Any:
        """Run MSAL in a thread and map what can go wrong on the way."""
        try:
            return await in_thread(run)
        except msal.exceptions.MsalServiceError as error:
            raise EntraUnreachable(f"{urlsplit(self._settings.authority).hostname} does not answer as it should") from error
        except HTTPError as error:
            raise EntraUnreachable(f"{urlsplit(self._settings.authority).hostname} cannot be reached ({type(error).__name__})") from error
        except ValueError as error:
            # MSAL's word for a discovery document that is not one, or a tenant that does not exist.
            raise EntraUnreachable(
                f"{urlsplit(self._settings.authority).hostname} does not know the tenant {self._settings.tenant!r} or is no Entra ID"
            ) from error


def _as_http(url: str, netloc: str) -> str:
    """Return `url` with http, if it leads to the loopback host that is configured with http, and to no other."""
    parts = urlsplit(url)
    return parts._replace(scheme="http").geturl() if parts.netloc == netloc else url


@dataclass(frozen=True, slots=True)
class _Shown:
    """An answer as MSAL is shown it."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """MSAL calls this where it does not look at the status itself."""
        if self.status_code >= 400:
            raise ValueError(f"HTTP {self.status_code}")


class _Loopback:
    """MSAL's HTTP for an authority on this machine: it thinks https, the wire has http, also in discovery documents (contract, Config)."""

    def __init__(self, http: AsyncClient, netloc: str) -> None:
        self._bridge = BlockingBridge(http, rewrite=lambda url: _as_http(url, netloc))
        self._plain, self._secure = f"http://{netloc}/", f"https://{netloc}/"

    def get(self, url: str, **kwargs: Any) -> _Shown:
        """GET, with this host's http addresses shown as https."""
        return self._shown(self._bridge.get(url, **kwargs))

    def post(self, url: str, **kwargs: Any) -> _Shown:
        """POST, likewise."""
        return self._shown(self._bridge.post(url, **kwargs))

    def close(self) -> None:
        """Do nothing: the client belongs to whoever opened it."""

    def _shown(self, response: Response) -> _Shown:
        return _Shown(response.status_code, response.text.replace(self._plain, self._secure), response.headers)


# Seconds: MSAL itself takes a token for worn five minutes before its end.
_TOKEN_MARGIN = 300.0


class AccountTokens:
    """The access tokens of one account: single flight, and a rotated refresh token is kept before its access token is used."""

    def __init__(self, entra: Entra, blob: bytes, on_change: Callable[[bytes], Awaitable[None]]) -> None:
        """`blob` is MSAL's token cache; `on_change` keeps a new one."""
        self._entra = entra
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
            token, seconds, blob = await self._entra.silent(self._blob, claims=claims if is_refused else None, force=is_refused)
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


def _token_error(result: dict[str, Any]) -> AuthError:
    """Return what an error of the token endpoint means; numbers are not depended on (Microsoft says so), but logged."""
    error = str(result.get("error", ""))
    if error in _AGAIN_ERRORS:
        return EntraUnreachable(f"Entra answered {error}")
    if error in _ADMIN_ERRORS:
        return _admin_error(result)
    named = " ".join(filter(None, [f"Entra answered {error}", result.get("suberror"), _codes(result)]))
    # Anything else (invalid_request) may be our own fault: no reason to send the person to Microsoft.
    return NeedsSignIn(named) if error in _PERSON_ERRORS else AuthError(named)


def _refused(answer: dict[str, Any]) -> SignInRefused:
    """Return the outcome of a sign-in that Entra, the person or an administrator refused."""
    text = str(answer.get("error_description", ""))
    error = str(answer.get("error", ""))
    if _ADMIN_CONSENT_CODES & set(answer.get("error_codes") or ()) or "AADSTS90094" in text or "AADSTS90095" in text:
        return SignInRefused("admin_consent", "Your organisation lets only administrators approve MailDesk. Please ask one to do so.")
    if error in {"access_denied", "consent_required"} or "AADSTS65004" in text:
        return SignInRefused("denied", "The permissions were not accepted, so nothing was connected.")
    if error == "invalid_grant":
        return SignInRefused("expired", "This sign-in took too long or was already used. Please start it again.")
    return SignInRefused("failed", f"Microsoft did not complete the sign-in ({error or 'no reason given'}).")


def _not_ours() -> SignInRefused:
    return SignInRefused("expired", "This sign-in does not belong to the one that was started. Please start again.")


def _admin_error(result: dict[str, Any]) -> NeedsAdmin:
    kind = AppRefused if result.get("error") in _APP_ERRORS else NeedsAdmin
    return kind(
        f"Microsoft does not accept the connector's app registration ({result.get('error')} {_codes(result)}). "
        "An administrator has to check entra.client_id and the client secret or certificate; a secret may have expired."
    )


def _codes(result: dict[str, Any]) -> str:
    return ", ".join(f"AADSTS{code}" for code in result.get("error_codes") or ())


def _last(scope: str) -> str:
    """Return the permission a scope ends in: Entra re-stamps the resource before it (graph-behaviour 9.1)."""
    return scope.rpartition("/")[2].lower()
