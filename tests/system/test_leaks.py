"""No secret and no mail where it does not belong, after a whole life of a mailbox with all that goes wrong in one.

Looked through: the logs of connector (at DEBUG), Odoo and PostgreSQL, errors, metrics, URLs, every column of every table of Odoo (the bus
is one of them), and the bytes of the connector's file. What must be somewhere is looked for too, so that blind eyes are noticed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx  # noqa: ASYNC127 - as connector/http.py says
import psycopg2
import pytest
import trio
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from connector import logs
from connector.config import LogConfig
from tests.demo.stage import state_files
from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.server import CLIENT_SECRET
from tests.odoo.person import OdooCallError
from tests.system.bench import SECRET

if TYPE_CHECKING:
    from typing import Literal

    from tests.graph_simulator.model import Mailbox, Message
    from tests.system.bench import Bench
    from tests.system.conftest import Opener

# Where each kind may stand, and does: columns of Odoo. All that is not named here stands nowhere.
_BELONGS = {
    "subject": {"mailbox_message_index.subject"},
    "sender": {"mailbox_message_index.from_email", "mailbox_message_index.from_name"},
    "preview": {"mailbox_message_index.preview", "mailbox_message_body.html"},
    "body": {"mailbox_message_body.html"},
    "attachment": {"mailbox_message_body.attachments"},
    "shared secret": {"ir_config_parameter.value"},
    "own address": {
        "mailbox_account.email",
        "mailbox_account.name",
        "mailbox_audit.account_name",
        "mailbox_message_index.to_recipients",
    },
}

# Where else the own address stands: Microsoft is told whose sign-in it is (`login_hint`), the command line which mailbox is meant.
_TOLD = {"status": {"own address"}, "URLs of people": {"own address"}}


@dataclass
class _Planted:
    """What is looked for, by kind; made anew for each run, so that nothing else can be taken for it."""

    mark: str = field(default_factory=lambda: secrets.token_hex(6))
    secrets: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.secrets = {kind: {self.word(kind)} for kind in ("subject", "sender", "preview", "body", "attachment", "wrong key")}
        self.add("own address", self.address)

    @property
    def address(self) -> str:
        """The mailbox's own address."""
        return f"{self.word('own')}@pier.example"

    def word(self, kind: str) -> str:
        """Return the word that is planted."""
        return f"{kind.replace(' ', '')}{self.mark}"

    def add(self, kind: str, *values: str) -> None:
        """Look for these too."""
        self.secrets.setdefault(kind, set()).update(values)

    def add_tokens(self, bench: Bench) -> None:
        """Look for all that Entra has given, before it forgets them."""
        entra = bench.simulator.world.entra
        self.add("code", *entra.codes)
        self.add("access token", *entra.grants)
        self.add("refresh token", *entra.refresh)

    def in_text(self, text: str) -> set[str]:
        """Return the kinds that stand in a text, as they are or as a URL or a form has them."""
        return {kind for kind, values in self.secrets.items() if any(v in text or quote(v, safe="") in text for v in values)}

    def plant(self, mailbox: Mailbox, poison: str = "") -> Message:
        """Put a mail into the Inbox that has a word of every kind."""
        mail = EmailMessage()
        mail["From"] = f"{self.word('sender')}@quay.example"
        mail["To"] = self.address
        mail["Subject"] = f"{self.word('subject')} of today"
        mail["Message-ID"] = f"<{secrets.token_hex(8)}@quay.example>"
        mail.set_content(f"{self.word('preview')} {'and so on ' * 40} {self.word('body')}")
        mail.add_attachment(b"ink", maintype="application", subtype="pdf", filename=f"{self.word('attachment')}.pdf")
        data, attachments = to_graph(mail.as_bytes(), datetime.now(UTC))
        message = mailbox.add(mailbox.folder_id("inbox"), data, mail.as_bytes(), attachments)
        message.poison = poison
        return message


