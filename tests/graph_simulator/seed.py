"""Mailboxes of real mail: the 78 messages of data/mail over a plausible tree and time, and more of them by variation."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.graph_simulator.mime import to_graph
from tests.graph_simulator.model import Mailbox, iso, utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DEMO_MAILBOXES", "FREE_MAILBOX", "MAILS", "demo_mailboxes", "grow", "make_mailbox"]

MAILS = tuple(sorted((Path(__file__).parent / "data" / "mail").rglob("*.eml")))

# Address, name, personal account, messages in the Inbox at least.
DEMO_MAILBOXES = (("anna@pier.example", "Anna Larsen", False, 120), ("anna.larsen@outlook.example", "Anna Larsen", True, 64))
# One that nobody connects, for whoever tries the sign-in by hand.
FREE_MAILBOX = ("erik@pier.example", "Erik Sand", False, 60)

# Minutes between two mails, so that 78 of them fill some weeks.
_STEP = 437

# Stands for the date of a mail that has none, until it is known when it came.
_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)


def make_mailbox(
    address: str,
    name: str,
    *,
    personal: bool = False,
    inbox: int = 0,
    mails: Sequence[Path] = MAILS,
    now: datetime | None = None,
    seed: int = 0,
    aliases: Sequence[str] = (),
    upn: str | None = None,
) -> Mailbox:
    """Make a mailbox with folders, every one of `mails`, the newest just before `now`, and at least `inbox` messages in the Inbox.

    Another `seed` puts other mail into other folders.
    """
    mailbox = Mailbox(address, name, personal=personal, aliases=aliases, upn=upn)
    root = mailbox.folder_id("msgfolderroot")
    projects = mailbox.add_folder("Projekte" if not personal else "Projects", root)
    pier = mailbox.add_folder("Nordsee/Pier", projects.id)
    mailbox.add_folder("Invoices", mailbox.folder_id("inbox"))
    mailbox.add_folder("Invoices", projects.id)
    mailbox.add_folder("Unread Mail", root, is_search=True)
    mailbox.add_folder("Conversation History", root, is_hidden=True)
    where = [mailbox.folder_id("inbox")] * 7 + [
        mailbox.folder_id("sentitems"),
        mailbox.folder_id("deleteditems"),
        mailbox.folder_id("archive"),
        projects.id,
        pier.id,
        mailbox.folder_id("drafts"),
        mailbox.folder_id("junkemail"),
    ]
    rng = random.Random(f"seed {seed or ''}{address}")  # noqa: S311 - test data, the same for every run
    now = (now or utc_now()).replace(microsecond=0)
    for place, path in enumerate(rng.sample(list(mails), len(mails))):
        _put(mailbox, where[place % len(where)], path, now - timedelta(minutes=1 + place * _STEP), rng)
    grow(mailbox, inbox - mailbox.counts(mailbox.folder_id("inbox"))[1], rng=rng)
    return mailbox


def demo_mailboxes(count: int) -> list[tuple[str, str, bool, int]]:
    """Return address, name, personal account and size of the Inbox of so many mailboxes: the demo's, the free one, then colleagues."""
    colleagues = ((f"colleague{n}@pier.example", f"Colleague {n}", False, 0) for n in range(1, count + 1))
    return list(islice(chain(DEMO_MAILBOXES, (FREE_MAILBOX,), colleagues), count))


def grow(mailbox: Mailbox, count: int, *, folder: str = "inbox", rng: random.Random | None = None) -> None:
    """Add `count` older messages to a folder by variation of those that are there."""
    rng = rng or random.Random(f"grow {mailbox.address} {len(mailbox.messages)}")  # noqa: S311 - test data
    folder_id = mailbox.find_folder(folder).id
    originals = list(mailbox.messages.values())
    oldest = min((m.data["receivedDateTime"] for m in originals), default=iso(mailbox.clock()))
    moment = datetime.fromisoformat(oldest)
    for number in range(max(0, count)):
        moment -= timedelta(minutes=rng.randint(3, 200))
        original = rng.choice(originals)
        # What is the same is shared: changes replace properties, they never reach into one.
        data = original.data | {
            "subject": f"{original.data['subject']} ({len(mailbox.messages) + 1})",
            "internetMessageId": f"<grown-{len(mailbox.messages)}-{number}@{mailbox.address.partition('@')[2]}>",
            "receivedDateTime": iso(moment),
            "sentDateTime": iso(moment),
            "isRead": rng.random() < 0.8,
            "isDraft": False,
        }
        mailbox.add(folder_id, data, original.mime, list(original.attachments))


def _put(mailbox: Mailbox, folder_id: str, path: Path, received: datetime, rng: random.Random) -> None:
    data, attachments, mime = _read(path)
    folder = mailbox.folders[folder_id]
    at = iso(received)
    # Many mailboxes hold the same mail: what is the same is shared here too.
    data = data | {
        "createdDateTime": at,
        "lastModifiedDateTime": at,
        "receivedDateTime": at,
        "sentDateTime": at if data["sentDateTime"] == iso(_UNDATED) else data["sentDateTime"],
        "isRead": folder.well_known in {"sentitems", "drafts"} or rng.random() < 0.6,
        "isDraft": folder.well_known == "drafts",
    }
    if rng.random() < 0.15:
        data["flag"] = {"flagStatus": "flagged"}
    if rng.random() < 0.15:
        data["categories"] = ["Blue category"]
    mailbox.add(folder_id, data, mime, list(attachments))


@cache
def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], bytes]:
    mime = path.read_bytes()
    return *to_graph(mime, _UNDATED), mime
