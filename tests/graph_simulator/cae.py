"""Continuous access evaluation: tokens that Graph refuses before their time, until one with certain claims comes (graph-behaviour 7)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.odata import GraphFault

if TYPE_CHECKING:
    from tests.graph_simulator.entra import Grant

__all__ = ["Challenges", "meets"]

_SAYS = "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"


@dataclass(slots=True)
class _Challenge:
    claims: dict[str, Any]
    # Access tokens up to this one are refused for good, younger ones until the first that has the claims.
    number: int
    has_pop: bool
    is_met: bool = False


class Challenges:
    """The challenge of each mailbox, if it has one."""

    def __init__(self) -> None:
        self._pending: dict[str, _Challenge] = {}

    def begin(self, address: str, claims: dict[str, Any], number: int, *, has_pop: bool) -> None:
        """Refuse all access tokens given so far, up to `number`."""
        self._pending[address] = _Challenge(claims, number, has_pop)

    def check(self, grant: Grant) -> None:
        """Refuse a token that does not meet the challenge of its mailbox."""
        challenge = self._pending.get(grant.address)
        if challenge is None:
            return
        if grant.number > challenge.number:
            challenge.is_met |= meets(grant.claims, challenge.claims)
            if challenge.is_met:
                return
        if "CP1" not in _of_token(grant.claims).get("xms_cc", {}).get("values", []):
            # Only who says that it can handle a challenge gets one.
            raise GraphFault(403, "insufficient_claims", _SAYS)
        text = base64.b64encode(json.dumps(challenge.claims).encode()).decode()
        bearer = (
            'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
            f'client_id="00000003-0000-0000-c000-000000000000", error_description="{_SAYS}", error="insufficient_claims", claims="{text}"'
        )
        pop = 'PoP realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ' if challenge.has_pop else ""
        raise GraphFault(401, "InvalidAuthenticationToken", _SAYS, {"WWW-Authenticate": pop + bearer})


def _of_token(claims: dict[str, Any]) -> dict[str, Any]:
    found = claims.get("access_token")
    return found if isinstance(found, dict) else {}


def meets(claims: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Tell whether the `claims` of a request ask for all that is `wanted`."""
    has = _of_token(claims)
    return all(has.get(name) == value for name, value in _of_token(wanted).items())
