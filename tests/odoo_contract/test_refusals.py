"""What an admin is told about a real Odoo that cannot be used as configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
import trio
from pydantic import SecretStr

from connector.errors import OdooRefused, OdooUnreachable, OdooUnsuitable
from connector.odoo.json2 import Json2
from connector.odoo.jsonrpc import JsonRpc
from tests.odoo.person import Person
from tests.odoo.process import free_port
from tests.odoo_contract.behind import opened

if TYPE_CHECKING:
    from tests.odoo_contract.behind import Place

Transport = Literal["json2", "jsonrpc"]


async def _refused(place: Place, transport: Transport, kind: type[Exception], said: str, **changes: Any) -> None:
    async with opened(place.config(transport, **changes)) as (odoo, _):
        with pytest.raises(kind) as caught:
            await odoo.hello("0.1.0")
    assert said in str(caught.value)


async def test_hello_auto_takes_json2(place: Place) -> None:
    """Odoo 19 has it."""
    async with opened(place.config("auto")) as (odoo, _):
        assert (await odoo.hello("0.1.0")).odoo_version.startswith("19")


async def test_hello_wrong_key(place: Place, transport: Transport) -> None:
    """Deleted, expired, or mistyped."""
    await _refused(place, transport, OdooRefused, "make a new API key", api_key=SecretStr("wrong"))


async def test_hello_wrong_login_by_jsonrpc(place: Place) -> None:
    """JSON-2 needs no login: there the key says who it is."""
    await _refused(place, "jsonrpc", OdooRefused, "make a new API key", login="nobody")


async def test_hello_wrong_database(place: Place, transport: Transport) -> None:
    """A database that does not exist, or that the dbfilter hides."""
    await _refused(place, transport, OdooUnsuitable, "has no database 'maildesk_none'", database="maildesk_none")


async def test_hello_nothing_listens(place: Place, transport: Transport) -> None:
    """Odoo is down: it is waited for."""
    await _refused(place, transport, OdooUnreachable, "does not answer (ConnectError)", url=f"http://127.0.0.1:{free_port()}")


async def test_hello_user_not_in_the_group(place: Place, transport: Transport) -> None:
    """The most likely slip at set-up."""

    def move(command: int) -> None:
        statement = "SELECT res_id FROM ir_model_data WHERE module = 'maildesk' AND name = 'group_connector'"
        ((group,),) = place.execute(statement)
        ((user,),) = place.execute("SELECT id FROM res_users WHERE login = %s", place.logins.connector)
        with Person.logged_in(place.server, place.logins.admin, place.logins.admin_password) as admin:
            admin.call("res.users", "write", [user], {"group_ids": [[command, group, 0]]})

    await trio.to_thread.run_sync(move, 3)
    try:
        await _refused(place, transport, OdooRefused, 'is not in the group "MailDesk connector"')
    finally:
        with trio.move_on_after(60, shield=True):
            await trio.to_thread.run_sync(move, 4)
    async with opened(place.config(transport)) as (odoo, _):
        await odoo.hello("0.1.0")


@pytest.mark.parametrize("kind", [Json2, JsonRpc])
@pytest.mark.parametrize(
    ("method", "params"), [("connector_of_the_future", {}), ("connector_hello", {"connector_version": "1", "parameter_of_the_future": 1})]
)
async def test_call_that_the_addon_does_not_know(place: Place, kind: type[Json2 | JsonRpc], method: str, params: dict[str, Any]) -> None:
    """An older addon than this connector, or none."""
    async with opened(place.config("json2")) as (_, client):
        with pytest.raises(OdooUnsuitable, match="the addon maildesk is missing"):
            await kind(client, place.config("json2")).call(method, params)
