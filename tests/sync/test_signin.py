"""Sign-in with the real MSAL, the simulator's Entra and Graph, a real vault and working copy: every ending a person can cause."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
import trio

from connector.config import EntraConfig, GraphConfig
from connector.errors import EntraUnreachable, NeedsAdmin
from connector.graph.auth import Entra
from connector.graph.client import MailboxClient
from connector.graph.gate import Gate
from connector.http import AsyncClient, open_client
from connector.odoo.wire import Account
from connector.state.vault import Vault, new_key
from connector.sync.reports import Reports
from connector.sync.signin import FLOW_TTL, SignIn
from connector.sync.tokens import Tokens
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import CLIENT_ID, CLIENT_SECRET, Simulator, open_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from connector.state.store import Store
    from connector.web.backend import SignInOutcome

ACCOUNT = 7
ADDRESS = "anna@pier.example"
OTHER = "ben@pier.example"
REDIRECT = "http://localhost:8069/maildesk/outlook/callback"


@dataclass(slots=True)
class Bench:
    """A sign-in, and the person at the browser."""

    sign_in: SignIn
    simulator: Simulator
    http: AsyncClient
    store: Store
    time: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))

    async def consent(self, url: str, account: str = ADDRESS, step: str = "accept") -> dict[str, str]:
        """Go through Microsoft's pages; return what the browser would post."""
        page = await self.http.post(url, data={"step": step, "account": account})
        return {k: unescape(v) for k, v in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)}

    async def go(self, email: str = ADDRESS, **given: Any) -> SignInOutcome:
        """Sign in from the first click to the end."""
        started = await self.sign_in.start(ACCOUNT, email, REDIRECT)
        return await self.sign_in.finish(ACCOUNT, email, started.state, await self.consent(started.url, **given))


