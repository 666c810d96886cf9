"""What the tests of apply beside users need: the connector's calls and people's, with plain sockets, from as many threads as one likes."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx  # noqa: ASYNC127 - as connector/http.py says
import psycopg2
from psycopg2.errors import SerializationFailure
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from tests.odoo.person import Person
from tests.odoo_contract.conftest import INSTANCE, RUN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.odoo_contract.behind import Place

__all__ = ["Robot", "UserTransaction", "bodies_served", "logs"]

BODY = {"html": "<p>Hello</p>", "has_remote": False, "keep_seconds": 3600, "attachments": []}


class Robot:
    """The connector's calls over JSON-2, blocking."""

    def __init__(self, place: Place, account_id: int) -> None:
        self._account_id = account_id
        headers = {"Authorization": f"bearer {place.logins.connector_key}", "X-Odoo-Database": place.server.database}
        self._http = httpx.Client(base_url=f"{place.server.url}/json/2/mailbox.account/", headers=headers, timeout=60)

    def apply(self, **parts: Any) -> dict[str, Any]:
        """Apply changes; raises `HTTPStatusError` if Odoo gives up."""
        answer = self._http.post("connector_apply", json={"account_id": self._account_id, **parts}).raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def take_up(self) -> dict[str, Any]:
        """Take the mailbox up."""
        (found,) = self._http.post("connector_take_up", json={"account_ids": [self._account_id]}).raise_for_status().json()
        return dict(found)

    def heartbeat(self, at: str) -> None:
        """Report the end of a round."""
        report = {"account_id": self._account_id, "last_sync_at": at}
        assert "held" not in self.exchange(INSTANCE, RUN, [report])

    def exchange(self, instance: str, run: str, reports: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """Exchange as a connector that has just started."""
        answer = self._http.post("connector_exchange", json={"instance": instance, "run": run, "reports": reports}).raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def close(self) -> None:
        """Close its connections."""
        self._http.close()


class UserTransaction:
    """What a user's action will do to rows of the index: one transaction as Odoo runs it, tried again at once if it fails."""

    def __init__(self, place: Place) -> None:
        self.connection = psycopg2.connect(place.server.cluster.dsn(place.server.database))
        self.connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
        self.failures = 0

    def begin(self) -> None:
        """Take the snapshot."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM mailbox_account")

    def toggle(self, ids: list[int]) -> None:
        """Write the rows, in the order of ids; does not commit."""
        statement = """
            UPDATE mailbox_message_index m SET is_read = NOT m.is_read, is_flagged = NOT m.is_flagged
              FROM (SELECT id FROM mailbox_message_index WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE) l WHERE m.id = l.id"""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, [ids])

    def act(self, ids: list[int]) -> None:
        """Toggle and commit, again and again until it is done."""
        while True:
            try:
                self.begin()
                self.toggle(ids)
                self.connection.commit()
            except SerializationFailure:
                self.connection.rollback()
                self.failures += 1
            else:
                return

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class _Connector(BaseHTTPRequestHandler):
    """Answers hints and bodies as the connector would."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps({"state": "ready", "body": BODY} if self.path == "/content/body" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives
        """Say nothing."""


@contextmanager
def bodies_served(place: Place) -> Iterator[None]:
    """Let Odoo find a connector that has every body at once."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Connector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        _tell(place, f"http://127.0.0.1:{server.server_port}")
        yield
        _tell(place, "")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _tell(place: Place, url: str) -> None:
    with Person.logged_in(place.server, place.logins.admin, place.logins.admin_password) as admin:
        for key, value in {"maildesk.connector_url": url, "maildesk.connector_secret": url and "secret"}.items():
            admin.call("ir.config_parameter", "set_param", key, value)


def logs(place: Place) -> str:
    """Return all that Odoo and PostgreSQL have logged."""
    return place.server.log.read_text() + (place.server.log.parent / "postgres.log").read_text()
