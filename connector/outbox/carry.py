"""Pure: what an action asks of Graph, what its answer says, and whether an action may run whose fate nobody knows.

    kind                            request                            where Graph has none (404)
    read unread flag unflag         PATCH the message                  gone: nothing is left to change
    importance categories           PATCH the message                  gone
    move archive delete junk ...    move the message                   done, if it is the message that is not there; else the folder is gone
    destroy                         DELETE the message                 done
    folder_create                   POST below its parent              failed: the parent is gone
    folder_rename folder_move       PATCH, move the folder             failed: it is gone
    folder_delete                   move to Deleted Items, or DELETE   done

Where Deleted Items has a folder of the name, the deleted one is renamed first; a move back gives it the name that it had. Such actions take
two requests, and what is left to do can be told from how the folder is: `step` says which is next.

Doubtful is what may have been sent before: then Graph is asked first (`verdict`).

    Graph has what the action wants            it is done
    Graph has what the user saw                it runs
    Graph has something else                   it failed: somebody else was here since
"""

from __future__ import annotations

from enum import Enum
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from connector.errors import GraphError, GraphForbidden, GraphNotFound
from connector.graph.types import GraphMessage
from connector.graph.writes import (
    Write,
    create_folder,
    delete_folder,
    delete_message,
    move_folder,
    move_message,
    rename_folder,
    update_message,
)
from connector.sync.merge import to_patch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.graph.folders import Folder
    from connector.odoo.wire import Action

__all__ = [
    "FOLDER_WIDE",
    "LETTERS",
    "Verdict",
    "aim",
    "failure_of",
    "folder_verdict",
    "is_known",
    "is_open_question",
    "key_of",
    "lane_of",
    "message_verdict",
    "name_aside",
    "next_step",
    "said",
    "write_of",
]

_PATCHED = frozenset({"read", "unread", "flag", "unflag", "importance", "categories"})
_MOVED = frozenset({"move", "archive", "delete", "junk", "not_junk"})
_OF_FOLDERS = frozenset({"folder_create", "folder_rename", "folder_move", "folder_delete"})
# They speak of every message of a folder that was received until a time.
FOLDER_WIDE = frozenset({"mark_folder_read", "empty_folder"})
# They are about a mail that is being written (`outbox.send`).
LETTERS = frozenset({"draft_save", "draft_discard", "send"})

# Characters of a folder's name.
MAX_NAME = 255

# The values that a message can be asked about.
_STATE = ("is_read", "is_flagged", "importance", "categories", "folder")

# Lane of all that concerns folders: one after the other, since a new folder may be the next one's parent.
_FOLDERS = "folders"


class _Named(msgspec.Struct, frozen=True, rename="camel"):
    """What is asked of Graph's answer about a folder."""

    display_name: str


class Verdict(Enum):
    """What to do with a doubtful action."""

    DONE = "done"
    RUN = "run"
    RENAME = "rename"
    CHANGED = "changed"
    GONE = "gone"


def is_known(action: Action) -> bool:
    """Tell whether this connector can carry an action out."""
    if action.kind in LETTERS:
        return bool(action.values.get("tag"))
    if action.kind in _PATCHED | _MOVED | {"destroy"}:
        return action.remote_id is not None and (action.kind == "destroy" or aim(action) is not None)
    if action.kind == "folder_create":
        return bool(action.values.get("name"))
    return action.kind in _OF_FOLDERS | FOLDER_WIDE and action.folder is not None


def lane_of(action: Action) -> str:
    """Return what an action has to keep its place in line for: its message, the mail that is being written, or the tree of folders."""
    if action.kind in LETTERS:
        return f"letter {action.values.get('tag')}"
    return action.remote_id or _FOLDERS


def key_of(action: Action) -> tuple[str, str]:
    """Return (lane, field): of two actions with the same key the later one builds on the earlier."""
    if action.kind in _OF_FOLDERS | FOLDER_WIDE | LETTERS:
        return _FOLDERS, action.uuid
    return lane_of(action), "folder" if action.kind == "destroy" else next(iter(aim(action) or {}), action.kind)


def aim(action: Action) -> dict[str, Any] | None:
    """Return the one value of a message that an action sets, None where it sets none."""
    return next(({name: action.values[name]} for name in _STATE if action.values.get(name) is not None), None)


def write_of(action: Action) -> Write:
    """Return the request that carries an action out; it is known (`is_known`)."""
    if action.kind in _OF_FOLDERS:
        return _folder_write(action.kind, action.folder or "", action.values)
    message = action.remote_id or ""
    if action.kind == "destroy":
        return delete_message(message)
    if action.kind in _MOVED:
        return move_message(message, action.values["folder"])
    ((name, value),) = (aim(action) or {}).items()
    properties = {"is_read": {"isRead": value}, "is_flagged": {"flag": {"flagStatus": "flagged" if value else "notFlagged"}}}
    return update_message(message, properties.get(name) or {name: value})


def _folder_write(kind: str, folder: str, values: Mapping[str, Any]) -> Write:
    match kind:
        case "folder_create":
            return create_folder(values.get("parent"), values["name"])
        case "folder_rename":
            return rename_folder(folder, values["name"])
        case "folder_move" if values.get("step") == "name":
            return rename_folder(folder, values["name"])
        case "folder_move":
            return move_folder(folder, values.get("parent"))
        case "folder_delete" if values.get("step") == "name":
            return rename_folder(folder, values["aside"])
    return delete_folder(folder, for_good=bool(values.get("for_good")))


