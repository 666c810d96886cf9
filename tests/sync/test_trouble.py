"""What is wrong with the connector as a whole: known or not, begun and ended once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from msgspec import UNSET

from connector.errors import AppRefused, KeyMissing
from connector.odoo.wire import Trouble
from connector.sync.trouble import Troubles

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_trouble_nothing_is_said_before_entra_was_asked() -> None:
    """After a restart Odoo keeps what it knows, until it turns out to be over."""
    ends: list[int] = []
    troubles = Troubles(lambda: ends.append(1))
    assert (troubles.told, troubles.current) == (UNSET, None)
    troubles.accepted()
    assert troubles.told is None
    assert ends == []


async def test_trouble_begins_and_ends_once() -> None:
    """Whatever the number of accounts that meet it; its end is heard by those that wait."""
    ends: list[int] = []
    troubles = Troubles(lambda: ends.append(1))
    for _ in range(3):
        troubles.refused(AppRefused("invalid_client"))
    assert troubles.told == Trouble("entra_credentials", "invalid_client")
    with trio.fail_after(1):
        await troubles.wait_changed()
    troubles.heard()
    troubles.refused(AppRefused("invalid_client"))
    with trio.move_on_after(0.01) as scope:
        await troubles.wait_changed()
    assert scope.cancelled_caught
    for _ in range(3):
        troubles.accepted()
    assert (troubles.current is None, ends) == (True, [1])


async def test_trouble_of_the_vault_lasts_until_the_last_account_is_served() -> None:
    """It goes before Entra's, and what is left then is shown."""
    troubles = Troubles()
    troubles.refused(AppRefused("invalid_client"))
    for account in (1, 2):
        troubles.key_missing(account, KeyMissing("no key", "0123abcd"))
    troubles.key_found(1)
    assert troubles.current is not None
    assert troubles.current.code == "vault_key"
    assert "0123abcd" in troubles.current.message
    troubles.key_found(2)
    troubles.key_found(2)
    assert troubles.current == Trouble("entra_credentials", "invalid_client")


async def test_trouble_app_that_one_organisation_removed_is_its_own(autojump_clock: MockClock) -> None:
    """While Entra accepts it for others nobody else is told; when it has not for an hour, the app is gone for all."""
    troubles = Troubles()
    troubles.accepted()
    await trio.sleep(3000)
    troubles.refused(AppRefused("unauthorized_client AADSTS700016"))
    assert troubles.told is None
    await trio.sleep(601)
    troubles.refused(AppRefused("unauthorized_client AADSTS700016"))
    assert troubles.current is not None
    fresh = Troubles()
    fresh.refused(AppRefused("unauthorized_client AADSTS700016"))
    assert fresh.current is not None
