"""Complete listings: nothing is missed between two windows, and half a listing is none."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import GraphError
from connector.graph.gate import Priority
from connector.graph.types import GraphMessage
from connector.odoo.wire import Applied, ApplyRequest, SealedToken, TreeFolder
from connector.sync.listing import Entry, compare, list_states, second_before, windows
from connector.sync.merge import to_patch
from tests.graph.conftest import BASE, fault, open_mailbox, page
from tests.sync.memory_addon import MemoryAddon

if TYPE_CHECKING:
    from random import Random

    import httpx

_times = st.lists(st.sampled_from([f"2026-11-{day:02}T10:00:00Z" for day in range(1, 9)]), max_size=40)


@given(_times, st.integers(1, 10))
def test_windows_cover_all_time_without_gap_or_overlap(times: list[str], size: int) -> None:
    """Every moment belongs to one window, and so does every message; messages of one second stay together."""
    entries = [Entry(f"m{n}", time) for n, time in enumerate(times)]
    cut = list(windows(entries, None, None, size))
    assert (cut[0].after, cut[-1].until) == (None, None)
    assert all(one.until == two.after for one, two in pairwise(cut))
    assert sorted(e.id for w in cut for e in w.entries) == sorted(e.id for e in entries)
    for window in cut:
        assert all((window.after or "") < e.received <= (window.until or "~") for e in window.entries)


def test_windows_of_nothing_is_one_that_covers_all() -> None:
    """An empty listing says that there is nothing: rows of that time are what is looked for."""
    (only,) = windows([], "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")
    assert (only.entries, only.after, only.until) == ([], "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")


async def test_list_states_follows_all_pages_and_counts_an_id_once() -> None:
    """A window that shifts while it is read; a message that nobody can read is listed all the same."""

    def graph(request: httpx.Request) -> httpx.Response:
        if "skip" in str(request.url):
            return page({"id": "b", "isRead": True}, {"id": "odd", "isRead": "maybe"})
        assert request.url.params["$filter"] == "receivedDateTime ge 2026-11-01T00:00:00Z"
        first = {"id": "a", "receivedDateTime": "2026-11-02T00:00:00Z", "isRead": False, "flag": {"flagStatus": "flagged"}}
        first |= {"importance": "urgent", "categories": ["Red\x00", " "]}
        return page(first, {"id": "b", "isRead": True}, next=f"{BASE}/me/mailFolders/F/messages?$skip=2")

    async with open_mailbox(graph) as mailbox:
        found = await list_states(mailbox, "F", "2026-11-01T00:00:00Z", None, Priority.LIVE)
    assert found == [
        Entry("a", "2026-11-02T00:00:00Z", is_read=False, is_flagged=True, importance="normal", categories=["Red"]),
        Entry("b", "", is_read=True),
        Entry("odd"),
    ]


async def test_list_states_empty_page_with_next_link_goes_on() -> None:
    """It is not the end: rows of the pages behind it would be taken for deleted, and asked for by the thousand."""

    def graph(request: httpx.Request) -> httpx.Response:
        return page({"id": "a"}) if "skip" in str(request.url) else page(next=f"{BASE}/me/mailFolders/F/messages?$skip=1")

    async with open_mailbox(graph) as mailbox:
        assert await list_states(mailbox, "F", None, None, Priority.LIVE) == [Entry("a")]


async def test_list_states_that_breaks_off_is_an_error() -> None:
    """Each row that the rest would have named is a suspect else, and a mass removal passes for proved."""

    def graph(request: httpx.Request) -> httpx.Response:
        if "skip" in str(request.url):
            return fault(400, "ErrorBrandNew")
        return page({"id": "a"}, next=f"{BASE}/me/mailFolders/F/messages?$skip=1")

    async with open_mailbox(graph) as mailbox:
        with pytest.raises(GraphError, match="ErrorBrandNew"):
            await list_states(mailbox, "F", None, None, Priority.LIVE)


async def test_list_states_circle_is_an_error() -> None:
    """Half a listing taken for the whole would look like a folder that was emptied."""
    async with open_mailbox(lambda _: page({"id": "a"}, next=f"{BASE}/me/mailFolders/F/messages?$skip=1")) as mailbox:
        with pytest.raises(GraphError, match="circle"):
            await list_states(mailbox, "F", None, None, Priority.LIVE)


_item = st.fixed_dictionaries(
    {"receivedDateTime": st.just("2026-11-02T00:00:00Z"), "parentFolderId": st.just("F")},
    optional={
        "isRead": st.none() | st.booleans(),
        "flag": st.none()
        | st.builds(lambda status: {"flagStatus": status}, st.sampled_from(["flagged", "complete", "notFlagged", "?", None])),
        "importance": st.none() | st.sampled_from(["low", "normal", "high", "High", "urgent"]) | st.text(max_size=5),
        "categories": st.none()
        | st.lists(st.sampled_from(["Red", "red", "Red ", "a\tb", "a b", "\x00", ""]) | st.text(max_size=8), max_size=6),
    },
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_item, max_size=5), st.randoms(use_true_random=False))
def test_compare_unchanged_mailbox_that_was_just_synced_differs_in_nothing(items: list[dict[str, Any]], chance: Random) -> None:
    """Whatever Graph says, in whatever order it says it the second time: what differs is asked about, day after day."""
    named = [{"id": f"m{n}", **item} for n, item in enumerate(items)]

    def graph(request: httpx.Request) -> httpx.Response:
        wanted = request.url.params["$select"].split(",")
        shown = [{name: value for name, value in item.items() if name in wanted} for item in named]
        return page(
            *(
                {**one, "categories": chance.sample(one["categories"], len(one["categories"]))} if one.get("categories") else one
                for one in shown
            )
        )

    async def live() -> None:
        addon = MemoryAddon(lambda: datetime(2026, 11, 23, tzinfo=UTC))
        account = addon.new_account("anna@pier.example")
        addon.sign_in(account, SealedToken("one", 1))
        synced = [to_patch(msgspec.convert(item, GraphMessage)) for item in named]
        answer = await addon.apply(ApplyRequest(account, [TreeFolder("F", None, "F", "inbox")], synced, [], [], []))
        assert isinstance(answer, Applied)
        async with open_mailbox(graph) as mailbox:
            listed = await list_states(mailbox, "F", None, None, Priority.LIVE)
        assert len(listed) == len(named)
        assert not await compare(addon, account, "F", listed)

    trio.run(live)


@pytest.mark.parametrize("change", [{"isRead": True}, {"flag": {"flagStatus": "flagged"}}, {"importance": "low"}, {"categories": ["Red"]}])
async def test_compare_tells_each_state_that_changed(change: dict[str, Any]) -> None:
    """By the whole way: what Graph is asked for, what is read of it, what Odoo is told."""
    plain = {"id": "m", "receivedDateTime": "2026-11-02T00:00:00Z", "parentFolderId": "F", "isRead": False, "importance": "normal"}

    def graph(request: httpx.Request) -> httpx.Response:
        return page({name: value for name, value in {**plain, **change}.items() if name in request.url.params["$select"].split(",")})

    addon = MemoryAddon(lambda: datetime(2026, 11, 23, tzinfo=UTC))
    account = addon.new_account("anna@pier.example")
    addon.sign_in(account, SealedToken("one", 1))
    row = to_patch(msgspec.convert(plain, GraphMessage))
    await addon.apply(ApplyRequest(account, [TreeFolder("F", None, "F", "inbox")], [row], [], [], []))
    async with open_mailbox(graph) as mailbox:
        found = await compare(addon, account, "F", await list_states(mailbox, "F", None, None, Priority.LIVE))
    assert (found.differing, found.unlisted) == (["m"], [])


def test_second_before_crosses_midnight() -> None:
    """A bound that was inclusive becomes one that is exclusive."""
    assert second_before("2026-11-01T00:00:00Z") == "2026-10-31T23:59:59Z"