def said(action: Action, body: bytes) -> dict[str, Any] | None:
    """Return what Graph's answer to a write says of the field that it set, as a patch; None where it says nothing of it."""
    goal = aim(action)
    if goal is None or action.remote_id is None:
        return None
    try:
        patch = to_patch(msgspec.json.decode(body, type=GraphMessage))
    except msgspec.MsgspecError:
        return None
    found = {name: patch[name] for name in goal if name in patch}
    return {"remote_id": action.remote_id, **found} if found and patch["remote_id"] == action.remote_id else None


def message_verdict(action: Action, state: Mapping[str, Any] | None) -> Verdict:
    """Judge a doubtful action by the patch of its message as Graph has it now, None where it has none."""
    is_away = action.kind in _MOVED or action.kind == "destroy"
    if state is None:
        return Verdict.DONE if is_away else Verdict.GONE
    goal = aim(action)
    if action.kind != "destroy" and goal is not None and _has(state, goal):
        return Verdict.DONE
    return Verdict.RUN if action.seen and _has(state, action.seen) else Verdict.CHANGED


def folder_verdict(action: Action, folders: Mapping[str, Folder], trash: str | None, *, may_be_ours: bool) -> Verdict:
    """Judge a doubtful action by the tree as Graph has it now; `may_be_ours`: what is there may come from this very action.

    A new folder whose name is taken is somebody else's where nobody can have sent this action: Graph refuses it, and its author hears.
    """
    if action.kind == "folder_create":
        parent, name = action.values.get("parent"), action.values["name"].casefold()
        is_there = any(f.parent_id == parent and f.name.casefold() == name for f in folders.values())
        return Verdict.DONE if is_there and may_be_ours else Verdict.RUN
    folder = folders.get(action.folder or "")
    if folder is None:
        return Verdict.DONE if action.kind == "folder_delete" else Verdict.GONE
    wanted: str | None
    was: str | None
    now: str | None
    if action.kind == "folder_rename":
        wanted, was, now = action.values["name"], action.seen.get("name"), folder.name
    else:
        wanted, was, now = action.values.get("parent"), action.seen.get("parent"), folder.parent_id
        if action.kind == "folder_delete":
            wanted = None if action.values.get("for_good") else trash
            if wanted is None:
                return Verdict.RUN if now == was else Verdict.CHANGED
    if now == wanted:
        # A move that was cut off after its first step.
        return Verdict.RENAME if action.kind == "folder_move" and folder.name != action.values.get("name", folder.name) else Verdict.DONE
    return Verdict.RUN if now == was else Verdict.CHANGED


def next_step(action: Action, body: bytes) -> str | None:
    """Return which step of a folder's action follows the one that Graph answered with `body`, None where that was the last."""
    step = action.values.get("step")
    if action.kind == "folder_delete" and step == "name":
        return "place"
    if action.kind != "folder_move" or step == "name" or "name" not in action.values:
        return None
    try:
        found = msgspec.json.decode(body, type=_Named)
    except msgspec.MsgspecError:
        return "name"
    return "name" if found.display_name != action.values["name"] else None


def name_aside(action: Action, folders: Mapping[str, Folder], trash: str | None, *, attempt: int) -> str | None:
    """Return a name that neither Deleted Items nor the place of a folder has, None where the folder is nowhere."""
    folder = folders.get(action.folder or "")
    if folder is None:
        return None
    taken = {one.name.casefold() for one in folders.values() if one.parent_id in {trash, folder.parent_id}}
    # What the tree does not show may have a name, too: each attempt begins one further on.
    numbers = (f" ({number})" for number in count(2 + attempt))
    base = str(action.values.get("base", folder.name))
    return next(name for end in numbers if (name := base[: MAX_NAME - len(end)] + end).casefold() not in taken)


def is_open_question(action: Action, error: GraphError) -> bool:
    """Tell whether a refusal is not the last word: a folder may be where it shall be moved, or need a free name in Deleted Items."""
    if isinstance(error, GraphNotFound | GraphForbidden):
        return False
    is_taken = error.code.lower() == "errorfolderexists"
    return action.kind == "folder_move" or (action.kind == "folder_delete" and not action.values.get("for_good") and is_taken)


def failure_of(action: Action, error: GraphError) -> tuple[str, str | None]:
    """Return (outcome, code) of a write that Graph refused for good; of a move that met no such thing see `courier`."""
    if isinstance(error, GraphNotFound):
        if action.kind in {"destroy", "folder_delete"}:
            return "done", None
        return ("gone", None) if action.kind in _PATCHED else ("failed", "folder_gone")
    if isinstance(error, GraphForbidden):
        return "failed", "forbidden"
    if error.code.lower() == "errorfolderexists":
        return "failed", "folder_exists"
    return "failed", error.code or str(error.status)


def _has(state: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Tell whether a message is as `values` say; categories have no order."""
    return all(_same(state.get(name), value) for name, value in values.items())


def _same(found: Any, value: Any) -> bool:
    if isinstance(found, list) and isinstance(value, list):
        return sorted(found) == sorted(value)
    return bool(found == value)
