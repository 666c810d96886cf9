"""What takes more than one call: defaults, sharing that ends, the bus, templates, chatter; and every public method there is."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.rights.table import READERS

if TYPE_CHECKING:
    from tests.rights.place import Answer, Box, Place


# Why a body does not come (docs/protocol.md, section 3).
CODES = ("not_found", "needs_sign_in", "unavailable", "unreadable")


def _bus(place: Place, after: int = 0) -> list[tuple[int, list[Any], str, dict[str, Any]]]:
    """Return what the bus was given by MailDesk: (id, channel, type, payload)."""
    found = []
    for row_id, channel, text in place.execute("SELECT id, channel, message FROM bus_bus WHERE id > %s ORDER BY id", after):
        message = json.loads(text)
        if message["type"].startswith("maildesk/"):
            found.append((row_id, json.loads(channel), message["type"], message["payload"]))
    return found


def _channel(place: Place, role: str) -> list[Any]:
    return [place.server.database, "res.partner", place.person(role)["partner"]]


# ---------------------------------------------------------------------- a new mailbox

SET_BY_METHODS = {"owner_id": "$owner", "state": "connected", "token_sealed": "x", "token_seq": 9, "granted_scopes": "Mail.Send"}


@pytest.mark.parametrize("role", ["other", "admin"])
@pytest.mark.parametrize("name", SET_BY_METHODS)
@pytest.mark.parametrize("by", ["context", "default"])
def test_new_mailbox_takes_no_defaults(place: Place, role: str, name: str, by: str) -> None:
    """What users may not set in a mailbox they do not set by a default either: of the call's context, or of their own."""
    value = place.person("owner")["id"] if name == "owner_id" else SET_BY_METHODS[name]
    values = {"name": "D", "email": f"default.{role}.{name}.{by}@pier.example".replace("_", ".")}
    made: dict[str, Any] = {"vals_list": [values]}
    default_id: list[int] = []
    if by == "context":
        made["context"] = {f"default_{name}": value}
    else:
        ((field_id,),) = place.execute("SELECT id FROM ir_model_fields WHERE model = 'mailbox.account' AND name = %s", name)
        default = {"field_id": field_id, "user_id": place.person(role)["id"], "json_value": json.dumps(value)}
        default_id = place.by_json2(role, "ir.default", "create", None, {"vals_list": [default]}).result
        assert default_id, "an employee has defaults of their own"
    answer = place.by_json2(role, "mailbox.account", "create", None, made)
    if default_id:
        place.by_json2(role, "ir.default", "unlink", default_id, {})
    statement = "SELECT owner_id, state, token_sealed, COALESCE(token_seq, 0), granted_scopes FROM mailbox_account WHERE email = %s"
    rows = place.execute(statement, values["email"])
    assert rows in ([], [(place.person(role)["id"], "draft", None, 0, None)]), answer.text[:300]


# ---------------------------------------------------------------------- sharing that ends


