"""The corpus of hostile mail through the cleaner: held against the allow-lists, by another parser than the cleaner's."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import nh3
import pytest

from connector.content.clean import clean_html
from connector.content.vocabulary import ATTRIBUTES, CSS_FUNCTIONS, CSS_PROPERTIES, SILENCED, TAGS
from tests.content.hostile import LEAK_HOST, Case, cases

_CASES = cases()
_ADDED = {"rel", "target", "src", "data-remote", "data-cid"}
_OUTWARD = re.compile(r"(?:https?://|mailto:|tel:|#)", re.IGNORECASE)


class _Strict(HTMLParser):
    """Collects what may not be there."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        if tag not in TAGS and not (tag == "style" and not attrs):
            self.faults.append(f"<{tag}>")
        allowed = ATTRIBUTES["*"] | ATTRIBUTES.get(tag, frozenset()) | _ADDED
        for name, value in attrs:
            text = value or ""
            if name not in allowed or name in {"background", "srcset"}:
                self.faults.append(f"{tag}[{name}]")
            elif name == "href" and not _OUTWARD.match(text):
                self.faults.append(f"href={text}")
            elif name == "src" and not re.match(r"data:image/(?:png|gif|jpe?g|webp|bmp);base64,", text, re.IGNORECASE):
                self.faults.append(f"src={text}")
            elif name == "data-remote" and not re.match(r"https?://", text, re.IGNORECASE):
                self.faults.append(f"data-remote={text}")
            elif name == "style":
                self._css(text)

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self._css(re.sub(r"@media [^{}@;]*\{", "{", data))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - html.parser's own names
        self._in_style = False

    def handle_comment(self, data: str) -> None:  # noqa: ARG002
        self.faults.append("a comment")

    def handle_decl(self, decl: str) -> None:  # noqa: ARG002
        self.faults.append("a declaration")

    def handle_pi(self, data: str) -> None:  # noqa: ARG002
        self.faults.append("an instruction")

    def _css(self, text: str) -> None:
        bare = re.sub(r'"[^"]*"', '""', text)
        functions = set(re.findall(r"([\w-]+)\(", bare)) - CSS_FUNCTIONS - {"not", "is", "where", "nth-child"}
        properties = set(re.findall(r"(?:^|[;{])\s*([\w-]+)\s*:(?=[^{}]*(?:[;}]|$))", bare)) - CSS_PROPERTIES
        self.faults += [f"{name}()" for name in functions] + [f"{name}:" for name in properties if not name.startswith(("a", "p"))]
        self.faults += [f"{word} in CSS" for word in ("\\", "<", "@", "/*", "url(", LEAK_HOST) if word in text]


def test_hostile_corpus_is_large_and_names_its_sources() -> None:
    """At least 300 cases from published lists, none twice."""
    assert len(_CASES) >= 300
    assert len({case.html for case in _CASES}) == len(_CASES)
    assert all(case.source for case in _CASES)


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_hostile_mail_comes_out_by_the_lists(case: Case) -> None:
    """Only tags, attributes, addresses and CSS that are on the lists; nobody is asked anything."""
    cleaned = clean_html(case.html).html
    strict = _Strict()
    strict.feed(cleaned)
    strict.close()
    assert not strict.faults, cleaned
    # The host stands where the app decides whether to ask it, where a person clicks, and in what is text; nowhere else.
    rest = re.sub(r' (?:data-remote|href|title|data-cid|name|id)="[^"]*"', "", re.sub(r"(?<=>)[^<]*|^[^<]*", "", cleaned))
    assert LEAK_HOST not in rest, cleaned


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_hostile_mail_is_not_mutated_by_another_parse(case: Case) -> None:
    """What comes out is parsed as it stands: parsed again and written again it is the same."""
    cleaned = clean_html(case.html).html
    body = re.sub(r"\A<style>[^<]*</style>", "", cleaned)
    attributes = {tag: set(names) | (_ADDED if tag in {"*", "a", "img"} else set()) for tag, names in ATTRIBUTES.items()}
    attributes["*"] -= {"background"}
    again = nh3.clean(
        body,
        tags=set(TAGS),
        clean_content_tags=set(SILENCED),
        attributes=attributes,
        url_schemes={"http", "https", "mailto", "tel", "data"},
        link_rel=None,
    )
    assert _sorted(again) == _sorted(body)


def _sorted(html: str) -> list[str]:
    """Return tags with their attributes in order, and text: which of two attributes comes first means nothing."""
    parts = re.split(r"(<[^>]*>)", html)
    return [" ".join(sorted(re.findall(r'[^\s"=]+(?:="[^"]*")?', part))) if part.startswith("<") else part for part in parts]
