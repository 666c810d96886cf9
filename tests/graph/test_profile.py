"""The addresses of a mailbox, as Graph has them."""

from __future__ import annotations

import pytest

from connector.graph.profile import addresses, aliases
from connector.graph.types import User


@pytest.mark.parametrize(
    ("user", "known"),
    [
        (User("1", mail="a@x.example", user_principal_name="a@x.example"), ["a@x.example"]),
        (User("1", mail="A@x.example", user_principal_name="a.l@x.onmicrosoft.com"), ["A@x.example", "a.l@x.onmicrosoft.com"]),
        (
            User("1", mail="a@x.example", proxy_addresses=["smtp:old@x.example", "x500:/o=X/cn=a", "SIP:a@x.example", "SMTP:a@x.example"]),
            ["a@x.example", "old@x.example"],
        ),
        # The primary one stands first also where there is no `mail`.
        (User("1", proxy_addresses=["smtp:old@x.example", "SMTP:a@x.example"]), ["a@x.example", "old@x.example"]),
        (User("1", user_principal_name="no address"), []),
        (User("1"), []),
    ],
)
def test_addresses_are_mail_proxies_and_the_sign_in_name(user: User, known: list[str]) -> None:
    """Each once, the primary one first; what is no address of mail is none."""
    assert addresses(user) == known


def test_aliases_are_the_other_addresses_of_mail() -> None:
    """Neither the account's own, nor the name to sign in with, nor what Microsoft routes by."""
    proxies = ["SMTP:a@x.example", "smtp:sales@x.example", "smtp:a@x.onmicrosoft.com", "smtp:a@x.mail.onmicrosoft.com", "SIP:a@x.example"]
    user = User("1", mail="a@x.example", user_principal_name="login@x.example", proxy_addresses=proxies)
    assert aliases(user, "A@x.example") == ["sales@x.example"]
    assert aliases(user, "sales@x.example") == ["a@x.example"]
    assert aliases(User("1", user_principal_name="a@x.example"), "a@x.example") == []