def test_former_reader_loses_all_at_once(place: Place) -> None:
    """A user whom a mailbox is shared with no more reads nothing of it from that moment, is told once, and never again."""
    box = place.new_box()
    account, message, folder = box.ids["account"], box.ids["message"], box.ids["folder"]
    reads: list[tuple[str, str, list[int] | None, dict[str, Any]]] = [
        ("mailbox.account", "maildesk_overview", None, {}),
        ("mailbox.message_index", "maildesk_list", None, {"folder_id": folder}),
        ("mailbox.message_index", "maildesk_rows", None, {"message_ids": [message]}),
        ("mailbox.message_index", "maildesk_open", None, {"message_id": message}),
        ("mailbox.message_body", "search_read", None, {"domain": [["message_id", "=", message]], "fields": ["html"]}),
        ("mailbox.account", "web_read", [account], {"specification": {"name": {}, "folder_ids": {"fields": {"name": {}}}}}),
    ]
    for door in (place.by_session, place.by_json2):
        for read in reads:
            assert door("shared", *read).shows(box.mark), read
    ((last,),) = place.execute("SELECT COALESCE(max(id), 0) FROM bus_bus")
    place.must("owner", "mailbox.account", "write", [account], vals={"shared_user_ids": [[5]]})
    for door in (place.by_session, place.by_json2):
        for read in reads:
            assert not door("shared", *read).shows(box.mark), read
    told = [(channel, payload) for _, channel, _, payload in _bus(place, last)]
    news = {"account_id": account, "folder_ids": [], "message_ids": [], "account": True, "new_ids": []}
    assert sorted(told, key=str) == sorted([(_channel(place, role), news) for role in ("owner", "shared")], key=str)
    # What happens in it from now on is not for them.
    ((last,),) = place.execute("SELECT max(id) FROM bus_bus")
    changed = [{"remote_id": f"m-{box.mark}", "subject": f"Another {box.mark}"}]
    place.must("connector", "mailbox.account", "connector_apply", account_id=account, messages=changed)
    place.must("connector", "mailbox.account", "connector_body", account_id=account, remote_id=f"m-{box.mark}", body={"error": "not_found"})
    place.must("owner", "mailbox.account", "action_pause", [account])
    assert {tuple(channel) for _, channel, _, _ in _bus(place, last)} == {tuple(_channel(place, "owner"))}


def test_new_reader_is_told(place: Place) -> None:
    """A user whom a mailbox is shared with hears of it at once."""
    box = place.new_box()
    ((last,),) = place.execute("SELECT max(id) FROM bus_bus")
    share = {"shared_user_ids": [[4, place.person("other")["id"]]]}
    place.must("owner", "mailbox.account", "write", [box.ids["account"]], vals=share)
    assert _channel(place, "other") in [channel for _, channel, _, payload in _bus(place, last) if payload["account"]]
    assert place.by_session("other", "mailbox.account", "maildesk_overview", None, {}).shows(box.mark)


def test_opened_beside_each_other_is_noted_once(place: Place) -> None:
    """Requests of one reader that run at the same time all get their answer, and leave one entry."""
    box = place.new_box()

    def read(method: str) -> Answer:
        params = {"maildesk_open": {"message_id": box.ids["message"]}, "maildesk_list": {"folder_id": box.ids["folder"]}}
        return place.by_json2("shared", "mailbox.message_index", method, None, params[method])

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(read, ["maildesk_open", "maildesk_list"] * 3))
    assert all(answer.shows(f"Subject {box.mark}") for answer in answers)
    opened = "SELECT user_name, account_name FROM mailbox_audit WHERE account_id = %s AND event = 'opened'"
    assert place.execute(opened, box.ids["account"]) == [("Table shared", f"Box {box.mark}")]


# ---------------------------------------------------------------------- the bus


def test_bus_rows_go_to_people_and_say_nothing(place: Place) -> None:
    """All that the addon ever gave to the bus went to a partner's channel, and was ids, counts and codes; that it is back, to all."""
    box = place.new_box()
    account, remote_id = box.ids["account"], f"m-{box.mark}"
    body = {"html": f"<p>Body {box.mark}</p>", "attachments": [{"name": f"{box.mark}.pdf"}]}
    for part in (body, {"error": "not_found", "message": f"There is no message {box.mark}."}):
        place.must("connector", "mailbox.account", "connector_body", account_id=account, remote_id=remote_id, body=part)
    report = {"account_id": account, "state": "error", "state_message": f"Trouble with {box.mark}", "last_sync_at": "2026-11-22T10:00:00Z"}
    place.must("connector", "mailbox.account", "connector_exchange", instance="i", run="r", reports=[report])
    place.must("owner", "mailbox.folder", "maildesk_set_sync", folder_ids=[box.ids["folder"]], enabled=False)
    everything = _bus(place)
    back = [row for row in everything if row[2] == "maildesk/connector"]
    assert all(channel[:2] == [place.server.database, "res.groups"] and payload == {"is_up": True} for _, channel, _, payload in back), back
    rows = [row for row in everything if row not in back]
    assert {kind for _, _, kind, _ in rows} == {"maildesk/changed", "maildesk/body"}
    for row_id, channel, kind, payload in rows:
        assert channel[:2] == [place.server.database, "res.partner"], (row_id, channel)
        for name, value in payload.items():
            is_code = (kind, name) == ("maildesk/body", "error") and value in (
                None,
                "not_found",
                "needs_sign_in",
                "unavailable",
                "unreadable",
            )
            numbers = value if isinstance(value, list) else [value]
            assert is_code or all(number is None or isinstance(number, int) for number in numbers), (kind, name, value)
    assert not place.execute("SELECT id FROM bus_bus WHERE message LIKE %s OR channel LIKE %s", f"%{box.mark}%", "%mailbox%")


