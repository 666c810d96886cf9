"""Messages as Graph shows them, alone and in lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.graph_simulator.attachments import shown_id
from tests.graph_simulator.call import Answer
from tests.graph_simulator.extended import expanded
from tests.graph_simulator.filters import parse_filter
from tests.graph_simulator.meetings import PROPERTIES
from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import MAX_TOP, GraphFault, no_property, selected, whole
from tests.graph_simulator.search import searched
from tests.graph_simulator.tokens import Paging

if TYPE_CHECKING:
    from tests.graph_simulator.attachments import Attachments
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Folder, Mailbox, Message
    from tests.graph_simulator.server import World
    from tests.graph_simulator.tokens import Tokens

__all__ = ["Messages", "expansion"]

_ONLY_SELECTED = {"internetMessageHeaders", "uniqueBody"}

# What a message with a poison shows: values of types that the schema forbids, and the null that it allows for a time.
_MISSHAPEN = {"subject": 7, "toRecipients": {"emailAddress": "nobody"}, "isRead": "maybe", "from": [], "receivedDateTime": None}
_SHOWN: dict[str, dict[str, Any]] = {"shape": _MISSHAPEN, "undated": {"receivedDateTime": None}}


class Messages:
    """Lists and shows messages."""

    def __init__(self, world: World, tokens: Tokens, attachments: Attachments) -> None:
        self._world = world
        self._tokens = tokens
        self._attachments = attachments

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
        return _healthy(message)

    def for_write(self, mailbox: Mailbox, message_id: str) -> Message:
        """The same for writing: what was deleted for good is gone."""
        return _healthy(self.find(mailbox, message_id))

    def listed(self, call: Call, mailbox: Mailbox, folder: Folder | None) -> Answer:
        """A page of a folder, or of the whole mailbox."""
        token = call.query_params.get("$skiptoken")
        place = folder.id if folder is not None else f"all of {mailbox.oid}"
        paging = self._first(call, mailbox, folder, place) if token is None else self._tokens.resume(token, place, "list")
        if paging is None:
            raise GraphFault(400, "BadRequest", "Badly formed token.")
        page = paging.ids[paging.at : paging.at + paging.size]
        paging.at += paging.size
        of = "" if folder is None else f"/mailFolders('{folder.id}')"
        there = [mailbox.messages[i] for i in page if i in mailbox.messages]
        body: dict[str, Any] = {
            "@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('{quote(mailbox.oid)}'){of}/messages",
            "value": [self.shown(call, mailbox, m, paging.select, context=False, expand=paging.expand) for m in there],
        }
        if paging.at < len(paging.ids):
            body["@odata.nextLink"] = f"{call.base}{call.raw_path}?$skiptoken={self._tokens.keep(paging)}"
        return Answer(200, body)

    def _first(self, call: Call, mailbox: Mailbox, folder: Folder | None, place: str) -> Paging:
        query = call.query_params
        if "$search" in query:
            return self._searched(call, mailbox, folder, place)
        condition = parse_filter(query.get("$filter"))
        found = condition.ids_everywhere(mailbox) if folder is None else condition.ids(mailbox, folder.id)
        order = query.get("$orderby", "").lower().strip()
        if order not in {"", "receiveddatetime desc", "receiveddatetime asc", "receiveddatetime"}:
            raise _inefficient()
        if order and condition.tests and not condition.is_bounded:
            # What is sorted by has to be in the filter too (4.2).
            raise _inefficient()
        if order in {"receiveddatetime asc", "receiveddatetime"}:
            found.reverse()
        elif not order and self._world.quirks.shuffle:
            self._tokens.random.shuffle(found)
        size = whole(query.get("$top"), self._world.quirks.page_size, MAX_TOP)
        return Paging("list", place, found, selected(call, message=True), size=size, expand=expansion(call))

    def _searched(self, call: Call, mailbox: Mailbox, folder: Folder | None, place: str) -> Paging:
        query = call.query_params
        for option, code in (("$filter", "SearchWithFilter"), ("$orderby", "SearchWithOrderBy")):
            if option in query:
                raise GraphFault(400, code, f"The query parameter '{option}' is not supported with '$search'.")
        where = None if folder is None else folder.id
        found = searched(mailbox, where, query["$search"], at=self._world.time(), delay=self._world.quirks.search_delay)
        size = whole(query.get("$top"), self._world.quirks.page_size, MAX_TOP)
        return Paging("list", place, found, selected(call, message=True), size=size, expand=expansion(call))

    def shown(
        self,
        call: Call,
        mailbox: Mailbox,
        message: Message,
        select: tuple[str, ...],
        *,
        context: bool = True,
        expand: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Return a message's JSON."""
        full = {
            **message.data,
            "parentFolderId": message.folder_id,
            "conversationIndex": "AQHZ",
            "uniqueBody": message.data["body"],
            "internetMessageHeaders": [
                {"name": "X-Simulated", "value": "yes"},
                *({"name": name, "value": value} for name, value in message.headers.items()),
            ],
        }
        kind = full.pop("@odata.type", None)
        unknown = [s for s in select if s in PROPERTIES or (s not in full and s != "id")]
        if unknown:
            raise no_property(unknown[0], "message")
        shown = {k: v for k, v in full.items() if (k in select if select else k not in _ONLY_SELECTED)}
        head: dict[str, Any] = {"@odata.etag": f'W/"{message.data["changeKey"]}"', "id": shown_id(call, message)}
        if kind:
            head = {"@odata.type": kind, **head}
        if message.poison in _SHOWN:
            shown |= {k: v for k, v in _SHOWN[message.poison].items() if k in shown}
        if context:
            head = {"@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('{mailbox.oid}')/messages/$entity", **head}
        for option in expand:
            shown |= self._expanded(call, message, option)
        return head | shown

    def _expanded(self, call: Call, message: Message, option: str) -> dict[str, Any]:
        name = option.partition("(")[0].strip().lower()
        if name == "singlevalueextendedproperties":
            return expanded(option, message)
        if option.strip().lower() == "attachments":
            return {"attachments": self._attachments.entries(call, message)}
        raise GraphFault(400, "BadRequest", f"Parsing OData Select and Expand failed: {option}")


def _healthy(message: Message) -> Message:
    if message.poison == "corrupt":
        raise GraphFault(500, "ErrorCorruptData", "Data is corrupt.")
    if message.poison[:1].isdigit():
        status, _, code = message.poison.partition(" ")
        raise GraphFault(int(status), code, "The request failed.")
    return message


def _inefficient() -> GraphFault:
    return GraphFault(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")


def expansion(call: Call) -> tuple[str, ...]:
    """Return what $expand asks for, option by option."""
    parts, depth = [""], 0
    for character in call.query_params.get("$expand", ""):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return tuple(part.strip() for part in parts if part.strip())
