"""Rows of the index as real mailboxes have them: words of the real mails, thinned out by rare ones, in the lengths that Graph gives.

What makes storage and search honest is kept: ids as long as Graph's (152 characters a message, 108 a conversation), previews of 255
characters, words by Zipf's law with a long tail that every mailbox has of its own, people who write often and people who write once.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.seed import MAILS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ME", "NEWEST", "Mails"]

ME = "anna@pier.example"
NEWEST = datetime(2026, 11, 1, 12, 0)  # noqa: DTZ001 - Odoo's columns have no zone

# Words beside those of the real mails: surnames, products, places, typing errors.
_RARE = 60_000
_PEOPLE = 4_000
_SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ne",
    "ru",
    "sa",
    "to",
    "vi",
    "wa",
    "ze",
    "bor",
    "den",
    "fal",
    "gar",
    "hul",
    "jen",
    "kim",
    "lan",
    "mor",
    "nus",
    "pel",
    "rin",
    "sul",
    "tam",
    "ver",
    "win",
    "zor",
    "ach",
    "est",
    "und",
]
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass
class Mails:
    """Makes patches as the connector sends them; the same `seed` makes the same ones."""

    seed: int = 1
    _random: random.Random = field(init=False)
    _words: list[str] = field(init=False)
    _weights: list[float] = field(init=False)
    _people: list[tuple[str, str]] = field(init=False)
    _conversation: str = field(init=False, default="")
    _subject: str = field(init=False, default="")

    def __post_init__(self) -> None:
        rng = self._random = random.Random(self.seed)  # noqa: S311 - test data
        real = sorted({word for path in MAILS for word in _words_of(path.read_bytes())})
        rng.shuffle(real)
        rare = {"".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))) for _ in range(_RARE)}
        self._words = real + sorted(rare)
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(len(self._words))))
        names = [f"{rng.choice(_SYLLABLES)}{rng.choice(_SYLLABLES)}".title() for _ in range(400)]
        self._people = [
            (f"{first} {last}", f"{first}.{last}@{last}{n % 90}.example".lower())
            for n, (first, last) in enumerate(zip(rng.choices(names, k=_PEOPLE), rng.choices(names, k=_PEOPLE), strict=True))
        ]

    def patches(self, count: int, folder: str, *, newest: datetime = NEWEST, step: int = 17) -> Iterator[dict[str, Any]]:
        """Yield `count` messages of a folder, newest first, `step` minutes apart."""
        for number in range(count):
            yield self._patch(folder, newest - timedelta(minutes=step * number))

    def _patch(self, folder: str, received: datetime) -> dict[str, Any]:
        rng = self._random
        words = rng.choices(self._words, cum_weights=self._weights, k=46)
        if rng.random() < 0.45 or not self._conversation:
            self._conversation = "AAQkA" + self._letters(102) + "="
            self._subject = " ".join(words[:6]).capitalize()
        name, address = self._person()
        at = received.isoformat() + "Z"
        others = [self._person() for _ in range(rng.choice((0, 0, 0, 1, 2)))]
        return {
            "remote_id": "AAkALgAA" + self._letters(143) + "=",
            "folder": folder,
            "internet_message_id": f"<{self._letters(48)}@{self._letters(12)}.eurprd07.prod.outlook.com>",
            "conversation_id": self._conversation,
            "subject": self._subject,
            "from_name": name,
            "from_email": address,
            "to_recipients": _recipients([("Anna Larsen", ME), *others]),
            "cc_recipients": _recipients([self._person() for _ in range(rng.choice((0, 0, 0, 0, 1)))]),
            "bcc_recipients": _recipients([]),
            "reply_to": _recipients([]),
            "preview": f"{' '.join(words[6:])} {rng.randint(1000, 99999)}"[:255],
            "received_at": at,
            "sent_at": at,
            "is_read": rng.random() < 0.9,
            "is_flagged": rng.random() < 0.02,
            "importance": "normal",
            "has_attachments": rng.random() < 0.2,
            "is_draft": False,
            "categories": [],
        }

    def _person(self) -> tuple[str, str]:
        return self._people[int(self._random.paretovariate(0.7)) % _PEOPLE]

    def _letters(self, count: int) -> str:
        bits = self._random.getrandbits(6 * count)
        return "".join(_ALPHABET[bits >> shift & 63] for shift in range(0, 6 * count, 6))


def _recipients(people: list[tuple[str, str]]) -> dict[str, Any]:
    return {"total": len(people), "list": [{"name": name, "address": address} for name, address in people]}


def _words_of(mime: bytes) -> list[str]:
    data, _attachments = to_graph(mime, NEWEST)
    text = re.sub(r"<[^>]*>", " ", data["body"]["content"]) + " " + data["subject"]
    return [word for word in re.findall(r"\w+", json.loads(json.dumps(text))) if len(word) < 30]
