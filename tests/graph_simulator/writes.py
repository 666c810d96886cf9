"""Writes to messages: changed, moved, copied, deleted, drafted and sent (graph-behaviour section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.graph_simulator.bodies import action, is_mime, json_of, mime_of
from tests.graph_simulator.call import Answer
from tests.graph_simulator.drafts import draft_of_json, draft_of_mime, put_draft, update
from tests.graph_simulator.odata import GraphFault
from tests.graph_simulator.replies import answering

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.drafts import Draft
    from tests.graph_simulator.folders import Folders
    from tests.graph_simulator.messages import Messages
    from tests.graph_simulator.model import Folder, Mailbox, Message
    from tests.graph_simulator.post import Post
    from tests.graph_simulator.server import World

__all__ = ["Writes", "destination"]


class Writes:
    """Carries out writes to messages."""

    def __init__(self, world: World, messages: Messages, folders: Folders, post: Post) -> None:
        self._world = world
        self._messages = messages
        self._folders = folders
        self._post = post

    def _shown(self, call: Call, mailbox: Mailbox, message: Message, status: int) -> Answer:
        return Answer(status, self._messages.shown(call, mailbox, message, ()))

    # ---------------------------------------------------------------- one that is there

    def update(self, call: Call, mailbox: Mailbox, message: Message) -> Answer:
        """PATCH."""
        update(mailbox, message, json_of(call))
        return self._shown(call, mailbox, message, 200)

    def move(self, call: Call, mailbox: Mailbox, message: Message) -> Answer:
        """To a folder, by id or well-known name."""
        folder = destination(call, mailbox, self._folders)
        return self._shown(call, mailbox, mailbox.move(message.immutable_id, folder.id), 201)

    def copy(self, call: Call, mailbox: Mailbox, message: Message) -> Answer:
        """Another message with other ids and all that the first has."""
        folder = destination(call, mailbox, self._folders)
        made = mailbox.add(folder.id, dict(message.data), message.mime, list(message.attachments))
        made.tags, made.headers = dict(message.tags), dict(message.headers)
        return self._shown(call, mailbox, made, 201)

    def delete(self, mailbox: Mailbox, message: Message) -> Answer:
        """To Deleted Items or out of sight, by the switch; from Deleted Items always out of sight."""
        trash = mailbox.folder_id("deleteditems")
        is_in_trash = mailbox.is_within(mailbox.folders[message.folder_id], mailbox.folders[trash])
        if self._world.quirks.delete_to == "deleteditems" and not is_in_trash:
            mailbox.move(message.immutable_id, trash)
        else:
            mailbox.delete(message.immutable_id)
        return Answer(204)

    @staticmethod
    def purge(mailbox: Mailbox, message: Message) -> Answer:
        """For good: no id finds it again."""
        mailbox.lift(message.immutable_id)
        return Answer(204)

    # ---------------------------------------------------------------- drafts

    def create(self, call: Call, mailbox: Mailbox, folder: Folder) -> Answer:
        """A draft in a folder."""
        return self._shown(call, mailbox, put_draft(self._drafted(call, mailbox), mailbox, folder.id), 201)

    def answering(self, call: Call, mailbox: Mailbox, original: Message, kind: str) -> Answer:
        """The draft of a reply or forward."""
        message = self._answer(call, mailbox, original, kind)
        return self._shown(call, mailbox, message, 201)

    def _answer(self, call: Call, mailbox: Mailbox, original: Message, kind: str, *, is_sent: bool = False) -> Message:
        draft = answering(call, mailbox, original, kind, self._world.now())
        if is_sent:
            self._post.check(mailbox, draft.data, draft.attachments)
        if kind == "replyall" and self._world.quirks.reply_all_reads:
            mailbox.set_read(original.immutable_id, is_read=True)
        return put_draft(draft, mailbox, mailbox.folder_id("drafts"))

    def _drafted(self, call: Call, mailbox: Mailbox) -> Draft:
        now = self._world.now()
        return draft_of_mime(mime_of(call), mailbox, now) if is_mime(call) else draft_of_json(json_of(call), mailbox, now)

    # ---------------------------------------------------------------- sending

    def send(self, mailbox: Mailbox, message: Message) -> Answer:
        """A draft that is there."""
        if not message.data["isDraft"]:
            raise GraphFault(400, "ErrorInvalidRequest", "The message is no draft and cannot be sent.")
        self._post.check(mailbox, message.data, message.attachments)
        return self._post.accept(mailbox, message)

    def send_mail(self, call: Call, mailbox: Mailbox) -> Answer:
        """A mail in one go: its draft appears in Drafts, and nobody is told its id (5.2)."""
        is_saved = True
        if is_mime(call):
            draft = draft_of_mime(mime_of(call), mailbox, self._world.now())
        else:
            asked = action(call, "message", "saveToSentItems")
            is_saved = asked.get("saveToSentItems", True)
            if not isinstance(is_saved, bool) or not isinstance(asked.get("message"), dict):
                raise GraphFault(400, "ErrorInvalidRequest", "sendMail wants a message, and true or false for saveToSentItems.")
            draft = draft_of_json(asked["message"], mailbox, self._world.now())
        self._post.check(mailbox, draft.data, draft.attachments)
        return self._post.accept(mailbox, put_draft(draft, mailbox, mailbox.folder_id("drafts")), is_saved=is_saved)

    def send_answer(self, call: Call, mailbox: Mailbox, original: Message, kind: str) -> Answer:
        """A reply or forward in one go."""
        return self._post.accept(mailbox, self._answer(call, mailbox, original, kind, is_sent=True))


def destination(call: Call, mailbox: Mailbox, folders: Folders) -> Folder:
    """Return the folder that a move or copy names."""
    wanted = action(call, "destinationId").get("destinationId")
    if not isinstance(wanted, str) or not wanted:
        raise GraphFault(400, "ErrorInvalidRequest", "destinationId is missing.")
    folder = folders.open(mailbox, wanted)
    if folder.is_search:
        raise GraphFault(400, "ErrorInvalidRequest", "A search folder holds no messages of its own.")
    return folder
