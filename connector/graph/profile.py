"""Whose mailbox a token opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.graph.gate import Priority
from connector.graph.types import User

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient

__all__ = ["me"]


async def me(mailbox: MailboxClient) -> User:
    """Return the signed-in user. A personal account may have no `mail`."""
    return await mailbox.get("/me", into=User, priority=Priority.PERSON, params={"$select": "id,displayName,mail,userPrincipalName"})
