"""The truth: mailboxes with folders and messages.

A message has one immutable id for life; its mutable id changes with every move. What happens is written down in the mailbox's history.
"""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.graph_simulator.history import Event

__all__ = ["ROLES", "Folder", "Mailbox", "Message", "NotThere", "iso", "utc_now"]

# Well-known names that a mailbox has here (mailFolder resource page).
ROLES = ("msgfolderroot", "inbox", "sentitems", "drafts", "deleteditems", "junkemail", "archive", "outbox")


class NotThere(LookupError):
    """No folder or message of that id."""


@dataclass(slots=True)
class Message:
    """A message; `data` has Graph's properties except ids, folder and attachments."""

    immutable_id: str
    folder_id: str
    data: dict[str, Any]
    mime: bytes
    attachments: list[dict[str, Any]] = field(default_factory=list)
    moves: int = 0
    # The id that a client gets who does not ask for immutable ones.
    mutable_id: str = ""
    # Number of the event by which it came into its folder.
    arrived: int = 0
    # Extended properties by id, and header lines that no property of Graph's has (In-Reply-To, References).
    tags: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    # What is wrong with it: "shape" (values of wrong types), "undated" (never received), "corrupt" or "STATUS CODE" (cannot be opened).
    poison: str = ""

    def __post_init__(self) -> None:
        self.renew_mutable_id()

    def renew_mutable_id(self) -> None:
        """Make the mutable id that belongs to the number of moves."""
        digest = hashlib.sha256(f"{self.immutable_id}/{self.moves}".encode()).digest()
        self.mutable_id = "AAMkAGI" + base64.urlsafe_b64encode(digest * 2).decode().rstrip("=") + "AAA="

    @property
    def sort_key(self) -> tuple[str, str]:
        """What a folder is sorted by."""
        return self.data["receivedDateTime"], self.immutable_id


@dataclass(slots=True)
class Folder:
    """A folder; `well_known` is '' for the user's own."""

    id: str
    parent_id: str | None
    name: str
    well_known: str = ""
    is_hidden: bool = False
    is_search: bool = False


@dataclass(slots=True)
class _Content:
    """What is in a folder, oldest first, so that pages and bounds cost no walk through the mailbox."""

    keys: list[tuple[str, str]] = field(default_factory=list)
    unread: int = 0

    def put(self, message: Message) -> None:
        insort(self.keys, message.sort_key)
        self.unread += not message.data["isRead"]

    def take(self, message: Message) -> None:
        del self.keys[bisect_left(self.keys, message.sort_key)]
        self.unread -= not message.data["isRead"]


