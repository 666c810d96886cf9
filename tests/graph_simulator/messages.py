"""Messages and their attachments as Graph shows them, alone and in lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.graph_simulator.call import Answer
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import MAX_TOP, GraphFault, no_property, selected, time_bound, wants_immutable, whole
from tests.graph_simulator.tokens import Paging

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Folder, Mailbox, Message
    from tests.graph_simulator.server import World
    from tests.graph_simulator.tokens import Tokens

__all__ = ["Messages", "filtered_ids", "shown_id"]

_ONLY_SELECTED = {"internetMessageHeaders", "uniqueBody"}

# What a message with a poison shows: values of types that the schema forbids, and the null that it allows for a time.
_MISSHAPEN = {"subject": 7, "toRecipients": {"emailAddress": "nobody"}, "isRead": "maybe", "from": [], "receivedDateTime": None}
_SHOWN: dict[str, dict[str, Any]] = {"shape": _MISSHAPEN, "undated": {"receivedDateTime": None}}


class Messages:
    """Lists and shows messages."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world = world
        self._tokens = tokens

    @staticmethod
    def find(mailbox: Mailbox, message_id: str) -> Message:
        """Return a message by either id."""
        if not re.fullmatch(r"AA[A-Za-z0-9_=-]{40,}", message_id):
            raise GraphFault(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        return mailbox.find(message_id)

    def open(self, mailbox: Mailbox, message_id: str) -> Message:
        """The same for reading: one that was deleted for good may still be there, and one may be unreadable."""
        try:
            message = self.find(mailbox, message_id)
        except NotThere:
            if not self._world.quirks.deleted_stays or message_id not in mailbox.recoverable:
                raise
            message = mailbox.recoverable[message_id]
        if message.poison == "corrupt":
            raise GraphFault(500, "ErrorCorruptData", "Data is corrupt.")
        if message.poison[:1].isdigit():
            status, _, code = message.poison.partition(" ")
            raise GraphFault(int(status), code, "The request failed.")
        return message

    def listed(self, call: Call, mailbox: Mailbox, folder: Folder) -> Answer:
        """A page of a folder."""
        token = call.query_params.get("$skiptoken")
        paging = self._first(call, mailbox, folder) if token is None else self._tokens.resume(token, folder.id, "list")
        if paging is None:
            raise GraphFault(400, "BadRequest", "Badly formed token.")
        page = paging.ids[paging.at : paging.at + paging.size]
        paging.at += paging.size
        body: dict[str, Any] = {
            "@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('{quote(mailbox.oid)}')/mailFolders('{folder.id}')/messages",
            "value": [self.shown(call, mailbox, mailbox.messages[i], paging.select, context=False) for i in page if i in mailbox.messages],
        }
        if paging.at < len(paging.ids):
            body["@odata.nextLink"] = f"{call.base}{call.raw_path}?$skiptoken={self._tokens.keep(paging)}"
        return Answer(200, body)

    def _first(self, call: Call, mailbox: Mailbox, folder: Folder) -> Paging:
        query = call.query_params
        found = filtered_ids(mailbox, folder, query.get("$filter"))
        order = query.get("$orderby", "").lower().strip()
        if order not in {"", "receiveddatetime desc", "receiveddatetime asc", "receiveddatetime"}:
            raise GraphFault(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")
        if order in {"receiveddatetime asc", "receiveddatetime"}:
            found.reverse()
        elif not order and self._world.quirks.shuffle:
            self._tokens.random.shuffle(found)
        size = whole(query.get("$top"), self._world.quirks.page_size, MAX_TOP)
        return Paging("list", folder.id, found, selected(call, message=True), size=size)

    def shown(self, call: Call, mailbox: Mailbox, message: Message, select: tuple[str, ...], *, context: bool = True) -> dict[str, Any]:
        """Return a message's JSON."""
        full = {
            **message.data,
            "parentFolderId": message.folder_id,
            "conversationIndex": "AQHZ",
            "uniqueBody": message.data["body"],
            "internetMessageHeaders": [{"name": "X-Simulated", "value": "yes"}],
        }
        unknown = [s for s in select if s not in full and s != "id"]
        if unknown:
            raise no_property(unknown[0], "message")
        shown = {k: v for k, v in full.items() if (k in select if select else k not in _ONLY_SELECTED)}
        head: dict[str, Any] = {"@odata.etag": f'W/"{message.data["changeKey"]}"', "id": shown_id(call, message)}
        if message.poison in _SHOWN:
            shown |= {k: v for k, v in _SHOWN[message.poison].items() if k in shown}
        if context:
            head = {"@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('{mailbox.oid}')/messages/$entity", **head}
        return head | shown

    # ---------------------------------------------------------------- attachments

    def attachments(self, call: Call, message: Message) -> Answer:
        """The list; contents of files are in it unless something is selected."""
        select = selected(call)
        known = {"id", "name", "contentType", "size", "isInline", "lastModifiedDateTime"}
        if unknown := set(select) - known:
            raise no_property(min(unknown), "attachment")
        places = [f"{shown_id(call, message)}-{n}" for n in range(len(message.attachments))]
        items = [self._entry(call, message, place, with_content=not select) for place in places]
        if select:
            items = [{k: v for k, v in item.items() if k.startswith("@") or k in select or k == "id"} for item in items]
        return Answer(200, {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#attachments", "value": items})

    def attachment(self, call: Call, message: Message, place: str) -> Answer:
        """One with its content."""
        return Answer(200, self._entry(call, message, place, with_content=True))

    def content(self, call: Call, message: Message, place: str) -> Answer:
        """The bytes of a file, or the MIME of a mail in a mail."""
        entry = self._entry(call, message, place, with_content=False)
        if entry["@odata.type"].endswith("referenceAttachment"):
            raise GraphFault(405, "Request_BadRequest", "Reference attachments have no content.")
        number = int(place.rpartition("-")[2])
        return Answer(200, message.attachments[number]["content"], {"Content-Type": entry["contentType"] or "text/plain"})

    @staticmethod
    def _entry(call: Call, message: Message, place: str, *, with_content: bool) -> dict[str, Any]:
        of, _, text = place.rpartition("-")
        number = int(text) if text.isascii() and text.isdecimal() else -1
        if of not in {message.immutable_id, message.mutable_id} or not 0 <= number < len(message.attachments):
            raise NotThere(place)
        entry = {k: v for k, v in message.attachments[number].items() if k != "content"}
        entry["id"] = f"{shown_id(call, message)}-{number}"
        entry["lastModifiedDateTime"] = message.data["lastModifiedDateTime"]
        if not with_content:
            entry.pop("contentBytes", None)
        return entry


def filtered_ids(mailbox: Mailbox, folder: Folder, condition: str | None) -> list[str]:
    """Return what a $filter lets through, newest first: bounds of receivedDateTime, and the read state."""
    first, last, is_read, apart = "", "~", None, set()
    for part in re.split(r"\s+and\s+", condition) if condition is not None else ():
        if found := time_bound(part):
            operator, bound = found
            first = max(first, bound) if operator in {"ge", "gt", "eq"} else first
            last = min(last, bound) if operator in {"le", "lt", "eq"} else last
            apart |= {bound} if operator in {"gt", "lt"} else set()
        elif re.fullmatch(r"\s*isRead\s+eq\s+(true|false)\s*", part):
            is_read = "true" in part
        else:
            raise GraphFault(400, "BadRequest", f"Invalid filter clause: {part}")
    ids = mailbox.ids_in_folder(folder.id, first=first, last=last)
    if apart:
        ids = [i for i in ids if mailbox.messages[i].data["receivedDateTime"] not in apart]
    return ids if is_read is None else [i for i in ids if mailbox.messages[i].data["isRead"] is is_read]


def shown_id(call: Call, message: Message) -> str:
    """Return the id in the format that the request asks for."""
    return message.immutable_id if wants_immutable(call) else message.mutable_id
