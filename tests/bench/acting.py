"""What a person does, from the click to Graph: one message at a time, and 500 moved by one action."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.quirks import Quirks
from tests.system.bench import Bench, open_bench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bench.figures import Figures
    from tests.graph_simulator.model import Mailbox
    from tests.odoo.person import Person
    from tests.odoo.server import OdooServer
    from tests.odoo.template import Logins

__all__ = ["bench_acting"]

# Seconds that each answer of Graph takes, as in the other figures.
LATENCY = 0.1

ADDRESS = "doer@pier.example"
CLICKS = 40
MOVED = 500

# Seconds for which an action is waited for.
_PATIENCE = 60.0


async def bench_acting(figures: Figures, odoo: OdooServer, logins: Logins, folder: Path, port: int) -> None:
    """Connect a mailbox and act on its messages."""
    async with open_bench(odoo, logins, folder, port, quirks=Quirks(latency=LATENCY)) as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=MOVED + CLICKS)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        rows = _rows(bench, account)
        taken = await bench.person(lambda someone: _clicks(someone, mailbox, rows[:CLICKS]))
        p95 = taken[int(CLICKS * 0.95) - 1]
        note = f"{CLICKS} actions, median {taken[CLICKS // 2]:.2f} s"
        figures.add(
            "action done in MailDesk to at Graph, p95", "s", p95, "1", met=p95 <= 1, peer=LATENCY, peer_name="Graph alone", note=note
        )
        before = len(bench.simulator.world.requests)
        shown, done = await bench.person(lambda someone: _move(someone, mailbox, rows[CLICKS : CLICKS + MOVED]))
        # What is within a batch is in the log too.
        batches = [entry for entry in list(bench.simulator.world.requests)[before:] if entry["path"].endswith("$batch")]
        # Graph carries out four writes of a mailbox at a time, and takes twenty in a batch.
        alone = MOVED * LATENCY / 4
        figures.add(f"{MOVED} messages moved by one action, shown", "s", shown, "1", met=shown <= 1)
        figures.add(
            f"{MOVED} messages moved by one action, at Graph", "s", done, "x 2", met=done <= 2 * alone, peer=alone,
            peer_name="Graph alone, four at a time",
        )  # fmt: skip
        figures.add(
            f"{MOVED} messages moved by one action, requests", "requests", len(batches), "x 1.6", met=len(batches) <= 1.6 * MOVED / 20,
            peer=MOVED / 20, peer_name="full batches",
        )  # fmt: skip


def _rows(bench: Bench, account: int) -> list[tuple[int, str]]:
    """Return (id, remote id) of what the Inbox shows."""
    found: list[tuple[Any, ...]] = bench.odoo.cluster.execute(
        bench.odoo.database,
        "SELECT m.id, m.remote_id FROM mailbox_message_index m JOIN mailbox_folder f ON f.id = m.folder_id "
        "WHERE m.account_id = %s AND f.role = 'inbox' AND NOT m.pending_removal ORDER BY m.id",
        account,
    )
    return [(int(message_id), str(remote_id)) for message_id, remote_id in found]


def _clicks(someone: Person, mailbox: Mailbox, rows: list[tuple[int, str]]) -> list[float]:
    """Read, unread or flag messages one after the other; return the sorted seconds until each was so at Graph."""
    taken = []
    for message_id, remote_id in rows:
        message = mailbox.messages[remote_id]
        was_read = message.data["isRead"]
        begun = time.monotonic()
        someone.call("mailbox.action", "maildesk_do", "unread" if was_read else "read", [message_id])
        taken.append(_until(lambda one=message, was=was_read: one.data["isRead"] != was, begun))  # type: ignore[misc]
    return sorted(taken)


def _move(someone: Person, mailbox: Mailbox, rows: list[tuple[int, str]]) -> tuple[float, float]:
    """Move messages by one action; return the seconds until they are shown there, and until they are there at Graph."""
    archive = mailbox.folder_id("archive")
    begun = time.monotonic()
    someone.call("mailbox.action", "maildesk_do", "archive", [message_id for message_id, _ in rows])
    shown = time.monotonic() - begun
    return shown, _until(lambda: all(mailbox.messages[remote_id].folder_id == archive for _, remote_id in rows), begun)


def _until(is_so: Callable[[], bool], begun: float) -> float:
    """Wait at the browser until something is so at Graph; return the seconds since `begun`."""
    while not is_so():
        if time.monotonic() - begun > _PATIENCE:
            raise AssertionError("it never reached Graph")
        time.sleep(0.005)
    return time.monotonic() - begun
