"""Pure: CSS of a mail into CSS that shapes text and loads nothing, by a real parser (tinycss2, css-syntax-3).

What comes out is written anew from what was understood: no comments, no escapes, no address, no at-rule but @media. So whoever looks at it
afterwards (Odoo, a test) can be strict with plain text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tinycss2
from tinycss2.color4 import parse_color

from connector.content.vocabulary import CSS_FUNCTIONS, CSS_PROPERTIES, CSS_UNITS_REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tinycss2.ast import Node

__all__ = ["Css"]

# Characters that are parsed of one mail at most (tinycss2 takes some 700,000 a second); the large newsletters of the corpus have 60,000.
_BUDGET = 400_000

# Blocks in blocks: nothing that people write goes deeper.
_DEPTH = 6

_LITERALS_OF_SELECTORS = frozenset([".", ",", ">", "+", "~", ":", "*", "|", "=", "^=", "$=", "*=", "~=", "|=", "||"])
_LITERALS_OF_MEDIA = frozenset([",", ":"])
_LITERALS_OF_VALUES = frozenset([",", "/", "+", "-", "*", "!"])
_DARK = "(prefers-color-scheme:dark)"


class Css:
    """Cleans all the CSS of one mail; what it met is in `has_remote` (pictures from elsewhere) and `is_dark` (colours for dark themes)."""

    def __init__(self) -> None:
        self.has_remote = False
        self.is_dark = False
        self._left = _BUDGET
        self._known: dict[str, str] = {}

    def declarations(self, source: str) -> str:
        """Clean the content of a `style` attribute."""
        if (known := self._known.get(source)) is None:
            known = self._known[source] = (
                self._declared(tinycss2.parse_blocks_contents(source, skip_comments=True)) if self._may(source) else ""
            )
        return known

    def sheet(self, source: str, media: str = "") -> str:
        """Clean the content of a `style` element, for the media of its attribute."""
        if not self._may(source):
            return ""
        css = self._rules(tinycss2.parse_stylesheet(source, skip_comments=True, skip_whitespace=True), 0)
        condition = self._condition(tinycss2.parse_component_value_list(media, skip_comments=True)) if css and media.strip() else ""
        if condition is None:
            return ""
        return f"@media {condition}{{{css}}}" if condition else css

    def _may(self, source: str) -> bool:
        self._left -= len(source)
        return self._left >= 0

    def _rules(self, nodes: Sequence[Node], depth: int) -> str:
        parts = []
        for node in nodes:
            if node.type == "qualified-rule":
                selector = _selector(node.prelude)
                body = self._declared(tinycss2.parse_blocks_contents(node.content, skip_comments=True))
                if selector and body:
                    parts.append(f"{selector}{{{body}}}")
            elif node.type == "at-rule" and node.lower_at_keyword == "media" and node.content is not None and depth < _DEPTH:
                condition = self._condition(node.prelude)
                inner = self._rules(tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True), depth + 1)
                if condition and inner:
                    self.is_dark = self.is_dark or _DARK in condition
                    parts.append(f"@media {condition}{{{inner}}}")
        return "".join(parts)

    @staticmethod
    def _condition(tokens: Sequence[Node]) -> str | None:
        """Return a media query as it may stand, None where it may not."""
        return _written(tokens, _LITERALS_OF_MEDIA, frozenset(), strings=False, blocks="() block")

    def _declared(self, nodes: Sequence[Node]) -> str:
        parts = []
        for node in nodes:
            if node.type != "declaration":
                continue
            name, tokens = node.lower_name, node.value
            if _loads(tokens):
                self.has_remote = self.has_remote or _has_remote_address(tokens)
            if name == "background":
                name, value = self._background(tokens)
            else:
                value = _value(name, tokens)
            if value:
                parts.append(f"{name}:{value}{' !important' if node.important else ''}")
        return ";".join(parts)

    @staticmethod
    def _background(tokens: Sequence[Node]) -> tuple[str, str | None]:
        """Keep the colour of the shorthand, or a gradient; pictures, their place and size go."""
        for token in tokens:
            if token.type == "function" and token.lower_name.endswith("gradient"):
                return "background-image", _value("background-image", [token])
            if token.type in {"ident", "hash", "function"} and parse_color(token) is not None:
                return "background-color", _value("background-color", [token])
        return "background-color", None


def _value(name: str, tokens: Sequence[Node]) -> str | None:
    if name not in CSS_PROPERTIES:
        return None
    if name == "overflow" and not all(
        t.type == "whitespace" or (t.type == "ident" and t.lower_value in {"hidden", "visible"}) for t in tokens
    ):
        # A mail scrolls as one.
        return None
    return _written(tokens, _LITERALS_OF_VALUES, CSS_FUNCTIONS, strings=True, blocks="() block")


def _selector(tokens: Sequence[Node]) -> str | None:
    return _written(
        tokens,
        _LITERALS_OF_SELECTORS,
        frozenset(["not", "is", "where", "nth-child", "nth-last-child", "nth-of-type"]),
        strings=True,
        blocks="[] block",
    )


def _written(
    tokens: Sequence[Node], literals: frozenset[str], functions: frozenset[str], *, strings: bool, blocks: str, depth: int = 0
) -> str | None:
    """Write tokens anew if each of them is of a kind that may stand there; None if one is not."""
    if depth > _DEPTH:
        return None
    parts: list[str] = []
    for token in tokens:
        match token.type:
            case "whitespace":
                part: str | None = " " if parts and parts[-1] != " " else ""
            case "ident" | "hash" | "number" | "percentage":
                part = token.serialize()
            case "dimension":
                part = None if token.lower_unit in CSS_UNITS_REFUSED else token.serialize()
            case "string":
                part = token.serialize() if strings else None
            case "literal":
                part = token.value if token.value in literals else None
            case "function" if token.lower_name in functions:
                inner = _written(
                    token.arguments, literals | _LITERALS_OF_VALUES, functions, strings=strings, blocks=blocks, depth=depth + 1
                )
                part = None if inner is None else f"{token.lower_name}({inner})"
            case kind if kind == blocks:
                inner = _written(token.content, literals, functions, strings=strings, blocks=blocks, depth=depth + 1)
                part = None if inner is None else f"{kind[0]}{_tight(inner)}{kind[1]}"
            case _:
                part = None
        # An escape or a bracket here would be for whoever reads this as something else than CSS.
        if part is None or "\\" in part or "<" in part:
            return None
        parts.append(part)
    return "".join(parts).strip() or None


def _tight(text: str) -> str:
    """Write a media feature in one way only, so that the app finds `prefers-color-scheme`."""
    return ":".join(part.strip() for part in text.split(":")) if text.count(":") == 1 and '"' not in text and "'" not in text else text


def _loads(tokens: Iterable[Node]) -> bool:
    return any(_addresses(tokens))


def _has_remote_address(tokens: Iterable[Node]) -> bool:
    return any(not address.strip().lower().startswith(("data:", "cid:", "#")) for address in _addresses(tokens))


def _addresses(tokens: Iterable[Node], depth: int = 0) -> Iterable[str]:
    """Yield every address in a value: `url()` however it is spelled, and strings where a string is an address (`image-set`, `src`)."""
    for token in tokens:
        if token.type == "url":
            yield token.value
        elif token.type == "function" and depth <= _DEPTH:
            if token.lower_name in {"url", "src", "image", "image-set", "-webkit-image-set", "cross-fade", "-webkit-cross-fade"}:
                yield from (inner.value for inner in token.arguments if inner.type == "string")
            yield from _addresses(token.arguments, depth + 1)