@asynccontextmanager
async def _open(
    store: Store, *, tenants: Sequence[str] = (), domains: Sequence[str] = (), known_seq: int = 0, personal: bool = False
) -> AsyncIterator[Bench]:
    async with open_simulator(demo=False) as simulator, open_client() as http:
        for address in (ADDRESS, OTHER):
            simulator.world.mailboxes[address] = make_mailbox(address, "Anna Larsen", personal=personal, mails=())
        vault = Vault([new_key()])
        config = EntraConfig.model_validate({"authority": simulator.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
        entra = Entra(config, GraphConfig().scopes, http)
        sign_in = SignIn(
            entra=entra,
            tokens=Tokens(store, vault, entra, Reports()),
            store=store,
            vault=vault,
            client=lambda _, source: MailboxClient(http, f"{simulator.url}/v1.0", Gate(), source),
            known_seq=lambda _: known_seq,
            allowed_tenants=tenants,
            allowed_domains=domains,
            now=lambda: bench.time,
        )
        bench = Bench(sign_in, simulator, http, store)
        yield bench


async def _assert_nothing_kept(bench: Bench, outcome: SignInOutcome) -> None:
    assert outcome.token is None
    assert await bench.store.load_token(ACCOUNT) is None


@pytest.mark.parametrize("personal", [False, True])
async def test_sign_in_connects_and_its_token_opens_the_mailbox(store: Store, *, personal: bool) -> None:
    """The sealed token is above what Odoo has and opens Graph; a personal account, which has no `mail`, is known all the same."""
    async with _open(store, known_seq=41, personal=personal) as bench:
        outcome = await bench.go("Anna@Pier.example")
        assert (outcome.outcome, outcome.display_name) == ("connected", "Anna Larsen")
        assert outcome.token is not None
        assert outcome.token.seq == 42
        assert any(scope.endswith("Mail.ReadWrite") for scope in outcome.scopes)
        account = Account(id=ACCOUNT, email=ADDRESS, provider="outlook", state="connected", active=True, token=outcome.token)
        token = await bench.sign_in.tokens.source(account).token()
        grant = bench.simulator.world.entra.grant_of(token)
        assert grant is not None
        assert grant.address == ADDRESS


async def test_sign_in_again_while_the_mailbox_runs_replaces_its_token(store: Store) -> None:
    """The running mailbox goes on with the new sign-in, even where it asked for a token while that was being kept."""
    async with _open(store) as bench:
        first = await bench.go()
        account = Account(id=ACCOUNT, email=ADDRESS, provider="outlook", state="connected", active=True, token=first.token)
        source = bench.sign_in.tokens.source(account)
        old = await source.token()

        async def ask() -> None:
            while True:
                await source.token()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            assert (await bench.go()).outcome == "connected"
            nursery.cancel_scope.cancel()
        assert await source.token() != old


async def test_sign_in_as_another_address_connects_nothing(store: Store) -> None:
    """Never another mailbox silently: the person reads which one signed in."""
    async with _open(store) as bench:
        outcome = await bench.go(account=OTHER)
        assert (outcome.outcome, outcome.address) == ("wrong_address", OTHER)
        await _assert_nothing_kept(bench, outcome)


async def test_sign_in_cancelled_connects_nothing(store: Store) -> None:
    """Cancel on the consent page."""
    async with _open(store) as bench:
        outcome = await bench.go(step="cancel")
        assert outcome.outcome == "denied"
        await _assert_nothing_kept(bench, outcome)


async def test_sign_in_ten_minutes_are_enough_and_more_are_too_many(store: Store) -> None:
    """A flow lives as long as Entra's code, and not longer."""
    async with _open(store) as bench:
        for late, ending in ((FLOW_TTL - 1, "connected"), (FLOW_TTL + 1, "expired")):
            started = await bench.sign_in.start(ACCOUNT, ADDRESS, REDIRECT)
            answer = await bench.consent(started.url)
            bench.time += timedelta(seconds=late)
            assert (await bench.sign_in.finish(ACCOUNT, ADDRESS, started.state, answer)).outcome == ending


async def test_sign_in_state_serves_once_for_its_account_and_until_a_newer_one(store: Store) -> None:
    """Another account's answer, a second use, one that was started again, one that nobody started: expired."""
    async with _open(store) as bench:
        first = await bench.sign_in.start(ACCOUNT, ADDRESS, REDIRECT)
        second = await bench.sign_in.start(ACCOUNT, ADDRESS, REDIRECT)
        answer = await bench.consent(second.url)
        endings = [
            (await bench.sign_in.finish(account_id, ADDRESS, state, answer)).outcome
            for account_id, state in ((ACCOUNT, "nobody's"), (ACCOUNT, first.state), (ACCOUNT, second.state), (ACCOUNT, second.state))
        ]
        assert endings == ["expired", "expired", "connected", "expired"]
        third = await bench.sign_in.start(ACCOUNT, ADDRESS, REDIRECT)
        assert (await bench.sign_in.finish(ACCOUNT + 1, ADDRESS, third.state, await bench.consent(third.url))).outcome == "expired"


async def test_sign_in_flow_rests_sealed(store: Store) -> None:
    """The PKCE verifier cannot be read from the file."""
    async with _open(store) as bench:
        started = await bench.sign_in.start(ACCOUNT, ADDRESS, REDIRECT)
        taken = await store.take_flow(started.state, bench.time.timestamp())
        assert taken is not None
        assert taken[0] == ACCOUNT
        for secret in ("code_verifier", ADDRESS, started.state):
            assert secret not in taken[1]


async def test_sign_in_tenant_that_is_not_allowed(store: Store) -> None:
    """The setting is named to the person; the tenant that is on the list comes in."""
    async with _open(store, tenants=["00000000-0000-0000-0000-000000000000"]) as bench:
        outcome = await bench.go()
        assert outcome.outcome == "failed"
        assert "entra.allowed_tenants" in outcome.message
        await _assert_nothing_kept(bench, outcome)
        bench.sign_in.allowed_tenants = [bench.simulator.world.mailboxes[ADDRESS].tid]
        assert (await bench.go()).outcome == "connected"


@pytest.mark.parametrize(("domain", "ending"), [("quay.example", "failed"), ("er.example", "failed"), ("PIER.example", "connected")])
async def test_sign_in_domain_has_to_be_on_the_list(domain: str, ending: str, store: Store) -> None:
    """The whole domain counts, in any case; the end of a longer one does not."""
    async with _open(store, domains=[domain]) as bench:
        outcome = await bench.go()
        assert outcome.outcome == ending
        assert ("entra.allowed_domains" in outcome.message) is (ending == "failed")


async def test_sign_in_to_a_mailbox_without_access_is_told(store: Store) -> None:
    """Microsoft signed in, Graph refuses: the person reads Graph's word, nothing is connected."""
    async with _open(store) as bench:
        bench.simulator.world.quirks.fail_graph = "403 ErrorAccessDenied"
        outcome = await bench.go()
        assert outcome.outcome == "failed"
        assert "ErrorAccessDenied" in outcome.message
        await _assert_nothing_kept(bench, outcome)


@pytest.mark.parametrize(("fault", "error"), [("503", EntraUnreachable), ("invalid_client", NeedsAdmin)])
async def test_sign_in_entra_that_cannot_redeem_is_nobodys_refusal(fault: str, error: type[Exception], store: Store) -> None:
    """Weather, and the administrator's expired secret, are errors and no outcome of the person's."""
    async with _open(store) as bench:
        bench.simulator.world.quirks.fail_token = fault
        with pytest.raises(error):
            await bench.go()
        assert await store.load_token(ACCOUNT) is None
