"""Sealed copies of a token in the file and in Odoo: the newer one counts, wherever it lies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
from msgspec import structs

from connector.errors import AppRefused, ConfigError, EntraUnreachable, KeyMissing, NeedsSignIn, NotConfigured, VaultError
from connector.odoo.wire import Account, SealedToken, Trouble
from connector.state.sealed import FLOW, reseal
from connector.state.vault import Vault, new_key
from connector.sync.reports import Reports
from connector.sync.tokens import PURPOSE, Tokens
from connector.sync.trouble import Troubles

if TYPE_CHECKING:
    from connector.graph.auth import Entra
    from connector.state.store import Store

ACCOUNT = 7


class FakeEntra:
    """Entra that gives the blob's own text as the access token, and rotates `name` to `name+` when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bool]] = []
        self.tenants: list[str | None] = []
        self.refuses: dict[str, Exception] = {}

    async def silent(self, blob: bytes, *, claims: str | None, force: bool, tenant: str | None = None) -> tuple[str, float, bytes]:
        """Answer after a moment, so that others come in between; tokens in `refuses` are refused."""
        assert claims is None
        self.asked.append((blob, force))
        self.tenants.append(tenant)
        await trio.lowlevel.checkpoint()
        text = blob.decode()
        name = text.split('"')[3]
        if name in self.refuses:
            raise self.refuses[name]
        name += "+" if force else ""
        return name, 3600.0, f'{{"RefreshToken": "{name}"}}'.encode()


def _blob(name: str) -> bytes:
    return f'{{"RefreshToken": "{name}"}}'.encode()


class Bench:
    """Tokens over a real store and vault."""

    def __init__(self, store: Store) -> None:
        self.key = new_key()
        self.store, self.vault, self.reports, self.entra, self.troubles = store, Vault([self.key]), Reports(), FakeEntra(), Troubles()
        self.tokens = Tokens(store, self.vault, cast("Entra", self.entra), self.reports, self.troubles)

    def sealed(self, name: str, seq: int, account_id: int = ACCOUNT) -> SealedToken:
        """Seal the token cache `name`."""
        return SealedToken(self.vault.seal(_blob(name), purpose=PURPOSE, account_id=account_id), seq)

    async def keep(self, token: SealedToken) -> None:
        """Put a sealed token into the file."""
        await self.store.save_token(ACCOUNT, token.sealed, token.seq)

    def told(self) -> list[int]:
        """Return the sequences of the tokens that Odoo would hear of."""
        return [r.token.seq for r in self.reports.take() if isinstance(r.token, SealedToken)]

    async def in_file(self) -> tuple[str, int]:
        """Return what the file's token opens to, and its sequence."""
        stored = await self.store.load_token(ACCOUNT)
        assert stored is not None
        return self.vault.open(stored.sealed, purpose=PURPOSE, account_id=ACCOUNT).decode().split('"')[3], stored.seq


def _account(token: SealedToken | None) -> Account:
    return Account(id=ACCOUNT, email="a@x.example", provider="outlook", state="connected", active=True, token=token)


@pytest.mark.parametrize(
    ("in_file", "in_odoo", "used", "told"),
    [(None, 3, "odoo", []), (2, 3, "odoo", []), (3, 3, "odoo", []), (4, 3, "file", [4]), (4, None, "file", [4])],
)
async def test_source_newer_copy_counts_and_the_other_follows(
    in_file: int | None, in_odoo: int | None, used: str, told: list[int], store: Store
) -> None:
    """A restored backup on either side does not bring back a token that was rotated away."""
    bench = Bench(store)
    if in_file is not None:
        await bench.keep(bench.sealed("file", in_file))
    account = _account(bench.sealed("odoo", in_odoo) if in_odoo is not None else None)
    assert await bench.tokens.source(account).token() == used
    assert bench.told() == told
    stored = await store.load_token(ACCOUNT)
    assert stored is not None
    assert stored.seq == max(in_file or 0, in_odoo or 0)


