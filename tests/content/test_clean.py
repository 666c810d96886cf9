"""Hostile and ordinary bodies through the cleaner."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.content.clean import clean_html


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
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<base href=https://evil.example><meta http-equiv=refresh content=0;url=https://evil.example>",
        '<img src="data:image/svg+xml;base64,PHN2Zy8+">',
    ],
)
def test_clean_html_active_content_is_gone(source: str) -> None:
    """Nothing that runs, submits, frames or redirects survives (the corpus in hostile/ has some hundred more)."""
    cleaned = clean_html(source).html.lower()
    tags = ("<script", "<iframe", "<form", "<input", "<svg", "<math", "<base", "<meta")
    for word in (*tags, "onerror", "onload", "javascript:", "data:text", "svg+xml"):
        assert word not in cleaned.replace("&lt;", "")


@pytest.mark.parametrize(
    "source",
    [
        '<img srcset="https://elsewhere.example/p.gif 2x">',
        '<table background="https://elsewhere.example/b.png"><tr><td>x</td></tr></table>',
        '<p style="background: url(https://elsewhere.example/d)">x</p>',
        "<style>p{background-image:image-set('https://elsewhere.example/d' 1x)}</style><p>x",
    ],
)
def test_clean_html_remote_backgrounds_are_left_out_and_told(source: str) -> None:
    """No address survives, and the person is told that there was something."""
    cleaned = clean_html(source)
    assert "elsewhere.example" not in cleaned.html
    assert cleaned.has_remote


def test_clean_html_remote_picture_waits() -> None:
    """A picture from elsewhere keeps its place and its address, and nothing loads it."""
    cleaned = clean_html('<img src="//elsewhere.example/a.png?x=1&y=2" width=300 alt="A boat">')
    assert cleaned.has_remote
    assert cleaned.html == '<img width="300" alt="A boat" data-remote="https://elsewhere.example/a.png?x=1&amp;y=2">'


def test_clean_html_inline_picture_is_named() -> None:
    """A picture inside the mail is no tracker, and the app finds it by its content id."""
    cleaned = clean_html('<img src="cid:logo@x"><img src="data:image/png;base64,AAAA">')
    assert not cleaned.has_remote
    assert cleaned.html == '<img data-cid="logo@x"><img src="data:image/png;base64,AAAA">'


@pytest.mark.parametrize(
    "source",
    [
        '<img src="https://elsewhere.example/p" width=1 height="1">',
        '<img src="https://elsewhere.example/p" height=0>',
        '<img src="https://elsewhere.example/p" style="display:none">',
        '<img src="https://elsewhere.example/p" style="width: 1px; max-height:0">',
        '<img src="https://elsewhere.example/p" style="opacity:0 !important">',
        '<img src="https://shop.us1.list-manage.com/track/open.php?u=1">',
        '<img src="https://u1.ct.sendgrid.net/wf/open?upn=1">',
        '<img src="https://mailtrack.io/trace/mail/1.png">',
    ],
)
def test_clean_html_tracking_pixels_are_gone(source: str) -> None:
    """What only tells that somebody read is no picture, so nobody is asked whether to load it."""
    cleaned = clean_html(f"<p>x</p>{source}")
    assert (cleaned.html, cleaned.has_remote) == ("<p>x</p>", False)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://shop.example/a?utm_source=x&id=7&UTM_Medium=y", "https://shop.example/a?id=7"),
        ("https://shop.example/a?fbclid=1&gclid=2&mc_eid=3", "https://shop.example/a"),
        ("https://shop.example/a?utm_source=x#part", "https://shop.example/a#part"),
        ("https://shop.example/a?q=a%20b+c&r=%C3%BC&&z", "https://shop.example/a?q=a%20b+c&amp;r=%C3%BC&amp;&amp;z"),
        ("https://shop.example/utm_source=x", "https://shop.example/utm_source=x"),
        ("mailto:anna@example.com?subject=utm_source", "mailto:anna@example.com?subject=utm_source"),
        ("//shop.example/a", "https://shop.example/a"),
        ("#top", "#top"),
    ],
)
def test_clean_html_links_lose_what_tells_who_clicked(given: str, kept: str) -> None:
    """Known parameters of tracking go; all else stays letter by letter."""
    assert f'href="{kept}"' in clean_html(f'<a href="{given}">x</a>').html


def test_clean_html_links_open_outside() -> None:
    """Links get no way back to us."""
    cleaned = clean_html('<a href="https://example.org/a?b=1&c=2">x</a>').html
    assert 'rel="noopener noreferrer"' in cleaned
    assert 'target="_blank"' in cleaned


def test_clean_html_body_colours_stay() -> None:
    """What a mail says on its body is kept: it becomes a block."""
    assert clean_html('<html><body bgcolor="#102030" style="margin:0">x</body></html>').html == (
        '<div bgcolor="#102030" style="margin:0">x</div>'
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('<html dir="rtl"><body>x</body></html>', '<div dir="rtl">x</div>'),
        ("<HTML lang=he DIR=RTL><head></head><body class=a>x</body></HTML>", '<div dir="rtl" class="a">x</div>'),
        ('<html dir="rtl"><body dir="ltr">x</body></html>', '<div dir="ltr">x</div>'),
        ('<html dir="ltr"><body>x</body></html>', "<div>x</div>"),
        ('<html data-dir="rtl"><body>x</body></html>', "<div>x</div>"),
    ],
)
def test_clean_html_direction_of_the_page_stays(given: str, kept: str) -> None:
    """A mail that runs from right to left as a whole goes on to do so."""
    assert clean_html(given).html == kept


def test_clean_html_sheets_stay_and_dark_ones_are_told() -> None:
    """Style sheets come first and as one; colours for dark themes are the mail's own."""
    cleaned = clean_html(
        '<head><style media="screen">.a{color:red;position:fixed}</style></head><p class="a">x</p>'
        "<style>@media (prefers-color-scheme: dark) { p { background: #000 url(https://x.example/y) } }</style>"
    )
    assert cleaned.dark
    assert cleaned.html == (
        '<style>@media screen{.a{color:red}}@media (prefers-color-scheme:dark){p{background-color:#000}}</style><p class="a">x</p>'
    )


