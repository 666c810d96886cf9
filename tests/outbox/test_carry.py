"""What an action asks of Graph, what its answer says, and the doubtful ones."""

from __future__ import annotations

import importlib.util
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import GraphError, GraphForbidden, GraphNotFound
from connector.graph.folders import Folder
from connector.odoo.wire import Action
from connector.outbox.carry import (
    Verdict,
    failure_of,
    folder_verdict,
    is_known,
    key_of,
    message_verdict,
    said,
    write_of,
)
from tests.sync.memory_addon_actions import KINDS


def _action(kind: str, values: dict[str, Any], seen: dict[str, Any] | None = None, *, folder: str | None = None) -> Action:
    return Action(1, "u", 7, kind, None if folder is not None or kind == "folder_create" else "m/1", folder, values, seen or {}, 0)


@pytest.mark.parametrize(
    ("action", "method", "path", "body"),
    [
        (_action("read", {"is_read": True}), "PATCH", "/me/messages/m%2F1", {"isRead": True}),
        (_action("unflag", {"is_flagged": False}), "PATCH", "/me/messages/m%2F1", {"flag": {"flagStatus": "notFlagged"}}),
        (_action("importance", {"importance": "high"}), "PATCH", "/me/messages/m%2F1", {"importance": "high"}),
        (_action("categories", {"categories": []}), "PATCH", "/me/messages/m%2F1", {"categories": []}),
        (_action("archive", {"folder": "F"}), "POST", "/me/messages/m%2F1/move", {"destinationId": "F"}),
        (_action("destroy", {}), "DELETE", "/me/messages/m%2F1", None),
        (_action("folder_create", {"name": "N", "parent": None}), "POST", "/me/mailFolders", {"displayName": "N"}),
        (_action("folder_create", {"name": "N", "parent": "P"}), "POST", "/me/mailFolders/P/childFolders", {"displayName": "N"}),
        (_action("folder_rename", {"name": "N"}, folder="F"), "PATCH", "/me/mailFolders/F", {"displayName": "N"}),
        (_action("folder_move", {"parent": None}, folder="F"), "POST", "/me/mailFolders/F/move", {"destinationId": "msgfolderroot"}),
        (_action("folder_delete", {"for_good": False}, folder="F"), "POST", "/me/mailFolders/F/move", {"destinationId": "deleteditems"}),
        (_action("folder_delete", {"for_good": True}, folder="F"), "DELETE", "/me/mailFolders/F", None),
        (_action("folder_delete", {"aside": "N (2)", "step": "name"}, folder="F"), "PATCH", "/me/mailFolders/F", {"displayName": "N (2)"}),
        (_action("folder_move", {"parent": "P", "name": "N"}, folder="F"), "POST", "/me/mailFolders/F/move", {"destinationId": "P"}),
        (_action("folder_move", {"name": "N", "step": "name"}, folder="F"), "PATCH", "/me/mailFolders/F", {"displayName": "N"}),
    ],
    ids=lambda value: value.kind if isinstance(value, Action) else None,
)
def test_write_of_each_kind(action: Action, method: str, path: str, body: dict[str, Any] | None) -> None:
    """One request, with what Graph calls it."""
    write = write_of(action)
    assert is_known(action)
    assert (write.method, write.path, write.body) == (method, path, body)


@pytest.mark.parametrize(
    "action", [_action("send", {}), _action("move", {}), _action("fly", {"is_read": True}), _action("folder_create", {})]
)
def test_is_known_refuses_what_it_cannot_carry_out(action: Action) -> None:
    """It fails with a word for the user, instead of for ever."""
    assert not is_known(action)


@pytest.mark.parametrize(
    ("action", "state", "verdict"),
    [
        (_action("move", {"folder": "B"}, {"folder": "A"}), {"folder": "A"}, Verdict.RUN),
        (_action("move", {"folder": "B"}, {"folder": "A"}), {"folder": "B"}, Verdict.DONE),
        (_action("move", {"folder": "B"}, {"folder": "A"}), {"folder": "C"}, Verdict.CHANGED),
        (_action("move", {"folder": "B"}, {"folder": "A"}), None, Verdict.DONE),
        (_action("read", {"is_read": True}, {"is_read": False}), None, Verdict.GONE),
        (_action("read", {"is_read": True}, {"is_read": False}), {"is_read": True, "folder": "C"}, Verdict.DONE),
        (_action("destroy", {}, {"folder": "T"}), {"folder": "T"}, Verdict.RUN),
        (_action("destroy", {}, {"folder": "T"}), {"folder": "A"}, Verdict.CHANGED),
        (_action("destroy", {}, {}), {"folder": "A"}, Verdict.CHANGED),
        (_action("categories", {"categories": ["a", "b"]}, {"categories": []}), {"categories": ["b", "a"]}, Verdict.DONE),
    ],
)
def test_message_verdict(action: Action, state: dict[str, Any] | None, verdict: Verdict) -> None:
    """It runs only where Graph has what the user saw."""
    assert message_verdict(action, state) is verdict