@dataclass
class _Browser:
    """What the browser's requests show: their URLs, where they were sent on to, and the errors."""

    urls: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> _Browser:
    """Note what every blocking client of this process, which are those of people, asks and hears."""
    seen, send = _Browser(), httpx.Client.send

    def noted(client: httpx.Client, request: httpx.Request, **how: Any) -> httpx.Response:
        answer = send(client, request, **how)
        seen.urls += [str(request.url), answer.headers.get("location", "")]
        if answer.is_error or answer.text.startswith('{"jsonrpc": "2.0", "id": 1, "error"'):
            seen.errors.append(answer.text)
        return answer

    monkeypatch.setattr(httpx.Client, "send", noted)
    return seen


def _columns(bench: Bench, planted: _Planted) -> dict[str, set[str]]:
    """Return the columns of Odoo's tables that hold each kind; bytes are looked for as PostgreSQL shows them."""
    patterns = [f"%{v}%" for values in planted.secrets.values() for value in values for v in (value, value.encode().hex())]
    found: dict[str, set[str]] = {}
    connection = psycopg2.connect(bench.odoo.cluster.dsn(bench.odoo.database))
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")
        for (table,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("SELECT c.key, c.value FROM {} t, jsonb_each_text(to_jsonb(t)) c WHERE t::text LIKE ANY(%s)").format(
                    sql.Identifier(table)
                ),
                [[pattern.replace("\\", "\\\\").replace("_", "\\_") for pattern in patterns]],
            )
            for column, value in cursor.fetchall():
                for kind, values in planted.secrets.items():
                    if value and any(v in value or v.encode().hex() in value for v in values):
                        found.setdefault(kind, set()).add(f"{table}.{column}")
    connection.close()
    return found


def _file(bench: Bench) -> str:
    """Return the bytes of the connector's files, one character each."""
    return "".join(file.read_bytes().decode("latin-1") for file in state_files(bench.state))


def _call_odoo(bench: Bench, key: str, method: str, **params: Any) -> httpx.Response:
    """Call Odoo as the connector does."""
    headers = {"Authorization": f"bearer {key}", "X-Odoo-Database": bench.odoo.database}
    with httpx.Client(timeout=60) as client:
        return client.post(f"{bench.odoo.url}/json/2/mailbox.account/{method}", json=params, headers=headers)


async def _open(bench: Bench, message: Message, state: str) -> str:
    """Open a message as its owner until its body is in this state; return what the app gets."""
    ((row,),) = bench.odoo.cluster.execute(
        bench.odoo.database, "SELECT id FROM mailbox_message_index WHERE remote_id = %s", message.immutable_id
    )

    opened: dict[str, Any] = {}

    async def is_there() -> bool:
        opened.update(await bench.person(lambda p: p.call("mailbox.message_index", "maildesk_open", row)))
        return bool(opened["body"]["state"] == state)

    await bench.until(is_there, f"the body to be {state}")
    return str(opened)


async def _collide(bench: Bench, mailbox: Mailbox, message: Message, subject: str) -> None:
    """Let apply meet a row that another transaction holds and then changes: PostgreSQL logs the statement that failed."""
    execute = partial(bench.odoo.cluster.execute, bench.odoo.database)
    connection = psycopg2.connect(bench.odoo.cluster.dsn(bench.odoo.database))
    connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailbox_message_index SET is_flagged = NOT is_flagged WHERE remote_id = %s", [message.immutable_id])
    mailbox.change(message.immutable_id, {"subject": subject})
    await bench.ask("POST", "/sync", {"emails": None})

    async def waits() -> bool:
        return bool(execute("SELECT 1 FROM pg_locks WHERE NOT granted"))

    await bench.until(waits, "apply to wait for the row")
    connection.commit()
    connection.close()
    await bench.sync()


