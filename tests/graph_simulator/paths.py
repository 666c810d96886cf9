"""Paths below `/v1.0`, taken as liberally as Graph takes them.

`/me` and `/users/{id or address}`, `mailFolders/{id}` and `mailFolders('id')`, any case of segment names, `delta`, `delta()` and
`microsoft.graph.delta()`, double slashes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.graph_simulator.odata import GraphFault

if TYPE_CHECKING:
    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Mailbox

__all__ = ["no_method", "no_segment", "segments_of"]

_SEGMENT = re.compile(r"^([A-Za-z.$]+)\('(.*)'\)$")
_ACTIONS = {
    *("move", "copy", "send", "reply", "replyall", "forward", "createreply", "createreplyall", "createforward", "permanentdelete"),
    *("sendmail", "createuploadsession", "reauthorize", "delta"),
}
_NAMES = {"mailfolders", "messages", "childfolders", "attachments", "$value", "subscriptions"} | _ACTIONS


def segments_of(call: Call, mailbox: Mailbox) -> list[str]:
    """Split the raw path below /v1.0, names lowered, keys kept; what stands for the mailbox is not among them.

    `subscriptions` stand beside the mailbox: they come back as `/subscriptions`.
    """
    parts: list[str] = []
    for piece in call.raw_path.split("/")[2:]:
        if not piece:
            continue
        text = unquote(piece)
        if match := _SEGMENT.match(text):
            parts += [match[1], match[2]]
        else:
            parts.append(text.removesuffix("()"))
    if parts and parts[0].lower() == "subscriptions":
        return ["/subscriptions", *(_name(p) for p in parts[1:])]
    if parts and parts[0].lower() == "me":
        parts = parts[1:]
    elif len(parts) > 1 and parts[0].lower() == "users":
        if parts[1].lower() not in {mailbox.address.lower(), mailbox.user_id, "me-token-to-replace"}:
            raise GraphFault(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        parts = parts[2:]
    else:
        raise GraphFault(400, "BadRequest", "Resource not found for the segment.")
    return [_name(p) for p in parts]


def _name(part: str) -> str:
    lowered = part.lower()
    bare = lowered.removeprefix("microsoft.graph.")
    if bare in _ACTIONS:
        return bare
    return lowered if lowered in _NAMES else part


def no_segment(segments: list[str]) -> GraphFault:
    """Return the error of a path that leads nowhere."""
    return GraphFault(400, "BadRequest", f"Resource not found for the segment '{segments[-1] if segments else ''}'.")


def no_method(method: str) -> GraphFault:
    """Return the error of a method that a path does not have."""
    return GraphFault(405, "Request_BadRequest", f"Specified HTTP method is not allowed for the request target: {method}.")