async def test_source_rotated_token_is_in_the_file_and_told(store: Store) -> None:
    """Kept under the next sequence; the same opened tokens go on, and a later use starts from the rotated one."""
    bench = Bench(store)
    source = bench.tokens.source(_account(bench.sealed("a", 3)))
    assert await source.token(reject="a") == "a+"
    stored = await store.load_token(ACCOUNT)
    assert stored is not None
    assert stored.seq == 4
    assert bench.vault.open(stored.sealed, purpose=PURPOSE, account_id=ACCOUNT) == _blob("a+")
    assert bench.told() == [4]
    assert await source.token() == "a+"


async def test_source_many_at_once_share_one_refresh(store: Store) -> None:
    """Parallel first uses open one source: two would refresh side by side, and one rotation would be lost."""
    bench = Bench(store)
    account = _account(bench.sealed("a", 1))
    got: list[str] = []

    async def ask() -> None:
        got.append(await bench.tokens.source(account).token(reject="a"))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(ask)
    assert got == ["a+"] * 4
    assert [force for _, force in bench.entra.asked].count(True) == 1


async def test_source_refreshes_at_the_accounts_tenant_also_when_it_changes(store: Store) -> None:
    """A tenant that was corrected in Odoo needs no new sign-in: the same tokens are refreshed there."""
    bench = Bench(store)
    account = _account(bench.sealed("a", 3))
    for tenant in (None, "pier.example"):
        source = bench.tokens.source(structs.replace(account, tenant=tenant))
        assert await source.token(reject="a" + "+" * len(bench.entra.tenants)) != "a"
    assert bench.entra.tenants == [None, "pier.example"]


async def test_source_new_sign_in_replaces_what_was_opened(store: Store) -> None:
    """The old token is not used once another sign-in was kept, though the task still has the old account."""
    bench = Bench(store)
    source = bench.tokens.source(_account(bench.sealed("old", 5)))
    assert await source.token() == "old"
    bench.tokens.drop(ACCOUNT)
    token = await bench.tokens.save(ACCOUNT, _blob("new"), at_least=5)
    assert token.seq == 6
    assert await source.token() == "new"


async def test_source_refresh_under_way_does_not_overwrite_a_new_sign_in(store: Store) -> None:
    """The old token's rotation comes back after the new one was kept: it is nobody's any more."""
    bench = Bench(store)
    source = bench.tokens.source(_account(bench.sealed("old", 5)))
    old = await bench.tokens.opened(_account(bench.sealed("old", 5)))
    await bench.tokens.save(ACCOUNT, _blob("new"), at_least=5)
    bench.tokens.drop(ACCOUNT)
    assert await old.token(reject="old") == "old+"
    assert await source.token() == "new"


async def test_save_sequence_is_above_all_that_is_known(store: Store) -> None:
    """A file that was lost starts above what Odoo has, else Odoo's older token would win."""
    bench = Bench(store)
    assert (await bench.tokens.save(ACCOUNT, _blob("a"), at_least=41)).seq == 42
    assert (await bench.tokens.save(ACCOUNT, _blob("b"))).seq == 43
    assert bench.told() == [43]


async def test_opened_without_entra_without_token_or_with_a_strange_one(store: Store) -> None:
    """Each is another person's matter: the administrator's configuration, a sign-in, the vault's key."""
    bench = Bench(store)
    none: dict[str, Any] = {"claims": None, "reject": None}
    with pytest.raises(NotConfigured, match="OAuth Not Configured"):
        await Tokens(store, bench.vault, None, bench.reports).source(_account(bench.sealed("a", 1))).token(**none)
    with pytest.raises(NeedsSignIn):
        await bench.tokens.source(_account(None)).token(**none)
    for strange in (bench.sealed("a", 1, account_id=8), SealedToken(Vault([new_key()]).seal(b"x", purpose=PURPOSE, account_id=7), 2)):
        with pytest.raises(VaultError) as caught:
            await bench.tokens.source(_account(strange)).token(**none)
        assert strange.sealed not in str(caught.value)


