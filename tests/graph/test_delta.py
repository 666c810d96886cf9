"""The delta of a folder, as the wire has it; folders and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from connector.errors import GraphError, GraphMailboxGone, GraphSyncStateGone
from connector.graph.batch import Ask, ask_all
from connector.graph.delta import DeltaRound, first_ask, link_ask
from connector.graph.folders import Tree, list_tree
from connector.graph.gate import Priority
from connector.graph.messages import get_body, older_than
from tests.graph.conftest import BASE, fault, open_mailbox, page

if TYPE_CHECKING:
    from connector.graph.client import MailboxClient
    from connector.graph.pages import Page

NEXT, LAST = f"{BASE}/me/mailfolders('F')/messages/delta?$skiptoken=s1", f"{BASE}/me/mailfolders('F')/messages/delta?$deltatoken=d1"


async def _round(mailbox: MailboxClient, ask: Ask) -> list[Page]:
    following, pages = DeltaRound(ask), []
    while following.ask is not None:
        ((_, reply),) = await ask_all(mailbox, [following.ask], Priority.LIVE)
        pages.append(following.take(reply))
    return pages


async def test_delta_empty_page_with_next_link_goes_on() -> None:
    """No items is not the end; the delta link is. $top is never sent, the size is preferred on every page."""
    asked: list[httpx.Request] = []

    def graph(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if b"skiptoken" in request.url.raw_path:
            return page({"id": "m1", "subject": "x"}, {"id": "m2", "@removed": {"reason": "deleted"}}, delta=LAST)
        return page(next=NEXT)

    async with open_mailbox(graph) as mailbox:
        pages = await _round(mailbox, first_ask("F=", "2026-11-01T00:00:00Z"))
    assert [[m.id for m in p.changed] for p in pages] == [[], ["m1"]]
    assert pages[1].removed == ["m2"]
    assert pages[1].delta_link == LAST
    assert not [r for r in asked if "top" in str(r.url)]
    assert all("odata.maxpagesize=200" in r.headers["prefer"] for r in asked)
    assert asked[0].url.params["$filter"] == "receivedDateTime ge 2026-11-01T00:00:00Z"
    assert "isRead" in asked[0].url.params["$select"]
    assert "@removed" not in asked[0].url.params["$select"]


async def test_delta_cursor_is_sent_back_as_it_came() -> None:
    """Options live in the link: nothing is added to it."""
    asked: list[str] = []

    def graph(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return page(delta=LAST)

    async with open_mailbox(graph) as mailbox:
        await _round(mailbox, link_ask(LAST))
    assert asked == [str(httpx.URL(LAST))]


async def test_delta_circle_starts_the_folder_afresh() -> None:
    """A next link that comes twice would never end."""
    async with open_mailbox(lambda _: page({"id": "m"}, next=NEXT)) as mailbox:
        with pytest.raises(GraphSyncStateGone, match="circle"):
            await _round(mailbox, first_ask("F="))


async def test_delta_page_without_link_is_an_error() -> None:
    """Half an answer is not taken for the end."""
    async with open_mailbox(lambda _: page({"id": "m"})) as mailbox:
        with pytest.raises(GraphError, match="without a link"):
            await _round(mailbox, first_ask("F="))


async def test_older_than_pages_by_link_and_counts_an_id_once() -> None:
    """The window shifts while it is read: an id that comes twice counts once towards the number wanted."""

    def graph(request: httpx.Request) -> httpx.Response:
        if "skip" in str(request.url):
            return page({"id": "b"}, {"id": "c"}, {"id": "d"})
        assert request.url.params["$filter"] == "receivedDateTime le 2026-11-01T00:00:00Z"
        return page({"id": "a"}, {"id": "b"}, next=f"{BASE}/me/mailFolders/F/messages?$skip=2")

    async with open_mailbox(graph) as mailbox:
        found = await older_than(mailbox, "F", "2026-11-01T00:00:00Z", 3, Priority.BACKFILL)
    assert [[m.id for m in p.changed] for p in found] == [["a", "b"], ["b", "c", "d"]]


async def test_older_than_goes_on_behind_a_page_with_less_than_was_wanted() -> None:
    """Short pages, empty ones too, are no end while there is a next link: less than was wanted means "no older ones" to the caller."""
    links = [f"{BASE}/me/mailFolders/F/messages?$skip={n}" for n in (1, 2)]
    pages = [page({"id": "a"}, next=links[0]), page(next=links[1]), page({"id": "b"}, {"id": "c"})]
    async with open_mailbox(lambda _: pages.pop(0)) as mailbox:
        found = await older_than(mailbox, "F", "2026-11-01T00:00:00Z", 3, Priority.BACKFILL)
    assert [[m.id for m in p.changed] for p in found] == [["a"], [], ["b", "c"]]


async def test_list_tree_goes_on_behind_an_empty_page() -> None:
    """Folders behind it would be archived, and their mail hidden."""

    def graph(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/mailFolders"):
            return page({"id": "F"}) if "skip" in str(request.url) else page(next=f"{BASE}/me/mailFolders?$skip=1")
        return fault(404, "ErrorItemNotFound")

    async with open_mailbox(graph) as mailbox:
        assert [f.id for f in (await list_tree(mailbox)).folders] == ["F"]


async def test_list_tree_drops_search_and_hidden_folders_and_finds_roles() -> None:
    """All levels and pages; roles by well-known name, never by display name; a mailbox without an Archive has none."""

    def graph(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1.0/me/mailFolders").strip("/")
        match path:
            case "":
                if "skip" in str(request.url):
                    return page({"id": "Z", "displayName": "Inbox"})
                return page(
                    {"id": "I", "displayName": "Posteingang", "childFolderCount": 1, "unreadItemCount": 2, "totalItemCount": 9},
                    {"id": "S", "displayName": "Unread", "@odata.type": "#microsoft.graph.mailSearchFolder"},
                    {"id": "H", "displayName": "Hidden", "isHidden": True},
                    next=f"{BASE}/me/mailFolders?$skip=3",
                )
            case "I/childFolders":
                return page({"id": "C", "displayName": "a/b"})
            case "inbox":
                return httpx.Response(200, json={"id": "I"})
            case _:
                return fault(404, "ErrorItemNotFound")

    async with open_mailbox(graph) as mailbox:
        tree = await list_tree(mailbox)
    assert [(f.id, f.parent_id, f.name, f.role) for f in tree.folders] == [
        ("I", None, "Posteingang", "inbox"),
        ("Z", None, "Inbox", "other"),
        ("C", "I", "a/b", "other"),
    ]
    assert (tree.folders[0].unread, tree.folders[0].total) == (2, 9)
    assert tree.well_known == {"inbox": "I"}


async def test_lists_circle_is_an_error_never_an_end() -> None:
    """Half a list taken for the whole would put folders away, or end a backfill early."""
    async with open_mailbox(lambda r: page({"id": "a"}, next=f"{BASE}{r.url.path.removeprefix('/v1.0')}?$skip=1")) as mailbox:
        with pytest.raises(GraphError, match="circle"):
            await older_than(mailbox, "F", "2026-11-01T00:00:00Z", 3, Priority.BACKFILL)
        with pytest.raises(GraphError, match="circle"):
            await list_tree(mailbox, known=Tree([], {}))


@pytest.mark.parametrize("code", ["ErrorItemNotFound", "ErrorFolderNotFound", ""])
async def test_list_tree_absent_well_known_folder_under_any_code(code: str) -> None:
    """A mailbox without an Archive is listed, whatever Graph calls the lack; one that is not there at all is not."""

    def graph(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        return page() if name == "mailFolders" else fault(404, code)

    async with open_mailbox(graph) as mailbox:
        assert (await list_tree(mailbox)).well_known == {}
    async with open_mailbox(lambda _: fault(404, "MailboxNotEnabledForRESTAPI")) as mailbox:
        with pytest.raises(GraphMailboxGone):
            await list_tree(mailbox)


async def test_get_body_asks_for_attachments_though_none_are_announced() -> None:
    """HasAttachments is false where all are inline; contents are never asked for with the list."""

    def graph(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/attachments"):
            assert "contentBytes" not in request.url.params["$select"]
            return page(
                {"@odata.type": "#microsoft.graph.itemAttachment", "id": "1", "name": "mail", "size": 5, "isInline": False},
                {"@odata.type": "#microsoft.graph.referenceAttachment", "id": "2", "name": None, "size": 0, "isInline": False},
            )
        return httpx.Response(200, json={"id": "m", "body": {"contentType": "html", "content": "<p>x"}, "isDraft": False})

    async with open_mailbox(graph) as mailbox:
        body = await get_body(mailbox, "m", Priority.PERSON)
    assert (body.html_or_text, body.is_html) == ("<p>x", True)
    assert [(a.kind, a.name) for a in body.attachments] == [("item", "mail"), ("reference", "")]
