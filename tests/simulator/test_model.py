"""The mailbox's own books: indexes and counts agree with the messages whatever happens, and a big mailbox shares what is the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.graph_simulator.model import Mailbox, NotThere
from tests.graph_simulator.seed import grow, make_mailbox

WHERE = st.sampled_from(["inbox", "archive", "deleteditems"])
WHICH = st.integers(0, 30)


class Books(RuleBasedStateMachine):
    """Any changes in any order, compared with a walk through all messages."""

    def __init__(self) -> None:
        super().__init__()
        self.mailbox = Mailbox("a@b.example", "A")
        self.dead: set[str] = set()

    def _one(self, which: int) -> str | None:
        ids = list(self.mailbox.messages)
        return ids[which % len(ids)] if ids else None

    @rule(where=WHERE, minute=st.integers(0, 5), is_read=st.booleans())
    def add(self, where: str, minute: int, *, is_read: bool) -> None:
        """A new message; several may come in one second."""
        data: dict[str, Any] = {"receivedDateTime": f"2026-01-01T00:0{minute}:00Z", "isRead": is_read, "changeKey": ""}
        self.mailbox.add(self.mailbox.folder_id(where), data, b"", [])

    @rule(which=WHICH, where=WHERE)
    def move(self, which: int, where: str) -> None:
        """To any folder, also the one where it is."""
        if message_id := self._one(which):
            before = self.mailbox.messages[message_id].mutable_id
            message = self.mailbox.move(message_id, self.mailbox.folder_id(where))
            self.dead |= {before} - {message.mutable_id}

    @rule(which=WHICH, is_read=st.booleans())
    def read(self, which: int, *, is_read: bool) -> None:
        """Read or unread."""
        if message_id := self._one(which):
            self.mailbox.set_read(message_id, is_read=is_read)

    @rule(which=WHICH, minute=st.integers(0, 5), is_read=st.booleans())
    def change(self, which: int, minute: int, *, is_read: bool) -> None:
        """A change may touch what folders are sorted and counted by."""
        if message_id := self._one(which):
            self.mailbox.change(message_id, {"receivedDateTime": f"2026-01-01T00:0{minute}:00Z", "isRead": is_read})

    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        """For good."""
        if message_id := self._one(which):
            self.dead |= {message_id, self.mailbox.messages[message_id].mutable_id}
            self.mailbox.delete(message_id)

    @rule(which=WHICH, where=WHERE, renamed=st.booleans())
    def travel(self, which: int, where: str, *, renamed: bool) -> None:
        """Out of its folder and into one, as a mail that is sent: under its id or another, and always with another mutable one."""
        if message_id := self._one(which):
            self.dead.add(self.mailbox.messages[message_id].mutable_id)
            message = self.mailbox.lift(message_id)
            with pytest.raises(NotThere):
                self.mailbox.find(message_id)
            self.mailbox.put(message, self.mailbox.folder_id(where), renamed=renamed)
            assert (message.immutable_id != message_id) is renamed

    @invariant()
    def books_agree(self) -> None:
        """Lists, bounds, counts and both ids."""
        for folder in self.mailbox.folders.values():
            walk = [m for m in self.mailbox.messages.values() if m.folder_id == folder.id]
            walk.sort(key=lambda m: (m.data["receivedDateTime"], m.immutable_id), reverse=True)
            assert self.mailbox.in_folder(folder.id) == walk
            assert self.mailbox.counts(folder.id) == (sum(not m.data["isRead"] for m in walk), len(walk))
            first, last = "2026-01-01T00:02:00Z", "2026-01-01T00:04:00Z"
            bounded = [m.immutable_id for m in walk if first <= m.data["receivedDateTime"] <= last]
            assert self.mailbox.ids_in_folder(folder.id, first=first, last=last) == bounded
        for message in self.mailbox.messages.values():
            assert self.mailbox.find(message.mutable_id) is self.mailbox.find(message.immutable_id) is message
        for gone in self.dead:
            with pytest.raises(NotThere):
                self.mailbox.find(gone)


Books.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestMailboxBooks = Books.TestCase


def test_events_since_a_number_are_those_after_it() -> None:
    """In order, from any number on."""
    mailbox = make_mailbox("a@b.example", "A")
    inbox = mailbox.folder_id("inbox")
    everything = list(mailbox.history.since(inbox, 0))
    assert len(everything) == mailbox.counts(inbox)[1]
    for event in everything[::7]:
        assert list(mailbox.history.since(inbox, event.number)) == [e for e in everything if e.number > event.number]
    assert list(mailbox.history.since(inbox, mailbox.history.number)) == []


def test_grow_shares_what_is_the_same() -> None:
    """A mailbox of very many messages keeps each body once, and a change of one touches no other."""
    mailbox = make_mailbox("a@b.example", "A")
    bodies = {id(m.data["body"]) for m in mailbox.messages.values()}
    grow(mailbox, 3000)
    assert {id(m.data["body"]) for m in mailbox.messages.values()} == bodies
    before = mailbox.truth()
    changed = mailbox.in_folder(mailbox.folder_id("inbox"))[-1]
    mailbox.change(changed.immutable_id, {"categories": ["Red category"], "body": {"contentType": "text", "content": "x"}})
    mailbox.set_flag(changed.immutable_id, "complete")
    changed.attachments.append({})
    after = {m["id"]: m for m in mailbox.truth()}
    assert [m["id"] for m in before if after[m["id"]] != m] == [changed.immutable_id]
    assert sum(m.data["body"] == {"contentType": "text", "content": "x"} for m in mailbox.messages.values()) == 1
    assert sum({} in m.attachments for m in mailbox.messages.values()) == 1


def test_change_moves_the_time_of_modification_and_reading_does_not() -> None:
    """As corso measured it (graph-behaviour 1.3)."""
    mailbox = make_mailbox("a@b.example", "A")
    mailbox.live_by(lambda: datetime(2031, 5, 6, 12, tzinfo=UTC))
    read, flagged = mailbox.in_folder(mailbox.folder_id("inbox"))[:2]
    before = read.data["lastModifiedDateTime"]
    mailbox.set_read(read.immutable_id, is_read=not read.data["isRead"])
    mailbox.set_flag(flagged.immutable_id, "complete")
    assert (read.data["lastModifiedDateTime"], flagged.data["lastModifiedDateTime"]) == (before, "2031-05-06T12:00:00Z")


def test_mailboxes_share_real_mail_and_no_state() -> None:
    """Each mail is read once; its times, read state and attachments' list are each mailbox's own."""
    one, two = (make_mailbox(a, "A", now=datetime(2031, 5, 6, tzinfo=UTC)) for a in ("a@b.example", "c@d.example"))
    mails = [{id(m.mime): m for m in mailbox.messages.values()} for mailbox in (one, two)]
    assert mails[0].keys() == mails[1].keys()
    for mime, message in mails[0].items():
        assert message.data["body"] is mails[1][mime].data["body"]
        assert message.data is not mails[1][mime].data
        assert message.attachments is not mails[1][mime].attachments
    assert {m.data["receivedDateTime"][:4] for m in one.messages.values()} == {"2031"}
