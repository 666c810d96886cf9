"""Accounts that go and come back, other databases, an expired secret, a new key: connector, Odoo and Entra together."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from connector.graph.client import MailboxClient
from connector.state.vault import Vault, new_key
from tests.demo.stage import state_files
from tests.odoo.person import Person
from tests.system.test_recovery import replace_database

if TYPE_CHECKING:
    from tests.graph_simulator.model import Mailbox
    from tests.system.bench import Bench
    from tests.system.conftest import Opener

ANNA, BEN = "anna@pier.example", "ben@pier.example"

_BACKUP = "maildesk_lifecycle_backup"


async def _connected(bench: Bench, address: str = ANNA, inbox: int = 5) -> tuple[Mailbox, int]:
    mailbox = bench.add_mailbox(address, inbox=inbox)
    account = await bench.connect(address)
    await bench.until_account(account, sync_phase="up_to_date")
    return mailbox, account


def _secrets(bench: Bench, account: int) -> list[bytes]:
    """Return what Odoo has of an account that nobody may find in the connector's file any more: its sealed token and its cursors."""
    execute = partial(bench.odoo.cluster.execute, bench.odoo.database)
    rows = execute("SELECT token_sealed FROM mailbox_account WHERE id = %s", account)
    rows += execute("SELECT cursor FROM mailbox_folder_sync WHERE account_id = %s AND cursor IS NOT NULL", account)
    return [str(row[0]).encode() for row in rows]


def _found(bench: Bench, secrets: list[bytes]) -> list[str]:
    """Return which of the connector's files hold one of `secrets`, byte by byte."""
    return [file.name for file in state_files(bench.state) if any(secret in file.read_bytes() for secret in secrets)]


def _rename_database(bench: Bench) -> None:
    """Give the database another UUID, as a copy gets one."""
    with Person.logged_in(bench.odoo, bench.logins.admin, bench.logins.admin_password) as admin:
        admin.call("ir.config_parameter", "set_param", "database.uuid", str(uuid.uuid4()))


async def _delete(bench: Bench, account: int) -> None:
    await bench.person(lambda someone: someone.call("mailbox.account", "unlink", [account]))


async def test_lifecycle_delete_wipes_the_file_within_five_seconds(bench_of: Opener) -> None:
    """While the connector runs: no byte of the token or of a link is left, and another mailbox goes on."""
    async with bench_of() as bench:
        _, account = await _connected(bench)
        mailbox, other = await _connected(bench, BEN)
        secrets, others = _secrets(bench, account), _secrets(bench, other)
        assert _found(bench, secrets)
        await _delete(bench, account)
        with trio.fail_after(5):
            while _found(bench, secrets):  # noqa: ASYNC110 - a file tells nobody that it changed
                await trio.sleep(0.1)
        assert _found(bench, others)
        await bench.until_equal(mailbox, other)


