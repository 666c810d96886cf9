"""Pure: a mail's body into HTML that is safe to show and loads nothing.

`nh3` (ammonia) parses as a browser does and keeps an allow-list, so what it does not know is gone. It is the first of three walls: Odoo
cleans again on storing, and the app shows the result in a sandboxed frame with `default-src 'none'`.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import nh3

__all__ = ["Cleaned", "clean_html", "text_to_html"]

_TAGS = frozenset(
    [
        "a",
        "abbr",
        "address",
        "article",
        "aside",
        "b",
        "bdi",
        "bdo",
        "big",
        "blockquote",
        "br",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "font",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "main",
        "mark",
        "nav",
        "ol",
        "p",
        "pre",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "section",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "time",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "wbr",
    ]
)

_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"align", "bgcolor", "dir", "lang", "style", "title", "valign", "height", "width"},
    "a": {"href", "name"},
    "col": {"span"},
    "colgroup": {"span"},
    "font": {"color", "face", "size"},
    "img": {"alt", "src", "border", "hspace", "vspace"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap", "scope"},
    "time": {"datetime"},
}

# CSS properties that shape a text. Nothing that can load (background, list-style, content, cursor), cover the page (position,
# z-index, transform), or move by itself (animation, transition).
_STYLES = frozenset(
    [
        "border",
        "border-bottom",
        "border-bottom-color",
        "border-bottom-style",
        "border-bottom-width",
        "border-collapse",
        "border-color",
        "border-left",
        "border-left-color",
        "border-left-style",
        "border-left-width",
        "border-radius",
        "border-right",
        "border-right-color",
        "border-right-style",
        "border-right-width",
        "border-spacing",
        "border-style",
        "border-top",
        "border-top-color",
        "border-top-style",
        "border-top-width",
        "border-width",
        "box-sizing",
        "clear",
        "color",
        "direction",
        "display",
        "float",
        "font",
        "font-family",
        "font-size",
        "font-style",
        "font-variant",
        "font-weight",
        "height",
        "letter-spacing",
        "line-height",
        "margin",
        "margin-bottom",
        "margin-left",
        "margin-right",
        "margin-top",
        "max-height",
        "max-width",
        "min-height",
        "min-width",
        "overflow-wrap",
        "padding",
        "padding-bottom",
        "padding-left",
        "padding-right",
        "padding-top",
        "table-layout",
        "text-align",
        "text-decoration",
        "text-indent",
        "text-transform",
        "vertical-align",
        "white-space",
        "background-color",
        "width",
        "word-break",
        "word-spacing",
        "word-wrap",
    ]
)

# Pictures that are part of the mail itself and cannot script: no svg.
_DATA_PICTURE = re.compile(r"data:image/(?:png|gif|jpeg|webp|bmp);base64,", re.IGNORECASE)

# What stands in plain text as a link; trailing punctuation belongs to the sentence.
_LINK = re.compile(r"""\bhttps?://[^\s<>"']+[^\s<>"'.,;:!?)\]}]""")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """HTML without anything active or remote; `has_remote` tells that pictures from elsewhere were left out."""

    html: str
    has_remote: bool


def clean_html(source: str) -> Cleaned:
    """Clean the HTML of a mail. CPU-bound: 155 kB take some 10 ms, so large ones belong in a thread."""
    remote = False

    def judge(tag: str, attribute: str, value: str) -> str | None:
        nonlocal remote
        if tag == "img" and attribute == "src":
            if _DATA_PICTURE.match(value.strip()):
                return value
            # `cid:` names a picture inside this mail; anything else would tell the sender that it was opened.
            remote = remote or not value.strip().lower().startswith("cid:")
            return None
        if attribute == "href" and value.strip().lower().startswith("data:"):
            return None
        return value

    cleaned = nh3.clean(
        source,
        tags=set(_TAGS),
        clean_content_tags={"script", "style", "title", "svg", "math", "noscript", "template", "iframe", "object", "xmp", "plaintext"},
        attributes=_ATTRIBUTES,
        attribute_filter=judge,
        filter_style_properties=set(_STYLES),
        url_schemes={"http", "https", "mailto", "tel", "data"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer",
    )
    return Cleaned(html=cleaned, has_remote=remote)


def text_to_html(text: str) -> Cleaned:
    """Show plain text as it was meant: line breaks kept, links to click."""
    parts: list[str] = []
    end = 0
    for match in _LINK.finditer(text):
        target = html.escape(match.group())
        parts += [html.escape(text[end : match.start()]), f'<a href="{target}">{target}</a>']
        end = match.end()
    parts.append(html.escape(text[end:]))
    return clean_html(f'<div style="white-space: pre-wrap">{"".join(parts)}</div>')
