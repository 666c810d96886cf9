"""Pure: what Entra's refusals mean, at the end of a sign-in and at a refresh (graph-behaviour 9.1).

    error                                             at a sign-in            at a refresh
    temporarily_unavailable, server_error             try again               try again: says nothing of the account
    invalid_client, unauthorized_client               AppRefused              AppRefused: concerns every account
    invalid_resource, invalid_scope                   NeedsAdmin              NeedsAdmin
    consent that only administrators give             admin_consent           NeedsAdmin
    message_only, a device that is not managed        blocked                 NeedsSignIn
    interaction_required (MFA, conditional access)    interaction_required    NeedsSignIn, both with the claims to prove
    access_denied                                     denied                  NeedsSignIn
    invalid_grant                                     expired                 NeedsSignIn
    anything else                                     failed                  AuthError: may be a fault of ours

Microsoft asks not to depend on numbers; `error` and `suberror` come first, and a number decides only where they say too little.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from connector.errors import AppRefused, AuthError, EntraUnreachable, NeedsAdmin, NeedsSignIn

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SignInRefused", "is_passing", "not_ours", "redemption_error", "refresh_error", "refused"]

_APP_ERRORS = frozenset({"invalid_client", "unauthorized_client"})
_ADMIN_ERRORS = frozenset({"invalid_resource", "invalid_scope"})
# The invalid_grant family: only the person can mend these.
_PERSON_ERRORS = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required", "access_denied"})
_AGAIN_ERRORS = frozenset({"temporarily_unavailable", "server_error", "service_unavailable"})

# Consent by an administrator is told by its number only.
_ADMIN_CONSENT = frozenset({90094, 90095})
# More to prove (MFA and the like), and a sign-in from here that conditional access forbids, where there is no `suberror`.
_MORE_TO_PROVE = frozenset({50072, 50074, 50076, 50078, 50079})
_FORBIDDEN_HERE = frozenset({53000, 53001, 53002, 53003})
# The person said no. Other refusals at the redirect have other numbers.
_DECLINED = frozenset({65004})

# What `suberror` says: more can be proved by the person, or only a message can be shown (MSAL's classification).
_PROVABLE = frozenset({"basic_action", "additional_action"})
_UNPROVABLE = frozenset({"message_only"})

_NUMBER = re.compile(r"AADSTS(\d+)")


class SignInRefused(AuthError):
    """A sign-in that did not connect, for a reason that a person can understand.

    `claims` is what the next one has to prove; `lacks_consent` says that an administrator's approval may help.
    """

    def __init__(self, outcome: str, message: str, *, claims: str | None = None, lacks_consent: bool = False) -> None:
        self.outcome = outcome
        self.message = message
        self.claims = claims
        self.lacks_consent = lacks_consent
        super().__init__(f"sign-in refused: {outcome}")


def is_passing(result: Mapping[str, Any]) -> bool:
    """Tell whether an error of the token endpoint is weather: another attempt may succeed."""
    return str(result.get("error", "")) in _AGAIN_ERRORS


def refresh_error(result: Mapping[str, Any]) -> AuthError:
    """Return what an error of the token endpoint means at a refresh."""
    error = str(result.get("error", ""))
    if (common := _not_the_person(result)) is not None:
        return common
    named = " ".join(filter(None, [f"Entra answered {error}", result.get("suberror"), _codes(result)]))
    if _ADMIN_CONSENT & _numbers(result):
        return NeedsAdmin("Microsoft wants an administrator of the organisation to approve MailDesk.")
    # Anything else (invalid_request) may be our own fault: no reason to send the person to Microsoft.
    return NeedsSignIn(named, claims=_claims(result)) if error in _PERSON_ERRORS else AuthError(named)


def redemption_error(result: Mapping[str, Any]) -> AuthError:
    """Return what an error of the token endpoint means when a code is redeemed."""
    return _not_the_person(result) or refused(result)


def refused(answer: Mapping[str, Any]) -> SignInRefused:
    """Return the outcome of a sign-in that Entra, the person or an administrator refused."""
    error, suberror, numbers = str(answer.get("error", "")), str(answer.get("suberror", "")), _numbers(answer)
    if _ADMIN_CONSENT & numbers:
        return SignInRefused(
            "admin_consent",
            "Your organisation lets only administrators approve MailDesk. Please ask one to do so.",
            lacks_consent=True,
        )
    if suberror in _UNPROVABLE or _FORBIDDEN_HERE & numbers:
        return SignInRefused(
            "blocked", "The rules of your organisation do not allow this sign-in: from this device, this place or this app, say."
        )
    if suberror in _PROVABLE or _MORE_TO_PROVE & numbers or error in {"interaction_required", "login_required"}:
        return SignInRefused(
            "interaction_required", "Microsoft wants one more proof of who you are, such as a code on your phone.", claims=_claims(answer)
        )
    is_declined = error == "access_denied" or bool(_DECLINED & numbers)
    if is_declined or "consent_required" in {error, suberror}:
        # Who pressed Cancel needs no administrator.
        return SignInRefused("denied", "The permissions were not accepted, so nothing was connected.", lacks_consent=not is_declined)
    if error == "invalid_grant":
        return SignInRefused("expired", "This sign-in took too long or was already used. Please start it again.")
    return SignInRefused("failed", f"Microsoft did not complete the sign-in ({_codes(answer) or error or 'no reason given'}).")


def not_ours() -> SignInRefused:
    """Return the outcome of an answer that belongs to another question."""
    return SignInRefused("expired", "This sign-in does not belong to the one that was started. Please start again.")


def _not_the_person(result: Mapping[str, Any]) -> AuthError | None:
    """Return what has nothing to do with who signs in: weather, and the administrator's part."""
    error = str(result.get("error", ""))
    if error in _AGAIN_ERRORS:
        return EntraUnreachable(f"Entra answered {error}")
    if error in _APP_ERRORS:
        return AppRefused(
            f"Microsoft does not accept the connector's app registration ({' '.join(filter(None, [error, _codes(result)]))}). "
            "An administrator has to check entra.client_id and the client secret or certificate; a secret may have expired."
        )
    if error in _ADMIN_ERRORS:
        return NeedsAdmin(
            f"Microsoft does not know what the connector asks for ({' '.join(filter(None, [error, _codes(result)]))}). "
            "An administrator has to check the permissions of the app registration."
        )
    return None


def _claims(result: Mapping[str, Any]) -> str | None:
    claims = result.get("claims")
    return claims if isinstance(claims, str) and claims.startswith("{") else None


def _numbers(result: Mapping[str, Any]) -> set[int]:
    """Return the AADSTS numbers: the token endpoint lists them, the redirect has them in its text only."""
    listed = {code for code in result.get("error_codes") or () if isinstance(code, int)}
    return listed | {int(number) for number in _NUMBER.findall(str(result.get("error_description", "")))}


def _codes(result: Mapping[str, Any]) -> str:
    return ", ".join(f"AADSTS{number}" for number in sorted(_numbers(result)))
