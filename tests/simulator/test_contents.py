"""Contents of attachments: in parts, made while they are sent, breaking off; a mail in a mail, a link."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.graph_simulator.attachments import attach_made
from tests.graph_simulator.csdl import load_schema
from tests.graph_simulator.filler import Filler
from tests.graph_simulator.quirks import Quirks
from tests.simulator.conftest import open_graph, open_in_process

SIZE = 300_000


async def test_content_has_the_same_bytes_in_parts_and_whole() -> None:
    """What is made while it is sent is a file: any part of it, whichever way."""
    whole = Filler(SIZE).read(0, SIZE)
    assert len(whole) == SIZE
    assert whole == b"".join(Filler(SIZE).read(n, 7_777) for n in range(0, SIZE, 7_777))
    assert len({whole[n : n + 65_536] for n in range(0, SIZE, 65_536)}) == 5
    async with open_in_process(Quirks(attachment_ranges=True)) as graph:
        message = next(iter(graph.mailbox.messages.values()))
        number = attach_made(graph.mailbox, message, {"name": "big", "size": SIZE})
        url = f"{graph.url}/v1.0/me/messages/{message.immutable_id}/attachments/{message.immutable_id}-{number}/$value"
        headers = {"Authorization": f"Bearer {graph.token}", "Prefer": 'IdType="ImmutableId"'}
        answer = await graph.http.get(url, headers=headers)
        assert (answer.status_code, answer.content) == (200, whole)
        rest = await graph.http.get(url, headers=headers | {"Range": "bytes=1000-"})
        assert (rest.status_code, rest.content, rest.headers["content-range"]) == (206, whole[1000:], f"bytes 1000-{SIZE - 1}/{SIZE}")
        assert (await graph.http.get(url, headers=headers | {"Range": f"bytes={SIZE}-"})).status_code == 416


async def test_content_switches() -> None:
    """Without Range all comes again; without a length nobody knows where it ends; cut and slow as told."""
    async with open_in_process(Quirks(attachment_length=False)) as graph:
        message = next(iter(graph.mailbox.messages.values()))
        number = attach_made(graph.mailbox, message, {"name": "big", "size": SIZE})
        path = f"/me/messages/{message.immutable_id}/attachments/{message.immutable_id}-{number}/$value"
        answer = await graph.raw(path)
        assert "content-length" not in answer.headers
        assert len(answer.content) == SIZE
        headers = {"Authorization": f"Bearer {graph.token}", "Prefer": 'IdType="ImmutableId"', "Range": "bytes=1000-"}
        assert (await graph.http.get(f"{graph.url}/v1.0{path}", headers=headers)).status_code == 200
        graph.world.quirks = Quirks(attachment_cut=SIZE // 2)
        with pytest.raises(httpx.RemoteProtocolError):
            await graph.raw(path)
        graph.world.quirks = Quirks(attachment_pause=0.05)
        started = time.monotonic()
        assert len((await graph.raw(path)).content) == SIZE
        assert time.monotonic() - started > 0.2


async def test_content_over_sockets_breaks_as_it_does_without() -> None:
    """Cut in the middle, and whole afterwards."""
    async with open_graph(Quirks(attachment_cut=SIZE // 2)) as graph:
        message = next(iter(graph.mailbox.messages.values()))
        number = attach_made(graph.mailbox, message, {"name": "big", "size": SIZE})
        path = f"/me/messages/{message.immutable_id}/attachments/{message.immutable_id}-{number}/$value"
        with pytest.raises(httpx.RemoteProtocolError):
            await graph.raw(path)
        graph.world.quirks = Quirks()
        assert (await graph.raw(path)).content == Filler(SIZE).read(0, SIZE)


async def test_attachment_alone_is_selected_and_expanded() -> None:
    """$select leaves the content out; $expand brings a mail in a mail, under no id; a reference has no content."""
    async with open_in_process(Quirks()) as graph:
        of = {a["@odata.type"].rpartition(".")[2]: (m, n) for m in graph.mailbox.messages.values() for n, a in enumerate(m.attachments)}
        message, number = of["fileAttachment"]
        path = f"/me/messages/{message.immutable_id}/attachments/{message.immutable_id}-{number}"
        assert set(await graph.get(path, **{"$select": "id,name"})) == {"@odata.type", "id", "name"}
        assert (await graph.raw(f"{path}?$select=contentBytes")).status_code == 400
        message, number = of["itemAttachment"]
        path = f"/me/messages/{message.immutable_id}/attachments/{message.immutable_id}-{number}"
        assert "item" not in await graph.get(path)
        item = (await graph.get(path, **{"$expand": "microsoft.graph.itemattachment/item"}))["item"]
        assert item["id"] == ""
        assert not load_schema().problems({k: v for k, v in item.items() if not k.startswith("@")}, "message")
        number = attach_made(graph.mailbox, message, {"name": "Plan", "url": "https://contoso.example/plan"})
        path = f"/me/messages/{message.immutable_id}/attachments/{message.immutable_id}-{number}"
        assert (await graph.get(path))["sourceUrl"] == "https://contoso.example/plan"
        assert (await graph.raw(f"{path}/$value")).status_code == 405
