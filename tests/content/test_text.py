"""Plain text as HTML."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.content.clean import clean_html
from connector.content.text import html_to_text, is_flowed, text_to_html

_FLOWING = "This is a line that goes on and on until it is nearly \neighty characters long, as a program that flows writes \nit.\n\nBye"


def _shown(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_text_to_html_shows_every_character(text: str) -> None:
    """Plain text is shown, not interpreted: no tag but ours comes out."""
    html = text_to_html(text, flowed=False)
    assert set(re.findall(r"</?([a-z]+)", html)) <= {"div", "a", "blockquote"}
    assert clean_html(html).html.startswith('<div class="maildesk-text"')


@pytest.mark.parametrize(
    ("text", "link", "target"),
    [
        ("See http://example.org/x.", "http://example.org/x", "http://example.org/x"),
        ("(https://example.org/a_(b))", "https://example.org/a_(b)", "https://example.org/a_(b)"),
        ("<https://example.org/?a=1&b=2>", "https://example.org/?a=1&amp;b=2", "https://example.org/?a=1&amp;b=2"),
        ("www.example.org/x!", "www.example.org/x", "https://www.example.org/x"),
        ("Write to anna@example.org, please", "anna@example.org", "mailto:anna@example.org"),
    ],
)
def test_text_to_html_links(text: str, link: str, target: str) -> None:
    """Addresses are links, without what belongs to the sentence."""
    assert f'<a href="{target}">{link}</a>' in text_to_html(text)


def test_text_to_html_quotes_are_nested() -> None:
    """Each level of quotes is a block in the one above it."""
    html = text_to_html("Yes.\n> Are you coming?\n> > Tonight?\n>\n> Anna")
    assert html.count('<blockquote class="maildesk-quote">') == 2
    assert "&gt;" not in html
    assert _shown(html) == "Yes.Are you coming?Tonight?\nAnna"


def test_text_to_html_signature_stands_apart() -> None:
    """What follows the delimiter is the signature; dashes in the text are not one."""
    html = text_to_html("Hello\n--- cut ---\nBye\n-- \nBert")
    assert '<div class="maildesk-signature">--\nBert</div>' in html
    assert "--- cut ---" in html.partition("maildesk-signature")[0]


def test_text_to_html_flowed_paragraphs_are_joined() -> None:
    """RFC 3676: a space at the end says that the line goes on, in quotes as well, and never from one depth into another."""
    assert "as a program that flows writes it.\n\nBye" in text_to_html(_FLOWING, flowed=True)
    assert "one two" in text_to_html("> one \n> two\nthree", flowed=True)
    assert "one \n" not in text_to_html("> one \n>> two", flowed=True)
    assert text_to_html("> > one \n>> two", flowed=True).count("<blockquote") == 2
    assert "wordbreak" in text_to_html("word \nbreak", flowed=True, delsp=True)
    assert "\n-- " in text_to_html("a \n-- \nb", flowed=True).replace('<div class="maildesk-signature">', "\n")
    assert "&gt;from" in text_to_html(" >from", flowed=True)


def test_is_flowed_is_told_by_the_lines() -> None:
    """Where the mail does not say it: a poem with trailing spaces does not flow."""
    assert is_flowed(_FLOWING)
    assert not is_flowed("Roses are red \nViolets are blue \nno more")
    assert not is_flowed("Just one line that is as long as it likes to be and goes on for more than eighty characters \nx")


@pytest.mark.parametrize("piece", ["<!--", "<script", "<a", "<", "</", "<style>x", "<!", "<p>x"])
def test_html_to_text_takes_time_by_size_only(piece: str) -> None:
    """Whatever never ends does not make it look for the end again and again (a megabyte; seconds where it did)."""
    html_to_text(piece * (1_000_000 // len(piece)))


def test_html_to_text_keeps_what_can_be_read() -> None:
    """Words and lines, no scripts."""
    assert (
        html_to_text("<style>a{}</style><p>One &amp; <b>two</b></p><script>x()</script><div>3 < 4<br>five</div>")
        == "One & two\n\n3 < 4\nfive"
    )
