"""The app's own proof at the token endpoint: a client secret, or an assertion that the key of a registered certificate signed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import load_pem_x509_certificate

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["AppCredentials"]

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Seconds that an assertion may live (certificate credentials: "five to ten minutes after nbf at most").
_LIFETIME = 600


class AppCredentials:
    """The one app registration: `certificate` is PEM, None where none is registered."""

    def __init__(self, client_id: str, secret: str, certificate: bytes | None = None) -> None:
        self.client_id = client_id
        self.secret = secret
        self._certificate = load_pem_x509_certificate(certificate) if certificate is not None else None

    def problem(self, form: dict[str, str], endpoint: str, now: datetime) -> tuple[int, str] | None:
        """Return number and text of what is wrong with the proof in a token request to `endpoint`, or None."""
        if "client_assertion" in form:
            return self._assertion_problem(form, endpoint, now)
        return None if form.get("client_secret") == self.secret else (7000215, "Invalid client secret provided.")

    def _assertion_problem(self, form: dict[str, str], endpoint: str, now: datetime) -> tuple[int, str] | None:
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            return 90014, "The required field 'client_assertion_type' is missing from the credential."
        try:
            claims = self._signed(form["client_assertion"])
        except jwt.PyJWTError:
            return 700027, "Client assertion failed signature validation, or its certificate is not registered on the application."
        moment = now.timestamp()
        if not moment < claims["exp"] <= moment + _LIFETIME + 1:
            return 700024, "Client assertion is not within its valid time range."
        # MSAL is shown https for an authority on this machine; the address is the same.
        audience, wanted = urlsplit(str(claims["aud"])), urlsplit(endpoint)
        if (audience.netloc, audience.path) != (wanted.netloc, wanted.path):
            return 700023, "Client assertion audience claim does not match Realm issuer."
        return None if claims["iss"] == claims["sub"] == self.client_id else (700021, "Client assertion application identifier is wrong.")

    def _signed(self, assertion: str) -> dict[str, Any]:
        """Return the claims of an assertion if the registered certificate's key signed it. Raises `jwt.PyJWTError`."""
        if self._certificate is None:
            raise jwt.InvalidKeyError("no certificate is registered")
        # The header names the certificate, by either thumbprint; MSAL pads it, though base64url in JWTs has no padding.
        header = jwt.get_unverified_header(assertion)
        names = {"x5t": hashes.SHA1(), "x5t#S256": hashes.SHA256()}  # noqa: S303 - a name of a certificate, as the protocol has it
        if not any(str(header.get(name)).rstrip("=") == _b64(self._certificate.fingerprint(kind)) for name, kind in names.items()):
            raise jwt.InvalidKeyError("another certificate")
        claims: dict[str, Any] = jwt.decode(
            assertion,
            self._certificate.public_key(),  # type: ignore[arg-type]  # RSA, as the algorithms want it
            algorithms=["RS256", "PS256"],
            # The times are the world's, and the audience has another scheme: both are checked by the caller.
            options={"require": ["aud", "iss", "sub", "exp", "jti"], "verify_aud": False, "verify_exp": False, "verify_nbf": False},
        )
        return claims


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
