"""Which method of which path leads to which piece of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.graph_simulator.attachments import Attachments
from tests.graph_simulator.call import Answer
from tests.graph_simulator.delta import Deltas
from tests.graph_simulator.folder_delta import FolderDeltas
from tests.graph_simulator.folder_writes import FolderWrites
from tests.graph_simulator.folders import Folders
from tests.graph_simulator.guards import check_version
from tests.graph_simulator.messages import Messages, expansion
from tests.graph_simulator.odata import GraphFault, no_property, selected
from tests.graph_simulator.paths import no_method, no_segment, segments_of
from tests.graph_simulator.uploads import Uploads
from tests.graph_simulator.writes import Writes

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Mailbox
    from tests.graph_simulator.server import World
    from tests.graph_simulator.tokens import Tokens

__all__ = ["Routes"]


class Routes:
    """Finds and does what a call asks."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world = world
        self._attachments = Attachments(world)
        self._folders = Folders(world)
        self._messages = Messages(world, tokens, self._attachments)
        self._deltas = Deltas(world, tokens, self._messages)
        self._folder_deltas = FolderDeltas(world, tokens, self._folders)
        self._writes = Writes(world, self._messages, self._folders, world.post)
        self._folder_writes = FolderWrites(world, self._folders)
        self.uploads = Uploads(world)

    async def answer(self, call: Call, mailbox: Mailbox) -> Answer:
        """Do what is asked."""
        segments = segments_of(call, mailbox)
        match segments:
            case ["/subscriptions", *rest]:
                return await self._world.subscriptions.answer(call, mailbox, rest)
            case [] if call.method == "GET":
                return Answer(200, _user(mailbox, selected(call)))
            case ["sendmail"] if call.method == "POST":
                return self._writes.send_mail(call, mailbox)
            case ["mailfolders", *rest]:
                return self._of_folders(call, mailbox, rest)
            case ["messages", *rest]:
                return self._of_messages(call, mailbox, rest)
            case [] | ["sendmail"]:
                raise no_method(call.method)
            case _:
                raise no_segment(segments)

    def _of_folders(self, call: Call, mailbox: Mailbox, segments: list[str]) -> Answer:  # noqa: PLR0911 - a table of routes
        if call.method == "GET":
            return self._read_folders(call, mailbox, segments)
        match call.method, segments:
            case "POST", []:
                return self._folder_writes.create(call, mailbox, mailbox.find_folder("msgfolderroot"))
            case "PATCH", [folder]:
                return self._folder_writes.update(call, mailbox, self._folders.open(mailbox, folder))
            case "DELETE", [folder]:
                return self._folder_writes.delete(mailbox, self._folders.open(mailbox, folder))
            case "POST", [folder, "childfolders"]:
                return self._folder_writes.create(call, mailbox, self._folders.open(mailbox, folder))
            case "POST", [folder, "move"]:
                return self._folder_writes.move(call, mailbox, self._folders.open(mailbox, folder))
            case "POST", [folder, "permanentdelete"]:
                return self._folder_writes.delete(mailbox, self._folders.open(mailbox, folder), for_good=True)
            case "POST", [folder, "messages"]:
                return self._writes.create(call, mailbox, self._folders.open(mailbox, folder))
            case _:
                raise no_method(call.method)

    def _read_folders(self, call: Call, mailbox: Mailbox, segments: list[str]) -> Answer:
        match segments:
            case []:
                return self._folders.children(call, mailbox, mailbox.folder_id("msgfolderroot"))
            case ["delta"]:
                return self._folder_deltas.page(call, mailbox)
            case [folder]:
                return Answer(200, self._folders.shown(mailbox, self._folders.open(mailbox, folder), selected(call)))
            case [folder, "childfolders"]:
                return self._folders.children(call, mailbox, self._folders.open(mailbox, folder).id)
            case [folder, "messages"]:
                return self._messages.listed(call, mailbox, self._folders.open(mailbox, folder))
            case [folder, "messages", "delta"]:
                return self._deltas.page(call, mailbox, folder)
            case _:
                raise no_segment(segments)

    def _of_messages(self, call: Call, mailbox: Mailbox, segments: list[str]) -> Answer:
        if segments == ["delta"]:
            raise GraphFault(400, "BadRequest", "Unsupported request: Change tracking is not supported against 'microsoft.graph.message'.")
        match call.method, segments:
            case "GET", []:
                return self._messages.listed(call, mailbox, None)
            case "POST", []:
                return self._writes.create(call, mailbox, mailbox.find_folder("drafts"))
            case _, []:
                raise no_method(call.method)
            case "GET", [message_id, *rest]:
                return self._read_message(call, mailbox, message_id, rest)
            case _, [message_id, *rest]:
                return self._write_message(call, mailbox, message_id, rest)
            case _:
                raise no_segment(segments)

    def _read_message(self, call: Call, mailbox: Mailbox, message_id: str, segments: list[str]) -> Answer:
        message = self._messages.open(mailbox, message_id)
        match segments:
            case []:
                return Answer(200, self._messages.shown(call, mailbox, message, selected(call), expand=expansion(call)))
            case ["$value"]:
                return Answer(200, message.mime, {"Content-Type": "text/plain"})
            case ["attachments"]:
                return self._attachments.listed(call, message)
            case ["attachments", place]:
                return self._attachments.shown(call, message, place)
            case ["attachments", place, "$value"]:
                return self._attachments.content(call, message, place)
            case _:
                raise no_segment(segments)

    def _write_message(self, call: Call, mailbox: Mailbox, message_id: str, segments: list[str]) -> Answer:  # noqa: PLR0911 - a table of routes
        message = self._messages.for_write(mailbox, message_id)
        check_version(call, message)
        match call.method, segments:
            case "PATCH", []:
                return self._writes.update(call, mailbox, message)
            case "DELETE", []:
                return self._writes.delete(mailbox, message)
            case "POST", ["move"]:
                return self._writes.move(call, mailbox, message)
            case "POST", ["copy"]:
                return self._writes.copy(call, mailbox, message)
            case "POST", ["permanentdelete"]:
                return self._writes.purge(mailbox, message)
            case "POST", ["send"]:
                return self._writes.send(mailbox, message)
            case "POST", ["createreply" | "createreplyall" | "createforward" as kind]:
                return self._writes.answering(call, mailbox, message, kind.removeprefix("create"))
            case "POST", ["reply" | "replyall" | "forward" as kind]:
                return self._writes.send_answer(call, mailbox, message, kind)
            case "POST", ["attachments"]:
                return self._attachments.add(call, mailbox, message)
            case "POST", ["attachments", "createuploadsession"]:
                return self.uploads.create(call, mailbox, message)
            case "DELETE", ["attachments", place]:
                return self._attachments.remove(mailbox, message, place)
            case _:
                raise no_method(call.method)


def _user(mailbox: Mailbox, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the signed-in user; `proxyAddresses` comes on $select only, as most properties do."""
    known = {
        "id": mailbox.user_id,
        "displayName": mailbox.name,
        "mail": None if mailbox.personal else mailbox.address,
        "userPrincipalName": mailbox.upn,
    }
    more = {"proxyAddresses": mailbox.proxy_addresses()}
    for name in names:
        if name not in known | more:
            raise no_property(name, "user")
    context = "https://graph.microsoft.com/v1.0/$metadata#users" + (f"({','.join(names)})/$entity" if names else "/$entity")
    # An unusual $select brings no id by itself.
    return {"@odata.context": context, **{n: v for n, v in (known | more).items() if n in (names or known)}}
