"""The connector's HTTP, over a real socket: who may ask, what is understood, what is answered."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from pydantic import SecretStr

from connector.config import ServerConfig
from connector.content.search import Asked, Place, SearchedWord
from connector.errors import (
    AppRefused,
    ConfigError,
    ConnectorError,
    EntraUnreachable,
    ForeignDatabase,
    GraphMailboxGone,
    GraphNotFound,
    GraphUnauthorized,
    GraphUnreachable,
    NeedsAdmin,
    NeedsSignIn,
    NotConfigured,
    OdooUnreachable,
    StateError,
)
from connector.metrics import Metrics
from connector.odoo.wire import SealedToken, Trouble
from connector.web.server import SignInOutcome, serve
from tests.web.conftest import SECRET

if TYPE_CHECKING:
    from tests.web.conftest import FakeBackend, Odoo

GUARDED = [
    ("POST", "/wake"),
    ("POST", "/signin/start"),
    ("POST", "/signin/finish"),
    ("POST", "/content/body"),
    ("POST", "/content/search"),
    ("POST", "/content/message"),
    ("GET", "/ping"),
    ("GET", "/status"),
    ("POST", "/sync"),
    ("POST", "/keys/rotate"),
    ("POST", "/adopt"),
]
START = {"account_id": 1, "email": "anna@example.org", "redirect_uri": "https://odoo.example/maildesk/outlook/callback"}
FINISH = {"account_id": 1, "email": "anna@example.org", "state": "state-of-it", "answer": {"code": "c", "state": "state-of-it"}}
BODY = {"account_id": 1, "remote_id": "AAMk"}


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", SECRET, f"Basic {SECRET}", f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}", "Bearer ä"]
)
async def test_serve_without_the_secret_is_401(odoo: Odoo, backend: FakeBackend, method: str, path: str, header: str | None) -> None:
    """Nothing but health and metrics answers a stranger, and nothing is done for one."""
    headers = {} if header is None else {b"Authorization": header.encode()}
    response = await odoo.client.request(method, odoo.url + path, headers=headers, json=START)
    assert response.status_code == 401
    assert response.json()["error"] == "unauthorized"
    assert backend.asked == []


@pytest.mark.parametrize("path", ["/wake", "/signin/start", "/signin/finish", "/content/body", "/sync"])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"x"', b"null", b"\xff", b'{"account_id": "1"}', b'{"account_id": 0}', b'{"emails": 1}']
)
async def test_serve_body_that_is_not_understood_is_400(odoo: Odoo, backend: FakeBackend, path: str, content: bytes) -> None:
    """A mistake of the addon's is named, and changes nothing."""
    if path == "/sync" and content.startswith(b'{"account'):
        return  # a body without `emails` means all of them
    response = await odoo.post(path, content=content)
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")
    assert backend.asked == []


