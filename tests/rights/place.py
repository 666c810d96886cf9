"""Where the table is tried: a real Odoo with one user per role, each role's doors, and mailboxes that can be recognised in any answer."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx  # noqa: ASYNC127 - as connector/http.py says
import psycopg2

from tests.odoo.person import Person
from tests.odoo.server import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection

    from tests.odoo.server import OdooServer
    from tests.odoo.template import Run

__all__ = ["ROLES", "Answer", "Box", "Place", "open_place"]

ROLES = ("nobody", "portal", "other", "shared", "owner", "admin", "connector")
SECRET = "secret-of-the-table"

# Where Odoo keeps what people hang on any record, and the column that names its model.
_BESIDE = {"ir_attachment": "res_model", "mail_message": "model", "mail_followers": "res_model", "mail_activity": "res_model"}

# What a browser says of a click; /json wants to hear it.
_NAVIGATION = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-User": "?1"}

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What a door gave: all of its text, and whether it was an error."""

    is_error: bool
    text: str
    result: Any = None
    status: int = 200
    location: str = ""

    def shows(self, needle: str) -> bool:
        """Tell whether something can be read in it, as it is or as JSON escapes it."""
        return needle in self.text


@dataclass
class Box:
    """A mailbox with one of everything; every text of it has the mark. `ids` are what placeholders of the table stand for."""

    mark: str
    ids: dict[str, Any] = field(default_factory=dict)


