"""Pure: names of attachments, as a file system, a header and a reader can bear them."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

__all__ = ["disposition", "safe_name", "unique"]

# Bytes: file systems take 255; some is left for " (12)" and what a browser adds.
_LONGEST = 200

# Parts of a path, and what Windows takes in no name.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
# Names of devices of Windows, whatever follows the first dot.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def safe_name(name: str, *, extension: str = "") -> str:
    """Return a name that leads nowhere: no path, no control characters, none that turn the direction (a "gpj.exe" in disguise)."""
    # Cc, Cf: control and format characters, bidirectional overrides among them; Cs: half surrogate pairs, which no UTF-8 has.
    kept = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    kept = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", kept)).strip().strip(".").strip()
    if not kept:
        kept = "attachment"
    if _DEVICE.fullmatch(kept):
        kept = f"_{kept}"
    if extension and not kept.lower().endswith(extension):
        kept += extension
    stem, dot, end = kept.rpartition(".")
    # What is behind a dot is an end worth keeping only if it is short.
    stem, end = (stem, f".{end}") if dot and stem and len(end) <= 16 else (kept, "")
    return _cut(stem, _LONGEST - len(end.encode())).rstrip() + end


def unique(name: str, taken: set[str]) -> str:
    """Return `name`, numbered if it is taken (in any case: some file systems know none), and take it."""
    stem, dot, end = name.rpartition(".")
    stem, end = (stem, f".{end}") if dot and stem else (name, "")
    number, found = 1, name
    while found.casefold() in taken:
        number += 1
        found = f"{stem} ({number}){end}"
    taken.add(found.casefold())
    return found


def disposition(kind: str, name: str) -> str:
    """Return a Content-Disposition with a name in any script (RFC 6266, RFC 8187), and one in ASCII for who knows no better."""
    plain = "".join(
        c if " " <= c <= "~" and c not in '"\\%' else "_" for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)
    )
    if plain == name:
        return f'{kind}; filename="{name}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _cut(text: str, most: int) -> str:
    """Return what fits into `most` bytes."""
    return text.encode()[:most].decode(errors="ignore")