# -------------------------------------------------------------------- the other copy


@pytest.mark.parametrize(("in_file", "in_odoo"), [(4, 3), (3, 4), (3, 3)])
async def test_source_refused_newest_copy_lets_the_other_be_tried(in_file: int, in_odoo: int, store: Store) -> None:
    """Before a person is asked; the one that works becomes the newest on both sides, and is used from then on."""
    bench = Bench(store)
    await bench.keep(bench.sealed("file", in_file))
    newest, other = ("file", "odoo") if in_file > in_odoo else ("odoo", "file")
    bench.entra.refuses[newest] = NeedsSignIn("invalid_grant")
    account = _account(bench.sealed("odoo", in_odoo))
    await bench.tokens.hear([account])
    source = bench.tokens.source(account)
    assert await source.token() == other
    assert await bench.in_file() == (other, max(in_file, in_odoo) + 1)
    assert bench.told() == [max(in_file, in_odoo) + 1]
    assert await bench.tokens.source(account).token() == other
    assert len(bench.entra.asked) == 2


async def test_source_many_at_once_try_the_other_copy_once(store: Store) -> None:
    """One refusal, one other copy, one sequence."""
    bench = Bench(store)
    await bench.keep(bench.sealed("file", 9))
    bench.entra.refuses["file"] = NeedsSignIn("invalid_grant")
    account = _account(bench.sealed("odoo", 3))
    got: list[str] = []

    async def ask() -> None:
        got.append(await bench.tokens.source(account).token())

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert got == ["odoo"] * 5
    assert await bench.in_file() == ("odoo", 10)


async def test_source_both_copies_refused_asks_the_person_and_overwrites_nothing(store: Store) -> None:
    """And whoever tries again begins with the newest."""
    bench = Bench(store)
    await bench.keep(bench.sealed("file", 9))
    bench.entra.refuses = {name: NeedsSignIn("invalid_grant") for name in ("file", "odoo")}
    source = bench.tokens.source(_account(bench.sealed("odoo", 3)))
    for _ in range(2):
        with pytest.raises(NeedsSignIn):
            await source.token()
    assert (await bench.in_file(), bench.told()) == (("file", 9), [])
    assert [blob for blob, _ in bench.entra.asked] == [_blob(name) for name in ("file", "odoo") * 2]


@pytest.mark.parametrize("weather", ["newest", "other"])
async def test_source_entra_that_is_away_says_nothing_of_a_token(weather: str, store: Store) -> None:
    """5xx or 429 on either copy: the account stays as it is, no copy is overwritten."""
    bench = Bench(store)
    await bench.keep(bench.sealed("file", 9))
    bench.entra.refuses["odoo"] = EntraUnreachable("503")
    bench.entra.refuses["file"] = EntraUnreachable("429") if weather == "newest" else NeedsSignIn("invalid_grant")
    with pytest.raises(EntraUnreachable):
        await bench.tokens.source(_account(bench.sealed("odoo", 3))).token()
    assert (await bench.in_file(), bench.told()) == (("file", 9), [])


async def test_source_copy_that_no_key_opens_lets_the_other_be_used(store: Store) -> None:
    """The newest was sealed with a key that is lost; it is not overwritten before the other one is known to work."""
    bench = Bench(store)
    strange = SealedToken(Vault([new_key()]).seal(_blob("x"), purpose=PURPOSE, account_id=ACCOUNT), 9)
    await bench.keep(strange)
    bench.entra.refuses["odoo"] = EntraUnreachable("503")
    source = bench.tokens.source(_account(bench.sealed("odoo", 3)))
    with pytest.raises(EntraUnreachable):
        await source.token()
    assert await store.load_token(ACCOUNT) == strange
    bench.entra.refuses.clear()
    assert await source.token() == "odoo"


