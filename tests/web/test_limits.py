"""What nobody can do to the connector by its HTTP: keep it busy with a slow request, or make it fail with a strange one."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import structlog
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.config import LogConfig
from connector.http import AsyncClient
from connector.logs import configure
from connector.metrics import Metrics
from connector.web.server import make_app
from tests.graph_simulator.wire import InProcess
from tests.web.conftest import ANNA, BEN, SECRET, FakeBackend

if TYPE_CHECKING:
    import pytest
    from trio.testing import MockClock

    from tests.web.conftest import Odoo

ROUTES = ("/wake", "/signin/start", "/signin/finish", "/content/body", "/status", "/sync", "/ping", "/healthz", "/readyz", "/metrics", "/")
KEYS = ("account_id", "email", "redirect_uri", "state", "answer", "remote_id", "reason", "accounts", "folder", "emails", "tenant")

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["refresh", "changed", "https://x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
_objects = st.dictionaries(st.sampled_from(KEYS), _values).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
_bodies = st.binary(max_size=300) | _objects | _values.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
_letters = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
_header = st.text(_letters, max_size=40).map(lambda text: text.encode("latin-1"))
_names = st.sampled_from(["Content-Type", "Content-Length", "X-Forwarded-For", "Accept", "Cookie"])
_secret = f"Bearer {SECRET}".encode()


async def _port(odoo: Odoo) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", int(odoo.url.rpartition(":")[2]))


async def _answer(stream: trio.SocketStream) -> bytes:
    """Read until the connector hangs up."""
    received = b""
    while chunk := await stream.receive_some(65536):
        received += chunk
    return received


async def test_serve_head_in_drops_is_hung_up_on(odoo: Odoo, mock_clock: MockClock) -> None:
    """Five seconds for the whole head, however many bytes come in between."""
    async with await _port(odoo) as stream:
        for letter in b"POST":
            await stream.send_all(bytes([letter]))
            await trio.testing.wait_all_tasks_blocked(0.02)
            mock_clock.jump(1.5)
        assert await _answer(stream) == b""


async def test_serve_body_in_drops_is_408(odoo: Odoo, backend: FakeBackend, mock_clock: MockClock) -> None:
    """Ten seconds for the whole body; nothing was done."""
    async with await _port(odoo) as stream:
        await stream.send_all(b"POST /wake HTTP/1.1\r\nHost: x\r\nAuthorization: " + _secret + b"\r\nContent-Length: 99\r\n\r\n")
        for _ in range(6):
            await stream.send_all(b" ")
            await trio.testing.wait_all_tasks_blocked(0.02)
            mock_clock.jump(2)
        answer = await stream.receive_some(65536)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"too_slow" in answer
    assert backend.asked == []


async def test_serve_stranger_with_a_slow_body_is_answered_before_it(odoo: Odoo, mock_clock: MockClock) -> None:
    """Without the secret not a byte of the body is waited for."""
    async with await _port(odoo) as stream:
        await stream.send_all(b"POST /wake HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert (await stream.receive_some(65536)).startswith(b"HTTP/1.1 401")


async def test_serve_head_beyond_the_limit_is_refused(odoo: Odoo) -> None:
    """A head of many kilobytes is no request of Odoo's."""
    async with await _port(odoo) as stream:
        await stream.send_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 2**17 + b"\r\n\r\n")
        assert not (await _answer(stream)).startswith(b"HTTP/1.1 2")


async def test_serve_health_and_metrics_tell_no_names(odoo: Odoo) -> None:
    """Neither whose mailboxes there are nor whose Odoo."""
    for path in ("/healthz", "/readyz", "/metrics"):
        text = (await odoo.client.get(odoo.url + path)).text
        assert not [word for word in (ANNA.email, BEN.email, "example.org", SECRET) if word in text]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    route=st.sampled_from(ROUTES),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]),
    body=_bodies,
    headers=st.dictionaries(_names, _header, max_size=3),
    authorization=st.just(_secret) | _header | st.none(),
    query=st.text(max_size=20),
)
async def test_serve_any_request_is_answered_without_a_500(
    route: str,
    method: str,
    body: bytes,
    headers: dict[str, bytes],
    authorization: bytes | None,
    query: str,
) -> None:
    """Whatever comes: an answer that says what is wrong, and no access without the secret."""
    backend = FakeBackend()
    sent: dict[str, Any] = headers | ({} if authorization is None else {"Authorization": authorization})
    async with AsyncClient(transport=InProcess(make_app(backend, SECRET, Metrics())), base_url="http://connector") as client:
        response = await client.request(method, route, params={"q": query}, content=body, headers=sent)
    assert response.status_code < 500
    if authorization != _secret:
        assert backend.asked == []
        assert response.status_code in {200, 401, 404, 405}
    if response.status_code in {400, 401, 413}:
        assert set(response.json()) == {"error", "message"}


async def test_serve_refused_requests_leave_no_secret_in_the_log(odoo: Odoo, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong secret may be a right one somewhere else, and a body may be mail."""
    configure(LogConfig(level="debug"))
    try:
        headers = {"Authorization": "Bearer planted-secret"}
        await odoo.client.post(odoo.url + "/wake", content=b'{"reason": "planted-body"}', headers=headers)
        await odoo.post("/wake", content=b'{"reason": "planted-body"}')
    finally:
        structlog.reset_defaults()
        logging.getLogger().setLevel(logging.WARNING)
    assert "planted" not in capsys.readouterr().err
