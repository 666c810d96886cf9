"""Search at Microsoft: what KQL is made of a person's words, and what comes of several mailboxes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import trio
import trio.testing

from connector.content.search import Asked, Place, SearchedWord, fetch_message, find, to_kql
from connector.errors import ConnectorError, GraphNotFound
from connector.graph.gate import Priority
from connector.graph.search import search_messages
from tests.graph.conftest import open_mailbox
from tests.graph_simulator.search import searched
from tests.graph_simulator.seed import make_mailbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.graph.client import MailboxClient

HOSTILE = (
    *(
        '"',
        '""',
        '" OR from:"x',
        "a\\",
        '\\"',
        "AND",
        "not",
        "NEAR",
        "(a",
        "a)",
        "()",
        "from:x",
        "received>=2020-01-01",
        "*",
        "a*b",
        "?",
        "\0",
        "\ud800",
    ),
    *(
        "“x” OR y",
        "x\nAND y",
        "\uff02x\uff02 OR y",
        "-x",
        "+x",
        "{x}",
        "a" * 500,
        "🙂",
        "会議",
        "1 OR 1",
        "x) OR (y",
        "$filter=x",
        "&$top=1",
    ),
)


def words(*texts: str, where: str = "any", is_whole: bool = False) -> Asked:
    """Return a query of words."""
    return Asked([Place(1)], [SearchedWord(text, where, is_whole) for text in texts])  # type: ignore[arg-type]


def sentence(error: ConnectorError | None) -> str:
    """Return a name for an error."""
    return type(error).__name__


@pytest.mark.parametrize(
    ("asked", "kql"),
    [
        (words("pier"), "(pier* OR recipients:pier*)"),
        (words("pier", where="from"), "from:pier*"),
        (words("pier 42", where="subject", is_whole=True), 'subject:"pier 42"'),
        (words("anna@pier.example", where="to"), 'recipients:"anna@pier.example"'),
        (words("or", where="subject"), 'subject:"or"'),
        (words("a", "b", where="subject"), "subject:a* AND subject:b*"),
        (words("!!", '"'), ""),
        (
            Asked([], has_attachments=True, after="2026-10-01", before="2026-11-01"),
            "hasAttachments:true AND received>=2026-10-01 AND received<2026-11-01",
        ),
        (Asked([], is_read=False), ""),
    ],
)
def test_to_kql(asked: Asked, kql: str) -> None:
    """A word gets a star or quotes, by what it is made of."""
    assert to_kql(asked) == kql


@pytest.mark.parametrize("text", HOSTILE)
async def test_kql_of_hostile_words_is_one_restriction(text: str) -> None:
    """Whatever is typed, Graph gets one word or phrase about the subject; nothing of it is an operator, and nothing breaks the quotes."""
    for is_whole in (False, True):
        kql = to_kql(words(text, where="subject", is_whole=is_whole))
        if not kql:
            assert not any(c.isalnum() for c in text)
            continue
        value = kql.removeprefix("subject:")
        assert value.rstrip("*").isalnum() or (value[0] == value[-1] == '"' and not set('"\\\0\n') & set(value[1:-1]))
        asked = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)  # noqa: B023 - called within this turn
            return httpx.Response(200, json={"value": []})

        async with open_mailbox(answer) as mailbox:
            await search_messages(mailbox, kql, None, 50, Priority.PERSON)
        assert set(asked[0].url.params) == {"$search", "$select", "$top"}
        # Graph's own reading of it, as the simulator has it.
        anna = make_mailbox("anna@pier.example", "Anna Larsen")
        found = searched(anna, None, asked[0].url.params["$search"], at=anna.clock(), delay=0)
        assert len(found) < len(anna.messages)


def answering(*messages: Mapping[str, object]) -> httpx.Response:
    """Return a page of messages."""
    whole = {"receivedDateTime": "2026-11-22T10:00:00Z", "subject": "s", "parentFolderId": "F", "isRead": True}
    return httpx.Response(200, json={"value": [{**whole, **message} for message in messages]})


async def test_find_in_several_mailboxes(autojump_clock: trio.testing.MockClock) -> None:
    """All are asked at once; one that is slow, one that fails and one that is not connected keep nobody from what the others find."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await trio.sleep(60)
        return answering({"id": "late"})

    async with (
        open_mailbox(lambda _: answering({"id": "a", "receivedDateTime": "2026-11-20T10:00:00Z"}, {"id": "b"})) as first,
        open_mailbox(slow) as second,
        open_mailbox(lambda _: httpx.Response(403, json={"error": {"code": "ErrorAccessDenied", "message": ""}})) as third,
    ):
        clients: dict[int, MailboxClient] = {1: first, 2: second, 3: third}
        asked = Asked([Place(n) for n in (1, 2, 3, 4)], [SearchedWord("pier")])
        started = trio.current_time()
        found = await find(clients.get, asked, patience=2.5, sentence=sentence)
    assert trio.current_time() - started <= 2.5
    assert [(m["account_id"], m["remote_id"], m["folder"]) for m in found.messages] == [(1, "b", "F"), (1, "a", "F")]
    assert found.failed == {2: "NoneType", 3: "GraphForbidden", 4: "NeedsSignIn"}


async def test_find_compares_states_itself() -> None:
    """Unread and flagged are no properties that $search knows: they are compared in what comes; a message without a time is left out."""
    messages: list[dict[str, object]] = [
        {"id": "read"},
        {"id": "unread", "isRead": False},
        {"id": "flagged", "isRead": False, "flag": {"flagStatus": "flagged"}},
        {"id": "undated", "isRead": False, "receivedDateTime": None},
    ]
    async with open_mailbox(lambda _: answering(*messages)) as mailbox:
        for asked, wanted in (({"is_read": False}, ["unread", "flagged"]), ({"is_flagged": True}, ["flagged"])):
            query = Asked([Place(1)], [SearchedWord("pier")], **asked)  # type: ignore[arg-type]
            found = await find({1: mailbox}.get, query, patience=2.5, sentence=sentence)
            assert [m["remote_id"] for m in found.messages] == wanted


async def test_find_nothing_to_search_asks_nothing() -> None:
    """Without a word, a day or attachments, no mailbox is asked."""
    found = await find(lambda _: pytest.fail("asked"), Asked([Place(1)], is_read=False), patience=2.5, sentence=sentence)
    assert (found.messages, found.failed) == ([], {})


async def test_find_in_a_folder() -> None:
    """A folder's id is quoted in the path; results are at most fifty."""
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path.decode().partition("?")[0])
        assert request.headers["prefer"] == 'IdType="ImmutableId"'
        return answering(*[{"id": f"m{n}"} for n in range(60)])

    async with open_mailbox(answer) as mailbox:
        found = await find({1: mailbox}.get, Asked([Place(1, "F/1")], [SearchedWord("x")]), patience=2.5, sentence=sentence)
    assert paths == ["/v1.0/me/mailFolders/F%2F1/messages"]
    assert len(found.messages) == 50


async def test_fetch_message() -> None:
    """One message as a patch; one that is gone is said."""
    async with open_mailbox(lambda _: httpx.Response(200, json={"id": "a", "subject": "Pier"})) as mailbox:
        assert await fetch_message(mailbox, "a") == {"remote_id": "a", "subject": "Pier"}
    gone = httpx.Response(404, json={"error": {"code": "ErrorItemNotFound", "message": ""}})
    async with open_mailbox(lambda _: gone) as mailbox:
        with pytest.raises(GraphNotFound):
            await fetch_message(mailbox, "a")