async def _fail(bench: Bench, account: int, mailbox: Mailbox, message: Message, planted: _Planted) -> None:
    """Let go wrong what can: Odoo's and Graph's refusals, a collision, a wrong key."""
    word = planted.word
    wrong = {
        "remote_id": "m1",
        "subject": word("subject"),
        "preview": word("preview"),
        "received_at": word("body"),
        "importance": word("sender"),
    }
    refused = await trio.to_thread.run_sync(
        partial(_call_odoo, bench, bench.logins.connector_key, "connector_apply", account_id=account, messages=[wrong])
    )
    assert refused.is_error
    with pytest.raises(OdooCallError, match="already have a mailbox"):
        await bench.person(lambda p: p.new_account(planted.address))
    await _collide(bench, mailbox, message, f"{word('subject')} once more")
    quirks = bench.simulator.world.quirks
    quirks.fail_message = f"The item '{word('subject')}' from {word('sender')}@quay.example cannot be opened."
    quirks.fail_count, quirks.fail_graph = 3, "418 ErrorNobodyKnows"
    await bench.sync()
    quirks.fail_graph = ""
    await bench.stop()
    right, bench.logins = bench.logins, replace(bench.logins, connector_key=word("wrong key"))
    await bench.start()

    async def is_refused() -> bool:
        return (await bench.get(f"http://127.0.0.1:{bench.port}/readyz"))[0] == 503

    await bench.until(is_refused, "the wrong key to be refused")
    await trio.to_thread.run_sync(_call_odoo, bench, word("wrong key"), "connector_hello")
    await bench.stop()
    bench.logins = right
    await bench.start()


@pytest.mark.parametrize(("transport", "form"), [("json2", "json"), ("jsonrpc", "console")])
async def test_leaks_nothing_stands_where_it_does_not_belong(
    bench_of: Opener, browser: _Browser, transport: str, form: Literal["json", "console"], capsys: pytest.CaptureFixture[str]
) -> None:
    """From the sign-in to the disconnect, with every failure between them."""
    planted = _Planted()
    logs.configure(LogConfig(level="debug", format=form))
    async with bench_of(transport=transport) as bench:
        planted.add("API key", bench.logins.connector_key)
        planted.add("vault key", bench.key)
        planted.add("client secret", CLIENT_SECRET)
        planted.add("shared secret", SECRET)
        mailbox = bench.add_mailbox(planted.address, inbox=5)
        message, corrupt = planted.plant(mailbox), planted.plant(mailbox, "corrupt")
        planted.plant(mailbox, "shape")
        account = await bench.connect(planted.address)
        await bench.until_account(account, sync_phase="up_to_date")
        opened = await _open(bench, message, "ready")
        assert planted.in_text(opened) == {"subject", "sender", "preview", "body", "attachment", "own address"}
        await _open(bench, corrupt, "error")
        planted.add_tokens(bench)
        await _fail(bench, account, mailbox, message, planted)
        planted.add_tokens(bench)
        metrics = (await bench.get(f"http://127.0.0.1:{bench.port}/metrics"))[1]
        bench.simulator.world.entra.revoke(planted.address)
        await bench.ask("POST", "/sync", {"emails": None})
        await bench.until_account(account, state="reauth_required")
        status = str(await bench.ask("GET", "/status"))
        file = _file(bench)
        await bench.person(lambda p: p.call("mailbox.account", "unlink", [account]))
        connector = capsys.readouterr().err
        folder = bench.odoo.log.parent
        postgres = (folder / "postgres.log").read_text()
        requests = "\n".join(f"{r['path']} {r['query']}" for r in bench.simulator.world.requests)
        places = {
            "the connector's log": connector,
            "Odoo's log": bench.odoo.log.read_text(),
            "PostgreSQL's log": postgres,
            "metrics": metrics,
            "status": status,
            "errors": "\n".join(browser.errors),
            "URLs of people": "\n".join(browser.urls),
            "URLs of Graph and Entra": requests,
            "the connector's file": file,
            "the connector's file after the disconnect": _file(bench),
        }
        columns = _columns(bench, planted)
        bus = bench.odoo.cluster.execute(bench.odoo.database, "SELECT count(*) FROM bus_bus WHERE message LIKE '%%maildesk%%'")
    # All of it happened, and was looked at.
    assert "signed in" in connector
    assert "418" in connector
    assert "sign-in needed" in connector
    assert "could not serialize access" in postgres
    assert {"access token", "refresh token", "code"} <= {kind for kind, values in planted.secrets.items() if values}
    assert any("/authorize" in url for url in browser.urls)
    assert "/delta" in requests
    assert browser.errors
    assert "maildesk_" in metrics
    assert mailbox.folder_id("inbox") in file
    assert bus[0][0]
    # And nothing was found but what belongs there.
    assert columns == _BELONGS
    assert {place: found for place, text in places.items() if (found := planted.in_text(text))} == _TOLD
