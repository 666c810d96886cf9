"""Attachments over the connector's HTTP: by secret and by ticket, whole and in parts, and whatever can be in the way."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from connector.content.attachments import Attachments
from connector.content.cache import open_cache
from connector.errors import AuthError, CacheFull, ContentComing, GraphNotFound, GraphUnreachable, NoContent
from connector.graph.client import MailboxClient
from connector.graph.gate import Gate
from connector.http import HTTPError, open_client
from connector.web.attachments import refusal_of
from tests.graph_simulator.attachments import attach_made
from tests.graph_simulator.entra import Grant
from tests.graph_simulator.filler import Filler
from tests.graph_simulator.seed import make_mailbox
from tests.graph_simulator.server import asgi_transport, make_world
from tests.web.conftest import FakeBackend, Odoo, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from connector.http import Response
    from tests.graph_simulator.model import Message
    from tests.graph_simulator.server import World

SIZE = 700_000
WHOLE = Filler(SIZE).read(0, SIZE)


class _Tokens:
    async def token(self, *, claims: str | None = None, reject: str | None = None) -> str:
        del claims, reject
        return "t"


class Desk:
    """The connector's HTTP over a simulated mailbox with one message."""

    def __init__(self, odoo: Odoo, world: World, message: Message, attachments: Attachments) -> None:
        self.odoo, self.world, self.message, self.attachments = odoo, world, message, attachments

    def put(self, name: str = "Übersicht 日本.png", **given: Any) -> dict[str, str]:
        """Attach something; return what Odoo asks with."""
        mailbox = self.world.mailboxes["anna@pier.example"]
        number = attach_made(mailbox, self.message, {"name": name, **({} if given else {"size": SIZE, "type": "image/png"}), **given})
        place = f"{self.message.immutable_id}-{number}"
        return {"account_id": "7", "remote_id": self.message.immutable_id, "attachment_id": place}

    async def get(self, params: dict[str, str], method: str = "GET", **headers: str) -> Response:
        """Ask as Odoo does, for one file."""
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return await self.odoo.client.request(
            method, f"{self.odoo.url}/content/attachment", params=params, headers=self.odoo.headers | named
        )


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[Desk]:
    world = make_world(demo=False)
    mailbox = world.mailboxes["anna@pier.example"] = make_mailbox("anna@pier.example", "Anna", personal=False, inbox=0)
    message = next(m for m in mailbox.messages.values() if not m.attachments)
    world.entra.grants["t"] = Grant(mailbox.address, ("Mail.Read",), 10**12)
    async with open_client(transport=asgi_transport(world)) as http, open_cache(folder / "files", 2**20, 3600) as cache:
        client = MailboxClient(http, "https://graph.example/v1.0", Gate(), _Tokens())
        attachments = Attachments(cache, lambda account_id: client if account_id == 7 else None)
        async with serving(FakeBackend(attachments=attachments)) as odoo:
            yield Desk(odoo, world, message, attachments)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk."""
    async with _open(tmp_path) as opened:
        yield opened


async def test_attachment_whole_has_length_name_and_safe_headers(desk: Desk) -> None:
    """What is asked for comes as it is; what shows it may do nothing."""
    answer = await desk.get(desk.put())
    assert (answer.status_code, answer.content) == (200, WHOLE)
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == (
        "inline; filename=\"Ubersicht __.png\"; filename*=UTF-8''%C3%9Cbersicht%20%E6%97%A5%E6%9C%AC.png"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["accept-ranges"] == "bytes"
    asked = desk.put(name="page.html", text="<script>alert(1)</script>", type="text/html")
    page = await desk.get(asked)
    assert (page.headers["content-type"], page.headers["content-disposition"]) == (
        "application/octet-stream",
        'attachment; filename="page.html"',
    )
    forced = await desk.get({**desk.put(), "download": "1"})
    assert forced.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("asked", "status", "said", "got"),
    [
        ("bytes=0-99", 206, f"bytes 0-99/{SIZE}", WHOLE[:100]),
        ("bytes=699000-", 206, f"bytes 699000-699999/{SIZE}", WHOLE[699_000:]),
        ("bytes=-5", 206, f"bytes 699995-699999/{SIZE}", WHOLE[-5:]),
        ("bytes=700000-", 416, f"bytes */{SIZE}", b""),
        ("bytes=0-1,5-6", 200, None, WHOLE),
        ("nonsense", 200, None, WHOLE),
    ],
)
@pytest.mark.parametrize("has_length", [True, False])
async def test_attachment_in_parts(
    desk: Desk,
    asked: str,
    status: int,
    said: str | None,
    got: bytes,
    has_length: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A download that was cut goes on, whether Graph says how long a file is or not."""
    desk.world.quirks.attachment_length = has_length
    answer = await desk.get(desk.put(), range=asked)
    assert (answer.status_code, answer.headers.get("content-range"), answer.content) == (status, said, got)


async def test_attachment_if_range_and_if_none_match(desk: Desk) -> None:
    """The tag of a file stays, also after it was fetched anew; another version's rest is not given."""
    params = desk.put()
    tag = (await desk.get(params)).headers["etag"]
    desk.attachments.forget(7)
    assert (await desk.get(params, range="bytes=5-", if_range=tag)).status_code == 206
    assert (await desk.get(params, range="bytes=5-", if_range='"other"')).status_code == 200
    same = await desk.get(params, if_none_match=f'"x", {tag}')
    assert (same.status_code, same.content) == (304, b"")
    assert tag != (await desk.get(desk.put())).headers["etag"]