@pytest.mark.parametrize("account_id", [-1, 0, 2**31, 10**19])
async def test_serve_number_that_no_account_can_have_is_400(odoo: Odoo, backend: FakeBackend, account_id: int) -> None:
    """Beyond Odoo's numbers: it would end in the state file, or in the call to Odoo that all mailboxes share."""
    asked = {
        "account_id": account_id,
        "email": "a@b.example",
        "redirect_uri": "https://x",
        "state": "state-0001",
        "answer": {},
        "remote_id": "m",
    }
    for path in ("/signin/start", "/signin/finish", "/content/body"):
        assert (await odoo.post(path, asked)).status_code == 400, path
    assert (await odoo.post("/wake", {"accounts": [1, account_id], "reason": "changed"})).status_code == 400
    assert backend.asked == []


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_serve_body_beyond_the_limit_is_413(odoo: Odoo, is_chunked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """One MiB is taken, a byte more is not, whether its length was announced or not."""

    async def chunks(size: int) -> Any:
        for _ in range(size // 2**16):
            yield b" " * 2**16
        yield b" " * (size % 2**16)

    for size, status in ((2**20, 400), (2**20 + 1, 413)):
        content = chunks(size) if is_chunked else b" " * size
        assert (await odoo.post("/wake", content=content)).status_code == status


async def test_wake_is_taken_and_answered_at_once(odoo: Odoo, backend: FakeBackend) -> None:
    """A hint: 202 and nothing to read."""
    response = await odoo.post("/wake", {"accounts": [1, 2], "reason": "refresh", "folder": "AQMk"})
    assert (response.status_code, response.json()) == (202, {})
    assert (await odoo.post("/wake", {"accounts": None, "reason": "changed", "folder": None})).status_code == 202
    assert backend.asked == [("wake", [1, 2], "refresh", "AQMk"), ("wake", None, "changed", None)]


async def test_wake_unknown_reason_is_400(odoo: Odoo) -> None:
    """Only what the protocol names."""
    assert (await odoo.post("/wake", {"reason": "whatever"})).status_code == 400


async def test_signin_start_returns_url_and_state(odoo: Odoo, backend: FakeBackend) -> None:
    """Where to send the browser."""
    response = await odoo.post("/signin/start", START)
    assert (response.status_code, response.json()) == (200, {"url": "https://entra.example/authorize", "state": "state-1"})
    assert backend.asked == [("start", *START.values(), None)]


@pytest.mark.parametrize(
    ("tenant", "status"),
    [
        ("common", 200),
        ("pier.example", 200),
        ("9188040d-6c67-4c5b-b112-36a304b66dad", 200),
        ("a/../b", 400),
        ("a b", 400),
        ("", 400),
        ("-", 400),
    ],
)
async def test_signin_start_tenant_is_a_name_and_no_path(odoo: Odoo, backend: FakeBackend, tenant: str, status: int) -> None:
    """It becomes a part of Entra's URL."""
    assert (await odoo.post("/signin/start", {**START, "tenant": tenant})).status_code == status
    assert [asked[-1] for asked in backend.asked] == [tenant] * (status == 200)


async def test_signin_finish_connected_brings_the_sealed_token(odoo: Odoo, backend: FakeBackend) -> None:
    """Odoo stores it in the same commit as the state."""
    backend.outcome = SignInOutcome(
        "connected", "Connected", "anna@example.org", "Anna", ["Mail.Read"], SealedToken("sealed", 2), "id-1", "tid-1"
    )
    assert (await odoo.post("/signin/finish", FINISH)).json() == {
        "outcome": "connected",
        "message": "Connected",
        "email": "anna@example.org",
        "display_name": "Anna",
        "scopes": ["Mail.Read"],
        "token": {"sealed": "sealed", "seq": 2},
        "mailbox_id": "id-1",
        "tenant": "tid-1",
    }
    assert backend.asked == [("finish", *FINISH.values())]


async def test_signin_finish_other_outcome_is_a_sentence(odoo: Odoo, backend: FakeBackend) -> None:
    """The address comes with wrong_address only; no key of a success is there."""
    backend.outcome = SignInOutcome("wrong_address", "Another mailbox.", address="ben@example.org")
    response = await odoo.post("/signin/finish", FINISH)
    assert response.json() == {"outcome": "wrong_address", "message": "Another mailbox.", "address": "ben@example.org"}


@pytest.mark.parametrize("path", ["/signin/start", "/signin/finish"])
@pytest.mark.parametrize(
    ("error", "status", "code", "said"),
    [
        (NotConfigured("x"), 409, "oauth_not_configured", "OAuth Not Configured"),
        (EntraUnreachable("entra.example does not answer"), 502, "entra_unreachable", "does not answer at the moment"),
        (NeedsAdmin("no such tenant"), 502, "entra_refused", "no such tenant"),
        (AppRefused("the client secret has expired"), 502, "entra_credentials", "the client secret has expired"),
        (StateError("disk full in /srv"), 500, "internal", "its log tells more"),
        (ZeroDivisionError("a subject"), 500, "internal", "its log tells more"),
    ],
)
async def test_signin_error_has_code_and_sentence(
    odoo: Odoo, backend: FakeBackend, path: str, error: Exception, status: int, code: str, said: str
) -> None:
    """What the person in the browser is told, and nothing of our inside."""
    backend.error = error
    response = await odoo.post(path, START if path.endswith("start") else FINISH)
    assert (response.status_code, response.json()["error"]) == (status, code)
    assert said in response.json()["message"]
    assert "disk full" not in response.text
    assert "a subject" not in response.text


async def test_body_ready_is_in_the_answer(odoo: Odoo, backend: FakeBackend) -> None:
    """Asked with the patience that leaves Odoo its three seconds."""
    backend.found = {"html": "<p>x</p>", "has_remote": False, "attachments": []}
    assert (await odoo.post("/content/body", BODY)).json() == {"state": "ready", "body": backend.found}
    assert backend.asked == [("body", 1, "AAMk", 2.5)]


async def test_search_is_asked_and_answered(odoo: Odoo, backend: FakeBackend) -> None:
    """A query goes to the backend as it was understood; mailboxes that failed are named by their numbers."""
    asked = {
        "places": [{"account_id": 1}, {"account_id": 2, "folder": "F"}],
        "words": [{"text": "pier", "where": "from"}],
        "is_read": False,
    }
    answer = (await odoo.post("/content/search", asked)).json()
    assert answer == {"messages": [{"account_id": 1, "remote_id": "AAMk"}], "failed": {"2": "It does not answer."}}
    words = [SearchedWord("pier", "from")]
    assert backend.asked == [("search", Asked([Place(1), Place(2, "F")], words, is_read=False), 2.5)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"places": [{"account_id": 0}]},
        {"places": [{"account_id": n} for n in range(1, 52)]},
        {"places": [], "words": [{"text": "x", "where": "body"}]},
        {"places": [], "words": [{"text": "x" * 501}]},
        {"places": [], "before": '2026-11-22" OR from:a'},
    ],
)
async def test_search_of_what_is_none_is_400(odoo: Odoo, wrong: dict[str, Any]) -> None:
    """What is no query is refused before anything is asked."""
    assert (await odoo.post("/content/search", wrong)).status_code == 400


