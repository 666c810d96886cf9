"""Skip tokens and delta tokens: opaque to the client, and each good for one kind of question about one folder."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from dataclasses import dataclass, field, replace

from tests.graph_simulator.odata import GraphFault

__all__ = ["Paging", "Tokens"]

# Kinds of rounds that have ended.
_ENDED = {"round", "treeround"}


@dataclass(slots=True)
class Paging:
    """What a token stands for: the rest of a list or of a delta round, or a round that has ended.

    `kind` is list, delta or round, tree or treeround (the same of folders). `ids` are those of the whole round and never change, so that
    all tokens of it share them; the page begins at `at`. `removed` maps to the mutable id that the client knew. `told` counts the items
    that came through the cursor since its first round, and `again` are to be told once more in the next.
    """

    kind: str
    folder_id: str
    ids: list[str]
    select: tuple[str, ...]
    number: int = 0
    at: int = 0
    size: int = 0
    removed: dict[str, str] = field(default_factory=dict)
    partial: set[str] = field(default_factory=set)
    lower: tuple[str, str] | None = None
    told: int = 0
    again: tuple[str, ...] = ()
    expand: tuple[str, ...] = ()


# Skip tokens that are remembered; Graph too forgets the oldest as new ones are given (1.5).
_SKIP_TOKENS = 20_000


class Tokens:
    """Tokens that were given. One that was given and is forgotten can be told from one that never was."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - test data
        self._kept: dict[str, Paging] = {}
        self._skips: deque[str] = deque()

    def keep(self, paging: Paging) -> str:
        """Give a token for what is left."""
        number = f"{self.random.getrandbits(128):032x}"
        token = f"{paging.kind[0]}{number}{_seal(number)}"
        self._kept[token] = replace(paging)
        if paging.kind not in _ENDED:
            self._skips.append(token)
            if len(self._skips) > _SKIP_TOKENS:
                self.forget(self._skips.popleft())
        return token

    def keep_link(self, links: dict[str, list[str]], ended: Paging, generations: int) -> str:
        """Give the delta link of a round that has ended; so many of its folder live, older ones die."""
        given = links.setdefault(ended.folder_id, [])
        given.append(self.keep(ended))
        for token in given[:-generations]:
            self.forget(token)
        del given[:-generations]
        return given[-1]

    def forget(self, token: str) -> None:
        """Remember no more of a token than that it was given."""
        self._kept.pop(token, None)

    def resume(self, token: str, folder_id: str, kind: str) -> Paging | None:
        """Return what a token stands for, or None if it is one of ours that lives no more; a client may use a living one again."""
        kept = self._kept.get(token)
        if kept is None and token[:1] == kind[0] and token[33:] == _seal(token[1:33]):
            return None
        # The delta token of another folder is as dead as an old one.
        if kept is not None and kept.kind == kind in _ENDED and kept.folder_id != folder_id:
            return None
        if kept is None or kept.kind != kind or kept.folder_id != folder_id:
            raise GraphFault(400, "BadRequest", "Badly formed token.")
        return replace(kept)


def _seal(number: str) -> str:
    return hashlib.sha256(f"simulator {number}".encode()).hexdigest()[:8]
