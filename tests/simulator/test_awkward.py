"""The rarer ways in which a delta tells too much, too little, too late or twice: each by its switch, and not without it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.quirks import PROFILES, Quirks
from tests.graph_simulator.seed import grow
from tests.graph_simulator.server import trio_clock
from tests.simulator.conftest import ADDRESS, open_in_process

if TYPE_CHECKING:
    from tests.graph_simulator.model import Message
    from tests.simulator.conftest import Graph

DELTA = "/me/mailFolders/inbox/messages/delta"
ARCHIVE = DELTA.replace("inbox", "archive")
START = datetime(2031, 5, 6, tzinfo=UTC)
SCHEMA = load_schema()


def _inbox(graph: Graph) -> list[Message]:
    return graph.mailbox.in_folder(graph.mailbox.folder_id("inbox"))


async def _told(graph: Graph, path: str, **given: Any) -> tuple[dict[str, bool], str]:
    """Follow a round: whether each id was a removal, and the link."""
    items, link = await graph.rounds(path, **given)
    return {i["id"]: "@removed" in i for i in items}, link


# ---------------------------------------------------------------- too little


async def test_filter_cap_counts_all_rounds_of_a_cursor() -> None:
    """Later rounds draw on the same cap; what is over it is lost without a word, and a cursor without a filter has no cap."""
    async with open_in_process(Quirks(filter_cap=8)) as graph:
        inbox = _inbox(graph)
        given = {"$filter": f"receivedDateTime ge {inbox[4].data['receivedDateTime']}"}
        first, link = await _told(graph, DELTA, **given)
        _, unfiltered = await _told(graph, DELTA)
        assert len(first) == 5
        for message in inbox[:2]:
            graph.mailbox.set_flag(message.immutable_id, "flagged")
        second, link = await _told(graph, link)
        assert set(second) == {m.immutable_id for m in inbox[:2]}
        graph.mailbox.delete(inbox[2].immutable_id)
        graph.mailbox.set_flag(inbox[3].immutable_id, "flagged")
        third, link = await _told(graph, link)
        assert third == {inbox[2].immutable_id: True}
        graph.mailbox.set_flag(inbox[3].immutable_id, "complete")
        assert (await _told(graph, link))[0] == {}
        assert set((await _told(graph, unfiltered))[0]) == {m.immutable_id for m in inbox[:4]}


@pytest.mark.parametrize("loses", [True, False])
async def test_move_without_add_is_a_removal_alone(*, loses: bool) -> None:
    """With immutable ids the move is not told where it went (atlas#48); with mutable ones, and after a change, it is."""
    async with open_in_process(Quirks(move_without_add=int(loses))) as graph:
        _, inbox = await _told(graph, DELTA)
        _, archive = await _told(graph, ARCHIVE)
        moved = graph.mailbox.move(_inbox(graph)[0].immutable_id, graph.mailbox.folder_id("archive"))
        assert (await _told(graph, inbox))[0] == {moved.immutable_id: True}
        assert (await graph.get(archive, immutable=False))["value"][0]["id"] == moved.mutable_id
        told, archive = await _told(graph, archive)
        assert told == ({} if loses else {moved.immutable_id: False})
        graph.mailbox.set_flag(moved.immutable_id, "flagged")
        assert (await _told(graph, archive))[0] == {moved.immutable_id: False}


async def test_move_without_add_strikes_every_so_manyth() -> None:
    """Some are told, some are not; the truth has all of them."""
    async with open_in_process(Quirks(move_without_add=3)) as graph:
        _, link = await _told(graph, ARCHIVE)
        moved = _inbox(graph)[:12]
        for message in moved:
            graph.mailbox.move(message.immutable_id, graph.mailbox.folder_id("archive"))
        assert 0 < len((await _told(graph, link))[0]) < 12
        assert {m.immutable_id for m in moved} <= {m.immutable_id for m in graph.mailbox.in_folder(graph.mailbox.folder_id("archive"))}


@pytest.mark.parametrize("lies", [True, False])
async def test_read_as_removed_is_still_there(*, lies: bool) -> None:
    """Marked read it is reported as gone (contrib#2866), though GET finds it in its folder; marked unread it never is."""
    async with open_in_process(Quirks(read_as_removed=int(lies))) as graph:
        _, link = await _told(graph, DELTA)
        read = next(m for m in _inbox(graph) if not m.data["isRead"])
        unread = next(m for m in _inbox(graph) if m.data["isRead"])
        graph.mailbox.set_read(read.immutable_id, is_read=True)
        graph.mailbox.set_read(unread.immutable_id, is_read=False)
        told, link = await _told(graph, link)
        assert told == {read.immutable_id: lies, unread.immutable_id: False}
        assert (await graph.get(f"/me/messages/{read.immutable_id}"))["parentFolderId"] == graph.mailbox.folder_id("inbox")
        assert (await _told(graph, link))[0] == {}


# ---------------------------------------------------------------- too much, and twice


@pytest.mark.parametrize("strays", [True, False])
async def test_first_round_may_hold_removals(*, strays: bool) -> None:
    """Of messages that went before the client came, and of one that nobody knows; none of them is in the folder."""
    async with open_in_process(Quirks(removed_in_first_round=strays)) as graph:
        gone, moved = _inbox(graph)[:2]
        graph.mailbox.delete(gone.immutable_id)
        graph.mailbox.move(moved.immutable_id, graph.mailbox.folder_id("archive"))
        told, link = await _told(graph, DELTA)
        removed = {i for i, is_removed in told.items() if is_removed}
        assert set(told) - removed == {m.immutable_id for m in _inbox(graph)}
        assert ({gone.immutable_id, moved.immutable_id} <= removed) is strays
        assert len(removed) == (3 if strays else 0)
        for stranger in removed - {gone.immutable_id, moved.immutable_id}:
            assert (await graph.raw(f"/me/messages/{stranger}")).status_code == 404
        assert (await _told(graph, link))[0] == {}


@pytest.mark.parametrize("twice", [True, False])
async def test_moved_twice_comes_in_the_next_round_again(*, twice: bool) -> None:
    """And then no more (msgraph-sdk-go#969); one that has gone meanwhile does not come again."""
    async with open_in_process(Quirks(moved_twice=twice)) as graph:
        _, link = await _told(graph, ARCHIVE)
        first, second = _inbox(graph)[-2:]
        for message in (first, second):
            graph.mailbox.move(message.immutable_id, graph.mailbox.folder_id("archive"))
        told, link = await _told(graph, link)
        assert told == {first.immutable_id: False, second.immutable_id: False}
        graph.mailbox.delete(second.immutable_id)
        told, link = await _told(graph, link)
        assert told == {second.immutable_id: True} | ({first.immutable_id: False} if twice else {})
        assert (await _told(graph, link))[0] == {}


# ---------------------------------------------------------------- too late


async def test_delay_holds_events_back_and_plain_gets_are_current(autojump_clock: trio.testing.MockClock) -> None:
    """A delta knows nothing younger than the delay, in its first round either; then it tells; nothing is lost on the way."""
    async with open_in_process(Quirks(delay=60), clock=trio_clock(START)) as graph:
        known = {m.immutable_id for m in _inbox(graph)}
        told, link = await _told(graph, DELTA)
        assert set(told) == known
        changed, deleted, moved = _inbox(graph)[:3]
        graph.mailbox.set_flag(changed.immutable_id, "flagged")
        graph.mailbox.delete(deleted.immutable_id)
        graph.mailbox.move(moved.immutable_id, graph.mailbox.folder_id("archive"))
        grow(graph.mailbox, 1)
        (new,) = {m.immutable_id for m in _inbox(graph)} - known
        for _ in range(3):
            told, link = await _told(graph, link)
            assert told == {}
            await trio.sleep(15)
        assert new not in (await _told(graph, DELTA))[0]
        assert (await graph.raw(f"/me/messages/{new}")).status_code == 200
        assert (await graph.get(f"/me/messages/{changed.immutable_id}"))["flag"]["flagStatus"] == "flagged"
        await trio.sleep(20)
        told, link = await _told(graph, link)
        assert told == {changed.immutable_id: False, deleted.immutable_id: True, moved.immutable_id: True, new: False}
        assert new in (await _told(graph, DELTA))[0]
        assert (await _told(graph, link))[0] == {}


async def test_delay_between_two_moves_tells_the_first_alone(autojump_clock: trio.testing.MockClock) -> None:
    """Gone and back again within the delay: first the removal, and the return in a later round."""
    async with open_in_process(Quirks(delay=60), clock=trio_clock(START)) as graph:
        _, link = await _told(graph, DELTA)
        message = _inbox(graph)[0].immutable_id
        graph.mailbox.move(message, graph.mailbox.folder_id("archive"))
        await trio.sleep(50)
        graph.mailbox.move(message, graph.mailbox.folder_id("inbox"))
        await trio.sleep(20)
        told, link = await _told(graph, link)
        assert told == {message: True}
        await trio.sleep(60)
        assert (await _told(graph, link))[0] == {message: False}


# ---------------------------------------------------------------- links


@pytest.mark.parametrize("is_same", [True, False])
async def test_same_link_comes_back_from_a_quiet_round(*, is_same: bool) -> None:
    """As the documentation's example shows it; it lives on, and a round with news has another."""
    async with open_in_process(Quirks(same_link=is_same, delta_generations=2)) as graph:
        _, link = await _told(graph, DELTA)
        given = link
        for _ in range(4):
            _, given = await _told(graph, given)
        assert (given == link) is is_same
        graph.mailbox.set_flag(_inbox(graph)[0].immutable_id, "flagged")
        told, newer = await _told(graph, given)
        assert len(told) == 1
        assert newer != given


async def test_nextlink_dies_every_so_manyth() -> None:
    """A link that is dead stays dead; the round begins again, and comes through when no link on its way is struck."""
    async with open_in_process(Quirks(nextlink_dies=3)) as graph:
        page = await graph.get(DELTA)
        for _ in range(2):
            page = await graph.get(page["@odata.nextLink"])
        for _ in range(2):
            answer = await graph.raw(page["@odata.nextLink"])
            assert (answer.status_code, answer.json()["error"]["code"]) == (410, "SyncStateNotFound")
        told, _ = await _told(graph, DELTA, prefer="odata.maxpagesize=20")
        assert set(told) == {m.immutable_id for m in _inbox(graph)}


@pytest.mark.parametrize("forgets", [True, False])
async def test_page_size_is_remembered_in_links_or_not(*, forgets: bool) -> None:
    """Without the header a next page has ten, or as many as the first; with it, as many as it says."""
    async with open_in_process(Quirks(forget_page_size=forgets)) as graph:
        link = (await graph.get(DELTA, prefer="odata.maxpagesize=12"))["@odata.nextLink"]
        assert len((await graph.get(link))["value"]) == (10 if forgets else 12)
        assert len((await graph.get(link, prefer="odata.maxpagesize=7"))["value"]) == 7
        _, link = await _told(graph, DELTA, prefer="odata.maxpagesize=12")
        for message in _inbox(graph)[:15]:
            graph.mailbox.set_flag(message.immutable_id, "flagged")
        assert len((await graph.get(link))["value"]) == (10 if forgets else 12)


@pytest.mark.parametrize(
    ("switch", "status", "code"),
    [
        ("410 SyncStateInvalid", 410, "SyncStateInvalid"),
        ("410 resyncRequired", 410, "resyncRequired"),
        ("400 InvalidSyncStateData", 400, "InvalidSyncStateData"),
        ("404 syncstatenotfound", 404, "syncstatenotfound"),
        ("400 BadRequest", 400, "BadRequest"),
    ],
)
async def test_sync_error_of_dead_links_has_many_faces(switch: str, status: int, code: str) -> None:
    """Every row of section 1.5; a 400 speaks of a badly formed token."""
    async with open_in_process(Quirks(sync_error=switch, delta_generations=1, nextlink_dies=1)) as graph:
        page = await graph.get(DELTA)
        graph.world.quirks.nextlink_dies = 0
        _, link = await _told(graph, DELTA)
        await _told(graph, link)
        for dead in (link, page["@odata.nextLink"]):
            answer = await graph.raw(dead)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
            assert ("Badly formed token" in answer.text) is (status == 400)


@pytest.mark.parametrize("status", ["403", "507"])
async def test_quota_delta_shuts_deltas_and_leaves_lists_open(status: str) -> None:
    """First rounds, links and folders' deltas answer ErrorQuotaExceeded; lists and messages go on."""
    async with open_in_process() as graph:
        _, link = await _told(graph, DELTA)
        graph.world.quirks.quota_delta = status
        for path in (DELTA, link, "/me/mailFolders/delta"):
            answer = await graph.raw(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (int(status), "ErrorQuotaExceeded")
        assert (await graph.raw("/me/mailFolders/inbox/messages")).status_code == 200
        graph.world.quirks.quota_delta = ""
        assert (await _told(graph, link))[0] == {}


# ---------------------------------------------------------------- folders and messages


@pytest.mark.parametrize("stays", [True, False])
async def test_deleted_message_stays_where_no_list_has_it(*, stays: bool) -> None:
    """By switch it opens by its immutable id, in a folder that cannot be opened; no list and no delta has it, and the truth has not."""
    async with open_in_process(Quirks(deleted_stays=stays)) as graph:
        _, link = await _told(graph, DELTA)
        message = _inbox(graph)[0].immutable_id
        graph.mailbox.delete(message)
        answer = await graph.raw(f"/me/messages/{message}")
        assert answer.status_code == (200 if stays else 404)
        if stays:
            folder = answer.json()["parentFolderId"]
            assert folder not in graph.mailbox.folders
            assert (await graph.raw(f"/me/mailFolders/{folder}")).status_code == 404
        assert (await _told(graph, link))[0] == {message: True}
        assert message not in (await _told(graph, DELTA))[0]
        assert message not in {m["id"] for m in graph.mailbox.truth()}


async def test_absent_folder_code_is_that_of_well_known_names_alone() -> None:
    """By switch, for the folder and its lists; an unknown id is ErrorItemNotFound as ever, and a folder that is there opens."""
    async with open_in_process(Quirks(absent_folder_code="400 ErrorFolderNotFound")) as graph:
        for path in ("clutter", "CLUTTER/messages", "conversationhistory/childFolders"):
            answer = await graph.raw(f"/me/mailFolders/{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ErrorFolderNotFound")
        assert (await graph.raw("/me/mailFolders/AQMkAGnothing")).json()["error"]["code"] == "ErrorItemNotFound"
        assert (await graph.raw("/me/mailFolders/inbox")).status_code == 200


async def _poison(graph: Graph, message_id: str, kind: str) -> Any:
    url = f"{graph.url}/_sim/mailboxes/{ADDRESS}/messages/{message_id}/poison"
    return await graph.http.post(url, json={"kind": kind})


async def test_poison_of_the_shape_is_wherever_the_message_is_shown() -> None:
    """Alone, in lists and in deltas, whole and selected: types that the schema forbids; healed it is as before."""
    async with open_in_process() as graph:
        message = _inbox(graph)[0].immutable_id
        whole = await graph.get(f"/me/messages/{message}")
        assert (await _poison(graph, message, "shape")).status_code == 200
        shown = [await graph.get(f"/me/messages/{message}"), await graph.get(f"/me/messages/{message}", **{"$select": "subject"})]
        for path in (DELTA, "/me/mailFolders/inbox/messages"):
            page = await graph.get(path, **({} if path == DELTA else {"$top": "100"}))
            shown += [m for m in page["value"] if m["id"] == message]
            assert sum(bool(SCHEMA.problems(m, "message")) for m in page["value"]) == 1
        assert [m["subject"] for m in shown] == [7] * 4
        assert isinstance(shown[0]["toRecipients"], dict)
        await _poison(graph, message, "")
        assert await graph.get(f"/me/messages/{message}") == whole


async def test_poison_that_corrupts_shuts_the_message_alone() -> None:
    """Opening it, its MIME and its attachments is a 500 that does not go away; lists and deltas go on and show it."""
    async with open_in_process() as graph:
        message = _inbox(graph)[0].immutable_id
        await _poison(graph, message, "corrupt")
        for path in ("", "/$value", "/attachments"):
            answer = await graph.raw(f"/me/messages/{message}{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (500, "ErrorCorruptData")
        assert message in (await _told(graph, DELTA))[0]
        for kind, status, code in (("404", 404, ""), ("400 ErrorBrandNew", 400, "ErrorBrandNew")):
            await _poison(graph, message, kind)
            answer = await graph.raw(f"/me/messages/{message}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        await _poison(graph, message, "undated")
        shown = await graph.get(f"/me/messages/{message}")
        assert shown["receivedDateTime"] is None
        assert not SCHEMA.problems(shown, "message"), "Graph's schema allows it"
        answer = await _poison(graph, message, "arsenic")
        assert (answer.status_code, "arsenic" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("names_one", [True, False])
async def test_gone_location_leads_to_a_first_round(*, names_one: bool) -> None:
    """A 410 may name the delta from its beginning, with an empty token; an error of another status names none (1.5)."""
    async with open_in_process(Quirks(gone_location=names_one, delta_generations=1)) as graph:
        link = ""
        for path in (DELTA, "/me/mailFolders/delta"):
            _, link = await _told(graph, path)
            await _told(graph, link)
            answer = await graph.raw(link)
            where = answer.headers.get("location")
            assert (answer.status_code, where is not None) == (410, names_one)
            if where:
                assert where.endswith("/delta?$deltatoken=")
                assert (await _told(graph, where))[0].keys() == (await _told(graph, path))[0].keys()
        graph.world.quirks.sync_error = "400 BadRequest"
        assert "location" not in (await graph.raw(link)).headers


@pytest.mark.parametrize("cap", [0, 3])
async def test_folder_top_is_cut_without_a_word(cap: int) -> None:
    """A page has fewer than were asked for, and a link to the rest; or as many, and more than 1,000 are refused."""
    async with open_in_process(Quirks(folder_top=cap)) as graph:
        page = await graph.get("/me/mailFolders", **{"$top": "8"})
        assert len(page["value"]) == (cap or 8)
        seen = list(page["value"])
        while "@odata.nextLink" in page:
            page = await graph.get(page["@odata.nextLink"])
            seen += page["value"]
        assert len({f["id"] for f in seen}) == len(seen) == 9
        assert (await graph.raw("/me/mailFolders?$top=1001")).status_code == (200 if cap else 400)


@pytest.mark.parametrize("shows", [True, False])
async def test_listed_content_id_is_a_switch(*, shows: bool) -> None:
    """A list of attachments has the contentId of its files or not; one alone always has (4.3)."""
    async with open_in_process(Quirks(listed_content_id=shows)) as graph:
        message = next(m for m in graph.mailbox.messages.values() if any(a.get("contentId") for a in m.attachments))
        path = f"/me/messages/{message.immutable_id}/attachments"
        files = [a for a in (await graph.get(path))["value"] if a["@odata.type"].endswith("fileAttachment")]
        assert {("contentId" in a) for a in files} == {shows}
        alone = [await graph.get(f"{path}/{a['id']}") for a in files]
        assert any(a["contentId"] for a in alone)
        assert not [p for a in (*files, *alone) for p in SCHEMA.problems(a, "attachment")]


# ---------------------------------------------------------------- all at once


def test_every_switch_has_a_test() -> None:
    """Each is set by name in some test of the simulator."""
    text = "".join(p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_*.py") if p.name != "test_lifelike.py")
    assert [name for name in Quirks().to_json() if not re.search(rf"\b{name}\b\"?\s*[:=]", text)] == []


async def test_hostile_profile_is_harder_than_the_default() -> None:
    """No switch of it makes anything easier: every difference from the default is one more awkwardness, and deltas work after all."""
    hostile, default = PROFILES["hostile"], PROFILES["default"]
    assert not hostile.quota_delta
    assert hostile.storm == default.storm == 0
    assert PROFILES["storm"].storm > 0
    for name in ("lanes", "request_rate", "top_caps_delta", "filter_cap", "partial_read_updates", "out_of_filter_events", "aba_loss"):
        assert getattr(hostile, name) == getattr(default, name)
    async with open_in_process(hostile) as graph:
        graph.world.quirks = hostile.changed({"control_characters": False, "delay": 0})
        told, link = await _told(graph, DELTA)
        assert {i for i, is_removed in told.items() if not is_removed} == {m.immutable_id for m in _inbox(graph)}
        graph.mailbox.set_flag(_inbox(graph)[0].immutable_id, "flagged")
        assert (await _told(graph, link))[0] == {_inbox(graph)[0].immutable_id: False}


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"sync_error": "SyncStateNotFound"}, "status and a code"),
        ({"sync_error": ""}, "status and a code"),
        ({"sync_error": "503 ErrorServerBusy"}, "status and a code"),
        ({"absent_folder_code": "404"}, "status and a code"),
        ({"quota_delta": "full"}, "wants a status such as '507'"),
        ({"fail_graph": "busy"}, "status and a code"),
        ({"folder_exists_status": "200"}, "wants a status such as '409'"),
        ({"send_rate_code": "429"}, "status and a code"),
        ({"delete_to": "trash"}, "deleteditems or recoverable"),
        ({"notify_loss": 1.5}, "from 0 to 1"),
        ({"body_cap": 0}, "wants 1 or more"),
    ],
)
def test_switches_of_another_form_are_refused(switches: dict[str, Any], says: str) -> None:
    """With a sentence."""
    with pytest.raises(ValueError, match=says):
        Quirks().changed(switches)
