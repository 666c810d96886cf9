"""Drafts in Outlook: one that is looked for by its tag where several messages have it, and one whose text is left alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from msgspec.structs import replace

from connector.odoo.wire import DraftContent
from connector.outbox.drafts import DraftBox, SentInOutlook
from connector.state.journal import Letter
from tests.graph.conftest import open_mailbox

if TYPE_CHECKING:
    from connector.graph.drafts import DraftItem

_CONTENT = DraftContent("new", None, "tag", "d1", "k1", 1, None, [], [], [], "", "", "normal", [])


def _mailbox(*tagged: tuple[str, str]) -> Any:
    """Answer as a mailbox without the draft d1, in which messages (id, folder) have its tag and were sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/messages"):
            items = [{"id": one, "isDraft": False, "parentFolderId": folder} for one, folder in tagged]
            return httpx.Response(200, json={"value": items})
        if "/mailFolders/" in path:
            return httpx.Response(200, json={"id": path.rpartition("/")[2]})
        return httpx.Response(404, json={"error": {"code": "ErrorItemNotFound", "message": ""}})

    return answer


@pytest.mark.parametrize(
    ("tagged", "expected"),
    [
        ([("in", "inbox"), ("out", "sentitems")], "out"),
        # Sent has a copy that did not keep the tag: which one is for the Message-ID to say.
        ([("in", "inbox")], None),
    ],
)
async def test_draft_sent_to_oneself_from_outlook_is_the_copy_in_sent(tagged: list[tuple[str, str]], expected: str | None) -> None:
    """The copy in the Inbox has the tag as well, and is another message."""

    async def note(letter: Letter) -> None:
        raise AssertionError(letter)

    async def pieces(attachment_id: int, offset: int, size: int) -> bytes | None:
        raise AssertionError((attachment_id, offset, size))

    async def made(item: DraftItem) -> None:
        raise AssertionError(item)

    async with open_mailbox(_mailbox(*tagged)) as client:
        with pytest.raises(SentInOutlook) as sent:
            await DraftBox(client).prepare(_CONTENT, Letter("taken"), note, pieces, made, is_doubtful=False)
    assert (sent.value.item and sent.value.item.id) == expected


@dataclass
class _Outlook:
    """Has the draft d1; keeps what is written to it."""

    written: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        if "/mailFolders/" in request.url.path:
            return httpx.Response(200, json={"id": request.url.path.rpartition("/")[2]})
        if request.url.path.endswith("/attachments"):
            return httpx.Response(200, json={"value": []})
        if request.method == "PATCH":
            self.written.append(json.loads(request.content))
        return httpx.Response(200, json={"id": "d1", "isDraft": True, "parentFolderId": "drafts", "changeKey": f"k{1 + len(self.written)}"})


@pytest.mark.parametrize("html", [None, "", "<p>Dear Bert</p>"])
async def test_draft_text_that_nobody_changed_is_not_written(html: str | None) -> None:
    """What Outlook's text looks like is kept where only something else of the mail was changed; an emptied text is a change."""
    outlook = _Outlook()

    async def note(letter: Letter) -> None:
        del letter

    async def pieces(attachment_id: int, offset: int, size: int) -> bytes | None:
        raise AssertionError((attachment_id, offset, size))

    async def made(item: DraftItem) -> None:
        del item

    async with open_mailbox(outlook) as client:
        content = replace(_CONTENT, mode="edit", subject="The offer", html=html)
        ready = await DraftBox(client).prepare(content, Letter("taken"), note, pieces, made, is_doubtful=False)
    assert ready.made.change_key == "k2"
    (written,) = outlook.written
    assert written["subject"] == "The offer"
    assert written.get("body") == (None if html is None else {"contentType": "html", "content": html})