async def test_message_without_its_body(odoo: Odoo, backend: FakeBackend) -> None:
    """A message is in the answer, or a sentence why not; one that takes too long is not waited for."""
    assert (await odoo.post("/content/message", BODY)).json()["error"] == "unavailable"
    backend.found = {"remote_id": "AAMk"}
    assert (await odoo.post("/content/message", BODY)).json() == {"state": "ready", "message": backend.found}
    backend.error = GraphNotFound("gone")
    assert (await odoo.post("/content/message", BODY)).json()["error"] == "not_found"


async def test_body_that_nobody_waits_for(odoo: Odoo, backend: FakeBackend) -> None:
    """Odoo says how long it waits, and no longer than the connector lets it."""
    await odoo.post("/content/body", {**BODY, "patience": 0})
    assert backend.asked == [("body", 1, "AAMk", 0)]
    assert (await odoo.post("/content/body", {**BODY, "patience": 60})).status_code == 400


async def test_body_that_takes_longer_is_coming(odoo: Odoo) -> None:
    """The backend delivers it afterwards."""
    assert (await odoo.post("/content/body", BODY)).json() == {"state": "coming"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (GraphNotFound("x"), "not_found"),
        (GraphUnauthorized("x"), "needs_sign_in"),
        (NeedsSignIn("x"), "needs_sign_in"),
        (GraphUnreachable("x"), "unavailable"),
        (GraphMailboxGone("x"), "unavailable"),
        (ConnectorError("x"), "unavailable"),
    ],
)
async def test_body_error_is_one_that_the_reader_understands(odoo: Odoo, backend: FakeBackend, error: Exception, code: str) -> None:
    """A 200 with the reason: Odoo shows it in the reading pane."""
    backend.error = error
    response = await odoo.post("/content/body", BODY)
    assert response.status_code == 200
    assert (response.json()["state"], response.json()["error"]) == ("error", code)
    assert response.json()["message"].endswith(".")


async def test_status_lists_every_account(odoo: Odoo) -> None:
    """With the keys of the protocol."""
    accounts = (await odoo.get("/status")).json()["accounts"]
    assert [a["email"] for a in accounts] == ["anna@example.org", "ben@example.org"]
    keys = "id email state phase last_sync_at lag_seconds backfill_done backfill_total requests_24h drift unreadable message served_ticket"
    assert set(accounts[0]) == set(keys.split())


async def test_sync_returns_a_ticket(odoo: Odoo, backend: FakeBackend) -> None:
    """For the command line to wait for."""
    response = await odoo.post("/sync", {"emails": ["anna@example.org"]})
    assert (response.status_code, response.json()) == (202, {"accounts": [1], "ticket": 4})
    assert backend.asked == [("sync", ["anna@example.org"])]


async def test_health_and_metrics_are_open_and_name_nobody(odoo: Odoo, backend: FakeBackend) -> None:
    """Monitoring has no secret, so it learns none."""
    backend.ready = "odoo"
    assert (await odoo.client.get(f"{odoo.url}/healthz")).text == "ok"
    ready = await odoo.client.get(f"{odoo.url}/readyz")
    assert (ready.status_code, ready.text) == (503, "odoo")
    assert "maildesk_ready 0.0" in (await odoo.client.get(f"{odoo.url}/metrics")).text
    backend.ready = None
    assert (await odoo.client.get(f"{odoo.url}/readyz")).status_code == 200
    await odoo.get("/status")
    await odoo.client.get(f"{odoo.url}/status")
    numbers = (await odoo.client.get(f"{odoo.url}/metrics")).text
    assert "example.org" not in numbers
    for line in (
        'maildesk_accounts{state="connected"} 1.0',
        "maildesk_ready 1.0",
        "maildesk_mailboxes_running 1.0",
        "maildesk_lag_seconds 12.5",
        "maildesk_messages_indexed 50.0",
        "maildesk_graph_requests_last_day 325.0",
        'maildesk_http_requests_total{route="/status",status="200"} 1.0',
        'maildesk_http_requests_total{route="/status",status="401"} 1.0',
    ):
        assert line in numbers.splitlines()


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("GET", "/wake", 405), ("POST", "/status", 405)])
async def test_serve_what_is_not_there(odoo: Odoo, method: str, path: str, status: int) -> None:
    """No page, no listing."""
    assert (await odoo.client.request(method, odoo.url + path, headers=odoo.headers)).status_code == status