def test_bus_is_not_heard_by_others(place: Place) -> None:
    """Whatever channels somebody asks for, they hear what is for themselves."""
    # Of its own: Odoo gives out only what was told in the last minute.
    box = place.new_box()
    mine = _channel(place, "owner")
    asked = [
        json.dumps(mine),
        f"res.partner_{mine[2]}",
        f"mailbox.account_{box.ids['account']}",
        f"mailbox.account,{box.ids['account']}",
        "maildesk",
        "maildesk/changed",
    ]
    heard = {}
    for role in ("nobody", "portal", "other", "admin", "connector", "owner"):
        params = {"channels": asked, "last": 0, "is_first_poll": True}
        found = place.sessions[role].post(
            "/websocket/peek_notifications", json={"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        )
        notifications = found.json().get("result", {}).get("notifications", [])
        heard[role] = {
            one["message"]["payload"].get("account_id") for one in notifications if one["message"]["type"].startswith("maildesk/changed")
        }
    assert box.ids["account"] in heard["owner"], "the owner hears of the mailbox: the test can fail"
    assert not [role for role, accounts in heard.items() if role != "owner" and box.ids["account"] in accounts]
    forged = {"channels": [mine], "last": 0, "is_first_poll": True}
    answer = place.sessions["other"].post(
        "/websocket/peek_notifications", json={"jsonrpc": "2.0", "method": "call", "id": 1, "params": forged}
    )
    assert "error" in answer.json(), "a channel is a name: a list is refused"


# ---------------------------------------------------------------------- what Odoo hangs on any record


@pytest.mark.parametrize("role", ["portal", "other", "admin", "connector"])
def test_chatter_tells_no_name(place: Place, standing: Box, role: str) -> None:
    """A message, an activity or an attachment that somebody hangs on a foreign mail does not tell its subject."""
    for model, res_id in (("mailbox.message_index", standing.ids["message"]), ("mailbox.folder", standing.ids["folder"])):
        model_id = place.told["model_ids"][model]
        hung = {
            "mail.message": ({"model": model, "res_id": res_id, "body": "x", "message_type": "comment"}, ["record_name", "display_name"]),
            "mail.activity": ({"res_model_id": model_id, "res_id": res_id, "summary": "x"}, ["res_name", "display_name"]),
            "ir.attachment": ({"res_model": model, "res_id": res_id, "name": "x"}, ["res_name", "display_name"]),
        }
        for kind, (values, fields) in hung.items():
            made = place.by_session(role, kind, "create", None, {"vals_list": [values]})
            assert not made.shows(standing.mark)
            if not made.is_error:
                read = place.by_session(role, kind, "read", made.result, {"fields": fields})
                assert not read.shows(standing.mark), (kind, read.text[:300])


@pytest.mark.parametrize("role", ["other", "shared", "owner", "admin"])
def test_template_opens_nothing(place: Place, standing: Box, role: str) -> None:
    """A mail template renders what its user may read, and the connector's fields for nobody."""
    sources = {"{{ object.token_sealed }}": set(), "{{ object.name }}": {"shared", "owner", "admin"}}
    for source, readers in sources.items():
        values = {
            "model": "mailbox.account",
            "res_ids": json.dumps([standing.ids["account"]]),
            "composition_mode": "mass_mail",
            "subject": source,
            "body": source,
        }
        template = {"name": "T", "model_id": place.told["model_ids"]["mailbox.account"], "subject": source, "body_html": source}
        made = place.by_session(role, "mail.template", "create", None, {"vals_list": [template]})
        texts = [made.text]
        if not made.is_error:
            preview = {"mail_template_id": made.result[0], "resource_ref": f"mailbox.account,{standing.ids['account']}"}
            shown = place.by_session(role, "mail.template.preview", "create", None, {"vals_list": [preview]})
            texts.append(shown.text)
            if not shown.is_error:
                read = place.by_session(role, "mail.template.preview", "read", shown.result, {"fields": ["subject", "body_html"]})
                texts.append(read.text)
        texts.append(place.by_session(role, "mail.compose.message", "create", None, {"vals_list": [values]}).text)
        assert role in readers or not any(standing.mark in text for text in texts), texts


# ---------------------------------------------------------------------- every public method there is

# Texts of mail, which administrators do not see either; they see the names of mailboxes.
MAIL_WORDS = ("Subject", "Preview", "Body", "Inbox", "do", "bad")


def _guess(name: str, one: int, text: str, box: Box) -> Any:
    """Return a value that a parameter of this name may take."""
    ids = box.ids
    guesses: dict[str, Any] = {
        "domain": [["id", "=", one]],
        "fields": [text],
        "field_names": [text],
        "fields_to_export": [text],
        "fnames": [text],
        "specification": {text: {}, "display_name": {}},
        "fields_spec": {text: {}, "display_name": {}},
        "groupby": [text],
        "aggregates": ["__count"],
        "vals": {text: "changed"},
        "values": {text: "changed"},
        "vals_list": [{text: "changed"}],
        "data": [[str(one), "changed"]],
        "default": {text: "changed"},
        "name": "",
        "fname": text,
        "field_name": text,
        "field": text,
        "operation": "read",
        "views": [[False, "form"], [False, "list"]],
        "group_by": text,
        "progress_bar": {"field": text, "colors": {}},
        "translations": {"en_US": "changed"},
        "message_id": ids["message"],
        "message_ids": [ids["message"]],
        "folder_id": ids["folder"],
        "folder_ids": [ids["folder"]],
        "account_id": ids["account"],
        "account_ids": [ids["account"]],
        "enabled": False,
        "limit": 10,
        "offset": 0,
    }
    return guesses.get(name)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", READERS)
def test_sweep_of_public_methods(place: Place, model: str) -> None:
    """No method that RPC may call, Odoo's own included, shows others a text of a mailbox or lets them change one."""
    box = place.new_box()
    _, _, one, text = READERS[model]
    record = box.ids[one[1:]]
    before, failures, shown = place.state_of(box), [], 0
    for name, told in place.told["methods"][model].items():
        kwargs = {p: value for p in told["parameters"] if (value := _guess(p, record, text, box)) is not None}
        for role in ("other", "admin", "shared"):
            if role == "admin" and model in ("mailbox.account", "mailbox.audit"):
                continue
            if role == "shared" and name in ("maildesk_refresh", "action_refresh"):
                continue
            answer = place.by_session(role, model, name, None if told["is_model"] else [record], kwargs)
            words = {"other": (box.mark,), "admin": tuple(f"{word} {box.mark}" for word in MAIL_WORDS), "shared": (f"sealed {box.mark}",)}
            failures += [f"{role} {name}: shows {word}: {answer.text[:300]}" for word in words[role] if answer.shows(word)]
            shown += role == "shared" and answer.shows(box.mark)
            if (after := place.state_of(box)) != before:
                failures.append(f"{role} {name}: changed {[t for t in after if after[t] != before.get(t)]}: {answer.text[:300]}")
                before = after
    assert not failures, "\n".join(failures)
    readers = READERS[model][0]
    assert shown >= (8 if "shared" in readers else 0), "the sweep reads with guessed parameters what a reader may read"
