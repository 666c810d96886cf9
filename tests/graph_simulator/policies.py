"""Whom Entra lets in: kinds of accounts and tenants, consent by administrators, conditional access (graph-behaviour 9.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.cae import meets

if TYPE_CHECKING:
    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.server import World

__all__ = ["KINDS", "Policies", "Policy"]

# Tenants of a URL that are kinds of accounts.
KINDS = ("common", "organizations", "consumers")


@dataclass(frozen=True, slots=True)
class Policy:
    """Conditional access of one account: claims that a sign-in by the person has to bring, or a block that nothing lifts."""

    claims: dict[str, Any] | None = None
    is_blocked: bool = False


@dataclass(slots=True)
class Policies:
    """The rules of all tenants of a world."""

    world: World
    of: dict[str, Policy] = field(default_factory=dict)
    # Tenants whose administrator approved the app for everybody.
    approved: set[str] = field(default_factory=set)

    def knows(self, tenant: str) -> bool:
        """Tell whether there is such a tenant: a kind, the id or the domain of an organisation."""
        return tenant.lower() in KINDS or any(tenant.lower() in _names(m) for m in self.world.mailboxes.values())

    def problem_in(self, tenant: str, mailbox: Mailbox) -> str | None:
        """Return why an account cannot sign in at a tenant, or None."""
        match tenant.lower():
            case "common":
                return None
            case "organizations" if mailbox.personal:
                return "You can't sign in here with a personal account. Use your work or school account instead."
            case "consumers" if not mailbox.personal:
                return "You can't sign in here with a work or school account. Use your personal account instead."
            case "organizations" | "consumers":
                return None
            case _:
                if tenant.lower() in _names(mailbox):
                    return None
                return f"AADSTS50020: User account '{mailbox.upn}' from identity provider does not exist in tenant '{tenant}'."

    def wants_approval(self, mailbox: Mailbox) -> bool:
        """Tell whether only an administrator can consent for this account."""
        return self.world.quirks.admin_consent and not mailbox.personal and mailbox.tid not in self.approved

    def is_blocked(self, address: str) -> bool:
        """Tell whether conditional access lets the account in at all."""
        return self.of.get(address, Policy()).is_blocked

    def unproved(self, address: str, claims: dict[str, Any]) -> dict[str, Any] | None:
        """Return the claims that a sign-in with `claims` leaves unproved, or None."""
        wanted = self.of.get(address, Policy()).claims
        return None if wanted is None or meets(claims, wanted) else wanted


def _names(mailbox: Mailbox) -> set[str]:
    names = {mailbox.tid}
    return names if mailbox.personal else names | {mailbox.address.rpartition("@")[2].lower()}
