"""Whatever is killed, nothing is lost and nothing doubled: real processes against a real Odoo, under load, while people write.

Each letter that was sent in Odoo is at its recipient once and in Sent once, or `unconfirmed`: then it is not in Sent of the mailbox.
`make test` does a tenth of what `make drill` does. Reconcile is off, so that nothing is repaired behind our back.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.drill.kills import Killer, Kills
from tests.drill.load import Load
from tests.drill.place import open_place, prefork_odoo
from tests.drill.seeds import is_drill, seed
from tests.drill.writer import Writer
from tests.graph_simulator.quirks import Quirks
from tests.odoo.person import Person
from tests.odoo.process import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.drill.place import Place
    from tests.drill.writer import Letter
    from tests.odoo.template import Run

_TENTH = Kills(connector=20, worker=5, postgres=2)
_KILLS = _TENTH.times(10) if is_drill() else _TENTH

# Letters that are sent in all, half from each mailbox.
_LETTERS = 500 if is_drill() else 50

# Messages in the two Inboxes at the start: their backfill is under way when the first kills come.
_INBOXES = {"anna@pier.example": 600, "anna.larsen@outlook.example": 300}

# A cycle follows upon the other; each folder's newest 20 first, the rest as fast as Graph allows; never a reconcile.
_SETTINGS = {"interval": "500ms", "bootstrap_messages": 20, "backfill_per_hour": 0, "reconcile_interval": "365d"}

# Seconds before each answer of Graph: enough for requests to be under way at any moment.
_LATENCY = 0.02

# Seconds of quiet after which everything has to be right; ten times the changes make mailboxes of thousands.
_QUIET = 300.0 if is_drill() else 60.0


# Seconds for which an accepted mail stands in Drafts, and is in no folder then: together less than the connector looks for it (`quick`).
_PICKUP, _TRANSIT = 2.0, 3.0


@pytest.mark.timeout(3600 if is_drill() else 300)
@pytest.mark.parametrize("transport", ["json2", "jsonrpc"])
async def test_kills_lose_and_double_nothing(run: Run, tmp_path: Path, transport: str) -> None:
    """The connector, Odoo's workers and PostgreSQL are killed while mailboxes change; then Odoo has every message once, as it is."""
    drawn = seed()
    print(f"{transport}: MAILDESK_SEED={drawn}")  # noqa: T201 - shown where the test fails, and by `make drill`
    port = free_port()
    with prefork_odoo(run, f"kills_{transport}", port) as odoo:
        # Cycles follow each other so closely that a long run would wait out Graph's 10,000 requests in ten minutes: that limit is off, and
        # that of 30 mails a minute. Ids change with sending, some answers are wrong.
        quirks = Quirks(latency=_LATENCY, request_rate=0, send_rate=0, send_pickup=_PICKUP, send_transit=_TRANSIT)
        quirks = replace(quirks, send_504=7, send_202_retry=9, sent_id_changes=True)
        given: dict[str, Any] = {"settings": _SETTINGS, "quirks": quirks, "module": "tests.drill.quick"}
        async with open_place(run, odoo, tmp_path, port, transport=transport, **given) as place:
            mailboxes = {}
            for address, inbox in _INBOXES.items():
                mailbox, account = await place.connect(address, inbox=inbox, personal="outlook" in address)
                mailboxes[account] = mailbox
            loads = [Load(mailbox, random.Random(f"{drawn} {account}")) for account, mailbox in mailboxes.items()]  # noqa: S311 - no secret
            writers = [Writer(place, account, _LETTERS // 2, random.Random(f"{drawn} w{account}")) for account in mailboxes]  # noqa: S311 - drawn
            killer = Killer(place, random.Random(drawn))  # noqa: S311 - no secret
            async with trio.open_nursery() as nursery:
                for load in loads:
                    nursery.start_soon(load.run)
                async with trio.open_nursery() as writing:
                    for writer in writers:
                        writing.start_soon(writer.run)
                    await killer.run(_KILLS)
                nursery.cancel_scope.cancel()

            await place.stop()
            await place.start()
            await place.sync()
            letters = [letter for writer in writers for letter in writer.letters]
            try:
                await place.until_quiet(_QUIET)
                unknown = [letter.draft for letter in letters if _states(place)[letter.draft] == "unconfirmed"]
                never = set(unknown) - {row[0] for row in place.query(_ASKED)}
                assert not never, f"{len(never)} authors were asked about mails that nobody tried to send"
                # Two doubts about one mail: killed, or answered wrongly, and again when it was asked for once more.
                assert len(unknown) <= _LETTERS // 25, f"{len(unknown)} of {_LETTERS} authors were asked: that is no way to be right"
                await trio.to_thread.run_sync(_decide, place, letters)
                await place.until_quiet(_QUIET)
                await place.until_equal(mailboxes, _QUIET)
                _check_letters(place, letters)
            except AssertionError as error:
                raise AssertionError(f"{error}\nMAILDESK_SEED={drawn}, log:\n{place.last_words()}") from error
            changes = sum(load.done.total() for load in loads)
            applies = place.query("SELECT sum(revision) FROM mailbox_folder_sync")[0][0]
            acts = place.query("SELECT state, count(*) FROM mailbox_action WHERE kind NOT IN ('send', 'draft_save') GROUP BY 1 ORDER BY 1")
            states = Counter(_states(place)[letter.draft] for letter in letters)
            print(f"{len(letters)} letters sent: {dict(states)}; actions: {dict(acts)}; {sum((w.done for w in writers), Counter())}")  # noqa: T201 - read
            print(f"{dict(killer.done)}, {killer.at_work} of them at work; {changes} changes, {applies} revisions")  # noqa: T201 - likewise
            assert killer.done == {"connector": _KILLS.connector, "worker": _KILLS.worker, "postgres": _KILLS.postgres}
            assert killer.at_work > _KILLS.connector // 10, "the connector was killed at rest only: this proves nothing"


def _states(place: Place) -> dict[int, str]:
    """Return the state of each letter by its draft."""
    return dict(place.query("SELECT id, state FROM mailbox_draft"))


def _decide(place: Place, letters: list[Letter]) -> None:
    """Let the author of letters of which nobody knows take them back: what had gone out would be in Sent by now, and known."""
    states = _states(place)
    logins = place.run.logins
    with Person.logged_in(place.odoo, logins.user, logins.user_password) as author:
        for letter in letters:
            if states[letter.draft] == "unconfirmed":
                author.call("mailbox.draft", "maildesk_resolve", letter.draft, "again")


def _check_letters(place: Place, letters: list[Letter]) -> None:
    """Compare what was sent with what is at the recipients and in Sent, letter by letter."""
    states = _states(place)
    out = Counter(mail["subject"] for mail in place.simulator.world.post.outgoing)
    mails = {
        mail["subject"]: (mail["to"], tuple(one["name"] for one in mail["attachments"])) for mail in place.simulator.world.post.outgoing
    }
    shown = Counter(row[0] for row in place.query(_SENT))
    there = Counter(
        m.data["subject"] for box in place.simulator.world.mailboxes.values() for m in box.in_folder(box.folder_id("sentitems"))
    )
    wrong = []
    for letter in letters:
        state = states[letter.draft]
        times = {"sent": 1, "editing": 0}.get(state)
        found = (out[letter.subject], there[letter.subject], shown[letter.subject])
        if found != (times,) * 3 or (times and mails[letter.subject] != ([letter.to], letter.files)):
            wrong.append(f"{letter.subject} ({state}): at its recipient, in Sent, in Sent of Odoo: {found}; {mails.get(letter.subject)}")
    strange = out.keys() - {letter.subject for letter in letters}
    assert len(letters) == _LETTERS
    assert not wrong, "\n".join(wrong[:20])
    assert not strange, f"sent by nobody: {sorted(strange)[:5]}"
    lost = [row for row in place.query("SELECT kind, state, error_code FROM mailbox_action") if row[1] == "failed" and not row[2]]
    assert not lost, f"failed without a reason: {lost[:5]}"


_ASKED = "SELECT draft_id FROM mailbox_action WHERE kind = 'send' AND is_asked"

_SENT = """
    SELECT m.subject FROM mailbox_message_index m JOIN mailbox_folder f ON f.id = m.folder_id
     WHERE f.role = 'sent' AND NOT m.pending_removal"""
