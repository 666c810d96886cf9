"""A mail from a person's click to the recipient, through the real Odoo and the real connector, and a large file with it."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.quirks import Quirks

if TYPE_CHECKING:
    from tests.odoo.person import Person
    from tests.system.bench import Bench
    from tests.system.conftest import Opener

ADDRESS = "anna@pier.example"
_DRAFT = "mailbox.draft"
# Bytes of the large file.
_LARGE = 25 * 2**20


def _write(someone: Person, account: int, subject: str, files: dict[str, bytes]) -> dict[str, Any]:
    """Write a mail as the app does; return the draft."""
    ids = [
        someone.call("ir.attachment", "create", [{"name": name, "datas": base64.b64encode(content).decode()}])[0]
        for name, content in files.items()
    ]
    made: dict[str, Any] = someone.call(_DRAFT, "maildesk_compose", "new", None, account, ["bert@elsewhere.example"], subject, ids)
    saved = someone.call(_DRAFT, "maildesk_save", made["id"], made["revision"], {"html": "<p>Dear Bert</p>"})
    return {**made, **saved}


def _sent(bench: Bench, account: int) -> list[tuple[object, ...]]:
    """Return (id, subject, whether it waits for Outlook's copy) of what Sent shows."""
    return bench.odoo.cluster.execute(
        bench.odoo.database,
        "SELECT m.id, m.subject, m.is_local FROM mailbox_message_index m JOIN mailbox_folder f ON f.id = m.folder_id "
        "WHERE m.account_id = %s AND f.role = 'sent' AND NOT m.pending_removal AND m.subject = 'From the bench'",
        account,
    )


async def test_mail_is_sent_once_and_sent_shows_it_at_once(bench_of: Opener) -> None:
    """It goes out, once; Sent has it from the start, and Outlook's copy becomes the same row."""
    async with bench_of() as bench:
        bench.add_mailbox(ADDRESS, inbox=5)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        draft = await bench.person(lambda someone: _write(someone, account, "From the bench", {"a.txt": b"Hello"}))
        await bench.person(lambda someone: someone.call(_DRAFT, "maildesk_send", draft["id"], draft["revision"], 0))
        outgoing = bench.simulator.world.post.outgoing

        async def is_out() -> bool:
            return bool(outgoing)

        async def is_shown() -> bool:
            return bool(_sent(bench, account))

        await bench.until(is_shown, "the entry in Sent")
        ((entry, _, _),) = _sent(bench, account)
        await bench.until(is_out, "the mail to go out")

        async def has_come() -> bool:
            await bench.sync(ADDRESS)
            return [(row[0], row[2]) for row in _sent(bench, account)] == [(entry, False)]

        await bench.until(has_come, "Outlook's copy")
        (mail,) = outgoing
        assert (mail["to"], mail["subject"], [one["name"] for one in mail["attachments"]]) == (
            ["bert@elsewhere.example"],
            "From the bench",
            ["a.txt"],
        )
        assert "Dear Bert" in mail["body"]["content"]
        left = bench.odoo.cluster.execute(bench.odoo.database, "SELECT state, html, subject FROM mailbox_draft WHERE id = %s", draft["id"])
        assert left == [("sent", None, None)]


async def test_mail_that_bounces_says_so_in_sent(bench_of: Opener) -> None:
    """Exchange's report comes into the Inbox; nobody opens it, and both know of each other."""
    quirks = Quirks(ndr_recipients="bert@elsewhere.example", send_pickup=0.5, send_transit=0.5, sent_id_changes=True)
    async with bench_of(quirks=quirks) as bench:
        bench.add_mailbox(ADDRESS, inbox=5)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        draft = await bench.person(lambda someone: _write(someone, account, "From the bench", {}))
        await bench.person(lambda someone: someone.call(_DRAFT, "maildesk_send", draft["id"], draft["revision"], 0))

        def look(someone: Person) -> list[dict[str, Any]]:
            ids = [row[0] for row in _sent(bench, account)]
            rows: list[dict[str, Any]] = someone.call("mailbox.message_index", "maildesk_rows", ids)["rows"]
            return rows

        async def is_told() -> bool:
            await bench.sync(ADDRESS)
            return any(row["undelivered"] for row in await bench.person(look))

        await bench.until(is_told, "the report to be linked")
        (row,) = await bench.person(look)
        (told,) = row["undelivered"]
        assert (told["address"], told["action"], told["status"]) == ("bert@elsewhere.example", "failed", "5.1.10")
        assert "RecipientNotFound" in told["reason"]
        (report,) = (await bench.person(lambda p: p.call("mailbox.message_index", "maildesk_rows", [told["bounce_id"]])))["rows"]
        assert (report["bounce_of"], report["subject"]) == (row["id"], "Undeliverable: From the bench")


async def test_large_file_is_sent_in_pieces(bench_of: Opener) -> None:
    """25 MB go from Odoo to Graph by ranges (what that takes of memory: tests/outbox/test_upload.py)."""
    async with bench_of() as bench:
        mailbox = bench.add_mailbox(ADDRESS, inbox=5)
        account = await bench.connect(ADDRESS)
        await bench.until_account(account, sync_phase="up_to_date")
        content = os.urandom(_LARGE)
        draft = await bench.person(lambda someone: _write(someone, account, "From the bench", {"large.bin": content}))
        ranges = [0]

        async def is_there() -> bool:
            ranges[0] = sum(entry["method"] == "PUT" for entry in list(bench.simulator.world.requests))
            return any(
                a and a["name"] == "large.bin" and bytes(a["content"]) == content for m in mailbox.messages.values() for a in m.attachments
            )

        await bench.person(lambda someone: someone.call(_DRAFT, "maildesk_send", draft["id"], draft["revision"], 0))
        await bench.until(is_there, "the file at Graph")
        assert ranges[0] >= _LARGE // (4 * 2**20)
