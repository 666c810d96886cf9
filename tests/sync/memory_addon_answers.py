"""What the addon in memory tells of a mailbox: at a take-up, at an exchange, and of a listing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from connector.odoo.wire import Account, Comparison, MailboxSnapshot
from tests.sync.memory_addon_reports import DISCONNECTED
from tests.sync.memory_addon_wire import categories, flag, importance, iso, key, moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from connector.odoo.wire import Listed
    from tests.sync.memory_addon_tables import MemoryMailbox

__all__ = ["account", "compare", "snapshot"]


def compare(box: MemoryMailbox, folder: str, listed: Sequence[Listed], after: str | None, until: str | None) -> Comparison:
    """Compare a listing with the rows. Raises `OdooFault` on a value that is not taken."""
    key(folder, "folder")
    for entry in listed:
        key(entry.remote_id, "listed")
        for read, state in zip((flag, flag, importance, categories), entry[1:], strict=True):
            if state is not None:
                read(state, "listed")
    names = {entry.remote_id for entry in listed}
    shown = box.within(folder, moment(after, "after"), moment(until, "until"))
    return Comparison([entry.remote_id for entry in listed if _differs(box, folder, entry)], [i for i in shown if i not in names])


def _differs(box: MemoryMailbox, folder: str, entry: Listed) -> bool:
    if entry.remote_id not in box.rows:
        return entry.remote_id not in box.unreadable
    said = box.confirmed(entry.remote_id)
    return (
        said["pending"]
        or said["folder"] != folder
        or (entry.is_read is not None and said["is_read"] != entry.is_read)
        or (entry.is_flagged is not None and said["is_flagged"] != entry.is_flagged)
        or (entry.importance is not None and said["importance"] != entry.importance)
        or (entry.categories is not None and set(said["categories"]) != set(entry.categories))
    )


def snapshot(account_id: int, box: MemoryMailbox) -> MailboxSnapshot:
    """Return what a take-up tells of a mailbox."""
    said = [box.confirmed(remote_id) for remote_id in box.rows]
    indexed = Counter(one["folder"] for one in said if not one["pending"])
    covering = [a for a in box.actions.values() if a.covers and a.state == "done" and a.kind != "send"]
    unsettled = max((a.acked for a in covering), default=None)
    covered = sorted({a.remote_id for a in covering if a.remote_id is not None and a.kind != "destroy"})
    wide = sorted({a.folder for a in covering if a.is_folder_wide and a.folder is not None})
    folders = [folder.snapshot(indexed[name]) for name, folder in box.folders.items() if folder.active]
    return MailboxSnapshot(account_id, folders, box.pending, str(box.fence), list(box.unreadable), unsettled, covered, wide)


def account(account_id: int, box: MemoryMailbox, refresh: datetime | None) -> Account:
    """Return what an exchange tells of a mailbox; `refresh` is when somebody asked for one last."""
    return Account(
        account_id,
        box.email,
        "outlook",
        box.state,
        box.active,
        None if box.state in {"draft", DISCONNECTED} else box.token,
        iso(box.config_changed_at),
        None if refresh is None else iso(refresh),
        box.tenant,
        box.mailbox_id,
        box.newest_seq,
    )
