"""Upload sessions for large attachments: pre-authenticated URLs that take a file range by range (graph-behaviour 5.6)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.graph_simulator.attachments import attach
from tests.graph_simulator.bodies import action, checked
from tests.graph_simulator.call import Answer
from tests.graph_simulator.model import iso
from tests.graph_simulator.odata import GraphFault
from tests.graph_simulator.paths import no_method

if TYPE_CHECKING:
    from datetime import datetime

    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Mailbox, Message
    from tests.graph_simulator.server import World

__all__ = ["Session", "Uploads"]

# Bytes of a file that a session is for, and of one range of it (5.6).
_SMALLEST, _LARGEST = 3 * 2**20, 150 * 2**20
_RANGE = 4 * 2**20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(slots=True)
class Session:
    """A file that is coming."""

    mailbox: Mailbox
    message_id: str
    item: dict[str, Any]
    expires_at: datetime
    content: bytearray = field(default_factory=bytearray)


class Uploads:
    """The sessions that are open, by the token in their URL."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sessions: dict[str, Session] = {}

    def create(self, call: Call, mailbox: Mailbox, message: Message) -> Answer:
        """Open a session for one file of a message."""
        item = checked(action(call, "AttachmentItem").get("AttachmentItem"), "attachmentItem")
        size = item.get("size") or 0
        if item.get("attachmentType") != "file" or not item.get("name"):
            raise GraphFault(400, "ErrorInvalidRequest", "AttachmentItem wants the attachmentType file, a name and a size.")
        if size < _SMALLEST:
            text = "The size of the attachment is less than the minimum of an upload session: attach it with one request."
            raise GraphFault(400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", text)
        if size > _LARGEST:
            raise GraphFault(413, "ErrorAttachmentSizeLimitExceeded", "The attachment exceeds the maximum supported size.")
        if size + sum(len(a["content"]) for a in message.attachments if a) > self._world.quirks.message_cap:
            raise GraphFault(413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
        expires = self._world.now() + timedelta(seconds=self._world.quirks.upload_ttl)
        token = mailbox.new_conversation_id()
        self._sessions[token] = Session(mailbox, message.immutable_id, item, expires)
        body = {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.uploadSession",
            "uploadUrl": f"{self._place(call, mailbox)}/Messages('{quote(message.immutable_id)}')/AttachmentSessions('{token[:40]}')"
            f"?authtoken={token}",
            "expirationDateTime": iso(expires),
            "nextExpectedRanges": ["0-"],
        }
        return Answer(201, body)

    @staticmethod
    def _place(call: Call, mailbox: Mailbox) -> str:
        # The real one is on another host, outlook.office.com.
        return f"{call.base}/outlook/api/gv1.0/Users('{mailbox.oid}@{mailbox.tid}')"

    def find(self, call: Call) -> Session:
        """Return the session of a URL: the token in it is all that is asked for."""
        if "authorization" in call.headers:
            raise GraphFault(401, "InvalidAuthenticationToken", "The upload URL is pre-authenticated: no Authorization header is taken.")
        token = call.query_params.get("authtoken", "")
        session = self._sessions.get(token)
        if session is None or f"AttachmentSessions('{token[:40]}')" not in call.path:
            raise _gone()
        if session.expires_at <= self._world.time():
            del self._sessions[token]
            raise _gone()
        return session

    def answer(self, call: Call, session: Session) -> Answer:
        """Take a range, or give the session up."""
        match call.method:
            case "PUT":
                return self._put(call, session)
            case "DELETE":
                del self._sessions[call.query_params["authtoken"]]
                return Answer(204)
            case _:
                raise no_method(call.method)

    def _put(self, call: Call, session: Session) -> Answer:
        match = _CONTENT_RANGE.fullmatch(call.headers.get("content-range", ""))
        if match is None:
            raise GraphFault(400, "ErrorInvalidRequest", "Content-Range is missing or is not of the form 'bytes a-b/total'.")
        first, last, total = (int(number) for number in match.groups())
        size, here = int(session.item["size"]), len(session.content)
        if total != size or last < first or last >= total or last - first + 1 != len(call.body):
            raise GraphFault(400, "ErrorInvalidRequest", f"Content-Range does not fit the {len(call.body)} bytes sent of a file of {size}.")
        if len(call.body) >= _RANGE:
            raise GraphFault(413, "RequestEntityTooLarge", "A range has to be smaller than 4 MB.")
        if first != here:
            raise GraphFault(416, "InvalidRange", f"The next expected range begins at {here}.")
        message = session.mailbox.messages.get(session.message_id)
        if message is None:
            raise _gone()
        session.content += call.body
        if len(session.content) < size:
            body = {"expirationDateTime": iso(session.expires_at), "nextExpectedRanges": [str(len(session.content))]}
            return Answer(200, body)
        # Checked again: others may have been attached meanwhile.
        place = attach(session.mailbox, message, _file(session), self._world.quirks.message_cap)
        del self._sessions[call.query_params["authtoken"]]
        where = f"/Messages('{message.immutable_id}')/Attachments('{message.immutable_id}-{place}')"
        return Answer(201, None, {"Location": self._place(call, session.mailbox) + where})


def _file(session: Session) -> dict[str, Any]:
    item, content = session.item, bytes(session.content)
    return {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": item["name"],
        "contentType": item.get("contentType") or "application/octet-stream",
        "isInline": bool(item.get("isInline")),
        "lastModifiedDateTime": None,
        "contentId": item.get("contentId"),
        "contentLocation": None,
        "contentBytes": base64.b64encode(content).decode(),
        "content": content,
        "size": len(content),
    }


def _gone() -> GraphFault:
    return GraphFault(404, "ErrorItemNotFound", "The upload session was not found.")
