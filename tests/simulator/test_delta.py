"""The delta of a folder: generations, moves, and each awkwardness that breaks naive clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector.graph.messages import SELECT
from tests.graph_simulator import tokens
from tests.graph_simulator.quirks import Quirks
from tests.simulator.conftest import open_graph

if TYPE_CHECKING:
    from tests.simulator.conftest import Graph

DELTA = "/me/mailFolders/inbox/messages/delta"


async def _ids(graph: Graph, path: str, **given: Any) -> tuple[list[str], str]:
    items, link = await graph.rounds(path, **given)
    return [i["id"] for i in items], link


async def test_delta_first_round_brings_the_folder(graph: Graph) -> None:
    """Every message of the folder, ten a page unless Prefer asks for more; then nothing."""
    ids, link = await _ids(graph, DELTA)
    assert set(ids) == {m.immutable_id for m in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))}
    assert len((await graph.get(DELTA))["value"]) == 10
    assert len((await graph.get(DELTA, prefer="odata.maxpagesize=17"))["value"]) == 17
    assert (await _ids(graph, link))[0] == []


async def test_delta_move_is_removed_here_and_added_there_with_one_id(graph: Graph) -> None:
    """With immutable ids a move is the same id twice: removed in one folder, whole in the other."""
    _, inbox = await _ids(graph, DELTA)
    _, archive = await _ids(graph, DELTA.replace("inbox", "archive"))
    moved = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[0].immutable_id
    graph.mailbox.move(moved, graph.mailbox.folder_id("archive"))
    left, _ = await graph.rounds(inbox)
    came, _ = await graph.rounds(archive)
    assert [(i["id"], "@removed" in i) for i in left] == [(moved, True)]
    assert [(i["id"], "@removed" in i) for i in came] == [(moved, False)]


@pytest.mark.parametrize("loses", [True, False])
async def test_delta_away_and_back_is_a_removal_where_graph_loses_it(*, loses: bool) -> None:
    """Moved away and back between two polls: only the removal is reported (contrib#72), or the message, by switch."""
    async with open_graph(Quirks(aba_loss=loses)) as graph:
        _, link = await _ids(graph, DELTA)
        inbox, archive = graph.mailbox.folder_id("inbox"), graph.mailbox.folder_id("archive")
        moved = graph.mailbox.in_folder(inbox)[0].immutable_id
        graph.mailbox.move(moved, archive)
        graph.mailbox.move(moved, inbox)
        items, _ = await graph.rounds(link)
        assert [("@removed" in i) for i in items] == [loses]


@pytest.mark.parametrize("partial", [True, False])
async def test_delta_read_toggle_is_partial(*, partial: bool) -> None:
    """A read toggle brings id, isRead and parentFolderId alone (docs#7776), by switch."""
    async with open_graph(Quirks(partial_read_updates=partial)) as graph:
        _, link = await _ids(graph, DELTA, **{"$select": SELECT})
        message = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[0]
        graph.mailbox.set_read(message.immutable_id, is_read=not message.data["isRead"])
        (item,), _ = await graph.rounds(link)
        assert ("subject" in item) is not partial
        assert item["isRead"] == message.data["isRead"]


async def test_delta_read_toggle_and_more_is_whole(graph: Graph) -> None:
    """Only a read toggle by itself is partial; with a flag, or for a message that came in the same round, all is told."""
    _, link = await _ids(graph, DELTA)
    first, second = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[:2]
    for message in (first, second):
        graph.mailbox.set_read(message.immutable_id, is_read=not message.data["isRead"])
    graph.mailbox.set_flag(first.immutable_id, "flagged")
    came = graph.mailbox.in_folder(graph.mailbox.folder_id("archive"))[0]
    graph.mailbox.move(came.immutable_id, graph.mailbox.folder_id("inbox"))
    graph.mailbox.set_read(came.immutable_id, is_read=not came.data["isRead"])
    items = {i["id"]: i for i in (await graph.rounds(link))[0]}
    assert {i: "subject" in item for i, item in items.items()} == {
        first.immutable_id: True,
        second.immutable_id: False,
        came.immutable_id: True,
    }


async def test_delta_select_is_kept_in_the_links(graph: Graph) -> None:
    """Options are given once and baked into the token (graph-behaviour 1.1)."""
    items, link = await graph.rounds(DELTA, **{"$select": "subject,isRead"})
    graph.mailbox.set_flag(items[0]["id"], "flagged")
    items += (await graph.rounds(link))[0]
    assert {frozenset(k for k in i if "@" not in k) for i in items} == {frozenset({"id", "subject", "isRead"})}


# ---------------------------------------------------------------- generations


async def test_delta_last_generations_live_older_ones_are_gone() -> None:
    """So many links of a folder live, each may be used again and tells the same; the one before is 410 SyncStateNotFound."""
    async with open_graph(Quirks(delta_generations=3)) as graph:
        links = [(await _ids(graph, DELTA))[1]]
        message = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[0].immutable_id
        graph.mailbox.set_flag(message, "flagged")
        # Two rounds from the same link: three links were given.
        for _ in range(2):
            ids, link = await _ids(graph, links[0])
            assert ids == [message]
            links.append(link)
        assert len(set(links)) == 3
        assert (await _ids(graph, links[1]))[0] == []
        answer = await graph.raw(links[0])
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "SyncStateNotFound")
        assert (await graph.raw(links[2])).status_code == 200


