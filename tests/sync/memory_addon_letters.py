"""Mails that are sent from the addon in memory, and the entries in Sent that stand for them, as the addon does it in SQL.

An entry that no message of Graph stands behind yet has its tag as its remote id; `local` marks entries until Outlook's copy is there.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from connector.odoo.wire import DraftContent, DraftFile, Person
from tests.sync.memory_addon_actions import MemoryAction, fold
from tests.sync.memory_addon_wire import IS_NEW, key, number, text, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.sync.memory_addon_tables import MemoryMailbox

__all__ = ["MemoryLetter", "check_piece", "content_of", "copies_came", "end", "hold", "made", "match", "piece_of", "send", "start", "stop"]

_OPEN = frozenset({"pending", "running"})
# Bytes of a file that one call gives.
_MAX_PIECE = 4 * 2**20


@dataclass(frozen=True, slots=True)
class MemoryLetter:
    """A row of `mailbox.draft`; never changed, only replaced. `entry` is the key of its row in the index."""

    tag: str
    subject: str
    to: str
    files: tuple[tuple[int, str, bytes], ...] = ()
    state: str = "scheduled"
    remote_id: str | None = None
    change_key: str | None = None
    message_id: str | None = None
    entry: str | None = None
    error: str | None = None
    began: int = 0


def send(
    box: MemoryMailbox, numbers: Iterator[int], due: datetime, subject: str, to: str, files: tuple[tuple[int, str, bytes], ...] = ()
) -> str:
    """Let a mail be sent at a time; return the action's uuid. It says nothing but its subject."""
    letter = MemoryLetter(str(uuid.uuid4()), subject, to, files)
    box.letters[letter.tag] = letter
    action = MemoryAction(next(numbers), str(uuid.uuid4()), "send", letter.tag, due, due, state="scheduled", covers=False)
    box.actions[action.uuid] = action
    return action.uuid


def start(box: MemoryMailbox, rows: Iterator[int], now: datetime) -> None:
    """Let mails go whose time has come, and show them in Sent."""
    sent = _folder(box, "sent")
    for action in [a for a in box.actions.values() if a.state == "scheduled" and a.due_at <= now]:
        letter = box.letters[action.group]
        number = next(rows)
        if sent is None:
            box.actions[action.uuid] = replace(action, state="pending")
            box.letters[letter.tag] = replace(letter, state="sending", began=number)
            continue
        time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        row = {"id": number, "remote_id": letter.tag, **IS_NEW, "folder": sent, "subject": letter.subject, "received_at": time}
        box.put({**row, "sent_at": time, "is_read": True, "pending": False, "local": True})
        vals = {"folder": sent, "pending": False}
        box.actions[action.uuid] = replace(action, state="pending", remote_id=letter.tag, vals=vals, covers=True)
        box.letters[letter.tag] = replace(letter, state="sending", entry=letter.tag, began=number)
        fold(box, [letter.tag])


def content_of(box: MemoryMailbox, name: str) -> DraftContent | None:
    """Return what the mail of an open action says."""
    letter = _open_letter(box, name)
    if letter is None:
        return None
    files = [DraftFile(i, n, "text/plain", len(c), f"md{i}.{letter.tag}", None, is_inline=False, is_here=True) for i, n, c in letter.files]
    people = [Person("", letter.to)]
    return DraftContent(
        "new", None, letter.tag, letter.remote_id, letter.change_key, 1, None, people, [], [], letter.subject, "<p>…</p>", "normal", files
    )


def check_piece(attachment_id: int, offset: int, size: int) -> None:
    """Refuse what names no piece of a file."""
    for name, value in (("attachment_id", attachment_id), ("offset", offset), ("size", size)):
        number(value, name)
    if size > _MAX_PIECE:
        raise wrong("size: more than 4 MiB")


def piece_of(box: MemoryMailbox, name: str, number: int, offset: int, size: int) -> bytes | None:
    """Return a piece of a file of the mail of an open action."""
    letter = _open_letter(box, name)
    content = next((c for i, _, c in letter.files if i == number), None) if letter is not None else None
    return None if content is None else base64.b64decode(base64.b64encode(content[offset : offset + size]))