async def test_source_sealed_fields_that_were_swapped_are_refused(store: Store) -> None:
    """Another account's token in the file, a sign-in under way in the token's place in Odoo: neither is used, nor overwritten."""
    bench = Bench(store)
    another = bench.sealed("another", 9, account_id=ACCOUNT + 1)
    await bench.keep(another)
    flow = SealedToken(bench.vault.seal(_blob("flow"), purpose=FLOW, account_id=ACCOUNT), 8)
    with pytest.raises(VaultError, match="damaged or belongs to another account"):
        await bench.tokens.source(_account(flow)).token()
    assert (await store.load_token(ACCOUNT), bench.told(), bench.entra.asked) == (another, [], [])
    assert bench.troubles.current is None
    assert await bench.tokens.source(_account(bench.sealed("ours", 7))).token() == "ours"


async def test_hear_backup_gets_the_token_that_works(store: Store) -> None:
    """Odoo was restored under a running connector: its older copy is replaced, since the newer one has proved itself."""
    bench = Bench(store)
    account = _account(bench.sealed("odoo", 3))
    await bench.tokens.hear([account])
    assert await bench.tokens.source(account).token(reject="odoo") == "odoo+"
    assert bench.told() == [4]
    await bench.tokens.hear([account])
    assert bench.told() == [4]


async def test_hear_account_that_does_not_run_has_its_copy_in_the_file(store: Store) -> None:
    """So that `keys rotate` finds it there; one that is there already is not overwritten."""
    bench = Bench(store)
    await bench.tokens.hear([_account(bench.sealed("odoo", 3))])
    assert await bench.in_file() == ("odoo", 3)
    await bench.tokens.hear([_account(bench.sealed("other", 9))])
    assert await bench.in_file() == ("odoo", 3)


# -------------------------------------------------------------------- troubles


async def test_source_refused_app_is_said_once_for_all(store: Store) -> None:
    """An expired secret is no fault of any account; when Entra takes it again, that is over."""
    bench = Bench(store)
    source = bench.tokens.source(_account(bench.sealed("a", 1)))
    bench.entra.refuses["a"] = AppRefused("a secret may have expired (invalid_client)")
    with pytest.raises(AppRefused):
        await source.token()
    assert bench.troubles.told == Trouble("entra_credentials", "a secret may have expired (invalid_client)")
    bench.entra.refuses.clear()
    assert await source.token(reject="a") == "a+"
    assert bench.troubles.told is None


async def test_source_key_that_is_missing_is_one_trouble_and_ends_with_the_accounts(store: Store) -> None:
    """Told without naming an account; nothing is overwritten; an account that goes takes its part of it along."""
    bench = Bench(store)
    lost = Vault([new_key()])
    sealed = SealedToken(lost.seal(_blob("a"), purpose=PURPOSE, account_id=ACCOUNT), 2)
    with pytest.raises(KeyMissing):
        await bench.tokens.source(_account(sealed)).token()
    trouble = bench.troubles.told
    assert isinstance(trouble, Trouble)
    assert trouble.code == "vault_key"
    assert lost.first in trouble.message
    assert "account" not in trouble.message
    bench.tokens.forget(ACCOUNT)
    assert bench.troubles.current is None


async def test_source_key_that_came_back_ends_the_trouble(store: Store) -> None:
    """Put behind the one in use, and read again by `keys rotate`: the mailbox is served, and nobody is told of it any more."""
    bench, lost = Bench(store), new_key()
    sealed = SealedToken(Vault([lost]).seal(_blob("a"), purpose=PURPOSE, account_id=ACCOUNT), 2)
    source = bench.tokens.source(_account(sealed))
    with pytest.raises(KeyMissing):
        await source.token()
    await bench.tokens.rotate([bench.key, lost])
    assert await source.token() == "a"
    assert bench.troubles.current is None


