"""What each transport sends, and what it makes of every answer: the wording that an admin acts on.

The shapes of the answers are those of a real Odoo 19 (tests/odoo_contract asks one).
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import httpx  # noqa: ASYNC127 - as connector/http.py says
import pytest
from pydantic import SecretStr

from connector.config import OdooConfig
from connector.errors import OdooError, OdooFault, OdooNoDatabase, OdooNotAllowed, OdooRefused, OdooUnreachable, OdooUnsuitable
from connector.http import open_client
from connector.odoo import open_odoo
from connector.odoo.wire import ApplyRequest, FolderUpdate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import respx

    from connector.odoo.port import OdooPort

URL = "http://odoo.example:8069"
API_KEY = "5ca1ab1e" + "0" * 32
HELLO = {"addon_version": "19.0.1.4.0", "odoo_version": "19.0", "database_uuid": "u", "now": "2026-11-23T10:00:00Z"}

Name = Literal["json2", "jsonrpc", "auto"]


def config(transport: Name) -> OdooConfig:
    """Return a configuration for the Odoo of these tests."""
    return OdooConfig(url=URL, database="db", login="connector", api_key=SecretStr(API_KEY), transport=transport)


@asynccontextmanager
async def port(transport: Name) -> AsyncIterator[OdooPort]:
    """Open the port with `transport`."""
    async with open_client() as client, open_odoo(config(transport), client) as odoo:
        yield odoo


def version(name: str = "19.0") -> httpx.Response:
    """Return Odoo's answer to the question for its version."""
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": None, "result": {"server_version": name, "protocol_version": 1}})


def rpc_error(name: str, message: str) -> httpx.Response:
    """Return an exception as JSON-RPC brings it: with status 200."""
    error = {"code": 0, "message": "Odoo Server Error", "data": {"name": name, "message": message, "debug": "..."}}
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": error})


def json2_error(status: int, name: str, message: str) -> httpx.Response:
    """Return an exception as JSON-2 brings it."""
    return httpx.Response(status, json={"name": name, "message": message, "arguments": [message], "context": {}, "debug": "..."})