class Mailbox:
    """One mailbox. All changes go through its methods, so that deltas know of them."""

    def __init__(self, address: str, name: str, *, personal: bool = False, aliases: Sequence[str] = (), upn: str | None = None) -> None:
        """`aliases` are more addresses of a work mailbox; `upn` is what its person signs in as, if that is not the address."""
        self.address = address
        self.name = name
        self.personal = personal
        self.aliases = tuple(aliases)
        self.upn = upn or address
        self.clock: Callable[[], datetime] = utc_now
        self._random = random.Random(address)  # noqa: S311 - test data, the same for every run
        self.oid = self._uuid()
        # All personal accounts are in one tenant, work accounts in one for each domain.
        organisation = uuid.uuid5(uuid.NAMESPACE_DNS, address.rpartition("@")[2].lower())
        self.tid = "9188040d-6c67-4c5b-b112-36a304b66dad" if personal else str(organisation)
        self.folders: dict[str, Folder] = {}
        self.messages: dict[str, Message] = {}
        self._mutable: dict[str, Message] = {}
        self._content: dict[str, _Content] = {}
        self.history = History()
        # Is told of each event of a message: webhooks listen here.
        self.watch: Callable[[Mailbox, str, Event], None] = _nobody
        # Messages that were deleted for good, in a folder that no list has.
        self.recoverable: dict[str, Message] = {}
        self.recoverable_id = self._id("AQMkAG", 60)
        self.in_flight = 0
        self.requests = 0
        self.delta_links: dict[str, list[str]] = {}
        for role in ROLES:
            parent = None if role == "msgfolderroot" else self.folder_id("msgfolderroot")
            self.add_folder(_NAMES[role], parent, well_known=role)

    @property
    def user_id(self) -> str:
        """Graph's id of the person: the object id of a work account, 16 hexadecimal digits of a personal one."""
        return self.oid.replace("-", "")[:16] if self.personal else self.oid

    def proxy_addresses(self) -> list[str]:
        """Every address as Graph's `proxyAddresses` has them: the primary one in capitals, and addresses that are none of mail."""
        if self.personal:
            return []
        return [f"x500:/o=ExchangeLabs/cn={self.oid}", *(f"smtp:{alias}" for alias in self.aliases), f"SMTP:{self.address}"]

    # ---------------------------------------------------------------- folders

    def add_folder(
        self, name: str, parent_id: str | None, *, well_known: str = "", is_hidden: bool = False, is_search: bool = False
    ) -> Folder:
        """Make a folder under `parent_id`."""
        folder = Folder(self._id("AQMkAG", 60), parent_id, name, well_known, is_hidden, is_search)
        self.folders[folder.id] = folder
        self._content[folder.id] = _Content()
        self.history.tell_folder(folder.id, "changed", self.clock())
        return folder

    def change_folder(self, folder_id: str, *, name: str | None = None, parent_id: str | None = None) -> Folder:
        """Rename or move a folder."""
        folder = self.folders[folder_id]
        folder.name = folder.name if name is None else name
        folder.parent_id = folder.parent_id if parent_id is None else parent_id
        self.history.tell_folder(folder_id, "changed", self.clock())
        return folder

    def delete_folder(self, folder_id: str) -> None:
        """Delete a folder for good, with what is in it."""
        for child in [f.id for f in self.folders.values() if f.parent_id == folder_id]:
            self.delete_folder(child)
        for message in self.in_folder(folder_id):
            self.delete(message.immutable_id)
        del self.folders[folder_id]
        self.history.tell_folder(folder_id, "removed", self.clock())

    def find_folder(self, name_or_id: str) -> Folder:
        """Return a folder by id, or by well-known name in any case. Raises `NotThere`."""
        if name_or_id in self.folders:
            return self.folders[name_or_id]
        wanted = name_or_id.lower()
        wanted = "msgfolderroot" if wanted == "root" else wanted
        for folder in self.folders.values():
            if folder.well_known and folder.well_known == wanted:
                return folder
        raise NotThere(name_or_id)

    def folder_id(self, well_known: str) -> str:
        """Return the id of a well-known folder."""
        return self.find_folder(well_known).id

    def children(self, folder_id: str) -> list[Folder]:
        """Return the direct children of a folder, hidden ones too."""
        return [f for f in self.folders.values() if f.parent_id == folder_id]

    def is_within(self, folder: Folder, other: Folder) -> bool:
        """Tell whether a folder is `other` or somewhere below it."""
        while folder.id != other.id:
            if folder.parent_id is None:
                return False
            folder = self.folders[folder.parent_id]
        return True

    def in_folder(self, folder_id: str) -> list[Message]:
        """Return the messages of a folder, newest first."""
        return [self.messages[i] for i in self.ids_in_folder(folder_id)]

    def ids_in_folder(self, folder_id: str, *, first: str = "", last: str = "~") -> list[str]:
        """Return the ids in a folder, newest first, received from `first` to `last` (both inclusive, as Graph writes times)."""
        keys = self._content[folder_id].keys
        low, high = bisect_left(keys, (first,)), bisect_right(keys, (last, "~"))
        return [message_id for _, message_id in reversed(keys[low:high])]

    def counts(self, folder_id: str) -> tuple[int, int]:
        """Return (unread, total)."""
        content = self._content[folder_id]
        return content.unread, len(content.keys)

    # ---------------------------------------------------------------- messages

    def find(self, message_id: str) -> Message:
        """Return a message by its immutable or its present mutable id (case matters). Raises `NotThere`."""
        found = self.messages.get(message_id) or self._mutable.get(message_id)
        if found is None:
            raise NotThere(message_id)
        return found

    def add(self, folder_id: str, data: dict[str, Any], mime: bytes, attachments: list[dict[str, Any]]) -> Message:
        """Put a new message into a folder."""
        message = Message(self._id("AAkALgAA", 90) + "=", folder_id, data, mime, attachments)
        self.put(message, folder_id)
        return message

    def put(self, message: Message, folder_id: str, *, renamed: bool = False) -> None:
        """Put a message into a folder that is in none; `renamed` gives it other ids."""
        message.folder_id = folder_id
        if renamed:
            message.immutable_id = self._id("AAkALgAA", 90) + "="
            message.renew_mutable_id()
        self.messages[message.immutable_id] = self._mutable[message.mutable_id] = message
        self._content[folder_id].put(message)
        self._log(message, "added")

    def lift(self, message_id: str) -> Message:
        """Take a message out of its folder: it is in none then, and no id finds it."""
        message = self.find(message_id)
        self._log(message, "removed")
        self._content[message.folder_id].take(message)
        del self.messages[message.immutable_id], self._mutable[message.mutable_id]
        message.moves += 1
        message.renew_mutable_id()
        return message

    def move(self, message_id: str, folder_id: str) -> Message:
        """Move a message; its mutable id changes."""
        message = self.find(message_id)
        if message.folder_id != folder_id:
            self._log(message, "removed")
            self._content[message.folder_id].take(message)
            message.folder_id = folder_id
            self._content[folder_id].put(message)
            del self._mutable[message.mutable_id]
            message.moves += 1
            message.renew_mutable_id()
            self._mutable[message.mutable_id] = message
            self._log(message, "moved")
        return message

    def set_read(self, message_id: str, *, is_read: bool) -> Message:
        """Mark read or unread; lastModifiedDateTime does not move (section 1.3)."""
        message = self.find(message_id)
        if message.data["isRead"] != is_read:
            self._set(message, {"isRead": is_read})
            self._touch(message, "read")
        return message

    def set_flag(self, message_id: str, status: str) -> Message:
        """Set the follow-up flag: notFlagged, flagged or complete."""
        return self.change(message_id, {"flag": {"flagStatus": status}})

    def change(self, message_id: str, values: dict[str, Any]) -> Message:
        """Change properties of a message; all but the read state move lastModifiedDateTime."""
        message = self.find(message_id)
        self._set(message, {"lastModifiedDateTime": iso(self.clock()), **values})
        self._touch(message, "changed")
        return message

    def delete(self, message_id: str) -> None:
        """Delete a message for good."""
        message = self.lift(message_id)
        message.folder_id = self.recoverable_id
        self.recoverable[message.immutable_id] = message

    def live_by(self, clock: Callable[[], datetime]) -> None:
        """Take up a world's time; what happened before is long ago."""
        self.clock = clock
        self.history.age()

    def truth(self) -> list[dict[str, Any]]:
        """Return every message as it is, for comparisons."""
        return [self.truth_of(m) for m in self.messages.values()]

    def truth_of(self, message: Message) -> dict[str, Any]:
        """Return one message as it is."""
        folder = self.folders[message.folder_id]
        data = message.data
        sender = (data.get("from") or {}).get("emailAddress") or {}
        return {
            "id": message.immutable_id,
            "folder": folder.name,
            "folder_id": folder.id,
            "well_known": folder.well_known,
            "subject": data["subject"],
            "from": {"name": sender.get("name"), "address": sender.get("address")},
            "to": data["toRecipients"],
            "isRead": data["isRead"],
            "flag": data["flag"]["flagStatus"],
            "importance": data["importance"],
            "categories": data["categories"],
            "received": data["receivedDateTime"],
            "hasAttachments": data["hasAttachments"],
            "isDraft": data["isDraft"],
            "internetMessageId": data["internetMessageId"],
            "preview": data["bodyPreview"],
        }

    def new_internet_id(self) -> str:
        """Make the Message-ID of a mail that is written here."""
        return f"<{self._id('DB9PR', 24)}@{self._id('DB9PR', 12)}.eurprd.prod.outlook.com>"

    def new_conversation_id(self) -> str:
        """Make the id of a thread that begins here."""
        return self._id("AAQkAG", 60)

    def _set(self, message: Message, values: dict[str, Any]) -> None:
        content = self._content[message.folder_id]
        content.take(message)
        message.data.update(values)
        content.put(message)

    def _touch(self, message: Message, kind: str) -> None:
        message.data["changeKey"] = self._id("CQAAABYA", 24)
        self._log(message, kind)

    def _log(self, message: Message, kind: str) -> None:
        ids = message.immutable_id, message.mutable_id
        event = self.history.tell(message.folder_id, kind, ids, message.data["receivedDateTime"], self.clock())
        self.watch(self, message.folder_id, event)
        if kind in {"added", "moved"}:
            message.arrived = self.history.number

    def _id(self, prefix: str, length: int) -> str:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return prefix + "".join(self._random.choices(alphabet, k=length))

    def _uuid(self) -> str:
        text = f"{self._random.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


_NAMES = {
    "msgfolderroot": "Top of Information Store",
    "inbox": "Inbox",
    "sentitems": "Sent Items",
    "drafts": "Drafts",
    "deleteditems": "Deleted Items",
    "junkemail": "Junk Email",
    "archive": "Archive",
    "outbox": "Outbox",
}


def _nobody(_: Mailbox, __: str, ___: Event) -> None:
    """Hear of an event and do nothing."""


def utc_now() -> datetime:
    """Return the time by this machine's clock."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Return a datetime as Graph writes it: in UTC, to the second. One without a zone is UTC."""
    plain = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return f"{plain.isoformat(timespec='seconds')}Z"
