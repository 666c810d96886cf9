"""The contract round the life of an account and of a database: other databases, troubles, disconnected accounts, tokens let go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector.errors import OdooFault
from connector.odoo.wire import AccountReport, Applied, Exchange, FolderUpdate, Foreign, Refused, SealedToken, Trouble
from tests.odoo_contract.conftest import INSTANCE, RUN, message

if TYPE_CHECKING:
    from tests.odoo_contract.conftest import Mailbox


async def _exchange(mailbox: Mailbox, *reports: AccountReport, **given: Any) -> Exchange:
    return await mailbox.odoo.exchange(instance=INSTANCE, run=RUN, serial=None, since=None, reports=reports, **given)


async def test_exchange_of_another_database_does_nothing(mailbox: Mailbox) -> None:
    """It says who it is; no report is taken, no lease, and no account is told."""
    uuid = (await mailbox.odoo.hello("0.1.0")).database_uuid
    await _exchange(mailbox, leaving=True)
    answer = await _exchange(mailbox, AccountReport(mailbox.id, state="error"), database="another", trouble=Trouble("x", "y"))
    assert (answer.foreign, answer.accounts, answer.serial, answer.watermark) == (Foreign(uuid), [], None, "")
    other = await mailbox.odoo.exchange(instance="other", run="other", serial=None, since=None, reports=[], database=uuid)
    assert (other.held, other.foreign) == (None, None)
    assert next(a for a in other.accounts if a.id == mailbox.id).state == "connected"
    assert (await mailbox.behind.trouble())[0] != "x"
    await mailbox.odoo.exchange(instance="other", run="other", serial=other.serial, since=None, reports=[], leaving=True)


async def test_exchange_trouble_is_kept_and_told_once(mailbox: Mailbox) -> None:
    """Unsaid it stays as it was, also when the connector leaves; administrators hear of it when it begins, and not of its words."""
    await _exchange(mailbox, trouble=None)
    *_, before = await mailbox.behind.trouble()
    for given, expected in (
        ({"trouble": Trouble("entra_credentials", "expired")}, ("entra_credentials", "expired", before + 1)),
        ({}, ("entra_credentials", "expired", before + 1)),
        ({"trouble": Trouble("entra_credentials", "still expired")}, ("entra_credentials", "still expired", before + 1)),
        ({"leaving": True}, ("entra_credentials", "still expired", before + 1)),
        ({"trouble": Trouble("entra_credentials", "still expired")}, ("entra_credentials", "still expired", before + 1)),
        ({"trouble": Trouble("vault_key", "lost")}, ("vault_key", "lost", before + 2)),
        ({"trouble": None}, (None, None, before + 2)),
        ({"trouble": Trouble("vault_key", "lost")}, ("vault_key", "lost", before + 3)),
        ({"trouble": None}, (None, None, before + 3)),
    ):
        await _exchange(mailbox, **given)
        assert await mailbox.behind.trouble() == expected


@pytest.mark.parametrize("trouble", [Trouble("", "m"), Trouble("c", ""), Trouble("c", "\0")])
async def test_exchange_wrong_trouble_takes_nothing(mailbox: Mailbox, trouble: Trouble) -> None:
    """One transaction: the report beside it is not taken either."""
    with pytest.raises(OdooFault, match="trouble"):
        await _exchange(mailbox, AccountReport(mailbox.id, state="error"), trouble=trouble)
    assert (await mailbox.account()).state == "connected"


@pytest.mark.parametrize("state", ["connected", "paused", "reauth_required", "admin_required", "error"])
async def test_exchange_account_that_the_connector_knows_as_disconnected(mailbox: Mailbox, state: str) -> None:
    """A backup brought it back: in whatever state, it is disconnected as by a person. Its mail stays, its token and cursors do not."""
    base = mailbox.revisions["F-inbox"]
    await mailbox.apply(message("m1"), folders=[FolderUpdate("F-inbox", base, cursor="link", is_bootstrapped=True)])
    await mailbox.behind.choose(mailbox.id, state)
    await _exchange(mailbox, AccountReport(mailbox.id, state="disconnected"))
    account = await mailbox.account()
    assert (account.state, account.active, account.token, account.token_seq) == ("disconnected", False, None, 1)
    assert await mailbox.behind.token(mailbox.id) is None
    assert await mailbox.apply(message("m2")) == Refused("account")
    assert list(await mailbox.rows()) == ["m1"]
    folder = next(f for f in (await mailbox.snapshot()).folders if f.remote_id == "F-inbox")
    assert (folder.cursor, folder.is_bootstrapped, folder.revision) == (None, False, base + 2)
    await _exchange(mailbox, AccountReport(mailbox.id, state="connected", token=SealedToken("late", 9)))
    assert ((await mailbox.account()).state, await mailbox.behind.token(mailbox.id)) == ("disconnected", None)


async def test_exchange_draft_is_not_disconnected_by_a_report(mailbox: Mailbox) -> None:
    """The person is just signing in again."""
    await mailbox.behind.choose(mailbox.id, "draft")
    await _exchange(mailbox, AccountReport(mailbox.id, state="disconnected"))
    assert (await mailbox.account()).state == "draft"


async def test_exchange_paused_account_takes_a_token_that_follows_its_own(mailbox: Mailbox) -> None:
    """Sealed with another key, say; where a copy of the database lost the token, none comes back."""
    await mailbox.behind.choose(mailbox.id, "paused")
    await _exchange(mailbox, AccountReport(mailbox.id, token=SealedToken("sealed-2", 2), state="connected"))
    account = await mailbox.account()
    assert (account.state, account.token, account.token_seq) == ("paused", SealedToken("sealed-2", 2), 2)


async def test_exchange_tells_how_far_the_numbers_of_accounts_went(mailbox: Mailbox) -> None:
    """An account that is gone was made before, one above it was never made here."""
    account_id, _ = await mailbox.behind.new_account()
    assert (await _exchange(mailbox)).last_account_id >= account_id
    await mailbox.behind.delete(account_id)
    answer = await _exchange(mailbox)
    assert answer.last_account_id >= account_id
    assert account_id not in {a.id for a in answer.accounts}
    assert isinstance(await mailbox.apply(message("m1")), Applied)
