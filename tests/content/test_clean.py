"""Hostile and ordinary bodies through the cleaner."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.content.clean import clean_html, text_to_html


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><script>1</script></svg>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="data:text/html,<script>alert(1)</script>">x</a>',
        "<iframe srcdoc='<script>1</script>'></iframe>",
        "<form action=https://evil.example><input name=p></form>",
        "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<base href=https://evil.example><meta http-equiv=refresh content=0;url=https://evil.example>",
        '<img src="data:image/svg+xml;base64,PHN2Zy8+">',
    ],
)
def test_clean_html_active_content_is_gone(source: str) -> None:
    """Nothing that runs, submits, frames or redirects survives."""
    cleaned = clean_html(source).html.lower()
    tags = ("<script", "<iframe", "<form", "<input", "<svg", "<math", "<base", "<meta")
    for word in (*tags, "onerror", "onload", "javascript:", "data:text"):
        assert word not in cleaned.replace("&lt;", "")


@pytest.mark.parametrize(
    "source",
    [
        '<img src="https://tracker.example/p.gif">',
        '<img srcset="https://tracker.example/p.gif 2x" src="https://tracker.example/a.png">',
        '<table background="https://tracker.example/b.png"><tr><td>x</td></tr></table><img src="//tracker.example/c.gif">',
        '<p style="background: url(https://tracker.example/d)">x</p><img src="http://tracker.example/e">',
        '<style>@import "https://tracker.example/f.css"</style><img src="https://tracker.example/g">',
    ],
)
def test_clean_html_remote_pictures_are_left_out_and_told(source: str) -> None:
    """No address of a remote resource survives, and the person is told that there were some."""
    cleaned = clean_html(source)
    assert "tracker.example" not in cleaned.html
    assert cleaned.has_remote


def test_clean_html_inline_picture_is_not_remote() -> None:
    """A picture inside the mail is no tracker."""
    assert not clean_html('<img src="cid:logo@x">').has_remote


def test_clean_html_links_open_outside() -> None:
    """Links keep their target and get no way back to us."""
    cleaned = clean_html('<a href="https://example.org/a?b=1&c=2">x</a>').html
    assert 'href="https://example.org/a?b=1&amp;c=2"' in cleaned
    assert 'rel="noopener noreferrer"' in cleaned
    assert 'target="_blank"' in cleaned


@given(st.text())
def test_clean_html_anything_is_stable(source: str) -> None:
    """Cleaning what is clean changes nothing: nothing mutates into something active on the way."""
    once = clean_html(source).html
    assert clean_html(once).html == once


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_text_to_html_shows_every_character(text: str) -> None:
    """Plain text is shown, not interpreted: no tag but ours comes out."""
    cleaned = text_to_html(text).html
    assert cleaned.startswith("<div")
    assert "<script" not in cleaned


def test_text_to_html_links_are_clickable_without_the_full_stop() -> None:
    """A link at the end of a sentence does not swallow the full stop."""
    assert '<a href="http://example.org/x"' in text_to_html("See http://example.org/x.").html
