"""Load: people and other clients at work in a mailbox, drawn from a seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import trio

from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.model import iso
from tests.graph_simulator.seed import MAILS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.graph_simulator.model import Mailbox

__all__ = ["LETTER", "Load"]

# How subjects begin of mails that are sent from Odoo meanwhile: nobody else touches them, so that each can be counted.
LETTER = "Letter of the drill "

# Own folders of a mailbox: room to come and go, few enough for one listing.
_FOLDERS = 12
# Messages of a folder that comes whole, as an import makes it: more than the bootstrap takes.
_IMPORTED = 60
# Mean seconds between two changes of one mailbox.
_PAUSE = 0.03

# How often each change is drawn, in relation to the others.
_WEIGHTS = {
    "deliver": 24,
    "deliver_old": 5,
    "read": 20,
    "flag": 8,
    "categorize": 5,
    "move": 12,
    "there_and_back": 10,
    "chain": 5,
    "trash": 6,
    "delete": 6,
    "import_folder": 1,
    "rename_folder": 1,
    "move_folder": 1,
    "delete_folder": 1,
    "forget_link": 1,
}


@cache
def _mail() -> list[tuple[dict[str, Any], bytes, list[dict[str, Any]]]]:
    """Return some real mails, read once."""
    mails = [path.read_bytes() for path in MAILS[::3]]
    return [(data, mime, attachments) for mime in mails for data, attachments in [to_graph(mime, None)]]


@dataclass(slots=True)
class Load:
    """Changes one mailbox until cancelled; `done` counts what it did."""

    mailbox: Mailbox
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Change it, again and again."""
        kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
        while True:
            (kind,) = self.rng.choices(kinds, weights)
            self.change(kind)
            await trio.sleep(self.rng.expovariate(1 / _PAUSE))

    def change(self, kind: str) -> None:
        """Let one thing happen, if the mailbox has what it takes."""
        message = self.rng.choice(list(self.mailbox.messages)) if self.mailbox.messages else None
        if kind in _OF_A_MESSAGE and message is None:
            return
        if kind in _OF_A_MESSAGE:
            if str(self.mailbox.messages[str(message)].data["subject"]).startswith(LETTER):
                return
            _OF_A_MESSAGE[kind](self, str(message))
        else:
            _OF_A_MAILBOX[kind](self)
        self.done[kind] += 1

    # ---------------------------------------------------------------- of the mailbox

    def _deliver(self) -> None:
        inbox = self.mailbox.folder_id("inbox")
        self._add(inbox if self.rng.random() < 0.7 else self._folder(), timedelta())

    def _deliver_old(self) -> None:
        """A mail that another client copied in: new here, old by its date."""
        self._add(self._folder(), timedelta(hours=self.rng.uniform(1, 3000)))

    def _import_folder(self) -> None:
        if len(self._own()) < _FOLDERS:
            folder = self.mailbox.add_folder(f"Import {self.rng.randrange(1000)}", self._folder())
            for _ in range(_IMPORTED):
                self._add(folder.id, timedelta(hours=self.rng.uniform(1, 3000)))

    def _rename_folder(self) -> None:
        if own := self._own():
            self.mailbox.change_folder(self.rng.choice(own), name=f"Renamed {self.rng.randrange(1000)}")

    def _move_folder(self) -> None:
        if own := self._own():
            moved, to = self.rng.choice(own), self._folder()
            if not self.mailbox.is_within(self.mailbox.folders[to], self.mailbox.folders[moved]):
                self.mailbox.change_folder(moved, parent_id=to)

    def _delete_folder(self) -> None:
        if own := self._own():
            self.mailbox.delete_folder(self.rng.choice(own))

    def _forget_link(self) -> None:
        """Graph forgets what it gave for one folder."""
        self.mailbox.delta_links.pop(self._folder(), None)

    # ---------------------------------------------------------------- of a message

    def _read(self, message: str) -> None:
        self.mailbox.set_read(message, is_read=not self.mailbox.messages[message].data["isRead"])

    def _flag(self, message: str) -> None:
        flagged = self.mailbox.messages[message].data["flag"]["flagStatus"] == "flagged"
        self.mailbox.set_flag(message, "notFlagged" if flagged else "flagged")

    def _categorize(self, message: str) -> None:
        importance = self.rng.choice(["low", "normal", "high"])
        self.mailbox.change(message, {"categories": [f"Colour {self.rng.randrange(9)}"], "importance": importance})

    def _move(self, message: str) -> None:
        self.mailbox.move(message, self._folder())

    def _there_and_back(self, message: str) -> None:
        home = self.mailbox.messages[message].folder_id
        self.mailbox.move(message, self._folder())
        self.mailbox.move(message, home)

    def _chain(self, message: str) -> None:
        for _ in range(3):
            self.mailbox.move(message, self._folder())

    def _trash(self, message: str) -> None:
        self.mailbox.move(message, self.mailbox.folder_id("deleteditems"))

    def _delete(self, message: str) -> None:
        self.mailbox.delete(message)

    # ---------------------------------------------------------------- what there is

    def _folder(self) -> str:
        """Return a folder in which people see mail, Junk Email too."""
        closed = {"msgfolderroot", "outbox"}
        folders = self.mailbox.folders.values()
        return self.rng.choice([f.id for f in folders if f.well_known not in closed and not f.is_hidden and not f.is_search])

    def _own(self) -> list[str]:
        folders = self.mailbox.folders.values()
        return [f.id for f in folders if not f.well_known and not f.is_hidden and not f.is_search]

    def _add(self, folder_id: str, age: timedelta) -> None:
        data, mime, attachments = self.rng.choice(_mail())
        number = self.rng.getrandbits(48)
        moment = iso(self.mailbox.clock() - age)
        new = {
            "subject": f"{data['subject']} [{number}]",
            "internetMessageId": f"<{number}@drill.example>",
            "receivedDateTime": moment,
            "sentDateTime": moment,
            "isRead": self.rng.random() < 0.3,
        }
        self.mailbox.add(folder_id, data | new, mime, list(attachments))


_OF_A_MAILBOX: dict[str, Callable[[Load], None]] = {
    "deliver": Load._deliver,
    "deliver_old": Load._deliver_old,
    "import_folder": Load._import_folder,
    "rename_folder": Load._rename_folder,
    "move_folder": Load._move_folder,
    "delete_folder": Load._delete_folder,
    "forget_link": Load._forget_link,
}
_OF_A_MESSAGE: dict[str, Callable[[Load, str], None]] = {
    "read": Load._read,
    "flag": Load._flag,
    "categorize": Load._categorize,
    "move": Load._move,
    "there_and_back": Load._there_and_back,
    "chain": Load._chain,
    "trash": Load._trash,
    "delete": Load._delete,
}
