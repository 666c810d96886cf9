"""The end of a mailbox, and its return, with all parts real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.seed import MAILS, grow
from tests.odoo.person import OdooCallError

if TYPE_CHECKING:
    from tests.odoo.person import Person
    from tests.system.bench import Bench
    from tests.system.conftest import Opener

ADDRESS = "anna@pier.example"

_ROWS = "SELECT remote_id, id FROM mailbox_message_index WHERE account_id = %s"
_FOLDERS = "SELECT remote_id, id FROM mailbox_folder WHERE account_id = %s"


def ids(bench: Bench, query: str, account: int) -> dict[str, int]:
    """Return Odoo's ids by Graph's."""
    rows = bench.odoo.cluster.execute(bench.odoo.database, query, account)
    found = {str(remote_id): int(str(row_id)) for remote_id, row_id in rows}
    assert len(found) == len(rows), "nothing stands there twice"
    return found


@pytest.mark.parametrize("way", ["a new mailbox with the address", "Connect Again"])
async def test_account_connected_again_finds_its_rows(bench_of: Opener, way: str) -> None:
    """Deleted, left alone while mail comes, moves and goes, and connected again: the same record, the same ids, nothing twice."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=90)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        messages, folders = ids(bench, _ROWS, account), ids(bench, _FOLDERS, account)

        await bench.person(lambda p: p.call("mailbox.account", "unlink", [account]))
        shown = await bench.account(account)
        assert (shown["state"], {f["id"] for f in shown["folders"]}) == ("disconnected", set(folders.values()))
        assert ids(bench, _ROWS, account) == messages
        secrets = "SELECT count(token_sealed) + (SELECT count(cursor) FROM mailbox_folder_sync) FROM mailbox_account"
        assert bench.odoo.cluster.execute(bench.odoo.database, secrets) == [(0,)]

        inbox = mailbox.in_folder(mailbox.folder_id("inbox"))
        mailbox.move(inbox[0].immutable_id, mailbox.folder_id("archive"))
        mailbox.delete(inbox[1].immutable_id)
        mailbox.set_read(inbox[-1].immutable_id, is_read=not inbox[-1].data["isRead"])
        mailbox.delete(inbox[-2].immutable_id)
        grow(mailbox, 70)
        for path in MAILS[:60]:  # more than a bootstrap takes
            data, attachments = to_graph(path.read_bytes(), None)
            mailbox.add(mailbox.folder_id("inbox"), data | {"receivedDateTime": "2026-11-23T08:00:00Z"}, path.read_bytes(), attachments)

        def again(person: Person) -> int:
            if way == "Connect Again":
                person.call("mailbox.account", "maildesk_connect_again", [account])
                found = account
            else:
                found = person.new_account(ADDRESS.upper())
            answer = person.sign_in(found, ADDRESS)
            assert answer.headers.get("location", "").endswith("/odoo/maildesk"), answer.text[:500]
            return found

        assert await bench.person(again) == account
        await bench.until_account(account, state="connected", sync_phase="up_to_date")
        await bench.until_equal(mailbox, account)
        now = ids(bench, _ROWS, account)
        kept = messages.keys() & now.keys()
        assert len(kept) >= len(messages) - 2
        assert {i: now[i] for i in kept} == {i: messages[i] for i in kept}
        assert ids(bench, _FOLDERS, account) == folders


async def test_account_disconnected_and_purged_beside_another(bench_of: Opener) -> None:
    """What is deleted and purged is not fetched any more, nor shown; the mailbox beside it goes on."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=20)
        other = bench.add_mailbox("bert@pier.example", inbox=20)
        account, beside = await bench.connect(ADDRESS), await bench.connect("bert@pier.example")
        for one in (account, beside):
            await bench.until_account(one, sync_phase="up_to_date")
        await bench.person(lambda p: p.call("mailbox.account", "unlink", [account]))
        grow(mailbox, 5)
        grow(other, 5)
        before = ids(bench, _ROWS, account)
        await bench.until_equal(other, beside)
        assert ids(bench, _ROWS, account) == before

        async def is_stopped() -> bool:
            status = (await bench.ask("GET", "/status"))["accounts"]
            return account not in [a["id"] for a in status if a["state"] == "connected"]

        await bench.until(is_stopped, "the connector to hear that the mailbox was deleted")

        def purge(person: Person) -> None:
            with pytest.raises(OdooCallError, match="Purge"):
                person.call("mailbox.account", "unlink", [account])
            person.call("mailbox.account", "maildesk_purge", [account])

        await bench.person(purge)
        assert ids(bench, _ROWS, account) == {}
        assert [a["id"] for a in (await bench.person(lambda p: p.call("mailbox.account", "maildesk_overview")))["accounts"]] == [beside]
        grow(other, 5)
        await bench.until_equal(other, beside)