async def test_delta_generations_are_each_folders_own() -> None:
    """Rounds of one folder cost another nothing; a link of another folder is as dead as an old one."""
    async with open_graph(Quirks(delta_generations=1)) as graph:
        _, inbox = await _ids(graph, DELTA)
        for _ in range(2):
            await _ids(graph, DELTA.replace("inbox", "archive"))
        _, archive = await _ids(graph, DELTA.replace("inbox", "archive"))
        assert (await graph.raw(inbox)).status_code == 200
        swapped = archive.partition("?")[0] + "?" + inbox.partition("?")[2]
        assert (await graph.raw(swapped)).json()["error"]["code"] == "SyncStateNotFound"


async def test_delta_new_round_after_410_brings_the_folder_again() -> None:
    """What a client does after 410 works."""
    async with open_graph(Quirks(delta_generations=1)) as graph:
        _, link = await _ids(graph, DELTA)
        await _ids(graph, link)
        assert (await graph.raw(link)).status_code == 410
        ids, _ = await _ids(graph, DELTA)
        assert set(ids) == {m.immutable_id for m in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))}


@pytest.mark.parametrize("name", ["$deltatoken", "$skiptoken"])
@pytest.mark.parametrize("token", ["nonsense", "", "d" + "0" * 40])
async def test_delta_garbage_token_is_400(graph: Graph, name: str, token: str) -> None:
    """A token that was never given is badly formed, not merely old."""
    answer = await graph.raw(f"{DELTA}?{name}={token}")
    assert (answer.status_code, "Badly formed token" in answer.text) == (400, True)


async def test_delta_tokens_are_of_one_kind_and_one_folder(graph: Graph) -> None:
    """The skip token of a list or of another folder is garbage, and so is a skip token as a delta token, and the other way round."""
    listed = (await graph.get("/me/mailFolders/inbox/messages"))["@odata.nextLink"].partition("$skiptoken=")[2]
    skip = (await graph.get(DELTA))["@odata.nextLink"].partition("$skiptoken=")[2]
    _, link = await _ids(graph, DELTA)
    done = link.partition("$deltatoken=")[2]
    for path in (
        f"{DELTA}?$skiptoken={listed}",
        f"{DELTA}?$skiptoken={done}",
        f"{DELTA}?$deltatoken={skip}",
        f"{DELTA}?$deltatoken={listed}",
        f"{DELTA.replace('inbox', 'archive')}?$skiptoken={skip}",
        f"/me/mailFolders/inbox/messages?$skiptoken={skip}",
    ):
        assert (await graph.raw(path)).status_code == 400, path


async def test_delta_deleted_folder_is_404_on_every_link(graph: Graph) -> None:
    """On the first request, on a next link, and on a delta link."""
    folder = graph.mailbox.add_folder("Soon gone", graph.mailbox.folder_id("msgfolderroot"))
    for message in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[:12]:
        graph.mailbox.move(message.immutable_id, folder.id)
    path = f"/me/mailFolders/{folder.id}/messages/delta"
    page = await graph.get(path)
    _, link = await _ids(graph, path)
    graph.mailbox.delete_folder(folder.id)
    for url in (path, page["@odata.nextLink"], link):
        gone = await graph.raw(url)
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "ErrorSyncFolderNotFound")


async def test_delta_what_happens_during_a_round_comes_in_the_next(graph: Graph) -> None:
    """A message that goes or comes between two pages is not lost: the next round tells of it."""
    inbox = graph.mailbox.folder_id("inbox")
    page = await graph.get(DELTA)
    told = {i["id"] for i in page["value"]}
    gone = next(m for m in graph.mailbox.in_folder(inbox) if m.immutable_id not in told).immutable_id
    seen = next(iter(told))
    graph.mailbox.delete(gone)
    graph.mailbox.set_flag(seen, "flagged")
    came = graph.mailbox.in_folder(graph.mailbox.folder_id("archive"))[0].immutable_id
    graph.mailbox.move(came, inbox)
    rest, link = await _ids(graph, page["@odata.nextLink"])
    assert gone not in rest
    assert came not in rest
    items = {i["id"]: "@removed" in i for i in (await graph.rounds(link))[0]}
    assert items == {gone: True, seen: False, came: False}


# ---------------------------------------------------------------- traps


async def test_delta_filter_is_capped_and_the_rest_never_comes() -> None:
    """A filtered round stops at the cap, newest first; no later round brings what was cut off."""
    async with open_graph(Quirks(filter_cap=5)) as graph:
        inbox = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))
        since = inbox[20].data["receivedDateTime"]
        ids, link = await _ids(graph, DELTA, **{"$filter": f"receivedDateTime ge {since}"})
        assert ids == [m.immutable_id for m in inbox[:5]]
        assert (await _ids(graph, link))[0] == []
        assert len((await _ids(graph, DELTA))[0]) == len(inbox)


