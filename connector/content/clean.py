"""Pure: a mail's HTML into HTML that is safe to show and loads nothing.

```
 mail ─▶ nh3, style elements alone ─▶ css ─────────────▶ <style>…</style>  ┐
      └▶ nh3, allow-list; style attributes by css; links ─▶ pictures, depth ┴▶ html
```
`nh3` (ammonia) parses as a browser does and keeps an allow-list, so what it does not know is gone; `css` does the same for CSS. The
result is the first of three walls: Odoo cleans again on storing, and the app shows it in a sandboxed frame with `default-src 'none'`.

Nothing in the result has a `src` that loads: a picture from elsewhere is `data-remote`, one inside the mail `data-cid`; the app puts
them in.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import nh3

from connector.content.css import Css
from connector.content.tracking import is_tracker, without_tracking
from connector.content.vocabulary import ATTRIBUTES, SILENCED, TAGS

__all__ = ["Cleaned", "clean_html"]

# Levels of tags that are kept; browsers flatten at 512, libxml2 (Odoo's cleaning) gives up at 256.
_DEPTH = 180

# Pictures that are part of the mail itself and cannot script: no svg.
_DATA_PICTURE = re.compile(r"data:image/(?:png|gif|jpe?g|webp|bmp);base64,[a-z0-9+/=\s]*\Z", re.IGNORECASE)

_REMOTE = re.compile(r"https?://[^/\s]", re.IGNORECASE)

# The colours of a mail often stand on its body, which the parser of fragments drops: before it parses, the body becomes a div.
_BODY = re.compile(r"<body(?=[\s/>])", re.IGNORECASE)
# A page that runs from right to left; its body may say otherwise.
_RTL_PAGE = re.compile(r"""<html\b[^>]{0,1000}\sdir\s*=\s*["']?rtl\b""", re.IGNORECASE)
_BODY_DIR = re.compile(r"<body\b[^>]{0,1000}\sdir\s*=", re.IGNORECASE)

# nh3 writes every tag in one way: names in small letters, values in double quotes, no bare `<` in text.
_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?:[^">]|"[^"]*")*)>')
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')
_STYLE = re.compile(r'<style(?: media="([^"]*)")?>(.*?)</style>', re.DOTALL)
_VOID = frozenset(["br", "hr", "img", "col", "wbr"])

# Sizes that nobody sees, as attributes or as style.
_TINY = re.compile(r"\s*[01](?:px|%|pt)?\s*\Z", re.IGNORECASE)
_HIDDEN = re.compile(
    r"(?:^|;)(?:display:none|visibility:hidden|opacity:0(?:\.0+)?|(?:max-)?(?:width|height):[01](?:px)?)(?: !important)?(?:;|$)"
)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """HTML without anything active or remote.

    `has_remote`: pictures from elsewhere were held back; `dark`: it has colours of its own for dark themes.
    """

    html: str
    has_remote: bool = False
    dark: bool = False


