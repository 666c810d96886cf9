"""Chains of writes: what Graph's answer to each means for doing it again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from connector.errors import GraphThrottled
from connector.graph.client import MailboxClient
from connector.graph.gate import Gate, Priority
from connector.graph.writes import Fate, delete_message, move_message, send_chain, update_message
from connector.http import open_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock


class _Token:
    def __init__(self) -> None:
        self.renewed = 0

    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        """Return a token, another one when it was refused."""
        assert claims is None
        self.renewed += reject is not None
        return "t"


def _error(status: int, code: str = "", **headers: str) -> dict[str, Any]:
    return {"status": status, "headers": headers, "body": {"error": {"code": code, "message": "no"}}}


async def _fates(answer: Callable[[httpx.Request], httpx.Response]) -> tuple[list[Fate], int, list[dict[str, Any]]]:
    seen: list[dict[str, Any]] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return answer(request)

    token = _Token()
    async with open_client(transport=httpx.MockTransport(serve)) as http:
        client = MailboxClient(http, "https://graph.example/v1.0", Gate(), token)
        writes = [update_message("a", {"isRead": True}), move_message("b", "F"), delete_message("c")]
        receipts = await send_chain(client, writes, Priority.PERSON)
    return [receipt.fate for receipt in receipts], token.renewed, seen


def _batch(*items: dict[str, Any] | None) -> Callable[[httpx.Request], httpx.Response]:
    responses = [{"id": str(number), **item} for number, item in enumerate(items) if item is not None]
    return lambda _: httpx.Response(200, json={"responses": responses})


@pytest.mark.parametrize(
    ("item", "fate"),
    [
        ({"status": 200, "body": {"id": "a"}}, Fate.DONE),
        ({"status": 201, "body": {"id": "a"}}, Fate.DONE),
        ({"status": 204}, Fate.DONE),
        ({"status": 424, "body": {}}, Fate.NOT_DONE),
        (_error(429, "ApplicationThrottled"), Fate.NOT_DONE),
        (_error(503, "ErrorServerBusy", **{"Retry-After": "1"}), Fate.NOT_DONE),
        (_error(409, "ErrorIrresolvableConflict"), Fate.NOT_DONE),
        (_error(503, "ErrorServerBusy"), Fate.UNKNOWN),
        (_error(504), Fate.UNKNOWN),
        (_error(500, "ErrorInternalServerError"), Fate.UNKNOWN),
        (_error(410), Fate.UNKNOWN),
        (None, Fate.UNKNOWN),
        (_error(404, "ErrorItemNotFound"), Fate.REFUSED),
        (_error(403, "ErrorAccessDenied"), Fate.REFUSED),
        (_error(400, "ErrorInvalidRequest"), Fate.REFUSED),
    ],
)
async def test_send_chain_item_means(item: dict[str, Any] | None, fate: Fate) -> None:
    """A refusal that Graph did not look behind may be sent again; what perhaps happened may not."""
    fates, _, _ = await _fates(_batch({"status": 200, "body": {"id": "a"}}, item, {"status": 424}))
    assert fates == [Fate.DONE, fate, Fate.NOT_DONE]


async def test_send_chain_asks_for_immutable_ids_in_a_row() -> None:
    """Each item depends on the one before, and says which ids it means."""
    _, _, (asked,) = await _fates(_batch({"status": 200}, {"status": 201}, {"status": 204}))
    assert [request.get("dependsOn") for request in asked["requests"]] == [None, ["0"], ["1"]]
    assert {request["headers"]["Prefer"] for request in asked["requests"]} == {'IdType="ImmutableId"'}
    assert "body" not in asked["requests"][2]


async def test_send_chain_refused_token_is_replaced() -> None:
    """For the next time: this one was not looked at."""
    fates, renewed, _ = await _fates(_batch(_error(401, "InvalidAuthenticationToken"), {"status": 424}, {"status": 424}))
    assert (fates, renewed) == ([Fate.NOT_DONE] * 3, 1)


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_send_chain_is_not_repeated_where_it_may_have_happened(status: int, autojump_clock: MockClock) -> None:
    """A gateway that lost the answer: nobody knows, and nothing is sent twice."""
    fates, _, seen = await _fates(lambda _: httpx.Response(status))
    assert (fates, len(seen)) == ([Fate.UNKNOWN] * 3, 1)


async def test_send_chain_cut_answer_is_unknown(autojump_clock: MockClock) -> None:
    """The work is done, the answer ends in its midst."""
    fates, _, seen = await _fates(lambda _: httpx.Response(200, content=b'{"responses": [{"id"'))
    assert (fates, len(seen)) == ([Fate.UNKNOWN] * 3, 1)


async def test_send_chain_throttled_as_a_whole_is_sent_again(autojump_clock: MockClock) -> None:
    """Graph looked at none of it: patience, and then it is told that nothing happened."""
    with pytest.raises(GraphThrottled):
        await _fates(lambda _: httpx.Response(429, headers={"Retry-After": "1"}))
