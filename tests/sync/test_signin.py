"""Sign-in with the real MSAL, the simulator's Entra and Graph, a real vault and working copy: every ending a person can cause."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import parse_qs, urlsplit

import pytest
import trio

from connector.config import EntraConfig, GraphConfig
from connector.errors import AppRefused, EntraUnreachable, GraphThrottled, GraphUnauthorized, GraphUnreachable, NeedsSignIn
from connector.graph.auth import Entra
from connector.graph.client import MailboxClient
from connector.graph.gate import Gate
from connector.http import AsyncClient, open_client
from connector.odoo.wire import Account, SealedToken
from connector.state.vault import Vault, new_key
from connector.sync import signin
from connector.sync.challenges import Challenges
from connector.sync.reports import Reports
from connector.sync.signin import FLOW_TTL, SignIn
from connector.sync.tokens import Tokens
from tests.graph_simulator.policies import Policy
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import CLIENT_ID, CLIENT_SECRET, Simulator, open_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from connector.state.store import Store
    from connector.web.backend import SignInOutcome
    from tests.graph_simulator.model import Mailbox

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

    async def go(self, email: str = ADDRESS, *, tenant: str | None = None, **given: Any) -> SignInOutcome:
        """Sign in from the first click to the end."""
        started = await self.sign_in.start(ACCOUNT, email, REDIRECT, tenant)
        return await self.sign_in.finish(ACCOUNT, email, started.state, await self.consent(started.url, **given))

    def truth(self, address: str = ADDRESS) -> Mailbox:
        """Return the mailbox at Microsoft."""
        return self.simulator.world.mailboxes[address]


@asynccontextmanager
async def _open(
    store: Store,
    *,
    tenants: Sequence[str] = (),
    domains: Sequence[str] = (),
    accounts: Sequence[Account] = (),
    personal: bool = False,
    permissions: Literal["full", "read_only"] = "full",
) -> AsyncIterator[Bench]:
    async with open_simulator(demo=False) as simulator, open_client() as http:
        for address in (ADDRESS, OTHER):
            simulator.world.mailboxes[address] = make_mailbox(address, "Anna Larsen", personal=personal, mails=())
        vault = Vault([new_key()])
        config = EntraConfig.model_validate({"authority": simulator.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
        entra = Entra(config, GraphConfig(permissions=permissions).scopes, http, patience=0)
        sign_in = SignIn(
            entra=entra,
            tokens=Tokens(store, vault, entra, Reports()),
            challenges=Challenges(store, vault),
            store=store,
            vault=vault,
            client=lambda _, source: MailboxClient(http, f"{simulator.url}/v1.0", Gate(), source),
            accounts=lambda: accounts,
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
    known = Account(ACCOUNT, ADDRESS, "outlook", "reauth_required", active=True, token=SealedToken("old", 41))
    async with _open(store, accounts=[known], personal=personal) as bench:
        bench.truth().aliases = ("sales@pier.example",)
        outcome = await bench.go("Anna@Pier.example")
        assert outcome.aliases == ([] if personal else ["sales@pier.example"])
        assert (outcome.outcome, outcome.display_name) == ("connected", "Anna Larsen")
        assert outcome.token is not None
        assert outcome.token.seq == 42
        assert any(scope.endswith("Mail.ReadWrite") for scope in outcome.scopes)
        assert (outcome.mailbox_id, outcome.tenant) == (bench.truth().user_id, bench.truth().tid)
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
        assert outcome.url == "", "who said no needs no administrator"
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
        assert outcome.outcome == "not_allowed"
        assert "entra.allowed_tenants" in outcome.message
        assert bench.truth().tid in outcome.message
        await _assert_nothing_kept(bench, outcome)
        bench.sign_in.allowed_tenants = [bench.simulator.world.mailboxes[ADDRESS].tid]
        assert (await bench.go()).outcome == "connected"


@pytest.mark.parametrize(
    ("domain", "ending"), [("quay.example", "not_allowed"), ("er.example", "not_allowed"), ("PIER.example", "connected")]
)
async def test_sign_in_domain_has_to_be_on_the_list(domain: str, ending: str, store: Store) -> None:
    """The whole domain counts, in any case; the end of a longer one does not."""
    async with _open(store, domains=[domain]) as bench:
        outcome = await bench.go()
        assert outcome.outcome == ending
        assert ("entra.allowed_domains" in outcome.message) is (ending == "not_allowed")


async def test_sign_in_to_a_mailbox_without_access_is_told(store: Store) -> None:
    """Microsoft signed in, Graph refuses: the person reads Graph's word, nothing is connected."""
    async with _open(store) as bench:
        bench.simulator.world.quirks.fail_graph = "403 ErrorAccessDenied"
        outcome = await bench.go()
        assert outcome.outcome == "failed"
        assert "ErrorAccessDenied" in outcome.message
        await _assert_nothing_kept(bench, outcome)