def made(
    box: MemoryMailbox | None, name: str, remote_id: str, change_key: str | None, message_id: str | None, asking: str | None = None
) -> bool:
    """Note that the draft of a mail exists: its entry is that message from now on; and who is about to ask Graph to send it."""
    key(remote_id, "remote_id")
    text(change_key, "change_key")
    text(message_id, "internet_message_id")
    if asking is not None:
        key(asking, "asking")
    letter = _open_letter(box, name) if box is not None else None
    if box is None or letter is None:
        return False
    if asking is not None:
        if box.actions[name].claim != asking:
            return False
        box.actions[name] = replace(box.actions[name], is_asked=True)
    box.letters[letter.tag] = letter = replace(letter, remote_id=remote_id, change_key=change_key, message_id=message_id)
    _take_place(box, letter, remote_id)
    return True


def end(box: MemoryMailbox, action: MemoryAction, item: dict[str, Any]) -> None:
    """Note what came of a send."""
    letter, told = box.letters[action.group], item.get("draft") or {}
    outcome = item["outcome"]
    if outcome == "done":
        box.actions[action.uuid] = replace(action, state="done", acked=item["acked"], claim=None, covers=_is_local(box, letter))
        letter = replace(letter, state="sent", remote_id=told.get("remote_id", letter.remote_id))
        letter = replace(letter, message_id=told.get("internet_message_id", letter.message_id))
        box.letters[letter.tag] = letter
        _join_copy(box, action, letter)
        letter = box.letters[letter.tag]
        if letter.remote_id is not None:
            _take_place(box, letter, letter.remote_id)
        return
    if outcome == "unconfirmed":
        box.actions[action.uuid] = replace(action, state="unconfirmed", claim=None, covers=_is_local(box, letter))
        box.letters[letter.tag] = replace(letter, state="unconfirmed")
        return
    state = "failed" if outcome == "failed" else "cancelled"
    box.actions[action.uuid] = replace(action, state=state, covers=False, error=item["error"] or outcome, claim=None)
    _drop_entry(box, letter)
    box.letters[letter.tag] = replace(letter, state="failed", error=item["error"], entry=None)


def stop(box: MemoryMailbox) -> None:
    """Give mails back whose mailbox is disconnected: those that wait, and those of which nobody will know."""
    for action in [a for a in box.actions.values() if a.kind == "send" and a.state in {*_OPEN, "scheduled", "unconfirmed"}]:
        box.actions[action.uuid] = replace(action, state="cancelled", covers=False)
        letter = box.letters[action.group]
        _drop_entry(box, letter)
        state, error = ("editing", None) if letter.state == "scheduled" else ("failed", "undecided")
        box.letters[letter.tag] = replace(letter, state=state, error=error, entry=None)


def _drop_entry(box: MemoryMailbox, letter: MemoryLetter) -> None:
    """Take an entry out of Sent: what Graph has shows where it is, what it has not goes."""
    if letter.entry is None or not _is_local(box, letter):
        return
    if letter.entry == letter.tag:
        box.drop(letter.entry)
        return
    row = dict(box.rows[letter.entry])
    del row["local"]
    box.rows[letter.entry] = row
    fold(box, [letter.entry])


# ---------------------------------------------------------------------- what an apply brings


def match(box: MemoryMailbox, patches: dict[str, dict[str, Any]]) -> None:
    """Let entries take the ids of Outlook's copies in Sent that have their Message-ID."""
    sent = _folder(box, "sent")
    for remote_id, patch in patches.items():
        if remote_id in box.rows or patch.get("folder") != sent or patch.get("is_draft"):
            continue
        for letter in box.letters.values():
            is_it = letter.message_id is not None and letter.message_id == patch.get("internet_message_id")
            if is_it and _is_local(box, letter) and patches.get(letter.entry or "", {}).get("is_draft") is not False:
                _rename(box, letter, remote_id)
                break


