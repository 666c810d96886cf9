"""The vault: what one key, purpose and account sealed, nothing else opens."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ConfigError, StateError
from connector.state.vault import Vault, is_key, new_key

KEY = new_key()


@given(st.binary())
def test_vault_opens_what_it_sealed(data: bytes) -> None:
    """Any bytes come back as they went in."""
    vault = Vault([KEY])
    assert vault.open(vault.seal(data, purpose="token", account_id=7), purpose="token", account_id=7) == data


def test_vault_seals_the_same_differently_each_time() -> None:
    """A nonce is never used twice."""
    vault = Vault([KEY])
    assert len({vault.seal(b"x", purpose="token", account_id=1) for _ in range(100)}) == 100


@pytest.mark.parametrize(("purpose", "account_id"), [("token", 8), ("flow", 7)])
def test_vault_other_account_or_purpose_does_not_open(purpose: str, account_id: int) -> None:
    """A sealed token copied to another row is worth nothing there."""
    vault = Vault([KEY])
    sealed = vault.seal(b"secret", purpose="token", account_id=7)
    with pytest.raises(StateError, match="damaged or belongs to another account"):
        vault.open(sealed, purpose=purpose, account_id=account_id)


def test_vault_first_key_seals_and_all_open() -> None:
    """Rotation: the new key goes in front, the old one stays until all is sealed anew."""
    old, new = Vault([KEY]), new_key()
    sealed = old.seal(b"secret", purpose="token", account_id=1)
    both = Vault([new, KEY])
    assert both.open(sealed, purpose="token", account_id=1) == b"secret"
    with pytest.raises(StateError, match=r"no key in vault\.keys opens"):
        old.open(both.seal(b"secret", purpose="token", account_id=1), purpose="token", account_id=1)


@given(st.text())
def test_vault_garbage_is_an_error_of_ours(garbage: str) -> None:
    """Whatever lies where a sealed text should be, the answer is a sentence."""
    vault = Vault([KEY])
    prefix = vault.seal(b"", purpose="token", account_id=1).partition(".")[0]
    for text in (garbage, f"{prefix}.{garbage}"):
        with pytest.raises(StateError):
            vault.open(text, purpose="token", account_id=1)


@given(st.integers(0, 12 + 6 + 16 - 1), st.integers(1, 255))
def test_vault_changed_by_one_byte_does_not_open(place: int, change: int) -> None:
    """Nonce, ciphertext and tag are what they were, or nothing."""
    vault = Vault([KEY])
    key_id, _, text = vault.seal(b"secret", purpose="token", account_id=1).partition(".")
    box = bytearray(base64.urlsafe_b64decode(text))
    box[place] ^= change
    with pytest.raises(StateError):
        vault.open(f"{key_id}.{base64.urlsafe_b64encode(box).decode()}", purpose="token", account_id=1)


@pytest.mark.parametrize("key", ["", "short", KEY[:-4], KEY + KEY, "not base64 at all, but forty-four characters!", "ä" * 44])
def test_is_key_refuses_what_is_no_key(key: str) -> None:
    """A key is 256 bits, no less."""
    assert not is_key(key)
    with pytest.raises(ConfigError, match="keys new"):
        Vault([key])


def test_is_key_takes_the_line_end_of_a_file() -> None:
    """Keys come from files, and those end in a newline."""
    assert is_key(f"{KEY}\n")


def test_vault_repr_tells_no_key() -> None:
    """A vault in a traceback is a number of keys."""
    assert KEY not in repr(Vault([KEY]))
