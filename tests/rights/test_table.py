"""The table, tried by every door as everybody."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.rights.place import ROLES
from tests.rights.table import CLOSED_MODELS, READERS, TABLE, Call, Page, Row, closed_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.rights.place import Answer, Box, Place


def _ids(place: Place, box: Box) -> dict[str, Callable[[], Any]]:
    """Return what placeholders stand for; a sign-in is begun only where a row asks for one."""
    people = {role: place.person(role) for role in ROLES if role != "nobody"}
    found: dict[str, Callable[[], Any]] = {name: partial(lambda value: value, value) for name, value in box.ids.items()}
    for role, person in people.items():
        found[role] = partial(lambda value: value, person["id"])
        found[f"partner_{role}"] = partial(lambda value: value, person["partner"])
    found["model_message"] = lambda: place.told["model_ids"]["mailbox.message_index"]
    found["state"] = lambda: place.sign_in_state(box)
    found["handle"] = lambda: place.sign_in_handle(box)
    return found


def _fill(value: Any, ids: dict[str, Callable[[], Any]]) -> Any:
    """Put ids in the place of placeholders."""
    if isinstance(value, str):
        if value.startswith("$"):
            return ids[value[1:]]()
        return re.sub(r"\{(\w+)\}", lambda match: str(ids[match[1]]()), value)
    if isinstance(value, list):
        return [_fill(item, ids) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, ids) for key, item in value.items()}
    return value


def _tries(place: Place, row: Row) -> Iterator[tuple[str, Callable[[str, Box], Answer]]]:
    """Return the doors by which a row can be tried: name, and what opens it for a role."""
    how = row.how
    if isinstance(how, Page):
        yield "http", lambda role, box: place.by_http(role, how.verb, _fill(how.path, _ids(place, box)), _fill(how.data, _ids(place, box)))
        return
    for name, door in (("session", place.by_session), ("json2", place.by_json2)):

        def open_it(role: str, box: Box, door: Any = door) -> Answer:
            ids = _ids(place, box)
            answer: Answer = door(role, how.model, how.method, _fill(how.ids, ids), _fill(how.kwargs, ids))
            return answer

        yield name, open_it


def _got_it(row: Row, answer: Answer, box: Box, *, changed: bool) -> bool:
    """Tell whether a role got what the row is about."""
    match row.proof:
        case "sees":
            return answer.shows(row.needle.replace("{mark}", box.mark))
        case "finds":
            return not answer.is_error and bool(answer.result)
        case "changes":
            return changed
        case "answers":
            return not answer.is_error


def _failures(place: Place, row: Row, standing: Box) -> list[str]:
    """Try a row as everybody: first those who may not, on one mailbox, then those who may, on a fresh one where it changes."""
    failures: list[str] = []
    writes = row.proof in ("changes", "answers") and bool(row.who)
    # What a row needs beforehand would last for all the others.
    box = place.new_box() if writes or row.before else standing
    if row.before:
        place.execute(_fill(row.before, _ids(place, box)))
    before = place.state_of(box)
    for door, try_it in _tries(place, row):
        for role in ROLES:
            if role in row.roles:
                continue
            answer = try_it(role, box)
            after = place.state_of(box)
            if after != before:
                failures.append(
                    f"{role} by {door}: changed {[table for table in after if after[table] != before[table]]}: {answer.text[:300]}"
                )
                before = after
            elif _got_it(row, answer, box, changed=False):
                failures.append(f"{role} by {door}: may not, and did: {answer.text[:300]}")
            elif row.proof != "sees" and answer.shows(box.mark):
                failures.append(f"{role} by {door}: was refused, and shown a text: {answer.text[:900]}")
        for role in sorted(row.roles):
            if writes:
                box = place.new_box()
                if row.before:
                    place.execute(_fill(row.before, _ids(place, box)))
                before = place.state_of(box)
            answer = try_it(role, box)
            if not _got_it(row, answer, box, changed=row.proof == "changes" and place.state_of(box) != before):
                failures.append(f"{role} by {door}: may, and could not: {answer.text[:900]}")
            before = place.state_of(box)
    return failures


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_table_row(place: Place, standing: Box, row: Row) -> None:
    """Who may, does; who may not, sees nothing and changes nothing."""
    failures = _failures(place, row, standing)
    assert not failures, "\n".join([str(row), *failures])


@pytest.mark.timeout(600)
def test_table_fields_of_the_connector(place: Place, standing: Box) -> None:
    """Whatever field Odoo says is closed: nobody reads it, filters, sorts or groups by it, from wherever a path leads to it."""
    closed = place.told["closed"]
    assert {"token_sealed", "token_seq", "config_changed_at"} <= set(closed["mailbox.account"])
    failures = []
    for model, fields in closed.items():
        for name in fields:
            rows = closed_fields(model, READERS[model][2], name)
            if model == "mailbox.account":
                rows += closed_fields("mailbox.folder", "$folder", f"account_id.{name}")
                rows += closed_fields("mailbox.message_index", "$message", f"folder_id.account_id.{name}")
            failures += [f"{name}: {row}: {failure}" for row in rows for failure in _failures(place, row, standing)]
    assert not failures, "\n".join(failures)


def test_table_has_every_model(place: Place) -> None:
    """A new model is in the table, or this fails."""
    assert set(place.told["models"]) == {*READERS, *CLOSED_MODELS}


def test_table_has_every_method(place: Place) -> None:
    """A new public method has a row, or this fails."""
    tried = {(row.how.model, row.how.method) for row in TABLE if isinstance(row.how, Call)}
    models = {*place.told["models"], "res.config.settings", "res.partner"}
    there = {(model, name) for model in models for name, told in place.told["methods"][model].items() if told["is_ours"]}
    assert not there - tried, "methods without a row in tests/rights/table.py"
    assert ("mailbox.account", "connector_apply") in there, "the list of methods is a list of ours"


def test_table_has_every_route(place: Place) -> None:
    """A new route has a row, or this fails."""
    tried = {row.how.route for row in TABLE if isinstance(row.how, Page)}
    there = {route["path"] for route in place.told["routes"]}
    assert not there - tried, "routes without a row in tests/rights/table.py"
    assert len(there) >= 3, "the list of routes is a list of ours"
