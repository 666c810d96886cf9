"""The post: an accepted mail stands in Drafts for a while, then in no folder, then in Sent Items; it goes out once, or more than once.

What really went out is in `outgoing`. Mailboxes of this world get what is sent to them, and some recipients bounce (graph-behaviour 5.2
to 5.4).
"""

from __future__ import annotations

from email.parser import BytesHeaderParser
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.bounce import bounce
from tests.graph_simulator.budget import SendBudget
from tests.graph_simulator.call import Answer
from tests.graph_simulator.compose import person_line, with_headers
from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.model import iso
from tests.graph_simulator.odata import GraphFault
from tests.graph_simulator.quirks import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.graph_simulator.model import Mailbox, Message
    from tests.graph_simulator.server import World

__all__ = ["Post"]

_RECIPIENTS = ("toRecipients", "ccRecipients", "bccRecipients")


class Post:
    """Takes mail and carries it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._budget = SendBudget()
        # Accepted drafts that still stand in Drafts, and how often each is to go out.
        self._accepted: dict[str, int] = {}
        self._answers = 0
        self.outgoing: list[dict[str, Any]] = []

    def check(self, mailbox: Mailbox, data: dict[str, Any], attachments: Sequence[dict[str, Any]]) -> None:
        """Refuse a mail that cannot be sent, or that is one too many."""
        people = [person for name in _RECIPIENTS for person in data[name]]
        addresses = [_address(person) for person in people]
        if not addresses or not all(_is_address(a) for a in addresses):
            raise GraphFault(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
        quirks = self._world.quirks
        allowed = {mailbox.address.lower(), *(a.lower() for a in listed(quirks.send_as))}
        for name in ("from", "sender"):
            if data[name] and _address(data[name]).lower() not in allowed:
                text = "The user account which was used to submit this request does not have the right to send mail on behalf of the "
                raise GraphFault(403, "ErrorSendAsDenied", f"{text}specified sending account.")
        if sum(len(a["content"]) for a in attachments if a) > quirks.message_cap:
            raise GraphFault(413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
        self._budget.spend(mailbox.address, self._world.time(), quirks)

    def accept(self, mailbox: Mailbox, message: Message, *, is_saved: bool = True) -> Answer:
        """Take a draft that was checked. The answer may say that something went wrong: nothing did."""
        key, quirks = message.immutable_id, self._world.quirks
        if key not in self._accepted:
            self._accepted[key] = 1
            self._world.agenda.act(quirks.send_pickup, partial(self._pick_up, mailbox, key, is_saved=is_saved))
        elif quirks.resend_doubles:
            self._accepted[key] += 1
        self._answers += 1
        if quirks.send_504 and self._answers % quirks.send_504 == 0:
            raise GraphFault(504, "UnknownError", "")
        is_odd = quirks.send_202_retry and self._answers % quirks.send_202_retry == 0
        return Answer(202, None, {"Retry-After": "5"} if is_odd else {})

    def _pick_up(self, mailbox: Mailbox, key: str, *, is_saved: bool) -> None:
        times = self._accepted.pop(key)
        message = mailbox.messages.get(key)
        trash = mailbox.find_folder("deleteditems")
        if message is None or mailbox.is_within(mailbox.folders[message.folder_id], trash):
            # Deleted between the 202 and the transport.
            return
        mailbox.lift(key)
        now, data = self._world.now(), message.data
        own = {"emailAddress": {"name": mailbox.name, "address": mailbox.address}}
        message.data = data = data | {
            "from": data["from"] or own,
            "sender": data["sender"] or data["from"] or own,
            "isDraft": False,
            "isRead": True,
            "sentDateTime": iso(now),
            "receivedDateTime": iso(now),
            "lastModifiedDateTime": iso(now),
            "internetMessageId": data["internetMessageId"] or mailbox.new_internet_id(),
        }
        lines = {
            "From": person_line(data["from"]),
            "Date": format_datetime(now),
            "Message-ID": data["internetMessageId"],
        }
        message.mime = with_headers(message.mime, lines, without=("Sender",))
        for _ in range(times):
            self.outgoing.append(_sent(mailbox, message, iso(now)))
        self._world.agenda.act(self._world.quirks.send_transit, partial(self._arrive, mailbox, message, times, is_saved=is_saved))

    def _arrive(self, mailbox: Mailbox, message: Message, times: int, *, is_saved: bool) -> None:
        quirks = self._world.quirks
        wire = with_headers(message.mime, {}, without=("Bcc",))
        people = dict.fromkeys(_address(p).lower() for name in _RECIPIENTS for p in message.data[name])
        if is_saved:
            if not quirks.sent_keeps_properties:
                message.tags = {}
            sent_items = mailbox.folder_id("sentitems")
            mailbox.put(message, sent_items, renamed=quirks.sent_id_changes)
            for _ in range(times - 1):
                mailbox.add(sent_items, dict(message.data), message.mime, list(message.attachments)).tags = dict(message.tags)
        by_address = {m.address.lower(): m for m in self._world.mailboxes.values()}
        for _ in range(times):
            for address in people:
                if _bounces(address, quirks.ndr_recipients):
                    self._deliver(mailbox, bounce(message, address, mailbox, self._world.now()))
                elif address in by_address:
                    self._deliver(by_address[address], wire)

    def _deliver(self, mailbox: Mailbox, mime: bytes) -> None:
        data, attachments = to_graph(mime, self._world.now())
        arrived = mailbox.add(mailbox.folder_id("inbox"), data, mime, attachments)
        lines = BytesHeaderParser().parsebytes(mime)
        arrived.headers = {name: str(lines[name]) for name in ("In-Reply-To", "References") if lines[name]}


def _sent(mailbox: Mailbox, message: Message, at: str) -> dict[str, Any]:
    data = message.data
    people = {name.removesuffix("Recipients"): [_address(p) for p in data[name]] for name in _RECIPIENTS}
    return {
        "at": at,
        "mailbox": mailbox.address,
        "draft": message.immutable_id,
        "internetMessageId": data["internetMessageId"],
        "from": _address(data["from"]),
        **people,
        "subject": data["subject"],
        "body": data["body"],
        "attachments": [{"name": a["name"], "size": a["size"]} for a in message.attachments if a],
        "properties": dict(message.tags),
        "headers": dict(message.headers),
    }


def _address(person: dict[str, Any]) -> str:
    return str((person.get("emailAddress") or {}).get("address") or "")


def _is_address(text: str) -> bool:
    name, _, domain = text.rpartition("@")
    return bool(name and domain) and not any(c.isspace() or c in "<>,;" for c in text)


def _bounces(address: str, switch: str) -> bool:
    return any(address == one or (one.startswith("@") and address.endswith(one)) for one in (o.lower() for o in listed(switch)))
