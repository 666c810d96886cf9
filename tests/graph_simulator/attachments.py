"""What is attached to messages: listed, opened, added and taken away (graph-behaviour 4.3, 5.6)."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.bodies import checked, json_of
from tests.graph_simulator.call import Answer
from tests.graph_simulator.compose import compose
from tests.graph_simulator.filler import Filler, Piece
from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import GraphFault, no_property, selected, wants_immutable

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Mailbox, Message
    from tests.graph_simulator.server import World

__all__ = ["Attachments", "attach", "attach_made", "attachment_of", "shown_id"]

_LISTED = {"id", "name", "contentType", "size", "isInline", "lastModifiedDateTime"}
_SETTABLE = {
    "fileAttachment": ("name", "contentType", "contentBytes", "contentId", "isInline", "contentLocation", "size"),
    "itemAttachment": ("name", "contentType", "isInline", "item", "size"),
}

_EXPAND = "microsoft.graph.itemattachment/item"

# Bytes of a file that go in one POST at most (5.6); what is more wants an upload session.
_SMALL = 3 * 2**20


class Attachments:
    """The attachments of messages. One that was taken away leaves its place empty, so that the ids of the others hold."""

    def __init__(self, world: World) -> None:
        self._world = world

    def listed(self, call: Call, message: Message) -> Answer:
        """The list; contents of files are in it unless something is selected."""
        select = selected(call)
        if unknown := set(select) - _LISTED:
            raise no_property(min(unknown), "attachment")
        items = self.entries(call, message, with_content=not select)
        if select:
            items = [{k: v for k, v in item.items() if k.startswith("@") or k in select or k == "id"} for item in items]
        return Answer(200, {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#attachments", "value": items})

    def entries(self, call: Call, message: Message, *, with_content: bool = True) -> list[dict[str, Any]]:
        """Return all as a list shows them."""
        places = [f"{shown_id(call, message)}-{n}" for n, entry in enumerate(message.attachments) if entry]
        items = [self._entry(call, message, place, with_content=with_content) for place in places]
        if not self._world.quirks.listed_content_id:
            items = [{k: v for k, v in item.items() if k != "contentId"} for item in items]
        return items

    def shown(self, call: Call, message: Message, place: str) -> Answer:
        """One with its content, or what is selected of it; a mail in a mail where $expand asks for it, under no id."""
        select = selected(call)
        if unknown := set(select) - _LISTED:
            raise no_property(min(unknown), "attachment")
        entry = self._entry(call, message, place, with_content=not select)
        if select:
            entry = {k: v for k, v in entry.items() if k.startswith("@") or k in select or k == "id"}
        if call.query_params.get("$expand", "").lower() == _EXPAND and entry["@odata.type"].endswith("itemAttachment"):
            content = message.attachments[_number(message, place)]["content"]
            # A part of type message/rfc822 with its own head before the mail's, or the mail alone.
            head, _, rest = content.replace(b"\r\n", b"\n").partition(b"\n\n")
            data, attachments = to_graph(rest if b"message/rfc822" in head.lower() else content)
            entry["item"] = {"@odata.type": "#microsoft.graph.message", "id": "", **data, "hasAttachments": bool(attachments)}
            del entry["item"]["parentFolderId"]
        return Answer(200, entry)

    def content(self, call: Call, message: Message, place: str) -> Answer:
        """The bytes of a file, or the MIME of a mail in a mail."""
        entry = self._entry(call, message, place, with_content=False)
        if entry["@odata.type"].endswith("referenceAttachment"):
            raise GraphFault(405, "Request_BadRequest", "Reference attachments have no content.")
        content = message.attachments[_number(message, place)]["content"]
        quirks = self._world.quirks
        headers = {"Content-Type": entry["contentType"] or "text/plain"}
        if call.is_batched:
            return Answer(200, content, headers)
        asked = re.fullmatch(r"bytes=(\d+)-", call.headers.get("range", "")) if quirks.attachment_ranges else None
        first = int(asked[1]) if asked else 0
        if first and first >= len(content):
            raise GraphFault(416, "ErrorInvalidRange", "The requested range is not satisfiable.")
        if asked:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        piece = Piece(content, first, quirks.attachment_length, quirks.attachment_cut, quirks.attachment_pause)
        return Answer(206 if asked else 200, piece, headers)

    def add(self, call: Call, mailbox: Mailbox, message: Message) -> Answer:
        """Attach a small file, or a mail."""
        entry = attachment_of(json_of(call), mailbox)
        if len(entry["content"]) >= _SMALL and entry["@odata.type"].endswith("fileAttachment"):
            raise GraphFault(413, "RequestEntityTooLarge", "The file is too large for one request: create an upload session.")
        place = attach(mailbox, message, entry, self._world.quirks.message_cap)
        return Answer(201, self._entry(call, message, f"{shown_id(call, message)}-{place}", with_content=True))

    def remove(self, mailbox: Mailbox, message: Message, place: str) -> Answer:
        """Take one away."""
        message.attachments[_number(message, place)] = {}
        _changed(mailbox, message)
        return Answer(204)

    @staticmethod
    def _entry(call: Call, message: Message, place: str, *, with_content: bool) -> dict[str, Any]:
        number = _number(message, place)
        entry = {k: v for k, v in message.attachments[number].items() if k != "content"}
        entry["id"] = f"{shown_id(call, message)}-{number}"
        entry["lastModifiedDateTime"] = message.data["lastModifiedDateTime"]
        if not with_content:
            entry.pop("contentBytes", None)
        return entry


def _number(message: Message, place: str) -> int:
    of, _, text = place.rpartition("-")
    number = int(text) if text.isascii() and text.isdecimal() else -1
    if (
        of not in {message.immutable_id, message.mutable_id}
        or not 0 <= number < len(message.attachments)
        or not message.attachments[number]
    ):
        raise NotThere(place)
    return number


def attachment_of(given: Any, mailbox: Mailbox) -> dict[str, Any]:
    """Return an attachment that was sent as JSON, as a message keeps it."""
    kind = str(given.get("@odata.type", "") if isinstance(given, dict) else "").rpartition(".")[2]
    entry = checked(given, "attachment", _SETTABLE.get(kind, ()))
    if kind not in _SETTABLE:
        raise GraphFault(400, "ErrorInvalidRequest", f"An attachment of type {kind} cannot be created.")
    if not entry.get("name"):
        raise GraphFault(400, "ErrorInvalidArgument", "An attachment needs a name.")
    made: dict[str, Any] = {
        "@odata.type": f"#microsoft.graph.{kind}",
        "name": entry["name"],
        "contentType": entry.get("contentType"),
        "isInline": entry.get("isInline", False),
        "lastModifiedDateTime": None,
    }
    if kind == "fileAttachment":
        content = base64.b64decode(entry.get("contentBytes") or "")
        made |= {"contentType": made["contentType"] or "application/octet-stream"}
        made |= {"contentId": entry.get("contentId"), "contentLocation": None, "contentBytes": base64.b64encode(content).decode()}
    else:
        item = entry.get("item")
        if not isinstance(item, dict) or not str(item.get("@odata.type", "")).endswith(".message"):
            raise GraphFault(400, "ErrorInvalidRequest", "An item that is attached has to be a message here.")
        content = compose(checked(item, "message"), [], {})
    return made | {"content": content, "size": len(content)}


def attach(mailbox: Mailbox, message: Message, entry: dict[str, Any], cap: int) -> int:
    """Put an attachment to a message; returns its place."""
    if sum(len(a["content"]) for a in (*message.attachments, entry) if a) > cap:
        raise GraphFault(413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
    message.attachments.append(entry)
    _changed(mailbox, message)
    return len(message.attachments) - 1


def attach_made(mailbox: Mailbox, message: Message, asked: dict[str, Any]) -> int:
    """Put an attachment to a message as if it had come with it: `text`, or `size` bytes that are made while they are sent, or a link."""
    kind = "referenceAttachment" if "url" in asked else "fileAttachment"
    content = asked["text"].encode() if "text" in asked else Filler(asked.get("size", 0))
    entry: dict[str, Any] = {
        "@odata.type": f"#microsoft.graph.{kind}",
        "name": asked["name"],
        "contentType": asked.get("type", None if "url" in asked else "application/octet-stream"),
        "isInline": asked.get("inline", False),
        "lastModifiedDateTime": None,
        "size": asked.get("told_size", len(content)),
        "content": content,
    }
    if "url" in asked:
        # The schema of v1.0 has no property for it: whether one is told is not known (14).
        entry |= {"sourceUrl": asked["url"]} if asked["url"] else {}
    elif isinstance(content, bytes):
        entry |= {"contentId": None, "contentLocation": None, "contentBytes": base64.b64encode(content).decode()}
    message.attachments.append(entry)
    mailbox.change(message.immutable_id, {"hasAttachments": True})
    return len(message.attachments) - 1


def _changed(mailbox: Mailbox, message: Message) -> None:
    mailbox.change(message.immutable_id, {"hasAttachments": any(a and not a["isInline"] for a in message.attachments)})
    message.mime = compose(message.data, message.attachments, message.headers)


def shown_id(call: Call, message: Message) -> str:
    """Return the id in the format that the request asks for."""
    return message.immutable_id if wants_immutable(call) else message.mutable_id