# -------------------------------------------------------------------- rotation


@pytest.mark.parametrize(("in_file", "in_odoo"), [(3, 3), (4, 3), (3, 4), (None, 3)])
async def test_rotate_reseals_both_copies_while_the_mailbox_goes_on(in_file: int | None, in_odoo: int, store: Store) -> None:
    """The file's and Odoo's, whichever is newer; what is open stays open and keeps what it rotates; afterwards the old key may go."""
    bench = Bench(store)
    if in_file is not None:
        await bench.keep(bench.sealed("odoo", in_file))
    account = _account(bench.sealed("odoo", in_odoo))
    await bench.tokens.hear([account])
    source = bench.tokens.source(account)
    assert await source.token() == "odoo"
    bench.told()
    new = new_key()
    done = await bench.tokens.rotate([new])
    assert (done.count, done.unopened) == (1, 0)
    (report,) = bench.reports.take()
    assert isinstance(report.token, SealedToken)
    assert report.token.seq > in_odoo
    alone = Vault([new])
    assert alone.open(report.token.sealed, purpose=PURPOSE, account_id=ACCOUNT) == _blob("odoo")
    stored = await store.load_token(ACCOUNT)
    assert stored == report.token
    assert await source.token(reject="odoo") == "odoo+"
    assert await bench.in_file() == ("odoo+", stored.seq + 1)
    assert (await bench.tokens.rotate([new])).count == 0


async def test_rotate_refresh_at_the_same_time_loses_nothing(store: Store) -> None:
    """A token that rotates while everything is sealed anew is the newest afterwards, under the new key."""
    bench = Bench(store)
    account = _account(bench.sealed("a", 3))
    await bench.tokens.hear([account])
    source = bench.tokens.source(account)
    await source.token()
    new = new_key()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.tokens.rotate, [new, bench.key])
        nursery.start_soon(partial(source.token, reject="a"))
    stored = await store.load_token(ACCOUNT)
    assert stored is not None
    assert Vault([new]).open(stored.sealed, purpose=PURPOSE, account_id=ACCOUNT) == _blob("a+")
    assert await source.token() == "a+"


async def test_rotate_copies_that_differ_keep_their_order(store: Store) -> None:
    """Of an account that does not run neither copy was proved: both stay, each under the new key, the newer one newer."""
    bench = Bench(store)
    await bench.keep(bench.sealed("file", 2))
    await bench.tokens.hear([_account(bench.sealed("odoo", 6))])
    new = new_key()
    await bench.tokens.rotate([new])
    (report,) = bench.reports.take()
    assert isinstance(report.token, SealedToken)
    assert (await bench.in_file(), report.token.seq) == (("file", 3), 7)
    assert Vault([new]).open(report.token.sealed, purpose=PURPOSE, account_id=ACCOUNT) == _blob("odoo")


async def test_rotate_key_without_the_old_ones_loses_nothing(store: Store) -> None:
    """The administrator put the new key in the old one's place: what this process knows still opens what is there."""
    bench = Bench(store)
    await bench.tokens.hear([_account(bench.sealed("a", 1))])
    assert (await bench.tokens.rotate([new_key()])).unopened == 0
    with pytest.raises(ConfigError, match="is no key"):
        await bench.tokens.rotate(["garbage"])
    assert await bench.in_file() == ("a", 2)


async def test_hear_after_a_rotation_without_connector_odoo_follows(store: Store) -> None:
    """The command did it in the file; Odoo's copy of a mailbox that does not run follows at the start."""
    bench = Bench(store)
    old = bench.sealed("a", 3)
    await bench.keep(old)
    new = new_key()
    rotated = Vault([new, bench.key])
    await reseal(store, rotated)
    tokens = Tokens(store, rotated, cast("Entra", bench.entra), bench.reports)
    await tokens.hear([_account(old)])
    assert bench.told() == [4]
