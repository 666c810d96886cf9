"""Attachments from the simulator through the cache: once, in pieces, again where it broke off, and what a mail in a mail says."""

from __future__ import annotations

import io
import os
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from connector.content import cache as cache_module
from connector.content.cache import LINGER, Entry, open_cache
from connector.errors import CacheBusy, CacheFull, ContentComing, ContentGone, GraphNotFound, GraphUnreachable, NeedsSignIn, NoContent
from connector.graph.gate import Priority
from tests.graph_simulator.filler import Filler
from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.seed import MAILS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio.testing import MockClock

    from tests.content.conftest import Shelf


async def test_open_twice_at_once_is_one_download(shelf: Shelf, autojump_clock: MockClock) -> None:
    """Two readers of one file, at different speeds: one request, the same bytes, enciphered on the disk."""
    size = 700_001
    place = shelf.put(size=size)
    got: list[bytes] = []

    async def reader(pause: float) -> None:
        await trio.sleep(pause)
        got.append(await shelf.content(place))

    async with trio.open_nursery() as nursery:
        for pause in (0, 0, 0.1, 5):
            nursery.start_soon(reader, pause)
    assert set(got) == {Filler(size).read(0, size)}
    assert shelf.downloads() == 1
    (file,) = shelf.files()
    assert file.stat().st_size == size
    assert file.stat().st_mode & 0o077 == 0
    assert shelf.folder.stat().st_mode & 0o077 == 0
    assert Filler(size).read(0, 4096) not in file.read_bytes(), "what lies on the disk is noise"


async def test_open_after_its_time_is_fetched_again(shelf: Shelf, autojump_clock: MockClock) -> None:
    """`attachment_ttl` counts from when it was whole, by trio's clock; nothing stays on the disk after it."""
    place = shelf.put(text="hello")
    assert await shelf.content(place) == b"hello"
    await trio.sleep(3500)
    assert await shelf.content(place) == b"hello"
    assert shelf.downloads() == 1
    await trio.sleep(200)
    assert shelf.files() == []
    assert await shelf.content(place) == b"hello"
    assert shelf.downloads() == 2


async def test_open_more_than_fits_drops_what_was_used_longest_ago(shelf: Shelf, autojump_clock: MockClock) -> None:
    """The limit holds, by use and not by age."""
    first, second, third = (shelf.put(f"{n}", size=450_000) for n in range(3))
    for place in (first, second, first, third):
        await shelf.content(place)
    assert shelf.cache.size == 900_000
    assert sum(f.stat().st_size for f in shelf.files()) == 900_000
    await shelf.content(first)
    assert shelf.downloads() == 3, "the second one went"
    await shelf.content(second)
    assert shelf.downloads() == 4


async def test_open_larger_than_the_cache_works_alone(shelf: Shelf, autojump_clock: MockClock) -> None:
    """One file may stand over the limit; a second one at the same time is refused as busy, and comes when the first has gone."""
    big, other = shelf.put("big", size=3 * 2**20), shelf.put("other", size=2 * 2**20)
    opened = await shelf.attachments.open(shelf.wish(big), patience=30, needs_total=False)
    await opened.entry.until(lambda e: e.is_complete)
    with pytest.raises(CacheBusy):
        await shelf.content(other)
    assert shelf.cache.size <= 2**20 + 3 * 2**20
    opened.close()
    assert await shelf.content(other) == Filler(2 * 2**20).read(0, 2 * 2**20)
    assert shelf.cache.size == 2 * 2**20


