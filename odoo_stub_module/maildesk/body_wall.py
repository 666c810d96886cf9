"""The second wall: what the connector cleaned is cleaned once more before it rests in Odoo, by another parser (lxml's).

Odoo's own `html_sanitize` knows no style sheets and no `data-remote`, and marks quotes for its chatter; so this is the sanitizer that it is
built on, with a list for mail. A style sheet is checked as text: the connector writes it without comments and escapes, so a plain look is
enough.
"""

import re

from lxml import etree, html
from lxml.html import clean, defs

# Tags of a mail; those that lxml does not know of beside its own.
_TAGS = (defs.tags | {"article", "aside", "bdi", "details", "figcaption", "figure", "footer", "header", "main", "mark", "nav", "ruby"}) | {
    "rp",
    "rt",
    "section",
    "summary",
    "time",
    "wbr",
}
_KILLED = ["base", "embed", "frame", "head", "iframe", "link", "meta", "noscript", "object", "script", "style", "title", "svg", "math"]
_ATTRIBUTES = defs.safe_attrs | {"bgcolor", "data-cid", "data-remote", "open", "style"}

_SHEET = re.compile(r"\A<style>([^<]*)</style>")
# CSS that could reach anybody, or that is not as the connector writes it.
_BAD_CSS = re.compile(r"[<\\]|/\*|@(?!media )|\b(?:url|src|image|image-set|cross-fade|expression|attr|env|var|element)\s*\(", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|gif|jpe?g|webp|bmp);base64,", re.IGNORECASE)
_OUTWARD = re.compile(r"(?:https?://|mailto:|tel:|#)", re.IGNORECASE)
_REMOTE = re.compile(r"https?://", re.IGNORECASE)

# By attribute: what its value has to begin with. All others lead nowhere.
_ADDRESSES = {"href": _OUTWARD, "src": _PICTURE, "data-remote": _REMOTE}
_NOWHERE = {
    "action",
    "background",
    "cite",
    "codebase",
    "classid",
    "data",
    "dynsrc",
    "longdesc",
    "lowsrc",
    "ping",
    "poster",
    "srcset",
    "usemap",
}


def clean_again(source):
    """Return the HTML of a body as it may rest here. Raises `ValueError` when it cannot be read."""
    sheet = ""
    if found := _SHEET.match(source):
        source = source[found.end() :]
        sheet = "" if _BAD_CSS.search(found.group(1)) else found.group()
    try:
        root = html.fragment_fromstring(source, create_parent="div", parser=html.HTMLParser(encoding="utf-8", huge_tree=True))
        _cleaner()(root)
    except (etree.LxmlError, AssertionError) as error:
        # Not the parser's own words: they have pieces of the mail.
        raise ValueError(type(error).__name__) from None
    for element in root.iter(etree.Element):
        _check(element)
    whole = html.tostring(root, encoding="unicode", method="html")
    return sheet + whole.removeprefix("<div>").removesuffix("</div>")


def _cleaner():
    return clean.Cleaner(
        page_structure=True,
        style=False,
        forms=True,
        comments=True,
        processing_instructions=True,
        remove_unknown_tags=False,
        allow_tags=_TAGS,
        kill_tags=_KILLED,
        safe_attrs_only=True,
        safe_attrs=_ATTRIBUTES,
    )


def _check(element):
    for name, value in element.attrib.items():
        begins = _ADDRESSES.get(name)
        if (
            name in _NOWHERE
            or (begins and not begins.match(value.strip()))
            or (name == "style" and _BAD_CSS.search(value))
            or (name in {"src", "data-remote", "data-cid"} and element.tag != "img")
        ):
            del element.attrib[name]