async def test_serve_fault_in_one_request_leaves_the_others(odoo: Odoo, backend: FakeBackend) -> None:
    """A mistake of ours ends the request that hit it."""
    backend.error = ZeroDivisionError("x")
    assert (await odoo.post("/wake", {"reason": "changed"})).status_code == 500
    backend.error = None
    assert (await odoo.post("/wake", {"reason": "changed"})).status_code == 202


async def test_serve_taken_port_is_a_sentence(backend: FakeBackend) -> None:
    """Two connectors on one machine, or another program: the key is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = ServerConfig(listen=f"127.0.0.1:{port}", secret=SecretStr(SECRET))
        with pytest.raises(ConnectorError, match=rf"server\.listen 127\.0\.0\.1:{port}: Address already in use"):
            await serve(backend, config, metrics=Metrics())


async def test_serve_cancelled_under_way_ends_at_once(backend: FakeBackend) -> None:
    """SIGTERM does not wait for a slow body."""

    async def forever(*_: object, **__: object) -> None:
        await trio.sleep_forever()

    backend.body = forever  # type: ignore[method-assign]
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            config = ServerConfig(listen="127.0.0.1:0", secret=SecretStr(SECRET))
            url = await nursery.start(partial(serve, backend, config, metrics=Metrics()))
            stream = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
            async with stream:
                body = b'{"account_id": 1, "remote_id": "x"}'
                head = f"POST /content/body HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
                await stream.send_all(head.encode() + body)
                await trio.testing.wait_all_tasks_blocked(0.05)
                nursery.cancel_scope.cancel()


async def test_serve_copy_of_the_database_is_refused(odoo: Odoo, backend: FakeBackend) -> None:
    """It has the secret, since it has everything; its name it has not. Who names no database (the command line) is not asked for one."""
    backend.database = "ours"
    for path, body in (("/signin/start", START), ("/signin/finish", FINISH), ("/content/body", BODY), ("/wake", {"reason": "changed"})):
        odoo.headers["X-MailDesk-Database"] = "copy"
        response = await odoo.post(path, body)
        assert (response.status_code, response.json()["error"]) == (409, "foreign_database")
        assert backend.asked == []
        odoo.headers["X-MailDesk-Database"] = "ours"
        assert (await odoo.post(path, body)).is_success
        backend.asked.clear()
    del odoo.headers["X-MailDesk-Database"]
    assert (await odoo.get("/status")).status_code == 200
    backend.database = None
    odoo.headers["X-MailDesk-Database"] = "any, before the first hello"
    assert (await odoo.get("/status")).status_code == 200


async def test_sign_in_while_odoo_has_another_database_is_refused(odoo: Odoo, backend: FakeBackend) -> None:
    """The connector serves nobody then."""
    backend.error = ForeignDatabase("this connector belongs to another Odoo database")
    response = await odoo.post("/signin/start", START)
    assert (response.status_code, response.json()["error"]) == (409, "foreign_database")


async def test_keys_rotate_and_adopt_tell_what_was_done(odoo: Odoo, backend: FakeBackend) -> None:
    """For the command line."""
    assert (await odoo.post("/keys/rotate")).json() == {"resealed": 3, "key": "0123abcd", "unopened": 0}
    assert (await odoo.post("/adopt")).json() == {"database_uuid": "new", "was": "old"}
    assert backend.asked == [("rotate",), ("adopt",)]


@pytest.mark.parametrize("error", [ConfigError("vault.keys[0]: is no key"), StateError("disk full"), OdooUnreachable("down")])
async def test_keys_rotate_that_cannot_be_done_says_why(odoo: Odoo, backend: FakeBackend, error: Exception) -> None:
    """In a sentence that the command line repeats."""
    backend.error = error
    for path in ("/keys/rotate", "/adopt"):
        response = await odoo.post(path)
        assert (response.status_code, response.json()) == (409, {"error": "refused", "message": str(error)})


async def test_status_tells_what_is_wrong_with_the_connector(odoo: Odoo, backend: FakeBackend) -> None:
    """Beside the accounts, once."""
    assert (await odoo.get("/status")).json()["trouble"] is None
    backend.trouble = Trouble("entra_credentials", "a secret may have expired")
    assert (await odoo.get("/status")).json()["trouble"] == {"code": "entra_credentials", "message": "a secret may have expired"}