@pytest.mark.parametrize(("operator", "count"), [("ge", 21), ("gt", 20)])
async def test_delta_filter_bounds_the_first_round(graph: Graph, operator: str, count: int) -> None:
    """`ge` takes the message at the bound, `gt` does not."""
    inbox = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))
    ids, _ = await _ids(graph, DELTA, **{"$filter": f"receivedDateTime {operator} {inbox[20].data['receivedDateTime']}"})
    assert set(ids) == {m.immutable_id for m in inbox[:count]}


@pytest.mark.parametrize("lets_through", [True, False])
async def test_delta_filter_events_of_older_messages(*, lets_through: bool) -> None:
    """Changes and removals of messages older than the filter are told all the same (contrib PR 9760), by switch."""
    async with open_graph(Quirks(out_of_filter_events=lets_through)) as graph:
        inbox = graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))
        newest, changed, removed = inbox[0].immutable_id, inbox[-1].immutable_id, inbox[-2].immutable_id
        _, link = await _ids(graph, DELTA, **{"$filter": f"receivedDateTime ge {inbox[5].data['receivedDateTime']}"})
        for message in (newest, changed):
            graph.mailbox.set_flag(message, "flagged")
        graph.mailbox.delete(removed)
        ids, _ = await _ids(graph, link)
        assert set(ids) == {newest} | ({changed, removed} if lets_through else set())


@pytest.mark.parametrize("caps", [True, False])
async def test_delta_top_caps_the_round(*, caps: bool) -> None:
    """$top on a delta is a trap, by switch: the round ends there and the rest never comes, nor in the next round."""
    async with open_graph(Quirks(top_caps_delta=caps)) as graph:
        total = graph.mailbox.counts(graph.mailbox.folder_id("inbox"))[1]
        ids, link = await _ids(graph, DELTA, **{"$top": "3"})
        assert len(ids) == (3 if caps else total)
        assert (await _ids(graph, link))[0] == []


async def test_delta_empty_page_comes_first_and_is_no_end() -> None:
    """By switch a page with no items and a next link comes before the others, in later rounds too; no changes are still one page."""
    async with open_graph(Quirks(empty_pages=True)) as graph:
        _, link = await _ids(graph, DELTA)
        assert "@odata.deltaLink" in await graph.get(link)
        graph.mailbox.set_flag(graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))[0].immutable_id, "flagged")
        for url in (DELTA, link):
            page = await graph.get(url)
            assert page["value"] == []
            assert "@odata.nextLink" in page
            assert "@odata.deltaLink" not in page
            assert (await graph.get(page["@odata.nextLink"]))["value"]


@pytest.mark.parametrize("size", [1, 2, 10])
async def test_delta_duplicates_repeat_the_last_item_and_end(size: int) -> None:
    """By switch the last item of a page comes again on the next; the round ends all the same, also with pages of one."""
    async with open_graph(Quirks(duplicates=True)) as graph:
        items, _ = await graph.rounds(DELTA, prefer=f"odata.maxpagesize={size}")
        ids = [i["id"] for i in items]
        assert set(ids) == {m.immutable_id for m in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))}
        assert (len(ids) > len(set(ids))) is (size > 1)


async def test_delta_hostile_pages_lose_nothing() -> None:
    """Empty pages, duplicates and disorder: all is there for who goes on to the delta link."""
    async with open_graph(Quirks(empty_pages=True, duplicates=True, shuffle=True)) as graph:
        first = await graph.get(DELTA)
        assert first["value"] == []
        assert "@odata.nextLink" in first
        ids, _ = await _ids(graph, DELTA)
        wanted = [m.immutable_id for m in graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))]
        assert set(ids) == set(wanted)
        assert len(ids) > len(wanted)
        assert list(dict.fromkeys(ids)) != wanted


async def test_delta_forgets_the_oldest_next_links_and_knows_that_they_were_given(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Graph's own cache does: 410, not 400, for a link of a delta that was given long ago (docs#2162)."""
    monkeypatch.setattr(tokens, "_SKIP_TOKENS", 3)
    links = [(await graph.get(DELTA))["@odata.nextLink"] for _ in range(4)]
    assert [(await graph.raw(link)).status_code for link in links[1:]] == [200, 200, 200]
    links = [(await graph.get(DELTA))["@odata.nextLink"] for _ in range(4)]
    answer = await graph.raw(links[0])
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "SyncStateNotFound")
    broken = links[0][:-1] + ("0" if links[0][-1] != "0" else "1")
    assert (await graph.raw(broken)).status_code == 400


async def test_delta_dead_links_cost_no_memory() -> None:
    """However many rounds a mailbox has, no more is kept than what lives."""
    async with open_graph(Quirks(delta_generations=3)) as graph:
        _, link = await _ids(graph, DELTA)
        for _ in range(20):
            _, link = await _ids(graph, link)
        kept = graph.world.graph._tokens._kept.values()
        assert len([p for p in kept if p.kind == "round"]) == 3