@dataclass
class FakeOdoo:
    """Answers on both transports; `json2` and `rpc` are the answers to a call, `calls` what was called."""

    router: respx.MockRouter
    json2: Callable[[], httpx.Response] = field(default=lambda: httpx.Response(200, json=HELLO))
    rpc: Callable[[], httpx.Response] = field(default=lambda: httpx.Response(200, json={"result": HELLO}))
    login: Callable[[], httpx.Response] = field(default=lambda: httpx.Response(200, json={"result": 7}))
    version: Callable[[], httpx.Response] = version
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.router.post(f"{URL}/web/webclient/version_info").mock(side_effect=lambda _: self.version())
        self.router.post(url__startswith=f"{URL}/json/2/").mock(side_effect=self._json2)
        self.router.post(f"{URL}/jsonrpc").mock(side_effect=self._rpc)

    def _json2(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"bearer {API_KEY}"
        assert request.headers["x-odoo-database"] == "db"
        self.calls.append((request.url.path.rpartition("/")[2], json.loads(request.content)))
        return self.json2()

    def _rpc(self, request: httpx.Request) -> httpx.Response:
        params = json.loads(request.content)["params"]
        if params["service"] == "common":
            assert params["args"] == ["db", "connector", API_KEY]
            return self.login()
        if params["method"] == "execute":
            return httpx.Response(200, json={"result": {"lang": "en_US"}})
        database, uid, key, model, method, args, kwargs = params["args"]
        assert (database, uid, key, model, args) == ("db", 7, API_KEY, "mailbox.account", [])
        self.calls.append((method, kwargs))
        return self.rpc()


@pytest.fixture
def odoo(respx_mock: respx.MockRouter) -> FakeOdoo:
    """Return an Odoo that answers well until told otherwise; that not every route is asked is no fault."""
    respx_mock._assert_all_called = False
    return FakeOdoo(respx_mock)


@pytest.mark.parametrize("transport", ["json2", "jsonrpc", "auto"])
async def test_hello_is_one_call_with_named_parameters(odoo: FakeOdoo, transport: Name) -> None:
    """Both transports send the same thing."""
    async with port(transport) as addon:
        assert (await addon.hello("0.1.0")).odoo_version == "19.0"
    assert odoo.calls == [("connector_hello", {"connector_version": "0.1.0", "key_index": "5ca1ab1e"})]


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
async def test_call_refused_is_heard_of_once_a_call(odoo: FakeOdoo, transport: Name) -> None:
    """Whichever call it is: the connector as a whole has to know."""
    refused: list[str] = []
    odoo.json2 = lambda: json2_error(403, "odoo.exceptions.AccessError", "no")
    odoo.rpc = lambda: rpc_error("odoo.exceptions.AccessError", "no")
    request = ApplyRequest(7, None, [], [], [], [])
    async with open_client() as client, open_odoo(config(transport), client, on_refused=lambda: refused.append("x")) as addon:
        for call in (partial(addon.take_up, [1]), partial(addon.apply, request), partial(addon.body, 1, "m", {})):
            with pytest.raises(OdooRefused):
                await call()
    assert len(refused) == 3


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
async def test_apply_leaves_out_what_is_unset(odoo: FakeOdoo, transport: Name) -> None:
    """Absent is unchanged, null is a value: they stay different on the wire."""
    answer = {"applied": True, "revisions": {"f": 5}, "new": 0, "changed": 1, "pending": []}
    odoo.json2, odoo.rpc = (lambda: httpx.Response(200, json=answer)), (lambda: httpx.Response(200, json={"result": answer}))
    request = ApplyRequest(7, None, [{"remote_id": "m", "is_read": True}], [], [], [FolderUpdate("f", revision=4, cursor=None)])
    async with port(transport) as addon:
        await addon.apply(request)
    sent = {"account_id": 7, "tree": None, "messages": [{"remote_id": "m", "is_read": True}], "removed": [], "gone": []}
    assert odoo.calls == [("connector_apply", {**sent, "folders": [{"folder": "f", "revision": 4, "cursor": None}]})]


@pytest.mark.parametrize("name", ["19.0", "saas~19.2", "20.0+e", "19.0-20260901"])
async def test_auto_takes_json2_where_the_server_has_it(odoo: FakeOdoo, name: str) -> None:
    """JSON-2 came with 19; the choice is made once."""
    odoo.version = lambda: version(name)
    odoo.rpc = lambda: rpc_error("x", "not asked")
    async with port("auto") as addon:
        await addon.hello("1")
        await addon.hello("1")
    assert len(odoo.calls) == 2


async def test_auto_takes_jsonrpc_where_there_is_no_json2(odoo: FakeOdoo) -> None:
    """An addon for an older series would be reached that way."""
    odoo.version = lambda: version("18.0")
    odoo.json2 = lambda: httpx.Response(404)
    odoo.rpc = lambda: httpx.Response(200, json={"result": []})
    async with port("auto") as addon:
        assert await addon.take_up([1]) == []
    assert odoo.calls == [("connector_take_up", {"account_ids": [1]})]


@pytest.mark.parametrize("transport", ["json2", "jsonrpc", "auto"])
async def test_hello_older_odoo_names_its_version(odoo: FakeOdoo, transport: Name) -> None:
    """Whatever else would go wrong with it, the version is the reason."""
    odoo.version = lambda: version("17.0+e")
    odoo.json2 = lambda: httpx.Response(404, text="<html>")
    async with port(transport) as addon:
        with pytest.raises(OdooUnsuitable, match=r"is version 17\.0\+e; MailDesk needs Odoo 19 or later"):
            await addon.hello("1")
    assert odoo.calls == []


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
async def test_hello_older_addon_is_told(odoo: FakeOdoo, transport: Name) -> None:
    """An addon that does not speak this protocol is to be updated."""
    old = HELLO | {"addon_version": "19.0.1.0.9"}
    odoo.json2, odoo.rpc = (lambda: httpx.Response(200, json=old)), (lambda: httpx.Response(200, json={"result": old}))
    async with port(transport) as addon:
        with pytest.raises(OdooUnsuitable, match=r"version 19\.0\.1\.0\.9; this connector needs 1\.4\.0: update it"):
            await addon.hello("1")


async def test_apply_half_a_character_is_a_fault_of_that_call(odoo: FakeOdoo) -> None:
    """A lone surrogate cannot be sent: the applier finds whose it is, as with anything that Odoo refuses."""
    async with port("json2") as addon:
        with pytest.raises(OdooFault, match="half a character"):
            await addon.apply(ApplyRequest(1, None, [{"remote_id": "m", "subject": "\ud800"}], [], [], []))
    assert odoo.calls == []


async def _error(transport: Name) -> OdooError:
    async with port(transport) as addon:
        with pytest.raises(OdooError) as caught:
            await addon.hello("1")
    return caught.value


KEY, GROUP, ADDON, DATABASE = "make a new API key", "is not in the group", "the addon maildesk is missing", "has no database 'db'"


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (json2_error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey"), OdooRefused, KEY),
        (json2_error(403, "odoo.exceptions.AccessError", "no"), OdooNotAllowed, GROUP),
        (json2_error(404, "werkzeug.exceptions.NotFound", "the model 'mailbox.account' does not exist"), OdooUnsuitable, ADDON),
        (json2_error(404, "werkzeug.exceptions.NotFound", "The method 'x' does not exist"), OdooUnsuitable, ADDON),
        (json2_error(422, "werkzeug.exceptions.UnprocessableEntity", "unexpected keyword"), OdooUnsuitable, ADDON),
        (json2_error(422, "odoo.addons.maildesk.wire.WireError", "messages: no list"), OdooFault, "messages: no list"),
        (json2_error(500, "psycopg2.errors.NotNullViolation", "Failing row: secret subject"), OdooFault, "the reason is in Odoo's log"),
        (json2_error(500, "psycopg2.OperationalError", "connection refused"), OdooUnreachable, "its database is away"),
        (httpx.Response(404, text="<h1>Not Found</h1>"), OdooNoDatabase, DATABASE),
        (httpx.Response(403, text="<h1>Forbidden</h1>"), OdooUnsuitable, "is not Odoo (HTTP 403)"),
        (httpx.Response(302, headers={"location": "/web/database/selector"}), OdooUnsuitable, "is not Odoo (HTTP 302)"),
        (httpx.Response(200, text="<html>welcome</html>"), OdooUnsuitable, "its answer is not JSON"),
        (httpx.Response(502, text="<html>bad gateway</html>"), OdooUnreachable, "HTTP 502"),
        (httpx.Response(200, json={"unexpected": 1}), OdooFault, "unexpected answer"),
    ],
)
async def test_json2_answer_means(odoo: FakeOdoo, answer: httpx.Response, kind: type[OdooError], said: str) -> None:
    """One line for each thing that can be wrong, and never what was sent."""
    odoo.json2 = lambda: answer
    error = await _error("json2")
    assert type(error) is kind
    assert said in str(error)
    assert "secret subject" not in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (rpc_error("odoo.exceptions.AccessDenied", "Access Denied"), OdooRefused, KEY),
        (rpc_error("odoo.exceptions.MissingError", "Record does not exist (Record: res.users(7,), User: 7)"), OdooRefused, KEY),
        (rpc_error("odoo.exceptions.AccessError", "no"), OdooNotAllowed, GROUP),
        (rpc_error("odoo.exceptions.UserError", "Object mailbox.account doesn't exist"), OdooUnsuitable, ADDON),
        (rpc_error("builtins.AttributeError", "The method 'mailbox.account.connector_x' does not exist"), OdooUnsuitable, ADDON),
        (rpc_error("builtins.TypeError", "MailboxAccount.connector_hello() got an unexpected keyword"), OdooUnsuitable, ADDON),
        (rpc_error("odoo.addons.maildesk.wire.WireError", "messages: no list"), OdooFault, "messages: no list"),
        (rpc_error("psycopg2.errors.NotNullViolation", "Failing row: secret subject"), OdooFault, "the reason is in Odoo's log"),
        (rpc_error("psycopg2.OperationalError", 'FATAL:  database "db" does not exist'), OdooNoDatabase, DATABASE),
        (rpc_error("psycopg2.OperationalError", "connection refused"), OdooUnreachable, "its database is away"),
        (httpx.Response(200, json={"error": {"message": "no data"}}), OdooUnsuitable, "its answer is not JSON-RPC"),
        (httpx.Response(200, text="<html>welcome</html>"), OdooUnsuitable, "its answer is not JSON-RPC"),
        (httpx.Response(404, text="<html>"), OdooUnsuitable, "is not Odoo (HTTP 404)"),
        (httpx.Response(302, headers={"location": "/web"}), OdooUnsuitable, "is not Odoo (HTTP 302)"),
        (httpx.Response(503, text="<html>"), OdooUnreachable, "HTTP 503"),
        (httpx.Response(200, json={"result": {"unexpected": 1}}), OdooFault, "unexpected answer"),
    ],
)
async def test_jsonrpc_answer_means(odoo: FakeOdoo, answer: httpx.Response, kind: type[OdooError], said: str) -> None:
    """The same meanings from the other transport's shapes."""
    odoo.rpc = lambda: answer
    error = await _error("jsonrpc")
    assert type(error) is kind
    assert said in str(error)
    assert "secret subject" not in str(error)


