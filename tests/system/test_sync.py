"""One mailbox through its life; after each scenario Odoo's index equals the simulator's mailbox, message by message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connector.sync.machine import AUTH_EXPIRED
from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.quirks import PROFILES, Quirks
from tests.graph_simulator.seed import MAILS, grow
from tests.system.bench import Bench, differences

if TYPE_CHECKING:
    from tests.graph_simulator.model import Mailbox
    from tests.system.conftest import Opener

ADDRESS = "anna@pier.example"


def _stir(mailbox: Mailbox) -> None:
    """Let everything happen to a mailbox that happens to mailboxes."""
    inbox = mailbox.in_folder(mailbox.folder_id("inbox"))
    archive = mailbox.folder_id("archive")
    mailbox.set_read(inbox[0].immutable_id, is_read=not inbox[0].data["isRead"])
    mailbox.set_flag(inbox[1].immutable_id, "flagged")
    mailbox.change(inbox[2].immutable_id, {"categories": ["Red category"], "importance": "high"})
    mailbox.move(inbox[3].immutable_id, archive)
    mailbox.delete(inbox[4].immutable_id)
    # away and back between two polls: Graph reports only the removal
    mailbox.move(inbox[5].immutable_id, archive)
    mailbox.move(inbox[5].immutable_id, mailbox.folder_id("inbox"))
    mailbox.move(inbox[6].immutable_id, mailbox.folder_id("junkemail"))
    mailbox.move(inbox[7].immutable_id, mailbox.folder_id("deleteditems"))
    mailbox.set_read(inbox[7].immutable_id, is_read=True)
    for path in MAILS[:5]:
        data, attachments = to_graph(path.read_bytes(), None)
        data["receivedDateTime"] = "2026-11-23T08:00:00Z"
        mailbox.add(mailbox.folder_id("inbox"), data, path.read_bytes(), attachments)
    # as old as they come: below any filter of a delta
    oldest = inbox[-1]
    mailbox.set_read(oldest.immutable_id, is_read=not oldest.data["isRead"])
    mailbox.move(inbox[-2].immutable_id, archive)
    mailbox.delete(inbox[-3].immutable_id)


@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
async def test_sync_first_connection_brings_everything(bench_of: Opener, transport: str) -> None:
    """Sign-in, folders, newest mail, older mail: in the end Odoo has the whole mailbox, on either transport."""
    async with bench_of(transport=transport) as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=120)
        account = await bench.connect(ADDRESS)
        shown = await bench.until_account(account, sync_phase="up_to_date")
        assert (shown["state"], shown["state_message"]) == ("connected", "Connected")
        await bench.sync()
        bench.assert_equal(mailbox, account)
        shown = await bench.account(account)
        assert shown["backfill_done"] == shown["backfill_total"] > 120
        assert shown["unread_count"] == mailbox.counts(mailbox.folder_id("inbox"))[0]


async def test_sync_changes_follow_in_one_cycle(bench_of: Opener) -> None:
    """New, changed, moved and deleted mail is right after one cycle."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=90)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        for _ in range(2):
            _stir(mailbox)
            await bench.sync()
            bench.assert_equal(mailbox, account)


@pytest.mark.parametrize("profile", sorted(PROFILES.keys() - {"default"}))
async def test_sync_changes_follow_however_awkward_graph_is(bench_of: Opener, profile: str) -> None:
    """Where deltas lag and answers are lost it takes some cycles more."""
    async with bench_of(quirks=PROFILES[profile]) as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=90)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        for _ in range(2):
            _stir(mailbox)
            await bench.until_equal(mailbox, account)


async def test_sync_newest_first_then_only_as_much_as_allowed(bench_of: Opener) -> None:
    """With a budget of 60 an hour the newest 50 are there and older mail stops at the budget; the phase says so."""
    async with bench_of(settings={"backfill_per_hour": 60}) as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=200)
        account = await bench.connect(ADDRESS)
        shown = await bench.until_account(account, sync_phase="backfilling")
        assert shown["backfill_done"] < shown["backfill_total"]
        inbox = mailbox.folder_id("inbox")
        newest = {m.immutable_id for m in mailbox.in_folder(inbox)[:50]}
        rows = bench.odoo.cluster.execute(
            bench.odoo.database,
            "SELECT m.remote_id FROM mailbox_message_index m JOIN mailbox_folder f ON f.id = m.folder_id "
            "WHERE m.account_id = %s AND f.remote_id = %s",
            account,
            inbox,
        )
        assert newest <= {row[0] for row in rows}
        assert len(rows) <= 50 + 60 + 2


