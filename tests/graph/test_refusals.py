"""What Entra's refusals mean: whose they are, and which page they lead to."""

from __future__ import annotations

from typing import Any

import pytest

from connector.errors import AppRefused, AuthError, EntraUnreachable, NeedsAdmin, NeedsSignIn
from connector.graph.refusals import SignInRefused, redemption_error, refresh_error, refused

CLAIMS = '{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}'


def _answer(error: str, number: int = 0, suberror: str = "", **more: Any) -> dict[str, Any]:
    """Return an error as the token endpoint has it."""
    named = {"error_codes": [number], "error_description": f"AADSTS{number}: No. Trace ID: 1"} if number else {}
    return {"error": error, **named, **({"suberror": suberror} if suberror else {}), **more}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (_answer("access_denied", 65004), "denied"),
        (_answer("access_denied"), "denied"),
        (_answer("consent_required"), "denied"),
        (_answer("invalid_grant", 65001, "consent_required"), "denied"),
        (_answer("access_denied", 90094), "admin_consent"),
        ({"error": "access_denied", "error_description": "AADSTS90095: Admin consent is required."}, "admin_consent"),
        (_answer("invalid_grant", 90094, "consent_required"), "admin_consent"),
        (_answer("interaction_required", 50076, "basic_action"), "interaction_required"),
        (_answer("invalid_grant", 50079), "interaction_required"),
        (_answer("invalid_grant", 0, "additional_action"), "interaction_required"),
        (_answer("login_required"), "interaction_required"),
        (_answer("invalid_grant", 53003, "message_only"), "blocked"),
        (_answer("interaction_required", 53000), "blocked"),
        ({"error": "access_denied", "error_description": "AADSTS53003: Blocked by Conditional Access."}, "blocked"),
        (_answer("invalid_grant", 54005), "expired"),
        (_answer("invalid_grant", 70008), "expired"),
        (_answer("invalid_request", 90013), "failed"),
        ({}, "failed"),
    ],
)
def test_refused_each_answer_has_its_ending(answer: dict[str, Any], outcome: str) -> None:
    """By `error` and `suberror` first, by number where they say too little, at the redirect as at the token endpoint."""
    error = refused(answer)
    assert error.outcome == outcome
    assert error.message.endswith((".", "?"))
    found = redemption_error(answer)
    assert isinstance(found, SignInRefused)
    assert found.outcome == outcome


@pytest.mark.parametrize(
    ("answer", "lacks"),
    [
        (_answer("access_denied", 65004), False),
        (_answer("access_denied"), False),
        (_answer("consent_required"), True),
        (_answer("invalid_grant", 65001, "consent_required"), True),
        (_answer("access_denied", 90094), True),
        (_answer("invalid_grant", 54005), False),
    ],
)
def test_refused_an_administrator_is_asked_for_where_consent_is_missing(answer: dict[str, Any], *, lacks: bool) -> None:
    """Whoever pressed Cancel gets no link to send to an administrator."""
    assert refused(answer).lacks_consent is lacks


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_answer("invalid_client", 7000222), AppRefused),
        (_answer("unauthorized_client", 700016), AppRefused),
        (_answer("invalid_scope", 70011), NeedsAdmin),
        (_answer("temporarily_unavailable"), EntraUnreachable),
        (_answer("server_error"), EntraUnreachable),
    ],
)
def test_redemption_and_refresh_agree_on_what_is_not_the_persons(answer: dict[str, Any], kind: type[AuthError]) -> None:
    """An expired secret is the administrator's and weather is nobody's, whoever happens to ask."""
    assert type(redemption_error(answer)) is kind
    assert type(refresh_error(answer)) is kind
    if kind is AppRefused:
        assert f"AADSTS{answer['error_codes'][0]}" in str(refresh_error(answer))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_answer("invalid_grant", 50173, "bad_token"), NeedsSignIn),
        (_answer("invalid_grant", 700082), NeedsSignIn),
        (_answer("invalid_grant", 53003, "message_only"), NeedsSignIn),
        (_answer("interaction_required", 50076, "basic_action"), NeedsSignIn),
        (_answer("consent_required", 65001), NeedsSignIn),
        (_answer("invalid_grant", 90094), NeedsAdmin),
        (_answer("invalid_request", 90013), AuthError),
        ({}, AuthError),
    ],
)
def test_refresh_error_is_the_persons_only_in_the_invalid_grant_family(answer: dict[str, Any], kind: type[AuthError]) -> None:
    """What may be our own fault sends nobody to Microsoft."""
    assert type(refresh_error(answer)) is kind


@pytest.mark.parametrize(("claims", "kept"), [(CLAIMS, CLAIMS), (None, None), ("eyJhIjoxfQ==", None), (5, None)])
def test_claims_of_a_refusal_are_kept_if_they_are_json(claims: Any, kept: str | None) -> None:
    """MSAL wants the JSON itself; anything else would break the next sign-in."""
    answer = _answer("interaction_required", 50076, "basic_action", claims=claims)
    assert refused(answer).claims == kept
    error = refresh_error(answer)
    assert isinstance(error, NeedsSignIn)
    assert error.claims == kept
