"""What a person searches, asked at Microsoft: several mailboxes side by side, within the patience of one click.

Words go as KQL. Each is either letters and digits alone, then with a star, since a word is the beginning of one, or stands between quotes,
where nothing is an operator; a quote within it is left out. So no text of a person becomes syntax.

`$search` knows no unread and no flag (they are not among its properties): those are compared in what it finds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import trio
from msgspec import Meta, Struct

from connector.errors import ConnectorError, NeedsSignIn
from connector.graph.batch import ask_all
from connector.graph.gate import Priority
from connector.graph.messages import whole_ask
from connector.graph.search import search_messages
from connector.graph.types import GraphMessage
from connector.sync.merge import to_patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.graph.client import MailboxClient

__all__ = ["FOUND", "Asked", "Found", "Place", "SearchedWord", "fetch_message", "find", "to_kql"]

# Results of a mailbox: a page; the app shows them below what the index has.
FOUND = 50

_PROPERTIES = {"from": "from", "to": "recipients", "subject": "subject"}

# What KQL takes for an operator, whatever stands around it.
_OPERATORS = {"and", "or", "not", "near", "onear", "words", "xrank", "all"}
_PLAIN = re.compile(r"[^\W_]+")
_UNFIT = re.compile(r'["\u201c-\u201f\u2033\uff02*\\\x00-\x1f\x7f-\x9f\ud800-\udfff]+')

_Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class SearchedWord(Struct, frozen=True):
    """A word, or words side by side. A whole one ends where it ends."""

    text: Annotated[str, Meta(max_length=500)]
    where: Literal["any", "from", "to", "subject"] = "any"
    is_whole: bool = False


class Place(Struct, frozen=True):
    """A mailbox, or one folder of it."""

    account_id: Annotated[int, Meta(gt=0)]
    folder: str | None = None


class Asked(Struct, frozen=True):
    """What is searched, and where (docs/protocol.md, 2.6)."""

    places: Annotated[list[Place], Meta(max_length=50)]
    words: Annotated[list[SearchedWord], Meta(max_length=20)] = []
    has_attachments: bool = False
    is_read: bool | None = None
    is_flagged: bool | None = None
    before: _Day | None = None
    after: _Day | None = None


class Found(Struct, frozen=True):
    """Messages as patches, each with its `account_id`; and the mailboxes that did not answer, with a sentence why."""

    messages: list[dict[str, Any]]
    failed: dict[int, str]


def to_kql(asked: Asked) -> str:
    """Return the query in KQL; empty if there is nothing that `$search` could look for."""
    parts = [part for word in asked.words if (part := _word(word))]
    if asked.has_attachments:
        parts.append("hasAttachments:true")
    if asked.after is not None:
        parts.append(f"received>={asked.after}")
    if asked.before is not None:
        parts.append(f"received<{asked.before}")
    return " AND ".join(parts)


async def find(
    client_of: Callable[[int], MailboxClient | None], asked: Asked, *, patience: float, sentence: Callable[[ConnectorError | None], str]
) -> Found:
    """Search all places at once; what does not answer within `patience` seconds has failed, the others count."""
    kql = to_kql(asked)
    found: list[dict[str, Any]] = []
    failed: dict[int, str] = {place.account_id: sentence(None) for place in asked.places}

    async def search(place: Place) -> None:
        try:
            client = client_of(place.account_id)
            if client is None:
                raise NeedsSignIn("this mailbox is not connected at the moment")
            messages = await search_messages(client, kql, place.folder, FOUND, Priority.PERSON)
        except ConnectorError as error:
            failed[place.account_id] = sentence(error)
        else:
            failed.pop(place.account_id, None)
            patches = (to_patch(message) for message in messages)
            found.extend({"account_id": place.account_id, **patch} for patch in patches if _passes(patch, asked))

    if not kql:
        return Found([], {})
    with trio.move_on_after(patience):
        async with trio.open_nursery() as nursery:
            for place in asked.places:
                nursery.start_soon(search, place)
    return Found(sorted(found, key=lambda patch: str(patch.get("received_at", "")), reverse=True), failed)


async def fetch_message(client: MailboxClient, remote_id: str) -> dict[str, Any]:
    """Return one message as a patch. Raises `GraphNotFound`, another `GraphError`, `AuthError`."""
    ((_, reply),) = await ask_all(client, [whole_ask(remote_id)], Priority.PERSON)
    return to_patch(reply.read(GraphMessage))


def _word(word: SearchedWord) -> str:
    text = " ".join(_UNFIT.sub(" ", word.text).split())
    if not any(character.isalnum() for character in text):
        return ""
    is_plain = _PLAIN.fullmatch(text) is not None and text.casefold() not in _OPERATORS
    value = f"{text}*" if is_plain and not word.is_whole else f'"{text}"'
    if word.where == "any":
        # Without a property $search looks at sender, subject and body.
        return f"({value} OR recipients:{value})"
    return f"{_PROPERTIES[word.where]}:{value}"


def _passes(patch: dict[str, Any], asked: Asked) -> bool:
    wanted = {"is_read": asked.is_read, "is_flagged": asked.is_flagged}
    return "received_at" in patch and all(patch.get(name, False) == value for name, value in wanted.items() if value is not None)