async def test_attachment_head_has_no_body(desk: Desk) -> None:
    """HEAD says what GET would, also in part; without a length it names none."""
    params = desk.put()
    head = await desk.get(params, "HEAD")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(SIZE), b"")
    part = await desk.get(params, "HEAD", range="bytes=10-19")
    assert (part.status_code, part.headers["content-length"]) == (206, "10")
    desk.world.quirks.attachment_length = False
    desk.world.quirks.attachment_pause = 0.02
    other = await desk.get(desk.put(), "HEAD")
    assert (other.status_code, other.content) == (200, b"")
    assert other.headers.get("content-length") in {None, str(SIZE)}


async def test_ticket_serves_once_without_the_secret(desk: Desk) -> None:
    """Who brings the ticket gets the file, one time; nobody gets one without the secret."""
    asked = {**desk.put(), "account_id": 7, "download": True}
    refused = await desk.odoo.client.post(f"{desk.odoo.url}/content/ticket", json=asked)
    assert refused.status_code == 401
    ticket = (await desk.odoo.post("/content/ticket", asked)).json()["ticket"]
    url = f"{desk.odoo.url}/content/attachment"
    answer = await desk.odoo.client.get(url, params={"ticket": ticket}, headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, WHOLE[10:20])
    assert answer.headers["content-disposition"].startswith("attachment")
    again = await desk.odoo.client.get(url, params={"ticket": ticket})
    assert (again.status_code, again.json()["error"]) == (403, "ticket")
    assert (await desk.odoo.client.get(url)).status_code == 401


@pytest.mark.parametrize("missing", ["account_id", "remote_id"])
async def test_attachment_question_that_is_not_understood(desk: Desk, missing: str) -> None:
    """400, in words."""
    params = {k: v for k, v in desk.put().items() if k != missing}
    assert (await desk.get(params)).status_code == 400
    assert (await desk.odoo.post("/content/ticket", params)).status_code == 400
    assert (await desk.odoo.post("/content/item", params)).status_code == 400


async def test_attachment_that_takes_long_is_coming(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graph is slow: Odoo hears so in time, with when to ask again; the fetch goes on meanwhile."""
    monkeypatch.setattr("connector.web.attachments._PATIENCE", 0.2)
    desk.world.quirks.latency = 0.4
    params = desk.put()
    answer = await desk.get(params)
    assert (answer.status_code, answer.json()["error"], answer.headers["retry-after"]) == (503, "coming", "2")
    assert (await desk.odoo.post("/content/item", {**params, "account_id": 7})).json()["error"] == "coming"
    with trio.fail_after(20):
        while (await desk.get(params)).status_code != 200:  # noqa: ASYNC110 - as a browser does
            await trio.sleep(0.1)
    assert sum(r["path"].endswith("/$value") for r in desk.world.requests) == 1


async def test_attachment_that_breaks_off_is_not_taken_for_whole(desk: Desk) -> None:
    """A mailbox that is disconnected in the middle of a download breaks the connection."""
    desk.world.quirks.attachment_pause = 0.05
    got = 0

    async def read() -> None:
        nonlocal got
        url = f"{desk.odoo.url}/content/attachment"
        async with desk.odoo.client.stream("GET", url, params=desk.put(), headers=desk.odoo.headers) as answer:
            assert answer.status_code == 200
            async for piece in answer.aiter_raw():
                got += len(piece)
                desk.attachments.forget(7)

    with pytest.raises(HTTPError):
        await read()
    assert 0 < got < SIZE


async def test_attachment_client_that_leaves_lets_go(desk: Desk) -> None:
    """Whoever stops reading holds no file any longer."""
    params = desk.put()
    async with desk.odoo.client.stream("GET", f"{desk.odoo.url}/content/attachment", params=params, headers=desk.odoo.headers) as answer:
        assert answer.status_code == 200
    cache = desk.attachments._cache
    with trio.fail_after(10):
        while any(e.readers for e in cache._entries.values()):  # noqa: ASYNC110 - the server has no event for us
            await trio.sleep(0.02)


async def test_zip_over_http(desk: Desk) -> None:
    """All of a message; nothing attached is 404."""
    params = {k: v for k, v in desk.put().items() if k != "attachment_id"}
    answer = await desk.get(params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert WHOLE in answer.content
    assert (await desk.get(params, "HEAD")).content == b""
    ticket = (await desk.odoo.post("/content/ticket", {**params, "account_id": 7})).json()["ticket"]
    assert (await desk.odoo.client.get(f"{desk.odoo.url}/content/attachment", params={"ticket": ticket})).content[:2] == b"PK"
    desk.message.attachments.clear()
    assert (await desk.get(params)).status_code == 404


async def test_item_and_link_over_http(desk: Desk) -> None:
    """A file is no mail; a reference says where it leads, and has no bytes."""
    params = {**desk.put(), "account_id": 7}
    assert (await desk.odoo.post("/content/item", params)).json() == {"message": None}
    link = {**desk.put(name="Plan", url="https://contoso.example/plan"), "account_id": 7}
    told = (await desk.odoo.post("/content/link", link)).json()["link"]
    assert (told["host"], told["is_file"]) == ("contoso.example", True)
    assert (await desk.get({k: str(v) for k, v in link.items()})).json()["error"] == "is_link"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (GraphNotFound("x"), 404, "not_found"),
        (NoContent("x"), 409, "is_link"),
        (ContentComing("x"), 503, "coming"),
        (CacheFull("x"), 507, "no_space"),
        (AuthError("x"), 502, "needs_sign_in"),
        (GraphUnreachable("x"), 502, "unavailable"),
    ],
)
def test_refusal_of_each_reason(error: Any, status: int, code: str) -> None:
    """Each has a code and a sentence, and none of them says what the error says."""
    refusal = refusal_of(error)
    assert refusal.status_code == status
    assert code.encode() in refusal.body
    assert ("retry-after" in refusal.headers) == (status == 503)
