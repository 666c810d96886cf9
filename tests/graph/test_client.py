"""Requests to a mailbox: headers, retries, tokens, links, errors."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import (
    GraphError,
    GraphForbidden,
    GraphMailboxGone,
    GraphNotFound,
    GraphSyncStateGone,
    GraphThrottled,
    GraphUnauthorized,
    GraphUnreachable,
)
from connector.graph.answers import claims_of, parse_retry_after, repair_json
from connector.graph.catalogue import to_error
from connector.graph.client import ATTEMPTS, OVERALL
from connector.graph.gate import Priority
from connector.graph.types import GraphFolder, Named, User
from tests.graph.conftest import BASE, FakeTokens, fault, open_mailbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ME = {"id": "1", "displayName": "Anna"}


async def test_get_every_request_asks_for_immutable_ids() -> None:
    """The header is there, joined with what else is preferred; the token is the bearer."""
    seen: list[httpx.Request] = []

    def graph(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ME)

    async with open_mailbox(graph) as mailbox:
        await mailbox.get("/me", into=User, priority=Priority.LIVE)
        await mailbox.get(f"{BASE}/me?$skiptoken=a%2Bb", into=User, priority=Priority.LIVE, prefer=["odata.maxpagesize=200"])
    assert seen[0].headers["prefer"] == 'IdType="ImmutableId"'
    assert seen[1].headers["prefer"] == 'IdType="ImmutableId", odata.maxpagesize=200'
    assert seen[1].url.raw_path.endswith(b"?$skiptoken=a%2Bb"), "a link goes back as it came"
    assert seen[0].headers["authorization"] == "Bearer t1"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/me",
        "http://graph.example/v1.0/me",
        "https://graph.example:444/v1.0/me",
        "https://graph.example@evil.example/v1.0/me",
        "https://graph.example/v1.0evil/me",
        "https://graph.example:port/v1.0/me",
    ],
)
async def test_get_link_to_another_host_is_not_followed(link: str) -> None:
    """A token goes nowhere else."""

    def graph(_: httpx.Request) -> httpx.Response:
        raise AssertionError("asked")

    async with open_mailbox(graph) as mailbox:
        with pytest.raises(GraphError, match="was not followed"):
            await mailbox.get(link, into=User, priority=Priority.LIVE)


@pytest.mark.parametrize(
    "first",
    [
        fault(429, "ApplicationThrottled", retry_after="7"),
        fault(503, "ErrorServerBusy", retry_after="7.0"),
        fault(500, "ErrorInternalServerError"),
        fault(502, ""),
        httpx.Response(504, content=b"<html>"),
    ],
)
async def test_get_passing_fault_is_waited_out(first: httpx.Response, autojump_clock: MockClock) -> None:
    """A GET is repeated after the time that Graph names, or a growing one."""
    answers = [first, httpx.Response(200, json=ME)]
    began = trio.current_time()
    async with open_mailbox(lambda _: answers.pop(0)) as mailbox:
        assert (await mailbox.get("/me", into=User, priority=Priority.LIVE)).id == "1"
    waited = trio.current_time() - began
    assert waited >= 7 if "retry-after" in first.headers else 0 < waited < 3


async def test_get_long_retry_after_is_handed_up_at_once(autojump_clock: MockClock) -> None:
    """Ten minutes are the mailbox's to wait, not a request's."""
    began = trio.current_time()
    async with open_mailbox(lambda _: fault(429, "ApplicationThrottled", retry_after="600")) as mailbox:
        with pytest.raises(GraphThrottled) as caught:
            await mailbox.get("/me", into=User, priority=Priority.LIVE)
    assert caught.value.retry_after == 600
    assert trio.current_time() == began


@pytest.mark.parametrize("value", ["0", "-7", "Mon, 23 Nov 1998 12:00:00 GMT"])
@pytest.mark.parametrize("status", [429, 503])
async def test_get_retry_after_that_is_over_is_still_a_pause(status: int, value: str, autojump_clock: MockClock) -> None:
    """Nothing, less than nothing, a date that is past: the pauses grow all the same, and after a 429 the mailbox is fenced."""
    asked: list[float] = []

    def graph(_: httpx.Request) -> httpx.Response:
        asked.append(trio.current_time())
        return fault(status, "ErrorServerBusy", retry_after=value)

    async with open_mailbox(graph) as mailbox:
        with pytest.raises(GraphThrottled):
            await mailbox.get("/me", into=User, priority=Priority.LIVE)
        pauses = [later - sooner for sooner, later in pairwise(asked)]
        assert [pause >= least for pause, least in zip(pauses, (1, 1, 2, 4), strict=True)] == [True] * 4
        async with mailbox.gate.lane(Priority.PERSON):
            assert trio.current_time() - asked[-1] >= 1


async def test_get_retry_after_as_a_date_is_by_graphs_own_clock(autojump_clock: MockClock) -> None:
    """A clock of ours that is years off makes neither an hour nor nothing of twenty seconds."""
    sent = datetime(1999, 12, 31, 23, 59, 50, tzinfo=UTC)
    late = fault(
        429,
        "TooManyRequests",
        retry_after=format_datetime(sent + timedelta(seconds=20), usegmt=True),
        date=format_datetime(sent, usegmt=True),
    )
    answers = [late, httpx.Response(200, json=ME)]
    began = trio.current_time()
    async with open_mailbox(lambda _: answers.pop(0)) as mailbox:
        await mailbox.get("/me", into=User, priority=Priority.LIVE)
    assert 20 <= trio.current_time() - began < 21


async def test_get_overall_budget_ends_the_attempts(autojump_clock: MockClock) -> None:
    """Each attempt takes long: not all of them are made, and what was asked is over in some minutes."""
    asked: list[float] = []

    async def graph(_: httpx.Request) -> httpx.Response:
        asked.append(trio.current_time())
        await trio.sleep(45)
        return fault(503, "ServiceNotAvailable")

    async with open_mailbox(graph) as mailbox:
        with pytest.raises(GraphUnreachable):
            await mailbox.get("/me", into=User, priority=Priority.LIVE)
    assert len(asked) < ATTEMPTS
    assert asked[-1] - asked[0] <= OVERALL


async def test_get_body_that_trickles_for_ever_is_given_up(autojump_clock: MockClock) -> None:
    """A byte now and then keeps every read time-out away: the answer as a whole has an end, and its lane is free again."""

    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await trio.sleep(20)
                yield b" "

    async with open_mailbox(lambda _: httpx.Response(200, stream=Trickle())) as mailbox:
        with trio.fail_after(3600), pytest.raises(GraphUnreachable):
            await mailbox.get("/me", into=User, priority=Priority.LIVE)
        with trio.fail_after(1):
            async with mailbox.gate.lane(Priority.PERSON, lanes=4):
                pass


async def test_get_lasting_fault_ends_in_its_error(autojump_clock: MockClock) -> None:
    """Some attempts, then the runner decides."""
    asked: list[int] = []

    def graph(_: httpx.Request) -> httpx.Response:
        asked.append(1)
        raise httpx.ReadTimeout("slow")

    async with open_mailbox(graph) as mailbox:
        with pytest.raises(GraphUnreachable):
            await mailbox.get("/me", into=User, priority=Priority.LIVE)
    assert len(asked) == ATTEMPTS


async def test_get_refused_token_is_replaced_once_with_the_claims() -> None:
    """A CAE challenge's claims reach the token source decoded; a second refusal is the person's."""
    claims = '{"access_token":{"nbf":{"essential":true,"value":"1726258122"}}}'
    header = f'PoP x="1", Bearer realm="", error="insufficient_claims", claims="{base64.b64encode(claims.encode()).decode()}"'
    tokens = FakeTokens()
    answers = [fault(401, "InvalidAuthenticationToken", www_authenticate=header), httpx.Response(200, json=ME)]
    async with open_mailbox(lambda _: answers.pop(0), tokens=tokens) as mailbox:
        await mailbox.get("/me", into=User, priority=Priority.LIVE)
    assert tokens.claims == [claims]
    async with open_mailbox(lambda _: fault(401, "InvalidAuthenticationToken")) as mailbox:
        with pytest.raises(GraphUnauthorized):
            await mailbox.get("/me", into=User, priority=Priority.LIVE)


async def test_get_control_characters_in_json_are_repaired() -> None:
    """Raw control characters inside strings are Graph's fault, not the mailbox's end."""
    async with open_mailbox(lambda _: httpx.Response(200, content=b'{"id":"1","displayName":"A\x0b\x01nna"}')) as mailbox:
        assert (await mailbox.get("/me", into=User, priority=Priority.LIVE)).display_name == "Anna"


@given(st.integers(0, 0x1F), st.sampled_from([b"", b"\r\n\t"]))
def test_repair_json_any_raw_control_character_hides_nothing(control: int, between: bytes) -> None:
    """Each of the 32 inside a string, tab and line ends too: the page is read, and those between two values still part them."""
    data = b'{"id":' + between + b'"An' + bytes([control]) + b'na"' + between + b"}"
    assert msgspec.json.decode(repair_json(data), type=Named).id in {"Anna", "An na"}


async def test_get_cut_json_is_no_answer(autojump_clock: MockClock) -> None:
    """A truncated body says nothing: try again later."""
    async with open_mailbox(lambda _: httpx.Response(200, content=b'{"id":"1","disp')) as mailbox:
        with pytest.raises(GraphUnreachable):
            await mailbox.get("/me", into=User, priority=Priority.LIVE)


async def test_get_unknown_shape_is_an_error_of_its_own() -> None:
    """JSON of another shape is not retried: it would be the same."""
    async with open_mailbox(lambda _: httpx.Response(200, json={"value": 1})) as mailbox:
        with pytest.raises(GraphError, match="shape"):
            await mailbox.get("/me/mailFolders/inbox", into=GraphFolder, priority=Priority.LIVE)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (410, "SyncStateNotFound", GraphSyncStateGone),
        (410, "anything", GraphSyncStateGone),
        (400, "resyncRequired", GraphSyncStateGone),
        (404, "SYNCSTATENOTFOUND", GraphSyncStateGone),
        (404, "ErrorItemNotFound", GraphNotFound),
        (400, "ErrorInvalidIdMalformed", GraphNotFound),
        (404, "ErrorSyncFolderNotFound", GraphNotFound),
        (404, "MailboxNotEnabledForRESTAPI", GraphMailboxGone),
        (404, "ResourceNotFound", GraphMailboxGone),
        (403, "ErrorAccessDenied", GraphForbidden),
        (401, "InvalidAuthenticationToken", GraphUnauthorized),
        (429, "", GraphThrottled),
        (500, "ErrorInternalServerError", GraphUnreachable),
        (503, "", GraphUnreachable),
    ],
)
def test_to_error_known_answers(status: int, code: str, kind: type[GraphError]) -> None:
    """The table of the catalogue, without regard to case."""
    assert type(to_error(status, (code,), None)) is kind


def test_to_error_unknown_code_keeps_it() -> None:
    """An unknown code is an error that names it; a mailbox-level 404 is never "message not found"."""
    error = to_error(404, ("ErrorBrandNew",), None)
    assert type(error) is GraphError
    assert error.code == "ErrorBrandNew"
    assert type(to_error(400, ("BadRequest",), None, "Badly formed token.")) is GraphSyncStateGone
    assert type(to_error(503, ("ErrorServerBusy",), 5.0)) is GraphThrottled


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("nan", None),
        ("inf", 3600.0),
        ("999999", 3600.0),
        ("soon", None),
        (format_datetime(NOW.replace(minute=1), usegmt=True), 60.0),
        ("Mon, 23 Nov 1998 12:00:00 GMT", 0.0),
    ],
)
def test_parse_retry_after_every_form(value: str | None, seconds: float | None) -> None:
    """Number, float, date, nonsense, absent."""
    assert parse_retry_after(value, NOW) == seconds


@given(st.text())
def test_parse_retry_after_any_text_is_bounded(value: str) -> None:
    """Whatever stands there, the wait is between nothing and an hour."""
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 3600


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_repair_json_valid_json_is_unchanged(value: object) -> None:
    """What is valid stays as it is."""
    data = json.dumps(value).encode()
    assert repair_json(data) == data


@given(st.text(st.characters(exclude_categories=())), st.booleans())
def test_repair_json_half_pairs_never_hide_the_rest(value: str, as_ascii: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """A string with half surrogate pairs, escaped or raw, is read with U+FFFD in their place; all else stays."""
    data = json.dumps([value, "rest"], ensure_ascii=as_ascii).encode(errors="surrogatepass")
    read = msgspec.json.decode(repair_json(data), type=list[str])
    assert read[1] == "rest"
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if as_ascii else value
    assert [c for c in read[0] if c != "\ufffd"] == [c for c in whole if c != "\ufffd" and not "\ud800" <= c <= "\udfff"]


@pytest.mark.parametrize("header", ["", "Bearer", 'Bearer claims="%%%"', 'Bearer claims="bm90IGpzb24="'])
def test_claims_of_no_challenge_is_none(header: str) -> None:
    """No claims, or none that can be read: none."""
    assert claims_of(header) is None
