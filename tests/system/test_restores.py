"""Odoo from a dump with open and since-finished actions, the real one, with and without the connector's file: nothing is done twice.

What the connector knows of each action, and in how many orders it may go wrong, is tested in memory (tests/outbox/test_restores.py).
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import trio

from connector.outbox import send
from tests.drill.quick import LOOKS
from tests.graph_simulator.quirks import Quirks
from tests.graph_simulator.writes import Writes
from tests.system.test_recovery import replace_database

if TYPE_CHECKING:
    from tests.graph_simulator.call import Answer, Call
    from tests.graph_simulator.model import Mailbox, Message
    from tests.odoo.person import Person
    from tests.system.bench import Bench
    from tests.system.conftest import Opener

ADDRESS = "anna@pier.example"
_BACKUP = "maildesk_restores"
# Of each, half is finished between the dump and its return, and half stays open.
_MOVES, _SENDS = 80, 20
_DRAFT = "mailbox.draft"


def _write_and_file(someone: Person, account: int, rows: list[int]) -> tuple[str, list[dict[str, Any]]]:
    """Do everything that the dump has open; return what undoes the second half of the moves, and the drafts."""
    half = len(rows) // 2
    someone.call("mailbox.action", "maildesk_do", "archive", rows[:half])
    group = someone.call("mailbox.action", "maildesk_do", "archive", rows[half:])["undo"]
    drafts = []
    for number in range(_SENDS):
        draft = someone.call(_DRAFT, "maildesk_compose", "new", None, account, ["bert@elsewhere.example"], f"Letter {number}")
        someone.call(_DRAFT, "maildesk_send", draft["id"], draft["revision"], 0)
        drafts.append(draft)
    return group, drafts


def _take_back(someone: Person, group: str, drafts: list[dict[str, Any]]) -> None:
    """Leave half of it undone, which the dump does not know."""
    someone.call("mailbox.action", "maildesk_undo", group)
    for draft in drafts:
        someone.call(_DRAFT, "maildesk_unsend", draft["id"])
        someone.call(_DRAFT, "maildesk_discard", draft["id"])


async def _until_nothing_is_open(bench: Bench, account: int) -> None:
    statement = "SELECT kind, state FROM mailbox_action WHERE account_id = %s AND state IN ('scheduled', 'pending', 'running')"
    last: list[Any] = []

    async def is_over() -> bool:
        last[:] = await trio.to_thread.run_sync(bench.odoo.cluster.execute, bench.odoo.database, statement, account)
        return not last

    await bench.until(is_over, "all actions to end", last)


def _states(bench: Bench, account: int) -> Counter[str]:
    rows = bench.odoo.cluster.execute(bench.odoo.database, "SELECT state FROM mailbox_draft WHERE account_id = %s", account)
    return Counter(str(state) for (state,) in rows)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("has_file", [True, False], ids=["with the file", "without the file"])
async def test_restore_nothing_is_sent_or_moved_twice(bench_of: Opener, *, has_file: bool) -> None:
    """Each mail went out once and each message was moved once; without the file mails that nobody knows of are their author's to decide."""
    moves: list[str] = []
    move = Writes.move

    def moved(writes: Writes, call: Call, mailbox: Mailbox, message: Message) -> Answer:
        moves.append(message.immutable_id)
        return move(writes, call, mailbox, message)

    quirks = Quirks(send_rate=0, send_pickup=1.0, send_transit=1.0, sent_id_changes=True)
    with patch.object(Writes, "move", moved), patch.object(send, "LOOKS", LOOKS):
        async with bench_of(quirks=quirks) as bench:
            mailbox = bench.add_mailbox(ADDRESS, inbox=_MOVES + 10)
            account = await bench.connect(ADDRESS)
            await bench.until_account(account, sync_phase="up_to_date")
            await bench.stop()
            statement = (
                "SELECT m.id, m.remote_id FROM mailbox_message_index m JOIN mailbox_folder f ON f.id = m.folder_id "
                "WHERE m.account_id = %s AND f.role = 'inbox' ORDER BY m.id LIMIT %s"
            )
            rows = bench.odoo.cluster.execute(bench.odoo.database, statement, account, _MOVES)
            messages = [str(row[1]) for row in rows]
            group, drafts = await bench.person(partial(_write_and_file, account=account, rows=[int(str(row[0])) for row in rows]))
            await trio.to_thread.run_sync(replace_database, bench, _BACKUP, bench.odoo.database)
            bench.odoo.cluster.execute(_BACKUP, "UPDATE mailbox_connector SET seen_at = seen_at - interval '1 day'")

            await bench.person(partial(_take_back, group=group, drafts=drafts[_SENDS // 2 :]))
            await bench.start()
            await _until_nothing_is_open(bench, account)
            await bench.until_equal(mailbox, account)
            outgoing = bench.simulator.world.post.outgoing
            assert (sorted(moves), len(outgoing)) == (sorted(messages[: _MOVES // 2]), _SENDS // 2)
            work = mailbox.add_folder("Work", mailbox.folder_id("msgfolderroot")).id
            for message in messages[:10]:
                mailbox.move(message, work)

            if not has_file:
                await bench.stop()
            await trio.to_thread.run_sync(replace_database, bench, bench.odoo.database, _BACKUP)
            if not has_file:
                bench.lose_state()
                await bench.start()
            await _until_nothing_is_open(bench, account)
            undecided = 0 if has_file else _SENDS // 2
            assert _states(bench, account) == Counter({"sent": _SENDS - undecided, **({"unconfirmed": undecided} if undecided else {})})

            def decide(someone: Person) -> None:
                for draft in drafts[_SENDS - undecided :]:
                    someone.call(_DRAFT, "maildesk_resolve", draft["id"], "again")

            await bench.person(decide)
            await bench.until_equal(mailbox, account)
            assert sorted(moves) == sorted(messages)
            assert Counter(mail["subject"] for mail in outgoing) == Counter(f"Letter {number}" for number in range(_SENDS - undecided))
            archive = mailbox.folder_id("archive")
            assert [mailbox.messages[i].folder_id for i in messages] == [work] * 10 + [archive] * (_MOVES - 10)
