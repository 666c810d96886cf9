"""A mail that is being written, in Outlook's Drafts: found or made, written, its files brought along. Each step may be done again.

Odoo knows its id          that message is looked at: gone, sent from Outlook, changed there (`changeKey`), or as we left it
it may have been made, or  it is looked for by its tag; of several the first counts and the others go
it is to be sent
there is none              noted ("drafting"), made: a reply or forward of its original, else a new one; noted ("drafted")
then                       what it says is written (PATCH), and its files are brought in step (`upload`)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
import trio
from msgspec import UNSET
from msgspec.structs import replace

from connector.errors import GraphNotFound
from connector.graph.drafts import (
    ANSWERS,
    DraftItem,
    Mail,
    answer_draft,
    discard,
    drafts_folder,
    find_by_tag,
    get_draft,
    make_draft,
    update_draft,
)
from connector.odoo.wire import DraftMade
from connector.outbox.upload import bring_in_step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.graph.client import MailboxClient
    from connector.odoo.wire import DraftContent
    from connector.outbox.upload import Pieces
    from connector.state.journal import Letter

__all__ = ["Changed", "Deleted", "DraftBox", "Ready", "SentInOutlook", "mail_of"]

# Seconds after which a draft that may have been made and is not found is made again: a second one would be no mail that goes out twice.
_SETTLED = 5.0


_log = structlog.get_logger(__name__)


class Changed(Exception):
    """Somebody went on with the draft in Outlook."""


class Deleted(Exception):
    """The draft is in Outlook no more, or in its Trash."""


class SentInOutlook(Exception):
    """The draft was sent from Outlook; `item` is what it became, None where that is not known."""

    def __init__(self, item: DraftItem | None) -> None:
        self.item = item
        super().__init__("sent in Outlook")


@dataclass(frozen=True, slots=True)
class Ready:
    """A draft that says what it is to say."""

    item: DraftItem
    made: DraftMade
    letter: Letter


def mail_of(content: DraftContent) -> Mail:
    """Return what a draft is to say."""
    to, cc, bcc = ([(one.name, one.address) for one in people] for people in (content.to, content.cc, content.bcc))
    return Mail(content.subject, content.html, content.importance, to, cc, bcc, content.from_address)


class DraftBox:
    """Outlook's Drafts of one mailbox."""

    def __init__(self, client: MailboxClient) -> None:
        self._client = client
        self._folders: dict[str, str] = {}

    async def folder(self, name: str) -> str:
        """Return the id of a folder that Graph knows by name."""
        if name not in self._folders:
            self._folders[name] = await drafts_folder(self._client, name)
        return self._folders[name]

    async def prepare(
        self,
        content: DraftContent,
        letter: Letter,
        note: Callable[[Letter], Awaitable[None]],
        pieces: Pieces,
        on_made: Callable[[DraftItem], Awaitable[None]],
        *,
        is_doubtful: bool,
    ) -> Ready:
        """Let the draft be there and say what it is to say.

        `note` journals how far it is; `on_made` hears of a draft as soon as its id is known. Raises `Changed`, `Deleted`, `SentInOutlook`,
        `FileGone`, the `GraphError` family and `AuthError`.
        """
        item, letter, is_new = await self._find_or_make(content, letter, note, is_doubtful=is_doubtful)
        await on_made(item)
        mail = mail_of(content)
        if not is_new or content.mode in ANSWERS:
            # From here on its key is another than Odoo knows.
            letter = replace(letter, step="drafting", remote_id=item.id, change_key=None)
            await note(letter)
            item = await update_draft(self._client, item.id, mail, content.tag)
        attached: dict[int, str] = {}
        if content.attachments or content.mode in {"forward", "edit"} or not is_new:
            attached, is_changed = await bring_in_step(self._client, item.id, content.attachments, pieces)
            if is_changed:
                item = await get_draft(self._client, item.id)
        letter = replace(letter, step="drafted", remote_id=item.id, change_key=item.change_key, message_id=item.internet_message_id)
        await note(letter)
        made = DraftMade(
            remote_id=item.id,
            change_key=item.change_key or UNSET,
            internet_message_id=item.internet_message_id or UNSET,
            revision=content.revision,
            attachments=[{"id": number, "remote_id": remote_id} for number, remote_id in attached.items()],
        )
        return Ready(item, made, letter)

    async def _find_or_make(
        self, content: DraftContent, letter: Letter, note: Callable[[Letter], Awaitable[None]], *, is_doubtful: bool
    ) -> tuple[DraftItem, Letter, bool]:
        known = letter.remote_id or content.remote_id
        if known is not None:
            try:
                item = await get_draft(self._client, known)
            except GraphNotFound:
                found = await self._tagged(content)
                if found is None:
                    raise Deleted from None
                return found, letter, False
            await self._check(item)
            # Once written by this letter, its key is not what Odoo knows.
            expected = letter.change_key or content.change_key
            if content.change_key is not None and letter.step != "drafting" and expected not in {None, item.change_key}:
                raise Changed
            return item, letter, False
        if is_doubtful or letter.step in {"drafting", "drafted"}:
            found = await self._tagged(content)
            if found is None and letter.step == "drafting":
                await trio.sleep(_SETTLED)
                found = await self._tagged(content)
            if found is not None:
                return found, letter, False
        letter = replace(letter, step="drafting")
        await note(letter)
        item = await self._make(content)
        letter = replace(letter, step="drafting", remote_id=item.id)
        await note(letter)
        return item, letter, True

    async def _make(self, content: DraftContent) -> DraftItem:
        if content.mode in ANSWERS and content.source is not None:
            try:
                return await answer_draft(self._client, content.mode, content.source, content.tag)
            except GraphNotFound:
                _log.info("the answered message is gone: a mail without its thread is better than none")
        return await make_draft(self._client, mail_of(content), content.tag)

    async def _tagged(self, content: DraftContent) -> DraftItem | None:
        """Return the draft with the tag of a mail; what was made twice goes."""
        found = await find_by_tag(self._client, content.tag)
        if any(not one.is_draft for one in found):
            # What was sent to oneself has the tag in the Inbox, too: that is another message.
            place = await self.folder("sentitems")
            raise SentInOutlook(next((one for one in found if not one.is_draft and one.parent_folder_id == place), None))
        drafts = await self.folder("drafts")
        ours = [one for one in found if one.parent_folder_id == drafts]
        for one in ours[1:]:
            await discard(self._client, one.id)
        return ours[0] if ours else None

    async def _check(self, item: DraftItem) -> None:
        if not item.is_draft:
            raise SentInOutlook(item)
        if item.parent_folder_id == await self.folder("deleteditems"):
            raise Deleted

    async def discard(self, remote_id: str | None, tag: str) -> None:
        """Put a draft into Outlook's Trash, wherever it is known from."""
        if remote_id is not None:
            try:
                item = await get_draft(self._client, remote_id)
            except GraphNotFound:
                pass
            else:
                if item.is_draft and item.parent_folder_id == await self.folder("drafts"):
                    await discard(self._client, remote_id)
                return
        drafts = await self.folder("drafts")
        for one in await find_by_tag(self._client, tag):
            if one.is_draft and one.parent_folder_id == drafts:
                await discard(self._client, one.id)
