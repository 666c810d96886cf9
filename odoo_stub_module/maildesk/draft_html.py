"""HTML of a mail that is being written: small pieces that speak of no record."""

import re

from lxml import html as lxml_html
from markupsafe import escape

# Odoo's ways to a file.
UPLOAD = re.compile(r"^(?:https?://[^/]+)?/web/(?:image|content)/(\d+)(?:[-/?#].*)?$")
IN_ODOO = re.compile(r"^/web/(?:image|content)/(\d+)(?:[-/?#].*)?$")
RECEIVED = re.compile(r"^(?:https?://[^/]+)?/maildesk/attachment/\d+/[^/]+/([^/?#]+)")


def words_of(html):
    """Return the words of a piece of HTML."""
    return " ".join(_tree(html).text_content().split())


def says_anything(html):
    """Tell whether a piece of HTML has words or a picture."""
    tree = _tree(html)
    return bool((tree.text_content() or "").strip()) or tree.find(".//img") is not None


_STYLES = re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE)


def without_styles(html):
    """Return a body without its style sheet: it would speak of the whole mail, and of the page in which it is written."""
    return _STYLES.sub("", html or "")


def styles_of(html):
    """Return the style sheet of a body."""
    return "".join(_STYLES.findall(html or ""))


def inner_html(tree):
    """Return what stands in an element."""
    return escape_text(tree.text) + "".join(lxml_html.tostring(child, encoding="unicode") for child in tree)


def escape_text(value):
    """Return text as HTML has it."""
    return str(escape(value)) if value else ""


def _tree(html):
    return lxml_html.fragment_fromstring(html, create_parent="div")
