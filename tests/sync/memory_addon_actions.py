"""Users' actions on the tables in memory: shown and confirmed values, merging, giving and taking, as the addon does it in SQL.

What merges with what is the addon's own pure module, loaded from its file: the two cannot differ in it.
"""

from __future__ import annotations

import importlib.util
import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.odoo.wire import Action
from tests.sync.memory_addon_wire import flag, key, patches, read_made, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from types import ModuleType

    from tests.sync.memory_addon_tables import MemoryMailbox

__all__ = ["KINDS", "MemoryAction", "act", "claim", "confirm", "fold", "settle", "take_outcomes", "undo"]


def _load() -> ModuleType:
    path = Path(__file__).parents[2] / "odoo_stub_module/maildesk/models/action_kinds.py"
    spec = importlib.util.spec_from_file_location("maildesk_action_kinds", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


KINDS = _load()

_OPEN = frozenset({"pending", "running"})
_SAID = frozenset({"remote_id", "folder", "is_read", "is_flagged", "importance", "categories"})
# Names of the addon's own for the same things.
_NAMES = {"folder_id": "folder", "hidden": "pending"}


@dataclass(frozen=True, slots=True)
class MemoryAction:
    """A row of the outbox; never changed, only replaced."""

    id: int
    uuid: str
    kind: str
    group: str
    made_at: datetime
    due_at: datetime
    remote_id: str | None = None
    folder: str | None = None
    vals: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    state: str = "pending"
    covers: bool = True
    acked: float = 0.0
    attempts: int = 0
    claim: str | None = None
    is_asked: bool = False
    error: str | None = None

    @property
    def is_folder_wide(self) -> bool:
        """It speaks of all messages of its folder."""
        return self.kind in KINDS.FOLDER_WIDE

    def speaks_of(self, box: MemoryMailbox, remote_id: str) -> bool:
        """Tell whether it is about a message."""
        if not self.is_folder_wide:
            return self.remote_id == remote_id
        row = box.rows[remote_id]
        return self.folder == box.confirmed(remote_id)["folder"] and bool(row["received_at"] <= _iso(self.made_at))


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------------- what shows


def fold(box: MemoryMailbox, remote_ids: Iterable[str]) -> None:
    """Let messages show what their open actions want, over what Graph said."""
    for remote_id in remote_ids:
        row = box.rows.get(remote_id)
        if row is None:
            continue
        said = box.confirmed(remote_id)
        wants: dict[str, Any] = {}
        for action in box.actions.values():
            goes_where = action.vals.get("folder")
            if action.covers and action.speaks_of(box, remote_id) and (goes_where is None or goes_where in box.folders):
                wants |= action.vals
        covered = {name: said[name] for name in wants}
        box.show(remote_id, {**row, **said, **wants}, covered)


def _about(box: MemoryMailbox, action: MemoryAction) -> list[str]:
    return [remote_id for remote_id in box.rows if action.speaks_of(box, remote_id) or (action.is_folder_wide and remote_id in box.said)]


# ---------------------------------------------------------------------- what people do


def act(box: MemoryMailbox, numbers: Iterator[int], now: datetime, kind: str, remote_ids: Iterable[str], **values: Any) -> str:
    """Do something with messages, or with the folder `folder`; return the group."""
    group = str(uuid.uuid4())
    if kind in KINDS.FOLDER_WIDE:
        wanted = {_NAMES.get(name, name): value for name, value in KINDS.FOLDER_WIDE[kind].items()}
        _hold_no_longer(box, now, {values["folder"]})
        due_at = now + timedelta(seconds=KINDS.HELD.get(kind, 0))
        action = MemoryAction(next(numbers), str(uuid.uuid4()), kind, group, now, due_at, folder=values["folder"], vals=wanted)
        unread = [i for i, row in box.rows.items() if not row["is_read"] and box.confirmed(i)["folder"] == action.folder]
        box.actions[action.uuid] = replace(action, before={"unread": unread} if kind == "mark_folder_read" else {})
        fold(box, list(box.rows))
        return group
    for remote_id in remote_ids:
        row = box.rows.get(remote_id)
        if row is None or row["pending"]:
            continue
        ((name, value),) = _wish(box, kind, values).items()
        if row[name] != value:
            _act(box, numbers, now, kind, group, remote_id, name, value)
    return group


def _wish(box: MemoryMailbox, kind: str, values: dict[str, Any]) -> dict[str, Any]:
    if kind in KINDS.SETS:
        return {_NAMES.get(name, name): value for name, value in KINDS.SETS[kind].items()}
    if kind in KINDS.MOVES_TO_ROLE:
        return {"folder": next(f.remote_id for f in box.folders.values() if f.role == KINDS.MOVES_TO_ROLE[kind] and f.active)}
    return values


def _act(box: MemoryMailbox, numbers: Iterator[int], now: datetime, kind: str, group: str, remote_id: str, name: str, value: Any) -> None:
    said, row = box.confirmed(remote_id), box.rows[remote_id]
    earlier = [a for a in box.actions.values() if a.covers and a.speaks_of(box, remote_id)]
    known = [KINDS.Earlier(a.uuid, _is_free(a), a.vals[name]) for a in earlier if name in a.vals]
    merged = KINDS.merge(value, said[name], known)
    for one in merged.cancelled:
        box.actions[one] = replace(box.actions[one], state="cancelled", covers=False)
    seen = {name: merged.base}
    if name == "pending":
        seen = {"folder": next((a.vals["folder"] for a in reversed(earlier) if "folder" in a.vals and not _is_free(a)), said["folder"])}
    vals = {name: value, "pending": False} if name == "folder" else {name: value}
    if name in {"folder", "is_read"}:
        _hold_no_longer(box, now, {said["folder"], vals.get("folder")})
    action = MemoryAction(next(numbers), str(uuid.uuid4()), kind, group, now, now, remote_id, None, vals, {name: row[name]}, seen)
    box.actions[action.uuid] = action if merged.goes else replace(action, state="cancelled", covers=False)
    fold(box, [remote_id])


def _hold_no_longer(box: MemoryMailbox, now: datetime, folders: set[str | None]) -> None:
    for action in list(box.actions.values()):
        if action.is_folder_wide and action.folder in folders and action.state == "pending" and action.due_at > now:
            box.actions[action.uuid] = replace(action, due_at=now)


def _is_free(action: MemoryAction) -> bool:
    return action.state == "pending" and not action.attempts and not action.is_folder_wide


def undo(box: MemoryMailbox, numbers: Iterator[int], now: datetime, group: str) -> None:
    """Take back what one click did, as far as nothing was done after it."""
    back = str(uuid.uuid4())
    for action in [a for a in box.actions.values() if a.group == group and a.is_folder_wide]:
        _undo_wide(box, numbers, now, back, action)
    for action in [a for a in box.actions.values() if a.group == group and a.remote_id is not None and a.state != "failed"]:
        row = box.rows.get(action.remote_id or "")
        if action.kind == "destroy":
            if _is_free(action):
                box.actions[action.uuid] = replace(action, state="cancelled", covers=False)
                fold(box, [action.remote_id or ""])
            continue
        ((name, value),) = action.before.items()
        later = [a for a in box.actions.values() if a.id > action.id and a.remote_id == action.remote_id and name in a.vals]
        if row is None or any(a.state != "failed" for a in later) or row[name] == value:
            continue
        kind = {"is_read": "read" if value else "unread", "is_flagged": "flag" if value else "unflag", "folder": "move"}.get(
            name, action.kind
        )
        _act(box, numbers, now, kind, back, action.remote_id or "", name, value)


def _undo_wide(box: MemoryMailbox, numbers: Iterator[int], now: datetime, group: str, action: MemoryAction) -> None:
    """Cancel what nobody has taken; later, mark unread what was so and was not touched since."""
    is_free, is_failed = action.state == "pending" and not action.attempts, action.state == "failed"
    if is_free or is_failed:
        box.actions[action.uuid] = ended = replace(action, state="cancelled", covers=False)
        fold(box, _about(box, ended))
    if is_free or action.state == "cancelled" or (is_failed and action.error not in {"doubtful", "unavailable"}):
        return
    touched = {a.remote_id for a in box.actions.values() if a.id > action.id and "is_read" in a.vals and a.state != "failed"}
    for remote_id in action.before.get("unread", []):
        if remote_id in box.rows and remote_id not in touched and box.rows[remote_id]["is_read"]:
            _act(box, numbers, now, "unread", group, remote_id, "is_read", value=False)


# ---------------------------------------------------------------------- what the connector calls


def claim(
    boxes: dict[int, MemoryMailbox], limit: int, serial: str | None, since: str | None, lease: tuple[str, str | None], now: datetime
) -> list[Action]:
    """Give at most `limit` actions that are due; `lease` has the new serial and the one before."""
    if not limit:
        return []
    for box in boxes.values():
        for action in [a for a in box.actions.values() if a.state == "running"]:
            if since is None or (serial != lease[1] and action.claim == lease[1]):
                box.actions[action.uuid] = replace(action, state="pending")
    due = sorted(
        (
            (a.id, account_id, a.uuid)
            for account_id, box in boxes.items()
            if box.is_worked_on
            for a in box.actions.values()
            if a.state == "pending" and a.due_at <= now
        ),
    )
    found = []
    for _, account_id, name in due[:limit]:
        action = boxes[account_id].actions[name]
        action = replace(action, state="running", claim=lease[0], attempts=action.attempts + 1)
        boxes[account_id].actions[name] = action
        values = {k: v for k, v in action.vals.items() if k != "pending"}
        if action.kind == "send":
            values = {"tag": action.group, "draft_remote_id": None}
        if action.is_folder_wide:
            values = {"until": _iso(action.made_at)}
        age = max(0, int((now - action.due_at).total_seconds()))
        remote_id = None if action.kind == "send" else action.remote_id
        about = (action.id, name, account_id, action.kind, remote_id, action.folder, values, action.seen, age)
        given = Action(*about, is_again=action.attempts > 1, is_asked=action.is_asked, claim=action.claim)
        found.append(given)
    return found


def take_outcomes(
    box: MemoryMailbox, outcomes: list[dict[str, Any]], end_letter: Callable[[MemoryMailbox, MemoryAction, dict[str, Any]], None]
) -> int:
    """Note what came of actions; of a mail `end_letter` does."""
    checked = [_outcome(item) for item in outcomes]
    taken = 0
    for item in checked:
        action = box.actions.get(item["uuid"])
        if action is None or action.state not in _OPEN:
            continue
        taken += 1
        if action.kind == "send":
            end_letter(box, action, item)
            continue
        if item["outcome"] == "done":
            box.actions[action.uuid] = replace(action, state="done", acked=item["acked"], claim=None)
            if item["said"]:
                confirm(box, item["said"])
            if action.kind == "destroy" and box.said.get(action.remote_id or "", {}).get("pending") is False:
                _count(box, action.remote_id or "", -1)
                box.hide(action.remote_id or "", box.confirmed(action.remote_id or "")["folder"])
            continue
        state = "failed" if item["outcome"] == "failed" else "cancelled"
        box.actions[action.uuid] = ended = replace(action, state=state, covers=False, error=item["error"] or item["outcome"], claim=None)
        fold(box, _about(box, ended))
    return taken


def confirm(box: MemoryMailbox, patch: dict[str, Any]) -> None:
    """Note what Graph answered to a write; its counts move along."""
    remote_id = patch["remote_id"]
    values = patches([patch])[remote_id]
    if remote_id not in box.rows or ("folder" in values and values["folder"] not in box.folders):
        return
    if "folder" not in values and box.confirmed(remote_id)["pending"]:
        # It is somewhere; where is still to be asked.
        return
    _count(box, remote_id, -1)
    box.take(remote_id, {**values, "pending": False})
    _count(box, remote_id, 1)
    if "folder" in values and not box.folders[values["folder"]].sync_enabled:
        box.hide(remote_id, values["folder"])


def _count(box: MemoryMailbox, remote_id: str, step: int) -> None:
    said = box.confirmed(remote_id)
    if (folder := box.folders.get(said["folder"])) is not None:
        folder.total = max(0, folder.total + step)
        folder.unread = max(0, folder.unread + (0 if said["is_read"] else step))


def settle(box: MemoryMailbox, before: float) -> set[str]:
    """End the covering of what Graph acknowledged before a round began that is complete; return the messages that show something else."""
    changed: set[str] = set()
    for action in [a for a in box.actions.values() if a.covers and a.state == "done" and a.kind != "send" and a.acked < before]:
        box.actions[action.uuid] = ended = replace(action, covers=False)
        about = _about(box, ended)
        was = {i: box.rows[i] for i in about}
        fold(box, about)
        changed |= {i for i in about if box.rows[i] != was[i]}
    return changed


def _outcome(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("outcome") not in {"done", "failed", "gone", "unconfirmed"}:
        raise wrong("outcomes.outcome: not one of done, failed, gone, unconfirmed")
    said = item.get("said")
    if said is not None and (not isinstance(said, dict) or said.keys() - _SAID):
        raise wrong("outcomes.said: not a patch of a message's state")
    acked = item.get("acked", 0)
    if isinstance(acked, bool) or not isinstance(acked, int | float) or not 0 <= acked < 2**40:
        raise wrong("outcomes.acked: not a time in seconds")
    if said is not None and "is_read" in said:
        flag(said["is_read"], "messages.is_read")
    error = item.get("error")
    # Anything but a code could be text of a mail, and is not kept.
    error = None if error is None else error if re.fullmatch(r"[\w.-]{1,80}", key(error, "outcomes.error"), re.ASCII) else "other"
    found = {"uuid": key(item.get("uuid"), "outcomes.uuid"), "outcome": item["outcome"], "acked": acked, "said": said, "error": error}
    return {**found, "draft": read_made(item.get("draft"))}