class _FakeConnector(BaseHTTPRequestHandler):
    """Answers Odoo as a connector that knows every mailbox."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        state = f"state-{next(_numbers)}"
        answers: dict[str, Any] = {
            "/signin/start": {"url": f"https://login.example/authorize?state={state}", "state": state},
            "/signin/finish": {"outcome": "connected", "scopes": ["Mail.ReadWrite"], "token": {"sealed": "sealed", "seq": 99}},
            "/content/body": {"state": "error", "error": "unavailable", "message": "Not now."},
        }
        answer = json.dumps(answers.get(self.path, {})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        """Give any attachment: who is asked here has been let through."""
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(b"file")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives
        """Say nothing."""


@dataclass
class Place:
    """The Odoo, its people, what the addon says it has."""

    server: OdooServer
    told: dict[str, Any]
    sessions: dict[str, httpx.Client]
    keys: dict[str, httpx.Client]
    database: connection
    _tables: list[str] = field(default_factory=list)
    _csrf: dict[str, str] = field(default_factory=dict)

    # ------------------------------------------------------------------ doors

    def by_session(self, role: str, model: str, method: str, ids: list[int] | None, kwargs: dict[str, Any]) -> Answer:
        """Call as the web client does, in debug mode, where Odoo's errors say more."""
        kwargs = dict(kwargs)
        args = [] if ids is None else [ids]
        # The web client's only positional parameter: call_kw looks at it.
        args += [kwargs.pop("vals_list")] if "vals_list" in kwargs else []
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        answer = self.sessions[role].post(
            f"/web/dataset/call_kw/{model}/{method}", json={"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        )
        found = answer.json()
        return Answer("error" in found, json.dumps(found, ensure_ascii=False), found.get("result"), answer.status_code)

    def by_json2(self, role: str, model: str, method: str, ids: list[int] | None, kwargs: dict[str, Any]) -> Answer:
        """Call by JSON-2 with an API key."""
        body = kwargs if ids is None else {"ids": ids, **kwargs}
        answer = self.keys[role].post(f"/json/2/{model}/{method}", json=body)
        try:
            found = answer.json()
        except ValueError:
            return Answer(is_error=True, text=answer.text, status=answer.status_code)
        return Answer(answer.status_code >= 400, json.dumps(found, ensure_ascii=False), found, answer.status_code)

    def by_http(self, role: str, verb: str, path: str, data: dict[str, Any] | None = None) -> Answer:
        """Ask for a page in the role's browser; a form goes with the session's own CSRF token."""
        if verb == "POST":
            data = {**(data or {}), "csrf_token": self._csrf_token(role)}
        answer = self.sessions[role].request(verb, path, data=data, headers=_NAVIGATION)
        if answer.status_code == 307:
            # /json completes its own URL.
            answer = self.sessions[role].get(answer.headers["location"], headers=_NAVIGATION)
        location = answer.headers.get("location", "")
        refused = answer.status_code >= 400 or urlsplit(location).path == "/web/login"
        return Answer(refused, answer.text, None, answer.status_code, location)

    def _csrf_token(self, role: str) -> str:
        if role not in self._csrf:
            page = self.sessions[role].get("/odoo", follow_redirects=True).text
            found = re.search(r"csrf_token[^0-9a-f]{1,12}([0-9a-f]+o[0-9]+)", page)
            self._csrf[role] = found[1] if found else ""
        return self._csrf[role]

    # ------------------------------------------------------------------ mailboxes

    def person(self, role: str) -> dict[str, Any]:
        """Return id, partner and so on of a role's user."""
        found: dict[str, Any] = self.told["people"][role]
        return found

    def execute(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Look into, or reach into, Odoo's database beside Odoo; committed at once."""
        with self.database.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    def must(self, role: str, model: str, method: str, ids: list[int] | None = None, **kwargs: Any) -> Any:
        """Call something that has to work."""
        door = self.by_json2 if role == "connector" else self.by_session
        answer = door(role, model, method, ids, kwargs)
        assert not answer.is_error, answer.text
        return answer.result

    def new_box(self) -> Box:
        """Let the owner connect a mailbox, fill it as the connector does, and share it with "shared"."""
        mark = f"zq{next(_numbers)}q"
        box = Box(mark)
        email = f"{mark}@pier.example"
        (account,) = self.must("owner", "mailbox.account", "create", vals_list=[{"name": f"Box {mark}", "email": email}])
        self.execute(
            "UPDATE mailbox_account SET state = 'connected', granted_scopes = 'Mail.ReadWrite', token_sealed = %s, token_seq = 1 "
            "WHERE id = %s",
            f"sealed {mark}",
            account,
        )
        person = {"total": 1, "list": [{"name": f"Ben {mark}", "address": f"ben.{mark}@pier.example"}]}
        message = {
            "remote_id": f"m-{mark}",
            "folder": f"F-{mark}",
            "internet_message_id": f"<{mark}@pier.example>",
            "conversation_id": f"C-{mark}",
            "subject": f"Subject {mark}",
            "from_name": f"Ben {mark}",
            "from_email": f"ben.{mark}@pier.example",
            "to_recipients": person,
            "preview": f"Preview {mark}",
            "received_at": "2026-11-22T10:00:00Z",
        }
        tree = [{"remote_id": f"F-{mark}", "parent_remote_id": None, "name": f"Inbox {mark}", "role": "inbox"}]
        aside = [{"remote_id": f"bad-{mark}", "folder": f"F-{mark}", "reason": "shape"}]
        cursor = [{"folder": f"F-{mark}", "revision": 0, "cursor": f"https://graph.example/{mark}", "is_bootstrapped": True, "unread": 1}]
        self.must(
            "connector",
            "mailbox.account",
            "connector_apply",
            account_id=account,
            tree=tree,
            messages=[message],
            set_aside=aside,
            folders=cursor,
        )
        body = {"html": f"<p>Body {mark}</p>", "has_remote": False, "keep_seconds": 3600, "attachments": []}
        self.must("connector", "mailbox.account", "connector_body", account_id=account, remote_id=f"m-{mark}", body=body)
        self.execute(
            "INSERT INTO mailbox_action (uuid, account_id, kind, state, create_date) "
            "VALUES (%s, %s, %s, 'pending', now() AT TIME ZONE 'UTC')",
            f"u-{mark}",
            account,
            f"do {mark}",
        )
        self.execute(
            "INSERT INTO mailbox_draft "
            "(author_id, account_id, mode, importance, state, revision, tag, subject, to_recipients, html, write_date) "
            # A draft without a date is newer than all others to PostgreSQL, and lists show the newest few.
            "VALUES (%s, %s, 'new', 'normal', 'editing', 1, %s, %s, %s::jsonb, %s, now() AT TIME ZONE 'UTC')",
            self.person("owner")["id"],
            account,
            f"t-{mark}",
            f"Draft {mark}",
            json.dumps([{"name": "", "address": "bert@pier.example"}]),
            f"<p>Text {mark}</p>",
        )
        self.execute(
            "INSERT INTO mailbox_conversation_link (account_id, conversation_id, remote_id, kind, res_model, res_id) "
            "VALUES (%s, %s, %s, 'log', 'res.partner', %s)",
            account,
            f"C-{mark}",
            f"m-{mark}",
            self.person("other")["partner"],
        )
        self.execute("INSERT INTO mailbox_refresh (account_id, requested_at) VALUES (%s, now() - interval '1 hour')", account)
        self.must("owner", "mailbox.account", "write", [account], vals={"shared_user_ids": [[6, 0, [self.person("shared")["id"]]]]})
        box.ids = {"account": account, "mark": mark, "email": email}
        for name, table in {
            "folder": "mailbox_folder",
            "sync": "mailbox_folder_sync",
            "message": "mailbox_message_index",
            "body": "mailbox_message_body",
            "action": "mailbox_action",
            "unreadable": "mailbox_unreadable",
            "draft": "mailbox_draft",
            "audit": "mailbox_audit",
            "link": "mailbox_conversation_link",
            "refresh": "mailbox_refresh",
        }.items():
            ((box.ids[name],),) = self.execute(f"SELECT min(id) FROM {table} WHERE account_id = %s", account)  # noqa: S608 - our names
        return box

    def state_of(self, box: Box) -> dict[str, list[str]]:
        """Return every row that is about a mailbox, but for who opened it: what nobody without the right may change."""
        if not self._tables:
            found = self.execute("SELECT table_name FROM information_schema.columns WHERE column_name = 'account_id' ORDER BY 1")
            # A sign-in under way is begun by the table itself, and only its owner's session can use it.
            self._tables += [name for (name,) in found if name.startswith("mailbox_") and name != "mailbox_signin"]
        account = int(box.ids["account"])
        # Names of tables and a number, all ours.
        parts = [f"SELECT 'mailbox_account', t::text FROM mailbox_account t WHERE id = {account}"]  # noqa: S608 - as said
        for name in self._tables:
            but = "AND event <> 'opened'" if name == "mailbox_audit" else ""
            parts.append(f"SELECT '{name}', t::text FROM {name} t WHERE account_id = {account} {but}")  # noqa: S608 - as said
        for name, column in _BESIDE.items():
            parts.append(f"SELECT '{name}', t::text FROM {name} t WHERE {column} LIKE 'mailbox.%'")  # noqa: S608 - as said
        state: dict[str, list[str]] = {}
        for name, text in self.execute(" UNION ALL ".join(parts) + " ORDER BY 1, 2"):
            state.setdefault(name, []).append(text)
        return state

    # ------------------------------------------------------------------ a sign-in under way

    def sign_in_state(self, box: Box) -> str:
        """Let the owner begin a sign-in; return its state."""
        begun = self.by_http("owner", "GET", f"/maildesk/outlook/authorize/{box.ids['account']}")
        assert begun.location.startswith("https://login.example/"), begun.text[:500]
        return begun.location.rpartition("=")[2]

    def sign_in_handle(self, box: Box) -> str:
        """Let the owner begin a sign-in and Microsoft answer; return the handle of the page that finishes it."""
        state = self.sign_in_state(box)
        answered = httpx.post(f"{self.server.url}/maildesk/outlook/callback", data={"code": "c", "state": state}, timeout=60)
        assert answered.status_code == 303, answered.text[:500]
        return answered.headers["location"].rpartition("/")[2]


@contextmanager
def open_place(run: Run) -> Iterator[Place]:
    """Run it until we leave."""
    fake = ThreadingHTTPServer(("127.0.0.1", 0), _FakeConnector)
    thread = threading.Thread(target=fake.serve_forever)
    thread.start()
    try:
        with run.odoo(connector_url=f"http://127.0.0.1:{fake.server_port}", secret=SECRET) as server:
            told = _ask_shell(run, server)
            sessions = {"nobody": httpx.Client(base_url=server.url, timeout=60)}
            keys = {"nobody": httpx.Client(base_url=server.url, timeout=60)}
            for role, person in told["people"].items():
                logged_in = Person.logged_in(server, person["login"], person["password"]).http
                logged_in.base_url = httpx.URL(server.url)
                logged_in.get("/odoo?debug=1")
                sessions[role] = logged_in
                keys[role] = httpx.Client(base_url=server.url, timeout=60, headers={"Authorization": f"bearer {person['key']}"})
            database = psycopg2.connect(server.cluster.dsn(server.database))
            database.autocommit = True
            yield Place(server, told, sessions, keys, database)
            database.close()
            for client in (*sessions.values(), *keys.values()):
                client.close()
    finally:
        fake.shutdown()
        thread.join()
        fake.server_close()


def _ask_shell(run: Run, server: OdooServer) -> dict[str, Any]:
    """Run `shell.py` in Odoo's shell, on the database that the server serves."""
    config = run.folder / f"odoo-{server.database}.conf"
    command = [*run.install.command, "shell", "-c", str(config), "-d", server.database, "--no-http"]
    script = (Path(__file__).parent / "shell.py").read_text()
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, env=environment(run.install))  # noqa: S603 - our Odoo
    for line in done.stdout.splitlines():
        if "TOLD " in line:
            told: dict[str, Any] = json.loads(line.partition("TOLD ")[2])
            return told
    raise AssertionError(f"Odoo's shell told nothing:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
