"""What a request has to pass before it is carried out: scopes, other writers, stale versions, sizes (graph-behaviour 5 and 10)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.graph_simulator.model import NotThere
from tests.graph_simulator.odata import GraphFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.graph_simulator.call import Call
    from tests.graph_simulator.model import Mailbox, Message
    from tests.graph_simulator.quirks import Quirks

__all__ = ["Writers", "check_scopes", "check_size", "check_version"]

_READ = {"mail.read", "mail.readbasic", "mail.readwrite"}
_SEND = {"sendmail", "send", "reply", "replyall", "forward"}
# Actions on a message that leave it as it is.
_HARMLESS = {"copy", "createreply", "createreplyall", "createforward", "reply", "replyall", "forward"}


def check_scopes(call: Call, segments: Sequence[str], scopes: Sequence[str], quirks: Quirks) -> None:
    """Refuse what the token's scopes do not allow: one writes with Mail.ReadWrite alone, and sends with Mail.Send alone."""
    held = {scope.rpartition("/")[2].lower() for scope in scopes}
    if not segments:
        return
    if segments[0] == "/subscriptions":
        wanted = _READ - ({"mail.readwrite"} if quirks.subscribe_needs_read else set())
    elif call.method == "GET":
        wanted = _READ
    else:
        wanted = {"mail.send"} if segments[-1] in _SEND else {"mail.readwrite"}
    if not held & wanted:
        raise GraphFault(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def check_size(call: Call, quirks: Quirks) -> None:
    """Refuse a body that is too large."""
    if len(call.body) > quirks.body_cap:
        raise GraphFault(413, "RequestEntityTooLarge", "The request body is too large.")


def check_version(call: Call, message: Message) -> None:
    """Refuse a write to another version of the message than it is for."""
    wanted = call.headers.get("if-match", "*")
    if wanted != "*" and wanted.removeprefix("W/").strip('"') != message.data["changeKey"]:
        text = (
            "The send or update operation could not be performed because the change key passed in the request does not match the current "
        )
        raise GraphFault(412, "ErrorIrresolvableConflict", f"{text}change key for the item.")


class Writers:
    """Who writes to which message at the moment."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    @contextmanager
    def alone(self, call: Call, mailbox: Mailbox, segments: Sequence[str], quirks: Quirks) -> Iterator[None]:
        """Hold a message while it is written to; a second write meanwhile is refused."""
        key = self._written(call, mailbox, segments)
        if not key or not quirks.write_conflicts:
            yield
            return
        if key in self._held:
            raise GraphFault(
                409, "ErrorIrresolvableConflict", "The send or update operation could not be performed: another one is under way."
            )
        self._held.add(key)
        try:
            yield
        finally:
            self._held.discard(key)

    @staticmethod
    def _written(call: Call, mailbox: Mailbox, segments: Sequence[str]) -> str:
        if call.method == "GET" or len(segments) < 2 or segments[0] != "messages" or segments[-1] in _HARMLESS:
            return ""
        try:
            return mailbox.find(segments[1]).immutable_id
        except NotThere:
            return ""
