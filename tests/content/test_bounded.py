"""Cleaning with bounds. The limits are in seconds of a busy machine; what they guard against takes minutes."""

from __future__ import annotations

import time

import pytest
import trio

from connector.content import bounded
from connector.content.bounded import clean_bounded

# Seconds: the bound of the process, and the machine's share of it.
_PATIENCE = 40.0


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("nested blocks", "<div>" * 100_000 + "the end"),
        ("formatting that is opened again in each paragraph", "".join(f"<font size={n}><p>" for n in range(20_000)) + "the end"),
        ("tables in tables", "<table><tr><td>" * 30_000 + "the end"),
        ("five megabytes", "<p style='color:red'>hello <b>world</b></p>" * 130_000 + "the end"),
        ("tags that never end", "the end" + "<a " * 1_500_000),
        ("styles, each another", "".join(f"<p style='margin:{n}px;color:#123456'>x</p>" for n in range(100_000)) + "the end"),
        ("a sheet of five megabytes", "<style>" + "p{color:red}" * 400_000 + "</style>the end"),
        ("more than anybody writes", "<p>the end</p>" + "x" * 13_000_000),
    ],
    ids=lambda value: value if len(value) < 60 else "",
)
async def test_clean_bounded_hostile_sizes_end_and_can_be_read(name: str, source: str) -> None:
    """Neither a hang nor a crash: within the bound there is a text, and the loop went on meanwhile."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await trio.sleep(0.05)
            ticks += 1

    began = time.monotonic()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        cleaned, _ = await clean_bounded(source)
        nursery.cancel_scope.cancel()
    assert time.monotonic() - began < _PATIENCE
    assert "the end" in cleaned.html
    assert len(cleaned.html) <= 8_000_000


async def test_clean_bounded_what_takes_too_long_is_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is ended; words, links and lines are left."""
    monkeypatch.setattr(bounded, "_SECONDS", 0.01)
    cleaned, is_simplified = await clean_bounded("<p>One https://example.org/x</p><script>no()</script>" + "<i>two</i> " * 2_000)
    assert is_simplified
    assert 'href="https://example.org/x"' in cleaned.html
    assert "two two" in cleaned.html
    assert "no()" not in cleaned.html


async def test_clean_bounded_large_mail_comes_out_as_a_small_one_does() -> None:
    """The process does the same work, in any script."""
    line = '<p style="color:red">Grüße 你好 🎉 <img src="https://x.example/a.png"></p>'
    small, _ = await clean_bounded(line)
    large, is_simplified = await clean_bounded(line * 1_000)
    assert large.html == small.html * 1_000
    assert (large.has_remote, is_simplified) == (True, False)
