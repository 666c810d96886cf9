"""Complete listings: nothing is missed between two windows, and half a listing is none."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import GraphError
from connector.graph.gate import Priority
from connector.sync.listing import Entry, list_states, second_before, windows
from tests.graph.conftest import BASE, fault, open_mailbox, page

if TYPE_CHECKING:
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
        return page(first, {"id": "b", "isRead": True}, next=f"{BASE}/me/mailFolders/F/messages?$skip=2")

    async with open_mailbox(graph) as mailbox:
        found = await list_states(mailbox, "F", "2026-11-01T00:00:00Z", None, Priority.LIVE)
    assert found == [
        Entry("a", "2026-11-02T00:00:00Z", is_read=False, is_flagged=True),
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


def test_second_before_crosses_midnight() -> None:
    """A bound that was inclusive becomes one that is exclusive."""
    assert second_before("2026-11-01T00:00:00Z") == "2026-10-31T23:59:59Z"