async def test_lifecycle_delete_while_down_wipes_before_graph_is_asked(bench_of: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request to Graph, of whichever mailbox, finds a clean file."""
    async with bench_of() as bench:
        _, account = await _connected(bench)
        mailbox, other = await _connected(bench, BEN)
        secrets = _secrets(bench, account)
        await bench.stop()
        await _delete(bench, account)
        assert _found(bench, secrets)
        seen: list[list[str]] = []
        once = MailboxClient._once

        async def watched(client: MailboxClient, *args: Any) -> Any:
            seen.append(_found(bench, secrets))
            return await once(client, *args)

        monkeypatch.setattr(MailboxClient, "_once", watched)
        mailbox.set_read(mailbox.in_folder(mailbox.folder_id("inbox"))[0].immutable_id, is_read=True)
        await bench.start()
        await bench.until_equal(mailbox, other)
        assert seen
        assert seen[0] == []


async def test_lifecycle_backup_does_not_bring_a_deleted_account_back(bench_of: Opener) -> None:
    """Yesterday's database shows it as connected: the connector says disconnected, and never asks Graph for it."""
    async with bench_of() as bench:
        gone, account = await _connected(bench)
        mailbox, other = await _connected(bench, BEN)
        await trio.to_thread.run_sync(replace_database, bench, _BACKUP, bench.odoo.database)
        bench.odoo.cluster.execute(_BACKUP, "UPDATE mailbox_connector SET seen_at = seen_at - interval '1 day'")
        secrets = _secrets(bench, account)
        await _delete(bench, account)

        async def is_wiped() -> bool:
            return not _found(bench, secrets)

        await bench.until(is_wiped, "the file to be wiped")
        asked = gone.requests
        await trio.to_thread.run_sync(replace_database, bench, bench.odoo.database, _BACKUP)
        state = "SELECT state, active, token_sealed FROM mailbox_account WHERE id = %s"

        async def is_disconnected() -> bool:
            return bench.odoo.cluster.execute(bench.odoo.database, state, account) == [("disconnected", False, None)]

        await bench.until(is_disconnected, "the account to be disconnected again")
        await bench.until_equal(mailbox, other)
        assert gone.requests == asked
        assert not _found(bench, secrets)


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
async def test_lifecycle_other_database_is_served_when_it_was_adopted(bench_of: Opener, transport: str) -> None:
    """A copy under the same address: nothing runs and `/readyz` says why, until the administrator accepts it."""
    async with bench_of(transport=transport) as bench:
        mailbox, account = await _connected(bench)
        await trio.to_thread.run_sync(_rename_database, bench)
        ready = f"http://127.0.0.1:{bench.port}/readyz"

        async def is_foreign() -> bool:
            return await bench.get(ready) == (503, "foreign")

        await bench.until(is_foreign, "the connector to refuse the database")
        asked = mailbox.requests
        assert (await bench.ask("POST", "/sync", {"emails": None}))["accounts"] == []
        adopted = await bench.ask("POST", "/adopt", {})
        assert adopted["was"] != adopted["database_uuid"]

        async def is_ready() -> bool:
            return (await bench.get(ready))[0] == 200

        await bench.until(is_ready, "the connector to serve the database")
        mailbox.set_read(mailbox.in_folder(mailbox.folder_id("inbox"))[0].immutable_id, is_read=True)
        await bench.until_equal(mailbox, account)
        assert mailbox.requests > asked


async def test_lifecycle_expired_secret_is_said_once_and_ends_by_itself(bench_of: Opener) -> None:
    """All mailboxes need an administrator and nobody a sign-in; one notification for all of them; then all go on by one's attempt."""
    async with bench_of() as bench:
        accounts = [(await _connected(bench, address))[1] for address in (ANNA, BEN)]
        entra, execute = bench.simulator.world.entra, partial(bench.odoo.cluster.execute, bench.odoo.database)
        told = "SELECT count(*) FROM mail_message WHERE subject LIKE 'MailDesk: the connector%%'"
        before = int(str(execute(told)[0][0]))
        secret, entra.app.secret = entra.app.secret, "another"
        entra.grants.clear()
        await bench.ask("POST", "/sync", {"emails": None})
        for account in accounts:
            shown = await bench.until_account(account, state="admin_required")
            assert "client secret" in shown["state_message"]
        assert execute("SELECT trouble_code FROM mailbox_connector") == [("entra_credentials",)]
        assert execute(told)[0][0] == before + 1
        assert (await bench.ask("GET", "/status"))["trouble"]["code"] == "entra_credentials"
        await bench.stop()
        await bench.start()
        for account in accounts:
            await bench.until_account(account, state="admin_required")
        assert execute("SELECT trouble_code FROM mailbox_connector") == [("entra_credentials",)]
        assert execute(told)[0][0] == before + 1
        entra.app.secret = secret
        await bench.ask("POST", "/sync", {"emails": [ANNA]})
        for account in accounts:
            await bench.until_account(account, state="connected")

        async def is_over() -> bool:
            return execute("SELECT trouble_code FROM mailbox_connector") == [(None,)]

        await bench.until(is_over, "the trouble to end")


@pytest.mark.parametrize("fault", ["429", "503"])
async def test_lifecycle_entra_that_is_busy_changes_no_state(bench_of: Opener, fault: str) -> None:
    """Weather at the token endpoint: the account stays connected, and goes on afterwards."""
    async with bench_of(settings={"interval": "1s"}) as bench:
        mailbox, account = await _connected(bench)
        bench.simulator.world.quirks.fail_token = fault
        bench.simulator.world.entra.grants.clear()
        await bench.sync()
        states = set()
        for _ in range(20):
            states.add((await bench.account(account))["state"])
            await trio.sleep(0.2)
        assert states == {"connected"}
        bench.simulator.world.quirks.fail_token = ""
        mailbox.set_read(mailbox.in_folder(mailbox.folder_id("inbox"))[0].immutable_id, is_read=True)
        await bench.until_equal(mailbox, account)


async def test_lifecycle_keys_are_rotated_while_the_mailboxes_go_on(bench_of: Opener) -> None:
    """Both sides have the new key, the old one can go, and nobody signs in again; a wrong key afterwards loses nothing either."""
    async with bench_of() as bench:
        mailbox, account = await _connected(bench)
        bench.old_keys, bench.key = [bench.key], new_key()
        first = Vault([bench.key]).first
        done = await bench.ask("POST", "/keys/rotate", {})
        assert (done["key"], done["unopened"]) == (first, 0)
        assert done["resealed"] >= 1
        sealed = "SELECT token_sealed FROM mailbox_account WHERE id = %s"

        async def follows() -> bool:
            ((token,),) = bench.odoo.cluster.execute(bench.odoo.database, sealed, account)
            return str(token).startswith(f"{first}.")

        await bench.until(follows, "Odoo's token to have the new key")
        await bench.until_equal(mailbox, account)
        await bench.stop()
        right, bench.key, bench.old_keys = bench.key, new_key(), []
        before = _secrets(bench, account)
        await bench.start()
        shown = await bench.until_account(account, state="admin_required")
        assert f"sealed with key {first}" in shown["state_message"]
        assert bench.odoo.cluster.execute(bench.odoo.database, "SELECT trouble_code FROM mailbox_connector") == [("vault_key",)]
        assert before[0] == _secrets(bench, account)[0]
        await bench.stop()
        bench.key = right
        await bench.start()
        await bench.until_account(account, state="connected")
        await bench.until_equal(mailbox, account)
