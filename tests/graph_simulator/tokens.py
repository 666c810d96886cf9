"""Skip tokens and delta tokens: opaque to the client, and each good for one kind of question about one folder."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from tests.graph_simulator.odata import GraphFault

__all__ = ["Paging", "Tokens"]


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


class Tokens:
    """Tokens that were given."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - test data
        self._kept: dict[str, Paging] = {}

    def keep(self, paging: Paging) -> str:
        """Give a token for what is left."""
        token = f"{paging.kind[0]}{self.random.getrandbits(160):040x}"
        self._kept[token] = replace(paging)
        return token

    def resume(self, token: str, folder_id: str, kind: str) -> Paging:
        """Return what a token stands for; a client may use it again."""
        kept = self._kept.get(token)
        # The delta token of another folder is as dead as an old one, which the delta tells by itself.
        if kept is None or kept.kind != kind or (kept.folder_id != folder_id and kind not in {"round", "treeround"}):
            raise GraphFault(400, "BadRequest", "Badly formed token.")
        return replace(kept)
