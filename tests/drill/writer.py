"""A person who writes and files mail in Odoo while everything is killed: sends letters, each asked for once, and acts on the Inbox.

Answers that are lost are the point: whoever does not know whether a letter was sent looks before sending it again, as a person does.
"""

from __future__ import annotations

import base64
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx  # noqa: ASYNC127 - as tests/odoo/person.py has it
import trio

from tests.drill.load import LETTER
from tests.odoo.person import OdooCallError, Person

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.drill.place import Place

__all__ = ["Letter", "Writer"]

# Mean seconds between two things that one person does.
_PAUSE = 0.5
# Things done with mail for each letter.
_ACTS = 2
# Seconds before Odoo is asked again that did not answer, and for how long it is.
_AGAIN = 0.2
_PATIENCE = 60.0
_KINDS = ["read", "unread", "flag", "unflag", "archive", "delete", "importance", "categories", "move"]
# What Odoo, or a dead worker, answers in place of an answer.
_TROUBLE = (httpx.HTTPError, OdooCallError, ValueError, KeyError, AssertionError)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that was sent by a person: its draft in Odoo, and what it has to be at its recipient."""

    draft: int
    subject: str
    to: str
    files: tuple[str, ...]


@dataclass(slots=True)
class Writer:
    """Works in one mailbox until `count` letters are sent."""

    place: Place
    account: int
    count: int
    rng: random.Random
    letters: list[Letter] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    _person: Person | None = None

    async def run(self) -> None:
        """Write and act."""
        for number in range(self.count):
            for _ in range(_ACTS):
                await self._pause()
                await trio.to_thread.run_sync(self._act)
            await self._pause()
            self.letters.append(await trio.to_thread.run_sync(self._send, number))
        if self._person is not None:
            self._person.close()

    async def _pause(self) -> None:
        await trio.sleep(self.rng.expovariate(1 / _PAUSE))

    # ---------------------------------------------------------------- letters

    def _send(self, number: int) -> Letter:
        """Write a letter and send it; it was sent when this returns."""
        subject = f"{LETTER}{self.account}.{number}"
        to = f"reader{number}@elsewhere.example"
        names = (f"{number}.txt",) if number % 4 == 0 else ()
        files = [self._until_answered(self._upload, name) for name in names]
        # One whose answer was lost was never sent, and Outlook never heard of it.
        draft = self._until_answered(self._call, "maildesk_compose", "new", None, self.account, [to], subject, files)
        if number % 2:
            with suppress(*_TROUBLE):
                self._call("maildesk_save", draft["id"], draft["revision"], {"html": f"<p>Dear reader {number}</p>"})
        while draft["state"] == "editing":
            try:
                self._call("maildesk_send", draft["id"], draft["revision"], 0)
            except _TROUBLE:
                self.done["answers to a send lost"] += 1
            draft = self._until_answered(self._call, "maildesk_draft", draft["id"])
        return Letter(draft["id"], subject, to, names)

    def _upload(self, name: str) -> int:
        content = base64.b64encode(name.encode() * 100).decode()
        return int(self._someone().call("ir.attachment", "create", [{"name": name, "datas": content}])[0])

    def _call(self, method: str, *args: Any) -> Any:
        return self._someone().call("mailbox.draft", method, *args)

    # ---------------------------------------------------------------- actions

    def _act(self) -> None:
        """Do something with some messages of the Inbox; whether the answer comes makes no difference."""
        kind = self.rng.choice(_KINDS)
        try:
            folders = self._folders()
            rows = self._someone().call("mailbox.message_index", "maildesk_list", folders["inbox"], 80)["rows"]
            ids = [row["id"] for row in self.rng.sample(rows, min(len(rows), self.rng.randint(1, 5)))]
            values = {
                "importance": {"importance": self.rng.choice(["low", "normal", "high"])},
                "categories": {"categories": [f"Colour {self.rng.randrange(9)}"]},
                "move": {"folder_id": self.rng.choice(list(folders.values()))},
            }
            self._someone().call("mailbox.action", "maildesk_do", kind, ids, values.get(kind))
        except _TROUBLE:
            self.done["answers to an action lost"] += 1
        else:
            self.done[kind] += 1

    def _folders(self) -> dict[str, int]:
        """Return folders of the mailbox that mail is filed in, by role or name."""
        accounts = self._someone().call("mailbox.account", "maildesk_overview")["accounts"]
        folders = next(one["folders"] for one in accounts if one["id"] == self.account)
        return {
            one["role"] if one["role"] != "other" else one["name"]: one["id"] for one in folders if one["role"] not in {"drafts", "sent"}
        }

    # ---------------------------------------------------------------- Odoo

    def _until_answered(self, ask: Callable[..., Any], *args: Any) -> Any:
        """Ask until there is an answer."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return ask(*args)
            except _TROUBLE:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN)

    def _someone(self) -> Person:
        """Return a session of the user; one that Odoo does not know any more is begun anew."""
        if self._person is None:
            logins = self.place.run.logins
            self._person = Person.logged_in(self.place.odoo, logins.user, logins.user_password)
        return self._person