def copies_came(box: MemoryMailbox, patches: dict[str, dict[str, Any]]) -> None:
    """Let entries be what they stand for, where the copy is outside Drafts."""
    for letter in list(box.letters.values()):
        patch = patches.get(letter.entry or "")
        if patch is None or not _is_local(box, letter) or "folder" not in patch or patch["folder"] == _folder(box, "drafts"):
            continue
        row = dict(box.rows[letter.entry or ""])
        if row.get("is_draft"):
            continue
        del row["local"]
        box.rows[letter.entry or ""] = row
        for action in [a for a in box.actions.values() if a.group == letter.tag and a.covers]:
            state = "done" if action.state == "unconfirmed" else action.state
            box.actions[action.uuid] = replace(action, covers=False, state=state)
        if letter.state == "unconfirmed":
            box.letters[letter.tag] = replace(letter, state="sent")
        fold(box, [letter.entry or ""])


def hold(box: MemoryMailbox, patches: dict[str, dict[str, Any]]) -> None:
    """Hold back what comes into Drafts and is, or may be, a mail on its way out."""
    drafts = _folder(box, "drafts")
    for remote_id in patches:
        row = box.rows.get(remote_id)
        if row is None or row.get("local") or row["folder"] != drafts or "pending" in box.said.get(remote_id, {}):
            continue
        for letter in box.letters.values():
            is_unknown = letter.state == "sending" and letter.remote_id is None and row["id"] >= letter.began
            if letter.entry != remote_id and (is_unknown or (letter.state in {"sending", "sent"} and letter.remote_id == remote_id)):
                box.take(remote_id, {"pending": True})


# ---------------------------------------------------------------------- inside


def _open_letter(box: MemoryMailbox, name: str) -> MemoryLetter | None:
    action = box.actions.get(key(name, "uuid"))
    return box.letters[action.group] if action is not None and action.kind == "send" and action.state in _OPEN else None


def _folder(box: MemoryMailbox, role: str) -> str | None:
    return next((f.remote_id for f in box.folders.values() if f.role == role and f.active), None)


def _is_local(box: MemoryMailbox, letter: MemoryLetter) -> bool:
    return bool(box.rows.get(letter.entry or "", {}).get("local"))


def _take_place(box: MemoryMailbox, letter: MemoryLetter, remote_id: str) -> None:
    """Let the entry be the row of a message of Graph; what another row of that id was goes."""
    if not _is_local(box, letter):
        return
    is_first = letter.entry == letter.tag
    place = _folder(box, "drafts")
    if letter.entry != remote_id and remote_id in box.rows:
        place = box.confirmed(remote_id)["folder"]
        box.drop(remote_id)
    _rename(box, letter, remote_id)
    if is_first and place is not None and remote_id in box.said:
        box.said[remote_id] = {**box.said[remote_id], "folder": place}
    box.rows[remote_id] = {**box.rows[remote_id], "internet_message_id": letter.message_id}


def _join_copy(box: MemoryMailbox, action: MemoryAction, letter: MemoryLetter) -> None:
    """Let Outlook's copy stand for a mail where it came before anybody knew which mail it is."""
    sent, drafts = _folder(box, "sent"), _folder(box, "drafts")
    for remote_id, row in sorted(box.rows.items(), key=lambda item: item[0] != letter.remote_id):
        is_mail = remote_id != letter.entry and not row.get("local") and not row.get("is_draft") and not row["pending"]
        is_named = letter.message_id is not None and row["internet_message_id"] == letter.message_id and row["folder"] == sent
        if is_mail and _is_local(box, letter) and ((remote_id == letter.remote_id and row["folder"] != drafts) or is_named):
            box.actions[action.uuid] = replace(box.actions[action.uuid], remote_id=remote_id, covers=False)
            box.letters[letter.tag] = replace(letter, entry=remote_id)
            box.drop(letter.entry or "")
            return


def _rename(box: MemoryMailbox, letter: MemoryLetter, remote_id: str) -> None:
    old = letter.entry or ""
    if old == remote_id:
        return
    row, said = box.rows[old], box.said.get(old)
    box.drop(old)
    box.show(remote_id, {**row, "remote_id": remote_id}, said or {})
    box.rows = dict(sorted(box.rows.items(), key=lambda item: item[1]["id"]))
    box.letters[letter.tag] = replace(box.letters[letter.tag], entry=remote_id)
    for action in [a for a in box.actions.values() if a.group == letter.tag]:
        box.actions[action.uuid] = replace(action, remote_id=remote_id)