def _folders(**parents: str | None) -> dict[str, Folder]:
    return {name: Folder(name, parent, name.title(), "other", 0, 0) for name, parent in parents.items()}


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        (_action("folder_create", {"name": "work", "parent": None}), Verdict.DONE),
        (_action("folder_create", {"name": "work", "parent": "trash"}), Verdict.RUN),
        (_action("folder_rename", {"name": "Play"}, {"name": "Work"}, folder="work"), Verdict.RUN),
        (_action("folder_rename", {"name": "Work"}, {"name": "Play"}, folder="work"), Verdict.DONE),
        (_action("folder_rename", {"name": "X"}, {"name": "Y"}, folder="work"), Verdict.CHANGED),
        (_action("folder_move", {"parent": "trash"}, {"parent": None}, folder="work"), Verdict.RUN),
        (_action("folder_move", {"parent": None}, {"parent": "trash"}, folder="work"), Verdict.DONE),
        (_action("folder_move", {"parent": None, "name": "Work"}, {"parent": "trash"}, folder="work"), Verdict.DONE),
        (_action("folder_move", {"parent": None, "name": "Play"}, {"parent": "trash"}, folder="work"), Verdict.RENAME),
        (_action("folder_move", {"parent": None, "name": "Old"}, {"parent": "trash"}, folder="old"), Verdict.RUN),
        (_action("folder_delete", {"for_good": False}, {"parent": None}, folder="work"), Verdict.RUN),
        (_action("folder_delete", {"for_good": False}, {"parent": None}, folder="old"), Verdict.DONE),
        (_action("folder_delete", {"for_good": True}, {"parent": "trash"}, folder="old"), Verdict.RUN),
        (_action("folder_delete", {}, {"parent": None}, folder="nowhere"), Verdict.DONE),
        (_action("folder_rename", {"name": "X"}, {"name": "Y"}, folder="nowhere"), Verdict.GONE),
    ],
)
def test_folder_verdict(action: Action, verdict: Verdict) -> None:
    """The same for folders, by the tree."""
    assert folder_verdict(action, _folders(work=None, trash=None, old="trash"), "trash", may_be_ours=True) is verdict


def test_folder_verdict_name_taken_by_somebody_else() -> None:
    """Where nobody can have made the folder for this action, Graph is asked to, and its refusal is told."""
    action = _action("folder_create", {"name": "Work", "parent": None})
    assert folder_verdict(action, _folders(work=None), None, may_be_ours=False) is Verdict.RUN


@pytest.mark.parametrize(
    ("action", "error", "outcome"),
    [
        (_action("destroy", {}), GraphNotFound("no", status=404), ("done", None)),
        (_action("flag", {"is_flagged": True}), GraphNotFound("no", status=404), ("gone", None)),
        (_action("folder_rename", {"name": "N"}, folder="F"), GraphNotFound("no", status=404), ("failed", "folder_gone")),
        (_action("folder_delete", {}, folder="F"), GraphNotFound("no", status=404), ("done", None)),
        (_action("move", {"folder": "F"}), GraphForbidden("no", status=403, code="ErrorAccessDenied"), ("failed", "forbidden")),
        (_action("folder_create", {"name": "N"}), GraphError("no", status=409, code="ErrorFolderExists"), ("failed", "folder_exists")),
        (_action("move", {"folder": "F"}), GraphError("no", status=400, code="ErrorMoveCopyFailed"), ("failed", "ErrorMoveCopyFailed")),
        (_action("move", {"folder": "F"}), GraphError("no", status=418), ("failed", "418")),
    ],
)
def test_failure_of(action: Action, error: GraphError, outcome: tuple[str, str | None]) -> None:
    """Where there is nothing any more, a delete is done; what a person cannot mend has a code with a sentence."""
    assert failure_of(action, error) == outcome


def test_said_is_the_field_that_was_set_and_nothing_else() -> None:
    """Graph answers with the whole message; of another message nothing is believed."""
    action = _action("read", {"is_read": True})
    body = {"id": "m/1", "isRead": True, "subject": "S", "parentFolderId": "F"}
    assert said(action, msgspec.json.encode(body)) == {"remote_id": "m/1", "is_read": True}
    assert said(action, msgspec.json.encode({**body, "id": "other"})) is None
    assert said(action, b"<html>") is None
    assert said(_action("destroy", {}), b"") is None


def test_key_of_puts_moves_and_destroying_behind_each_other() -> None:
    """What builds on a failed action fails with it: of the same field."""
    assert key_of(_action("destroy", {})) == key_of(_action("move", {"folder": "F"}))
    assert key_of(_action("read", {"is_read": True})) != key_of(_action("flag", {"is_flagged": True}))


# ---------------------------------------------------------------------- merging, the addon's own

_value = st.integers(0, 2)


@given(_value, st.lists(st.tuples(st.booleans(), _value), max_size=6), _value)
def test_merge_ends_in_the_last_wish(said_value: int, earlier: list[tuple[bool, int]], wish: int) -> None:
    """Whatever was taken and in whatever order: what Graph gets, in order, ends in the last wish; what nobody took is replaced."""
    known = [KINDS.Earlier(number, is_free, value) for number, (is_free, value) in enumerate(earlier)]
    merged = KINDS.merge(wish, said_value, known)
    left = [one for one in known if one.id not in merged.cancelled]
    assert all(known[i].is_free for i in merged.cancelled)
    assert not left or not left[-1].is_free
    sent = [said_value, *(one.value for one in left), *([wish] if merged.goes else [])]
    assert sent[-1] == wish
    assert merged.base == ([said_value, *(one.value for one in left)])[-1]


def test_action_kinds_import_nothing_of_odoo() -> None:
    """The tests and the addon share one file."""
    assert importlib.util.find_spec("odoo") is None
    assert {"read", "send", "empty_folder"} <= set(KINDS.KINDS)
