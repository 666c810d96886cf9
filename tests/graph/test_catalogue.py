"""The table of Graph's errors: each code has one outcome and a source; of what nobody knows the codes are kept."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connector.errors import (
    GraphDeltaRefused,
    GraphError,
    GraphNotFound,
    GraphSyncStateGone,
    GraphThrottled,
    GraphUnreachable,
    GraphUnreadable,
)
from connector.graph.answers import read_error
from connector.graph.catalogue import CATALOGUE, Outcome, outcome_of, to_error
from connector.graph.client import MailboxClient
from connector.graph.gate import Gate, Priority
from connector.http import open_client
from tests.graph.conftest import BASE, FakeTokens


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_catalogue_each_code_in_any_case_has_its_outcome_and_source(code: str) -> None:
    """Documents write camelCase, the wire PascalCase; the status does not matter, but 410 is always a dead cursor."""
    row = CATALOGUE[code]
    assert row.source
    for written in (code, code.lower(), code.upper(), code[0].lower() + code[1:]):
        assert outcome_of(404, (written,)) is row.outcome
        assert outcome_of(410, (written,)) is Outcome.RESET_FOLDER


def test_catalogue_codes_are_different() -> None:
    """Two rows for one code would depend on their order."""
    assert len({code.lower() for code in CATALOGUE}) == len(CATALOGUE)


@given(st.text(), st.integers(400, 599), st.text())
def test_to_error_any_answer_is_an_error_of_ours(code: str, status: int, message: str) -> None:
    """Whatever Graph says, something is raised that the runner can judge; what it said besides its codes is not kept."""
    error = to_error(status, (code,), None, message)
    assert isinstance(error, GraphError)
    assert error.status == status
    assert str(error) == f"Graph answered {status} {error.code}".rstrip()
    assert error.code in {"", "other", code}


def test_to_error_inner_code_is_the_more_specific_one() -> None:
    """`innerError` may say what the outer code does not."""
    body = b'{"error":{"code":"BadRequest","message":"no","innerError":{"code":"x","innerError":{"code":"SyncStateNotFound"}}}}'
    codes, message = read_error(body)
    assert codes == ("SyncStateNotFound", "x", "BadRequest")
    assert isinstance(to_error(400, codes, None, message), GraphSyncStateGone)


@pytest.mark.parametrize(
    ("status", "codes", "kind"),
    [
        (503, (), GraphUnreachable),
        (429, ("",), GraphThrottled),
        (403, ("ErrorQuotaExceeded",), GraphDeltaRefused),
        (507, ("ErrorQuotaExceeded",), GraphDeltaRefused),
        (500, ("ErrorCorruptData",), GraphUnreadable),
        (404, ("ErrorSyncFolderNotFound",), GraphNotFound),
    ],
)
def test_to_error_by_code_then_by_status(status: int, codes: tuple[str, ...], kind: type[GraphError]) -> None:
    """Bodies may be empty; a known code counts for more than its status."""
    assert type(to_error(status, codes, None)) is kind


def test_to_error_code_that_is_none_is_not_repeated() -> None:
    """A code is shown to people and logged: a sentence in its place, or half a character, is not; nor is an inner code that is none."""
    error = to_error(418, ("Teapot", "No mailbox anna@pier.example"), None, "Sorry, Anna.")
    assert (error.code, str(error), error.inner_codes) == ("other", "Graph answered 418 other", ("Teapot",))
    error = to_error(418, ("the offer to Anna", "ErrorInner", "ErrorOuter"), None)
    assert (error.code, error.inner_codes) == ("ErrorOuter", ("ErrorInner",))
    assert to_error(500, ("\x00\ud800",), None).code == "other"
    assert to_error(400, ("RequestBroker--ParseUri",), None).code == "RequestBroker--ParseUri"


@pytest.mark.parametrize(
    ("request_id", "told"),
    [("6f2b1c1e-7a50-4d5e-9b06-3c1d2e4f5a6b", "6f2b1c1e-7a50-4d5e-9b06-3c1d2e4f5a6b"), ("Offer to Anna", None), (None, None)],
)
async def test_judge_unknown_error_is_counted_and_logged_without_its_words(request_id: str | None, told: str | None) -> None:
    """Code, status and Graph's number of the request help at Microsoft; the words of a subject need no quotes to stay away."""
    heard: list[tuple[int, str]] = []
    inner = {"code": "ErrorInner", "message": "Quarterly layoffs"}
    said = {"error": {"code": "ErrorBrandNew", "message": "The item Quarterly layoffs at the pier is odd.", "innerError": inner}}
    headers = {} if request_id is None else {"request-id": request_id}
    async with open_client(transport=httpx.MockTransport(lambda _: httpx.Response(418, json=said, headers=headers))) as http:
        client = MailboxClient(http, BASE, Gate(), FakeTokens(), on_unknown=lambda *what: heard.append(what))
        with capture_logs() as logs, pytest.raises(GraphError) as caught:
            await client.get_bytes("/me", priority=Priority.LIVE)
        client.judge(404, {}, b'{"error":{"code":"ErrorItemNotFound"}}')
    assert caught.value.is_unknown
    assert heard == [(418, "ErrorBrandNew")]
    (entry,) = logs
    assert {name: entry[name] for name in ("status", "graph_code", "inner_codes", "request_id")} == {
        "status": 418,
        "graph_code": "ErrorBrandNew",
        "inner_codes": ("ErrorInner",),
        "request_id": told,
    }
    for word in ("Quarterly", "layoffs", "pier", "Offer"):
        assert word not in f"{logs} {caught.value!r} {vars(caught.value)}"