def test_clean_html_deep_nesting_is_flattened() -> None:
    """Text at any depth is kept; so many levels as Odoo's and the browser's parsers take."""
    cleaned = clean_html("<div>" * 1000 + "<p>deep <img src=cid:a></p>" + "</div>" * 1000 + "<p>after</p>").html
    assert "deep" in cleaned
    assert cleaned.endswith("<p>after</p>")
    assert cleaned.count("<div>") == cleaned.count("</div>") < 200


@given(st.text())
def test_clean_html_anything_is_stable(source: str) -> None:
    """Cleaning what is clean changes nothing: nothing mutates into something active on the way."""
    once = clean_html(source).html
    assert clean_html(once).html == once


_PIECES = st.sampled_from(
    [
        *("<a href=x>", "</a>", "<b>", "</b>", "<p>", "</p>", "<table>", "<tr>", "<td>", "</table>", "<svg>", "<math>", "<mtext>"),
        *("<style>", "</style>", "<!--", "-->", "<title>", "</title>", "<noscript>", "<img src=x onerror=y>", "<form>", "<select>"),
        *("<template>", "</template>", "<desc>", "<foreignObject>", "<annotation-xml>", "<xmp>", "</xmp>", "x", '"', "'", ">", "<"),
    ]
)


@given(st.lists(_PIECES, max_size=25))
def test_clean_html_pieces_in_any_order_do_not_mutate(pieces: list[str]) -> None:
    """Misnested tags, foreign content, raw text: what comes out has no handler, and is read the same the second time."""
    once = clean_html("".join(pieces)).html
    assert "onerror" not in re.sub(r">[^<]*<", "><", f">{once}<")
    assert clean_html(clean_html(once).html).html == clean_html(once).html