@pytest.mark.parametrize("ranges", [False, True])
async def test_open_connection_that_breaks_goes_on(shelf: Shelf, autojump_clock: MockClock, ranges: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Whether Graph honours Range or not, no byte is lost or doubled, and with Range none is sent twice."""
    place = shelf.put(size=500_000)
    shelf.world.quirks.attachment_ranges = ranges
    shelf.world.quirks.attachment_cut = 200_000

    async def mended() -> None:
        await trio.sleep(0.3)
        if not ranges:
            shelf.world.quirks.attachment_cut = 0

    async with trio.open_nursery() as nursery:
        nursery.start_soon(mended)
        assert await shelf.content(place) == Filler(500_000).read(0, 500_000)
    assert shelf.downloads() == (3 if ranges else 2)


async def test_open_download_that_never_gets_on_is_given_up_and_goes_on_later(shelf: Shelf, autojump_clock: MockClock) -> None:
    """A download that brings nothing more fails in words; what came is kept and is not asked for again."""
    place = shelf.put(size=500_000)
    shelf.world.quirks.attachment_cut = 200_000
    with pytest.raises(GraphUnreachable):
        await shelf.content(place)
    shelf.world.quirks.attachment_cut, shelf.world.quirks.attachment_ranges = 0, True
    before = len(shelf.world.requests)
    assert await shelf.content(place) == Filler(500_000).read(0, 500_000)
    assert [r["status"] for r in list(shelf.world.requests)[before:]] == [206]


async def test_open_without_a_length_and_cut_short_is_asked_once_more(shelf: Shelf, autojump_clock: MockClock) -> None:
    """An answer in chunks has no length to hold it against: the size that Graph told says that something is missing."""
    place = shelf.put(size=300_000)
    shelf.world.quirks.attachment_length = False
    shelf.world.quirks.attachment_ranges = True
    assert await shelf.content(place) == Filler(300_000).read(0, 300_000)
    assert shelf.downloads() == 1
    # Graph's own figure is wrong: asked once more, then believed.
    odd = shelf.put("odd", size=1000, told_size=90_000)
    assert await shelf.content(odd) == Filler(1000).read(0, 1000)
    assert shelf.downloads() == 3


async def test_open_trickle_is_given_up(shelf: Shelf, autojump_clock: MockClock) -> None:
    """A body of which a block comes every ten minutes does not hold a lane for ever."""
    place = shelf.put(size=500_000)
    shelf.world.quirks.attachment_pause = 25.0
    started = trio.current_time()
    with pytest.raises(GraphUnreachable):
        await shelf.content(place)
    assert trio.current_time() - started < 1200


async def test_open_two_big_downloads_leave_lanes_to_others(shelf: Shelf, autojump_clock: MockClock) -> None:
    """While four big files come, at most two lanes are theirs: a person's and sync's requests do not wait, backfill gets on too."""
    places = [shelf.put(f"{n}", size=200_000) for n in range(4)]
    shelf.world.quirks.attachment_pause = 30.0
    shelf.world.quirks.lanes = 4
    asked = dict.fromkeys(Priority, 0.0)
    async with trio.open_nursery() as nursery:
        for place in places:
            nursery.start_soon(partial(shelf.attachments.open, shelf.wish(place), patience=600, needs_total=False))
        await trio.sleep(1)
        for priority in Priority:
            started = trio.current_time()
            await shelf.client.get("/me/mailFolders/inbox", into=dict, priority=priority)
            asked[priority] = trio.current_time() - started
        # Not the downloads' business any more.
        shelf.world.quirks.attachment_pause = 0.0
        nursery.cancel_scope.deadline = trio.current_time() + 600
    assert all(seconds < 1 for seconds in asked.values()), asked


async def test_open_nobody_waits_any_more_and_somebody_comes_back(shelf: Shelf, autojump_clock: MockClock) -> None:
    """A download goes on for a minute without readers, stops then, and goes on from there for the next reader."""
    place = shelf.put(size=640_000)
    shelf.world.quirks.attachment_pause = 20.0
    shelf.world.quirks.attachment_ranges = True
    shelf.world.quirks.attachment_length = False
    with pytest.raises(ContentComing):
        await shelf.attachments.open(shelf.wish(place), patience=2.5, needs_total=False)
    await trio.sleep(LINGER + 25)
    came = shelf.cache.size
    assert 0 < came < 640_000
    await trio.sleep(LINGER)
    assert shelf.cache.size == came, "it stopped"
    assert await shelf.content(place) == Filler(640_000).read(0, 640_000)
    assert list(shelf.world.requests)[-1]["status"] == 206


async def test_forget_wipes_the_account_and_ends_its_readers(shelf: Shelf, autojump_clock: MockClock) -> None:
    """A mailbox that is disconnected leaves no file, and whoever reads one of its files is told, also in the middle of a download."""
    whole, growing = shelf.put("a", text="secret"), shelf.put("b", size=600_000)
    await shelf.content(whole)
    shelf.world.quirks.attachment_pause = 5.0
    opened = await shelf.attachments.open(shelf.wish(growing), patience=60, needs_total=False)
    await opened.entry.read(0, 10)
    shelf.attachments.forget(8)
    assert len(shelf.files()) == 2, "another account"
    shelf.attachments.forget(7)
    with pytest.raises(ContentGone):
        await opened.entry.read(0, 10)
    opened.close()
    await trio.sleep(30)
    assert shelf.files() == []
    assert shelf.cache.size == 0


async def test_open_disk_full_says_so_and_leaves_nothing(shelf: Shelf, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full is an error in words; half a file does not stay."""

    def full(path: Path, offset: int, data: bytes) -> None:
        if offset:
            raise OSError(28, os.strerror(28))
        written(path, offset, data)

    written: Callable[[Path, int, bytes], None] = cache_module._write
    monkeypatch.setattr(cache_module, "_write", full)
    place = shelf.put(size=600_000)
    with pytest.raises(CacheFull, match="is full"):
        await shelf.content(place)
    assert shelf.files() == []
    assert shelf.cache.size == 0
    monkeypatch.undo()
    assert len(await shelf.content(place)) == 600_000


async def test_cache_start_empties_what_a_crash_left(tmp_path: Path) -> None:
    """Files of a run that was killed go before anything else; a link in the place of the folder is not followed."""
    folder, elsewhere = tmp_path / "files", tmp_path / "elsewhere"
    (folder / "7").mkdir(parents=True)
    (folder / "7" / "1").write_bytes(b"left")
    async with open_cache(folder, 100, 1):
        assert list(folder.iterdir()) == []
    elsewhere.mkdir()
    (elsewhere / "precious").write_bytes(b"x")
    folder.rmdir()
    folder.symlink_to(elsewhere)
    async with open_cache(folder, 100, 1):
        pass
    assert (elsewhere / "precious").exists()
    folder.rmdir()
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(CacheFull, match="cannot be made"):
        async with open_cache(blocked / "files", 100, 1):
            pass


async def test_open_mistake_of_ours_ends_one_download(shelf: Shelf, autojump_clock: MockClock) -> None:
    """A bug in a fetch is told to its reader; the cache goes on."""

    async def broken(_: Entry) -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    async with shelf.cache.reading((7, "m", "a"), broken) as entry:
        with pytest.raises(ContentGone):
            await entry.read(0, 1)
    assert await shelf.content(shelf.put(text="fine")) == b"fine"


async def test_open_what_is_not_there(shelf: Shelf, autojump_clock: MockClock) -> None:
    """Each reason has its error: gone, a link, a mailbox that is not connected."""
    with pytest.raises(GraphNotFound):
        await shelf.content(f"{shelf.message.immutable_id}-99")
    with pytest.raises(NoContent):
        await shelf.content(shelf.put("Plan.xlsx", url="https://contoso.sharepoint.example/plan"))
    shelf.world.mailboxes[shelf.mailbox.address].delete(shelf.message.immutable_id)
    with pytest.raises(NeedsSignIn):
        await shelf.attachments.link(99, shelf.message.immutable_id, "x")


async def test_link_is_where_graph_says_or_the_message_in_outlook(shelf: Shelf, autojump_clock: MockClock) -> None:
    """v1.0 need not tell where a reference leads; what is no web address is not passed on."""
    told = await shelf.attachments.link(7, shelf.message.immutable_id, shelf.put("Plan", url="https://contoso.sharepoint.example/plan?x=1"))
    assert told == {"url": "https://contoso.sharepoint.example/plan?x=1", "host": "contoso.sharepoint.example", "is_file": True}
    for odd in ("", "javascript:alert(1)", "file:///etc/passwd", "https://[broken"):
        told = await shelf.attachments.link(7, shelf.message.immutable_id, shelf.put("Plan", url=odd))
        assert (told["host"], told["is_file"]) == ("outlook.office365.com", False)


async def test_item_opens_as_mail_that_is_cleaned(shelf: Shelf, autojump_clock: MockClock) -> None:
    """Headers, a body without scripts, what is attached to it by name; anything else is no mail."""
    inner = (
        b"From: Kai <kai@pier.example>\r\nTo: Anna <anna@pier.example>\r\nSubject: The inner one\r\n"
        b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n'
        b"<p>Hello</p><script>alert(1)</script><img src='http://t.invalid/p.gif'>\r\n"
        b'--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="../../plan.pdf"\r\n\r\nPDF\r\n'
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Deeper\r\n\r\nHi\r\n--b--\r\n"
    )
    outer = (
        b'From: Ben <ben@pier.example>\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="o"\r\n\r\n'
        b"--o\r\nContent-Type: text/plain\r\n\r\nSee\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--o--\r\n"
    )
    data, attachments = to_graph(outer)
    message = shelf.mailbox.add(shelf.mailbox.folder_id("inbox"), data, outer, attachments)
    found = await shelf.attachments.item(7, message.immutable_id, f"{message.immutable_id}-0")
    assert found is not None
    assert (found["subject"], found["from_email"]) == ("The inner one", "kai@pier.example")
    assert found["to_recipients"] == [{"name": "Anna", "address": "anna@pier.example"}]
    assert "Hello" in found["body"]["html"]
    assert "script" not in found["body"]["html"]
    assert found["body"]["has_remote"] is True
    assert [(f["name"], f["kind"], f["remote_id"]) for f in found["body"]["attachments"]] == [
        ("_.._plan.pdf", "file", ""),
        ("Deeper", "item", ""),
    ]
    assert await shelf.attachments.item(7, shelf.message.immutable_id, shelf.put("x.eml", text="no item")) is None


async def test_item_of_every_real_mail_is_read(shelf: Shelf, autojump_clock: MockClock) -> None:
    """No real mail that carries another one, however malformed, makes the connector fail."""
    read = 0
    for mail in MAILS:
        mime = await trio.to_thread.run_sync(mail.read_bytes)
        data, attachments = to_graph(mime)
        message = shelf.mailbox.add(shelf.mailbox.folder_id("inbox"), data, mime, attachments)
        for number, entry in enumerate(attachments):
            if entry["@odata.type"].endswith("itemAttachment"):
                found = await shelf.attachments.item(7, message.immutable_id, f"{message.immutable_id}-{number}")
                assert found is not None
                read += 1
    assert read >= 2


async def test_zip_has_all_with_names_that_lead_nowhere(shelf: Shelf, autojump_clock: MockClock) -> None:
    """Unique and safe names, contents as they are, links in a text; inline pictures are part of the text and no attachments."""
    names = ["report.pdf", "report.pdf", "REPORT.PDF", "../../etc/passwd", "C:\\Windows\\x.dll", "日本語.txt", "", "."]
    for number, name in enumerate(names):
        shelf.put(name or " ", text=f"content {number}")
    shelf.put("logo.png", text="picture", inline=True)
    shelf.put("Plan", url="https://contoso.sharepoint.example/plan")
    shelf.put("big", size=900_000)
    wish = shelf.wish("")
    files = await shelf.attachments.listed(wish)
    packed = b"".join([piece async for piece in shelf.attachments.zipped(wish, files)])
    archive = zipfile.ZipFile(io.BytesIO(packed))
    assert archive.testzip() is None
    assert archive.namelist() == [
        "report.pdf",
        "report (2).pdf",
        "REPORT (3).PDF",
        "_.._etc_passwd",
        "C__Windows_x.dll",
        "日本語.txt",
        "attachment",
        "attachment (2)",
        "big",
        "links.txt",
    ]
    assert archive.read("REPORT (3).PDF") == b"content 2"
    assert archive.read("big") == Filler(900_000).read(0, 900_000)
    assert b"https://contoso.sharepoint.example/plan" in archive.read("links.txt")


async def test_zip_left_in_the_middle_lets_go(shelf: Shelf, autojump_clock: MockClock) -> None:
    """Whoever stops reading a ZIP holds no file any longer."""
    shelf.put("a", size=600_000)
    shelf.put("b", size=300_000)
    wish = shelf.wish("")
    pieces = shelf.attachments.zipped(wish, await shelf.attachments.listed(wish))
    assert await anext(pieces)
    assert await anext(pieces)
    await pieces.aclose()
    assert all(not e.readers for e in shelf.cache._entries.values())
