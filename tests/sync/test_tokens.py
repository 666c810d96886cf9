"""Sealed copies of a token in the file and in Odoo: the newer one counts, wherever it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
from msgspec import structs

from connector.errors import NeedsSignIn, NotConfigured, StateError
from connector.odoo.wire import Account, SealedToken
from connector.state.vault import Vault, new_key
from connector.sync.reports import Reports
from connector.sync.tokens import PURPOSE, Tokens

if TYPE_CHECKING:
    from connector.graph.auth import Entra
    from connector.state.store import Store

ACCOUNT = 7


class FakeEntra:
    """Entra that gives the blob's own text as the access token, and rotates `name` to `name+` when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bool]] = []
        self.tenants: list[str | None] = []

    async def silent(self, blob: bytes, *, claims: str | None, force: bool, tenant: str | None = None) -> tuple[str, float, bytes]:
        """Answer after a moment, so that others come in between."""
        assert claims is None
        self.asked.append((blob, force))
        self.tenants.append(tenant)
        await trio.lowlevel.checkpoint()
        text = blob.decode()
        name = text.split('"')[3] + ("+" if force else "")
        return name, 3600.0, f'{{"RefreshToken": "{name}"}}'.encode()


def _blob(name: str) -> bytes:
    return f'{{"RefreshToken": "{name}"}}'.encode()


class Bench:
    """Tokens over a real store and vault."""

    def __init__(self, store: Store) -> None:
        self.store, self.vault, self.reports, self.entra = store, Vault([new_key()]), Reports(), FakeEntra()
        self.tokens = Tokens(store, self.vault, cast("Entra", self.entra), self.reports)

    def sealed(self, name: str, seq: int, account_id: int = ACCOUNT) -> SealedToken:
        """Seal the token cache `name`."""
        return SealedToken(self.vault.seal(_blob(name), purpose=PURPOSE, account_id=account_id), seq)

    async def keep(self, token: SealedToken) -> None:
        """Put a sealed token into the file."""
        await self.store.save_token(ACCOUNT, token.sealed, token.seq)

    def told(self) -> list[int]:
        """Return the sequences of the tokens that Odoo would hear of."""
        return [r.token.seq for r in self.reports.take() if isinstance(r.token, SealedToken)]


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
        with pytest.raises(StateError) as caught:
            await bench.tokens.source(_account(strange)).token(**none)
        assert strange.sealed not in str(caught.value)