async def test_sync_folders_follow(bench_of: Opener) -> None:
    """A folder that is made, renamed, moved, or deleted with its mail is so in Odoo after a cycle."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        root = mailbox.folder_id("msgfolderroot")
        made = mailbox.add_folder("Brücke/2027", root)
        mailbox.move(mailbox.in_folder(mailbox.folder_id("inbox"))[0].immutable_id, made.id)
        archive = mailbox.find_folder("archive")
        archive.name = "Ablage"
        pier = next(f for f in mailbox.folders.values() if f.name == "Nordsee/Pier")
        mailbox.delete_folder(pier.id)
        grow(mailbox, 3, folder=made.id)
        await bench.sync()
        await bench.sync()
        bench.assert_equal(mailbox, account)


async def test_sync_dead_cursors_reset_their_folder(bench_of: Opener) -> None:
    """After 410 on every folder nothing is lost or doubled, and rows keep their ids in Odoo."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=90)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        before = _by_remote_id(bench, account)
        bench.simulator.world.graph.forget_links(mailbox)
        _stir(mailbox)
        await bench.sync()
        await bench.until_account(account, sync_phase="up_to_date")
        await bench.sync()
        bench.assert_equal(mailbox, account)
        after = _by_remote_id(bench, account)
        assert {i: before[i] for i in before.keys() & after.keys()} == {i: after[i] for i in before.keys() & after.keys()}


def _by_remote_id(bench: Bench, account: int) -> dict[object, object]:
    rows = bench.odoo.cluster.execute(bench.odoo.database, "SELECT remote_id, id FROM mailbox_message_index WHERE account_id = %s", account)
    return {remote_id: row_id for remote_id, row_id in rows}  # noqa: C416 - names the two


async def test_sync_lost_state_file_is_made_up_from_odoo(bench_of: Opener) -> None:
    """A connector that lost its file goes on from Odoo's cursors and token; nobody signs in again."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=90)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        await bench.stop()
        bench.lose_state()
        _stir(mailbox)
        bench.simulator.world.requests.clear()
        await bench.start()
        await bench.until(lambda: _served_something(bench), "the first cycle")
        await bench.sync()
        bench.assert_equal(mailbox, account)
        first_rounds = [r for r in bench.simulator.world.requests if r["path"].endswith("/messages/delta") and "$select" in r["query"]]
        assert not first_rounds, "cursors were taken up, so no folder was listed afresh"


async def _served_something(bench: Bench) -> bool:
    accounts = (await bench.ask("GET", "/status"))["accounts"]
    return bool(accounts) and all(a["last_sync_at"] for a in accounts)


async def test_sync_revoked_token_asks_for_the_person_and_goes_on_after(bench_of: Opener) -> None:
    """A revoked sign-in is told in the contract's words; after signing in again the sync goes on where it stopped."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        bench.simulator.world.entra.revoke(ADDRESS)
        await bench.sync()
        await bench.until_account(account, state="reauth_required", state_message=AUTH_EXPIRED)
        _stir(mailbox)
        answer = await bench.person(lambda p: p.sign_in(account, ADDRESS))
        assert answer.status_code == 303
        await bench.until_account(account, state="connected")
        await bench.until(lambda: _served_something(bench), "the first cycle after signing in again")
        await bench.sync()
        bench.assert_equal(mailbox, account)


async def test_sync_failing_mailbox_disturbs_no_other(bench_of: Opener) -> None:
    """While Graph answers 503 for one mailbox, the other one goes on; afterwards both are right."""
    async with bench_of() as bench:
        good, bad = bench.add_mailbox(ADDRESS), bench.add_mailbox("bad@pier.example")
        accounts = {m.address: await bench.connect(m.address) for m in (good, bad)}
        for account in accounts.values():
            await bench.until_account(account, sync_phase="up_to_date")
        bench.simulator.world.quirks = Quirks(fail_graph="500 ErrorInternalServerError", fail_mailbox=bad.address)
        _stir(good)
        _stir(bad)
        await bench.ask("POST", "/sync", {"emails": [bad.address]})
        await bench.sync(good.address)
        bench.assert_equal(good, accounts[good.address])
        assert (await bench.account(accounts[bad.address]))["state"] == "connected"
        bench.simulator.world.quirks = Quirks()
        await bench.sync(bad.address)
        bench.assert_equal(bad, accounts[bad.address])


async def test_sync_drift_is_found_and_mended(bench_of: Opener) -> None:
    """Rows that Odoo lost without anybody noticing come back with the next comparison of counts."""
    async with bench_of(settings={"reconcile_interval": "1ms"}) as bench:
        mailbox = bench.add_mailbox(ADDRESS)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        query = "DELETE FROM mailbox_message_index WHERE id IN (SELECT id FROM mailbox_message_index WHERE account_id = %s LIMIT 3)"
        bench.odoo.cluster.execute(bench.odoo.database, query, account)
        assert differences(bench.odoo, mailbox, account)
        await bench.sync()
        bench.assert_equal(mailbox, account)


async def test_sync_refresh_in_odoo_starts_a_cycle(bench_of: Opener) -> None:
    """Pressing "Refresh" in the app reaches the connector at once, by the wake."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        _stir(mailbox)
        await bench.person(lambda p: p.call("mailbox.account", "maildesk_refresh", [account], None))

        async def is_equal() -> bool:
            return not differences(bench.odoo, mailbox, account)

        await bench.until(is_equal, "Odoo to equal the mailbox")