@pytest.mark.parametrize(("fault", "error"), [("503", EntraUnreachable), ("invalid_client", AppRefused)])
async def test_sign_in_entra_that_cannot_redeem_is_nobodys_refusal(fault: str, error: type[Exception], store: Store) -> None:
    """Weather, and the administrator's expired secret, are errors and no outcome of the person's."""
    async with _open(store) as bench:
        bench.simulator.world.quirks.fail_token = fault
        with pytest.raises(error):
            await bench.go()
        assert await store.load_token(ACCOUNT) is None


ALIAS, UPN = "info@pier.example", "a.larsen@pier.onmicrosoft.example"
CLAIMS = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}


@pytest.mark.parametrize("email", [ALIAS, ALIAS.upper(), UPN, ADDRESS])
async def test_sign_in_knows_a_work_mailbox_by_each_of_its_addresses(email: str, store: Store) -> None:
    """`mail`, `userPrincipalName` and the proxy addresses, in any case."""
    async with _open(store) as bench:
        bench.simulator.world.mailboxes[ADDRESS] = make_mailbox(ADDRESS, "Anna", mails=(), aliases=[ALIAS], upn=UPN)
        assert (await bench.go(email)).outcome == "connected"


@pytest.mark.parametrize("personal", [False, True])
async def test_sign_in_as_another_address_offers_the_primary_one(store: Store, *, personal: bool) -> None:
    """The page offers to connect it: of a work mailbox `mail`, of a personal account what signed in."""
    async with _open(store, personal=personal) as bench:
        bench.simulator.world.mailboxes[OTHER] = make_mailbox(OTHER, "Ben", personal=personal, mails=(), aliases=["b@pier.example"])
        outcome = await bench.go(account=OTHER)
        assert (outcome.outcome, outcome.address) == ("wrong_address", OTHER)
        await _assert_nothing_kept(bench, outcome)


def _account(number: int, state: str, mailbox_id: str | None) -> Account:
    return Account(number, ADDRESS, "outlook", state, active=True, mailbox_id=mailbox_id)


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        ("connected", "already_connected"),
        ("paused", "already_connected"),
        ("reauth_required", "already_connected"),
        ("draft", "connected"),
        ("disconnected", "connected"),
    ],
)
async def test_sign_in_of_a_mailbox_that_another_account_has_is_refused(state: str, ending: str, store: Store) -> None:
    """Under whichever of its addresses, whoever has it: it would be synced twice. One that was let go of is free."""
    accounts: list[Account] = [_account(ACCOUNT, "draft", None)]
    async with _open(store, accounts=accounts) as bench:
        accounts.append(_account(9, state, bench.truth().user_id))
        outcome = await bench.go()
        assert outcome.outcome == ending
        if ending == "already_connected":
            assert outcome.other == 9
            await _assert_nothing_kept(bench, outcome)


async def test_sign_in_again_is_to_the_same_mailbox_or_none(store: Store) -> None:
    """An address that Microsoft gave to somebody else meanwhile does not bring another person's mail under the old account."""
    accounts: list[Account] = []
    async with _open(store, accounts=accounts) as bench:
        accounts.append(_account(ACCOUNT, "reauth_required", bench.truth().user_id))
        assert (await bench.go()).outcome == "connected"
        bench.truth(OTHER).aliases = (ADDRESS,)
        outcome = await bench.go(account=OTHER)
        assert outcome.outcome == "other_mailbox"
        stored = await store.load_token(ACCOUNT)
        assert stored is not None
        assert stored.seq == 1


@pytest.mark.parametrize("permissions", ["full", "read_only"])
async def test_sign_in_tells_what_was_granted(permissions: Literal["full", "read_only"], store: Store) -> None:
    """With less than was asked for it connects, if mail can be read at all."""
    async with _open(store, permissions=permissions) as bench:
        bench.simulator.world.quirks.consent_scopes = "Mail.Read,User.Read,offline_access"
        outcome = await bench.go()
        assert outcome.outcome == "connected"
        assert {scope.rpartition("/")[2] for scope in outcome.scopes} == {"Mail.Read", "User.Read"}
        bench.simulator.world.quirks.consent_scopes = "Mail.Send,User.Read,offline_access"
        outcome = await bench.go()
        assert outcome.outcome == "failed"
        assert "access to mail" in outcome.message


