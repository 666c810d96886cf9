"""Whose mailbox a token opens, and under which addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.graph.gate import Priority
from connector.graph.types import User

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient

__all__ = ["CONSUMERS", "addresses", "aliases", "me"]

# The tenant that all personal Microsoft accounts are in (`tid` of their id tokens; Microsoft identity platform, id token claims).
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"

_SELECT = "id,displayName,mail,userPrincipalName"


async def me(mailbox: MailboxClient, *, is_personal: bool = False) -> User:
    """Return the signed-in user. A personal account may have no `mail`, and is not asked for other addresses: it has none in Graph."""
    select = _SELECT if is_personal else f"{_SELECT},proxyAddresses"
    return await mailbox.get("/me", into=User, priority=Priority.PERSON, params={"$select": select})


def addresses(user: User) -> list[str]:
    """Return every address of a work mailbox, the primary one first; `proxyAddresses` has "SMTP:" before it, "smtp:" before the others."""
    proxies = sorted((a for a in user.proxy_addresses or () if a[:5].lower() == "smtp:"), key=lambda a: not a.startswith("SMTP:"))
    known = [user.mail, *(a[5:] for a in proxies), user.user_principal_name]
    unique: dict[str, str] = {}
    for address in known:
        if address and "@" in address:
            unique.setdefault(address.casefold(), address)
    return list(unique.values())


def aliases(user: User, email: str) -> list[str]:
    """Return what a mailbox is known by beside `email`, to be chosen as a sender; without Microsoft's routing addresses.

    Whether Exchange lets them send is the organisation's to say (`SendFromAliasEnabled`), and is learnt from its answer only.
    """
    mail = {(user.mail or "").casefold(), *(a[5:].casefold() for a in user.proxy_addresses or () if a[:5].lower() == "smtp:")}
    known = [a for a in addresses(user) if a.casefold() in mail and a.casefold() != email.casefold()]
    return [a for a in known if not a.casefold().endswith(".onmicrosoft.com")]