def clean_html(source: str) -> Cleaned:
    """Clean the HTML of a mail. CPU-bound, and without bounds of its own: `bounded` is for what may be hostile."""
    css = Css()
    source = source.replace("\0", "")
    is_rtl = _RTL_PAGE.search(source) is not None and _BODY_DIR.search(source) is None
    source = _BODY.sub('<div dir="rtl"' if is_rtl else "<div", source, count=1)
    sheet = _sheets(source, css)
    remote = False

    def judge(_tag: str, attribute: str, value: str) -> str | None:
        nonlocal remote
        match attribute:
            case "style":
                return css.declarations(value) or None
            case "href":
                return _link(value)
            case "background" | "srcset":
                # Neither comes out; whoever reads is told that there was something.
                remote = remote or not value.strip().lower().startswith(("data:", "cid:"))
                return None
            case "id" | "class" if len(value) > 1_000:
                return None
            case _:
                return value

    cleaned = nh3.clean(
        source,
        tags=set(TAGS),
        clean_content_tags=set(SILENCED),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=judge,
        url_schemes={"http", "https", "mailto", "tel", "data", "cid"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer",
    )
    pictures = _Pictures()
    shown = _walked(cleaned, pictures)
    prefix = f"<style>{sheet}</style>" if sheet else ""
    return Cleaned(prefix + shown, has_remote=remote or css.has_remote or pictures.has_remote, dark=css.is_dark)


def _sheets(source: str, css: Css) -> str:
    """Return the cleaned CSS of all style elements, as one."""
    if "<style" not in source.lower():
        return ""
    found = nh3.clean(
        source,
        tags={"style"},
        clean_content_tags=set(SILENCED) - {"style"},
        attributes={"style": {"media"}},
        attribute_filter=lambda _tag, _name, value: value if re.fullmatch(r"[\w\s,:()-]{1,200}", value) else None,
        link_rel=None,
    )
    return "".join(css.sheet(text, html.unescape(media or "")) for media, text in _STYLE.findall(found))


def _link(value: str) -> str | None:
    """Return where a link leads, None if that is nowhere."""
    target = re.sub(r"[\x00-\x20\x7f]+", "", value) if re.match(r"\s*[a-z][a-z0-9+.\s-]*:", value, re.IGNORECASE) else value.strip()
    lower = target.lower()
    if lower.startswith(("http://", "https://")):
        return without_tracking(target)
    if lower.startswith(("mailto:", "tel:")) or re.fullmatch(r"#[\w.:-]{1,200}", target):
        return target
    # //host and www.host are meant as they would be on a page.
    return without_tracking(f"https:{target}") if re.match(r"//[^/\\]", target) else None


class _Pictures:
    """Decides about each picture, after nh3 wrote it."""

    def __init__(self) -> None:
        self.has_remote = False

    def judged(self, attributes: str) -> str:
        """Return the attributes of an `img` as they are shown, '' to drop it."""
        given = dict(_ATTRIBUTE.findall(attributes))
        source = re.sub(r"[\x00-\x20\x7f]+", "", html.unescape(given.pop("src", "")))
        rest = "".join(f' {name}="{value}"' for name, value in given.items())
        lower = source.lower()
        if lower.startswith("cid:"):
            return f'{rest} data-cid="{_quoted(source[4:])}"'
        if lower.startswith("data:"):
            return f'{rest} src="{_quoted(source)}"' if _DATA_PICTURE.match(source) else rest
        if source.startswith("//"):
            source = f"https:{source}"
        if not _REMOTE.match(source):
            return rest
        if _is_invisible(given) or is_tracker(source):
            return ""
        self.has_remote = True
        return f'{rest} data-remote="{_quoted(source)}"'


def _is_invisible(given: dict[str, str]) -> bool:
    sizes = [given[name] for name in ("width", "height") if name in given]
    style = html.unescape(given.get("style", "")).lower()
    return any(_TINY.match(size) for size in sizes) or _HIDDEN.search(style) is not None


def _walked(cleaned: str, pictures: _Pictures) -> str:
    """Walk over what nh3 wrote: judge pictures, drop tags that lie too deep and links in links (what is in them stays)."""
    depth = 0
    links: list[bool] = []

    def judged(match: re.Match[str]) -> str:
        nonlocal depth
        closing, tag, attributes = match.groups()
        if tag == "img":
            kept = pictures.judged(attributes)
            return f"<img{kept}>" if kept else ""
        if tag in _VOID:
            return match.group() if depth <= _DEPTH else ("<br>" if tag == "br" else "")
        depth += -1 if closing else 1
        is_kept = depth < _DEPTH if closing else depth <= _DEPTH
        if tag == "a":
            # A parser closes the outer one, so the tree would be another when the browser reads it.
            if closing:
                is_kept = links.pop() and is_kept
            else:
                is_kept = is_kept and not any(links)
                links.append(is_kept)
        return match.group() if is_kept else ""

    return _TAG.sub(judged, cleaned)


def _quoted(address: str) -> str:
    return html.escape(address, quote=True)
