"""A draft that is looked for by its tag, where several messages have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

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
