"""The real mails as they grow in mailboxes: wrapped, doubled, cut off, long, in the wrong charset. Each shows a text, and soon."""

from __future__ import annotations

import re
import time
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import compat32
from typing import TYPE_CHECKING

import pytest

from connector.content.bodies import shown_html
from connector.content.text import html_to_text
from connector.graph.messages import MessageBody
from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.seed import MAILS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SIGNS = re.compile(r"<(style|script|title)\b.*?(?:</\1>|\Z)|<!--.*?(?:-->|\Z)|<[^>]*(?:>|\Z)", re.IGNORECASE | re.DOTALL)

# Seconds for one mail: the bound of the cleaner, the way as text after it, and a busy machine.
_PATIENCE = 15


def _parsed(mime: bytes) -> Message:
    return BytesParser(policy=compat32).parsebytes(mime)


def _headed(mime: bytes, content: str, *parts: Message) -> bytes:
    """Return a mail with the headers of another and these parts."""
    old, new = _parsed(mime), Message()
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        if name in old:
            new[name] = old[name]
    new["MIME-Version"] = "1.0"
    new["Content-Type"] = f'{content}; boundary="=_grown"'
    new.set_payload(list(parts))
    return new.as_bytes()


def _part(mime: bytes) -> Message:
    """Return the content of a mail as a part of another."""
    part = _parsed(mime)
    for name in {name for name in part if not name.lower().startswith("content-")}:
        del part[name]
    return part


def nested(mime: bytes) -> bytes:
    """Wrap it into multiparts of every kind, one in the other."""
    for number, kind in enumerate(("mixed", "alternative", "related", "mixed", "signed")):
        mime = _headed(mime, f"multipart/{kind}", _part(mime)).replace(b"=_grown", b"=_grown%d" % number)
    return mime


def doubled(mime: bytes) -> bytes:
    """Say every part twice."""
    return _headed(mime, "multipart/mixed", _part(mime), _part(mime))


def enclosed(mime: bytes) -> bytes:
    """Put it as a mail into a mail."""
    inner, cover = Message(), EmailMessage()
    inner["Content-Type"] = "message/rfc822"
    inner.set_payload([_parsed(mime)])
    cover.set_content("See below.")
    return _headed(mime, "multipart/mixed", cover, inner)


def truncated(mime: bytes) -> bytes:
    """Break off within the text, or within an attachment."""
    return mime[: len(mime) * 2 // 3]


def mislabelled(mime: bytes) -> bytes:
    """Claim another charset than it is in."""
    return re.sub(rb'charset=("?)[\w-]+\1', rb"charset=\1utf-16\1", mime, flags=re.IGNORECASE)


def unknown(mime: bytes) -> bytes:
    """Claim a charset that there is none of, and a transfer encoding that nobody knows."""
    mime = re.sub(rb'charset=("?)[\w-]+\1', rb"charset=\1x-no-such\1", mime, flags=re.IGNORECASE)
    return re.sub(rb"(?im)^(Content-Transfer-Encoding:).*$", rb"\1 x-unknown\r", mime)


def headless(mime: bytes) -> bytes:
    """Lose the headers that say what it is."""
    return re.sub(rb"(?im)^(Content-Type|MIME-Version|Content-Transfer-Encoding):.*\r?\n(?:[ \t].*\r?\n)*", b"", mime, count=3)


def noisy(mime: bytes) -> bytes:
    """Turn a bit of every 97th byte of the content over."""
    head, blank, content = re.split(rb"(\r?\n\r?\n)", mime, maxsplit=1)
    return head + blank + bytes(byte ^ 0x80 if place % 97 == 96 else byte for place, byte in enumerate(content))


GROWN: tuple[Callable[[bytes], bytes], ...] = (nested, doubled, enclosed, truncated, mislabelled, unknown, headless, noisy)


def long(content: str) -> str:
    """Say it ten times, as threads do that everybody answers."""
    return content * 10


def deep(content: str) -> str:
    """Quote it fifty times."""
    return "<blockquote>" * 50 + content + "</blockquote>" * 50


def cut(content: str) -> str:
    """End within a tag, a style or a word."""
    return content[: len(content) * 3 // 5]


def garbled(content: str) -> str:
    """Read it in a charset that it is not in."""
    return content.encode("utf-8", "replace").decode("cp1252", "replace")


OF_CONTENT: tuple[Callable[[str], str], ...] = (long, deep, cut, garbled)


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 3}


async def _assert_shown(content: str, preview: str, *, is_html: bool) -> None:
    """What the reading pane gets comes soon, and has the words of the preview that are (still) in the content."""
    started = time.monotonic()
    cleaned, _is_simplified = await shown_html(MessageBody(content, is_html=is_html, attachments=[]))
    assert time.monotonic() - started < _PATIENCE
    # By eyes that know nothing of HTML but its signs.
    wanted = _words(preview) & _words(_SIGNS.sub(" ", content) if is_html else content)
    missing = wanted - _words(html_to_text(cleaned.html))
    assert len(missing) <= len(wanted) // 4, missing


@pytest.mark.parametrize("grow", GROWN, ids=lambda grow: grow.__name__)
@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
async def test_shown_html_of_grown_mail(path: Path, grow: Callable[[bytes], bytes]) -> None:
    """However a real mail is packed or damaged: what Graph makes of it comes out as a text that has its words."""
    message, _attachments = to_graph(grow(path.read_bytes()))  # noqa: ASYNC240 - some kilobytes, in a test
    content, is_html = message["body"]["content"], message["body"]["contentType"] == "html"
    await _assert_shown(content, message["bodyPreview"], is_html=is_html)


@pytest.mark.parametrize("grow", OF_CONTENT, ids=lambda grow: grow.__name__)
@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
async def test_shown_html_of_grown_content(path: Path, grow: Callable[[str], str]) -> None:
    """A body that grew, or was cut or garbled on its way, shows a text too: what could be read of it before, in its order."""
    message, _attachments = to_graph(path.read_bytes())  # noqa: ASYNC240 - some kilobytes, in a test
    content, is_html = message["body"]["content"], message["body"]["contentType"] == "html"
    await _assert_shown(grow(content), message["bodyPreview"], is_html=is_html)
