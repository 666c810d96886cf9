"""Pure: plain text of a mail as HTML: lines, links, quotes as nested blockquotes, the signature apart, format=flowed (RFC 3676)."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

__all__ = ["html_to_text", "is_flowed", "text_to_html"]

# Quotes in quotes that are shown as such; deeper ones stay at this level.
_DEPTH = 20

# A line that long was not broken by a mail program that flows (RFC 3676: 78 and the space; some go to 80).
_FLOWED_LINE = 80

# What stands in plain text as a link; trailing punctuation belongs to the sentence (see _target).
_LINK = re.compile(
    r"""\b(?:https?://[^\s<>"']{1,2000}|www\.[^\s<>"'/]{1,100}\.[^\s<>"']{1,2000}|mailto:[^\s<>"']{1,100}@[^\s<>"']{1,200}"""
    r"""|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})""",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)]}*_'>"
_PAIRS = {")": "(", "]": "[", "}": "{"}

# RFC 3676 writes >> for a quote in a quote; programs write > > all the same.
_FLOWED_QUOTE = re.compile(r">(?: ?>)*")
_QUOTED = re.compile(r"(?:>[ \t]?)+")

# Of HTML that is too much to be cleaned: what is in these is no text; what breaks a line there.
_UNREAD = ("script", "style", "title", "svg", "noscript", "template")
_NAME = re.compile(r"/?[a-z0-9]{0,20}")
_BREAKS = (
    "br",
    "p",
    "/p",
    "div",
    "/div",
    "tr",
    "/tr",
    "li",
    "/li",
    "/h1",
    "/h2",
    "/h3",
    "table",
    "/table",
    "blockquote",
    "/blockquote",
    "hr",
)


class _Line(NamedTuple):
    depth: int
    text: str
    flows: bool


def text_to_html(text: str, *, flowed: bool | None = None, delsp: bool = False) -> str:
    """Return HTML of plain text; `flowed` and `delsp` as the mail says of itself; None if it says nothing: told from the text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip("\n")
    if flowed is None:
        flowed = is_flowed(text)
    lines = [_line(raw, flowed=flowed) for raw in text.split("\n")]
    if flowed:
        lines = _joined(lines, delsp=delsp)
    body, signature = _split(lines)
    parts = ['<div class="maildesk-text" style="white-space:pre-wrap">', _quoted(body)]
    if signature:
        parts += ['<div class="maildesk-signature">', _quoted(signature), "</div>"]
    return "".join([*parts, "</div>"])


def is_flowed(text: str) -> bool:
    """Tell by its lines whether a text flows: broken before the 80th column, with the space left at the end of the line."""
    lines = text.split("\n")
    soft = [line for line in lines if line.endswith(" ") and line.rstrip("> ") and line != "-- "]
    return len(soft) >= 2 and all(40 <= len(line) <= _FLOWED_LINE for line in soft) and all(len(line) <= _FLOWED_LINE for line in lines)


def html_to_text(source: str) -> str:
    """Return what can be read in HTML, without parsing it: for what is too deep or too much to be cleaned. Linear in its size."""
    lower = source.lower()
    parts: list[str] = []
    at = 0
    while (start := source.find("<", at)) >= 0:
        parts.append(source[at:start])
        name = _NAME.match(lower, start + 1)
        tag = name.group() if name else ""
        if source.startswith("<!--", start):
            end = source.find("-->", start)
        elif tag in _UNREAD:
            closing = lower.find(f"</{tag}", start)
            end = source.find(">", closing) if closing >= 0 else -1
        elif tag in {"", "/"} and not source.startswith(("<!", "<?"), start):
            parts.append("<")
            at = start + 1
            continue
        else:
            end = source.find(">", start)
        if end < 0:
            # Nothing ends here, so all that follows is no text either; found once, not looked for again.
            at = len(source)
            break
        parts.append("\n" if tag in _BREAKS else "")
        at = end + 1
    parts.append(source[at:])
    lines = (" ".join(line.split()) for line in html.unescape("".join(parts)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _line(raw: str, *, flowed: bool) -> _Line:
    if flowed:
        match = _FLOWED_QUOTE.match(raw)
        depth = match.group().count(">") if match else 0
        text = raw[match.end() :] if match else raw
        text = text.removeprefix(" ")
        return _Line(depth, text, text.endswith(" ") and text != "-- ")
    match = _QUOTED.match(raw)
    if match is None:
        return _Line(0, raw.rstrip(), flows=False)
    return _Line(match.group().count(">"), raw[match.end() :].rstrip(), flows=False)


def _joined(lines: list[_Line], *, delsp: bool) -> list[_Line]:
    """Put the lines of a paragraph together; a quote's never run into those of another depth (RFC 3676, 4.5)."""
    joined: list[_Line] = []
    pieces: list[str] = []
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else None
        goes_on = line.flows and following is not None and following.depth == line.depth and following.text != "-- "
        pieces.append(line.text[:-1] if goes_on and delsp else line.text)
        if not goes_on:
            joined.append(_Line(line.depth, "".join(pieces), flows=False))
            pieces = []
    return joined


def _split(lines: list[_Line]) -> tuple[list[_Line], list[_Line]]:
    """Return the body and the signature with its delimiter."""
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].depth == 0 and lines[number].text in {"-- ", "--"} and number > 0:
            return lines[:number], lines[number:]
    return lines, []


def _quoted(lines: list[_Line]) -> str:
    parts: list[str] = []
    depth = 0
    for number, line in enumerate(lines):
        wanted = min(line.depth, _DEPTH)
        if wanted == depth and number > 0:
            parts.append("\n")
        if wanted < depth:
            parts.append("</blockquote>" * (depth - wanted))
        elif wanted > depth:
            parts.append('<blockquote class="maildesk-quote">' * (wanted - depth))
        depth = wanted
        parts.append(_linked(line.text))
    parts.append("</blockquote>" * depth)
    return "".join(parts)


def _linked(text: str) -> str:
    parts: list[str] = []
    end = 0
    for match in _LINK.finditer(text):
        shown = _without_trailing(match.group())
        if "." not in shown and "//" not in shown:
            continue
        parts += [html.escape(text[end : match.start()]), f'<a href="{html.escape(_target(shown))}">{html.escape(shown)}</a>']
        end = match.start() + len(shown)
    parts.append(html.escape(text[end:]))
    return "".join(parts)


def _without_trailing(found: str) -> str:
    """Leave to the sentence what belongs to it; a closing bracket belongs to the link if it was opened in it."""
    while found and found[-1] in _TRAILING and not (found[-1] in _PAIRS and found.count(_PAIRS[found[-1]]) >= found.count(found[-1])):
        found = found[:-1]
    return found


def _target(shown: str) -> str:
    lower = shown.lower()
    if lower.startswith(("http://", "https://", "mailto:")):
        return shown
    return f"https://{shown}" if lower.startswith("www.") else f"mailto:{shown}"
