"""Seals secrets: AES-256-GCM, random nonce, bound to purpose and account.

    sealed text  =  key id "." base64url(nonce 12 bytes + ciphertext + tag 16 bytes)

The key id is a hash of the key, so a blob names the key that opens it and rotation needs no bookkeeping. Purpose and account are
authenticated with it: a blob that is copied to another account's row cannot be opened there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.errors import ConfigError, KeyMissing, VaultError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Vault", "is_key", "new_key"]

_KEY_BYTES = 32
# Bytes: 96 bits, the nonce size that NIST SP 800-38D recommends; random ones are safe for 2**32 seals a key.
_NONCE_BYTES = 12
_ID_CHARS = 8


def new_key() -> str:
    """Return a new key as the configuration takes it (base64url, 256 bits)."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()


def is_key(text: str) -> bool:
    """Tell whether `text` is a key as `new_key` makes it."""
    return _raw(text) is not None


class Vault:
    """Seals with the first key, opens with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys of `vault.keys`. Raises `ConfigError` for one that is no key."""
        self._keys = _read_keys(keys)
        self._first = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Vault({len(self._keys)} keys)"

    @property
    def first(self) -> str:
        """The id of the key that seals."""
        return self._first

    def is_current(self, sealed: str) -> bool:
        """Tell whether `sealed` was sealed with the first key."""
        return sealed.partition(".")[0] == self._first

    def renew(self, keys: Sequence[str]) -> None:
        """Seal with the first of `keys` from now on. What was known before still opens: nothing gets lost by a key that was left out."""
        new = _read_keys(keys)
        self._keys = {**new, **{name: key for name, key in self._keys.items() if name not in new}}
        self._first = next(iter(new))

    def seal(self, data: bytes, *, purpose: str, account_id: int) -> str:
        """Seal `data` for one purpose of one account."""
        nonce = os.urandom(_NONCE_BYTES)
        box = self._keys[self._first].encrypt(nonce, data, _bound(purpose, account_id))
        return f"{self._first}.{base64.urlsafe_b64encode(nonce + box).decode()}"

    def open(self, sealed: str, *, purpose: str, account_id: int) -> bytes:
        """Open what was sealed for this purpose and account. Raises `KeyMissing`, and `VaultError` when it was changed."""
        key_id, _, text = sealed.partition(".")
        key = self._keys.get(key_id)
        if key is None:
            raise KeyMissing(
                f"no key in vault.keys opens the {purpose} of account {account_id} (it was sealed with key {key_id[:_ID_CHARS]})",
                key_id[:_ID_CHARS],
            )
        try:
            box = base64.urlsafe_b64decode(text)
            return key.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], _bound(purpose, account_id))
        except (InvalidTag, ValueError) as error:
            raise VaultError(f"the sealed {purpose} of account {account_id} is damaged or belongs to another account") from error


def _read_keys(keys: Sequence[str]) -> dict[str, AESGCM]:
    found: dict[str, AESGCM] = {}
    for place, key in enumerate(keys):
        raw = _raw(key)
        if raw is None:
            raise ConfigError(f"vault.keys[{place}]: is no key; make one with: maildesk-connector keys new")
        found.setdefault(_key_id(raw), AESGCM(raw))
    return found


def _raw(key: str) -> bytes | None:
    try:
        raw = base64.b64decode(key.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == _KEY_BYTES else None


def _key_id(raw: bytes) -> str:
    return hashlib.sha256(b"maildesk key id" + raw).hexdigest()[:_ID_CHARS]


def _bound(purpose: str, account_id: int) -> bytes:
    return f"maildesk/{purpose}/{account_id}".encode()