async def test_sign_in_administrator_approves_by_the_link(store: Store) -> None:
    """The link of the page leads an administrator to the approval; afterwards the person comes in without one more question."""
    async with _open(store) as bench:
        bench.simulator.world.quirks.admin_consent = True
        outcome = await bench.go(step="no_approval")
        assert outcome.outcome == "admin_consent"
        page = await bench.http.post(outcome.url, data={"step": "picked", "account": OTHER})
        assert "Accept for your organization" in page.text
        done = await bench.http.post(outcome.url, data={"step": "accept", "account": OTHER})
        assert done.headers["location"].startswith(f"{REDIRECT}?admin_consent=True&")
        assert (await bench.go(step="picked")).outcome == "connected"


@pytest.mark.parametrize(
    ("tenant", "where"), [(None, "organizations"), ("pier.example", "pier.example"), ("organizations", "organizations")]
)
async def test_sign_in_link_for_the_administrator_is_of_the_tenant(tenant: str | None, where: str, store: Store) -> None:
    """`common` is no organisation that could approve."""
    async with _open(store) as bench:
        bench.simulator.world.quirks.admin_consent = True
        assert f"/{where}/v2.0/adminconsent?" in (await bench.go(tenant=tenant, step="no_approval")).url


async def test_sign_in_claims_of_a_refusal_are_met_by_the_next_one(store: Store) -> None:
    """Conditional access refuses the code and says what it wants: it is kept sealed, brought, and then forgotten."""
    async with _open(store) as bench:
        bench.simulator.world.entra.policies.of[ADDRESS] = Policy(CLAIMS)
        assert (await bench.go()).outcome == "interaction_required"
        sealed = await store.load_challenge(ACCOUNT)
        assert sealed is not None
        assert "acrs" not in sealed
        assert (await bench.go()).outcome == "connected"
        assert await store.load_challenge(ACCOUNT) is None


@pytest.mark.parametrize("kind", ["refresh", "graph"])
async def test_sign_in_claims_that_stopped_the_mailbox_are_brought(kind: str, store: Store) -> None:
    """Whether Entra or Graph refused it; of another account nothing is asked."""
    error: Exception = NeedsSignIn("no", claims=json.dumps(CLAIMS))
    if kind == "graph":
        error = GraphUnauthorized("no", status=401)
        error.claims = json.dumps(CLAIMS)
    async with _open(store) as bench:
        await bench.sign_in.challenges.note(ACCOUNT, error)
        await bench.sign_in.challenges.note(ACCOUNT, NeedsSignIn("and again, without a word of what it wants"))
        started = await bench.sign_in.start(ACCOUNT, ADDRESS, REDIRECT)
        assert "acrs" in parse_qs(urlsplit(started.url).query)["claims"][0]
        other = await bench.sign_in.start(ACCOUNT + 1, ADDRESS, REDIRECT)
        assert "acrs" not in parse_qs(urlsplit(other.url).query)["claims"][0]


async def test_sign_in_claims_that_no_key_opens_are_left_out(store: Store) -> None:
    """Microsoft then says once more what it wants; nobody is kept out by a key that was lost."""
    async with _open(store) as bench:
        await Challenges(store, Vault([new_key()])).note(ACCOUNT, NeedsSignIn("no", claims=json.dumps(CLAIMS)))
        assert (await bench.go()).outcome == "connected"


@pytest.mark.parametrize("error", [GraphUnreachable("no answer"), GraphThrottled("slow down", retry_after=60)])
async def test_sign_in_to_a_mailbox_that_is_only_busy_is_nobodys_refusal(error: Exception, store: Store) -> None:
    """Graph's weather is told as Microsoft's, to be tried again."""

    class Busy:
        async def get(self, *_: Any, **__: Any) -> Any:
            await trio.lowlevel.checkpoint()
            raise error

    async with _open(store) as bench:
        bench.sign_in.client = lambda *_: cast("MailboxClient", Busy())
        with pytest.raises(EntraUnreachable):
            await bench.go()
        assert await store.load_token(ACCOUNT) is None


async def test_sign_in_is_over_before_odoo_gives_up(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """Odoo waits 20 s; a Microsoft that hangs is told before that, as one that can be tried again."""

    class Hanging:
        async def get(self, *_: Any, **__: Any) -> Any:
            await trio.sleep_forever()

    assert signin._PATIENCE < 20  # SIGN_IN_TIMEOUT of the addon's client
    monkeypatch.setattr(signin, "_PATIENCE", 0.5)
    async with _open(store) as bench:
        bench.sign_in.client = lambda *_: cast("MailboxClient", Hanging())
        with pytest.raises(EntraUnreachable):
            await bench.go()