async def test_jsonrpc_wrong_login_is_refused(odoo: FakeOdoo) -> None:
    """Odoo answers false, odoorpc raises an error without a name."""
    odoo.login = lambda: httpx.Response(200, json={"result": False})
    error = await _error("jsonrpc")
    assert type(error) is OdooRefused
    assert KEY in str(error)


async def test_jsonrpc_logs_in_once_and_anew_after_a_refusal(odoo: FakeOdoo) -> None:
    """A restored database may know the user by another id."""
    logins = 0

    def login() -> httpx.Response:
        nonlocal logins
        logins += 1
        return httpx.Response(200, json={"result": 7})

    odoo.login = login
    async with port("jsonrpc") as addon:
        await addon.hello("1")
        await addon.hello("1")
        assert logins == 1
        odoo.rpc = lambda: rpc_error("odoo.exceptions.AccessDenied", "Access Denied")
        with pytest.raises(OdooRefused):
            await addon.hello("1")
        odoo.rpc = lambda: httpx.Response(200, json={"result": HELLO})
        await addon.hello("1")
    assert logins == 2


@pytest.mark.parametrize("transport", ["json2", "jsonrpc", "auto"])
@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError])
async def test_call_without_an_answer_is_unreachable(odoo: FakeOdoo, transport: Name, error: type[httpx.HTTPError]) -> None:
    """Whatever breaks on the way, at the question for the version or at the call: try again later."""

    def fails() -> httpx.Response:
        raise error("a message with who@example.org")

    for part in ("version", "json2", "rpc"):
        setattr(odoo, part, fails)
    caught = await _error(transport)
    odoo.version = version
    for raised in (caught, await _error(transport)):
        assert type(raised) is OdooUnreachable
        assert str(raised) == f"Odoo at {URL} does not answer ({error.__name__})"


@pytest.mark.parametrize("transport", ["json2", "jsonrpc", "auto"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(404, text="<html>"), OdooUnsuitable),
        (httpx.Response(200, text="<html>"), OdooUnsuitable),
        (httpx.Response(200, json={"result": {"server_version": "none"}}), OdooUnsuitable),
        (httpx.Response(502), OdooUnreachable),
    ],
)
async def test_hello_what_is_no_odoo_is_told(odoo: FakeOdoo, transport: Name, answer: httpx.Response, kind: type[OdooError]) -> None:
    """A wrong port or host: something answers, but no Odoo."""
    odoo.version = lambda: answer
    assert type(await _error(transport)) is kind
