"""The connector's HTTP over TLS, and how the command line recognises it: by the configured certificate."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from pydantic import SecretStr

from connector.config import ServerConfig
from connector.errors import ConnectorError
from connector.http import HTTPError, open_direct_client
from connector.metrics import Metrics
from connector.peer import NoConnector, OtherSecret, open_peer, peer_url
from connector.web.server import serve
from tests.certificate import make_certificate
from tests.web.conftest import SECRET, FakeBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def secured(folder: Path) -> AsyncIterator[ServerConfig]:
    """Serve with TLS; yield the configuration with the port that was taken."""
    certificate, key = make_certificate(folder)
    config = ServerConfig(listen="127.0.0.1:0", secret=SecretStr(SECRET), tls_certificate=certificate, tls_key=key)
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve, FakeBackend(), config, metrics=Metrics()))
        assert url.startswith("https://")
        yield config.model_copy(update={"listen": url.removeprefix("https://")})
        nursery.cancel_scope.cancel()


async def test_serve_tls_the_peer_with_the_same_certificate_is_answered(tmp_path: Path) -> None:
    """Self-signed is enough between two programs that read the same file."""
    async with secured(tmp_path) as config, open_peer(config) as peer:
        assert len((await peer.ask("GET", "/status"))["accounts"]) == 2


async def test_serve_tls_another_certificate_is_refused_before_the_secret_is_sent(tmp_path: Path) -> None:
    """Whoever sits on the port instead of the connector gets no secret."""
    async with secured(tmp_path) as config:
        other, _ = make_certificate(tmp_path, "other")
        async with open_peer(config.model_copy(update={"tls_certificate": other})) as peer:
            with pytest.raises(ConnectorError, match="does not show the certificate"):
                await peer.ask("GET", "/status")


async def test_serve_tls_a_stranger_who_speaks_plain_http_harms_nobody(tmp_path: Path) -> None:
    """Plain HTTP, nonsense, a hang-up in the handshake, and a client that trusts nobody: the next one is served."""
    async with secured(tmp_path) as config:
        port = int(config.listen.rpartition(":")[2])
        for nonsense in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05nope!", b""):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                if nonsense:
                    await stream.send_all(nonsense)
        async with open_direct_client() as client:
            with pytest.raises(HTTPError):
                await client.get(f"https://{config.listen}/healthz")
        async with open_peer(config) as peer:
            assert await peer.ask("GET", "/status")


async def test_serve_tls_old_protocols_are_not_spoken(tmp_path: Path) -> None:
    """TLS 1.2 at least."""
    async with secured(tmp_path) as config:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        async with await trio.open_tcp_stream("127.0.0.1", int(config.listen.rpartition(":")[2])) as stream:
            with pytest.raises(trio.BrokenResourceError):
                await trio.SSLStream(stream, context).do_handshake()


async def test_peer_says_what_is_wrong(tmp_path: Path) -> None:
    """Nobody there, and another secret."""
    async with secured(tmp_path) as config, open_peer(config.model_copy(update={"secret": SecretStr("another-secret-of-16")})) as peer:
        with pytest.raises(OtherSecret):
            await peer.ask("GET", "/status")
    async with open_peer(config) as peer:
        with pytest.raises(NoConnector, match="is it running"):
            await peer.ask("GET", "/status")


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8071", "http://127.0.0.1:8071"),
        ("localhost:1", "http://localhost:1"),
        ("0.0.0.0:8071", "http://127.0.0.1:8071"),
        ("[::]:8071", "http://[::1]:8071"),
        ("[::1]:8071", "http://[::1]:8071"),
    ],
)
def test_peer_url_leads_to_this_machine(listen: str, url: str) -> None:
    """A connector that listens everywhere is asked at home."""
    assert peer_url(ServerConfig(listen=listen, secret=SecretStr(SECRET), allow_unencrypted=True)) == url
