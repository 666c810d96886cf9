"""Pure: the text of a mail as it may rest in a chatter: what the reading pane shows, without pictures of other hosts."""

import unicodedata

from lxml import html

# Pictures that are copied: as `body_wall` and the reading pane have them. No SVG, which can do more than be looked at.
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})

# Characters of a file's name.
NAME_LIMIT = 150

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def pictures_in(source):
    """Return the content ids of the pictures that the text shows from the mail itself."""
    return {img.get("data-cid") for img in _parsed(source).iter("img") if img.get("data-cid")}


def copy_of(source, pictures):
    """Return HTML with each picture in `pictures` as `cid:`, all others as their words, and no style sheet.

    `source` is what `body_wall.clean_again` let through.
    """
    root = _parsed(source)
    for sheet in list(root.iter("style")):
        _replace(sheet, "")
    for img in list(root.iter("img")):
        cid = img.attrib.pop("data-cid", None)
        if cid and cid in pictures:
            img.set("src", f"cid:{cid}")
        elif not (img.get("src") or "").startswith("data:image/"):
            words = (img.get("alt") or "").strip()
            _replace(img, f"[{words}]" if words else "")
    whole = html.tostring(root, encoding="unicode", method="html")
    return whole.removeprefix("<div>").removesuffix("</div>")


def file_name(name):
    """Return the name of a file without what leads elsewhere, is not seen, or turns it round."""
    kept = "".join("_" if char in '/\\<>:"|?*' else char for char in name or "" if unicodedata.category(char) not in _UNSEEN)
    return kept.strip(" .")[-NAME_LIMIT:] or "attachment"


def _parsed(source):
    return html.fragment_fromstring(source or "", create_parent="div", parser=html.HTMLParser(encoding="utf-8", huge_tree=True))


def _replace(element, words):
    """Put words in the place of an element; what follows it stays."""
    words += element.tail or ""
    before, parent = element.getprevious(), element.getparent()
    if before is not None:
        before.tail = (before.tail or "") + words
    else:
        parent.text = (parent.text or "") + words
    parent.remove(element)
