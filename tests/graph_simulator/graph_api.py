"""Graph v1.0, the part about mail: parses paths as liberally as Graph does, answers as strictly.

Accepts `/me` and `/users/{id or address}`, `mailFolders/{id}` and `mailFolders('id')`, any case of segment names, `delta` and `delta()`,
double slashes.
"""

from __future__ import annotations

import json
import random
import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import trio
from starlette.responses import Response

from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import (
    COMPARE,
    CONDITION,
    MAX_TOP,
    GraphFault,
    Paging,
    above,
    no_property,
    page_size,
    selected,
    wants_immutable,
    whole,
)

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.graph_simulator.model import Folder, Mailbox, Message
    from tests.graph_simulator.server import World

__all__ = ["GraphApi"]

_SEGMENT = re.compile(r"^([A-Za-z.$]+)\('(.*)'\)$")
_FOLDER_FIELDS = ("id", "displayName", "parentFolderId", "childFolderCount", "unreadItemCount", "totalItemCount", "isHidden")
_ONLY_SELECTED = {"internetMessageHeaders", "uniqueBody"}


class GraphApi:
    """Answers requests below `/v1.0`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[str, Paging] = {}
        self._random = random.Random(7)  # noqa: S311 - test data

    async def handle(self, request: Request) -> Response:
        """Answer one request: who asks, is there a lane, what is asked."""
        world = self._world
        client_request_id = request.headers.get("client-request-id", "")
        mailbox: Mailbox | None = None
        try:
            mailbox = self._authenticate(request)
            mailbox.requests += 1
            world.log(request, mailbox.address)
            self._injected(mailbox)
            self._check_lanes(mailbox)
            mailbox.in_flight += 1
            try:
                await trio.sleep(world.quirks.latency)
                status, body, headers = self._answer(request, mailbox)
            finally:
                mailbox.in_flight -= 1
        except NotThere:
            fault = GraphFault(404, "ErrorItemNotFound", "The specified object was not found in the store.")
            return self._fault(fault, client_request_id)
        except GraphFault as fault:
            if mailbox is None:
                world.log(request, "")
            return self._fault(fault, client_request_id)
        return self._respond(request, status, body, headers, client_request_id)

    # ---------------------------------------------------------------- the frame

    def _authenticate(self, request: Request) -> Mailbox:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self._world.entra.grant_of(token) if scheme.lower() == "bearer" else None
        if not token:
            raise GraphFault(401, "InvalidAuthenticationToken", "Access token is empty.")
        if grant is None:
            raise GraphFault(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        mailbox = self._world.mailboxes[grant.address]
        if not any(s.rpartition("/")[2].lower().startswith("mail.") for s in grant.scopes):
            raise GraphFault(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return mailbox

    def _check_lanes(self, mailbox: Mailbox) -> None:
        quirks = self._world.quirks
        if quirks.lanes and mailbox.in_flight >= quirks.lanes:
            headers = {"Retry-After": "1"} if quirks.retry_after else {}
            raise GraphFault(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", headers)

    def _injected(self, mailbox: Mailbox) -> None:
        quirks = self._world.quirks
        if not quirks.fail_graph or (quirks.fail_mailbox and quirks.fail_mailbox != mailbox.address):
            return
        status, _, code = quirks.fail_graph.partition(" ")
        if quirks.fail_count:
            quirks.fail_count -= 1
            if quirks.fail_count == 0:
                quirks.fail_graph = ""
        headers = {"Retry-After": "1"} if status in {"429", "503"} and quirks.retry_after else {}
        raise GraphFault(int(status), code, "Injected by the test.", headers)

    def _respond(self, request: Request, status: int, body: Any, headers: dict[str, str], client_request_id: str) -> Response:
        headers |= {"request-id": str(uuid.uuid4()), "client-request-id": client_request_id or str(uuid.uuid4())}
        if wants_immutable(request):
            headers["Preference-Applied"] = ", ".join(p for p in ("IdType=ImmutableId", headers.get("Preference-Applied")) if p)
        if isinstance(body, bytes):
            return Response(body, status_code=status, headers=headers)
        text = json.dumps(body, ensure_ascii=False)
        if self._world.quirks.control_characters:
            text = text.replace('"subject": "', '"subject": "\x0b\x01', 1)
        return Response(text.encode("utf-8", "replace"), status_code=status, headers=headers, media_type="application/json")

    @staticmethod
    def _fault(fault: GraphFault, client_request_id: str) -> Response:
        inner = {
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": str(uuid.uuid4()),
            "client-request-id": client_request_id or str(uuid.uuid4()),
        }
        body = {"error": {"code": fault.code, "message": fault.message, "innerError": inner}}
        return Response(json.dumps(body), status_code=fault.status, headers=fault.headers, media_type="application/json")

    # ---------------------------------------------------------------- routes

    def _answer(self, request: Request, mailbox: Mailbox) -> tuple[int, Any, dict[str, str]]:  # noqa: C901, PLR0911 - the table of routes
        segments = self._segments(request, mailbox)
        if request.method != "GET":
            raise GraphFault(405, "Request_BadRequest", f"Specified HTTP method is not allowed for the request target: {request.method}.")
        match segments:
            case []:
                return 200, self._user(mailbox), {}
            case ["mailfolders"]:
                return self._folders(request, mailbox, mailbox.folder_id("msgfolderroot"))
            case ["mailfolders", folder]:
                return 200, self._folder(mailbox, self._find_folder(mailbox, folder), selected(request)), {}
            case ["mailfolders", folder, "childfolders"]:
                return self._folders(request, mailbox, self._find_folder(mailbox, folder).id)
            case ["mailfolders", folder, "messages"]:
                return self._messages(request, mailbox, self._find_folder(mailbox, folder))
            case ["mailfolders", folder, "messages", "delta"]:
                return self._delta(request, mailbox, folder)
            case ["messages", "delta"]:
                raise GraphFault(
                    400, "BadRequest", "Unsupported request: Change tracking is not supported against 'microsoft.graph.message'."
                )
            case ["messages", message]:
                return 200, self._message(request, mailbox, self._find(mailbox, message), selected(request)), {}
            case ["messages", message, "$value"]:
                return 200, self._find(mailbox, message).mime, {"Content-Type": "text/plain"}
            case ["messages", message, "attachments"]:
                return 200, self._attachments(request, self._find(mailbox, message)), {}
            case ["messages", message, "attachments", place]:
                return 200, self._attachment(request, self._find(mailbox, message), place, with_content=True), {}
            case ["messages", message, "attachments", place, "$value"]:
                return self._attachment_value(request, self._find(mailbox, message), place)
            case _:
                raise GraphFault(400, "BadRequest", f"Resource not found for the segment '{segments[-1]}'.")

    def _segments(self, request: Request, mailbox: Mailbox) -> list[str]:
        """Split the raw path below /v1.0, names lowered, keys kept, `me` or `users/x` taken off the front."""
        raw = request.scope["raw_path"].decode().partition("?")[0]
        parts: list[str] = []
        for piece in raw.split("/")[2:]:
            if not piece:
                continue
            text = unquote(piece)
            if match := _SEGMENT.match(text):
                parts += [match[1], match[2]]
            else:
                parts.append(text.removesuffix("()"))
        if parts and parts[0].lower() == "me":
            parts = parts[1:]
        elif len(parts) > 1 and parts[0].lower() == "users":
            if parts[1].lower() not in {mailbox.address.lower(), mailbox.oid, "me-token-to-replace"}:
                raise GraphFault(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
            parts = parts[2:]
        else:
            raise GraphFault(400, "BadRequest", "Resource not found for the segment.")
        names = {"mailfolders", "messages", "childfolders", "attachments", "delta", "$value", "microsoft.graph.delta"}
        lowered = [p.lower() if p.lower() in names else p for p in parts]
        return ["delta" if p == "microsoft.graph.delta" else p for p in lowered]

    @staticmethod
    def _find_folder(mailbox: Mailbox, name: str) -> Folder:
        if len(name) > 20 and not re.fullmatch(r"[A-Za-z0-9_=-]+", name):
            raise GraphFault(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        return mailbox.find_folder(name)

    @staticmethod
    def _find(mailbox: Mailbox, message_id: str) -> Message:
        if not re.fullmatch(r"AA[A-Za-z0-9_=-]{40,}", message_id):
            raise GraphFault(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        return mailbox.find(message_id)

    @staticmethod
    def _user(mailbox: Mailbox) -> dict[str, Any]:
        return {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users/$entity",
            "id": mailbox.oid,
            "displayName": mailbox.name,
            "mail": None if mailbox.personal else mailbox.address,
            "userPrincipalName": mailbox.address,
        }

    # ---------------------------------------------------------------- folders

    def _folders(self, request: Request, mailbox: Mailbox, parent_id: str) -> tuple[int, Any, dict[str, str]]:
        """One level, ten a page, search folders among them, hidden ones only on request (user-list-mailfolders)."""
        query = request.query_params
        wants_hidden = query.get("includeHiddenFolders", "").lower() == "true"
        children = [f for f in mailbox.children(parent_id) if wants_hidden or not f.is_hidden]
        top = whole(query.get("$top"), self._world.quirks.page_size, MAX_TOP)
        skip = whole(query.get("$skip"), 0, 10**6, low=0)
        body: dict[str, Any] = {
            "@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('{quote(mailbox.oid)}')/mailFolders",
            "value": [self._folder(mailbox, f, selected(request)) for f in children[skip : skip + top]],
        }
        if skip + top < len(children):
            kept = "&".join(f"{k}={quote(v, safe='')}" for k, v in query.items() if k != "$skip")
            body["@odata.nextLink"] = f"{self._base(request)}{request.url.path}?{kept}{'&' if kept else ''}$skip={skip + top}"
        return 200, body, {}

    def _folder(self, mailbox: Mailbox, folder: Folder, select: tuple[str, ...]) -> dict[str, Any]:
        unread, total = mailbox.counts(folder.id)
        full = {
            "id": folder.id,
            "displayName": folder.name,
            "parentFolderId": folder.parent_id or folder.id,
            "childFolderCount": len([f for f in mailbox.children(folder.id) if not f.is_hidden]),
            "unreadItemCount": unread,
            "totalItemCount": total,
            "isHidden": folder.is_hidden,
        }
        unknown = set(select) - set(_FOLDER_FIELDS)
        if unknown:
            raise no_property(min(unknown), "mailFolder")
        shown = {k: v for k, v in full.items() if not select or k in select or k == "id"}
        if folder.is_search:
            shown = {"@odata.type": "#microsoft.graph.mailSearchFolder", **shown, "isSupported": True, "includeNestedFolders": True}
        return shown

    # ---------------------------------------------------------------- messages

    def _messages(self, request: Request, mailbox: Mailbox, folder: Folder) -> tuple[int, Any, dict[str, str]]:
        query = request.query_params
        token = query.get("$skiptoken")
        if token is None:
            select = selected(request, message=True)
            found = self._filtered(mailbox.in_folder(folder.id), query.get("$filter"))
            order = query.get("$orderby", "").lower().strip()
            if order not in {"", "receiveddatetime desc", "receiveddatetime asc", "receiveddatetime"}:
                raise GraphFault(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")
            if order in {"receiveddatetime asc", "receiveddatetime"}:
                found.reverse()
            elif not order and self._world.quirks.shuffle:
                self._random.shuffle(found)
            size = whole(query.get("$top"), self._world.quirks.page_size, MAX_TOP)
            paging = Paging(folder.id, [m.immutable_id for m in found], select, 0, {}, set(), None, "list", size)
        else:
            paging = self._resume(token, folder.id, "list")
        page, paging.rest = paging.rest[: paging.size], paging.rest[paging.size :]
        body: dict[str, Any] = {
            "@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('{quote(mailbox.oid)}')/mailFolders('{folder.id}')/messages",
            "value": [
                self._message(request, mailbox, mailbox.messages[i], paging.select, context=False) for i in page if i in mailbox.messages
            ],
        }
        if paging.rest:
            body["@odata.nextLink"] = f"{self._base(request)}{request.url.path}?$skiptoken={self._keep(paging)}"
        return 200, body, {}

    def _filtered(self, messages: list[Message], condition: str | None) -> list[Message]:
        if condition is None:
            return messages
        for part in re.split(r"\s+and\s+", condition):
            if match := CONDITION.match(part):
                operator, bound = match[1], match[2]
                messages = [m for m in messages if getattr(m.data["receivedDateTime"], COMPARE[operator])(bound)]
            elif re.fullmatch(r"\s*isRead\s+eq\s+(true|false)\s*", part):
                wanted = "true" in part
                messages = [m for m in messages if m.data["isRead"] is wanted]
            else:
                raise GraphFault(400, "BadRequest", f"Invalid filter clause: {part}")
        return messages

    def _message(
        self, request: Request, mailbox: Mailbox, message: Message, select: tuple[str, ...], *, context: bool = True
    ) -> dict[str, Any]:
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
        head: dict[str, Any] = {"@odata.etag": f'W/"{message.data["changeKey"]}"', "id": self._id(request, message)}
        if context:
            head = {"@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('{mailbox.oid}')/messages/$entity", **head}
        return head | shown

    @staticmethod
    def _id(request: Request, message: Message) -> str:
        return message.immutable_id if wants_immutable(request) else message.mutable_id

    # ---------------------------------------------------------------- delta

    def _delta(self, request: Request, mailbox: Mailbox, folder_key: str) -> tuple[int, Any, dict[str, str]]:
        try:
            folder = self._find_folder(mailbox, folder_key)
        except NotThere as error:
            raise GraphFault(404, "ErrorSyncFolderNotFound", "The specified folder could not be found in the store.") from error
        query = request.query_params
        quirks = self._world.quirks
        skip, delta = query.get("$skiptoken"), query.get("$deltatoken")
        if skip is not None:
            paging = self._resume(skip, folder.id, "delta")
        elif delta is not None:
            paging = self._next_round(mailbox, folder, delta)
        else:
            paging = self._first_round(request, mailbox, folder)
        size = page_size(request) or paging.size or quirks.page_size
        body: dict[str, Any] = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(message)", "value": []}
        path = f"{self._base(request)}/v1.0/me/mailfolders('{quote(folder.id)}')/messages/delta"
        if quirks.empty_pages and skip is None and paging.rest:
            body["@odata.nextLink"] = f"{path}?$skiptoken={self._keep(paging)}"
            return 200, body, {}
        page, rest = paging.rest[:size], paging.rest[size:]
        if quirks.duplicates and rest and page:
            rest = [page[-1], *rest]
            rest = rest if len(page) > 1 else rest[1:]
        body["value"] = [item for i in page if (item := self._delta_item(request, mailbox, folder, i, paging)) is not None]
        paging.rest = rest
        if rest:
            body["@odata.nextLink"] = f"{path}?$skiptoken={self._keep(paging)}"
        else:
            body["@odata.deltaLink"] = f"{path}?$deltatoken={self._end_round(mailbox, folder, paging)}"
        return 200, body, {"Preference-Applied": "odata.track-changes"}

    def _first_round(self, request: Request, mailbox: Mailbox, folder: Folder) -> Paging:
        query, quirks = request.query_params, self._world.quirks
        select = selected(request, message=True)
        found = mailbox.in_folder(folder.id)
        lower = None
        if condition := query.get("$filter"):
            match = CONDITION.match(condition)
            if match is None or match[1] not in {"ge", "gt"}:
                raise GraphFault(400, "BadRequest", "Only receivedDateTime ge or gt is supported in a delta filter.")
            lower = (match[1], match[2])
            found = self._filtered(found, condition)[: quirks.filter_cap]
        order = query.get("$orderby", "").lower().strip()
        if order not in {"", "receiveddatetime desc"}:
            raise GraphFault(400, "BadRequest", "The sort order is not supported in a delta.")
        if not order and quirks.shuffle:
            self._random.shuffle(found)
        if quirks.top_caps_delta and (top := query.get("$top")):
            found = found[: whole(top, 10, MAX_TOP)]
        return Paging(folder.id, [m.immutable_id for m in found], select, mailbox.number, {}, set(), lower, "delta")

    def _next_round(self, mailbox: Mailbox, folder: Folder, token: str) -> Paging:
        """Work out what happened in the folder since the link was given."""
        kept = self._tokens.get(token)
        if kept is None or kept.kind != "round":
            raise GraphFault(400, "BadRequest", "Badly formed token.")
        if kept.folder_id != folder.id or token not in mailbox.delta_links.get(folder.id, ()):
            generation = mailbox.number
            raise GraphFault(
                410, "SyncStateNotFound", f"The sync state generation is not found; generation={kept.number};[highest={generation}]."
            )
        quirks = self._world.quirks
        last: dict[str, list[str]] = {}
        known: dict[str, str] = {}
        for event in mailbox.since(folder.id, kept.number):
            last.setdefault(event.message_id, []).append(event.kind)
            if event.kind == "removed":
                known.setdefault(event.message_id, event.mutable_id)
        removed: dict[str, str] = {}
        partial: set[str] = set()
        rest: list[str] = []
        for message_id, kinds in last.items():
            message = mailbox.messages.get(message_id)
            is_here = message is not None and message.folder_id == folder.id
            if not is_here or (quirks.aba_loss and "removed" in kinds):
                removed[message_id] = known[message_id]
            elif message is not None and not quirks.out_of_filter_events and not above(message, kept.lower):
                continue
            elif quirks.partial_read_updates and set(kinds) == {"read"}:
                partial.add(message_id)
            rest.append(message_id)
        if quirks.shuffle:
            self._random.shuffle(rest)
        return Paging(folder.id, rest, kept.select, mailbox.number, removed, partial, kept.lower, "delta")

    def _delta_item(self, request: Request, mailbox: Mailbox, folder: Folder, message_id: str, paging: Paging) -> dict[str, Any] | None:
        message = mailbox.messages.get(message_id)
        head = {"@odata.type": "#microsoft.graph.message"}
        if message_id in paging.removed:
            shown_id = message_id if wants_immutable(request) else paging.removed[message_id]
            return {**head, "id": shown_id, "@removed": {"reason": "deleted"}}
        if message is None or message.folder_id != folder.id:
            # Gone since the page was made up: the next round tells.
            return None
        if message_id in paging.partial:
            return {**head, "id": self._id(request, message), "isRead": message.data["isRead"], "parentFolderId": message.folder_id}
        return {**head, **self._message(request, mailbox, message, paging.select, context=False)}

    def _end_round(self, mailbox: Mailbox, folder: Folder, paging: Paging) -> str:
        token = self._keep(Paging(folder.id, [], paging.select, paging.number, {}, set(), paging.lower, "round"))
        links = mailbox.delta_links.setdefault(folder.id, [])
        links.append(token)
        del links[: -self._world.quirks.delta_generations]
        return token

    # ---------------------------------------------------------------- attachments

    def _attachments(self, request: Request, message: Message) -> dict[str, Any]:
        select = selected(request)
        known = {"id", "name", "contentType", "size", "isInline", "lastModifiedDateTime"}
        if unknown := set(select) - known:
            raise no_property(min(unknown), "attachment")
        places = [f"{self._id(request, message)}-{n}" for n in range(len(message.attachments))]
        items = [self._attachment(request, message, place, with_content=not select) for place in places]
        if select:
            items = [{k: v for k, v in item.items() if k.startswith("@") or k in select or k == "id"} for item in items]
        return {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#attachments", "value": items}

    def _attachment(self, request: Request, message: Message, place: str, *, with_content: bool) -> dict[str, Any]:
        of, _, text = place.rpartition("-")
        number = int(text) if text.isascii() and text.isdecimal() else -1
        if of not in {message.immutable_id, message.mutable_id} or not 0 <= number < len(message.attachments):
            raise NotThere(place)
        entry = {k: v for k, v in message.attachments[number].items() if k != "content"}
        entry["id"] = f"{self._id(request, message)}-{number}"
        entry["lastModifiedDateTime"] = message.data["lastModifiedDateTime"]
        if not with_content:
            entry.pop("contentBytes", None)
        return entry

    def _attachment_value(self, request: Request, message: Message, place: str) -> tuple[int, Any, dict[str, str]]:
        entry = self._attachment(request, message, place, with_content=False)
        if entry["@odata.type"].endswith("referenceAttachment"):
            raise GraphFault(405, "Request_BadRequest", "Reference attachments have no content.")
        number = int(place.rpartition("-")[2])
        return 200, message.attachments[number]["content"], {"Content-Type": entry["contentType"] or "text/plain"}

    # ---------------------------------------------------------------- helpers

    def _keep(self, paging: Paging) -> str:
        token = f"{paging.kind[0]}{self._random.getrandbits(160):040x}"
        self._tokens[token] = Paging(**{name: getattr(paging, name) for name in Paging.__dataclass_fields__})
        return token

    def _resume(self, token: str, folder_id: str, kind: str) -> Paging:
        kept = self._tokens.get(token)
        if kept is None or kept.folder_id != folder_id or kept.kind != kind:
            raise GraphFault(400, "BadRequest", "Badly formed token.")
        return Paging(**{name: getattr(kept, name) for name in Paging.__dataclass_fields__})

    @staticmethod
    def _base(request: Request) -> str:
        return f"{request.url.scheme}://{request.url.netloc}"
