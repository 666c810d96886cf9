"""Pure: what each kind of action means for a message, and how actions of one message merge. Imports nothing of Odoo.

A message has few fields that people change; an action sets one of them. Of one message and field only the last wish counts:

    asked for                                    what becomes of it
    what shows already                           nothing
    something else, others not yet taken         those are cancelled, this one goes in their place
    ... and that is what Graph has anyway        nothing goes at all (read, then unread)
    something else, others with the connector    it goes after them

`base` is what Graph will have when this one's turn comes: that is what it is compared with where nobody knows whether it was carried out.
"""

from typing import Any, NamedTuple

# Kind -> what it sets. Moves to a folder of a role say which role instead.
SETS = {
    "read": {"is_read": True},
    "unread": {"is_read": False},
    "flag": {"is_flagged": True},
    "unflag": {"is_flagged": False},
    "destroy": {"hidden": True},
}
MOVES_TO_ROLE = {"archive": "archive", "delete": "trash", "junk": "junk", "not_junk": "inbox"}
MESSAGE_KINDS = (*SETS, "move", *MOVES_TO_ROLE, "importance", "categories")
# They cover every message of their folder that was received before they were made.
FOLDER_WIDE = {"mark_folder_read": {"is_read": True}, "empty_folder": {"hidden": True}}
FOLDER_KINDS = (*FOLDER_WIDE, "folder_create", "folder_rename", "folder_move", "folder_delete")
KINDS = (*MESSAGE_KINDS, *FOLDER_KINDS, "draft_save", "draft_discard", "send")
# Seconds for which an action stays here: what it will change at Outlook is not all known here, so only what has not begun can be taken back
# exactly. As long as the app offers Undo (10 s), and its click needs to come here.
HELD = {"mark_folder_read": 12}


class Earlier(NamedTuple):
    """An open action of the same message and field; `is_free`: no connector was ever given it."""

    id: int
    is_free: bool
    value: Any


class Merged(NamedTuple):
    """What becomes of a wish: whether an action goes, which earlier ones are cancelled, and what Graph has when its turn comes."""

    goes: bool
    cancelled: list[int]
    base: Any


def merge(value, said, earlier):
    """Return what becomes of the wish for `value`, of a field that Graph said `said` of, after the open actions `earlier`."""
    free = []
    for action in reversed(earlier):
        if not action.is_free:
            break
        free.append(action.id)
    fixed = earlier[: len(earlier) - len(free)]
    base = fixed[-1].value if fixed else said
    return Merged(value != base, free[::-1], base)
