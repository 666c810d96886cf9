"""Every ending of a sign-in that a person can meet, through Odoo's routes, the connector and the simulated Entra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.odoo.person import Person

if TYPE_CHECKING:
    import httpx

    from tests.system.bench import Bench
    from tests.system.conftest import Opener

ADDRESS = "anna@pier.example"
OTHER = "kai@pier.example"


async def _ends(bench: Bench, address: str = ADDRESS, **how: Any) -> tuple[int, httpx.Response, dict[str, Any]]:
    """Add a mailbox, go through the sign-in as `address`; return account, last answer, and the account as the app shows it."""
    account = int(await bench.person(lambda p: p.new_account(ADDRESS)))
    answer = await bench.person(lambda p: p.sign_in(account, address, **how))
    return account, answer, await bench.account(account)


async def test_sign_in_cancelled_at_consent_says_so(bench_of: Opener) -> None:
    """Cancel at Microsoft ends on a page that says that nothing was connected."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS)
        _, answer, shown = await _ends(bench, accept=False)
        assert "Access was not granted" in answer.text
        assert shown["state"] == "draft"


async def test_sign_in_as_another_address_connects_nothing(bench_of: Opener) -> None:
    """Never another mailbox silently: the page names both addresses."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS)
        bench.add_mailbox(OTHER)
        _, answer, shown = await _ends(bench, OTHER)
        assert OTHER in answer.text
        assert ADDRESS in answer.text
        assert shown["state"] == "draft"


async def test_sign_in_personal_account_is_known_by_the_address_that_signed_in(bench_of: Opener) -> None:
    """A personal account has no `mail`; it is connected all the same."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS, personal=True)
        _, answer, shown = await _ends(bench)
        assert answer.headers.get("location", "").endswith("/odoo/maildesk")
        assert shown["state"] == "connected"


async def test_sign_in_handle_serves_once_and_only_its_user(bench_of: Opener) -> None:
    """The finish page of a sign-in is of no use to another user, nor a second time."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS)
        account = int(await bench.person(lambda p: p.new_account(ADDRESS)))

        def steal(someone: Person) -> tuple[str, str]:
            started = someone.start_sign_in(account)
            with Person.logged_in(bench.odoo, bench.logins.empty, bench.logins.empty_password) as thief:
                stolen = thief.finish_sign_in(started.headers["location"], ADDRESS).text
            again = someone.finish_sign_in(started.headers["location"], ADDRESS).text
            return stolen, again

        stolen, again = await bench.person(steal)
        assert "Begun somewhere else" in stolen
        assert "used already" in again
        assert (await bench.account(account))["state"] == "draft"


async def test_sign_in_of_a_mailbox_that_is_not_ours_is_refused(bench_of: Opener) -> None:
    """Nobody starts a sign-in for another user's mailbox."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS)
        account = int(await bench.person(lambda p: p.new_account(ADDRESS)))

        def try_it(_: Person) -> int:
            with Person.logged_in(bench.odoo, bench.logins.empty, bench.logins.empty_password) as thief:
                return thief.start_sign_in(account).status_code

        assert await bench.person(try_it) in {403, 404}


@pytest.mark.parametrize("fault", ["503", "429", "temporarily_unavailable"])
async def test_sign_in_entra_down_at_the_token_is_told_and_can_be_repeated(bench_of: Opener, fault: str) -> None:
    """Entra failing at the last step is no fault of the person: told so, and it works afterwards."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS)
        bench.simulator.world.quirks.fail_token = fault
        account, answer, shown = await _ends(bench)
        assert answer.status_code >= 400
        assert shown["state"] == "draft"
        bench.simulator.world.quirks.fail_token = ""
        again = await bench.person(lambda p: p.sign_in(account, ADDRESS))
        assert again.headers.get("location", "").endswith("/odoo/maildesk")


async def test_sign_in_expired_secret_needs_an_administrator(bench_of: Opener) -> None:
    """An expired client secret is for the administrator, and the page says which setting."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS)
        bench.simulator.world.quirks.fail_token = "invalid_client"
        _, answer, shown = await _ends(bench)
        assert "client secret" in answer.text
        assert shown["state"] == "draft"


async def test_sign_in_connector_down_is_told(bench_of: Opener) -> None:
    """With the connector down the person reads so; nothing is changed, and the app still answers."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS)
        account = int(await bench.person(lambda p: p.new_account(ADDRESS)))
        await bench.stop()
        answer = await bench.person(lambda p: p.start_sign_in(account))
        assert answer.status_code == 502
        assert "The connector does not answer" in answer.text
        assert (await bench.account(account))["state"] == "draft"
        await bench.start()


async def test_sign_in_without_entra_section_says_oauth_not_configured(bench_of: Opener) -> None:
    """The contract's words reach the person."""
    async with bench_of(entra=False) as bench:
        account = int(await bench.person(lambda p: p.new_account(ADDRESS)))
        answer = await bench.person(lambda p: p.start_sign_in(account))
        assert answer.status_code == 409
        assert "OAuth Not Configured" in answer.text


async def test_sign_in_no_url_carries_the_code(bench_of: Opener) -> None:
    """Odoo's log of requests names no code, no token, no address."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS)
        _, answer, _ = await _ends(bench)
        assert answer.status_code == 303
        codes = list(bench.simulator.world.entra.codes)
        tokens = [*bench.simulator.world.entra.grants, *bench.simulator.world.entra.refresh]
        log = bench.odoo.log.read_text()
        assert not [secret for secret in (*codes, *tokens, ADDRESS) if secret in log]


@pytest.mark.parametrize("fault", ["503", "429"])
async def test_entra_down_at_a_refresh_leaves_the_account_connected(bench_of: Opener, fault: str) -> None:
    """A token endpoint that fails says nothing about the account: no sign-in is asked for, and the mailbox goes on when it is over."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS)
        account = await bench.connect(ADDRESS)
        await bench.until_equal(mailbox, account)
        bench.simulator.world.quirks.fail_token = fault
        bench.simulator.world.entra.challenge(ADDRESS)
        before = len(_token_requests(bench))
        await bench.ask("POST", "/sync", {"emails": None})

        async def was_refused() -> bool:
            return len(_token_requests(bench)) >= before + 2

        await bench.until(was_refused, "the connector to be refused twice")
        assert (await bench.account(account))["state"] == "connected"
        bench.simulator.world.quirks.fail_token = ""
        await bench.until_equal(mailbox, account)
        assert (await bench.account(account))["state"] == "connected"


def _token_requests(bench: Bench) -> list[dict[str, Any]]:
    return [r for r in bench.simulator.world.requests if r["path"].endswith("/token")]
