"""Pure: how an attachment is served: what a browser may show itself, and which part of a file was asked for.

A mail is hostile. What may be shown is a short list of types that cannot run anything; all else is a download of bytes without a type,
whatever it says that it is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from connector.content.names import disposition, safe_name

__all__ = ["Part", "Unsatisfiable", "etag_of", "headers_of", "item_end", "part_of", "shown_type", "wants_part"]

# Raster pictures only: svg is a document with scripts.
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"})
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png", "image/x-ms-bmp": "image/bmp"}
_TEXTS = frozenset({"text/plain", "text/csv", "text/markdown", "text/x-log"})
# What a sender's program says when it does not know.
_UNSAID = frozenset({"", "application/octet-stream", "application/x-download", "binary/octet-stream", "application/unknown"})
_BY_END = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "avif": "image/avif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "log": "text/plain",
    "md": "text/plain",
    "csv": "text/plain",
}
# Ends that what is shown may have: a text called "x.html" would become a page when it is opened from the disk.
_SHOWN_ENDS = frozenset(_BY_END)

# Of what is shown: nothing is loaded, nothing runs, and it is of no origin.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Unsatisfiable(Exception):
    """The part that was asked for is not there (416)."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `first` to `last`, both included, of `total`."""

    first: int
    last: int
    total: int


def shown_type(content_type: str, name: str) -> str | None:
    """Return the type under which a browser may show a file; None where it may not."""
    end = name.rpartition(".")[2].lower() if "." in name else ""
    said = content_type.partition(";")[0].strip().lower()
    said = _ALIASES.get(said, said)
    if said in _UNSAID:
        said = _BY_END.get(end, "")
    if said in _TEXTS:
        return "text/plain; charset=utf-8" if end in _SHOWN_ENDS or not end else None
    if said in _PICTURES or said == "application/pdf":
        return said if end in _SHOWN_ENDS or not end else None
    return None


def headers_of(name: str, content_type: str, *, kind: str, is_download: bool, etag: str) -> dict[str, str]:
    """Return the headers of a file or an item, but for its length."""
    name = safe_name(name, extension=item_end(content_type) if kind == "item" else "")
    shown = None if is_download or kind != "file" else shown_type(content_type, name)
    return {
        "Content-Type": shown or "application/octet-stream",
        "Content-Disposition": disposition("inline" if shown else "attachment", name),
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        # The browser may keep it for the person who reads, no proxy may; asked again it is known by its tag.
        "Cache-Control": "private, max-age=600",
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }


def etag_of(*key: object) -> str:
    """Return the tag of a content: an attachment never changes, so its ids say which one it is, also after it was fetched anew."""
    return f'"{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}"'


def part_of(asked: str | None, condition: str | None, etag: str, total: int) -> Part | None:
    """Return which part `Range` asks for; None: all of it. Raises `Unsatisfiable`.

    One part at most: who asks for several gets everything, as RFC 9110 allows. `condition` is If-Range.
    """
    if not wants_part(asked, condition, etag):
        return None
    match = _RANGE.fullmatch((asked or "").replace(" ", ""))
    if match is None or match[1] + match[2] == "":
        return None
    if not match[1]:
        length = int(match[2])
        if not length or not total:
            raise Unsatisfiable
        return Part(max(0, total - length), total - 1, total)
    first, last = int(match[1]), int(match[2]) if match[2] else total - 1
    if match[2] and last < first:
        return None
    if first >= total:
        raise Unsatisfiable
    return Part(first, min(last, total - 1), total)


def wants_part(asked: str | None, condition: str | None, etag: str) -> bool:
    """Tell whether the length has to be known before anything is answered."""
    return asked is not None and condition in {None, etag} and _RANGE.fullmatch(asked.replace(" ", "")) is not None


def item_end(content_type: str) -> str:
    """Return the end of the name of an item: a mail, an event or a contact."""
    said = content_type.partition(";")[0].strip().lower()
    return {"text/calendar": ".ics", "text/vcard": ".vcf", "text/x-vcard": ".vcf"}.get(said, ".eml")
